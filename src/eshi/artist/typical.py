"""Which drawings are well drawn? Those that look like many others by the same generator.

What went wrong, an eye that melts, went wrong in its own way; what was learned well returns. D cannot say it: G has
learned to please it, so what it likes best is what G draws too seldom (docs/explore.md has both).
"""

import functools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from eshi.networks.frozen import WEIGHTS
from eshi.networks.lite import Lite

SIDE = 64  # px of the short side that is looked at
CROWD = 1000  # drawings at most that each is held against
NEAREST = 5


@functools.cache
def eyes(device: str) -> Lite:
    return Lite("lite1", WEIGHTS).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def forms(drawn: Tensor) -> Tensor:
    """(N, 3, H, W) in [-1, 1] -> (N, F) of length 1: what is where, without colour, or the best would all be brown."""
    grey = drawn.float().mean(dim=1, keepdim=True)
    flat = grey.flatten(1)
    mean, spread = flat.mean(1)[:, None, None, None], flat.std(1).clamp_min(0.05)[:, None, None, None]
    scale = SIDE / min(grey.shape[2:])
    size = [round(side * scale / 16) * 16 for side in grey.shape[2:]]
    if list(grey.shape[2:]) != size:
        grey = interpolate(grey, size=size, mode="bicubic", antialias=True, align_corners=False)
    pixels = ((grey - mean) / spread * 60 + 128).clamp(0, 255)
    return normalize(eyes(str(drawn.device))(pixels.expand(-1, 3, -1, -1))[-1].flatten(1))


def likeness(parts: Iterable[Tensor]) -> Iterator[Tensor]:
    """Of every drawing to the few of the first CROWD that are most like it. The parts may be more than fit into
    memory; each is answered in its turn, those of the crowd once it is complete."""
    crowd: list[Tensor] = []
    known: Tensor | None = None
    for part in parts:
        found = forms(part)
        if known is None:
            crowd.append(found)
            if sum(map(len, crowd)) >= CROWD:
                known = torch.cat(crowd)
                yield nearest(known, known, 1)
            continue
        yield nearest(found, known)
    if known is None and crowd:
        known = torch.cat(crowd)
        yield nearest(known, known, 1)


def nearest(found: Tensor, crowd: Tensor, leave: int = 0) -> Tensor:
    """`leave` out as many of the nearest: a drawing of the crowd is itself there."""
    count = min(NEAREST + leave, len(crowd))
    closest = (found @ crowd.T).topk(count, dim=1).values
    return closest[:, leave:].mean(dim=1) if count > leave else closest[:, 0]
