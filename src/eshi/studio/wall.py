"""The faces room: a wall of thousands, a person's verdicts, the original behind a face, and a cut made anew."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any

from PIL import Image

from eshi.gather import catalogue, sites, verdicts
from eshi.gather.album import Album, is_image
from eshi.gather.colours import hair
from eshi.gather.crop import png, shrink, square
from eshi.gather.measure import loaded
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.files import write
from eshi.ground.image import Pixels
from eshi.ground.schema import Range
from eshi.studio.ask import Answer, Files, bundle, route
from eshi.studio.place import Outside
from eshi.studio.state import Studio
from eshi.studio.watch import stamp

AT_ONCE = 240  # thumbnails in one answer
SHOWN = 1400  # px: the longer side of an original in a page
ALL_TAGS = 5_000  # different ones; the commonest of a large set
MOST_SMALL = 20_000  # thumbnails in memory, 3 kB each
SMALL: dict[tuple[Any, ...], bytes] = {}
Px = Annotated[int, Range(16, 512)]


def album_of(studio: Studio, at: str) -> Album:
    return Album(studio.place.existing(at))


def home_of(studio: Studio, album: Album) -> Path:
    return studio.place.held(album.home)


@contextmanager
def opened(studio: Studio, album: Album, file: str) -> Iterator[Any]:
    """An image of the album; one that a link leads out to is none."""
    if not is_image(file) or PureWindowsPath(file).anchor or any(p.startswith(".") for p in PurePosixPath(file).parts):
        raise Outside(f"no image is called {printable(file)}", "name it as it is listed")
    if not album.zipped:
        studio.place.held(album.path / file, file)
    with album.opened(file) as source:
        yield source


@route("GET", "/api/faces")
def faces(studio: Studio, at: str) -> Any:
    """all faces of a set, column by column: verdicts, reasons, copies, hair, source sizes, scores, tags"""
    album = album_of(studio, at)
    home = home_of(studio, album)
    files, left_out = album.look()
    names = [*files, *(name for name in left_out if is_image(name))]
    rows = catalogue.judged(home, names)
    place = {name: i for i, name in enumerate(names)}
    hand = verdicts.verdicts(home)
    studio.watch.faces(at, home, hand)
    colours = hair_of(home, stamp(home / catalogue.NAME))
    tags, tagged = vocabulary([row["tags"] or "" for row in rows.values()])
    return {
        "at": at, "count": len(names), "files": names, "depth": len(verdicts.acts(home)),
        "machine": ["unreadable" if name in left_out else row["machine"] or "not judged" for name, row in rows.items()],
        "hand": [hand.get(name, "") for name in names],
        "detail": [row["detail"] or "" for row in rows.values()],
        "twin": [place.get(row["twin"] or "", -1) for row in rows.values()],
        "hair": [colours.get(name, "") for name in names],
        "source": [row["source_size"] or 0 for row in rows.values()],
        "score": [round(row["score"] or 0.0, 3) for row in rows.values()],
        "site": [row["site"] or "" for row in rows.values()],
        "tags": tags, "tagged": tagged,
    }  # fmt: skip


def vocabulary(lines: list[str]) -> tuple[list[str], list[list[int]]]:
    """Every tag once, and which of them each face has: as text they would be megabytes."""
    split = [line.split() for line in lines]
    count: dict[str, int] = {}
    for words in split:
        for word in words:
            count[word] = count.get(word, 0) + 1
    common = sorted(count, key=lambda word: (-count[word], word))[:ALL_TAGS]
    place = {word: i for i, word in enumerate(common)}
    return common, [[place[word] for word in words if word in place] for words in split]


@lru_cache(maxsize=8)
def hair_of(home: Path, changed: object) -> dict[str, str]:
    """File -> colour, of the faces that were measured."""
    with catalogue.reading(home) as base:
        if not base:
            return {}
        files, measures, _ = loaded(base)
    return dict(zip(files, hair(measures["crown"]), strict=True))


@route("POST", "/api/faces/verdict")
def verdict(studio: Studio, at: str, word: str, files: Files) -> Any:
    """say keep, drop or clear of faces; a person's word, which wins over eshi clean"""
    album = album_of(studio, at)
    known = set(album.look()[0]) if len(files) > 1 or not is_there(album, files) else set(files)
    if not files or (strange := [file for file in files if file not in known]):
        raise EshiError(
            f"no face is called {strange[0]}" if files else "of which faces?", "name them as they are listed"
        )
    act = verdicts.say(home_of(studio, album), word, files)
    studio.watch.poke()
    return {"word": act.word, "files": act.files}


def is_there(album: Album, files: list[str]) -> bool:
    """A single file of a folder is asked for by itself: a key is pressed ten times a second."""
    return not album.zipped and all(is_image(f) and (album.path / f).is_file() and ".." not in f for f in files)


@route("POST", "/api/faces/undo")
def undo(studio: Studio, at: str, count: Annotated[int, Range(1, 10_000)] = 1) -> Any:
    """take the last words back, whoever said them; nothing is lost, the journal only grows"""
    home = home_of(studio, album_of(studio, at))
    back = verdicts.undo(home, count)
    studio.watch.poke()
    return {"undone": [{"word": act.word, "files": act.files} for act in back], "depth": len(verdicts.acts(home))}


@route("POST", "/api/faces/thumbs")
def thumbs(studio: Studio, at: str, files: Files, px: Px = 96) -> Answer:
    """many small pictures in one answer"""
    if len(files) > AT_ONCE:
        raise EshiError(f"{len(files):,} pictures are too many for one answer", f"ask for at most {AT_ONCE}")
    album = album_of(studio, at)
    return bundle({"at": at, "kind": "image/jpeg"}, [thumb_of(studio, album, file, px) for file in files])


@route("GET", "/api/faces/thumb")
def thumb(studio: Studio, at: str, file: str, px: Px = 96) -> Answer:
    """one small picture"""
    found = thumb_of(studio, album_of(studio, at), file, px)
    if not found:
        raise EshiError(f"there is no picture {file}", "name it as it is listed")
    return Answer(found, "image/jpeg")


def thumb_of(studio: Studio, album: Album, file: str, px: int) -> bytes:
    """Nothing, where it cannot be read: one bad file is no reason to show none of the others."""
    try:
        with opened(studio, album, file) as source:
            changed = stamp(source) if isinstance(source, Path) else stamp(album.path)
            return shrunk(source, str(album.path / file), changed, px)
    except EshiError:
        return b""


def shrunk(source: Any, name: str, changed: object, px: int) -> bytes:
    key = (name, changed, px)
    if (found := SMALL.get(key)) is None:
        found = SMALL[key] = image.encode(image.decode(source, (px, px)), "jpeg", quality=82)
        while len(SMALL) > MOST_SMALL:
            SMALL.pop(next(iter(SMALL)), None)
    return found


@route("GET", "/api/faces/about")
def about(studio: Studio, at: str, file: str) -> Any:
    """all that is known of one face: its verdicts, its original, its box there, artist, tags, link"""
    album = album_of(studio, at)
    row = row_of(studio, album, file)
    link = sites.address(row["post_url"]) or sites.address(row["file_url"])
    told = {key: row[key] for key in ("file", "verdict", "machine", "hand", "detail", "twin", "picture", "score")}
    told |= {key: row[key] for key in ("site", "artist", "rating", "source_size")}
    found: dict[str, Any] = told | {"tags": (row["tags"] or "").split(), "link": link or None, "original": None}
    try:
        _, width, height = original(studio, album, row)
        found["original"] = {"width": width, "height": height}
        found["box"] = {key: row[key] for key in "xywh"}
        found["cut"] = dict(zip(("left", "top", "side"), cut_of(studio, album, row, width, height), strict=True))
    except EshiError as error:
        found["why"] = str(error)
    return found


def row_of(studio: Studio, album: Album, file: str) -> dict[str, Any]:
    with opened(studio, album, file):
        home = home_of(studio, album)
        known = known_rows(home, stamp(home / catalogue.NAME, home / verdicts.NAME))
        return known.get(file) or catalogue.judged(home, [file])[file]


@lru_cache(maxsize=4)
def known_rows(home: Path, changed: object) -> dict[str, dict[str, Any]]:
    return {row["file"]: row for row in catalogue.rows(home)}


def settings(home: Path) -> dict[str, Any]:
    """What the set was cropped with, as far as that is written down."""
    with catalogue.reading(home) as base:
        found = base.execute("select value from settings where name = 'crop'").fetchone() if base else None
    try:
        return dict(json.loads(found["value"])) if found else {}
    except (TypeError, ValueError, RecursionError):
        return {}


def original(studio: Studio, album: Album, row: dict[str, Any]) -> tuple[Pixels, int, int]:
    """The picture that a face was cut from, at most SHOWN px, and its true size."""
    pictures = settings(home_of(studio, album)).get("pictures")
    if not row["picture"] or not isinstance(pictures, str):
        raise EshiError("where it was cut from is not written down", "eshi crop writes that down")
    source = Album(studio.place.held(album.home / pictures))
    with opened(studio, source, row["picture"]) as file, image.decoding(file) as pixels:
        height, width = pixels.shape[:2]
        scale = min(1.0, SHOWN / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        return image.fit(Image.fromarray(pixels), size), width, height


@route("GET", "/api/faces/picture")
def picture(studio: Studio, at: str, file: str) -> Answer:
    """the original that a face was cut from, made small enough for a page"""
    album = album_of(studio, at)
    pixels, width, height = original(studio, album, row_of(studio, album, file))
    size = {"X-Width": str(width), "X-Height": str(height)}
    return Answer(image.encode(pixels, "jpeg", quality=86), "image/jpeg", headers=size)


def cut_of(studio: Studio, album: Album, row: dict[str, Any], width: int, height: int) -> tuple[int, int, int]:
    """(left, top, side) of the crop, from the finder's box as eshi crop makes it."""
    if any(row[key] is None for key in "xywh"):
        raise EshiError("its box is not written down", "eshi crop writes that down")
    margin = settings(home_of(studio, album)).get("margin", 0.2)
    x, y, w, h = (int(row[key]) for key in "xywh")
    return square((x, y, w, h, 0.0), float(margin) if isinstance(margin, int | float) else 0.2, width, height)


Side = Annotated[int, Range(0, 100_000)]


@route("POST", "/api/faces/recrop")
def recrop(studio: Studio, at: str, file: str, left: Side, top: Side, side: Annotated[int, Range(8, 100_000)]) -> Any:
    """cut a face anew: a new file beside the old one, which is dropped by hand and stays where it is"""
    album = album_of(studio, at)
    if album.zipped:
        raise EshiError("a zip cannot be added to", "unpack it")
    row = row_of(studio, album, file)
    pictures = settings(home := home_of(studio, album))
    source = Album(studio.place.held(home / str(pictures.get("pictures", "."))))
    if not row["picture"]:
        raise EshiError("where it was cut from is not written down", "eshi crop writes that down")
    with opened(studio, source, row["picture"]) as opened_file, image.decoding(opened_file) as pixels:
        height, width = pixels.shape[:2]
        if left + side > width or top + side > height:
            raise EshiError(f"that leads out of the picture, which is {width} x {height}", "move the box back")
        size = pictures.get("size")
        face = shrink(
            pixels[top : top + side, left : left + side], size if isinstance(size, int) and size >= 8 else 128
        )
        content = png(face)
    new = free_name(album, file)
    margin = pictures.get("margin", 0.2)
    inner = round(side / (1 + 2 * (margin if isinstance(margin, int | float) and margin >= 0 else 0.2)))
    box = {"x": left + (side - inner) // 2, "y": top + (side - inner) // 2, "w": inner, "h": inner}
    told = {key: row[key] for key in ("picture", *catalogue.ORIGIN)} | box | {"file": new, "source_size": side}
    with catalogue.opened(home) as base:
        write(studio.place.held(album.path / new), content)
        names = ", ".join(told)
        marks = ", ".join("?" * len(told))
        base.execute(f"insert or replace into faces ({names}) values ({marks})", list(told.values()))
    verdicts.say(home, "drop", [file])
    verdicts.say(home, "keep", [new])
    studio.watch.poke()
    return {"file": new, "instead_of": file}


def free_name(album: Album, file: str) -> str:
    """a.jpg-0.png -> a.jpg-0-cut1.png"""
    path = PurePosixPath(file)
    stem = path.stem.rpartition("-cut")[0] if "-cut" in path.stem else path.stem
    names = (str(path.with_name(f"{stem}-cut{number}.png")) for number in itertools.count(1))
    return next(name for name in names if not (album.path / name).exists())
