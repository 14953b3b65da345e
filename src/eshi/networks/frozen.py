"""A discriminator that looks through a network which has seen the world and never learns (projected GAN: Sauer et al.
2021, arXiv:2111.01007): only the small heads on its maps are trained."""

import math
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate
from torch.nn.utils.parametrizations import spectral_norm

from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS
from eshi.ground.schema import Range
from eshi.networks.contracts import pair
from eshi.networks.lite import Lite, freeze

WEIGHTS = Path(__file__).with_name("lite1.npz")
TAPS = {1: 24, 2: 40, 4: 112}  # stage -> channels, at 1/4, 1/8 and 1/16 of the side
CHANNELS = 64  # of every map after mixing
LARGEST = 128  # px that it looks at: of larger pictures a smaller copy


@DISCRIMINATORS.register("frozen")
class Frozen(nn.Module):
    """(N, 3, size, size) in [-1, 1], or what `see` made of it -> (N, 3) logits, one from each depth."""

    def __init__(
        self,
        size: int | tuple[int, int],
        width: Annotated[int, Range(1, 512)] = 128,
        mix: Annotated[int, Range(0)] = 0,
    ):
        super().__init__()
        self.size = wide, high = pair(size)
        scale = min(1.0, LARGEST / min(wide, high))
        self.look = (round(high * scale / 16) * 16, round(wide * scale / 16) * 16)
        self.shapes = [(CHANNELS, self.look[0] // by, self.look[1] // by) for by in (4, 8, 16)]
        self.lite = Lite("lite1", WEIGHTS)
        self.mixing = Mixing(mix)
        self.heads = nn.ModuleList(make_head(*shape, width) for shape in self.shapes)

    @staticmethod
    def fits(size: int | tuple[int, int], **others: Any) -> None:
        """Its deepest map is a sixteenth of a picture."""
        if (short := min(pair(size))) < 16:
            raise EshiError(f"the discriminator 'frozen' sees nothing in {short} px", "it needs 16 px or more")

    def see(self, images: Tensor) -> Tensor:
        """(N, F): the mixed maps of all depths in one row. No head has a part in it, so D's turn and G's share it."""
        if images.shape[2:] != self.look:
            images = interpolate(images.float(), size=self.look, mode="bilinear", antialias=True, align_corners=False)
        stages = self.lite((images + 1) * 127.5)
        maps = self.mixing([stages[tap] for tap in TAPS])
        return torch.cat([m.permute(0, 2, 3, 1).flatten(1) for m in maps], dim=1)

    def forward(self, seen: Tensor) -> Tensor:
        return self.read(seen)[0]

    def read(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        if seen.ndim == 4:
            seen = self.see(seen)
        parts = torch.split(seen, [math.prod(shape) for shape in self.shapes], dim=1)
        maps = [p.reshape(-1, h, w, c).permute(0, 3, 1, 2) for p, (c, h, w) in zip(parts, self.shapes, strict=True)]
        last = [head[:-2](m) for head, m in zip(self.heads, maps, strict=True)]  # type: ignore[index]
        told = [head[-2:](m) for head, m in zip(self.heads, last, strict=True)]  # type: ignore[index]
        alike = [adaptive_avg_pool2d(m, last[0].shape[2:]).flatten(1) for m in last]  # at 32 px one is smaller
        return torch.cat(told, dim=1).float(), torch.stack(alike, dim=1)  # (N, 3), (N, 3, F)


class Mixing(nn.Module):
    """Maps to maps of CHANNELS each, by fixed random weights: across channels (1x1), then from the coarse to the fine
    (3x3), so that no head can rest on a few strong features. The weights follow from `seed` and are stored nowhere."""

    def __init__(self, seed: int):
        super().__init__()
        self.narrow = nn.ModuleList(nn.Conv2d(count, CHANNELS, 1) for count in TAPS.values())
        self.join = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in TAPS)
        chance = torch.Generator().manual_seed(seed)
        for layer in (*self.narrow, *self.join):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear", generator=chance)
            nn.init.zeros_(layer.bias)
        freeze(self)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [narrow(m) for narrow, m in zip(self.narrow, maps, strict=True)]
        mixed: list[Tensor] = []
        for m, join in zip(reversed(maps), reversed(self.join), strict=True):  # coarse first
            if mixed:
                m = m + interpolate(mixed[0], size=m.shape[2:], mode="bilinear", align_corners=False)
            mixed.insert(0, join(m))
        return mixed


def make_head(ins: int, height: int, width: int, hidden: int) -> nn.Module:
    """Halve to 3 or 4 px, then one logit from all that is left; a map that is small already gets one 3x3 layer."""
    layers: list[nn.Module] = []
    while not layers or min(height, width) > 4:
        kernel, stride = (4, 2) if min(height, width) > 4 else (3, 1)
        conv = spectral_norm(nn.Conv2d(ins, hidden, kernel, stride, 1))
        layers += [conv, nn.BatchNorm2d(hidden), nn.LeakyReLU(0.2, inplace=True)]
        ins, height, width = hidden, height // stride, width // stride
    return nn.Sequential(*layers, spectral_norm(nn.Conv2d(ins, 1, (height, width))), nn.Flatten())
