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
        self.lock, self.ears = threading.Lock(), dict[queue.Queue[News | None], None]()  # the longest listening first

    @contextmanager
    def heard(self) -> Iterator["queue.Queue[News | None]"]:
        """A queue of news, None in it for the end. Where too many listen, the one of longest is let go: most likely its
        page is closed, which only shows at the next sign of life; if not, it comes back by itself."""
        ear: queue.Queue[News | None] = queue.Queue(WAITING)
        with self.lock:
            while len(self.ears) >= LISTENERS:
                self.dismiss(next(iter(self.ears)))
            self.ears[ear] = None
        try:
            yield ear
        finally:
            with self.lock:
                self.ears.pop(ear, None)

    def dismiss(self, ear: "queue.Queue[News | None]") -> None:
        self.ears.pop(ear, None)
        while ear.full():
            ear.get_nowait()
        ear.put_nowait(None)

    def tell(self, kind: str, **facts: Any) -> None:
        with self.lock:
            for ear in list(self.ears):
                try:
                    ear.put_nowait((kind, facts))
                except queue.Full:
                    self.dismiss(ear)

    def end(self) -> None:
        with self.lock:
            for ear in list(self.ears):
                self.dismiss(ear)

    def listening(self, ear: "queue.Queue[News | None]") -> bool:
        with self.lock:
            return ear in self.ears


def written(news: News) -> bytes:
    kind, facts = news
    return f"event: {kind}\ndata: {json.dumps(facts)}\n\n".encode()
