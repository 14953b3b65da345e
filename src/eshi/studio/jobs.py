"""Work that takes long: one worker, a queue in which everybody knows his place, and each can be called off."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eshi.ground import progress
from eshi.ground.errors import EshiError
from eshi.ground.progress import Told, heard_by
from eshi.studio.ask import Answer
from eshi.studio.feed import Feed

QUEUE = 20  # jobs that may wait
KEPT = 30  # that are over and still shown
RESULTS = 4  # whose pictures are still held
NOTES = 20
OVER = ("done", "failed", "called off")


@dataclass
class Job:
    number: int
    what: str
    room: str  # the page that asked for it
    call: Callable[[], Any]
    state: str = "waiting"
    told: Told | None = None
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=NOTES))
    result: Any = None  # plain values, or an Answer
    error: str = ""
    started: float = 0.0
    ended: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)


class Jobs:
    def __init__(self, feed: Feed):
        self.feed, self.change = feed, threading.Condition()
        self.waiting: deque[Job] = deque()
        self.all: dict[int, Job] = {}
        self.numbers = itertools.count(1)
        self.worker: threading.Thread | None = None

    def add(self, what: str, room: str, call: Callable[[], Any]) -> dict[str, Any]:
        with self.change:
            if len(self.waiting) >= QUEUE:
                raise EshiError(f"{QUEUE} jobs are waiting already", "call one off, or wait", 1)
            job = Job(next(self.numbers), what, room, call)
            self.all[job.number] = job
            self.waiting.append(job)
            self.forget()
            if self.worker is None:
                self.worker = threading.Thread(target=self.work, daemon=True)
                self.worker.start()
            self.change.notify_all()
        self.tell(job)
        return self.about(job)

    def cancel(self, number: int) -> dict[str, Any]:
        with self.change:
            job = self.found(number)
            job.stop.set()
            if job in self.waiting:
                self.waiting.remove(job)
                job.state, job.ended = "called off", time.time()
        self.tell(job)
        return self.about(job)

    def found(self, number: int) -> Job:
        if number not in self.all:
            raise EshiError(f"there is no job {number}", "it is over since long, or the studio was started anew")
        return self.all[number]

    def listed(self) -> list[dict[str, Any]]:
        with self.change:
            return [self.about(job) for job in reversed(self.all.values())]

    def about(self, job: Job) -> dict[str, Any]:
        told = job.told
        how_far = told and {
            "what": told.what, "done": told.done, "total": told.total, "unit": told.unit, "rate": round(told.rate, 3),
            "facts": {name: str(value) for name, value in told.facts.items()},
        }  # fmt: skip
        place = self.waiting.index(job) + 1 if job in self.waiting else 0
        result = {"pictures": True} if isinstance(job.result, Answer) else job.result
        return {
            "job": job.number, "what": job.what, "room": job.room, "state": job.state, "place": place,
            "progress": how_far, "notes": list(job.notes), "error": job.error, "result": result,
            "seconds": round((job.ended or time.time()) - job.started, 1) if job.started else 0.0,
        }  # fmt: skip

    def tell(self, job: Job) -> None:
        with self.change:
            told = [self.about(one) for one in (job, *self.waiting) if one is job or one.state == "waiting"]
        for one in told:
            self.feed.tell("job", **one)

    def forget(self) -> None:
        over = [job for job in self.all.values() if job.state in OVER]
        for job in over[:-KEPT]:
            del self.all[job.number]
        for job in [job for job in over if isinstance(job.result, Answer)][:-RESULTS]:
            job.result = None

    def work(self) -> None:
        while True:
            with self.change:
                self.change.wait_for(lambda: bool(self.waiting))
                job = self.waiting.popleft()
                job.state, job.started = "at work", time.time()
            self.tell(job)
            self.do(job)
            with self.change:
                job.ended = time.time()
                self.forget()
            self.tell(job)

    def do(self, job: Job) -> None:
        def ear(said: Told | str) -> None:
            if job.stop.is_set():
                raise KeyboardInterrupt  # as Ctrl-C would: whatever it does then, it can go on later
            if isinstance(said, Told):
                job.told = said
            else:
                job.notes.append(said)
            self.tell(job)

        try:
            with heard_by(ear):
                job.result = job.call()
            job.state = "done"
        except KeyboardInterrupt:
            job.state = "called off"
        except EshiError as error:
            job.state, job.error = "failed", f"{error}" + (f" ({error.hint})" if error.hint else "")
        except Exception as error:
            progress.note(f"the studio's job '{job.what}' broke: {type(error).__name__}: {error}")
            job.state, job.error = "failed", f"this should not have happened: {type(error).__name__}: {error}"
