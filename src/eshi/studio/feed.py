"""What happens, told to every browser that listens: server-sent events."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WAITING = 500  # events that one listener may be behind; one that sleeps longer is let go, and comes back by itself
LISTENERS = 24
News = tuple[str, dict[str, Any]]


class Feed:
    def __init__(self) -> None:
        self.lock, self.ears = threading.Lock(), set[queue.Queue[News | None]]()

    @contextmanager
    def heard(self) -> Iterator["queue.Queue[News | None] | None"]:
        """A queue of news, None in it for the end; or None where too many listen already."""
        ear: queue.Queue[News | None] = queue.Queue(WAITING)
        with self.lock:
            free = len(self.ears) < LISTENERS
            if free:
                self.ears.add(ear)
        try:
            yield ear if free else None
        finally:
            with self.lock:
                self.ears.discard(ear)

    def tell(self, kind: str, **facts: Any) -> None:
        with self.lock:
            for ear in list(self.ears):
                try:
                    ear.put_nowait((kind, facts))
                except queue.Full:
                    self.ears.discard(ear)

    def end(self) -> None:
        with self.lock:
            for ear in self.ears:
                while ear.full():
                    ear.get_nowait()
                ear.put_nowait(None)

    def listening(self, ear: "queue.Queue[News | None]") -> bool:
        with self.lock:
            return ear in self.ears


def written(news: News) -> bytes:
    kind, facts = news
    return f"event: {kind}\ndata: {json.dumps(facts)}\n\n".encode()
