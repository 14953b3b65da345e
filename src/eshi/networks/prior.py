"""The priors that generators draw their latents from. A recipe names one: `prior: uniform`."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from eshi.networks import contracts, shard

Name = Literal["normal", "uniform", "symmetric"]
FARTHEST = 4 * 0.5**0.5  # beyond the usual length of a normal latent: four of its standard deviations


class Named:
    name: str

    def __str__(self) -> str:
        return self.name


class Normal(Named):
    """Every coordinate from N(0, 1): latents lie close to a sphere, and a walk keeps to it."""

    name, mean, deviation = "normal", 0.0, 1.0
    ends = (-2.5, 2.5)  # 99 % of them

    def draw(self, count: int, length: int, seed: int | None, device: torch.device | None = None) -> Tensor:
        if seed is None:
            return shard.randn(count, length, device=device)
        return stacked([random.standard_normal(length) for random in numbered(count, seed)], length, device)

    def possible(self, z: Tensor) -> Tensor:
        return z

    def likely(self, z: Tensor, start: Tensor | None = None) -> Tensor:
        """Not much longer than usual."""
        farthest = max(z.shape[-1] ** 0.5 + FARTHEST, 0 if start is None else float(start.norm()))
        shorter: Tensor = z * (farthest / z.norm(dim=-1, keepdim=True)).clamp(max=1)
        return shorter

    def between(self, here: Tensor, there: Tensor, share: Tensor) -> Tensor:
        return arc(here, there, share)

    def free(self, z: Tensor) -> Tensor:
        return z

    def latent(self, free: Tensor) -> Tensor:
        return free

    def unlikely(self, z: Tensor) -> Tensor:
        """By the length."""
        return (z.square().mean(1) - 1).square()


class Uniform(Named):
    """Every coordinate even in [0, 1], as write-up E has it: a cube, through which a walk goes straight."""

    name, mean, deviation = "uniform", 0.5, 12**-0.5
    ends = (0.0, 1.0)

    def draw(self, count: int, length: int, seed: int | None, device: torch.device | None = None) -> Tensor:
        if seed is None:
            return self.moved(shard.rand(count, length, device=device))
        return self.moved(stacked([random.random(length) for random in numbered(count, seed)], length, device))

    def moved(self, share: Tensor) -> Tensor:
        """From [0, 1] to between the ends."""
        low, high = self.ends
        return low + (high - low) * share

    def possible(self, z: Tensor) -> Tensor:
        return z.clamp(*self.ends)

    def likely(self, z: Tensor, start: Tensor | None = None) -> Tensor:
        return self.possible(z)  # inside the cube, no place is likelier than another

    def between(self, here: Tensor, there: Tensor, share: Tensor) -> Tensor:
        return line(here, there, share)

    def free(self, z: Tensor) -> Tensor:
        low, high = self.ends
        return torch.logit((z - low) / (high - low), 1e-3)

    def latent(self, free: Tensor) -> Tensor:
        return self.moved(torch.sigmoid(free))

    def unlikely(self, z: Tensor) -> Tensor:
        return torch.zeros(len(z), device=z.device)


class Symmetric(Uniform):
    """Even in [-1, 1], as some checkpoints from elsewhere want it."""

    name, mean, deviation = "symmetric", 0.0, 3**-0.5
    ends = (-1.0, 1.0)


PRIORS: dict[str, contracts.Prior] = {prior.name: prior for prior in (Normal(), Uniform(), Symmetric())}


def numbered(count: int, seed: int) -> list[np.random.Generator]:
    """A source of random numbers for each row, which the others do not touch."""
    return [np.random.default_rng(seed + i) for i in range(count)]


def stacked(rows: list[np.ndarray], length: int, device: torch.device | None) -> Tensor:
    return torch.from_numpy(np.array(rows, np.float32).reshape(len(rows), length)).to(device)


def line(here: Tensor, there: Tensor, share: Tensor) -> Tensor:
    return here + share * (there - here)


def arc(here: Tensor, there: Tensor, share: Tensor) -> Tensor:
    """Along the great circle, the length changing evenly (Shoemake 1985; White 2016, arXiv:1609.04468)."""
    long, far = here.norm(dim=1, keepdim=True), there.norm(dim=1, keepdim=True)
    cosine = ((here * there).sum(1, keepdim=True) / (long * far).clamp_min(1e-12)).clamp(-1, 1)
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    first, second = torch.sin((1 - share) * angle) / sine, torch.sin(share * angle) / sine
    length = long + share * (far - long)
    bent = length * (first * here / long.clamp_min(1e-12) + second * there / far.clamp_min(1e-12))
    return torch.where(sine.abs() < 1e-4, line(here, there, share), bent)  # the same or opposite points span no circle
