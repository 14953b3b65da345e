"""What all reports share: the style, the page around them, bars, and pictures that lie in the page."""

import base64
import html
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from PIL import Image

from eshi.ground.image import Unreadable, decode, encode, fit

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --card: #fff; --ink: #23212a; --soft: #6d6a76; --line: #e5e1da;
  --accent: #b4435f; }
@media (prefers-color-scheme: dark) { :root { --paper: #17161b; --card: #201f26; --ink: #ecebf0; --soft: #9a97a5;
  --line: #34323c; --accent: #f08ba5; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", "Hiragino Sans",
  "Noto Sans CJK JP", sans-serif; -webkit-text-size-adjust: 100% }
main { max-width: 72rem; margin: 0 auto; padding: clamp(1.25rem, 4vw, 3.5rem) clamp(1rem, 4vw, 2.5rem) }
h1 { font-size: clamp(1.7rem, 4.5vw, 2.6rem); line-height: 1.15; letter-spacing: -.02em; margin: 0; font-weight: 650;
  overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 0; font-weight: 620 }
h2 span { color: var(--soft); font-weight: 400; margin-left: .4em; font-variant-numeric: tabular-nums }
p { margin: .35rem 0 0; color: var(--soft); max-width: 60ch }
.lead { font-size: 1.05rem; margin-top: .6rem } .lead b { color: var(--ink); font-weight: 600 }
section { margin-top: 2.75rem }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1rem;
  align-items: start }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.1rem 1.2rem }
.card h2 { font-size: .95rem; margin-bottom: .6rem }
.row { display: grid; grid-template-columns: 7.6rem 1fr 3.8rem; gap: .7rem; align-items: center; font-size: .88rem;
  padding: .1rem 0 }
.row a { color: inherit; text-decoration: none } .row a:hover { color: var(--accent) }
.row i { display: block; height: .55rem; border-radius: .3rem; background: var(--accent); min-width: 2px;
  box-shadow: inset 0 0 0 1px rgb(128 128 128 / .5) }
.row b { text-align: right; font-weight: 450; color: var(--soft); font-variant-numeric: tabular-nums }
.tags { display: flex; flex-wrap: wrap; gap: .4rem } .tags span { border: 1px solid var(--line); border-radius: 1rem;
  padding: .1rem .65rem; font-size: .85rem; overflow-wrap: anywhere } .tags b { color: var(--soft); font-weight: 400 }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr)); gap: .35rem; margin-top: .9rem }
.pairs { grid-template-columns: repeat(auto-fill, minmax(10.4rem, 1fr)); gap: .7rem }
figure { margin: 0 } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: .2rem; background: var(--card);
  border: 1px solid var(--line); border-radius: .6rem; padding: .35rem }
figcaption { grid-column: 1 / -1; font-size: .75rem; color: var(--soft); text-align: center;
  font-variant-numeric: tabular-nums }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .35rem; background: var(--line) }
.pair img:first-of-type { opacity: .62 }
ul { color: var(--soft); font-size: .88rem; padding-left: 1.1rem; overflow-wrap: anywhere }
footer { margin-top: 3.5rem; color: var(--soft); font-size: .85rem }
"""


def page(title: str, body: Iterable[str], style: str = "") -> str:
    """A whole page of its own; `title` and `body` are HTML, `style` is what only this page needs."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}{style}</style><main>{''.join(body)}</main></html>\n"
    )


def bars(title: str, counts: dict[str, int], links: dict[str, str], colours: dict[str, str] | None = None) -> str:
    most = max(counts.values(), default=1)
    rows = []
    for name, count in counts.items():
        style = f"width:{100 * count / most:.1f}%" + (f";background:{colours[name]}" if colours else "")
        label = links.get(name) or html.escape(name)
        rows.append(f'<div class=row><span>{label}</span><i style="{style}"></i><b>{count:,}</b></div>')
    return f"<div class=card><h2>{title}</h2>{''.join(rows)}</div>"


def inlined(webp: bytes, words: str) -> str:
    return img(base64.b64encode(webp).decode(), words, " loading=lazy")


def img(data: str, words: str, more: str = "") -> str:
    words = html.escape(words.strip(), quote=True)
    return f'<img src="data:image/webp;base64,{data}" title="{words}" alt="{words}"{more}>'


def picture_of(file: Path, words: str, side: int, most: int) -> str:
    """A picture file in the page: at most `side` px wide or high and `most` bytes; nothing if it cannot be read."""
    try:
        state = file.stat()
        data = shrunk(file, state.st_mtime_ns, state.st_size, side, most)
    except (OSError, Unreadable):
        return ""
    return img(data, words)


@lru_cache(maxsize=200)  # a run's page is rewritten as it trains: only new sheets are encoded
def shrunk(file: Path, changed: int, size: int, side: int, most: int) -> str:
    pixels = decode(file)
    height, width = pixels.shape[:2]
    while True:
        scale = min(1.0, side / max(width, height))
        fitted = fit(Image.fromarray(pixels), (round(width * scale), round(height * scale))) if scale < 1 else pixels
        for quality in (82, 70, 55, 40):
            webp = encode(fitted, "webp", quality=quality, method=2)
            if len(webp) <= most:
                return base64.b64encode(webp).decode()
        side = max(fitted.shape) * 3 // 4
