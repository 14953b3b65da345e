"""Reports: one self-contained HTML page each, made to be looked at. Pictures lie in the page, nothing is fetched."""

import base64
import html
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from eshi.gather import catalogue
from eshi.gather.survey import survey
from eshi.image import Unreadable, decode, write

SHOWN = {"keep": 180, "not judged": 180}  # faces a section shows at most; an inlined face takes about 4 kB
REST = 48
FACE = 96  # px a side in the page
MEANING = {
    "keep": "What training will see.",
    "not judged": "No verdict yet: run eshi clean. Training sees these too.",
    "duplicate": "The same file again, under another name.",
    "near-duplicate": "Each beside the face that was kept instead: re-encoded, resized, shifted or mirrored.",
    "blur": "Without fine lines, measured at 96 px.",
    "dark": "Even the bright parts are dark.",
    "flat": "Hardly any contrast.",
    "grey": "Without colour: sketches and manga.",
    "small": "Cropped from too few pixels.",
    "not-a-face": "The finder sees no face here.",
    "unreadable": "Files that are no usable picture.",
}
TITLE = {"keep": "kept"}
SWATCH = {
    "black": "#26242b", "grey": "#8b8c95", "white": "#eceaf0", "brown": "#8a5a3c", "red": "#c8342f",
    "orange": "#e8863a", "blonde": "#ecc863", "green": "#5aa85b", "aqua": "#4fc3c7", "blue": "#4a72d6",
    "purple": "#8a63c9", "pink": "#ee8fb4",
}  # fmt: skip
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


def faces_report(folder: Path, workers: int | None = None) -> Path:
    """report.html in the face set's folder: its numbers, and sheets of the kept and of the rejected by reason."""
    folder = Path(folder)
    found = survey(folder, workers)
    by_verdict: dict[str, list[dict[str, Any]]] = {}
    for row in catalogue.rows(folder):
        by_verdict.setdefault(row["verdict"] or "not judged", []).append(row)
    if not by_verdict:  # a folder without a catalogue's rows: all are shown
        rows = [{"file": file, "detail": None, "twin": None} for file in catalogue.listing(folder)]
        by_verdict = {"not judged": rows}
    name = html.escape(folder.resolve().name)
    order = [verdict for verdict in MEANING if by_verdict.get(verdict)]
    body = [
        f"<h1>{name}</h1><p class=lead>{lead(found)}</p>",
        f"<section class=cards>{cards(found)}</section>",
        *(section(folder, verdict, by_verdict[verdict]) for verdict in order),
        "<footer>Made by eshi. Nothing was deleted: <code>eshi clean --undo</code> takes every verdict back. "
        "<code>eshi faces --credits</code> lists the artists.</footer>",
    ]
    return write(folder / "report.html", page(f"{name}: faces", body).encode())


def page(title: str, body: Iterable[str]) -> str:
    """A whole page of its own; `title` and `body` are HTML."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style><main>{''.join(body)}</main></html>\n"
    )


def lead(found: dict[str, Any]) -> str:
    words = [f"<b>{found['kept']:,}</b> of {found['faces']:,} faces are kept"]
    if found["pictures"]:
        words.append(f"from <b>{found['pictures']:,}</b> pictures")
    if found["sites"]:
        words.append("of " + html.escape(", ".join(found["sites"])))
    return " ".join(words) + "."


def cards(found: dict[str, Any]) -> str:
    links = {verdict: f'<a href="#{verdict.replace(" ", "-")}">{verdict}</a>' for verdict in found["verdicts"]}
    parts = [
        bars("Verdicts", found["verdicts"], links),
        bars("Hair of the kept", found["hair"], {}, SWATCH),
        bars("Source size of the kept", found["source sizes"], {}),
    ]
    if found["artists"]:
        parts.append(bars("Artists", found["artists"], {}))
    if found["tags"]:
        tags = "".join(f"<span>{html.escape(tag)} <b>{n:,}</b></span>" for tag, n in found["tags"].items())
        parts.append(f"<div class=card><h2>Tags</h2><div class=tags>{tags}</div></div>")
    return "".join(parts)


def bars(title: str, counts: dict[str, int], links: dict[str, str], colours: dict[str, str] | None = None) -> str:
    most = max(counts.values(), default=1)
    rows = []
    for name, count in counts.items():
        style = f"width:{100 * count / most:.1f}%" + (f";background:{colours[name]}" if colours else "")
        label = links.get(name) or html.escape(name)
        rows.append(f'<div class=row><span>{label}</span><i style="{style}"></i><b>{count:,}</b></div>')
    return f"<div class=card><h2>{title}</h2>{''.join(rows)}</div>"


def section(folder: Path, verdict: str, rows: list[dict[str, Any]]) -> str:
    limit = SHOWN.get(verdict, REST)
    shown = rows[:: max(1, len(rows) // limit)][:limit]  # evenly from the whole set
    head = f'<section id="{verdict.replace(" ", "-")}"><h2>{TITLE.get(verdict, verdict)}<span>{len(rows):,}</span></h2>'
    note = f"<p>{MEANING[verdict]}"
    note += f" {len(shown)} of them are shown.</p>" if len(shown) < len(rows) else "</p>"
    if verdict == "unreadable":
        items = "".join(f"<li>{html.escape(row['file'])}: {html.escape(row['detail'] or '')}</li>" for row in shown)
        return f"{head}{note}<ul>{items}</ul></section>"
    if verdict == "near-duplicate":
        pairs = "".join(
            f"<figure class=pair>{picture(folder, row['file'], row['file'])}{picture(folder, row['twin'], row['twin'])}"
            f"<figcaption>{html.escape(row['detail'] or '')}</figcaption></figure>"
            for row in shown
        )
        return f'{head}{note}<div class="sheet pairs">{pairs}</div></section>'
    faces = "".join(picture(folder, row["file"], f"{row['file']}  {row['detail'] or ''}") for row in shown)
    return f"{head}{note}<div class=sheet>{faces}</div></section>"


def picture(folder: Path, file: str, title: str) -> str:
    try:
        image = Image.fromarray(decode(folder / file, (FACE, FACE)))
    except Unreadable:
        return ""
    memory = io.BytesIO()
    image.save(memory, "webp", quality=72, method=2)
    data = base64.b64encode(memory.getvalue()).decode()
    words = html.escape(title.strip(), quote=True)
    return f'<img src="data:image/webp;base64,{data}" title="{words}" alt="{words}" loading=lazy>'
