"""Pictures from boorus into a folder, with where each came from. gallery-dl does the asking, in a process of its own.

A picture lands in `.collect/incoming` beside a note of its metadata, is checked, written into pictures.sqlite, and
moved to its place. That catalogue is also the archive gallery-dl looks into before it asks for a file.
"""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from eshi.gather import leash, sites
from eshi.gather.arrivals import Arrivals, open_catalogue
from eshi.gather.hearing import GO_ON, Ear, Summary
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STATE = ".collect"
BOUNDS = leash.Bounds()


def collect(
    site: str,
    tags: str,
    folder: Path,
    limit: int | None,
    rating: sites.Rating,
    quality: sites.Quality,
    dry_run: bool,
    max_bytes: int | None,
    min_free: int,
    pause: float,
    artists: bool,
    account: Path | None,
) -> Summary:
    """The first `limit` pictures of a search. `max_bytes` counts all pictures in the folder, `min_free` is what the
    disk keeps. `account` is a gallery-dl configuration file with keys or logins."""
    if limit is not None and limit < 1:
        raise EshiError(f"a limit of {limit} collects nothing", "give at least 1")
    place = sites.source(site, tags, rating)
    if importlib.util.find_spec("gallery_dl") is None:
        raise EshiError("collecting needs gallery-dl", "pip install 'eshi[collect]'", 1)
    if account and not account.is_file():
        raise EshiError(f"no such file: {account}", "--account takes a gallery-dl configuration file")
    options = sites.settings(place, rating, quality, limit, 0 if dry_run else pause, artists)
    options["archive-event"] = "none"  # the archive is a view of eshi's catalogue: gallery-dl only reads it
    bounds = dataclasses.replace(BOUNDS, file=min(BOUNDS.file, max_bytes or BOUNDS.file), free=min_free * (not dry_run))
    start, summary = time.monotonic(), Summary(place.label, folder, dry_run)
    with contextlib.ExitStack() as stack:
        arrivals = lock = None
        if dry_run:
            state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            options |= {"sleep-request": pause, "download": False}
            if (folder / "pictures.sqlite").exists():
                options["archive"] = str((folder / "pictures.sqlite").resolve())
        else:
            state = folder / STATE
            lock = stack.enter_context(hold(folder))
            options["archive"] = "../pictures.sqlite"
            catalogue = stack.enter_context(contextlib.closing(open_catalogue(folder / "pictures.sqlite")))
            arrivals = Arrivals(catalogue, folder, state / "incoming", rating, max_bytes)
            arrivals.recover()
        (state / "settings.json").write_text(json.dumps(options | output(dry_run)))
        with Progress(f"{'listing' if dry_run else 'collecting'} {place.label}", limit, "pictures") as bar:
            ear = Ear(place, rating, summary, arrivals, min_free, bar)
            if not ear.full():
                run(ear, state, bounds, account, lock)
        if arrivals:
            summary.count(arrivals.recover())
    summary.seconds = time.monotonic() - start
    return summary


def output(dry_run: bool) -> dict[str, Any]:
    """What gallery-dl writes: notes beside the files, and on standard output one line an event."""
    about = ["engine", "id", "rating", "extension", "file_url", "status", "is_deleted", "is_banned", "search_count"]
    about += ["tweet_id", "post_id"]
    say: dict[str, Any] = {"name": "metadata", "filename": "-"}
    note: dict[str, Any] = {"name": "metadata", "private": True, "event": "file", "metadata-path": "note"}
    note["ascii"] = True  # a lone surrogate in one post's tags, which no encoding holds, would end the collection
    if dry_run:
        note |= {"mode": "jsonl", "filename": "-"}
    words = [
        say | {"mode": "print", "event": event, "format": event + " {_archive_key}"} for event in ("skip", "error")
    ]
    after = say | {"mode": "print", "event": "after", "format": "after {note}"}
    return {
        "postprocessors": [
            say | {"mode": "jsonl", "event": "post", "include": about, "blacklist": ["directlink"]},
            note,
            *([] if dry_run else [after]),
            *words,
        ],
        "base-directory": "incoming",
        "directory": [],
        "path-restrict": "ascii",
        "user-agent": f"eshi/{importlib.metadata.version('eshi')} (collects pictures one at a time; uses gallery-dl)",
        "output": {"mode": "null", "log": {"format": "log\t{levelname}\t{name}\t{message}", "level": "debug"}},
    }


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[IO[str] | None]:
    """One collect a folder. gallery-dl inherits the lock, so it also lasts while an orphaned one still writes."""
    try:
        (folder / STATE / "incoming").mkdir(parents=True, exist_ok=True)
        lock = (folder / STATE / "lock").open("w")
    except OSError as error:
        raise EshiError(f"cannot write to {folder}: {error.strerror}", "choose another place with -o", 1) from error
    with lock:
        for patience in range(20, -1, -1):  # 5 s: an orphan ends at its next word
            try:
                if fcntl:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if not patience:
                    hint = "wait for it, or collect into another folder with -o"
                    raise EshiError(f"another eshi is collecting into {folder}", hint, 1) from error
                time.sleep(0.25)
        yield lock


def run(ear: Ear, state: Path, bounds: leash.Bounds, account: Path | None, lock: IO[str] | None) -> None:
    """Starts gallery-dl and listens to it until one of the two has had enough."""
    command = [sys.executable, leash.__file__, json.dumps(dataclasses.asdict(bounds)), "--config-ignore"]
    if account:  # before ours, so that ours outrank it
        command += ["--config", str(account.resolve())]
    process = subprocess.Popen(
        [*command, "--config-json", "settings.json", "--no-input", "--", ear.place.url],
        cwd=state,
        env=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "PYTHONSAFEPATH": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(lock.fileno(),) if lock and fcntl else (),
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout
    try:
        for line in process.stdout:
            ear.hear(line.rstrip("\n"))
            if ear.full():
                break
        else:
            ear.farewell(process.wait())
    except KeyboardInterrupt:
        ear.summary.stop("stopped by Ctrl-C; all is saved", GO_ON, 130)
    finally:
        process.stdout.close()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
