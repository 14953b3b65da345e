"""What a person said of faces: `verdicts.jsonl`, a journal that is only ever added to, so all of it can be taken back.

It lies beside the catalogue and not in it: who looks through faces does not wait for `eshi clean`, which may hold the
catalogue for minutes, and `eshi clean` cannot touch what was said here. A person's word wins over the machine's.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from eshi.ground.errors import EshiError

NAME = "verdicts.jsonl"
WORDS = ("keep", "drop", "clear")  # clear: a person says nothing any more, and the machine's word counts
REJECTED = "by hand"  # the verdict of a face that a person dropped, where the machine's stand
LARGEST = 200_000_000  # bytes: a million verdicts given one by one
PATIENCE = 10.0  # seconds: a line is written in milliseconds


@dataclass(frozen=True)
class Act:
    """One thing that a person said, of one face or of many."""

    word: str
    files: tuple[str, ...]
    at: float = 0.0


def acts(home: Path) -> list[Act]:
    """What was said and not taken back, oldest first."""
    held: list[Act] = []
    for line in lines(home / NAME):
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):  # a kill cut it off
            continue
        if not isinstance(said, dict):
            continue
        files, back, at = said.get("files"), said.get("undo"), said.get("at")
        if type(back) is int and back > 0:
            del held[-back:]
        elif said.get("verdict") in WORDS and isinstance(files, list) and all(isinstance(f, str) for f in files):
            held.append(Act(said["verdict"], tuple(files), at if isinstance(at, int | float) else 0.0))
    return held


def lines(file: Path) -> Iterator[bytes]:
    try:
        if not file.is_file():
            return
        if file.stat().st_size > LARGEST:
            raise EshiError(f"{file} has more than {LARGEST:,} bytes", "move it away: what it says is then forgotten")
        with file.open("rb") as journal:
            yield from journal
    except OSError as error:
        raise EshiError(f"cannot read {file}: {error.strerror or error}", "is it yours?", 1) from error


def verdicts(home: Path) -> dict[str, str]:
    """File -> keep or drop: the last word about each."""
    last = {file: act.word for act in acts(home) for file in act.files}
    return {file: word for file, word in last.items() if word != "clear"}


def say(home: Path, word: str, files: Sequence[str]) -> Act:
    """Adds to the journal; it is on the disk when this returns."""
    if word not in WORDS:
        raise EshiError(f"a person's verdict cannot be '{word}'", f"it is one of: {', '.join(WORDS)}")
    act = Act(word, tuple(dict.fromkeys(files)), round(time.time(), 3))
    if act.files:
        add(home, {"verdict": act.word, "files": act.files, "at": act.at})
    return act


def undo(home: Path, count: int = 1) -> list[Act]:
    """Takes the last `count` acts back, also those of another day; what they were, the last first."""
    back = acts(home)[::-1][: max(0, count)]
    if back:
        add(home, {"undo": len(back), "at": round(time.time(), 3)})
    return back


def add(home: Path, line: dict[str, object]) -> None:
    """As a line of its own, also behind one that a kill cut off."""
    try:
        (home / ".eshi").mkdir(parents=True, exist_ok=True)
        with FileLock(home / ".eshi" / "verdicts.lock", timeout=PATIENCE), (home / NAME).open("a+b") as journal:
            if end := journal.seek(0, os.SEEK_END):
                journal.seek(end - 1)
            broken = end and journal.read(1) != b"\n"
            journal.write(b"\n" * bool(broken) + json.dumps(line, ensure_ascii=False).encode() + b"\n")
            journal.flush()
            os.fsync(journal.fileno())
    except (Timeout, OSError) as error:
        why = getattr(error, "strerror", None) or "another program holds it"
        raise EshiError(
            f"cannot write {home / NAME}: {why}", "is the disk full, or the folder read-only?", 1
        ) from error
