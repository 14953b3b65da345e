"""eshi (絵師) learns to draw anime faces from pictures you collect. Its verbs are functions, loaded at first use:

    start here  demo
    gather      paint, collect, crop, clean, faces, label
    train       recipes, train
    judge       judge, runs, report
    draw        draw
    explore     sweep, walk, mix, directions, edit, project, favourites, look, transfer
    share       export, import

Each is the command of the same name: `eshi.crop("pictures", out="faces")` is `eshi crop pictures -o faces`, and what
comes back is a dataclass. `help(eshi.crop)` says more. `import` is a word of Python's own: `eshi.import_`.
"""

import ast
import importlib
from pathlib import Path
from typing import Any

__version__ = "0.2.0"

HOMES = {  # name -> the room it lives in: __init__.pyi is the one list, for type checkers and for us
    alias.name: node.module
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom) and node.module
    for alias in node.names
}
__all__ = sorted(HOMES)


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'eshi' has no attribute '{name}'")
    return getattr(importlib.import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
