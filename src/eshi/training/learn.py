"""One step of learning. Its randomness is keyed by (seed, step), so a run goes on as if it had not been stopped."""

import functools
import math

import torch
from torch import Tensor

from eshi.gather.faceset import FaceSet
from eshi.networks.contracts import Generator
from eshi.networks.engine import Engine, keyed, seed_everything
from eshi.recipe import Recipe
from eshi.training.losses import Terms
from eshi.training.piece import Piece, at_once, in_parts, parts
from eshi.training.pupils import Pupils
from eshi.training.said import said
from eshi.training.team import dealt

ALL = slice(None)
STAIRS = 8  # to half the rate: a step that was recorded on a GPU has its rate in it, and must be recorded anew


def learn(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int) -> Terms:
    """One step, by all shards where there are some. What came out is returned, detached."""
    seed_everything(recipe.seed, step + 1)  # 0 made the weights
    who.pace(rate(recipe, step * recipe.batch))
    if (team := who.team) is None:
        with who.turn:
            return lesson(recipe, engine, who, faces, step)
    who.agree(step)

    def work(place: int) -> Terms:
        return lesson(recipe, engine, who.twins[place], faces, step, team.shards[place].rows)

    return team.learn(work, keyed(recipe.seed, step + 1))


def rate(recipe: Recipe, images: int) -> float:
    """G's: with the square root of the images once it falls, so that no length need be known (Karras et al. 2024,
    EDM2, arXiv:2312.02696). The teachers keep theirs, or they would fall behind G."""
    if not recipe.steady or images <= recipe.steady:
        return recipe.g_adam.lr
    halvings = math.log2(images / recipe.steady) / 2
    return float(recipe.g_adam.lr * 2.0 ** -(math.floor(STAIRS * halvings) / STAIRS))


def lesson(recipe: Recipe, engine: Engine, who: Pupils, faces: FaceSet, step: int, rows: slice = ALL) -> Terms:
    """The teachers' turn, G's turn, the average: with the whole batch, or with this thread's shard of it."""
    d_turn, g_turn = step % recipe.d_every == 0, step % recipe.g_every == 0

    def shown(rows: slice) -> tuple[Tensor, Tensor | None]:
        words = said(recipe, faces, step, rows)
        batch = engine.batch(faces, recipe.seed, step, recipe.batch, rows)
        return batch, words if words is None else words.to(engine.device)

    if recipe.engine.parts > 1:
        pieces = [Piece(recipe, engine, who, *shown(part.rows), part) for part in parts(recipe, engine)]
        terms = in_parts(pieces, keyed(recipe.seed, step + 1), d_turn, g_turn)
    else:
        batch, words = shown(rows)

        def turns(batch: Tensor, words: Tensor | None) -> Terms:
            return at_once(Piece(recipe, engine, who, batch, words), d_turn, g_turn)

        if who.recorder:
            again = functools.partial(seed_everything, recipe.seed, step + 1)
            terms = who.recorder(turns, batch, words, (d_turn, g_turn), again)
        else:
            terms = turns(batch, words)
    if g_turn and who.G_ema is not who.G:
        half_life = min(recipe.ema, 0.05 * (step + 1) * recipe.batch)  # short at first, while G changes fast
        follow(who.G_ema, who.G, 0.5 ** (recipe.batch * recipe.g_every / half_life), who.part)
    return terms


@torch.no_grad()
def follow(G_ema: Generator, G: Generator, keep: float, part: tuple[int, int] = (0, 1)) -> None:
    """G_ema = keep x G_ema + (1 - keep) x G, batch-norm statistics included; or one of several parts of it."""
    mine, its = G_ema.state_dict(), G.state_dict()
    floats = [name for name, value in mine.items() if value.is_floating_point()]
    floats = [floats[place] for place in dealt([mine[name].numel() for name in floats], part[1])[part[0]]]
    torch._foreach_lerp_([mine[n] for n in floats], [its[n] for n in floats], 1 - keep)
