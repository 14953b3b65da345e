"""What makes a function a verb: one annotated signature feeds the command line, its help, a form, and Python.

    @verb("gather", "eshi crop pictures/ -o faces/")
    def crop(pictures: Annotated[Path | str, About("a folder of pictures")], *, size: ... = 128) -> Cropped:

What stands before the star is positional on the command line too, the rest are its options. What comes back is a
dataclass with `text()` for people, which `plain` turns into JSON.
"""

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from eshi.ground.errors import EshiError, near_miss

GROUPS = ("start here", "gather", "train", "judge", "draw", "explore", "share")  # along the journey, as help shows them


class Result(Protocol):
    """A dataclass. One that also has a `code` other than 0 says that not all went well."""

    def text(self) -> str: ...


P = ParamSpec("P")
R = TypeVar("R", bound=Result)


@dataclass(frozen=True, repr=False)
class About:
    """What a parameter is for. `unset` tells what happens where it is not given and has no default to show."""

    text: str
    unset: str = ""
    flag: str = ""  # its spellings, where they are more than the parameter's name: "-o --out"
    metavar: str = ""
    many: bool = False  # may be given several times
    row: bool = False  # and several may follow its flag: --keep a.png b.png
    suggest: Callable[[], Sequence[str]] | None = None  # words that are usual, where there are others too

    def __repr__(self) -> str:  # as help(eshi.crop) shows it
        return repr(self.text)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a verb, as the command line and a form need it."""

    name: str
    about: About
    kind: type  # bool, int, float, str or Path
    choices: tuple[str, ...]
    default: Any
    required: bool
    positional: bool

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(self.about.flag.split()) or (f"--{self.name.replace('_', '-')}",)

    @property
    def label(self) -> str:
        """Its name in a message."""
        return self.metavar if self.positional else self.flags[-1]

    @property
    def metavar(self) -> str:
        words = {int: "N", float: "X", Path: "PATH"}
        usual = "{" + ",".join(self.choices) + "}" if self.choices else words.get(self.kind, "TEXT")
        return self.about.metavar or (self.name.upper() if self.positional and not self.choices else usual)

    @property
    def standard(self) -> str:
        """Its default in words, "" where there is nothing to tell."""
        if self.default is None or self.default is False or self.default in ((), ""):
            return self.about.unset
        if isinstance(self.default, tuple):
            return (" " if self.about.many else ",").join(map(str, self.default))
        return f"{self.default:g}" if isinstance(self.default, int | float) else str(self.default)

    def check(self, value: Any) -> None:
        """Refuses what no verb can use, from whichever side it comes."""
        for one in value if self.about.many and isinstance(value, list | tuple) else [value]:
            if self.kind is Path and isinstance(one, str) and not one.strip():
                raise EshiError(f"{self.label} is empty", "name a file or a folder; . is the current folder")
            if self.choices and one is not None and one not in self.choices:
                raise EshiError(f"{self.label}: there is no '{one}'", near_miss(str(one), self.choices))


@dataclass(frozen=True)
class Verb:
    call: Callable[..., Result]
    group: str
    example: str
    more: Callable[[], str] | None = None  # what its help ends with

    @property
    def name(self) -> str:
        return spoken(self.call)

    @property
    def about(self) -> str:
        return (inspect.getdoc(self.call) or "").strip()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return parameters(self.call)


VERBS: dict[str, Verb] = {}


def spoken(function: Callable[..., Any]) -> str:
    """A verb that is a word of Python, too, stands there with a line behind it: import_."""
    return function.__name__.rstrip("_")


def verb(
    group: str, example: str, more: Callable[[], str] | None = None, into: dict[str, Verb] = VERBS
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Makes a function a verb. Whoever calls it, an empty path and a choice that is none are refused."""

    def keep(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checked(*args: P.args, **options: P.kwargs) -> R:
            given = signature.bind(*args, **options).arguments
            for parameter in parameters(function):
                if parameter.name in given:
                    parameter.check(given[parameter.name])
            return function(*args, **options)

        into[spoken(function)] = Verb(checked, group, example, more)
        return checked

    return keep


@functools.cache
def parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    found = []
    for name, one in inspect.signature(function).parameters.items():
        wanted, about = typing.get_args(one.annotation)
        options = list(alternatives(wanted))
        choices = tuple(option for option in options if isinstance(option, str))
        # Path before str: a string does for a path. str before int: what may be either is read as text.
        kind = next((kind for kind in (Path, str, bool, int, float) if kind in options), str)
        required = one.default is inspect.Parameter.empty
        default = None if required else one.default
        positional = one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        found.append(Parameter(name, about, kind, choices, default, required, positional))
    return tuple(found)


def alternatives(wanted: Any) -> Sequence[Any]:
    """The types that an annotation allows, also one by one in a sequence, and the words of a Literal."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (types.UnionType, typing.Union, Sequence):
        return [option for one in inner for option in alternatives(one)]
    return inner if origin is typing.Literal else [wanted]


def settings(changes: Sequence[str] | Mapping[str, object]) -> list[str]:
    """What --set takes: `a=b` one by one, or a mapping."""
    return [f"{key}={value}" for key, value in changes.items()] if isinstance(changes, Mapping) else list(changes)


def plain(value: Any) -> Any:
    """As JSON has it: paths as text, arrays as lists, null for what is not finite. Pixels are left to their files."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items() if not pixels(one)}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value if not pixels(one)]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else str(value)


def pixels(value: Any) -> bool:
    return str(getattr(value, "dtype", "")) == "uint8" and value.ndim >= 3
