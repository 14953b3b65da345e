"""What the networks see: D's filters, its strongest units by guided backpropagation, its maps, and G without a map."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from eshi.artist import Artist, Latent
from eshi.explore.features import layers, maps
from eshi.gather.faceset import faceset
from eshi.ground import image, sheet
from eshi.ground.errors import EshiError
from eshi.ground.sheet import PLAIN, Style
from eshi.networks.contracts import Discriminator

MOST = 8  # faces that are looked at, where nobody says which


@dataclass
class Look:
    """`filters` (C, k, k, 3); `maps` one (K, H, W, 3) row a layer, with the drawing first; `guided` and `dropped`
    (units, faces, H, W, 3), a row a unit, the first of which is the drawings as they are.
    """

    filters: np.ndarray
    maps: list[np.ndarray]
    guided: np.ndarray
    units: list[int]
    dropped: np.ndarray | None  # by a discriminator alone there is nothing to drop from
    lost: list[int]  # the maps of G that were dropped, the most changing first

    def sheets(self, style: Style = PLAIN) -> dict[str, np.ndarray]:
        layers = [f"layer {i + 1}" for i in range(len(self.maps))]
        units, lost = [f"unit {unit}" for unit in self.units], [f"without {one}" for one in self.lost]
        sheets = {
            "filters": sheet.sheet(Style(8).enlarged(self.filters), style=style),
            "maps": sheet.table(self.maps, layers, style=style),
            "guided": sheet.table(list(self.guided), ["seen", *units], style=style),
        }
        if self.dropped is not None:
            sheets["dropped"] = sheet.table(list(self.dropped), ["drawn", *lost], style=style)
        return sheets


def look(
    run: Path | str | Artist,
    points: list[Latent] | None = None,
    units: int = 8,
    layer: int = -2,
    drop: list[int] | None = None,
    on: Path | str | None = None,
) -> Look:
    """`layer` of G is where maps are dropped, counted from 0 or from the end; without `drop`, those that tell most. D
    looks at the drawings, or at faces `on` the disk: a discriminator without a G can see nothing else."""
    who = Artist.of(run)
    D = who.critic
    z = who.latents(range(8) if points is None else points) if on is None or who.draws else None
    if on is not None:
        found = faceset(Path(on), who.recipe.width_height, holdout=0)
        faces = np.array(found.images[: MOST if points is None else len(points)])  # of its own: the pack is read-only
        seen = who.engine.put(faces)
    elif z is not None:
        faces, seen = who.render(z), who.drawn(z)
    filters: Tensor = layers(D)[0].weight.detach()  # type: ignore[operator]
    if filters.ndim != 4 or filters.shape[1] != 3:
        raise EshiError("D's first layer does not look at colours", "filters can be shown only of a D that does")
    weights = filters.permute(0, 2, 3, 1).cpu().numpy()
    reach = np.abs(weights).max((1, 2, 3), keepdims=True) + 1e-12
    chosen, guided = backpropagated(D, seen, units)
    lost, dropped = ([], None) if z is None else without(who, z, layer, drop, units)
    return Look(
        image.pixels(weights / reach), activations(D, faces[0], seen[:1], units),
        np.concatenate([faces[None], guided]), chosen,
        None if dropped is None or z is None else np.concatenate([who.render(z)[None], dropped]), lost,
    )  # fmt: skip


@torch.no_grad()
def activations(D: Discriminator, face: np.ndarray, drawn: Tensor, count: int) -> list[np.ndarray]:
    """Of each layer the strongest maps, grey, as large as the face."""
    rows = []
    for found in maps(D, drawn):
        strongest = found[0].mean((1, 2)).argsort(descending=True)[:count]
        grey = found[0, strongest]
        low, high = grey.amin((1, 2), keepdim=True), grey.amax((1, 2), keepdim=True)
        grey = nn.functional.interpolate(((grey - low) / (high - low).clamp_min(1e-8))[None], face.shape[:2])[0]
        shown = (grey * 255).to(torch.uint8).cpu().numpy()
        rows.append(np.concatenate([face[None], shown[..., None].repeat(3, -1)]))
    return rows


@contextmanager
def guiding(D: Discriminator) -> Iterator[None]:
    """Guided backpropagation (Springenberg 2014, arXiv:1412.6806): through rectifiers only positive gradients pass
    back. Such a gradient may not flow through what was changed in place, so for a while nothing is.
    """

    def only_positive(module: nn.Module, given: tuple[Tensor, ...], found: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (given[0].clamp(min=0),)

    bent = [m for m in D.modules() if isinstance(m, nn.ReLU | nn.LeakyReLU)]
    before = [m.inplace for m in bent]
    for module in bent:
        module.inplace = False
    hooks = [module.register_full_backward_hook(only_positive) for module in bent]
    try:
        yield
    finally:
        for hook, module, inplace in zip(hooks, bent, before, strict=True):
            hook.remove()
            module.inplace = inplace


def backpropagated(D: Discriminator, drawn: Tensor, count: int) -> tuple[list[int], np.ndarray]:
    """The last layer's strongest units, and (units, faces, H, W, 3) of what in each face excites them."""
    pictures = drawn.detach().requires_grad_(True)
    with guiding(D):
        strength = maps(D, pictures)[-1].amax((2, 3))  # (faces, units)
        chosen = strength.detach().mean(0).argsort(descending=True)[:count].tolist()
        rows = []
        for unit in chosen:
            (gradient,) = torch.autograd.grad(strength[:, unit].sum(), pictures, retain_graph=True)
            reach = gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12)
            rows.append(image.pixels((gradient / reach).permute(0, 2, 3, 1).cpu().numpy()))
    return chosen, np.array(rows)


def without(who: Artist, z: Tensor, layer: int, drop: list[int] | None, count: int) -> tuple[list[int], np.ndarray]:
    """The paper's window experiment: one feature map of G silenced at a time."""
    inner = [m for m in who.G.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    if not -len(inner) < layer < len(inner):
        raise EshiError(f"G has no layer {layer} that is fed by maps", f"it has 1 to {len(inner) - 1}")
    fed = inner[layer]
    total: int = fed.in_channels
    if drop and (wrong := [one for one in drop if not 0 <= one < total]):
        raise EshiError(f"there is no map {wrong[0]} in that layer", f"it has {total}: 0 to {total - 1}")
    silent = 0

    def silence(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        fed_with = inputs[0].clone()
        fed_with[:, silent] = 0
        return (fed_with,)

    faces = who.render(z).astype(np.float32)
    hook = fed.register_forward_pre_hook(silence)
    try:
        found = {}
        for silent in range(total) if drop is None else drop:
            found[silent] = who.render(z)
    finally:
        hook.remove()
    change = {one: float(np.abs(images - faces).mean()) for one, images in found.items()}
    told = sorted(change, key=lambda one: -change[one])[:count] if drop is None else drop
    return told, np.array([found[one] for one in told])
