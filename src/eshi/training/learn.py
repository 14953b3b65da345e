"""One step of learning. Its randomness is keyed by (seed, step), so a run goes on as if it had not been stopped."""

from typing import Any

import torch
from torch import Tensor

from eshi.gather.faceset import FaceSet
from eshi.networks.contracts import Generator
from eshi.networks.engine import Engine, keyed, seed_everything
from eshi.networks.labels import Told, asked, places, told
from eshi.networks.shard import HERE
from eshi.recipe import Recipe
from eshi.training.losses import Terms, total
from eshi.training.pupils import Pupils, Teacher
from eshi.training.said import said
from eshi.training.team import dealt


def learn(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int) -> Terms:
    """One step, by all shards where there are some. What came out is returned, detached."""
    seed_everything(recipe.seed, step + 1)  # 0 made the weights
    if (team := who.team) is None:
        with who.turn:
            return turns(recipe, engine, who, faces, step)
    who.agree(step)

    def work(place: int) -> Terms:
        return turns(recipe, engine, who.twins[place], faces, step, team.shards[place].rows)

    return team.learn(work, keyed(recipe.seed, step + 1))


def turns(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int, rows: slice = slice(None)) -> Terms:
    """The teachers' turn, G's turn, the average: with the whole batch, or with this thread's shard of it."""
    batch = engine.batch(faces, recipe.seed, step, recipe.batch, rows)
    words = said(recipe, faces, step, rows)
    words = words if words is None else words.to(engine.device)
    d_turn, g_turn = step % recipe.d_every == 0, step % recipe.g_every == 0
    terms: Terms = {}
    aims: Terms = {}  # what G minimises
    shown = [shown_to(teacher, batch, engine) for teacher in who.teachers]
    with engine.autocast(), torch.set_grad_enabled(g_turn):
        fake = who.G(asked(who.G, who.G.draw(len(batch)), words))  # one drawing serves all turns
    for teacher, real in zip(who.teachers, shown, strict=True):
        loss, D = teacher.loss, teacher.D
        with engine.autocast(), torch.set_grad_enabled(g_turn):
            seen = teacher.see(fake) if teacher.frozen_part else None
        if d_turn:
            with engine.autocast():
                drawn = teacher.augment(fake.detach()) if seen is None else seen.detach()
                judged = told(D.requires_grad_(True), words)
                terms_d = loss.d(judged, real, drawn)
                if isinstance(judged, Told) and recipe.labels:
                    terms_d["words"] = judged.mistaken(list(places(recipe.labels.values).values()))
                named = teacher.named(terms_d)
            terms |= named | teacher.named({"loss_d": descend(teacher.opt, named)})
        if g_turn:
            with engine.autocast():  # G's turn needs no gradients of D's own weights
                drawn = teacher.augment(fake) if seen is None else seen
                named = teacher.named(loss.g(told(D.requires_grad_(False), words), real, drawn))
            aims |= {name: teacher.weight * term for name, term in named.items()}
    if g_turn:
        terms |= aims | {"loss_g": descend(who.opt_G, aims)}
        if who.G_ema is not who.G:
            half_life = min(recipe.ema, 0.05 * (step + 1) * recipe.batch)  # short at first, while G changes fast
            follow(who.G_ema, who.G, 0.5 ** (recipe.batch * recipe.g_every / half_life), who.part)
    return {name: term.detach() for name, term in terms.items()}


@torch.no_grad()
def shown_to(teacher: Teacher, batch: Tensor, engine: Engine) -> Tensor:
    """Real faces as this teacher looks at them."""
    if not teacher.frozen_part:
        shown: Tensor = teacher.augment(batch)
        return shown
    with engine.autocast():
        return teacher.see(batch)


def descend(optimizer: Any, terms: Terms) -> Tensor:
    loss = total(terms)
    optimizer.zero_grad(set_to_none=True)
    (loss * HERE.shard.share if HERE.shard else loss).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def follow(G_ema: Generator, G: Generator, keep: float, part: tuple[int, int] = (0, 1)) -> None:
    """G_ema = keep x G_ema + (1 - keep) x G, batch-norm statistics included; or one of several parts of it."""
    mine, its = G_ema.state_dict(), G.state_dict()
    floats = [name for name, value in mine.items() if value.is_floating_point()]
    floats = [floats[place] for place in dealt([mine[name].numel() for name in floats], part[1])[part[0]]]
    torch._foreach_lerp_([mine[n] for n in floats], [its[n] for n in floats], 1 - keep)
