"""Write-up E's horizontal comparison: one latent coordinate moved evenly over the prior's range."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from eshi.artist import Artist, Latent
from eshi.artist.points import said
from eshi.explore.measures import Measure, measured
from eshi.ground import sheet
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.sheet import PLAIN, Style

CLEAR = 0.5  # a measure that moves by so many of its own standard deviations is what a coordinate changes


@dataclass
class Sweep:
    """`images` (rows, steps, H, W, 3): a row is one coordinate at `values`; `effects` in pixel levels."""

    images: np.ndarray
    dims: list[int]
    points: list[Latent]
    values: np.ndarray
    effects: list[float]
    labels: list[str]

    def sheet(self, style: Style = PLAIN) -> np.ndarray:
        several = len({str(point) for point in self.points}) > 1
        rows = zip(self.dims, self.points, self.labels, strict=True)
        words = [(f"{dim} of {point}" if several else f"{dim}") + f"\n{label}".rstrip() for dim, point, label in rows]
        return sheet.table(list(self.images), words, [f"{value:+.2f}" for value in self.values], style)


def sweep(
    run: Path | str | Artist,
    dims: list[int] | Literal["auto"] = "auto",
    points: list[Latent] | None = None,
    steps: int = 20,
    rows: int = 8,
    more: dict[str, Measure] | None = None,
) -> Sweep:
    """A row for each coordinate of each point; `auto` takes the `rows` coordinates that change the picture most."""
    who = Artist.of(run)
    points = [0] if points is None else points
    if steps < 2 or rows < 1 or not points:
        raise EshiError(f"a sweep of {steps} steps and {rows} rows shows nothing", "--steps starts at 2, --rows at 1")
    length = who.G.latent
    if dims != "auto" and (wrong := [dim for dim in dims if not 0 <= dim < length]):
        raise EshiError(f"there is no coordinate {wrong[0]}", f"this G has {length}: 0 to {length - 1}")
    effects, labels = rank(who, list(range(length)) if dims == "auto" else dims, more)
    chosen = sorted(effects, key=lambda dim: -effects[dim])[:rows] if dims == "auto" else dims
    values = torch.linspace(*who.G.prior.ends, steps)
    starts = who.latents(points)
    moved = torch.cat([along(z, dim, values) for z in starts for dim in chosen])
    images = who.render(moved)
    every = [dim for _ in points for dim in chosen]
    return Sweep(
        images.reshape(len(every), steps, *images.shape[1:]),
        every,
        [point for point in points for _ in chosen],
        values.numpy(),
        [effects[dim] for dim in every],
        [labels[dim] for dim in every],
    )


@dataclass
class Values:
    """`images` (rows, 1 + values, H, W, 3): a row is one point, first with nothing asked, then with each value."""

    images: np.ndarray
    attribute: str
    values: list[str]
    points: list[Latent]

    def sheet(self, style: Style = PLAIN) -> np.ndarray:
        above = ["nothing\nasked", *(f"{self.attribute}\n{value}" for value in self.values)]
        return sheet.table(list(self.images), [str(said(point)) for point in self.points], above, style)


def values(run: Path | str | Artist, attribute: str, points: list[Latent] | None = None) -> Values:
    """One attribute of a run that learned from labels, through all its values."""
    who, points = Artist.of(run), [0] if points is None else points
    if attribute not in who.attributes:
        known = near_miss(attribute, who.attributes) if who.attributes else "it learned without labels"
        raise EshiError(f"this run has not learned '{attribute}'", known)
    several = who.attributes[attribute]
    ways = torch.stack([who.toward({attribute: value}) for value in several])
    others = replace(who, asked={name: value for name, value in who.asked.items() if name != attribute})
    asked = others.asking({attribute: several[0]}).latents(points)[:, None] + ways
    rows = torch.cat([others.latents(points)[:, None], asked], 1)
    images = others.render(rows.flatten(0, 1))
    return Values(images.reshape(*rows.shape[:2], *images.shape[1:]), attribute, several, points)


def along(z: Tensor, dim: int, values: Tensor) -> Tensor:
    out = z.repeat(len(values), 1)
    out[:, dim] = values
    return out


def rank(who: Artist, dims: list[int], more: dict[str, Measure] | None, count: int = 8) -> tuple[dict, dict]:
    """For each coordinate: how many pixel levels its two ends lie apart on `count` faces, and what else tells them."""
    base = who.latents(range(1_000_000, 1_000_256))
    spread = {name: values.std() + 1e-6 for name, values in measured(who.render(base), more).items()}
    low, high = who.G.prior.ends
    effects, labels = {}, {}
    for dim in dims:
        ends = base[:count].repeat(2, 1)
        ends[:count, dim], ends[count:, dim] = low, high
        images = who.render(ends)
        effects[dim] = float(np.abs(images[:count].astype(np.float32) - images[count:]).mean())
        known = measured(images, more)
        change = {name: float((v[count:] - v[:count]).mean() / spread[name]) for name, v in known.items()}
        name = max(change, key=lambda n: abs(change[n]))
        labels[dim] = f"{name} {change[name]:+.1f}" if abs(change[name]) >= CLEAR else ""
    return effects, labels
