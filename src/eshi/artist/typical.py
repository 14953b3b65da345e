"""Which drawings are well drawn? Those that look like many others by the same generator.

What went wrong, an eye that melts, went wrong in its own way; what was learned well returns. D cannot say it: G has
learned to please it, so what it likes best is what G draws too seldom (docs/explore.md has both).
"""

import functools
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from eshi.networks.frozen import WEIGHTS
from eshi.networks.lite import Lite, sized

SIDE = 64  # px of the short side that is looked at
CROWD = 1000  # drawings at most that each is held against
NEAREST = 5


@functools.cache
def eyes(device: str) -> Lite:
    return Lite("lite1", WEIGHTS).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def forms(drawn: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> (N, F) of length 1: what is where, without colour, or the best would all be brown."""
    grey = sized((drawn.float().mean(dim=1, keepdim=True) + 1) * 127.5, SIDE, SIDE)
    spread, mean = torch.std_mean(grey, dim=(2, 3), keepdim=True)
    pixels = ((grey - mean) / spread.clamp_min(6) * 60 + 128).clamp(0, 255)
    return normalize(eyes(str(drawn.device))(pixels.expand(-1, 3, -1, -1))[-1].flatten(1))


def likeness(parts: Iterable[Tensor]) -> Iterator[Tensor]:
    """Of every drawing to the few of the first CROWD that are most like it. The parts may be more than fit into
    memory; each is answered in its turn, those of the crowd once it is complete."""
    parts = iter(parts)
    crowd: list[Tensor] = []
    while sum(len(found) for found in crowd) < CROWD and (part := next(parts, None)) is not None:
        crowd.append(forms(part))
    known = torch.cat(crowd)
    yield nearest(known, known, 1)
    for part in parts:
        yield nearest(forms(part), known)


def likenesses(images: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) uint8 -> (N,)"""
    parts = (
        torch.from_numpy(part).movedim(3, 1) / 127.5 - 1 for part in np.array_split(images, -(-len(images) // 100))
    )
    with torch.inference_mode():
        return torch.cat(list(likeness(parts))).numpy()


def nearest(found: Tensor, crowd: Tensor, leave: int = 0) -> Tensor:
    """`leave` out as many of the nearest: a drawing of the crowd is itself there."""
    count = min(NEAREST + leave, len(crowd))
    closest = (found @ crowd.T).topk(count, dim=1).values
    return closest[:, leave:].mean(dim=1) if count > leave else closest[:, 0]
