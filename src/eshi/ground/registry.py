"""Name -> class. A registry fills itself from the files of its package, so a new file is all that a new part needs.

Constructor signatures are the schema: `build` accepts exactly what the constructor takes. A user's own parts come from
a file that he names (`plugin`) or from an installed package (the entry points `eshi.parts`).
"""

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import traceback
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from eshi.ground.errors import EshiError, near_miss
from eshi.ground.schema import coerce, show

T = TypeVar("T", bound=Callable[..., Any])
SOURCE = r"[\w][\w ./+-]{0,199}"  # how the place that a part came from may be written


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
            installed()
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
                raise EshiError(f"{where} takes no '{key}'", f"it is given one: def __init__(self, {key}, ...)")
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

SOURCES: dict[str, str] = {}  # module -> the plugin or installed package that it is, for parts that are not eshi's own


def plugin(file: Path | str) -> None:
    """Import a Python file that registers parts. Only ever one that the user names: no recipe or checkpoint can.

    Its folder joins the path, so that its neighbours are found, and it itself by the worker processes of `crop`.
    """
    path = Path(file).resolve()
    if path.suffix != ".py" or not path.is_file():
        raise EshiError(f"there is no Python file {file}", "a plugin registers parts: README.md, 'Parts of your own'")
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    importlib.invalidate_caches()
    found = importlib.util.find_spec(path.stem) if re.fullmatch(r"(?!__)[\w-]+", path.stem) else None
    if not found or not found.origin or Path(found.origin).resolve() != path:
        raise EshiError(f"{file} cannot be imported as '{path.stem}'", "rename it to a word that no other module has")
    near = path.relative_to(Path.cwd()).as_posix() if path.is_relative_to(Path.cwd()) else path.name
    SOURCES[path.stem] = near if re.fullmatch(SOURCE, near) else path.name
    try:
        importlib.import_module(path.stem)
    except EshiError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        at = f", line {lines[-1]}" if lines else ""
        what = f"{type(error).__name__}: {error}".split("\n")[0]
        raise EshiError(f"{file}{at}: {what}", "--debug shows where it happened") from error


@functools.cache
def installed() -> None:
    """Import what installed packages offer as entry points of the group `eshi.parts`."""
    from importlib.metadata import entry_points  # slow to load, and not for --help

    for point in entry_points(group="eshi.parts"):
        package = point.dist.name if point.dist else point.module
        SOURCES[point.module.partition(".")[0]] = package
        try:
            point.load()
        except Exception as error:
            what = f"{type(error).__name__}: {error}".split("\n")[0]
            hint = f"mend that package, or: pip uninstall {package}"
            raise EshiError(f"the parts of '{package}' cannot be loaded: {what}", hint, 1) from error


def source(part: Any) -> str:
    """What a part that is not eshi's own came from: a plugin, an installed package, a script."""
    home = part.__module__.partition(".")[0]
    if home == "eshi":
        return ""
    if home in SOURCES:
        return SOURCES[home]
    file = getattr(sys.modules.get(home), "__file__", None)
    name = Path(file).name if file else "a notebook"
    return home if name == "__init__.py" else name
