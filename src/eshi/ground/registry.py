"""Name -> class. A registry fills itself from the files of its package, so a new file is all that a new part needs.

Constructor signatures are the schema: `build` accepts exactly what the constructor takes.
"""

import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from eshi.ground.errors import EshiError, near_miss

T = TypeVar("T", bound=Callable[..., Any])


class Registry(Mapping[str, Callable[..., Any]]):
    def __init__(self, noun: str, home: str):
        self.noun, self.home = noun, home  # home: the module or package whose import fills this registry
        self.parts: dict[str, Callable[..., Any]] = {}
        self.filled = False

    def register(self, name: str) -> Callable[[T], T]:
        def keep(part: T) -> T:
            self.parts[name] = part
            return part

        return keep

    def fill(self) -> dict[str, Callable[..., Any]]:
        if not self.filled:
            home = importlib.import_module(self.home)
            for module in pkgutil.iter_modules(getattr(home, "__path__", [])):
                importlib.import_module(f"{self.home}.{module.name}")
            self.filled = True
        return self.parts

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name not in self.fill():
            raise EshiError(f"no {self.noun} called '{name}'", near_miss(str(name), self.parts))
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.fill()))

    def __len__(self) -> int:
        return len(self.fill())

    def check(self, spec: Mapping[str, Any], given: tuple[str, ...] = ()) -> dict[str, Any]:
        """The keyword arguments in `spec`, coerced to the constructor's types; `given` names come from elsewhere."""
        part = self[spec.get("name", "")]
        takes = {k: p for k, p in inspect.signature(part).parameters.items() if k not in given}
        hints = typing.get_type_hints(part.__init__ if inspect.isclass(part) else part)
        where = f"{self.noun} '{spec['name']}'"
        options = {k: v for k, v in spec.items() if k != "name"}
        for key in options:
            if key not in takes:
                raise EshiError(f"{where} takes no '{key}'", near_miss(key, takes) if takes else "it takes no options")
        return {key: coerce(value, hints.get(key, Any), f"{self.noun}.{key}") for key, value in options.items()}

    def build(self, spec: Mapping[str, Any], **given: Any) -> Any:
        return self[spec.get("name", "")](**self.check(spec, tuple(given)), **given)


def coerce(value: Any, wanted: Any, where: str) -> Any:
    """`value` as the declared type, or an error that names the place. (PyYAML reads 2e-4 as a string.)"""
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any or (value is None and type(None) in options):
        return value
    if origin in (types.UnionType, typing.Union):
        for option in options:
            try:
                return coerce(value, option, where)
            except EshiError:
                pass
    elif origin is typing.Literal:
        if value in options:
            return value
        raise EshiError(f"{where}: '{value}' is not a choice", near_miss(str(value), map(str, options)))
    elif origin is tuple and isinstance(value, list | tuple) and len(value) == len(options):
        return tuple(coerce(v, o, where) for v, o in zip(value, options, strict=True))
    elif wanted is bool and isinstance(value, bool):
        return value
    elif wanted is int and isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return int(value)
    elif wanted is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    elif wanted in (str, dict) and isinstance(value, wanted):
        return value
    raise EshiError(f"{where}: {value!r} is not {say(wanted)}", f"write it as {say(wanted)}")


def say(wanted: Any) -> str:
    """A type in a person's words."""
    options = typing.get_args(wanted)
    if typing.get_origin(wanted) in (types.UnionType, typing.Union):
        return " or ".join(say(o) for o in options if o is not type(None))
    if typing.get_origin(wanted) is tuple:
        return f"a list of {len(options)}"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word", dict: "a mapping"}
    return words.get(wanted, str(wanted))


GENERATORS = Registry("generator", "eshi.networks")
DISCRIMINATORS = Registry("discriminator", "eshi.networks")
LOSSES = Registry("loss", "eshi.training.losses")
AUGMENTATIONS = Registry("augmentation", "eshi.training.augment")
FINDERS = Registry("finder", "eshi.gather.finders")
FEATURES = Registry("feature network", "eshi.judging.features")
