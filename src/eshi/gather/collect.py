"""Pictures from boorus into a folder, with where each came from. gallery-dl does the asking, in a process of its own.

A picture lands in `.collect/incoming` beside a note of its metadata, is checked, written into pictures.sqlite, and
moved to its place. That catalogue is also the archive gallery-dl looks into before it asks for a file.
"""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from eshi.gather import arrivals, sites
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.figures import clock
from eshi.ground.progress import Progress

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STATE = ".collect"
PATIENCE = 5  # files in a row that a service would not give, each asked for six times: then it is left alone
HINTS = {
    "403": "the service refuses this address: wait a while, and see docs/collecting.md on accounts",
    "404": "the address is wrong, or what was there is gone",
    "422": "the service does not like the tags: Danbooru takes two without an account",
    "421": "the service is throttling: the same command goes on, in an hour or so",
    "429": "the service is throttling: the same command goes on, in an hour or so",
}
GO_ON = "the same command goes on from here"


@dataclass
class Summary:
    """What one call did. `stopped` says why it ended before its end, if it did; `code` is for the shell."""

    site: str
    folder: Path
    dry_run: bool = False
    posts: int = 0
    new: int = 0
    present: int = 0
    unsafe: int = 0
    unrated: int = 0
    hidden: int = 0
    no_picture: Counter[str] = field(default_factory=Counter)  # by reason
    failed: Counter[str] = field(default_factory=Counter)  # by reason: 404, 429, no answer ...
    bytes: int = 0
    seconds: float = 0.0
    stopped: str = ""
    hint: str = ""
    code: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)  # of a dry run

    def lines(self) -> list[str]:
        """For people."""
        if self.dry_run:
            out = [f"{row['rating'] or 'unrated':12} {row['post_url']}  {row['file_url']}" for row in self.listed]
            out.append(f"{self.site}: would collect {self.new:,} pictures; {self.present:,} are already there")
        else:
            where = f"-> {self.folder} ({self.bytes / 1e6:,.1f} MB in {clock(self.seconds)})"
            out = [f"{self.site}: {self.new:,} new, {self.present:,} already there {where}"]
        refused = [
            f"{self.unsafe:,} by rating" * bool(self.unsafe),
            f"{self.unrated:,} without a rating (--rating any takes them)" * bool(self.unrated),
            f"{self.hidden:,} hidden or deleted" * bool(self.hidden),
            *(f"{count:,} {reason}" for reason, count in self.no_picture.most_common()),
        ]
        for what, reasons in (
            ("left out", [reason for reason in refused if reason]),
            ("failed", [f"{count:,} {reason}" for reason, count in self.failed.most_common()]),
        ):
            if reasons:
                out.append(f"{what}: {', '.join(reasons)}")
        if not (self.posts or self.new or self.present or self.failed or self.stopped):
            out.append("no post fits")
        return out + [line for line in (self.stopped, self.hint) if line]


@dataclass
class Job:
    """What the steps of one call share. A dry run has no catalogue and lives in a temporary folder."""

    place: sites.Source
    folder: Path
    state: Path  # where gallery-dl runs
    rating: str
    summary: Summary
    max_bytes: int | None
    min_free: int
    catalogue: sqlite3.Connection | None = None
    held: int = 0  # bytes of all pictures in the folder

    def recover(self) -> Counter[str]:
        assert self.catalogue
        return arrivals.recover(self.catalogue, self.folder, self.state / "incoming", self.rating)


def collect(
    site: str,
    tags: str = "",
    folder: Path = Path("pictures"),
    limit: int | None = None,
    rating: str = "safe",
    quality: str = "sample",
    dry_run: bool = False,
    max_bytes: int | None = None,
    min_free: int = 1_000_000_000,
    pause: float = 1.0,
    artists: bool = False,
    account: Path | None = None,
) -> Summary:
    """The first `limit` pictures of a search. `max_bytes` counts all pictures in the folder, `min_free` is what the
    disk keeps. `account` is a gallery-dl configuration file with keys or logins."""
    for word, known in ((rating, sites.RATINGS), (quality, sites.QUALITIES)):
        if word not in known:
            raise EshiError(f"no {'rating' if known is sites.RATINGS else 'quality'} '{word}'", near_miss(word, known))
    if limit is not None and limit < 1:
        raise EshiError(f"a limit of {limit} collects nothing", "give at least 1")
    place = sites.source(site, tags, rating)
    if importlib.util.find_spec("gallery_dl") is None:
        raise EshiError("collecting needs gallery-dl", "pip install 'eshi[collect]'", 1)
    if account and not account.is_file():
        raise EshiError(f"no such file: {account}", "--account takes a gallery-dl configuration file")
    options = sites.settings(place, rating, quality, limit, 0 if dry_run else pause, artists)
    start, summary = time.monotonic(), Summary(place.label, folder, dry_run)
    job = Job(place, folder, folder / STATE, rating, summary, max_bytes, min_free)
    with contextlib.ExitStack() as stack:
        lock = None
        options["archive-event"] = "none"  # the archive is a view of eshi's catalogue: gallery-dl only reads it
        if dry_run:
            job.state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            options |= {"sleep-request": pause, "download": False}
            if (folder / "pictures.sqlite").exists():
                options["archive"] = str((folder / "pictures.sqlite").resolve())
        else:
            lock = stack.enter_context(hold(folder))
            options["archive"] = "../pictures.sqlite"
            catalogue = arrivals.open_catalogue(folder / "pictures.sqlite")
            job.catalogue = stack.enter_context(contextlib.closing(catalogue))
            job.recover()
            job.held = arrivals.held(catalogue)
        if not full(job):
            (job.state / "settings.json").write_text(json.dumps(options | output(dry_run)))
            run(job, account, lock, limit)
        if not dry_run:
            count(summary, job.recover())
    summary.seconds = time.monotonic() - start
    return summary


def output(dry_run: bool) -> dict[str, Any]:
    """What gallery-dl writes: notes beside the files, and on standard output one line an event."""
    about = ["engine", "id", "rating", "extension", "file_url", "status", "is_deleted", "is_banned", "search_count"]
    say: dict[str, Any] = {"name": "metadata", "filename": "-"}
    note: dict[str, Any] = {"name": "metadata", "private": True, "event": "file", "metadata-path": "note"}
    if dry_run:
        note |= {"mode": "jsonl", "filename": "-"}
    words = [say | {"mode": "print", "event": event, "format": event} for event in ("skip", "error")]
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


def run(job: Job, account: Path | None, lock: IO[str] | None, limit: int | None) -> None:
    """Starts gallery-dl and listens to it until one of the two has had enough."""
    command = [sys.executable, "-m", "gallery_dl", "--config-ignore", "--config-json", "settings.json", "--no-input"]
    if account:  # before ours, so that ours outrank it
        command[4:4] = ["--config", str(account.resolve())]
    process = subprocess.Popen(
        [*command, "--", job.place.url],
        cwd=job.state,
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
        verb = "collecting" if job.catalogue else "listing"
        with Progress(f"{verb} {job.place.label}", limit, "pictures") as bar:
            ear = Ear(job, bar)
            for line in process.stdout:
                ear.hear(line.rstrip("\n"))
                if full(job) or job.summary.stopped:
                    break
            else:
                ear.farewell(process.wait())
    except KeyboardInterrupt:
        job.summary.stopped, job.summary.hint, job.summary.code = "stopped by Ctrl-C; all is saved", GO_ON, 130
    finally:
        process.stdout.close()
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Ear:
    """Understands what gallery-dl says, line by line (see `output`), and counts."""

    def __init__(self, job: Job, bar: Progress):
        self.job, self.summary, self.bar = job, job.summary, bar
        self.reason = self.trouble = self.last = ""  # why the last file failed; why the listing did; a stray line
        self.refusals = 0  # in a row

    def hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if line.startswith("log\t"):
            self.log(*line.split("\t", 3)[1:])
        elif line.startswith("{"):
            post = json.loads(line)
            self.show(post) if "fetched_url" in post else self.meet(post)
        elif word == "after" and self.job.catalogue:
            note = self.job.state / "incoming" / os.path.basename(rest)
            outcome, size = arrivals.admit(self.job.catalogue, self.job.folder, note, self.job.rating)
            self.refusals, self.reason = 0, ""
            self.bar.facts.pop("waiting", None)
            self.job.held += size
            count(self.summary, Counter({outcome: 1, "bytes": size}))
            self.bar.advance(1, MB=f"{self.summary.bytes / 1e6:,.1f}")
        elif line == "skip":
            self.summary.present += 1
            self.bar.advance(1)
        elif line == "error":
            self.fail()
        elif line.strip():
            self.last = line.strip()  # the end of a traceback

    def meet(self, post: dict[str, Any]) -> None:
        """A post of the listing, before anything is asked of it. What is refused here, gallery-dl refuses too."""
        self.summary.posts += 1
        engine = post.get("engine", "other")
        rating = sites.rating_of(engine, post.get("rating"))
        gone = post.get("status") == "deleted" or post.get("is_deleted") or post.get("is_banned")
        if gone or (engine != "other" and not post.get("file_url")):
            self.summary.hidden += 1
        elif rating not in sites.allowed(self.job.rating):
            count(self.summary, Counter({"unsafe" if rating else "unrated": 1}))
        elif str(post.get("extension")).lower() in sites.NO_PICTURES:
            self.summary.no_picture[f"{post['extension']} file"] += 1
        if not self.bar.total and str(post.get("search_count") or "").isdigit():
            self.bar.total = int(post["search_count"])
        self.bar.advance(0, posts=f"{self.summary.posts:,}")

    def show(self, post: dict[str, Any]) -> None:
        """A file that a dry run would have asked for."""
        self.summary.new += 1
        rating = sites.rating_of(post["engine"], post.get("rating"))
        self.summary.listed.append(
            {
                "post_url": sites.post_url(post),
                "file_url": post["fetched_url"],
                "rating": rating,
                "tags": arrivals.words(post.get("tags") or post.get("tag_string")),
            }
        )
        self.bar.advance(1)

    def fail(self) -> None:
        reason, self.reason = self.reason or "no answer", ""
        if reason in NO_PICTURE:
            self.summary.no_picture[reason] += 1
            reason = "404"  # of this file, not of the service
        else:
            self.summary.failed[reason] += 1
        self.refusals = 0 if reason in ("404", "410") else self.refusals + 1
        if self.refusals >= PATIENCE:
            said = f"{self.job.place.label}: {PATIENCE} files in a row failed ({reason})"
            self.stop(said, HINTS.get(reason, f"{GO_ON}, in a while"))
        self.bar.advance(1, failed=self.summary.failed.total())

    def log(self, level: str, name: str, message: str) -> None:
        if level == "error" and name != "download":
            self.trouble = message
        elif message.startswith("Unable to fetch download URL"):  # a post without any
            self.summary.posts += 1
            self.summary.hidden += 1
        elif waiting := re.match(r"Waiting for (.+?) until", message):
            self.bar.advance(0, waiting=waiting[1])
        elif trial := re.search(r"\((\d+/\d+)\)$", message):
            self.reason = reason_of(message) or self.reason
            self.bar.advance(0, waiting=f"{self.reason or 'no answer'}, try {trial[1]}")
        elif level == "warning":
            self.reason = reason_of(message) or self.reason

    def farewell(self, code: int) -> None:
        """gallery-dl's exit code is a sum: 4 failed files, 8 a bot check, 16 no account, 64 an unknown address."""
        url = self.job.place.url
        if code & 64 and code > 0:
            raise EshiError(f"gallery-dl cannot read {url}", "python -m gallery_dl --list-extractors shows what it can")
        if code > 0 and code & 16:
            hint = "give a gallery-dl configuration file with your key: --account FILE (docs/collecting.md)"
            self.stop(f"{self.job.place.label} wants an account: {self.trouble}", hint)
        elif self.trouble or code not in (0, 4):
            found = reason_of(self.trouble)
            said = self.trouble or self.last or f"gallery-dl ended with code {code}"
            self.stop(f"{self.job.place.label}: {said}", HINTS.get(found, GO_ON))

    def stop(self, why: str, hint: str) -> None:
        self.summary.stopped, self.summary.hint, self.summary.code = why, hint, 1


NO_PICTURE = ("an HTML page instead of the file", "empty file")


def reason_of(message: str) -> str:
    """A few words for what gallery-dl warns of."""
    if code := re.search(r"'(\d{3}) |\((\d{3}) ", message):
        return code[1] or code[2]
    said = {
        "HTTP redirect to": "login wall",
        "HTML response": NO_PICTURE[0],
        "Empty file": NO_PICTURE[1],
        "size mismatch": "cut off",
        "IncompleteRead": "cut off",
        "Connection broken": "cut off",
        "JSONDecodeError": "403",  # a page for people in place of the listing
    }
    return next((reason for words, reason in said.items() if words in message), "")


def count(summary: Summary, outcomes: Counter[str]) -> None:
    for outcome, number in outcomes.items():
        if outcome in ("new", "present", "unsafe", "unrated", "bytes"):
            setattr(summary, outcome, getattr(summary, outcome) + number)
        else:
            summary.no_picture[outcome] += number


def full(job: Job) -> bool:
    """Whether there is room no more; the summary says so."""
    if not job.catalogue:
        return False
    free = shutil.disk_usage(job.folder).free
    if job.max_bytes is not None and job.held >= job.max_bytes:
        job.summary.stopped = f"the size limit is reached: {job.held / 1e6:,.1f} MB of pictures in {job.folder}"
        job.summary.hint = f"with a higher limit, {GO_ON}"
    elif free < job.min_free:
        job.summary.stopped = f"only {free / 1e9:,.1f} GB left on the disk of {job.folder}"
        job.summary.hint, job.summary.code = f"free some space: {GO_ON}", 1
    return bool(job.summary.stopped)
