"""Change one thing about a face: along a named direction, or towards a colour of hair or eyes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from eshi.artist import Artist, Latent, points
from eshi.explore.directions import DEGREES, TYPICAL, Directions, saved
from eshi.explore.measures import COLOURED, COLOURS, Measure, measured
from eshi.ground import sheet
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.sheet import PLAIN, Style
from eshi.networks.labels import number

ASKED = 3.0  # deviations along the direction of a label that is asked for: glasses=yes
AMOUNT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


@dataclass
class Edit:
    """`images` leads from the face as it was to the face as it is; `changed` holds each measure before and after."""

    images: np.ndarray
    latent: np.ndarray
    changed: dict[str, tuple[float, float]]
    words: list[str] = field(default_factory=list)  # below each image: the face, then how far it has come

    def sheet(self, style: Style = PLAIN) -> np.ndarray:
        return sheet.sheet(self.images, self.words, len(self.images), style)


def edit(
    run: Path | str | Artist,
    point: Latent,
    changes: Mapping[str, str | float],
    found: Directions | None = None,
    steps: int = 7,
    more: dict[str, Measure] | None = None,
) -> Edit:
    """`{"hair": "pink", "smile": "+2"}`: what the run learned from labels, colours by name or #rrggbb, amounts in
    standard deviations of the prior."""
    who = Artist.of(run)
    if not changes or steps < 2:
        raise EshiError("nothing to change", "for example: --set hair=pink --set smile=+2")
    asked, others = apart(who, changes)
    before = z = who.latent(point)
    amounts: dict[str, float | np.ndarray] = {}
    if others:
        found = saved(who) if found is None else found
        amounts = all_wanted(found, others)
        z = moved(who, before, found, amounts)
    z = z + who.toward(asked) - who.toward({name: who.asked[name] for name in asked.keys() & who.asked.keys()})
    z = z + who.asking(asked).latent(point) - before if asked else z  # without what chance said of it
    shares = torch.linspace(0, 1, steps)[:, None]
    images = who.render(before + shares * (z - before))
    known = measured(images[[0, -1]], more)
    words = [str(points.said(point)), *(progressed(changes, amounts, float(share)) for share in shares[1:])]
    return Edit(images, z.numpy(), {name: (float(v[0]), float(v[1])) for name, v in known.items()}, words)


def apart(who: Artist, changes: Mapping[str, str | float]) -> tuple[dict[str, str], dict[str, str | float]]:
    """What the run learned from labels, and what only its directions may know. Where it has an attribute, its values
    count, and a colour or an amount goes along the direction of that name."""
    asked: dict[str, str] = {}
    others: dict[str, str | float] = {}
    for name, value in changes.items():
        known = who.attributes.get(name, [])
        if known and isinstance(value, str) and not value.startswith(("#", "+", "-")):
            number([f"{name}={one}" for one in known], name, value)  # refused, with those that there are
            asked[name] = value
        else:
            others[name] = value
    return asked, others


def moved(who: Artist, z: Tensor, found: Directions, amounts: dict[str, float | np.ndarray]) -> Tensor:
    """One change after the other; `wanted` gives the amounts, and all are checked before one is done."""
    for name, amount in amounts.items():
        if isinstance(amount, float):
            far = amount * who.G.prior.deviation * torch.from_numpy(found.vector(name))
            z = who.G.prior.possible(z + far)  # as far as it is told, likely or not
        else:
            z = coloured(who, z, found.colours[name], COLOURED[name], amount)
    return z


def progressed(changes: Mapping[str, str | float], amounts: dict[str, float | np.ndarray], share: float) -> str:
    """smile +0.67, hair pink 33%: a line each"""
    return "\n".join(
        f"{name} {share * amount:+.2g}"
        if isinstance(amount := amounts.get(name), float)
        else f"{name} {to} {share:.0%}"
        for name, to in changes.items()
    )


def all_wanted(found: Directions, changes: Mapping[str, str | float]) -> dict[str, float | np.ndarray]:
    """By the direction's name. One that was found by a label is called as it is asked for: glasses=yes."""
    amounts: dict[str, float | np.ndarray] = {}
    for name, value in changes.items():
        if f"{name}={value}" in found.names and name not in found.colours:
            amounts[f"{name}={value}"] = ASKED
        else:
            amounts[name] = wanted(found, name, value)
    return amounts


def wanted(found: Directions, name: str, value: str | float) -> float | np.ndarray:
    """An amount, or a colour (3,) in [0, 1]."""
    if name not in found.names:
        raise EshiError(f"this run has no direction '{name}'", near_miss(name, found.names))
    if isinstance(value, int | float) or AMOUNT.fullmatch(value.strip()):
        return float(value)
    words = DEGREES if name == TYPICAL else {}
    if value in words:
        return words[value]
    if name not in found.colours:
        takes = " or ".join(["an amount", *words])
        raise EshiError(f"{name}={value}: {name} takes {takes}", f"for example: {name}=+2")
    if re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return np.array([int(value[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    if value not in COLOURS:
        raise EshiError(f"no colour called '{value}'", near_miss(value, COLOURS))
    return np.array(COLOURS[value], np.float32) / 255


def coloured(who: Artist, z: Tensor, slope: np.ndarray, colour: Measure, target: np.ndarray, turns: int = 4) -> Tensor:
    """The shortest way to the colour as the slopes see it, gone as far as the drawings say; then again from there."""
    shares = torch.linspace(0, 2, 17)[:, None]
    back = torch.from_numpy(np.linalg.pinv(slope, rcond=0.05))  # (latent, 3)
    for _ in range(turns):
        missing = torch.from_numpy(target - colour(who.render(z[None]))[0])
        tried = who.G.prior.likely(z + shares * (back @ missing.float()), z)
        off = np.linalg.norm(colour(who.render(tried)) - target, axis=1)
        if off.argmin() == 0:
            break
        z = tried[int(off.argmin())]
    return z
