"""What D sees instead of the bare images, differentiable, so that a small face set lasts longer."""

from dataclasses import dataclass

import torch
from torch import Tensor

from eshi.ground.registry import AUGMENTATIONS
from eshi.ground.schema import Share
from eshi.networks.shard import rand, randint


@AUGMENTATIONS.register("none")
@dataclass
class Nothing:
    def __call__(self, images: Tensor) -> Tensor:
        return images


@AUGMENTATIONS.register("diff")
@dataclass
class DiffAugment:
    """Zhao et al. 2020 (arXiv:2006.10738): colour, shift by up to an eighth, a square cut out."""

    colour: bool = True
    shift: Share = 0.125
    cutout: Share = 0.5

    def __call__(self, images: Tensor) -> Tensor:
        if self.colour:
            images = recolour(images)
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
