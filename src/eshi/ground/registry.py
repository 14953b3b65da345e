"""Name -> class. A registry fills itself from the files of its package, so a new file is all that a new part needs.

Constructor signatures are the schema: `build` accepts exactly what the constructor takes.
"""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from eshi.ground.errors import EshiError, near_miss
from eshi.ground.schema import coerce, show

T = TypeVar("T", bound=Callable[..., Any])


class Registry(Mapping[str, Callable[..., Any]]):
    def __init__(self, noun: str, home: str):
        self.noun, self.home = noun, home  # home: the module or package whose import fills this registry
        self.parts: dict[str, Callable[..., Any]] = {}
        self.filled = False

    def register(self, name: str) -> Callable[[T], T]:
        def keep(part: T) -> T:
            there, mine = (f"{p.__module__}.{p.__qualname__}" for p in (self.parts.get(name, part), part))
            if there != mine:  # the same again is a cell of a notebook that was run again
                raise EshiError(f"more than one {self.noun} is called '{name}': {there} and {mine}", "rename your own")
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
        if not isinstance(name, str) or name not in self.fill():
            raise EshiError(f"no {self.noun} called {show(name)}", near_miss(str(name)[:60], self.parts))
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self.fill()))

    def __len__(self) -> int:
        return len(self.fill())

    def check(self, spec: Mapping[str, Any], **given: Any) -> dict[str, Any]:
        """The keyword arguments in `spec`, as the types of the constructor; `given` ones come from elsewhere.

        A part that some combinations do not suit may have a static method `fits`, which takes the same and raises.
        """
        part = self[spec.get("name", "")]
        where, options = f"{self.noun} '{spec['name']}'", {k: v for k, v in spec.items() if k != "name"}
        takes = inspect.signature(part).parameters
        own = {k: p for k, p in takes.items() if k not in given and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        anything = any(p.kind is p.VAR_KEYWORD for p in takes.values())
        for key in options:
            if key in given or not (key in own or anything):
                raise EshiError(f"{where} takes no {show(key)}", near_miss(key, own) if own else "it takes no options")
        for key in given:
            if key not in takes and not anything:
                raise EshiError(
                    f"{where} takes no '{key}'", f"its constructor is given one: def __init__(self, {key}, ...)"
                )
        for key, parameter in own.items():
            if parameter.default is parameter.empty and key not in options:
                raise EshiError(f"{where} needs a value for '{key}'", f"write {{name: {spec['name']}, {key}: ...}}")
        try:
            hints = typing.get_type_hints(part.__init__ if inspect.isclass(part) else part, include_extras=True)
        except NameError as error:
            raise EshiError(f"{where}: its annotations cannot be read: {error}", "import what they name") from error
        ready = {key: coerce(value, hints.get(key, Any), f"{where}: {key}") for key, value in options.items()}
        if hasattr(part, "fits"):
            part.fits(**given, **ready)
        return ready

    def build(self, spec: Mapping[str, Any], **given: Any) -> Any:
        return self[spec.get("name", "")](**self.check(spec, **given), **given)


GENERATORS = Registry("generator", "eshi.networks")
DISCRIMINATORS = Registry("discriminator", "eshi.networks")
LOSSES = Registry("loss", "eshi.training.losses")
AUGMENTATIONS = Registry("augmentation", "eshi.training.augment")
FINDERS = Registry("finder", "eshi.gather.finders")
FEATURES = Registry("feature network", "eshi.judging.features")
