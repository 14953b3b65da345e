"""Find yourself: the latent whose drawing is closest to a given face, by gradient descent with restarts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from eshi.artist import Artist
from eshi.artist.artist import BATCH
from eshi.explore.features import maps
from eshi.explore.page import beside, word
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress


@dataclass
class Projection:
    """`path` (K, H, W, 3) leads to `image`; `error` is the mean difference from `target` in pixel levels (0 to 255)."""

    target: np.ndarray
    image: np.ndarray
    path: np.ndarray
    latent: np.ndarray
    error: float

    def sheet(self) -> np.ndarray:
        path = image.sheet(self.path, len(self.path))
        return beside([word("given"), image.sheet(self.target[None]), word("found"), path])


def project(
    run: Path | str | Artist,
    face: Path | str | np.ndarray,
    steps: int = 300,
    restarts: int = 4,
    seed: int = 0,
    rate: float = 0.1,
    stop: float = 0.5,
) -> Projection:
    """Begins at the best few of many drawings, descends from all at once, and goes on with those that come nearest.

    It ends after `steps`, or where the mean difference is below `stop` levels.
    """
    who = Artist.of(run)
    if steps < 1 or restarts < 1:
        raise EshiError(f"cannot project in {steps} steps from {restarts} starts", "both start at 1")
    width, height = who.recipe.width_height
    if isinstance(face, np.ndarray) and face.shape != (height, width, 3):
        raise EshiError(f"the face is {face.shape}, but G draws {height}x{width}x3", "fit it: eshi.ground.image.fit")
    target = face if isinstance(face, np.ndarray) else read(Path(face), (width, height))
    wanted = who.engine.put(np.array(target[None]))
    free, optimizer = descent(begin(who, wanted, restarts, seed), rate)
    seen = [] if who.D is None else maps(who.D, wanted)
    shown, milestones = [], set(np.unique((steps * np.linspace(0, 1, 7)[:-1] ** 2).astype(int)).tolist())
    halvings, errors = {steps // 6, steps // 3} - {0}, torch.zeros(restarts)
    best, best_error = free.detach()[0], float("inf")
    with Progress("projecting", steps, "steps") as bar:
        for step in range(steps):
            if step in halvings:  # the farther half gives up
                free, optimizer = descent(free[errors.argsort()[: -(-len(errors) // 2)]], rate)
            optimizer.param_groups[0]["lr"] = rate * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / steps)))
            z = who.G.prior.latent(free)
            drawn = who.drawn(z)
            errors = (drawn.detach() - wanted).abs().mean((1, 2, 3)).cpu() * 127.5
            nearest = int(errors.argmin())
            if float(errors[nearest]) < best_error:
                best, best_error = z.detach()[nearest].clone(), float(errors[nearest])
            if step in milestones:
                shown.append(best)
            if best_error < stop:
                break
            loss = away(who, drawn, wanted, seen) + 1e-3 * who.G.prior.unlikely(z)
            optimizer.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            bar.advance(1, error=f"{best_error:.1f}")
    path = who.render(torch.stack([*shown, best]))
    error = float(np.abs(path[-1].astype(np.float32) - target).mean())
    return Projection(target, path[-1], path, best.cpu().numpy(), error)


def read(face: Path, size: tuple[int, int]) -> np.ndarray:
    try:
        return image.decode(face, size)
    except image.Unreadable as error:
        why = str(error) if face.exists() else "there is no such file"
        raise EshiError(f"cannot read the face {face}: {why}", "give a picture of one face, cut out square") from error


def begin(who: Artist, wanted: Tensor, count: int, seed: int) -> Tensor:
    """The `count` of many drawings that are nearest at a coarse look, as numbers to descend from."""
    z = who.latents(range(seed, seed + max(256, count)))
    coarse = nn.functional.adaptive_avg_pool2d(wanted, 16)
    with torch.no_grad():
        drawn = torch.cat([nn.functional.adaptive_avg_pool2d(who.drawn(part), 16) for part in torch.split(z, BATCH)])
    nearest = (drawn - coarse).square().mean((1, 2, 3)).argsort()[:count]
    return who.G.prior.free(z[nearest.cpu()].to(who.engine.device))


def descent(start: Tensor, rate: float) -> tuple[Tensor, torch.optim.Adam]:
    free = start.detach().clone().requires_grad_(True)
    return free, torch.optim.Adam([free], rate, (0.9, 0.99))


def away(who: Artist, drawn: Tensor, wanted: Tensor, seen: list[Tensor]) -> Tensor:
    """(N,): squared differences of the pixels, of the coarse picture, and of D's maps where there is a D."""
    loss = (drawn - wanted).square().mean((1, 2, 3))
    coarse = nn.functional.avg_pool2d(drawn - wanted, 4)
    loss = loss + coarse.square().mean((1, 2, 3))
    for mine, its in zip([] if who.D is None else maps(who.D, drawn), seen, strict=True):
        scale = its.square().mean().clamp_min(1e-8)
        loss = loss + 0.02 * (mine - its).square().mean((1, 2, 3)) / scale
    return loss
