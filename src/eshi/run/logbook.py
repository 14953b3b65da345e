"""What the run folders say of themselves: their logs, their states, and one table of them all. Loads no torch."""

import json
import math
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.figures import ago, human, measured, of

NAME = "log.jsonl"
PID = ".pid"  # whose the lock is: as long as it is held, whoever wants the run to stop asks that process
Row = dict[str, Any]
# A row is a measurement of learning (loss terms by name), a judgement (it has `ranked_by`) or an event. These fields
# mean the same in each of them; other names are figures of the losses and the metrics.
FIELDS: dict[str, type] = {
    "step": int, "images": int, "seconds": float, "images/s": float, "epoch": float, "memory": float,  # MB
    "event": str, "why": str, "evidence": str, "try": str, "state": str,  # of the guard
    "machine": str, "threads": int, "shards": int, "length": int, "eshi": str, "torch": str,
    "faces": str, "train": int, "held_out": int,
    "ranked_by": str, "content": str, "against": str, "judge_seconds": float, "judge_price": float,
}  # fmt: skip
EVENTS = ("started", "paused", "finished", "stopped", "rolled back", "warned")  # "stopped" is the guard's doing


def runs(folder: Path | str) -> list[Row]:
    """Every run in `folder`: itself, or up to two levels deep. The one that changed last comes first."""
    found = [file for deep in ("", "*/", "*/*/") for file in Path(folder).glob(f"{deep}recipe.yaml")]
    return sorted((summary(file.parent) for file in found), key=lambda run: -run["changed"])


def summary(folder: Path) -> Row:
    """One run's line: `state` is training, finished, stopped (before its length) or died: ... (the guard ended it)."""
    rows = log(folder)
    best = best_of(judgements(rows))
    files = (folder / name for name in ("recipe.yaml", NAME, "last.pt"))
    return {
        "run": str(folder),
        "recipe": recipe_name(folder),
        "state": state(folder, rows),
        "images": seen(rows),
        "length": length(folder, rows),
        "score": score(best) if best else None,
        "noise": noise(best) if best else None,
        "ranked_by": best["ranked_by"] if best else None,
        "best": best["images"] if best else None,
        "changed": max((file.stat().st_mtime for file in files if file.exists()), default=0.0),
    }


def log(folder: Path) -> list[Row]:
    """The rows of log.jsonl in order, each with its `images`; lines that were cut off or are no rows are left out."""
    file = folder / NAME
    try:  # a pipe would hold its reader up for ever
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    except OSError:
        return []
    rows: list[Row] = []
    for line in lines:
        if row := parsed(line):
            rows.append(row | {"images": row.get("images", seen(rows))})
    return rows


def parsed(line: str) -> Row:
    """A line's row; {} for what is none. A known field whose value is of another kind is left out."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return {k: v for k, v in row.items() if k not in FIELDS or fits(v, FIELDS[k])} if isinstance(row, dict) else {}


def fits(value: Any, kind: type) -> bool:
    if kind is str:
        return isinstance(value, str)
    usual = number(value) is not None and not isinstance(value, bool)
    return usual and (kind is float or (isinstance(value, int) and value >= 0))


def number(value: Any, otherwise: float | None = None) -> float | None:
    """A finite number of a size that means something; a run that diverges logs others."""
    return float(value) if isinstance(value, int | float) and abs(value) < 1e15 else otherwise


def seen(rows: list[Row]) -> int:
    images: int = rows[-1]["images"] if rows else 0
    return images


def judgements(rows: list[Row]) -> list[Row]:
    """The rows judged as the newest was: by the same network, against the same faces. No others are comparable."""
    judged = all_judgements(rows)
    return [row for row in judged if alike(row, judged[-1])]


def all_judgements(rows: list[Row]) -> list[Row]:
    """Whatever they compared with; what the guard reads is a number in each, if need be none that says anything."""
    judged = [row for row in rows if "ranked_by" in row]
    for row in judged:
        for key in ("diversity", "separation"):
            if number(row.get(key)) is None:
                row[key] = math.nan
    return judged


def alike(row: Row, newest: Row) -> bool:
    """By the same network, against the same faces: only then can two scores be compared."""
    faces = newest.get("content")
    return bool(row["ranked_by"] == newest["ranked_by"] and row.get("content", faces) == faces)


def scored(judged: list[Row]) -> list[Row]:
    return [row for row in judged if score(row) is not None]


def score(judgement: Row) -> float | None:
    return number(judgement.get(judgement["ranked_by"]))


def noise(judgement: Row) -> float | None:
    return number(judgement.get(f"{judgement['ranked_by']}_noise"))


def best_of(judged: list[Row]) -> Row | None:
    """The judgement with the lowest score."""
    return min(scored(judged), key=lambda row: float(row[row["ranked_by"]]), default=None)


def last_event(rows: list[Row], *kinds: str) -> Row | None:
    return next((row for row in reversed(rows) if row.get("event") in kinds), None)


def length(folder: Path, rows: list[Row]) -> int | None:
    """What the last start was for; a log of before there were starts leaves it to the recipe, if that counts images."""
    started = last_event(rows, "started")
    if started and (told := number(started.get("length"))):
        return int(told)
    try:
        found = recipe.load(folder / "recipe.yaml")
    except EshiError:
        return None
    return None if "epoch" in found.images or found.seconds else found.length(0)


def state(folder: Path, rows: list[Row]) -> str:
    ended = last_event(rows, "started", "paused", "finished", "stopped")  # a later start takes an end back
    if ended and ended["event"] == "finished":
        return "finished"
    if ended and ended["event"] == "stopped":
        judged = last_judged(rows)
        return f"died: {judged['state']}" if judged else "died"
    if ended and ended["event"] == "paused":
        return "stopped"
    if locked(folder):
        return "training"
    whole = length(folder, rows)
    return "finished" if whole and seen(rows) >= whole else "stopped"


def last_judged(rows: list[Row]) -> Row | None:
    return next((row for row in reversed(rows) if row.get("state")), None)


def locked(folder: Path) -> bool:
    """Is a process training here? The lock is tried and given back at once."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock").acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a disk that cannot be written: nobody trains on it
        return False


def trainer(folder: Path) -> int | None:
    """The process that trains here, if one does and says so."""
    if not locked(folder):
        return None
    try:
        number = int((folder / PID).read_text())
        words = Path(f"/proc/{number}/cmdline")
        known = not words.parent.parent.joinpath("self").exists() or b"eshi" in words.read_bytes()  # numbers are reused
    except (OSError, ValueError):
        return None
    return number if known and number > 1 else None


def recipe_name(folder: Path) -> str:
    try:
        return recipe.load(folder / "recipe.yaml").name
    except EshiError:
        return "?"


def table(rows: list[Row], folder: Path | str = "runs") -> str:
    """The runs for people, one a line."""
    if not rows:
        raise EshiError(f"there is no run in {folder}", "eshi train FACES -o RUN makes one; or: eshi runs FOLDER")
    head = ("run", "recipe", "state", "images", "best score", "at", "changed")
    cells = [head] + [
        (
            row["run"], row["recipe"], row["state"], of(row["images"], row["length"]),
            f"{row['ranked_by']} {measured(row['score'], row['noise'])}" if row["ranked_by"] else "not judged",
            "" if row["best"] is None else human(row["best"]), ago(time.time() - row["changed"]),
        )
        for row in rows
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)
