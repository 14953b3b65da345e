"""Arithmetic on latents, read by hand: seeds, names, files, mean(...), + - * / and parentheses. Nothing is run."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from eshi.ground.errors import EshiError, near_miss

FILE = r"""(?P<file>'[^']*'|"[^"]*"|[\w./~]+\.npy\b)"""  # quoted, where its path holds more than this
LONGEST = 10_000  # characters
DEEPEST = 50  # parentheses within parentheses
TOKEN = re.compile(rf"\s*(?:{FILE}|(?P<number>\d+\.\d*|\.\d+|\d+)|(?P<word>[^\W\d]\w*)|(?P<sign>[-+*/(),]))")


@dataclass
class Term:
    """A part of the sum: its sign, its text, the points named in it, and its value."""

    sign: str
    text: str
    points: list[tuple[str, Tensor]]
    value: Tensor


class Reader:
    """A recursive descent: sum -> product -> factor. A whole number is a seed, unless it multiplies or divides."""

    def __init__(self, text: str, point: Callable[[str], Tensor], names: list[str]):
        self.text, self.point, self.names = text, point, names
        if len(text) > LONGEST:
            hint = f"no more than {LONGEST:,} are read; keep parts of it: eshi favourites RUN add"
            raise EshiError(f"the expression has {len(text):,} characters", hint)
        self.tokens = list(self.split())
        self.at = self.depth = 0
        self.points: list[tuple[str, Tensor]] = []

    def split(self) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []
        start = 0
        end = len(self.text.rstrip())
        while start < end:
            match = TOKEN.match(self.text, start)
            if not match:
                start += len(self.text[start:]) - len(self.text[start:].lstrip())
                raise self.wrong(f"'{self.text[start]}' means nothing here", start)
            kind = str(match.lastgroup)
            found.append((kind, match[kind], match.start(kind)))
            start = match.end()
        return [*found, ("end", "", end)]

    def wrong(self, what: str, place: int, hint: str = "") -> EshiError:
        shown = f"{self.text[:place]} >>> {self.text[place:]}".strip()
        message = f"cannot read the expression at character {place + 1}: {what}"
        return EshiError(message, hint or f"it reads: {shown}")

    @property
    def now(self) -> tuple[str, str, int]:
        return self.tokens[self.at]

    def take(self, *wanted: str) -> str:
        if self.now[1] in wanted:
            self.at += 1
            return self.tokens[self.at - 1][1]
        return ""

    def terms(self) -> list[Term]:
        found: list[Term] = []
        while self.now[0] != "end":
            sign = self.take("+", "-") or ("" if found else "+")
            if not sign:
                raise self.wrong(f"'{self.now[1]}' needs a + - * or / before it", self.now[2])
            start, self.points = self.now[2], []
            value = self.latent(self.product())
            text = self.text[start : self.tokens[self.at - 1][2] + len(self.tokens[self.at - 1][1])]
            found.append(Term(sign, text, self.points, value))
        if not found:
            raise EshiError("the expression is empty", "for example: mean(1,2,3) - mean(4,5,6) + 7")
        return found

    def sum(self) -> Tensor:
        total = -self.latent(self.product()) if self.take("-") else self.latent(self.product())
        while sign := self.take("+", "-"):
            other = self.latent(self.product())
            total = total + other if sign == "+" else total - other
        return total

    def product(self) -> Tensor | str:
        """A latent, or the text of a number whose meaning is still open."""
        value = self.factor()
        while sign := self.take("*", "/"):
            place, other = self.now[2], self.factor()
            if sign == "*" and isinstance(value, str) and (not isinstance(other, str) or "." in value):
                value, other = other, value
            elif sign == "*" and isinstance(value, str) and "." not in other:
                raise self.wrong("which of the two numbers is a seed?", place, "write the other with a point: 2.0")
            if not isinstance(other, str):
                raise self.wrong("a face can only be multiplied or divided by a number", place)
            if sign == "/" and float(other) == 0:
                raise self.wrong("division by 0", place)
            value = self.latent(value) * (float(other) if sign == "*" else 1 / float(other))
        return value

    def factor(self) -> Tensor | str:
        if self.depth == DEEPEST:
            raise self.wrong("it is nested too deeply", self.now[2], "keep parts of it: eshi favourites RUN add")
        self.depth += 1
        value = self.inner()
        self.depth -= 1
        return value

    def inner(self) -> Tensor | str:
        kind, word, place = self.now
        if kind == "number":
            self.at += 1
            return word
        if kind == "file":
            self.at += 1
            return self.remember(word.strip("'\""))
        if self.take("-"):
            return -self.latent(self.factor())
        if self.take("("):
            value = self.sum()
            self.close(place)
            return value
        if kind != "word":
            raise self.wrong("it ends too early" if kind == "end" else f"'{word}' cannot stand here", place)
        self.at += 1
        if self.now[1] == "(":
            return self.call(word, place)
        return self.named(word, place)

    def call(self, word: str, place: int) -> Tensor:
        if word != "mean":
            raise self.wrong(f"there is no '{word}(...)'", place, near_miss(word, ["mean"]))
        self.take("(")
        values = [self.sum()]
        while self.take(","):
            values.append(self.sum())
        self.close(place)
        total = values[0]
        for value in values[1:]:
            total = total + value
        return total / len(values)

    def close(self, opened: int) -> None:
        if not self.take(")"):
            what = "a ) is missing" if self.now[0] == "end" else f"'{self.now[1]}' where a ) or , should be"
            raise self.wrong(what, self.now[2])

    def named(self, word: str, place: int) -> Tensor:
        if word not in self.names:
            raise self.wrong(f"no favourite called '{word}'", place, near_miss(word, [*self.names, "mean"]))
        return self.remember(word)

    def latent(self, value: Tensor | str) -> Tensor:
        """A number that no multiplication took is a seed."""
        if not isinstance(value, str):
            return value
        if "." in value:
            place = self.tokens[self.at - 1][2]
            raise self.wrong(f"{value} is no seed, and multiplies nothing", place)
        return self.remember(value)

    def remember(self, word: str) -> Tensor:
        latent = self.point(word)
        self.points.append((word, latent))
        return latent
