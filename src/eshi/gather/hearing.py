"""What gallery-dl says while it works, understood and counted."""

import contextlib
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eshi.gather import arrivals, leash, sites
from eshi.gather.arrivals import Arrivals
from eshi.ground.errors import EshiError
from eshi.ground.figures import clock, printable
from eshi.ground.progress import Progress

PATIENCE = 5  # files in a row that a service would not give, each asked for six times: then it is left alone
STALE = 50  # requests in a row that brought no post and no file that was not there before: the listing turns in circles
GO_ON = "the same command goes on from here"
THROTTLED = "the service is throttling: the same command goes on, in an hour or so"
HINTS = {
    "403": "the service refuses this address: wait a while, and see docs/collecting.md on accounts",
    "404": "the address is wrong, or what was there is gone",
    "422": "the service does not like the tags: Danbooru takes two without an account",
    "421": THROTTLED,
    "429": THROTTLED,
    leash.ELSEWHERE: "if you trust where it leads, give that address instead",
}
NO_PICTURE = ("an HTML page instead of the file", "empty file")
REASONS = {  # gallery-dl's words -> ours
    **{word: word for word in leash.REFUSALS},
    "HTTP redirect to": "login wall",
    "HTML response": NO_PICTURE[0],
    "Empty file": NO_PICTURE[1],
    "size mismatch": "cut off",
    "IncompleteRead": "cut off",
    "Connection broken": "cut off",
    "JSONDecodeError": "403",  # a page for people in place of the listing
}


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

    def stop(self, why: str, hint: str, code: int = 1) -> None:
        self.stopped, self.hint, self.code = printable(why), hint, code

    def count(self, outcomes: Counter[str]) -> None:
        for outcome, number in outcomes.items():
            if outcome in ("new", "present", "unsafe", "unrated", "bytes"):
                setattr(self, outcome, getattr(self, outcome) + number)
            else:
                self.no_picture[outcome] += number

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

    def text(self) -> str:
        return "\n".join(self.lines())


@dataclass
class Ear:
    """Takes gallery-dl's words line by line, as `collect.output` orders them. A dry run has no arrivals."""

    place: sites.Source
    rating: str
    summary: Summary
    arrivals: Arrivals | None
    min_free: int
    bar: Progress
    reason: str = ""  # why the last file failed
    trouble: str = ""  # why the listing did
    last: str = ""  # a stray line
    refusals: int = 0  # in a row
    stale: int = 0  # requests since the last news
    met: set[str] = field(default_factory=set)  # posts and files

    def hear(self, line: str) -> None:
        """What only looks like one of our lines is passed by: gallery-dl repeats what services say, newlines too."""
        word, _, rest = line.partition(" ")
        if line.startswith("log\t"):
            if len(parts := line.split("\t", 3)) == 4:
                self.log(*parts[1:])
        elif line.startswith("{"):
            with contextlib.suppress(ValueError):
                match json.loads(line):
                    case {"fetched_url": str(), "engine": str(), "eshi": {"root": str(), "url": str()}} as post:
                        self.show(post)
                    case {"engine": str()} as post:
                        self.meet(post)
        elif word == "after" and self.arrivals:
            note = self.arrivals.incoming / os.path.basename(rest)
            if note.is_file() and note.with_suffix("").is_file():
                self.arrive(self.arrivals, note)
        elif word == "skip":
            self.news(f"file {rest}")
            self.summary.present += 1
            self.bar.advance(1)
        elif word == "error":
            self.news(f"file {rest}")
            self.fail()
        elif line.strip():
            self.last = line.strip()  # the end of a traceback

    def meet(self, post: dict[str, Any]) -> None:
        """A post of the listing, before anything is asked of it. What is refused here, gallery-dl refuses too."""
        name = next((post[key] for key in ("id", "tweet_id", "post_id") if post.get(key)), self.summary.posts)
        self.news(f"post {name}")
        self.summary.posts += 1
        engine = post.get("engine", "other")
        rating = sites.rating_of(engine, post.get("rating"))
        gone = post.get("status") == "deleted" or post.get("is_deleted") or post.get("is_banned")
        if gone or (engine != "other" and not post.get("file_url")):
            self.summary.hidden += 1
        elif rating not in sites.allowed(self.rating):
            self.summary.count(Counter({"unsafe" if rating else "unrated": 1}))
        elif (suffix := str(post.get("extension")).lower()) in sites.NO_PICTURES:
            self.summary.no_picture[f"{suffix} file"] += 1
        if not self.bar.total and re.fullmatch(r"[0-9]{1,12}", str(post.get("search_count"))):
            self.bar.total = int(post["search_count"])
        self.bar.advance(0, posts=f"{self.summary.posts:,}")

    def show(self, post: dict[str, Any]) -> None:
        """A file that a dry run would have asked for."""
        self.news(f"file {post['fetched_url']}")
        self.summary.new += 1
        self.summary.listed.append(
            {
                "post_url": sites.post_url(post),
                "file_url": sites.address(post["fetched_url"]),
                "rating": sites.rating_of(post["engine"], post.get("rating")),
                "tags": arrivals.words(post.get("tags") or post.get("tag_string")),
            }
        )
        self.bar.advance(1)

    def arrive(self, to: Arrivals, note: Path) -> None:
        outcome, size = to.admit(note)
        self.news(f"file {note.name}")
        self.refusals, self.reason = 0, ""
        self.bar.facts.pop("waiting", None)
        self.summary.count(Counter({outcome: 1, "bytes": size}))
        if outcome == arrivals.OVER:
            self.summary.stop(*size_limit(to), 0)
        self.bar.advance(1, MB=f"{self.summary.bytes / 1e6:,.1f}")

    def news(self, name: str) -> None:
        """A listing that goes round and round still speaks, but of nothing that was not met before."""
        if name not in self.met:
            self.met.add(name)
            self.stale = 0

    def fail(self) -> None:
        reason, self.reason = self.reason or "no answer", ""
        if reason in NO_PICTURE:
            self.summary.no_picture[reason] += 1
            reason = "404"  # of this file, not of the service
        else:
            self.summary.failed[reason] += 1
        self.refusals = 0 if reason in ("404", "410") else self.refusals + 1
        if self.refusals >= PATIENCE:
            said = f"{self.place.label}: {PATIENCE} files in a row failed ({reason})"
            hints = HINTS | {leash.TOO_LARGE: "try a smaller --quality or a larger --max-bytes"}
            self.summary.stop(said, hints.get(reason, f"{GO_ON}, in a while"))
        self.bar.advance(1, failed=self.summary.failed.total())

    def log(self, level: str, name: str, message: str) -> None:
        if name == "urllib3.connectionpool":
            self.stale += '" ' in message  # an answer came
            if self.stale > STALE:
                said = f"{self.place.label}: nothing new in {STALE} requests, the listing turns in circles"
                self.summary.stop(said, "what came before is kept; ask for other tags")
        elif leash.NO_ROOM in message and self.arrivals:
            self.summary.stop(*disk_limit(self.arrivals))
        elif level == "error" and name != "download":
            self.trouble = message
        elif message.startswith("Unable to fetch download URL"):  # a post without any
            self.summary.posts += 1
            self.summary.hidden += 1
        elif waiting := re.match(r"Waiting for (.+?) until", message):
            self.bar.advance(0, waiting=printable(waiting[1]))
        elif trial := re.search(r"\((\d+/\d+)\)$", message):
            self.reason = reason_of(message) or self.reason
            self.bar.advance(0, waiting=f"{self.reason or 'no answer'}, try {trial[1]}")
        elif level == "warning":
            self.reason = reason_of(message) or self.reason

    def farewell(self, code: int) -> None:
        """gallery-dl's exit code is a sum: 4 failed files, 8 a bot check, 16 no account, 64 an unknown address."""
        label, url = self.place.label, self.place.url
        if code & 64 and code > 0:
            raise EshiError(f"gallery-dl cannot read {url}", "python -m gallery_dl --list-extractors shows what it can")
        if code > 0 and code & 16:
            hint = "give a gallery-dl configuration file with your key: --account FILE (docs/collecting.md)"
            self.summary.stop(f"{label} wants an account: {self.trouble}", hint)
        elif self.trouble or code not in (0, 4):
            reason = reason_of(self.trouble)
            said = self.trouble or self.last or f"gallery-dl ended with code {code}"
            if reason in leash.REFUSALS:
                said = f"the listing is {said.rpartition('Refused: ')[2]}"
            elif odd := re.match(r"An unexpected error occurred: (.*)\. Please run", said, re.DOTALL):
                said = f"gallery-dl cannot make sense of the answer: {odd[1]}"
            self.summary.stop(f"{label}: {said}", HINTS.get(reason, GO_ON))

    def full(self) -> bool:
        """Whether there is no room left; the summary says so."""
        if self.arrivals and not self.summary.stopped:
            most = self.arrivals.max_bytes
            if most is not None and self.arrivals.held >= most:
                self.summary.stop(*size_limit(self.arrivals), 0)
            elif shutil.disk_usage(self.arrivals.folder).free < self.min_free:
                self.summary.stop(*disk_limit(self.arrivals))
        return bool(self.summary.stopped)


def size_limit(held: Arrivals) -> tuple[str, str]:
    said = f"the size limit is reached: {held.held / 1e6:,.1f} MB of pictures in {held.folder}"
    return said, f"with a higher limit, {GO_ON}"


def disk_limit(held: Arrivals) -> tuple[str, str]:
    free = shutil.disk_usage(held.folder).free
    return f"only {free / 1e9:,.1f} GB left on the disk of {held.folder}", f"free some space: {GO_ON}"


def reason_of(message: str) -> str:
    """A few words for what gallery-dl warns of."""
    if code := re.search(r"'(\d{3}) |\((\d{3}) ", message):
        return code[1] or code[2]
    return next((reason for words, reason in REASONS.items() if words in message), "")
