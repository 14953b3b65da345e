"""The training loop. Time is counted in images; every step's randomness is keyed by (seed, step)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from eshi.gather.faceset import FaceSet, faceset
from eshi.ground.interrupt import stoppable
from eshi.networks.engine import Engine, choose, hold_memory, seed_everything
from eshi.recipe import Recipe, load, parse
from eshi.run.folder import Run, stored_recipe
from eshi.training.course import Course
from eshi.training.losses import Terms, total
from eshi.training.pupils import Pupils, Teacher, pupils


def learn(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int) -> Terms:
    """One step: the teachers' turn, G's turn, the average. What came out is returned, detached."""
    seed_everything(recipe.seed, step + 1)  # 0 made the weights
    d_turn, g_turn = step % recipe.d_every == 0, step % recipe.g_every == 0
    terms: Terms = {}
    aims: Terms = {}  # what G minimises
    batch = engine.put(faces.batch(recipe.seed, step, recipe.batch))
    shown = [shown_to(teacher, batch, engine) for teacher in who.teachers]
    with engine.autocast(), torch.set_grad_enabled(g_turn):
        fake = who.G(who.G.draw(recipe.batch))  # one drawing serves all turns
    for teacher, real in zip(who.teachers, shown, strict=True):
        loss, D = teacher.loss, teacher.D
        with engine.autocast(), torch.set_grad_enabled(g_turn):
            seen = teacher.see(fake) if teacher.frozen_part else None
        if d_turn:
            with engine.autocast():
                drawn = teacher.augment(fake.detach()) if seen is None else seen.detach()
                told = teacher.named(loss.d(D.requires_grad_(True), real, drawn))
            terms |= told | teacher.named({"loss_d": descend(teacher.opt, told)})
        if g_turn:
            with engine.autocast():  # G's turn needs no gradients of D's own weights
                told = loss.g(D.requires_grad_(False), real, teacher.augment(fake) if seen is None else seen)
            aims |= {name: teacher.weight * term for name, term in teacher.named(told).items()}
    if g_turn:
        terms |= aims | {"loss_g": descend(who.opt_G, aims)}
        if who.G_ema is not who.G:
            half_life = min(recipe.ema, 0.05 * (step + 1) * recipe.batch)  # short at first, while G changes fast
            follow(who.G_ema, who.G, 0.5 ** (recipe.batch * recipe.g_every / half_life))
    return {name: term.detach() for name, term in terms.items()}


@torch.no_grad()
def shown_to(teacher: Teacher, batch: Tensor, engine: Engine) -> Tensor:
    """Real faces as this teacher looks at them."""
    if not teacher.frozen_part:
        shown: Tensor = teacher.augment(batch)
        return shown
    with engine.autocast():
        return teacher.see(batch)


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
    overrides: Sequence[str] = (), images: str | None = None, faces_changed: bool = False,
) -> Path:  # fmt: skip
    """Train on `faces` in the run `folder`, from wherever that run stands, to the recipe's length.

    `overrides` such as "batch=64" apply to a recipe given by name or file. Without `folder`: runs/RECIPE-FACES. A run
    that is longer already keeps its length, unless `images` says another.
    """
    faces = Path(faces)
    recipe = (recipe if isinstance(recipe, Recipe) else load(recipe, overrides)).check()
    folder = Path(folder or Path("runs") / f"{recipe.name}-{faces.resolve().stem}")
    engine = choose(recipe.engine.device, recipe.engine.precision)
    hold_memory(engine.device.type == "cpu")
    shown = faceset(
        faces, recipe.width_height, mirror=recipe.data.mirror, holdout=recipe.data.holdout, need=recipe.batch
    )
    recipe = with_length(recipe, folder, len(shown), images or given(overrides))
    who = pupils(recipe, engine)
    with Run(folder, recipe) as run, stoppable() as stop:
        course = Course(run, who, shown, engine)
        course.same_faces(faces_changed)
        with course:
            while course.step < course.last and not stop.is_set():
                course.after(learn(recipe, engine, who, shown, course.step))
        course.end()
    return folder


def given(overrides: Sequence[str]) -> str | None:
    """The length among the overrides, if there is one."""
    return next((o.removeprefix("images=") for o in reversed(overrides) if o.startswith("images=")), None)


def with_length(recipe: Recipe, folder: Path, epoch: int, images: str | None) -> Recipe:
    """As long as was asked for; where nothing was, a run that stands there is not cut short."""
    if images:
        return parse(recipe.as_dict(), [f"images={images}"])
    before = stored_recipe(folder)
    return replace(recipe, images=max(recipe, before or recipe, key=lambda r: r.length(epoch)).images)
