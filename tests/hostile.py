"""Words that would like to be markup, and what shows whether they became it."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from eshi.ground.errors import EshiError

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


def refused(ask: Callable[[], object], *words: str, most: int = 500) -> EshiError:
    """What is asked ends in an error of one line and a hint, both with their words."""
    with pytest.raises(EshiError) as raised:
        ask()
    said, hint = str(raised.value), raised.value.hint
    assert hint
    assert "\n" not in said + hint
    assert len(said) < most
    for word in words:
        assert word in said + hint
    return raised.value
