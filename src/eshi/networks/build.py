"""The two networks that a recipe describes."""

from typing import Any

from torch import nn

from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.recipe import Recipe


def networks(recipe: Recipe) -> tuple[Any, nn.Module]:
    G = GENERATORS.build(recipe.generator, size=recipe.width_height)
    D = DISCRIMINATORS.build(recipe.discriminator, size=recipe.width_height)
    return G, D
