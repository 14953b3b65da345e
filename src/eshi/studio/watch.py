"""Looks at the disk while a browser listens: whoever changes a verdict or trains a run, the pages hear of it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from eshi.gather import catalogue, verdicts
from eshi.ground.errors import EshiError
from eshi.run import logbook
from eshi.studio.feed import Feed

SECONDS = 0.5
MOST = 200  # things looked at; those asked for last


def stamp(*files: Path) -> tuple[Any, ...]:
    """Changes when one of them does."""
    found: list[Any] = []
    for file in files:
        try:
            state = file.stat()
            found.append((state.st_mtime_ns, state.st_size))
        except OSError:
            found.append(None)
    return tuple(found)


STAMPS: dict[str, Callable[[Path], tuple[Any, ...]]] = {
    "verdicts": lambda home: stamp(home / verdicts.NAME),
    "faces": lambda home: stamp(home / catalogue.NAME),
    "run": lambda folder: stamp(folder / logbook.NAME, folder / "last.pt", folder / "samples"),
}


class Watch:
    """`faces` and `runs` name what a page shows; a change of it is told to the feed."""

    def __init__(self, feed: Feed):
        self.feed, self.lock = feed, threading.Lock()
        self.seen: dict[tuple[str, str], tuple[Path, tuple[Any, ...]]] = {}
        self.hands: dict[str, dict[str, str]] = {}
        self.now = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self.go_on, daemon=True).start()

    def faces(self, at: str, home: Path, hand: dict[str, str]) -> None:
        """A page shows these faces, and knows `hand` of a person's verdicts."""
        with self.lock:
            self.hands[at] = hand
            self.keep(("verdicts", at), home, stamp(home / verdicts.NAME))
            self.keep(("faces", at), home, stamp(home / catalogue.NAME))

    def run(self, at: str, folder: Path) -> None:
        with self.lock:
            self.keep(("run", at), folder, STAMPS["run"](folder))

    def keep(self, key: tuple[str, str], path: Path, seen: tuple[Any, ...]) -> None:
        self.seen.pop(key, None)
        self.seen[key] = (path, seen)
        while len(self.seen) > MOST:
            self.seen.pop(next(iter(self.seen)))

    def poke(self) -> None:
        """Something was just changed: look at once."""
        self.now.set()

    def go_on(self) -> None:
        while True:
            self.now.wait(SECONDS)
            self.now.clear()
            if self.feed.ears:
                self.look()

    def look(self) -> None:
        with self.lock:
            for key, (path, before) in list(self.seen.items()):
                after = STAMPS[key[0]](path)
                if after != before:
                    self.seen[key] = (path, after)
                    with suppress(EshiError):
                        self.tell(*key, path)

    def tell(self, kind: str, at: str, path: Path) -> None:
        if kind != "verdicts":
            self.feed.tell(kind, at=at, changed=time.time())
            return
        acts = verdicts.acts(path)
        hand = verdicts.verdicts(path)
        before = self.hands.get(at, {})
        changed = {f: hand.get(f) for f in {*hand, *before} if hand.get(f) != before.get(f)}
        self.hands[at] = hand
        if changed:
            self.feed.tell("verdicts", at=at, changed=changed, depth=len(acts))
