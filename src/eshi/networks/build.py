"""The two networks that a recipe describes."""

from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.networks.contracts import Discriminator, Generator
from eshi.recipe import Recipe


def networks(recipe: Recipe) -> tuple[Generator, Discriminator]:
    G: Generator = GENERATORS.build(recipe.generator, size=recipe.width_height)
    D: Discriminator = DISCRIMINATORS.build(recipe.discriminator, size=recipe.width_height)
    return G, D
