"""The one progress bar of all long work: rich in a terminal, a plain line now and then elsewhere."""

import sys
import time
from collections import deque
from types import TracebackType
from typing import Any, Self

from eshi.ground.figures import clock

quiet = False  # set by the command line's --quiet
PLAIN_SECONDS = 15.0  # between two plain lines
WINDOW = 30.0  # seconds that the rate looks back: what is to come goes like the present, not like the start


class Progress:
    """`with Progress("packing", total, "images") as bar: bar.advance(8, broken=1)`.

    Facts given to `advance` stand beside the bar until they are given anew.
    """

    def __init__(self, what: str, total: int | None = None, unit: str = "images", done: int = 0):
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self.start = self.spoken = time.monotonic()
        self.marks = deque([(self.start, done)])
        self.facts: dict[str, Any] = {}
        self.bar: Any = None

    @property
    def rate(self) -> float:
        then, done = self.marks[0]
        return (self.done - done) / max(time.monotonic() - then, 1e-9)

    def __enter__(self) -> Self:
        if not quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Rich

            columns = TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[text]}")
            self.bar = Rich(*columns, console=Console(stderr=True), refresh_per_second=8)
            self.bar.start()
            self.bar.add_task(self.what, total=self.total, completed=self.done, text="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar:
            self.show()
            self.bar.stop()
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
        if self.bar:
            self.show()
        elif not quiet and now - self.spoken > PLAIN_SECONDS:
            self.say()

    def text(self) -> str:
        of = f"/{self.total:,}" if self.total else ""
        words = [f"{self.done:,}{of} {self.unit}", f"{self.rate:,.0f}/s" if self.rate >= 10 else f"{self.rate:.2g}/s"]
        if self.total and self.rate:
            words.append(f"ETA {clock(max(0, self.total - self.done) / self.rate)}")
        return "  ".join(words + [f"{name} {value}" for name, value in self.facts.items()])

    def show(self) -> None:
        self.bar.update(self.bar.task_ids[0], completed=self.done, text=self.text())

    def say(self) -> None:
        self.spoken = time.monotonic()
        print(f"{self.what}: {self.text()}", file=sys.stderr, flush=True)


def note(text: str) -> None:
    if not quiet:
        print(text, file=sys.stderr, flush=True)
