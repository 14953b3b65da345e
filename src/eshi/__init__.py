"""eshi (絵師) learns to draw anime faces from pictures you collect. Its verbs are functions, loaded at first use."""

import importlib
import sys
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

HOMES = {
    "EshiError": "eshi.errors",
    "FaceSet": "eshi.gather.faceset",
    "faceset": "eshi.gather.faceset",
    "paint": "eshi.gather.painter",
    "Recipe": "eshi.recipe",
    "train": "eshi.train",
    "artist": "eshi.draw",
    "draw": "eshi.draw",
    "demo": "eshi.demo",
    "collect": "eshi.gather.collect",
    "crop": "eshi.gather.crop",
    "clean": "eshi.gather.clean",
    "survey": "eshi.gather.survey",
    "credits": "eshi.gather.credits",
    "judge": "eshi.judge.compare",
    "runs": "eshi.logbook",
    **dict.fromkeys(["faces_report", "run_report"], "eshi.report"),
    **dict.fromkeys(
        ["sweep", "walk", "mix", "directions", "edit", "project", "look", "transfer", "favourites"], "eshi.explore"
    ),
}


class Package(ModuleType):
    """`eshi.train` is the function, also after something has imported the module of that name."""

    def __getattr__(self, name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module 'eshi' has no attribute '{name}'")
        return getattr(importlib.import_module(HOMES[name]), name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *HOMES])


sys.modules[__name__].__class__ = Package
