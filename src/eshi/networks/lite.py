"""EfficientNet-Lite (Tan and Le 2019, Apache-2.0) without its last blocks and with its batch norms folded in.

`lite0` is what the judge looks through, `lite1` what the frozen teacher looks through: docs/judge.md says why not one.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh, interpolate, pad

# kernel, stride, expansion, channels: the table of EfficientNet-B0 without squeeze-and-excitation
STAGES = ((3, 1, 1, 16), (3, 2, 6, 24), (5, 2, 6, 40), (3, 2, 6, 80), (5, 1, 6, 112))
REPEATS = {"lite0": (1, 2, 2, 3, 3), "lite1": (1, 3, 3, 4, 4)}  # how often each stage's block
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which it was trained on


class Conv(nn.Module):
    """A convolution with its batch norm folded in, padded as TensorFlow pads: more at the end where it is uneven."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True):
        super().__init__()
        extra = kernel - stride  # for sizes that the stride divides
        self.edges = (extra // 2, extra - extra // 2) * 2 if stride > 1 else None
        self.conv = nn.Conv2d(ins, outs, kernel, stride, 0 if self.edges else kernel // 2, groups=groups)
        self.active = active
        # oneDNN has no bf16 kernel for the gradient of a strided depthwise convolution: 1.4 ms an image against 0.06.
        self.full = stride > 1 and groups > 1

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, self.edges) if self.edges else x
        with torch.autocast(x.device.type, enabled=torch.is_autocast_enabled(x.device.type) and not self.full):
            x = self.conv(x.float() if self.full else x)
        # Not clamp, whose gradient takes three passes over the map: half of the whole backward pass.
        return hardtanh(x, 0.0, 6.0, inplace=True) if self.active else x


class Block(nn.Module):
    """Widen, filter each channel, narrow; with a way around where the shape stays."""

    def __init__(self, ins: int, outs: int, kernel: int, stride: int, expand: int):
        super().__init__()
        wide = ins * expand
        widen = [Conv(ins, wide, 1)] if expand > 1 else []
        self.steps = nn.Sequential(*widen, Conv(wide, wide, kernel, stride, wide), Conv(wide, outs, 1, active=False))
        self.around = stride == 1 and ins == outs

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.steps(x)
        return out + x if self.around else out


class Lite(nn.Module):
    """(N, 3, H, W) in [0, 255] -> the map after each stage: 16 channels at 1/2 of the side, 24 at 1/4, 40 at 1/8, 80
    and 112 at 1/16. It never learns: its weights are buffers that no optimiser, checkpoint or `requires_grad_` sees."""

    mean: Tensor
    std: Tensor

    def __init__(self, name: str, weights: Path):
        super().__init__()
        self.name = name
        layers: list[nn.Module] = [Conv(3, 32, 3, 2)]
        self.ends: list[int] = []
        ins = 32
        for repeats, (kernel, stride, expand, outs) in zip(REPEATS[name], STAGES, strict=True):
            for i in range(repeats):
                layers.append(Block(ins, outs, kernel, stride if i == 0 else 1, expand))
                ins = outs
            self.ends.append(len(layers) - 1)
        self.layers = nn.Sequential(*layers)
        self.register_buffer("mean", 255 * torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        with np.load(weights) as stored:
            self.load_state_dict({key: torch.from_numpy(stored[key]).float() for key in stored.files})
        freeze(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        x, maps = (images - self.mean) / self.std, []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.ends:
                maps.append(x)
        return maps


def sized(x: Tensor, smallest: int, largest: int) -> Tensor:
    """Pixels within what the network can read: every side a multiple of 16, the short one from smallest to largest."""
    height, width = x.shape[2:]
    short = min(height, width)
    scale = min(max(short, smallest), largest) / short
    to = [max(smallest, round(side * scale / 16) * 16) for side in (height, width)]
    if to == [height, width]:
        return x
    return interpolate(x, size=to, mode="bicubic", antialias=True, align_corners=False).clamp_(0, 255)


def freeze(network: nn.Module) -> None:
    """Every weight becomes a buffer that is not stored: part of the code, not of what a run has learned."""
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, weight.detach(), persistent=False)
