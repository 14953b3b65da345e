"""A walk through latent points: the way the prior has it, on the sphere, or straight."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eshi.artist import Artist, Latent
from eshi.explore.features import features_of
from eshi.ground.errors import EshiError
from eshi.networks.prior import arc, line

Way = Callable[[Tensor, Tensor, Tensor], Tensor]  # from, to, share of the way


@dataclass
class Walk:
    """`distances[i]` lies between frame i and the next, in `measured_by`; in a loop the last returns to the first."""

    images: np.ndarray
    latents: np.ndarray
    distances: np.ndarray
    measured_by: str

    @property
    def smoothness(self) -> float:
        """The largest step over the mean: 1 is even, more is a jump."""
        return float(self.distances.max() / max(self.distances.mean(), 1e-12))


def walk(
    run: Path | str | Artist,
    points: list[Latent],
    frames: int = 60,
    loop: bool = False,
    spherical: bool | None = None,
    even: bool = False,
) -> Walk:
    """`frames` pictures from the first point over the others to the last; `even` makes each step look equally long."""
    who = Artist.of(run)
    if len(points) < 2 or frames < len(points):
        raise EshiError(
            f"cannot walk {frames} frames through {len(points)} points", "give two points or more, and a frame for each"
        )
    stops = who.latents(points)
    if loop:
        stops = torch.cat([stops, stops[:1]])
    way = who.G.prior.between if spherical is None else arc if spherical else line
    times = np.linspace(0, len(stops) - 1, frames + loop)
    if even:
        times = evened(who, stops, times, way)
    path = positions(stops, times, way)
    distances, measured_by = steps(who, path)
    shown = path[:frames]  # a loop's last frame is its first
    return Walk(who.render(shown), shown.numpy(), distances, measured_by)


def positions(stops: Tensor, times: np.ndarray, way: Way) -> Tensor:
    """(frames, latent) at `times`, where time 1.5 is halfway between the second and the third stop."""
    leg = np.minimum(times.astype(int), len(stops) - 2)
    share = torch.from_numpy((times - leg).astype(np.float32))[:, None]
    return way(stops[leg], stops[leg + 1], share)


def steps(who: Artist, path: Tensor) -> tuple[np.ndarray, str]:
    seen, name = features_of(who, path)
    return (seen[1:] - seen[:-1]).norm(dim=1).numpy(), name


def evened(who: Artist, stops: Tensor, times: np.ndarray, way: Way, fine: int = 6, rounds: int = 3) -> np.ndarray:
    """Times at which the way through feature space is equally long: first along a finer path, then by its own steps.

    The stops stay on the way, but a frame need not fall exactly on each.
    """
    dense = np.linspace(times[0], times[-1], fine * (len(times) - 1) + 1)
    times = shared_out(dense, steps(who, positions(stops, dense, way))[0], len(times))
    tried = []
    for _ in range(rounds + 1):
        lengths = steps(who, positions(stops, times, way))[0]
        tried.append((float(lengths.max() / max(lengths.mean(), 1e-12)), times))
        times = shared_out(times, lengths, len(times))
    return min(tried, key=lambda one: one[0])[1]


def shared_out(times: np.ndarray, lengths: np.ndarray, count: int) -> np.ndarray:
    way = np.concatenate([[0.0], np.cumsum(lengths + 1e-9)])
    return np.asarray(np.interp(np.linspace(0, way[-1], count), way, times))
