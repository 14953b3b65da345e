"""The one progress bar of all long work: rich in a terminal, a plain line now and then elsewhere.

Whoever else wants to know, such as a page in a browser, listens with `heard_by`.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TextIO

from eshi.ground.figures import clock, printable

quiet = False  # set by the command line's --quiet
PLAIN_SECONDS = 15.0  # between two plain lines
HEARD_SECONDS = 0.1  # between two calls of a listener
WINDOW = 30.0  # seconds that the rate looks back: what is to come goes like the present, not like the start
BAR, SHORT = 24, 8  # its characters, where there is room and where there is little
NAME = 16  # characters that the name keeps even then


@dataclass(frozen=True)
class Told:
    """How far some work is; `over` with the last word about it."""

    what: str
    done: int
    total: int | None
    unit: str
    rate: float
    facts: dict[str, Any]
    over: bool = False


Ear = Callable[[Told | str], None]  # a str is a note
listener: ContextVar[Ear | None] = ContextVar("listener", default=None)


@contextmanager
def heard_by(ear: Ear) -> Iterator[None]:
    """Within it, this thread's work is told to `ear` and not shown."""
    before = listener.set(ear)
    try:
        yield
    finally:
        listener.reset(before)


class Progress:
    """`with Progress("packing", total, "images") as bar: bar.advance(8, broken=1)`.

    Facts given to `advance` stand beside the bar until they are given anew. Those given to `keep` are the last to go
    where the line is too narrow for all.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "images", done: int = 0):
        self.what, self.total, self.unit, self.done = printable(what), total, unit, done
        self.start = self.spoken = time.monotonic()
        self.marks = deque([(self.start, done)])
        self.facts: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}
        self.bar: Any = None
        self.ear = listener.get()

    @property
    def rate(self) -> float:
        then, done = self.marks[0]
        return (self.done - done) / max(time.monotonic() - then, 1e-9)

    def __enter__(self) -> Self:
        if not quiet and not self.ear and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Rich

            plain = [TextColumn(f"{{task.{what}}}", markup=False) for what in ("description", "fields[text]")]
            columns = plain[0], BarColumn(bar_width=BAR), plain[1]
            self.bar = Rich(*columns, console=Console(stderr=True), refresh_per_second=8)
            with suppress(OSError):
                self.bar.start()
            self.bar.add_task(self.what, total=self.total, completed=self.done, text="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.ear:
            self.tell(over=True)
        elif self.bar:
            for last in (self.show, self.bar.stop):
                with suppress(OSError):  # the terminal is gone; the work is not
                    last()
        elif not quiet and time.monotonic() - self.start > PLAIN_SECONDS:
            self.say()

    def advance(self, n: int = 1, **facts: Any) -> None:
        self.done += n
        self.facts.update(facts)
        now = time.monotonic()
        if now - self.marks[-1][0] > 1:
            self.marks.append((now, self.done))
        while len(self.marks) > 1 and self.marks[1][0] < now - WINDOW:
            self.marks.popleft()
        if self.ear:
            if now - self.spoken > HEARD_SECONDS:
                self.tell()
        elif self.bar:
            with suppress(OSError):
                self.show()
        elif not quiet and now - self.spoken > PLAIN_SECONDS:
            self.say()

    def keep(self, **facts: Any) -> None:
        self.kept.update(facts)
        self.advance(0)

    def text(self) -> str:
        return "  ".join(self.words())

    def words(self) -> list[str]:
        """What is told, the most important first."""
        of = f"/{self.total:,}" if self.total else ""
        words = [f"{self.done:,}{of} {self.unit}", *told(self.kept)]
        if self.total and self.rate:
            words.append(f"ETA {clock(max(0, self.total - self.done) / self.rate)}")
        words.append(f"{self.rate:,.0f}/s" if self.rate >= 10 else f"{self.rate:.2g}/s")
        return words + told(self.facts)

    def fitted(self, width: int) -> tuple[str, int, str]:
        """Name, length of the bar, and words, for a line of `width` characters. The name and the bar give way first,
        then what is told last; the count and what is kept stay to the end.
        """
        words, least = self.words(), min(len(self.what), NAME) + SHORT + 2
        while len(words) > 1 and len("  ".join(words)) > width - least:
            words.pop()
        text = "  ".join(words)
        room = width - 2 - len(text)  # for name and bar
        long = max(min(len(self.what), room - SHORT), min(len(self.what), NAME))
        name = self.what if len(self.what) == long else "…" + self.what[1 - long :]  # a path says most at its end
        return name, min(BAR, max(SHORT, room - long)), text

    def show(self) -> None:
        name, bar, text = self.fitted(self.bar.console.width)
        self.bar.columns[1].bar_width = bar
        self.bar.update(self.bar.task_ids[0], description=name, completed=self.done, total=self.total, text=text)

    def say(self) -> None:
        self.spoken = time.monotonic()
        say(f"{self.what}: {self.text()}")

    def tell(self, over: bool = False) -> None:
        self.spoken = time.monotonic()
        if self.ear:
            facts = {**self.kept, **self.facts}
            self.ear(Told(self.what, self.done, self.total, self.unit, self.rate, facts, over))


def told(facts: dict[str, Any]) -> list[str]:
    return [printable(f"{name} {value}".strip()) for name, value in facts.items()]


def note(text: str) -> None:
    if ear := listener.get():
        ear(text)
    elif not quiet:
        say(text)


def say(text: str) -> None:
    """A line on standard error. Where nobody can read it any more, the work goes on without."""
    try:
        if sys.stderr:  # there is none in a program without a console
            print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)
    except (OSError, ValueError):  # a pipe whose reader is gone, a terminal that was closed
        mute(sys.stderr)


def mute(stream: TextIO) -> None:
    """What is written to it from now on, also at the very end, goes nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
