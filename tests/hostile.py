"""Words that would like to be markup, and what shows whether they became it."""

from html.parser import HTMLParser

EVIL = (
    """</script></style></title></pre>"><script>alert(1)</script>"""
    """<img src=x onerror="alert(1)">' onload='alert(1)' &lt; {} $ -->"""
)
HARMLESS = " ".join(f"word{i}" for i, _ in enumerate(EVIL.split()))  # of as many words


def skeleton(page: str) -> list[tuple[str, list[str]]]:
    """Every element of a page with the names of its attributes: what text can never change."""
    found: list[tuple[str, list[str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, [name for name, _ in attrs]))

        def handle_endtag(self, tag: str) -> None:
            found.append((f"/{tag}", []))

    Reader().feed(page)
    return found
