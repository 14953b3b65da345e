"""A case: its area, its name, which names its chance too, and what it does in an arena."""

from collections.abc import Callable
from dataclasses import dataclass

from attack.arena import Arena


@dataclass(frozen=True)
class Case:
    area: str
    name: str
    attack: Callable[[Arena], None]
    inputs: int = 1  # hostile things in it; a kill is counted when it happens
    short: bool = False  # always in the short form
    seconds: float = 180.0  # for all of it

    @property
    def full(self) -> str:
        return f"{self.area}/{self.name}"
