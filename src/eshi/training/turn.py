"""Trainings that want all cores take turns, a step each.

OpenMP's threads spin while they wait for one another, and where two trainings share their cores, mostly for one that
has none: each fell to a thirtieth of what it makes alone (docs/LOG.md). In turns each has half.
"""

from contextlib import suppress
from types import TracebackType
from typing import Self

import torch
from filelock import BaseFileLock, FileLock, Timeout

from eshi.ground import files
from eshi.ground.cores import bound, cores
from eshi.ground.errors import EshiError

PATIENCE = 30.0  # seconds: one that was halted in its turn keeps it, and nobody waits for it for ever
POLL = 0.001


class Turn:
    """`with` it nobody else has one. Not where two of this many threads have room, or where no file can be locked."""

    def __init__(self, device: torch.device):
        self.patience = PATIENCE
        self.locks: list[BaseFileLock] = []
        if device.type == "cpu" and 2 * torch.get_num_threads() > max(2, cores()):
            with suppress(EshiError, OSError):
                home = files.cache()
                home.mkdir(parents=True, exist_ok=True)
                mine = f"{sum(1 << core for core in bound()):x}"
                self.locks = [FileLock(home / f".cores-{mine}-{name}.lock") for name in ("next", "now")]

    def __enter__(self) -> Self:
        """Who waits to be next has nobody before it: who has just had a turn does not take the next one, too."""
        with suppress(OSError), suppress(Timeout):
            if self.locks:
                following, now = self.locks
                with following.acquire(self.patience, poll_interval=POLL):
                    now.acquire(self.patience, poll_interval=POLL)
                self.patience = PATIENCE
                return self
        self.patience = 0.0  # until it gets one again
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.locks:
            self.locks[1].release()
