"""The two networks that a recipe describes."""

from typing import Any

from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.networks.contracts import Discriminator, Generator
from eshi.networks.labels import can_be_asked, can_be_told
from eshi.recipe import Recipe

SECTIONS = {"G": "generator", "D": "discriminator"}  # of a recipe


def networks(recipe: Recipe) -> tuple[Generator, Discriminator]:
    return network(recipe, "G"), network(recipe, "D")


def network(recipe: Recipe, name: str) -> Any:
    spec: dict[str, Any] = getattr(recipe, SECTIONS[name])
    if name == "D":
        return discriminator(recipe, spec)
    G = GENERATORS.build(spec, size=recipe.width_height)
    return can_be_asked(G, len(recipe.labels.values)) if recipe.labels else G


def discriminator(recipe: Recipe, spec: dict[str, Any]) -> Any:
    """The first teacher, or another."""
    D = DISCRIMINATORS.build(spec, size=recipe.width_height)
    return can_be_told(D, len(recipe.labels.values), spec["name"]) if recipe.labels else D
