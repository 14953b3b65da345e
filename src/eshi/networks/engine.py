"""Where it runs: device, precision, memory layout, optimisers, and randomness keyed by (seed, step)."""

import ctypes
import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from eshi.ground.cores import cores
from eshi.ground.errors import EshiError, near_miss
from eshi.networks.contracts import Kept, Network
from eshi.networks.shard import HERE

if TYPE_CHECKING:
    from eshi.gather.faceset import FaceSet  # which brings OpenCV

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

N = TypeVar("N", bound=Network)


@dataclass
class Engine:
    device: torch.device
    precision: str  # fp32 or bf16
    held: "tuple[str, Tensor] | None" = None  # the faces that lie on the device: their names, and all of them

    def autocast(self) -> AbstractContextManager[Any]:
        """Without a memory of cast weights among shards: it is one for all threads, and any of them empties it. Nor on
        NVIDIA GPUs, where a recorded step would keep using what was cast before."""
        bf16, alone = self.precision == "bf16", HERE.shard is None and self.device.type != "cuda"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16, cache_enabled=alone)

    def place(self, network: N) -> N:
        """On the device with channels last, which is what convolutions like."""
        return network.to(self.device, memory_format=torch.channels_last)

    def put(self, batch: np.ndarray) -> Tensor:
        """(N, H, W, 3) uint8 -> (N, 3, H, W) in [-1, 1]; the layout stays as packed, which is channels last."""
        return scaled(torch.from_numpy(batch).to(self.device, non_blocking=True))

    def batch(self, faces: "FaceSet", seed: int, step: int, count: int, rows: slice = slice(None)) -> Tensor:
        """`put` of those rows of a batch. Faces that lie on the device are picked and turned around there."""
        if self.held is None or self.held[0] != faces.content:
            return self.put(faces.batch(seed, step, count)[rows])
        index, flips = (torch.from_numpy(its[rows]).to(self.device) for its in faces.picks(seed, step, count))
        images = self.held[1][index]
        return scaled(torch.where(flips[:, None, None, None], images.flip(2), images))

    def hold(self, faces: "FaceSet") -> None:
        """The whole face set on the device, if it takes no more than a quarter of what is free there."""
        if self.device.type == "cuda" and faces.images.nbytes < torch.cuda.mem_get_info(self.device)[0] / 4:
            self.take(faces)

    def take(self, faces: "FaceSet") -> None:
        self.held = (faces.content, torch.from_numpy(np.array(faces.images)).to(self.device))

    def memory(self) -> float:
        """MB, the most so far, of the device, or of this process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 1e6
        if resource is None:
            return 0.0
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

    def adam(self, network: Network, lr: float, beta1: float, beta2: float) -> torch.optim.Adam:
        kind = self.device.type
        return Adam(network.parameters(), lr, (beta1, beta2), fused=kind != "mps", capturable=kind == "cuda")

    def describe(self) -> str:
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}, {self.precision}"
        threads = torch.get_num_threads()
        return f"{self.device.type}, {threads} thread{'s' if threads > 1 else ''}, {self.precision}"


class Adam(torch.optim.Adam):
    """torch's own, without what keeps its compiler out of it: that imports the compiler, a second of every start."""

    add_param_group, zero_grad, state_dict, load_state_dict = (
        inspect.unwrap(getattr(torch.optim.Adam, name))
        for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    )
    stepped = inspect.unwrap(torch.optim.Adam.step)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        self.stepped()
        keep(weight for group in self.param_groups for weight in group["params"])


@torch.no_grad()
def keep(weights: Iterable[Tensor]) -> None:
    """What obeys a rule does so again, where something was changed or taken from elsewhere."""
    for weight in weights:
        if isinstance(weight, Kept):
            weight.keep()


def scaled(images: Tensor) -> Tensor:
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def hold_memory(hold: bool = True) -> None:
    """Keep freed memory instead of giving it back to the kernel after every layer (glibc only).

    A feature map is tens of MB; malloc maps such blocks anew each time and the kernel zeroes every page of them, which
    cost a third of a CPU training step when measured (docs/LOG.md). The numbers are those of malloc.h.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    trim_threshold, mmap_max, arena_max = -1, -4, -8
    mallopt(arena_max, 1)  # threads, too: their own arenas have no room for a block above 64 MB
    mallopt(mmap_max, 0 if hold else 65536)
    mallopt(trim_threshold, 2**31 - 1 if hold else 128 * 1024)


def choose(device: str = "auto", precision: str = "auto") -> Engine:
    if (threads := torch.get_num_threads()) > 1 and threads > cores():  # torch overlooks what a container may use
        torch.set_num_threads(cores())
    there = {
        "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(),
        "xpu": torch.xpu.is_available(), "cpu": True,
    }  # fmt: skip
    if device == "auto":
        device = next(name for name, usable in there.items() if usable)
    if device not in there:
        raise EshiError(f"no device called '{device}'", f"cpu is always there; {near_miss(device, ['auto', *there])}")
    if not there[device]:
        raise EshiError(
            f"there is no {device} device that this torch can use", "cpu is always there, auto takes what is"
        )
    if precision == "auto":
        precision = "bf16" if fast_bf16(device) else "fp32"
    return Engine(torch.device(device), precision)


def fast_bf16(device: str) -> bool:
    """Only where the hardware multiplies bf16: emulation is slower than fp32."""
    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= 8
    return device == "cpu" and bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def keyed(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_everything(seed: int, step: int) -> None:
    """Step `step` draws the same numbers whether or not the steps before it were run: resuming needs no state."""
    number = keyed(seed, step)
    if torch.accelerator.is_available():
        torch.manual_seed(number)
    else:  # torch would write down who asked, for each kind of device that is not there
        torch.default_generator.manual_seed(number)


@contextmanager
def borrowed_randomness(number: int = 0) -> Iterator[None]:
    """torch's random numbers on the CPU begin at `number`, and afterwards go on for the caller as if nothing was."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(number)
    try:
        yield
    finally:
        torch.set_rng_state(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """For matrices this small threads gain nothing, and how many add up changes the last digits of the sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, "blas"):
            yield
    finally:
        torch.set_num_threads(threads)
