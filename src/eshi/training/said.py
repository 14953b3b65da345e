"""What the faces of a batch are said to show: G is asked for the same, and the teachers are told it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from eshi.gather.faceset import FaceSet
from eshi.ground.errors import EshiError
from eshi.ground.progress import note
from eshi.networks.labels import attributes
from eshi.recipe import Labels, Recipe
from eshi.run.folder import stored_recipe

MOST = 64  # values in all: what a recipe can hold
MANY = 2_000  # labelled faces, from which on words need not fade in: with fewer they do, within these shares
SLOWLY = (0.25, 0.5)


def with_values(recipe: Recipe, folder: Path, faces: FaceSet) -> Recipe:
    """The recipe with the values that can be asked for: those that the run in `folder` began with, or those there are;
    and the faces with their words."""
    if not recipe.labels:
        return recipe
    before, its = stored_recipe(folder), recipe.labels
    if before and before.labels and not its.values:
        its = replace(its, values=before.labels.values, shares=before.labels.shares, fade=begun(its, before.labels))
    new = not its.values
    if new:
        its = replace(its, values=found(its, faces))
    faces.words = faces.said(its.values, its.sure)
    if new:
        its = replace(its, shares=[round(float(share), 4) for share in faces.words[faces.train].mean(axis=0)])
    return replace(recipe, labels=its)


def begun(now: Labels, before: Labels) -> Literal["auto"] | tuple[float, float]:
    """A fade in shares of the length has become images when the run began."""
    return before.fade if now.fade == "auto" or any(0 < share <= 1 for share in now.fade) else now.fade


def found(its: Labels, faces: FaceSet) -> list[str]:
    if not its.use:
        raise EshiError("the recipe has labels, but uses none", "for example --labels hair,eyes")
    known = faces.attributes(its.use, its.sure, its.fewest).values
    if bare := [attribute for attribute, values in known.items() if not values]:
        hint = f"--set labels.fewest=5 takes rarer ones, --set labels.sure=0.3 less certain ones; leave out {bare[0]}"
        raise EshiError(f"no value of '{bare[0]}' is known of {its.fewest} faces in {faces.path}", hint)
    values = [f"{attribute}={value}" for attribute, several in known.items() for value in several]
    if len(values) > MOST:
        raise EshiError(f"that are {len(values)} values to ask for, and {MOST} are the most", "use fewer attributes")
    words = (f"{attribute} {', '.join(several)}" for attribute, several in known.items())
    note(f"can be asked for: {'; '.join(words)}")
    return values


def with_fade(recipe: Recipe, faces: FaceSet) -> Recipe:
    """The recipe with its fade in images, so that a longer run does not begin to forget its words."""
    if not recipe.labels or faces.words is None:
        return recipe
    fade = recipe.labels.fade
    if fade == "auto":
        fade = SLOWLY if faces.words.any(axis=1).sum() < MANY else (0, 0)
    begin, end = (int(share * recipe.length(len(faces))) if share <= 1 else share for share in fade)
    if begin > end:
        raise EshiError(f"labels cannot fade in from {begin:,} to {end:,} images", "for example labels.fade=[0.25,0.5]")
    return replace(recipe, labels=replace(recipe.labels, fade=(float(begin), float(end))))


def said(recipe: Recipe, faces: FaceSet, step: int, rows: slice = slice(None)) -> Tensor | None:
    """(rows, V) of batch `step`, a pure function of its arguments; None where nothing is said yet."""
    if recipe.labels is None or faces.words is None or not (share := strength(recipe.labels, step * recipe.batch)):
        return None
    index, _ = faces.picks(recipe.seed, step, recipe.batch)
    return torch.from_numpy((faces.words[index] * spared(recipe, step, share))[rows])


def strength(its: Labels, images: int) -> float:
    assert its.fade != "auto"  # the run has begun
    begin, end = its.fade
    return 1.0 if images >= end else max(0.0, (images - begin) / (end - begin))


def spared(recipe: Recipe, step: int, share: float) -> np.ndarray:
    """(batch, V) of 0 and 1: which words chance lets be said, an attribute's all or none of them."""
    assert recipe.labels
    chance, drop = np.random.default_rng([recipe.seed, step, 0, 1]), recipe.labels.drop
    whole = chance.random((recipe.batch, 1)) < share * (1 - drop)
    groups: Mapping[str, list[str]] = attributes(recipe.labels.values)
    each = chance.random((recipe.batch, len(groups))) >= drop
    return whole & np.repeat(each, [len(values) for values in groups.values()], axis=1)
