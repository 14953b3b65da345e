"""What is known of every face: attributes from the painter, from a list, from booru tags, from a tagger, from pixels.

Each word is kept with its source and how certain that is; the surest counts, and nothing said is never taken for no.
"""

import csv
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eshi.gather import catalogue, colours
from eshi.gather.album import Album, archive, changed
from eshi.gather.attributes import WORD, Attributes, attributes
from eshi.gather.measure import measured
from eshi.ground import files, image
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress

SOURCES = ("hand", "painter", "list", "tags", "tagger", "pixels")  # of two that are as sure, the first counts
SURE = 0.5  # the certainty from which on a word counts
CERTAINTY = {"hand": 1.0, "painter": 1.0, "list": 1.0, "tags": 0.9, "several": 0.3}
# Measured hair is right for 93 % of painted faces and for 55 % of real ones, eyes for 78 % and 23 %: docs/labels.md.
MEASURED = {"hair": 0.45, "eyes": 0.25}
LIST, TRUTH, OURS = "labels.csv", "attributes.jsonl", "labels-found.csv"
HEAD = ["file", "attribute", "value", "source", "certainty"]  # of what eshi writes; a list of others has file,hair,eyes
LONGEST = 100_000_000  # bytes of a list
LOOK = 64  # px at which eyes are looked at
TABLE = """create table if not exists labels
    (file text, attribute text, value text, source text, certainty real, primary key (file, attribute, source))"""
Row = tuple[str, str, str, str, float]  # as HEAD has it


@dataclass
class Labels:
    """What is known of each face, as its surest source has it."""

    said: dict[str, dict[str, tuple[str, str]]]  # attribute -> file -> value, source
    conflicts: list[tuple[str, str, dict[str, str]]]  # file, attribute, source -> value
    unmatched: dict[str, int]  # source -> names in it that are no face here
    faces: int
    file: Path  # the list of all that was said


def label(
    folder: Path, more: Path | None = None, tagger: Path | None = None, sure: float = SURE, workers: int | None = None
) -> Labels:
    """Labels every face of a folder or zip, anew: in its catalogue, and in a list beside it."""
    if not 0 < sure <= 1:
        raise EshiError(f"no word can be {sure:g} sure", f"--sure goes from 0 to 1; {SURE:g} is usual")
    album, words = Album(Path(folder)), attributes(more)
    asked = None
    if tagger:
        from eshi.gather.tagger import Tagger

        asked = Tagger(tagger, words)
    with catalogue.opened(album.home) as base:
        names, measures, _ = measured(album, base, workers)
        here = set(names)
        rows: list[Row] = []
        unmatched: dict[str, int] = {}
        told = {"hand": by_hand(album), "list": listed(album, words), "painter": truth(album, words)}
        for source, found in told.items():
            said = list(found)
            rows += [(file, what, value, source, CERTAINTY[source]) for file, what, value in said if file in here]
            if lost := len({file for file, _, _ in said} - here):
                unmatched[source] = lost
        rows += [row for row in tagged(album, words) if row[0] in here]
        rows += seen(album, names, measures["crown"])
        if asked:
            rows += asked.rows(album, names)
        keep(base, rows)
    return Labels(settle(rows, sure), conflicts(rows, sure), unmatched, len(names), write(album, rows))


def keep(base: sqlite3.Connection, rows: Iterable[Row]) -> None:
    base.execute(TABLE)
    base.execute("delete from labels")
    base.executemany("insert or replace into labels values (?, ?, ?, ?, ?)", rows)
    base.commit()


def stored(folder: Path) -> list[Row]:
    """What the catalogue of a folder says; of a stranger's, only what is of its column's kind."""
    with catalogue.reading(folder) as base:
        if not base or not base.execute("select 1 from sqlite_master where name = 'labels'").fetchone():
            return []
        rows = base.execute("select * from labels order by file, attribute, source").fetchall()
    return [
        (r["file"], r["attribute"], r["value"], r["source"], float(r["certainty"]))
        for r in rows
        if all(isinstance(r[name], str) for name in HEAD[:4]) and isinstance(r["certainty"], float | int)
    ]


def settle(rows: Iterable[Row], sure: float = SURE) -> dict[str, dict[str, tuple[str, str]]]:
    """Attribute -> file -> the value of the surest source, and which that is; what is not sure is left out."""
    best: dict[tuple[str, str], tuple[float, int, str, str]] = {}
    for file, attribute, value, source, certainty in rows:
        rank = -SOURCES.index(source) if source in SOURCES else -len(SOURCES)
        word = (certainty, rank, value, source)
        if certainty >= sure and word[:2] > best.get((attribute, file), (-1.0, 0))[:2]:
            best[attribute, file] = word
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for (attribute, file), (_, _, value, source) in sorted(best.items()):
        found.setdefault(attribute, {})[file] = (value, source)
    return found


def conflicts(rows: Iterable[Row], sure: float = SURE) -> list[tuple[str, str, dict[str, str]]]:
    """Where sources speak against one another: any that are sure, and what was measured."""
    said: dict[tuple[str, str], dict[str, str]] = {}
    for file, attribute, value, source, certainty in rows:
        if certainty >= sure or source == "pixels":
            said.setdefault((file, attribute), {})[source] = value
    return [(file, attribute, told) for (file, attribute), told in sorted(said.items()) if len(set(told.values())) > 1]


def write(album: Album, rows: Iterable[Row]) -> Path:
    """The list beside the faces. A line with the source `hand` is its user's, and stays."""
    memory = io.StringIO()
    writer = csv.writer(memory, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows((*said, f"{certainty:g}") for *said, certainty in sorted(rows))
    return files.write(place(album), memory.getvalue().encode())


def place(album: Album) -> Path:
    """labels.csv, unless a list of the user's lies there."""
    mine = album.beside(LIST)
    return album.beside(OURS) if mine.exists() and not is_ours(mine) else mine


def is_ours(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(100).split(b"\n")[0].strip() == ",".join(HEAD).encode()


def by_hand(album: Album) -> Iterator[tuple[str, str, str]]:
    for name in (LIST, OURS):
        file = album.beside(name)
        if file.is_file() and is_ours(file):
            for row in table(text_of(file), str(file)):
                if row.get("source") == "hand" and row["attribute"] and row["value"]:
                    yield row["file"], row["attribute"], row["value"]


def listed(album: Album, known: Attributes) -> Iterator[tuple[str, str, str]]:
    """From a labels.csv in the set: file,hair,eyes and so on, a line a face."""
    text = inside(album, LIST)
    if text is None or text.split("\n")[0].strip() == ",".join(HEAD):
        return
    for row in table(text, f"{LIST} in {album.path}"):
        for attribute, word in row.items():
            value = known.value(word or "")
            if attribute != "file" and value and value != "unknown" and WORD.fullmatch(attribute or ""):
                yield row["file"], attribute, value


def table(text: str, where: str) -> Iterator[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")))
    if "file" not in (reader.fieldnames or []):
        raise EshiError(f"{where} has no column 'file'", "its first line names the columns: file,hair,eyes")
    try:
        yield from ({key: word for key, word in row.items() if isinstance(key, str)} for row in reader)
    except csv.Error as error:
        raise EshiError(f"{where}, line {reader.line_num}: {error}", "write a line a face: a.png,pink,blue") from error


def truth(album: Album, known: Attributes) -> Iterator[tuple[str, str, str]]:
    """From attributes.jsonl in the set, or beside the pictures that its faces were cut from."""
    if (text := inside(album, TRUTH)) is not None:
        for facts in lines(text, f"{TRUTH} in {album.path}"):
            yield from ((str(facts.get("file")), *said) for said in known.of_painter(facts).items())
        return
    if not (pictures := origin(album)):
        return
    file = pictures / TRUTH
    if not file.is_file():
        return
    painted = {str(facts.get("file")): facts for facts in lines(text_of(file), str(file))}
    for row in catalogue.rows(album.home):
        its = painted.get(row["picture"] or "", {})
        if within(row, its.get("face")):
            yield from ((row["file"], *said) for said in known.of_painter(its).items())


def origin(album: Album) -> Path | None:
    """The pictures that `crop` was given."""
    with catalogue.reading(album.home) as base:
        found = base.execute("select value from settings where name = 'crop'").fetchone() if base else None
    try:
        return album.home / str(json.loads(found["value"])["pictures"]) if found else None
    except (ValueError, TypeError, KeyError):
        return None


def within(row: Mapping[str, Any], face: Any) -> bool:
    """Is what was cut out the face that was painted? The middle of its box lies in the other."""
    try:
        left, top, width, height = (float(number) for number in face)
        across, down = row["x"] + row["w"] / 2, row["y"] + row["h"] / 2
    except (TypeError, ValueError):
        return False
    return bool(left <= across <= left + width and top <= down <= top + height)


def lines(text: str, where: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        try:
            facts = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise EshiError(f"{where}, line {number}: it is not JSON", "eshi paint writes it anew") from error
        if isinstance(facts, dict):
            yield facts


def inside(album: Album, name: str) -> str | None:
    """A text in the folder or zip, if it is there."""
    if not album.zipped:
        file = album.path / name
        return text_of(file) if file.is_file() else None
    entries = archive(album.path, changed(album.path))
    if name not in entries.namelist():
        return None
    if entries.getinfo(name).file_size > LONGEST:
        raise EshiError(f"{name} in {album.path} is larger than {LONGEST / 1e6:,.0f} MB", "shorten it")
    try:
        return entries.read(name).decode("utf-8", "replace")
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise EshiError(f"cannot read {name} in {album.path}: {error}", "pack the zip anew") from error


def text_of(file: Path) -> str:
    try:
        if os.stat(file).st_size > LONGEST:
            raise EshiError(f"{file} is larger than {LONGEST / 1e6:,.0f} MB", "shorten it")
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise EshiError(f"cannot read {file}: {error.strerror}", "is it yours to read?", 1) from error


def tagged(album: Album, known: Attributes) -> Iterator[Row]:
    """From the tags of the pictures. Sure only where tags and finder agree that one person is in the picture."""
    rows = catalogue.rows(album.home)
    faces: dict[str | None, int] = {}
    for row in rows:
        faces[row["picture"]] = faces.get(row["picture"], 0) + 1
    for row in rows:
        said, alone = known.of_tags((row["tags"] or "").split())
        sure = CERTAINTY["tags" if alone and faces[row["picture"]] == 1 else "several"]
        yield from ((row["file"], attribute, value, "tags", sure) for attribute, value in said.items())


def seen(album: Album, names: list[str], crowns: np.ndarray) -> Iterator[Row]:
    """The measured colours of hair and eyes; how clear a colour is is a part of its certainty."""
    found: dict[str, list[tuple[str, float]]] = {
        "hair": colours.clearest(colours.hair_votes(crowns), colours.HAIR),
        "eyes": [],
    }
    with Progress("looking into eyes", len(names), "faces") as bar:
        for start in range(0, len(names), 256):
            some = names[start : start + 256]
            votes = colours.eye_votes(np.stack([looked_at(album, name) for name in some]))
            found["eyes"] += colours.clearest(votes, colours.EYES)
            bar.advance(len(some))
    for attribute, told in found.items():
        for name, (value, share) in zip(names, told, strict=True):
            yield name, attribute, value, "pixels", round(MEASURED[attribute] * float(share), 3)


def looked_at(album: Album, name: str) -> np.ndarray:
    try:
        return image.decode(io.BytesIO(album.content(name)), (LOOK, LOOK))
    except image.Unreadable:  # it was readable a moment ago
        return np.zeros((LOOK, LOOK, 3), np.uint8)
