"""What all reports share: markup, the page around it, bars, and pictures that lie in the page."""

import base64
import hashlib
import html
import re
import stat
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from PIL import Image

from eshi.ground.image import Unreadable, decode, encode, fit

LONGEST = 2_000  # characters of one text in a page
# Control characters, halves of characters, and what turns the direction of the words around a name.
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
VOID = {"img", "input", "meta"}  # elements that hold nothing and are not closed


class Markup(str):
    """HTML that may stand in a page as it is. Any other text that comes into one is escaped."""


def markup(*parts: object) -> Markup:
    """The parts one after the other. What is not Markup is words, whoever wrote them."""
    return Markup("".join(part if isinstance(part, Markup) else escaped(str(part)) for part in parts))


def escaped(text: str) -> str:
    return html.escape(UNSEEN.sub("\ufffd", cut(text)))


def cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def tag(name: str, /, *inside: object, **attributes: object) -> Markup:
    """An element. `class_` is class, `data_end` data-end; True is an attribute without value, None or False none."""
    there = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    given = "".join(
        f" {key}" if value is True else f' {key}="{html.escape(UNSEEN.sub("", str(value)))}"'
        for key, value in there
        if value is not None and value is not False
    )
    return Markup(f"<{name}{given}>" + ("" if name in VOID else f"{markup(*inside)}</{name}>"))


@lru_cache
def asset(name: str) -> str:
    """A file of this room: the styles and scripts of the pages."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def page(title: str, *body: object, styles: tuple[str, ...] = (), script: str = "") -> bytes:
    """A whole page of its own. It may fetch nothing, and no script but its own `script` can run in it."""
    code = asset(script) if script else ""
    mine = f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" if code else "'none'"
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {mine}; base-uri 'none'"
    whole = tag(
        "html",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup("".join(map(asset, ("page.css", *styles))))),
        tag("main", *body),
        tag("script", Markup(code)) if code else "",
        lang="en",
    )
    return f"<!doctype html>{whole}\n".encode()


def bars(title: str, counts: Mapping[str, int], labels: Mapping[str, Markup], colours: Mapping[str, str]) -> Markup:
    """A card of counts; a name may have a label of its own and a colour."""
    most = max(counts.values(), default=1)
    rows = []
    for name, count in counts.items():
        style = f"width:{100 * count / most:.1f}%" + (f";background:{colours[name]}" if name in colours else "")
        label = tag("span", labels.get(name, name))
        rows.append(tag("div", label, tag("i", style=style), tag("b", f"{count:,}"), class_="row"))
    return tag("div", tag("h2", title), *rows, class_="card")


def img(webp: str, words: str, lazy: bool = False) -> Markup:
    """A picture whose bytes (base64) lie in the page; `words` are shown where it cannot be."""
    source, words = f"data:image/webp;base64,{webp}", cut(words.strip())
    return tag("img", src=source, title=words, alt=words, loading="lazy" if lazy else None)


def picture_of(file: Path, words: str, side: int, most: int) -> Markup:
    """A picture file in the page: at most `side` px wide or high and `most` bytes; nothing if it cannot be read."""
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            return Markup()
        data = shrunk(file, state.st_mtime_ns, state.st_size, side, most)
    except (OSError, Unreadable):
        return Markup()
    return img(data, words)


@lru_cache(maxsize=200)  # a run's page is rewritten as it trains: only new sheets are encoded
def shrunk(file: Path, changed: int, size: int, side: int, most: int) -> str:
    pixels = decode(file)
    height, width = pixels.shape[:2]
    while True:
        scale = min(1.0, side / max(width, height))
        fitted = (
            fit(Image.fromarray(pixels), (round(width * scale) or 1, round(height * scale) or 1))
            if scale < 1
            else pixels
        )
        for quality in (82, 70, 55, 40):
            webp = encode(fitted, "webp", quality=quality, method=2)
            if len(webp) <= most:
                return base64.b64encode(webp).decode()
        side = max(fitted.shape) * 3 // 4
