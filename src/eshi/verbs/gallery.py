"""Where drawings go: named after what they show, beside the run; a file that is there already is never replaced."""

import hashlib
import itertools
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from eshi.ground.errors import EshiError
from eshi.verbs.verb import About

if TYPE_CHECKING:
    import numpy as np

    from eshi.artist import Artist

    Trained: TypeAlias = "Path | str | Artist"
    Pixels = np.ndarray
    Face = int | str | Path | np.ndarray
else:  # what a command line can say; neither torch nor numpy is loaded for it
    Trained = Path | str
    Pixels = Any
    Face = int | str

LONGEST = 100  # characters of a name that is made of words

Run = Annotated[Trained, About("a run folder or a checkpoint file")]
Out = Annotated[Path | str | None, About("the picture's file", "RUN/drawn/...", "-o --out", "FILE")]


def beside(run: Trained, out: Path | str | None, *words: object, suffix: str = ".png") -> Path | None:
    """`out`, or a file in the run's `drawn` folder, named by the words. None for an artist in place of a run."""
    if out is not None:
        return Path(out)
    if not isinstance(run, Path | str):
        return None
    return home(Path(run)) / "drawn" / f"{slug(*words)}{suffix}"


def home(run: Path) -> Path:
    return run if run.is_dir() else run.parent


def slug(*words: object) -> str:
    """`mix`, `mean(1, 2) + miku` -> mix-mean-1,2-+miku: fit for every disk, and short."""
    said = "-".join(str(word).replace(" ", "") for word in words)
    said = re.sub(r"[^\w.,+=#]+", "-", said).strip("-")
    if len(said.encode()) <= LONGEST:
        return said
    return f"{said.encode()[:60].decode(errors='ignore')}-{hashlib.blake2b(said.encode(), digest_size=4).hexdigest()}"


def hang(write: Callable[[Path], Any], path: Path | None, out: Path | str | None) -> Path | None:
    """What `write` makes, at `path`, or under the next free number where another drawing has that name. Only a file
    that its user named (`out`) is replaced. The same drawing again is the same file."""
    if path is None:
        return None
    if out is not None:
        write(path)
        return path
    new = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(new)
        for number in itertools.count(1):
            free = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
            if not free.exists():
                new.replace(free)
                return free
            if free.is_file() and free.read_bytes() == new.read_bytes():
                return free
        raise AssertionError("numbers do not end")
    finally:
        new.unlink(missing_ok=True)


def sheet(pixels: Pixels, run: Trained, out: Path | str | None, *words: object) -> Path | None:
    """One picture hung up."""
    from eshi.ground import image

    return hang(lambda file: image.save(pixels, file), beside(run, out, *words), out)


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
