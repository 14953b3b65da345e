"""What batch norms remember: the mean and deviation of what they saw in training. No weight tells which rectifier stood
between two layers, nor whence the latents came; but of all that may have been, one shows a norm the same again."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from eshi.ground.registry import GENERATORS
from eshi.networks.prior import PRIORS

COUNT, PIXELS = 128, 2**19  # drawings that are looked at, and of large ones so many pixels
RECTIFIERS = ("relu", "leaky", "")  # "": none
CLEAR = 1.5  # times nearer than the usual has to be what overrules it; they are shown the same latents
MANY = 81  # ways that are followed at once, where no norm decides between them
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
Way = tuple[str, ...]  # the prior, then a rectifier for each place


@torch.no_grad()
def remembered(
    part: dict[str, Any], state: dict[str, Tensor], size: int, prior: str = ""
) -> tuple[str, list[str], float]:
    """The prior, what stood in the place of each relu of a `chain`, and how far the norms' memory is from what they are
    shown then: 0.01 is usual, 1 a deviation. With a `prior` that one is believed."""
    G = GENERATORS.build(part, size=(size, size)).eval()
    G.load_state_dict(state)
    count = max(2, min(COUNT, PIXELS // size**2))
    priors = [prior] if prior else list(PRIORS)
    ways: dict[Way, Tensor] = {(name,): PRIORS[name].draw(count, G.latent, 0) for name in priors}
    worst, last = 0.0, max(i for i, layer in enumerate(G.layers) if isinstance(layer, NORMS))
    for layer in G.layers[: last + 1]:
        if isinstance(layer, nn.ReLU):
            words = RECTIFIERS if len(ways) * len(RECTIFIERS) <= MANY else RECTIFIERS[:1]
            ways = {(*way, word): bent(x, word) for way, x in ways.items() for word in words}
            continue
        if isinstance(layer, NORMS):
            way, off = nearest({way: surprise(layer, x) for way, x in ways.items()})
            ways, worst = {way: ways[way]}, max(worst, off)
        ways = {way: layer(x) for way, x in ways.items()}
    way = next(iter(ways))
    more = sum(isinstance(layer, nn.ReLU) for layer in G.layers) - len(way[1:])
    before = next((word for word in reversed(way[1:]) if word), RECTIFIERS[0])  # behind the last norm, as before it
    return way[0], [*way[1:], *[before] * more], worst


def bent(x: Tensor, word: str) -> Tensor:
    if not word:
        return x
    return torch.relu(x) if word == "relu" else nn.functional.leaky_relu(x, 0.2)


def surprise(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> float:
    """In squared deviations, and in squared logarithms of their ratio."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    deviation, mean = torch.std_mean(x, [axis for axis in range(x.ndim) if axis != 1])
    usual = norm.running_var.clamp_min(0).sqrt() + norm.eps
    off = float(((mean - norm.running_mean) / usual).square().mean())
    off += float(torch.log((deviation + norm.eps) / usual).square().mean())
    return off if math.isfinite(off) else math.inf


def nearest(odd: dict[Way, float]) -> tuple[Way, float]:
    """The usual way, if there is one, unless another is clearly nearer."""
    best, usual = min(odd, key=lambda way: odd[way]), next(iter(odd))
    chosen = best if odd[best] * CLEAR < odd[usual] else usual
    return chosen, odd[chosen]
