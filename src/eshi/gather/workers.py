"""The same function over many jobs: in this process, in several, or on a Ray cluster."""

import itertools
import os
import pickle
import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import IO, Any

import cv2

from eshi.ground import image
from eshi.ground.errors import EshiError

try:
    import fcntl
except ImportError:  # Windows, where processes do not wait for one another
    fcntl = None  # type: ignore[assignment]

SHARE = 200_000_000  # bytes that each process may take for decoding; what needs more goes one at a time in all
AHEAD = 3  # jobs handed out per worker: none waits for the next, and results do not pile up


def spread(
    work: Callable[[Any], Any], jobs: Iterable[tuple[Any, Any]], workers: int, on: str = "local"
) -> Iterator[tuple[Any, Any]]:
    """(name, what to work on) -> (name, result), in the order in which they are done."""
    if on == "ray":
        return over_ray(work, jobs, workers)
    if on != "local":
        raise EshiError(f"cannot work on '{on}'", "there are: local, ray")
    if workers == 1:
        return ((name, work(job)) for name, job in jobs)
    return over_processes(work, jobs, workers)


class Worker:
    """A fresh Python that does one job after the other, asked and answering over its pipes.

    Not a fork, for a fork of a program with threads (OpenCV's, a progress bar's) may hang; not multiprocessing's
    spawn, which runs the user's script again. It ends when its pipe does, so it does not outlive a killed parent.
    """

    START = (
        "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
        "from eshi.gather.workers import serve; serve()"
    )

    def __init__(self, work: Callable[[Any], Any], turn: IO[bytes]):
        command, shared = [sys.executable, "-c", self.START], [turn.fileno()] if fcntl else []
        self.process = subprocess.Popen(
            [*command, *map(str, shared)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=shared,
            start_new_session=True,  # Ctrl-C is the parent's business, also while a worker is still importing
        )  # fmt: skip
        self.send(sys.path)
        self.send(work)

    def send(self, message: Any) -> None:
        assert self.process.stdin
        pickle.dump(message, self.process.stdin)
        self.process.stdin.flush()

    def __call__(self, job: Any) -> Any:
        assert self.process.stdout
        try:
            self.send(job)
            result, error = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as lost:
            hint = "perhaps the memory ran out: try fewer --workers; the same command goes on where it was"
            raise EshiError("a worker process died", hint, 1) from lost
        if error:
            raise error
        return result

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def serve() -> None:
    """The worker's side. What a library prints does not go into the pipe."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    cv2.setNumThreads(1)  # the cores are shared out by process
    if sys.argv[1:]:
        image.room = image.Room(SHARE, lambda: alone(int(sys.argv[1])))
    work = pickle.load(sys.stdin.buffer)
    while True:
        try:
            job = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer: tuple[Any, Exception | None]
        try:
            answer = (work(job), None)
        except Exception as error:
            answer = (None, error)
        pickle.dump(answer, answers)
        answers.flush()


@contextmanager
def alone(turn: int) -> Iterator[None]:
    """The only one of all processes that hold this open file. The lock ends with its process, however that ends."""
    fcntl.lockf(turn, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(turn, fcntl.LOCK_UN)


def over_processes(
    work: Callable[[Any], Any], jobs: Iterable[tuple[Any, Any]], workers: int
) -> Iterator[tuple[Any, Any]]:
    with tempfile.TemporaryFile() as turn:
        todo, crew = iter(jobs), [Worker(work, turn) for _ in range(workers)]
        free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in crew:
            free.put(worker)

        def ask(job: Any) -> Any:
            worker = free.get()
            try:
                return worker(job)
            finally:
                free.put(worker)

        pool = ThreadPoolExecutor(workers)
        try:
            busy: dict[Future, Any] = {}
            while True:
                for name, job in itertools.islice(todo, workers * AHEAD - len(busy)):
                    busy[pool.submit(ask, job)] = name
                if not busy:
                    break
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    yield busy.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in crew:
                worker.stop()


def over_ray(work: Callable[[Any], Any], jobs: Iterable[tuple[Any, Any]], workers: int) -> Iterator[tuple[Any, Any]]:
    """On the cluster that RAY_ADDRESS names, or else on a Ray started here."""
    try:
        import ray  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise EshiError("Ray is not installed", "pip install 'eshi[ray]'") from error
    if not ray.is_initialized():
        away = "RAY_ADDRESS" in os.environ
        ray.init(log_to_driver=False, **({} if away else {"num_cpus": workers, "include_dashboard": False}))
        workers = max(workers, int(ray.cluster_resources().get("CPU", 1)))
    call = ray.remote(num_cpus=1)(on_node)
    shared, todo = ray.put(work), iter(jobs)
    busy: dict[Any, Any] = {}
    while True:
        for name, job in itertools.islice(todo, workers * AHEAD - len(busy)):
            busy[call.remote(sys.path, shared, job)] = name
        if not busy:
            break
        for done in ray.wait(list(busy))[0]:
            yield busy.pop(done), ray.get(done)


def on_node(path: list[str], work: Callable[[Any], Any], job: Any) -> Any:
    sys.path += [place for place in path if place not in sys.path]  # a finder of the user's own is found here too
    cv2.setNumThreads(1)
    return work(job)
