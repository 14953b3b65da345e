"""A recipe as fields to fill in, made of what checks recipes anyway: the annotations and the parts' signatures."""

import inspect
import math
import types
import typing
from typing import Annotated, Any

from eshi import recipe
from eshi.ground.schema import Range
from eshi.recipe import FREE, PARTS, Recipe

WHOLE = ("about", "plugins", "name")  # are not asked for


def fields(found: Recipe) -> list[dict[str, Any]]:
    """Each with its key, its value, what it may be, and whether a run may go on with another one."""
    return list(of_section(Recipe, found.as_dict(), ""))


def of_section(kind: Any, values: dict[str, Any], prefix: str) -> typing.Iterator[dict[str, Any]]:
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        if (not prefix and name in WHOLE) or name not in values:
            continue
        key, value = f"{prefix}{name}", values[name]
        if inner := recipe.section_of(hint):
            if isinstance(value, dict):
                yield from of_section(inner, value, f"{key}.")
        elif name in PARTS:
            yield from of_part(name, value, f"{key}.")
        else:
            yield {"key": key, "value": value, "free": FREE in getattr(hint, "__metadata__", ()), **may_be(hint)}


def of_part(kind: str, value: dict[str, Any], prefix: str) -> typing.Iterator[dict[str, Any]]:
    """Its name, and what the constructor of that name takes."""
    yield {"key": f"{prefix}name", "value": value["name"], "kind": "choice", "choices": list(PARTS[kind])}
    part = PARTS[kind][value["name"]]
    hints = typing.get_type_hints(part.__init__ if inspect.isclass(part) else part, include_extras=True)
    for one in inspect.signature(part).parameters.values():
        if one.name != "size" and one.default is not one.empty and one.kind is not one.VAR_KEYWORD:
            told = value.get(one.name, one.default)
            yield {"key": f"{prefix}{one.name}", "value": told, **may_be(hints.get(one.name, str))}


def may_be(hint: Any) -> dict[str, Any]:
    """What a field of a form needs to know of an annotation."""
    found: dict[str, Any] = {}
    while typing.get_origin(hint) is Annotated:
        hint, *rules = typing.get_args(hint)
        for rule in rules:
            if isinstance(rule, Range):
                ends = {"least": rule.least, "most": min(rule.most, rule.below)}
                found = {key: end for key, end in ends.items() if math.isfinite(end)} | found
    if typing.get_origin(hint) is typing.Literal:
        return {"kind": "choice", "choices": [str(word) for word in typing.get_args(hint)]}
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return {"kind": "text"}
    kinds = {int: "whole", float: "number", bool: "switch"}
    return {"kind": kinds.get(hint, "text"), **found}
