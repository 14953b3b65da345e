"""What a value may be: a type annotation read as a rule, bounds included. Recipes and the options of parts obey it."""

import math
import re
import reprlib
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any

from eshi.ground.errors import EshiError, near_miss

LARGEST = 2**63  # whole numbers below it fit wherever they may be written to
WIDEST, DEEPEST = 64, 3  # entries of a list or mapping, and how many stand inside one another
LONGEST = 4_000  # characters of a text
BRIEF = 60  # characters of a value within a message


class Refused(EshiError):
    """The right type, but not a value that makes sense."""


class Rule:
    """What an annotation may say beside the type: `Annotated[int, Range(1, 512)]`."""

    def check(self, value: Any, where: str) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Range(Rule):
    """The bounds of a number; `below` is the first that is too large."""

    least: float = 0
    most: float = math.inf
    below: float = math.inf

    def check(self, value: Any, where: str) -> None:
        if value < self.least:
            raise Refused(f"{where}: {show(value)} is too small", f"it must be at least {self.least:,}")
        if value > self.most or value >= self.below:
            bound = f"below {self.below:,}" if self.below < math.inf else f"at most {self.most:,}"
            raise Refused(f"{where}: {show(value)} is too large", f"it must be {bound}")


@dataclass(frozen=True)
class Form(Rule):
    """A text that the pattern matches whole."""

    pattern: str
    what: str
    hint: str

    def check(self, value: Any, where: str) -> None:
        if not re.fullmatch(self.pattern, value):
            raise Refused(f"{where}: {show(value)} is not {self.what}", self.hint)


Share = Annotated[float, Range(0, 1)]
Weight = Annotated[float, Range(0)]


def coerce(value: Any, wanted: Any, where: str) -> Any:
    """`value` as the declared type and within its bounds, or an error that names the place."""
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if wanted is Any:
        return plain(value, where)
    if origin is Annotated:
        found = coerce(value, options[0], where)
        for rule in options[1:]:
            if isinstance(rule, Rule):
                rule.check(found, where)
        return found
    if value is None and type(None) in options:
        return None
    if origin in (types.UnionType, typing.Union):
        for option in options:
            try:
                return coerce(value, option, where)
            except Refused:
                raise
            except EshiError:
                pass
    elif origin is typing.Literal:
        if any(type(value) is type(option) and value == option for option in options):
            return value
        word = value[:BRIEF] if isinstance(value, str) else show(value)
        raise EshiError(f"{where} cannot be {show(value)}", near_miss(word, map(str, options)))
    elif origin in (list, tuple) and isinstance(value, list | tuple):
        kinds = options[:1] * len(value) if origin is list or options[-1] is ... else options
        if len(kinds) == len(value):
            return origin(coerce(v, kind, where) for v, kind in zip(plain(value, where), kinds, strict=True))
    elif wanted is dict and isinstance(value, dict):
        return plain(value, where)
    elif wanted in (bool, int, float, str) and isinstance(value, bool | int | float | str):
        found = converted(plain(value, where), wanted)
        if found is not None:
            return plain(found, where)
    what = "there is no value" if value is None else f"{show(value)} is not {say(wanted)}"
    raise EshiError(f"{where}: {what}", f"write it as {say(wanted)}")


def converted(value: bool | int | float | str, wanted: type) -> Any:
    """None where `value` is nothing of the kind. 2e-4 is text to YAML 1.1, and 300 may be text, as a run's name."""
    if isinstance(value, bool) or wanted is bool:
        return value if isinstance(value, bool) and wanted is bool else None
    if wanted is int:
        return int(value) if isinstance(value, int) or (isinstance(value, float) and value.is_integer()) else None
    try:
        return wanted(value)
    except ValueError:
        return None


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """`value` if YAML, JSON and a checkpoint can all say it, with tuples as lists; else an error."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        Range(-LARGEST, below=LARGEST).check(value, where)
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refused(f"{where}: {value} is not a finite number", "write it as a number")
        return float(value)
    if isinstance(value, str):
        if len(value) > LONGEST:
            raise Refused(f"{where}: {show(value)} is too long", f"at most {LONGEST:,} characters")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Refused(f"{where}: {show(value)} is not text", "half of a UTF-16 pair stands alone in it")
        return str(value)
    if isinstance(value, list | tuple | dict):
        if depth == DEEPEST or len(value) > WIDEST:
            raise Refused(f"{where}: that is too much", f"at most {WIDEST} entries, {DEEPEST} levels deep")
        if isinstance(value, dict):
            if odd := [key for key in value if not (isinstance(key, str) and key.isprintable() and len(key) <= BRIEF)]:
                raise Refused(f"{where}: {show(odd[0])} is not a key", "a key is a word")
            return {str(key): plain(one, f"{where}.{key}", depth + 1) for key, one in value.items()}
        return [plain(v, where, depth + 1) for v in value]
    raise EshiError(f"{where}: {show(value)} is not a plain value", "write a number, text, true or false, or a list")


def show(value: Any) -> str:
    """A value of unknown origin within a message: on one line, cut short, without a terminal's control codes."""
    if isinstance(value, bool):
        return str(value).lower()  # as in YAML
    brief = reprlib.Repr()
    brief.maxlevel, brief.maxstring, brief.maxother = 2, BRIEF, BRIEF
    try:
        text = brief.repr(value).replace("\n", " ")
    except ValueError:  # Python does not print whole numbers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 2 * BRIEF else f"{text[:BRIEF]} ..."


def say(wanted: Any) -> str:
    """A type in a person's words."""
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Annotated:
        return say(options[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(say(option) for option in options if option is not type(None))
    if origin is typing.Literal:
        return " or ".join(map(str, options))
    if origin is tuple and options[-1] is not ...:
        return f"a list of {len(options)} {say(options[0]).removeprefix('a ')}s"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", dict: "a mapping"}
    return (words | {list: "a list", tuple: "a list"}).get(origin or wanted, str(wanted))
