"""The page of a face set: what is in it, what is kept, what was rejected and why."""

import base64
from pathlib import Path
from typing import Any

from eshi.gather import catalogue
from eshi.gather.album import Album, Images
from eshi.gather.survey import survey
from eshi.ground.files import write
from eshi.ground.image import Unreadable, decode, encode
from eshi.pages.page import Markup, bars, img, markup, page, tag

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
    "by hand": "Rejected by a person; whatever eshi clean finds, that stands.",
    "unreadable": "Files that are no usable picture.",
}
TITLE = {"keep": "kept"}
SWATCH = {
    "black": "#26242b", "grey": "#8b8c95", "white": "#eceaf0", "brown": "#8a5a3c", "red": "#c8342f",
    "orange": "#e8863a", "blonde": "#ecc863", "green": "#5aa85b", "aqua": "#4fc3c7", "blue": "#4a72d6",
    "purple": "#8a63c9", "pink": "#ee8fb4",
}  # fmt: skip


def faces_report(folder: Path, workers: int | None = None, found: dict[str, Any] | None = None) -> Path:
    """report.html in the face set's folder or beside its zip: its numbers, and sheets of the kept and of the rejected
    by reason. `found` is its survey, where that was taken before."""
    album = Album(Path(folder))
    found = found or survey(album.path, workers)
    files, left_out = album.look()
    by_verdict: dict[str, list[dict[str, Any]]] = {}
    for row in catalogue.judged(album.home, sorted({*files, *left_out})).values():
        if row["file"] in left_out:
            row |= {"verdict": "unreadable", "detail": left_out[row["file"]]}
        row["twin"] = row["twin"] if row["twin"] in files else None  # a stranger's catalogue may name any file
        by_verdict.setdefault(row["verdict"] or "not judged", []).append(row)
    order = [verdict for verdict in MEANING if by_verdict.get(verdict)]
    name = album.path.resolve().name
    content = page(
        f"{name}: faces",
        tag("h1", name),
        tag("p", lead(found), class_="lead"),
        tag("section", *cards(found, order), class_="cards"),
        *(section(album, files, verdict, by_verdict[verdict]) for verdict in order),
        tag(
            "footer", "Made by eshi. Nothing was deleted: ", tag("code", "eshi clean --undo"),
            " takes every verdict back. ", tag("code", "eshi faces --credits"), " lists the artists.",
        ),
    )  # fmt: skip
    return write(album.beside("report.html"), content)


def lead(found: dict[str, Any]) -> Markup:
    kept = markup(tag("b", f"{found['kept']:,}"), f" of {found['faces']:,} faces are kept")
    pictures = markup(" from ", tag("b", f"{found['pictures']:,}"), " pictures") if found["pictures"] else ""
    return markup(kept, pictures, f" of {', '.join(found['sites'])}" if found["sites"] else "", ".")


def cards(found: dict[str, Any], sections: list[str]) -> list[Markup]:
    links = {verdict: tag("a", verdict, href=f"#{anchor(verdict)}") for verdict in sections}
    parts = [
        bars("Verdicts", shortened(found["verdicts"]), links, {}),
        bars("Hair of the kept", found["hair"], {}, SWATCH),
        bars("Source size of the kept", found["source sizes"], {}, {}),
    ]
    if found["artists"]:
        parts.append(bars("Artists", found["artists"], {}, {}))
    if found["tags"]:
        tags = [tag("span", f"{name} ", tag("b", f"{n:,}")) for name, n in found["tags"].items()]
        parts.append(tag("div", tag("h2", "Tags"), tag("div", *tags, class_="tags"), class_="card"))
    return parts


def shortened(verdicts: dict[str, int]) -> dict[str, int]:
    """Verdicts that no eshi gives are not this page's: a catalogue from elsewhere may hold any number of them."""
    known = {verdict: n for verdict, n in verdicts.items() if verdict in MEANING}
    others = sum(verdicts.values()) - sum(known.values())
    return known | ({"another verdict": others} if others else {})


def anchor(verdict: str) -> str:
    return verdict.replace(" ", "-")


def section(album: Album, files: Images, verdict: str, rows: list[dict[str, Any]]) -> Markup:
    limit = SHOWN.get(verdict, REST)
    shown = rows if len(rows) <= limit else [rows[i * len(rows) // limit] for i in range(limit)]  # evenly from all
    head = markup(
        tag("h2", TITLE.get(verdict, verdict), tag("span", f"{len(rows):,}")),
        tag("p", MEANING[verdict], f" {len(shown)} of them are shown." if len(shown) < len(rows) else ""),
    )
    if verdict == "unreadable":
        inside = tag("ul", *(tag("li", f"{row['file']}: {row['detail'] or ''}") for row in shown))
    elif verdict == "near-duplicate":
        pairs = [
            tag(
                "figure",
                *(picture(album, files, row[file], row[file]) for file in ("file", "twin")),
                tag("figcaption", row["detail"] or ""),
                class_="pair",
            )
            for row in shown
        ]
        inside = tag("div", *pairs, class_="sheet pairs")
    else:
        faces = [picture(album, files, row["file"], f"{row['file']}  {row['detail'] or ''}") for row in shown]
        inside = tag("div", *faces, class_="sheet")
    return tag("section", head, inside, id=anchor(verdict))


def picture(album: Album, files: Images, file: str, title: str) -> Markup:
    """A face of this folder: a catalogue from elsewhere may name any file of this machine."""
    if file not in files:
        return Markup()
    try:
        with album.opened(file) as source:
            pixels = decode(source, (FACE, FACE))
    except Unreadable:
        return Markup()
    return img(base64.b64encode(encode(pixels, "webp", quality=72, method=2)).decode(), title, lazy=True)
