"""The training loop. Time is counted in images; every step's randomness is keyed by (seed, step)."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from eshi.artist import render
from eshi.gather.faceset import FaceSet, faceset
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress
from eshi.networks.engine import Engine, choose, hold_memory, seed_everything
from eshi.pages import run_report
from eshi.recipe import Recipe, load
from eshi.run.folder import Run, stoppable
from eshi.training.life import begin, check, finish, heed, resume, save
from eshi.training.losses import Terms, total
from eshi.training.pupils import Pupils, pupils
from eshi.training.watch import Watch

SHEET = 64  # faces on a sheet


def learn(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int) -> Terms:
    """One step: D's turn, G's turn, the average. What came out is returned, detached."""
    seed_everything(recipe.seed, step + 1)  # 0 made the weights
    d_turn, g_turn = step % recipe.d_every == 0, step % recipe.g_every == 0
    terms: Terms = {}
    real = who.augment(engine.put(faces.batch(recipe.seed, step, recipe.batch)))
    with engine.autocast(), torch.set_grad_enabled(g_turn):
        fake = who.G(who.G.draw(recipe.batch))  # one drawing serves both turns
    if d_turn:
        with engine.autocast():
            terms |= who.loss.d(who.D.requires_grad_(True), real, who.augment(fake.detach()))
        terms |= {"loss_d": descend(who.opt_D, terms)}
    if g_turn:
        with engine.autocast():  # G's turn needs no gradients of D's own weights
            terms_g = who.loss.g(who.D.requires_grad_(False), real, who.augment(fake))
        terms |= terms_g | {"loss_g": descend(who.opt_G, terms_g)}
        if who.G_ema is not who.G:
            half_life = min(recipe.ema, 0.05 * (step + 1) * recipe.batch)  # short at first, while G changes fast
            follow(who.G_ema, who.G, 0.5 ** (recipe.batch * recipe.g_every / half_life))
    return {name: term.detach() for name, term in terms.items()}


def descend(optimizer: torch.optim.Optimizer, terms: Terms) -> Tensor:
    loss = total(terms)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def follow(G_ema: nn.Module, G: nn.Module, keep: float) -> None:
    """G_ema = keep x G_ema + (1 - keep) x G, batch-norm statistics included."""
    mine, its = G_ema.state_dict(), G.state_dict()
    floats = [name for name, value in mine.items() if value.is_floating_point()]
    torch._foreach_lerp_([mine[n] for n in floats], [its[n] for n in floats], 1 - keep)


def train(
    faces: Path | str, recipe: Recipe | Path | str = "dcgan-64", folder: Path | str | None = None,
    overrides: Sequence[str] = (),
) -> Path:  # fmt: skip
    """Train on `faces` in the run `folder`, from wherever that run stands, to the recipe's length.

    `overrides` such as "batch=64" apply to a recipe given by name or file. Without `folder`: runs/RECIPE-FACES.
    """
    faces = Path(faces)
    recipe = (recipe if isinstance(recipe, Recipe) else load(recipe, overrides)).check()
    folder = Path(folder or Path("runs") / f"{recipe.name}-{faces.resolve().stem}")
    engine = choose(recipe.engine.device, recipe.engine.precision)
    hold_memory(engine.device.type == "cpu")
    shown = faceset(
        faces, recipe.width_height, mirror=recipe.data.mirror, holdout=recipe.data.holdout, need=recipe.batch
    )
    batch, every, epoch = recipe.batch, recipe.every, len(shown)
    length = recipe.length(epoch)
    who = pupils(recipe, engine)
    fixed = who.G.draw(SHEET, recipe.seed)
    with Run(folder, recipe) as run, stoppable() as stop:
        step, seconds = resume(who, run, shown)
        if not run.state:
            run.sheet(shown.batch(recipe.seed, 0, min(SHEET, epoch)), "real", 0)
            run.sheet(render(who.G_ema, fixed), f"{0:09}", 0)
        watch = Watch(run, recipe, shown, engine)
        begin(run, who, shown, watch, step, {"machine": engine.describe(), "length": length})
        seen: dict[str, list[Tensor]] = defaultdict(list)
        start = saved = time.monotonic() - seconds
        with Progress(f"training {folder}", length, "images", step * batch) as bar:
            while step * batch < length and not stop.is_set():
                for name, term in learn(recipe, engine, who, shown, step).items():
                    seen[name].append(term)
                step += 1
                images, now = step * batch, time.monotonic()
                last = images >= length
                if last or due(images, batch, every.log):
                    row = {name: float(torch.stack(terms).mean()) for name, terms in seen.items()}
                    row = {"seconds": now - start, "images/s": bar.rate, "epoch": images / epoch} | row
                    check(run, images, row)
                    run.log({"step": step, "images": images} | row)
                    bar.advance(0, **facts(row))
                    seen.clear()
                if last or due(images, batch, every.sample):
                    run.sheet(render(who.G_ema, fixed), f"{images:09}", images)
                if watch.affordable(now - start) and (last or due(images, batch, recipe.judge.every)):
                    bar.advance(0, **heed(run, who, shown, watch, step, now - start))
                if last or stop.is_set() or now - saved > every.save:
                    save(run, who, shown, step, now - start)
                    saved = now
                    if not last and not stop.is_set():
                        run_report(folder)
                bar.advance(batch, step=f"{step:,}")
        if step * batch >= length:
            finish(run, who, watch, step, time.monotonic() - start)
    run_report(folder)
    if step * batch < length:
        what = f"stopped and saved at {step * batch:,} of {length:,} images"
        raise EshiError(what, "to go on: the same command", 130)
    return folder


def due(images: int, batch: int, every: int) -> bool:
    """Did the step that ended at `images` cross a multiple of `every`?"""
    return images // every > (images - batch) // every


def facts(row: dict[str, float]) -> dict[str, str]:
    """What stands beside the bar."""
    names = {"epoch": "epoch", "loss_d": "D", "loss_g": "G", "D(real)": "D(real)", "D(fake)": "D(fake)"}
    return {short: f"{row[key]:.2f}" for key, short in names.items() if key in row}
