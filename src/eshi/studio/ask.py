"""What can be asked of the studio: an annotated function a path, as a verb is one. Its signature checks what comes in.

@route("GET", "/api/draw")
def draw(studio: Studio, at: str, count: Annotated[int, Range(1, 256)] = 24) -> Any:
"""

import inspect
import json
import math
import struct
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from eshi.ground.errors import EshiError, near_miss
from eshi.ground.schema import Rule, show

LONGEST = 4_000  # characters of a text
NAMES = 20_000  # file names in one list: more faces than one marks with a mouse
NUMBERS = 4_096  # in one list: the longest latent
Files = list[str]
Latent = list[float]
Changes = dict[str, Any]


@dataclass
class Answer:
    """Bytes, where plain values turned into JSON will not do."""

    body: bytes
    kind: str
    name: str = ""  # under which a browser keeps it
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    call: Callable[..., Any]
    largest: int  # bytes of a body

    @property
    def about(self) -> str:
        return (inspect.getdoc(self.call) or "").strip()


ROUTES: dict[tuple[str, str], Route] = {}
BODY = 2_000_000  # bytes that a request brings along, unless it brings a picture


def route(method: str, path: str, largest: int = BODY) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        ROUTES[method, path] = Route(function, largest)
        return function

    return keep


def bound(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for a route's function, each as its annotation has it; what it does not take is refused."""
    hints = typing.get_type_hints(function, include_extras=True)
    takes = [one for one in inspect.signature(function).parameters.values() if one.name != "studio"]
    for name in given:
        if name not in hints or name == "studio":
            raise EshiError(f"nothing is called {show(name)} here", near_miss(name[:60], [one.name for one in takes]))
    found = {}
    for one in takes:
        if one.name in given:
            found[one.name] = read(given[one.name], hints[one.name], one.name)
        elif one.default is inspect.Parameter.empty:
            raise EshiError(f"'{one.name}' is missing", "docs/studio.md shows how each is asked")
    return found


def read(value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is Annotated:
        inner, *rules = typing.get_args(hint)
        found = read(value, inner, where)
        for rule in rules:
            if isinstance(rule, Rule) and found is not None:
                rule.check(found, where)
        return found
    kinds = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
    if value is None and type(None) in kinds:
        return None
    kind = next(kind for kind in kinds if kind is not type(None))
    found = converted(value, kind)
    if found is None:
        raise EshiError(
            f"{where}: {show(value)} will not do", f"it must be {WORDS.get(kind, 'a value of another kind')}"
        )
    return found


WORDS = {
    int: "a whole number", float: "a number", bool: "true or false", bytes: "a file",
    str: f"text of at most {LONGEST:,} characters", Files: f"a list of at most {NAMES:,} names",
    Latent: f"a list of at most {NUMBERS:,} numbers", Changes: "a mapping of names to values",
}  # fmt: skip


def converted(value: Any, kind: Any) -> Any:
    """None where it is nothing of the kind. What stands in an address is text, whatever it means."""
    if kind in (int, float) and not isinstance(value, bool):
        try:
            found = kind(value) if isinstance(value, str | int | float) and len(str(value)) < 40 else None
        except (ValueError, OverflowError):
            return None
        return found if found is not None and math.isfinite(found) and found == float(value) else None
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())
    if kind is str:
        return value if isinstance(value, str) and len(value) <= LONGEST and sound(value) else None
    if kind is bytes:
        return value if isinstance(value, bytes) else None
    if kind == Files:
        usual = isinstance(value, list) and len(value) <= NAMES
        return (
            value
            if usual and all(isinstance(one, str) and len(one) < LONGEST and sound(one) for one in value)
            else None
        )
    if kind == Latent:
        usual = isinstance(value, list) and len(value) <= NUMBERS
        return value if usual and all(type(n) in (int, float) and math.isfinite(n) for n in value) else None
    usual = isinstance(value, dict) and len(value) <= NUMBERS
    return value if usual and all(isinstance(v, str | int | float) and sound(str(v)) for v in value.values()) else None


def sound(text: str) -> bool:
    """No half characters and no NUL, which neither a disk nor JSON takes."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def bundle(facts: Any, parts: Sequence[bytes]) -> Answer:
    """Many pictures in one answer: the length of a JSON header (4 bytes, big-endian), the header, the pictures. The
    header tells `facts`, and how long each picture is; 0 stands for one that could not be read."""
    head = json.dumps({"facts": facts, "sizes": [len(part) for part in parts]}).encode()
    return Answer(struct.pack(">I", len(head)) + head + b"".join(parts), "application/octet-stream")
