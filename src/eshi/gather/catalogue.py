"""faces.sqlite: where every face came from, what was measured on it, and the verdict; a person's word wins over it.

Written in short transactions with SQLite's own journal, so a kill at any moment leaves a good file.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eshi.gather import verdicts
from eshi.ground import files
from eshi.ground.errors import EshiError

NAME = "faces.sqlite"
VERSION = 1  # of the tables
ORIGIN = ("site", "post_url", "file_url", "tags", "artist", "rating")  # as eshi collect wrote them
TEXTS = ("file", "verdict", "detail", "twin", "picture", *ORIGIN)
NUMBERS = ("x", "y", "w", "h", "score", "source_size")
KEPT = "(verdict is null or verdict = 'keep')"
TABLES = """
create table if not exists faces (
    file text primary key, verdict text, detail text, twin text,
    picture text, x int, y int, w int, h int, score real, source_size int,
    site text, post_url text, file_url text, tags text, artist text, rating text);
create table if not exists pictures (picture text primary key, faces int, small int, problem text);
create table if not exists measures (file text primary key, stamp text, data blob, problem text);
create table if not exists settings (name text primary key, value text);
"""


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The catalogue of `folder`, made where there is none; only one program at a time may write it."""
    lock = FileLock(folder / ".eshi" / "lock", timeout=0)
    try:
        (folder / ".eshi").mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise EshiError(f"another eshi is at work on {folder}", "wait for it, or stop it", 1) from error
    except OSError as error:
        raise EshiError(f"cannot write in {folder}: {error.strerror or error}", "choose another folder", 1) from error
    try:
        files.tidy(folder)
        with closing(connect(folder / NAME)) as base:
            prepare(base)
            yield base
            base.commit()
    except sqlite3.Error as error:
        hint = "is the disk full, or the file read-only?"
        raise EshiError(f"cannot write {folder / NAME}: {error}", hint, 1) from error
    finally:
        lock.release()


@contextmanager
def passing() -> Iterator[sqlite3.Connection]:
    """A catalogue in memory, for measures of a folder that has none and is only looked at."""
    with closing(connect(Path(":memory:"))) as base:
        prepare(base)
        yield base


def prepare(base: sqlite3.Connection) -> None:
    base.executescript(TABLES)
    base.execute(f"pragma user_version = {VERSION}")


def connect(path: Path) -> sqlite3.Connection:
    """It may be a stranger's: no function of theirs is run, and text need not be text."""
    base = sqlite3.connect(path, timeout=30)
    base.row_factory = sqlite3.Row
    base.text_factory = lambda words: words.decode("utf-8", "replace")
    try:
        base.execute("pragma trusted_schema = off")
        version = base.execute("pragma user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        base.close()
        raise EshiError(f"{path} is not a catalogue: {error}", "move it away; eshi clean makes a new one") from error
    if version > VERSION:
        base.close()
        raise EshiError(f"{path} was made by a newer eshi (version {version}, this one reads {VERSION})", "update eshi")
    return base


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The catalogue as it is, or None where there is none."""
    path = folder / NAME
    base = connect(path) if path.is_file() else None
    try:
        made = base and base.execute("select 1 from sqlite_master where name = 'faces' and type = 'table'").fetchone()
        yield base if made else None
    except sqlite3.Error as error:
        raise EshiError(f"cannot read {path}: {error}", "is another program writing it?", 1) from error
    finally:
        if base:
            base.close()


def rejected(folder: Path) -> set[str]:
    """The files, relative to the folder, that a verdict keeps out of a face set."""
    with reading(folder) as base:
        rows = base.execute("select cast(file as text) file from faces where verdict != 'keep'") if base else []
        out = {row["file"] for row in rows}
    hand = verdicts.verdicts(folder)
    dropped = {file for file, word in hand.items() if word == "drop"}
    return (out - (hand.keys() - dropped)) | dropped


def any_kept(folder: Path) -> bool:
    """Is there anything to give credit for? A catalogue without rows is what a killed clean leaves."""
    if verdicts.verdicts(folder):
        return any(row["verdict"] in (None, "keep") for row in rows(folder))
    with reading(folder) as base:
        return bool(base and base.execute(f"select 1 from faces where {KEPT} limit 1").fetchone())


def rows(folder: Path) -> list[dict[str, Any]]:
    """Every face of the catalogue in the order of its name. `verdict` is the one that holds, `machine` what eshi clean
    said, `hand` a person's word.

    SQLite keeps anything in any column: in a catalogue from elsewhere, what is not of its column's kind is left out.
    """
    columns = [f"case when typeof({name}) = 'text' then {name} end as {name}" for name in TEXTS]
    columns += [f"case when typeof({name}) in ('integer', 'real') then {name} end as {name}" for name in NUMBERS]
    query = f"select {', '.join(columns)} from faces where typeof(file) = 'text' order by file"
    hand = verdicts.verdicts(folder)
    with reading(folder) as base:
        return [heard(dict(row), hand.get(row["file"])) for row in base.execute(query)] if base else []


def heard(row: dict[str, Any], hand: str | None) -> dict[str, Any]:
    """The row with the verdict that holds."""
    row |= {"machine": row["verdict"], "hand": hand}
    if hand:
        row |= {"verdict": "keep" if hand == "keep" else verdicts.REJECTED, "detail": None}
    return row


def judged(folder: Path, files: Iterable[str]) -> dict[str, dict[str, Any]]:
    """A row for each of these files, also for those that the catalogue does not know."""
    known, hand = {row["file"]: row for row in rows(folder)}, verdicts.verdicts(folder)
    blank = dict.fromkeys((*TEXTS, *NUMBERS))
    return {file: known.get(file) or heard(blank | {"file": file}, hand.get(file)) for file in files}


def settle(base: sqlite3.Connection, where: Path, what: str, settings: dict[str, Any]) -> None:
    """Keeps the settings of the first run; a later run that differs is refused, with the differences named."""
    found = base.execute("select value from settings where name = ?", (what,)).fetchone()
    if not found:
        base.execute("insert into settings values (?, ?)", (what, json.dumps(settings)))
        base.commit()
        return
    try:
        old, new = dict(json.loads(found["value"])), json.loads(json.dumps(settings))
    except (TypeError, ValueError) as error:
        raise EshiError(
            f"{where / NAME} is damaged: {error}", "move it away, or choose another folder with -o"
        ) from error
    if old != new:
        changed = [k for k in sorted(old | new) if old.get(k) != new.get(k)]
        says = ", ".join(f"{k} {old.get(k)} (now {new.get(k)})" for k in changed)
        hint = "repeat those, or choose another folder with -o"
        raise EshiError(f"{where} was made with other settings: {says}", hint)


def refresh(base: sqlite3.Connection, table: str, version: int) -> None:
    """Empties `table` where an earlier version of its contents lies."""
    name = f"version of {table}"
    found = base.execute("select value from settings where name = ?", (name,)).fetchone()
    if not found or found["value"] != str(version):
        base.execute(f"delete from {table}")
        base.execute("insert or replace into settings values (?, ?)", (name, str(version)))
        base.commit()
