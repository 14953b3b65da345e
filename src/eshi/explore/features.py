"""What D sees in pictures: the maps between its layers, found by hooks, so that any architecture has them."""

import torch
from torch import Tensor, nn

from eshi.artist import Artist
from eshi.ground.errors import EshiError
from eshi.networks.contracts import Discriminator


def layers(D: Discriminator) -> list[nn.Module]:
    return [m for m in D.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def maps(D: Discriminator, images: Tensor) -> list[Tensor]:
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


@torch.no_grad()
def features(who: Artist, images: Tensor) -> tuple[Tensor, str]:
    """(N, F) by which faces are compared, and their name: D's last maps pooled to 4x4, or small pixels without D."""
    if who.D is None:
        small = nn.functional.adaptive_avg_pool2d(images, 16)
        return small.flatten(1).cpu(), "pixels at 16x16"
    last = maps(who.D, images)[-1]
    return nn.functional.adaptive_avg_pool2d(last, min(4, *last.shape[2:])).flatten(1).cpu(), "D's last feature maps"


@torch.no_grad()
def features_of(who: Artist, z: Tensor, batch: int = 64) -> tuple[Tensor, str]:
    """The same of what G draws from latents."""
    parts = [features(who, who.drawn(part)) for part in torch.split(z, batch)]
    return torch.cat([part for part, _ in parts]), parts[0][1]
