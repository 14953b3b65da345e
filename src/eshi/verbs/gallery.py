"""How drawings are shown and where they go: named after what they show, beside the run.

One rule for every verb: a file that is there already is not replaced. The same drawing again is the same file, another
one gets the next free number, and --force replaces.
"""

import hashlib
import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from eshi.ground.errors import EshiError
from eshi.ground.progress import note
from eshi.run.shipped import NAME, home
from eshi.verbs.verb import About, settings

if TYPE_CHECKING:
    import numpy as np

    from eshi.artist import Artist
    from eshi.ground.sheet import Style

    Trained: TypeAlias = "Path | str | Artist"
    Pixels = np.ndarray
    Face = int | str | Path | np.ndarray
else:  # what a command line can say; neither torch nor numpy is loaded for it
    Trained = Path | str
    Pixels = Any
    Face = int | str

LONGEST = 100  # characters of a name that is made of words

PAINTED: str = NAME  # what a verb draws with where no run is named
Run = Annotated[Trained, About("a run folder, a checkpoint file, or painted: the generator that comes along")]
Out = Annotated[Path | str | None, About("the picture's file", "RUN/drawn/...", "-o --out", "FILE")]
Scale = Annotated[int, About("show it so many times as large")]
Smooth = Annotated[bool, About("enlarge softly, not in crisp squares")]
Bare = Annotated[bool, About("without words on the sheet")]
With = Annotated[
    Sequence[str] | Mapping[str, str],
    About("what they are to show: hair=pink", flag="--with", metavar="what=value", many=True),
]
Force = Annotated[bool, About("replace a file that is there; otherwise another drawing gets the next free number")]


def beside(run: Trained, out: Path | str | None, *words: object, suffix: str = ".png") -> Path | None:
    """`out`, or a file in the run's `drawn` folder, named by the words. None for an artist in place of a run."""
    if out is not None:
        return Path(out)
    if not isinstance(run, Path | str):
        return None
    return home(run) / "drawn" / f"{slug(*words)}{suffix}"


def slug(*words: object) -> str:
    """`mix`, `mean(1, 2) + miku` -> mix-mean-1,2-+miku: fit for every disk, and short."""
    said = "-".join(str(word).replace(" ", "") for word in words)
    said = re.sub(r"[^\w.,+=#]+", "-", said).strip("-")
    if len(said.encode()) <= LONGEST:
        return said
    return f"{said.encode()[:60].decode(errors='ignore')}-{hashlib.blake2b(said.encode(), digest_size=4).hexdigest()}"


def style(scale: int = 1, smooth: bool = False, bare: bool = False) -> "Style":
    from eshi.ground.sheet import Style

    return Style(scale, smooth, bare).checked()


def hang(write: Callable[[Path], Any], path: Path | None, force: bool = False, named: bool = False) -> Path | None:
    """What `write` makes, at `path`, or under the next free number where something else has that name: a note says so
    where its user `named` it. The same again is the same file; with `force` the new one takes the name."""
    if path is None:
        return None
    if path.is_dir():
        raise EshiError(f"{path} is a folder", f"name a file in it: {path / 'drawing.png'}")
    new = path.with_name(f".{os.getpid()}-{path.stem[:40]}{path.suffix}")
    try:
        write(new)
        for number in itertools.count(1):
            free = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            if not free.exists() or force:
                new.replace(free)
                break
            if free.is_file() and free.read_bytes() == new.read_bytes():
                break
    finally:
        new.unlink(missing_ok=True)
    if named and free != path:
        note(f"{path} is there already and stays; this one is {free}. --force replaces")
    return free


def sheet(
    pixels: Pixels, run: Trained, out: Path | str | None, *words: object, style: "Style", force: bool = False
) -> Path | None:
    """One picture hung up."""
    from eshi.ground import image

    return hang(lambda file: image.save(pixels, file), beside(run, out, *words, *style.said), force, out is not None)


def wishes(labels: Sequence[str] | Mapping[str, object], flag: str = "--with") -> dict[str, str]:
    """hair=pink, glasses=yes"""
    words = [one for word in settings(labels) for one in word.split(",")]
    if wrong := [word for word in words if not all(word.partition("="))]:
        raise EshiError(f"{flag} {wrong[0]}: not of the form what=value", f"for example {flag} hair=pink")
    return {what: value for what, _, value in (word.partition("=") for word in words)}


def granted(run: Trained, labels: Mapping[str, str], device: str = "cpu") -> "Artist":
    """The artist, who shows what is wished for."""
    from eshi.artist import Artist

    who = Artist.of(run, device)
    if not labels:
        return who
    from eshi.explore import wish

    return wish(who, labels)


def points(faces: Face | Sequence[Face]) -> list[Any]:
    """`1,2,miku` as the command line has it, one face, or several."""
    if isinstance(faces, str):
        return [word.strip() for word in faces.split(",") if word.strip()]
    return list(faces) if isinstance(faces, list | tuple) else [faces]


def said(faces: Face | Sequence[Face]) -> str:
    """Faces as they stand in a file's name."""
    words = (Path(face).stem if isinstance(face, str | Path) else face for face in points(faces))
    return ",".join(str(word) if isinstance(word, int | str) else "latent" for word in words)


def numbers(text: str | int | Sequence[int], flag: str) -> list[int]:
    """3,12,40"""
    if not isinstance(text, str):
        return [text] if isinstance(text, int) else list(text)
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise EshiError(f"{flag} {text}: not whole numbers", f"for example {flag} 3,12,40") from error
