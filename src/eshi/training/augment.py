"""What D sees instead of the bare images, differentiable: a small face set lasts longer, and details come near."""

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from eshi.ground.registry import AUGMENTATIONS
from eshi.ground.schema import Range, Share
from eshi.networks.shard import rand, randint


@AUGMENTATIONS.register("none")
@dataclass
class Nothing:
    def __call__(self, images: Tensor) -> Tensor:
        return images


@AUGMENTATIONS.register("diff")
@dataclass
class DiffAugment:
    """Zhao et al. 2020 (arXiv:2006.10738): colour, shift by up to an eighth, a square cut out. And `zoom`: a part of
    each image, enlarged by up to so much, so that D sees eyes from near and the whole face by turns."""

    colour: bool = True
    shift: Share = 0.125
    cutout: Share = 0.5
    zoom: Annotated[float, Range(1, 8)] = 1.0

    def __call__(self, images: Tensor) -> Tensor:
        if self.colour:
            images = recolour(images)
        if self.zoom > 1:
            images = zoomed(images, self.zoom)
        if self.shift:
            images = shifted(images, self.shift)
        return cut(images, self.cutout) if self.cutout else images


def per_image(images: Tensor, low: float, high: float) -> Tensor:
    """(N, 1, 1, 1) uniform"""
    draws = rand(len(images), 1, 1, 1, device=images.device) * (high - low) + low
    return draws.to(images.dtype)


def recolour(images: Tensor) -> Tensor:
    """Brightness, saturation and contrast, in the paper's ranges."""
    images = images + per_image(images, -0.5, 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, per_image(images, 0, 2))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, per_image(images, 0.5, 1.5))


def zoomed(images: Tensor, most: float) -> Tensor:
    """As two matrix products, whose gradients have no order of sums to choose."""
    share = most ** -rand(len(images), device=images.device)  # of each side that is seen

    def places(side: int) -> Tensor:  # (N, 1, side, side): what each pixel takes of those before
        first = rand(len(images), device=images.device) * (1 - share) * side
        pixels = torch.arange(side, device=images.device)
        at = (first[:, None] + share[:, None] * (pixels + 0.5) - 0.5).clamp(0, side - 1)
        return (1 - (at[:, :, None] - pixels).abs()).relu().to(images.dtype)[:, None]

    height, width = images.shape[2:]
    return places(height) @ images @ places(width).mT


def shifted(images: Tensor, share: float) -> Tensor:
    """Each image moved by whole pixels, zeros coming in: one gather on a padded copy."""
    count, _, height, width = images.shape
    down, right = round(height * share), round(width * share)
    padded = torch.nn.functional.pad(images, (right, right, down, down)).permute(0, 2, 3, 1)  # (N, H, W, 3)
    rows = randint(2 * down + 1, (count, 1), device=images.device) + torch.arange(height, device=images.device)
    columns = randint(2 * right + 1, (count, 1), device=images.device) + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut(images: Tensor, share: float) -> Tensor:
    """A box of `share` of each side, centred anywhere, set to zero."""

    def inside(side: int) -> Tensor:  # (N, side): is this row or column in the box?
        centre = randint(side + 1, (len(images), 1), device=images.device)
        return (torch.arange(side, device=images.device) - centre + 0.5).abs() < side * share / 2

    height, width = images.shape[2:]
    box = inside(height)[:, :, None] & inside(width)[:, None, :]
    return images * ~box[:, None]
