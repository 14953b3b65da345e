"""Processes that learn together, on one machine or several: torchrun starts them. The first one leads: it alone writes
the run, and tells the others what to do."""

import datetime
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from eshi.ground.errors import EshiError
from eshi.ground.interrupt import ASKING

PATIENCE = datetime.timedelta(days=1)  # between two words of the first: it may be packing a million faces


class Ranks:
    """What they say to one another: all must say it, in the same order."""

    def __init__(self, device: torch.device):
        self.rank, self.size, self.device = dist.get_rank(), dist.get_world_size(), device
        self.busy = False  # amid a step

    def gathered(self, mine: Tensor) -> Tensor:
        """(n, ...) of each -> (size x n, ...), in the order of the ranks."""
        found = mine.new_empty(self.size * len(mine), *mine.shape[1:])
        with together():
            dist.all_gather(list(found.chunk(self.size)), mine.contiguous())
        return found

    def tell(self, words: dict[str, Any], content: bytes = b"") -> None:
        """From the first to the others."""
        head = json.dumps(words).encode()
        with together():
            dist.broadcast(torch.tensor([len(head), len(content)], device=self.device), 0)
            dist.broadcast(torch.frombuffer(bytearray(head + content), dtype=torch.uint8).to(self.device), 0)

    def told(self) -> tuple[dict[str, Any], bytes]:
        sizes = torch.zeros(2, dtype=torch.int64, device=self.device)
        with together():
            dist.broadcast(sizes, 0)
            head, content = map(int, sizes)
            found = torch.empty(head + content, dtype=torch.uint8, device=self.device)
            dist.broadcast(found, 0)
        said = found.cpu().numpy().tobytes()
        return json.loads(said[:head]), said[head:]

    def same(self, mine: str, its: str) -> None:
        if mine != its:
            what = f"process {self.rank} of {self.size} sees other faces than the first one"
            raise EshiError(what, "every machine needs the same folder of faces", 1)


@contextmanager
def together() -> Iterator[None]:
    """What torch says of a lost connection means that another process died."""
    try:
        yield
    except RuntimeError as error:
        what = "a process that learned with this one died"
        raise EshiError(what, "it has said why; the same command goes on from the last checkpoint", 1) from error


def launched() -> int:
    """How many processes torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


@contextmanager
def company(device: torch.device) -> Iterator[Ranks | None]:
    """Those that torchrun started, this one among them. Ctrl-C, which reaches all, is the business of the first."""
    if launched() == 1:
        yield None
        return
    if device.type == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        if dist.get_rank():
            for name in ASKING:
                if hasattr(signal, name):
                    signal.signal(getattr(signal, name), signal.SIG_IGN)
        yield Ranks(device)
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
