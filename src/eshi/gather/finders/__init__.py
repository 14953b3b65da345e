"""Finders of faces. One file each: a class or function registered under its name, whose instance takes an RGB uint8
array and returns boxes `(x, y, w, h, score)`, best first; every one takes `smallest`, the least box side in pixels.
"""

import functools
import importlib
from collections.abc import Callable
from typing import Any

from eshi.ground.image import Pixels
from eshi.ground.registry import FINDERS

Box = tuple[int, int, int, int, float]  # left, top, width, height, score
Finder = Callable[[Pixels], list[Box]]


def finder(name: str, **options: Any) -> Finder:
    """`finder("lbp", smallest=32)(pixels)` -> boxes"""
    built: Finder = FINDERS.build({"name": name, **options})
    return built


@functools.lru_cache(maxsize=4)
def shared_finder(name: str, options: tuple[tuple[str, Any], ...], home: str = __name__) -> Finder:
    """The same finder again within a process. Names travel to workers, finders do not; `home` is the module that
    registers one from outside this package."""
    importlib.import_module(home)
    return finder(name, **dict(options))
