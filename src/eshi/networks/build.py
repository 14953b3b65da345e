"""The two networks that a recipe describes."""

from typing import Any

from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.networks.contracts import Discriminator, Generator
from eshi.recipe import Recipe

SECTIONS = {"G": "generator", "D": "discriminator"}  # of a recipe


def networks(recipe: Recipe) -> tuple[Generator, Discriminator]:
    return network(recipe, "G"), network(recipe, "D")


def network(recipe: Recipe, name: str) -> Any:
    registry = GENERATORS if name == "G" else DISCRIMINATORS
    return registry.build(getattr(recipe, SECTIONS[name]), size=recipe.width_height)
