"""What eshi asks of a network, whatever its architecture; a part from anywhere that offers it fits."""

from collections.abc import Iterator
from typing import Any, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class Prior(Protocol):
    """Where latents come from, and what may be done to one without leaving what G has learned to draw."""

    name: str  # as a recipe says it
    mean: float  # of a coordinate
    deviation: float  # of a coordinate; edits count in it
    ends: tuple[float, float]  # that a sweep leads a coordinate between

    def draw(self, count: int, length: int, seed: int | None, device: torch.device | None = None) -> Tensor:
        """(count, length). With a seed, row i depends on seed + i alone: every drawing has a number of its own."""

    def possible(self, z: Tensor) -> Tensor:
        """The nearest latents that the prior could give at all."""

    def likely(self, z: Tensor, start: Tensor | None = None) -> Tensor:
        """The nearest latents that the prior could be expected to give, or that are no less likely than `start`."""

    def between(self, here: Tensor, there: Tensor, share: Tensor) -> Tensor:
        """A walk's way from `here` to `there`, at each `share` of it; all rows alike."""

    def free(self, z: Tensor) -> Tensor:
        """Numbers that may be changed without bounds, as a descent does; `latent` turns them into latents."""

    def latent(self, free: Tensor) -> Tensor: ...

    def unlikely(self, z: Tensor) -> Tensor:
        """(N,): how far each latent is from what the prior gives, 0 for none."""


class Network(Protocol):
    """The part of torch's modules that is used from outside a network."""

    training: bool

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def buffers(self) -> Iterator[Tensor]: ...

    def modules(self) -> Iterator[nn.Module]: ...

    def state_dict(self, *, keep_vars: bool = False) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> Any: ...

    def train(self, mode: bool = True) -> Self: ...

    def eval(self) -> Self: ...

    def requires_grad_(self, requires_grad: bool = True) -> Self: ...

    def to(self, *place: Any, **options: Any) -> Self: ...


@runtime_checkable
class Kept(Protocol):
    """A parameter that obeys a rule, which a step of an optimizer knows nothing of."""

    def keep(self) -> None:
        """The nearest that obeys it, in place."""


@runtime_checkable
class Generator(Network, Protocol):
    """(N, latent) -> (N, 3, height, width) in [-1, 1]"""

    size: tuple[int, int]  # width, height
    latent: int
    prior: Prior

    def draw(self, count: int, seed: int | None = None) -> Tensor:
        """(count, latent) from the prior, where the network is; with a seed, row i depends on seed + i alone."""

    def __call__(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Discriminator(Network, Protocol):
    """(N, 3, height, width) -> (N,) logits, higher = more real; or (N, K), if it looks in K ways"""

    size: tuple[int, int]

    def __call__(self, images: Tensor) -> Tensor: ...


@runtime_checkable
class Looking(Discriminator, Protocol):
    """A discriminator with a part that never learns, which may be passed apart: what it saw goes in for the images."""

    def see(self, images: Tensor) -> Tensor: ...


@runtime_checkable
class Reading(Discriminator, Protocol):
    """A discriminator that can be told what a picture is said to show: it says what its logits are read from."""

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Its logits, (N,) or (N, K), and (N, F) or (N, K, F)."""


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """(width, height); one number is a square."""
    return (size, size) if isinstance(size, int) else size
