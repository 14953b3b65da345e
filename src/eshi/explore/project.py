"""Find yourself: the latent whose drawing is closest to a given face, by gradient descent with restarts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from eshi.artist import Artist
from eshi.artist.artist import BATCH, pictured
from eshi.explore.features import maps
from eshi.gather.crop import square
from eshi.gather.finders import finder
from eshi.ground import image, sheet
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress, note
from eshi.ground.sheet import PLAIN, Style

MARGIN = 0.2  # of a found face's box, on every side: as eshi crop has it
CUT = 128  # px: a square picture up to this is taken for a face cut out already, as eshi crop makes them
WHOLE = 0.75  # so is a larger one whose cut would be this share of its side; of painted face crops it is 0.8 to 1


@dataclass
class Projection:
    """`path` (K, H, W, 3) leads to `image`; `error` is the mean difference from `target` in pixel levels (0 to 255);
    `cut` (left, top, side) is what was cut out of a larger picture."""

    target: np.ndarray
    image: np.ndarray
    path: np.ndarray
    latent: np.ndarray
    error: float
    cut: tuple[int, int, int] | None = None

    def sheet(self, style: Style = PLAIN) -> np.ndarray:
        path = sheet.sheet(self.path, columns=len(self.path), style=style)
        given = sheet.sheet(self.target[None], style=style)
        return sheet.in_a_row([sheet.word("given", style), given, sheet.word("found", style), path])


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

    It ends after `steps`, or where the mean difference is below `stop` levels. Of a picture that is more than a face,
    the largest face is cut out first.
    """
    if not isinstance(run, Artist) and pictured(Path(run)):
        raise EshiError(f"{run} is a picture, and the run comes first", f"eshi project RUN {run}")
    who = Artist.of(run)
    if steps < 1 or restarts < 1:
        raise EshiError(f"cannot project in {steps} steps from {restarts} starts", "both start at 1")
    width, height = who.recipe.width_height
    if isinstance(face, np.ndarray) and face.shape != (height, width, 3):
        raise EshiError(f"the face is {face.shape}, but G draws {height}x{width}x3", "fit it: eshi.ground.image.fit")
    target, cut = (face, None) if isinstance(face, np.ndarray) else read(Path(face), (width, height))
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
    return Projection(target, path[-1], path, best.cpu().numpy(), error, cut)


def read(face: Path, size: tuple[int, int]) -> tuple[np.ndarray, tuple[int, int, int] | None]:
    """The face at `size`, and what was cut out for it."""
    try:
        pixels = image.decode(face)
        cut = around(face, pixels, size)
        if cut is None:
            return image.decode(face, size), None
    except image.Unreadable as error:
        why = str(error) if face.exists() else "there is no such file"
        raise EshiError(f"cannot read the face {face}: {why}", "give a picture with a face in it") from error
    left, top, side = cut
    return image.fit(Image.fromarray(pixels[top : top + side, left : left + side]), size), cut


def around(face: Path, pixels: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """(left, top, side) of the largest face; None where the picture is one, or has none."""
    (height, width), shapes = pixels.shape[:2], (1.0, size[0] / size[1])
    shaped = any(abs(width / height / shape - 1) < 0.02 for shape in shapes)
    if shaped and max(width, height) <= CUT:
        return None
    boxes = finder("net")(pixels)
    if not boxes:
        note(f"no face is found in {face}: it is taken as it is")
        return None
    left, top, side = square(max(boxes, key=lambda box: box[2] * box[3]), MARGIN, width, height)
    if shaped and side >= WHOLE * min(width, height):
        return None
    which = f"the largest of {len(boxes)} faces" if len(boxes) > 1 else "the face"
    note(f"{face} is more than a face: {which} is cut out, {side} px wide at {left}, {top}")
    return left, top, side


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
