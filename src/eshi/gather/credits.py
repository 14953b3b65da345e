"""Who drew the pictures behind a face set: CREDITS.csv for programs, CREDITS.md for people."""

import csv
import io
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

from eshi.gather import catalogue, sites
from eshi.gather.album import Album
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.files import write

TABLE, PAGE = "CREDITS.csv", "CREDITS.md"
COLUMNS = ("picture", "faces", "artist", "site", "rating", "post_url", "file_url")


def credits(folder: Path, into: Path | None = None) -> tuple[Path, Path]:
    """Every picture with a face that is kept, once; written beside the faces, or `into` the run that learns them."""
    album = Album(Path(folder))
    table_file, page = (into / name if into else album.beside(name) for name in (TABLE, PAGE))
    rows = [row for row in catalogue.rows(album.home) if row["verdict"] in (None, "keep")]
    if not rows:
        raise EshiError(f"there are no catalogued faces in {album.path}", "crop and clean them: eshi crop, eshi clean")
    pictures: dict[str, dict[str, Any]] = {}
    for row in rows:
        told = {column: str(row.get(column) or "") for column in COLUMNS}
        name = told["picture"] or str(row["file"])
        picture = pictures.setdefault(name, told | {"picture": name, "faces": 0})
        picture["faces"] += 1
    listed = [pictures[name] for name in sorted(pictures)]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(picture[column]) for column in COLUMNS] for picture in listed)
    return (
        write(table_file, table.getvalue().encode()),
        write(page, markdown(listed, len(rows)).encode()),
    )


def markdown(pictures: list[dict[str, Any]], faces: int) -> str:
    by_artist: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for picture in pictures:
        by_artist[picture["artist"]].append(picture)
    known = sorted((name for name in by_artist if name), key=lambda name: (-len(by_artist[name]), name))
    lines = [
        "# Credits", "",
        f"{faces:,} faces from {len(pictures):,} pictures by {len(known):,} known artists. "
        "The pictures belong to those who drew them.", "",
    ]  # fmt: skip
    for name in [*known, ""]:
        if not by_artist.get(name):
            continue
        lines += [f"## {plain(name) or 'Artist not known'}", ""]
        for picture in by_artist[name]:
            url = sites.address(picture["post_url"]) or sites.address(picture["file_url"])
            lines.append(f"- [{plain(picture['picture'])}](<{url}>)" if url else f"- {plain(picture['picture'])}")
        lines.append("")
    return "\n".join(lines)


def plain(words: str) -> str:
    """On one line, and no character of a name from elsewhere is taken for markup."""
    escaped = "".join("\\" + c if c in "\\`*_[]<>#|&~" else c for c in printable(words)).strip()
    return re.sub(r"^(\d*)([-+=.)])(?=[\s=-]|$)", r"\1\\\2", escaped)  # the start of a list or a line across


def cell(value: str | int) -> str | int:
    """A spreadsheet takes what begins with one of these for a formula, but not behind an apostrophe."""
    if isinstance(value, int):
        return value
    value = printable(value)
    return "'" + value if value.lstrip().startswith(("=", "+", "-", "@")) else value
