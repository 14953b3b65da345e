"""What D sees in pictures: the maps between its layers, found by hooks, so that any architecture has them."""

import numpy as np
import torch
from torch import Tensor, nn

from eshi.artist import Artist
from eshi.ground.errors import EshiError


def taster(who: Artist) -> nn.Module:
    """D, or an error that says why there is none."""
    D: nn.Module | None = getattr(who, "D", None)
    if D is None:
        raise EshiError("this checkpoint holds no D, only G", "take the run's own last.pt, not an export")
    return D


def layers(D: nn.Module) -> list[nn.Module]:
    return [m for m in D.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def maps(D: nn.Module, images: Tensor) -> list[Tensor]:
    """The (N, C, H, W) maps that each layer after the first is fed: conv outputs after norm and activation."""
    found: list[Tensor] = []

    def see(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].ndim == 4:
            found.append(inputs[0].clone())  # the next activation may work in place

    hooks = [layer.register_forward_pre_hook(see) for layer in layers(D)[1:]]
    try:
        D(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise EshiError("this D has no layer between its picture and its verdict", "take another checkpoint", 1)
    return found


def tensor(images: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) in [-1, 1]"""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


@torch.no_grad()
def features(who: Artist, images: Tensor) -> tuple[Tensor, str]:
    """(N, F) by which faces are compared, and their name: D's last maps pooled to 4x4, or small pixels without D."""
    if getattr(who, "D", None) is None:
        small = nn.functional.adaptive_avg_pool2d(images, 16)
        return small.flatten(1), "pixels at 16x16"
    last = maps(who.D, images)[-1]
    return nn.functional.adaptive_avg_pool2d(last, min(4, *last.shape[2:])).flatten(1), "D's last feature maps"


@torch.no_grad()
def features_of(who: Artist, z: Tensor, batch: int = 64) -> tuple[Tensor, str]:
    """The same of what G draws from latents."""
    parts = [features(who, who.G(part)) for part in torch.split(z, batch)]
    return torch.cat([part for part, _ in parts]), parts[0][1]
