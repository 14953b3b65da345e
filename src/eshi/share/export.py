"""Out: one way to every target, whichever there are."""

import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eshi.artist import Artist
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.registry import Registry
from eshi.run.shipped import home
from eshi.share.facts import facts

TARGETS = Registry("export target", "eshi.share.export")  # a plugin may register its own


@dataclass
class Exported:
    """`said` is what the target checked or left out; `credits` where the artists are named, or that nobody knows."""

    out: Path
    said: str
    credits: str


def targets() -> list[str]:
    """The files here that have a function `write`; none is imported to find out, so that completion stays quick."""
    home = Path(__file__).parent
    texts = {file: file.read_text("utf-8") for file in [*home.glob("*.py"), *home.glob("*/__init__.py")]}
    marked = [file for file, text in texts.items() if re.search(r"^def write\(\s*artist\b", text, re.MULTILINE)]
    return sorted(file.parent.name if file.name == "__init__.py" else file.stem for file in marked)


def export(
    run: Path | str | Artist, to: str, out: Path | str | None = None, options: Mapping[str, Any] | None = None
) -> Exported:
    """`options` are what the target's `write` takes beside the artist and the place."""
    if to in targets() and to not in TARGETS.parts:
        TARGETS.register(to)(importlib.import_module(f"eshi.share.{to}").write)
    if to not in TARGETS.parts:
        raise EshiError(f"there is no export to '{to[:60]}'", near_miss(to[:60], {*targets(), *TARGETS.parts}))
    write = TARGETS.parts[to]
    ready = TARGETS.check({"name": to, **(options or {})}, artist=None, out=None)
    artist = Artist.of(run)
    if not artist.G.latent:  # a discriminator alone is refused before anything is written
        raise EshiError("this generator draws from nothing", "it has no latent")
    suffix = getattr(sys.modules[write.__module__], "SUFFIX", "")  # none: it becomes a folder
    place = Path(out) if out is not None else usual(run, suffix or f"-{to}")
    if suffix and place.is_dir():
        raise EshiError(f"{place} is a folder", f"name the file that it should become: -o {place / f'face{suffix}'}")
    said = write(artist, place, **ready)
    return Exported(place, said if isinstance(said, str) else "", facts(artist).named)


def usual(run: Path | str | Artist, ending: str) -> Path:
    """`shared` in the run's folder; what lies there is made anew each time."""
    if isinstance(run, Artist):
        raise EshiError("an artist in Python has no folder to export to", "say where: out=...")
    path = Path(run)
    name = path.resolve().name if path.is_dir() else path.stem
    return home(path) / "shared" / f"{name}{ending}"
