"""The page of a face set: what is in it, what is kept, what was rejected and why."""

import html
from pathlib import Path
from typing import Any

from eshi.gather import catalogue
from eshi.gather.survey import survey
from eshi.ground.files import write
from eshi.ground.image import Unreadable, decode, encode
from eshi.pages.page import bars, inlined, page

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
        image = decode(folder / file, (FACE, FACE))
    except Unreadable:
        return ""
    return inlined(encode(image, "webp", quality=72, method=2), title)
