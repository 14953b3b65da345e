"""Before the first step: how long a run is to be, and what it begins from."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from eshi.gather.faceset import FaceSet
from eshi.ground.errors import EshiError
from eshi.ground.figures import clock, human
from eshi.ground.progress import note
from eshi.networks.engine import Engine, keep
from eshi.recipe import Recipe, parse
from eshi.run import checkpoint, shipped
from eshi.run.folder import stored_recipe
from eshi.training.learn import learn
from eshi.training.pupils import Pupils, pupils
from eshi.training.ranks import Ranks, launched

MEASURED = 6.0  # seconds of learning, after the first steps, that tell the speed
MOST, LEAST = 8, 32  # shards, and images in one: of fewer, what a shard costs by itself outweighs (docs/LOG.md)
REMINDERS, WORDS = "reminders.", "words."  # what the names of these layers begin with
NOTHING: Literal["nothing"] = "nothing"  # in the place of a run to begin with
WARM = 3  # steps: the first allocate memory
BUSY = 0.6  # of its threads' time at most goes to a program that has to share the machine
OTHERWISE = 0.95  # of the time is learning; sheets, pages and checkpoints take the rest, and judging has its own budget


def in_shards(recipe: Recipe, folder: Path, engine: Engine) -> Recipe:
    """The recipe with the number of its shards: a run keeps the one that it began with, whatever machine it is on."""
    before, shards, world = stored_recipe(folder), recipe.engine.shards, launched()
    if recipe.engine.parts > 1:
        return alone(recipe, world)
    if shards == "auto" and before:
        shards = before.engine.shards
    if shards == "auto":
        threads = torch.get_num_threads() if engine.device.type == "cpu" and not recipe.plugins else 1
        fitting = max(1, min(threads, MOST, recipe.batch // LEAST))
        shards = (fitting + world - 1) // world * world
    assert isinstance(shards, int)
    if shards > recipe.batch:
        raise EshiError(f"a batch of {recipe.batch} cannot be split into {shards} shards", "larger batches, or fewer")
    if shards % world and engine.device.type == "cpu":
        hint = f"--nproc-per-node {shards}, or a new run with -o"
        raise EshiError(f"{folder} learns in {shards} shards, which {world} processes cannot share", hint)
    return replace(recipe, engine=replace(recipe.engine, shards=shards))


def alone(recipe: Recipe, world: int) -> Recipe:
    """The recipe of a run that learns from its batches part by part: in one process, in no shards."""
    parts, shards = recipe.engine.parts, recipe.engine.shards
    if parts > recipe.batch:
        raise EshiError(f"a batch of {recipe.batch} cannot be learned in {parts} parts", "larger batches, or fewer")
    if world > 1 or shards not in ("auto", 1):
        many = f"{world} processes" if world > 1 else f"{shards} shards"
        raise EshiError(f"it cannot learn in {parts} parts and {many}", "engine.parts=1, or one process and one shard")
    return replace(recipe, engine=replace(recipe.engine, shards=1))


def with_length(
    recipe: Recipe, folder: Path, faces: FaceSet, engine: Engine, asked: bool, ranks: Ranks | None = None
) -> Recipe:
    """The recipe with its length in images: a run that stands in `folder` is not cut short unless that was asked for,
    and a length in time becomes what this machine learns from in that time."""
    before = stored_recipe(folder)
    if before and not before.seconds:
        if recipe.seconds:  # it has been counted when the run began
            if asked:
                note(f"{folder} has its length from when it began: {before.images} images; --images makes it longer")
            return replace(recipe, images=before.images)
        if not asked:
            epoch = len(faces)
            return replace(recipe, images=max(recipe, before, key=lambda r: r.length(epoch)).images)
    return counted(recipe, faces, engine, ranks) if recipe.seconds else recipe


def counted(recipe: Recipe, faces: FaceSet, engine: Engine, ranks: Ranks | None = None) -> Recipe:
    """A length in time as a number of images, from some seconds of learning that are thrown away."""
    who, step, start, worked = pupils(recipe, engine, ranks), 0, time.monotonic(), 0.0
    while step <= WARM or time.monotonic() - start < MEASURED:
        if step == WARM:
            start, worked = time.monotonic(), time.process_time()
        terms = learn(recipe, engine, who, faces, step)
        step += 1
    float(next(iter(terms.values())))  # a GPU is done only when something is read
    passed, worked = time.monotonic() - start, time.process_time() - worked
    rate = (step - WARM) * recipe.batch / passed
    share = OTHERWISE - (recipe.judge.budget if recipe.judge.every and recipe.judge.budget < 1 else 0)
    images = max(recipe.batch, int(float(f"{rate * share * recipe.seconds:.3g}")))
    note(f"{rate:,.0f} images/s here: {clock(recipe.seconds)} are {human(images)} images")
    if engine.device.type == "cpu" and not ranks and worked < BUSY * passed * torch.get_num_threads():
        note("other programs are busy beside it: once they rest it is done sooner, and --images makes it longer")
    return replace(recipe, images=str(images))


def with_beginning(recipe: Recipe, folder: Path, asked: str | None) -> Recipe:
    """The recipe with what the run in `folder` has begun with, or with what is asked for."""
    before = stored_recipe(folder)
    if before and (folder / "last.pt").exists():
        return replace(recipe, begin=before.begin)
    if not asked:
        return recipe
    source = asked.removesuffix(":G")
    if source != NOTHING and not shipped.shipped(source):
        checkpoint.load(Path(source))  # a typo shows now, not after the speed has been measured
    return replace(recipe, begin=shipped.NAME if asked == shipped.NAME else NOTHING)


def begun_with(who: Pupils, recipe: Recipe, asked: str | None) -> str:
    """A new run begins with the weights asked for, or with those that its recipe names, if they fit; what was taken."""
    if (asked or recipe.begin) == NOTHING:
        return ""
    if asked:
        return head_start(who, recipe, asked)
    try:
        taken = head_start(who, recipe, recipe.begin)
    except EshiError as error:
        note(f"it begins with {NOTHING}: {error}")
        return ""
    note(f"it begins with {taken}; --from {NOTHING}: without")
    return taken


def head_start(who: Pupils, recipe: Recipe, source: str) -> str:
    """Weights from another run or checkpoint, all of them or, of RUN:G, what draws; what was taken, in words."""
    path, only_G = source.removesuffix(":G"), source.endswith(":G")
    if shipped.shipped(path):
        state, only_G = shipped.state(), True
    else:
        state = checkpoint.load(Path(path))
    state |= {"G": checkpoint.drawing(state)}
    parts = {name: part for name, part in who.parts().items() if not name.split()[-1].startswith("opt_")}
    its = parse(state["recipe"], where=f"the recipe in {path}")
    known, wanted = (list(one.labels.values) if one.labels else [] for one in (its, recipe))
    for name, part in parts.items():
        stored = state["G"] if name == "G_ema" else state.get(name)
        if only_G and name not in ("G", "G_ema"):
            continue
        if isinstance(stored, dict):
            own = part.state_dict()
            if not its.generator.get("remind"):
                stored = stored | beginning(own, REMINDERS)
            if known != wanted:
                stored = translated(stored, own, known, wanted)
        try:
            checkpoint.fill(part, stored, f"{name} of {path}")
        except EshiError as error:
            whole = f"a run of the same recipe fits: it is from {its.name}" if name in ("G", "G_ema") else ""
            hint = whole or f"its generator alone may fit: --from {path}:G"
            raise EshiError(str(error), hint) from error
        keep(part.parameters())
    return f"{path}{' (G alone)' if only_G else ''}, {state['images']:,} images"


def beginning(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if name.startswith(prefix)}


def translated(stored: Mapping[str, Tensor], own: Mapping[str, Tensor], known: list[str], wanted: list[str]) -> Any:
    """`stored` with a layer for other words, which is the new network's own but for the words that both know.

    Without any it is left out: a latent that is asked for nothing is a latent like any other.
    """
    words = beginning(own, WORDS)
    both = [value for value in wanted if value in known]
    here, there = [wanted.index(value) for value in both], [known.index(value) for value in both]
    for name, layer in words.items():
        before = stored.get(name)
        if isinstance(before, Tensor) and layer.ndim == 2 and before.shape == (len(layer), len(known)):
            words[name] = layer.clone()
            words[name][:, here] = before[:, there].to(layer)
    return {name: value for name, value in stored.items() if not name.startswith(WORDS)} | words
