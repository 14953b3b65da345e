"""Where a latent comes from: a seed number, a favourite's name, a .npy file, or numbers. One resolver for all verbs."""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from eshi.artist import Artist
from eshi.ground import files
from eshi.ground.errors import EshiError, near_miss

Latent = int | str | Path | np.ndarray | Tensor
NAME = re.compile(r"[^\W\d]\w*")  # a word, so that it can stand in an expression
RESERVED = ("mean",)


def opened(run: Path | Artist) -> tuple[Artist, Path | None]:
    """The artist and the folder that its favourites and directions lie in (none for an artist without a place)."""
    if isinstance(run, Artist):
        return run, None
    path = Path(run)
    return Artist.load(path), path if path.is_dir() else path.parent


def home_of(run: Path | Artist) -> Path:
    if isinstance(run, Artist):
        raise EshiError("favourites and directions are kept with a run", "give the run's folder, not the artist alone")
    if not Path(run).exists():
        raise EshiError(f"there is no run or checkpoint {run}", "a run gets one from: eshi train FACES -o RUN")
    return Path(run) if Path(run).is_dir() else Path(run).parent


def resolve(who: Artist, point: Latent, home: Path | None = None) -> Tensor:
    """(latent,) of a seed, a name, a file or numbers; refused where it does not fit G."""
    if isinstance(point, bool) or (isinstance(point, int) and point < 0):
        raise EshiError(f"{point} is no seed", "seeds are 0, 1, 2 and so on")
    if isinstance(point, int | np.integer) or (isinstance(point, str) and point.strip().isdecimal()):
        row: Tensor = who.G.draw(1, int(point))[0]
        return row
    if isinstance(point, np.ndarray | Tensor):
        return fitting(who, point, "the latent")
    if isinstance(point, Path) or point.endswith(".npy"):
        return fitting(who, read(Path(point)), str(point))
    known = favourites(home) if home else {}
    if point not in known:
        kept = near_miss(point, known) if known else f"keep one: eshi favourites RUN add 7 --name {point}"
        hint = kept if NAME.fullmatch(point) else "a point is a seed, a favourite's name or a .npy file"
        raise EshiError(f"no favourite called '{point}'", hint)
    value = known[point]
    return resolve(who, value) if isinstance(value, int) else fitting(who, np.array(value), f"favourite '{point}'")


def resolve_all(who: Artist, points: list[Any], home: Path | None = None) -> Tensor:
    """(N, latent)"""
    return torch.stack([resolve(who, point, home) for point in points])


def fitting(who: Artist, values: np.ndarray | Tensor, where: str) -> Tensor:
    numbers = torch.as_tensor(np.asarray(values, np.float32)).squeeze()
    length = who.G.latent
    if numbers.ndim > 1 or numbers.numel() != length:
        shape = "x".join(map(str, np.shape(values))) or "1"
        raise EshiError(f"{where} holds {shape} numbers, but this G takes {length}", "latents fit only their own run")
    if not torch.isfinite(numbers).all():
        raise EshiError(f"{where} holds numbers that are not finite", "draw or project it anew")
    return numbers.reshape(length)


def read(path: Path) -> np.ndarray:
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise EshiError(f"there is no file {path}", "a latent is saved by: eshi project RUN FACE") from None
    except (OSError, ValueError, EOFError) as error:
        raise EshiError(f"{path} is no latent: {str(error).splitlines()[0]}", "it must be a .npy of numbers") from error
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu":
        raise EshiError(f"{path} is no latent: it does not hold numbers alone", "it must be a .npy of numbers")
    return found


def store(latent: np.ndarray | Tensor, path: Path) -> Path:
    """As a .npy file that every verb takes for a point."""
    memory = io.BytesIO()
    np.save(memory, np.asarray(latent, np.float32))
    return files.write(path, memory.getvalue())


def favourites(run: Path) -> dict[str, int | list[float]]:
    """Name -> seed or latent, as kept in the run's favourites.json."""
    file = home_of(run) / "favourites.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is not a list of names")
        return found
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise EshiError(f"cannot read {file}: {error}", "mend it, or move it away and begin anew", 1) from error


def add_favourite(run: Path, point: Latent, name: str) -> Tensor:
    """Keep a seed, a file's numbers or a latent under a name; a name is never silently given to another face."""
    home = home_of(run)
    if not NAME.fullmatch(name) or name in RESERVED:
        raise EshiError(f"'{name}' cannot be a name", "a name is one word of letters, digits and _, not 'mean'")
    who = Artist.load(Path(run))
    latent = resolve(who, point, home)
    seed = isinstance(point, int) or (isinstance(point, str) and point.isdecimal())
    value = int(point) if seed else latent.tolist()  # type: ignore[arg-type]
    with FileLock(home / ".favourites.lock"):
        known = favourites(home)
        if known.get(name, value) != value:
            raise EshiError(f"'{name}' is already another face", f"first: eshi favourites RUN drop {name}")
        keep(home, known | {name: value})
    return latent


def drop_favourite(run: Path, name: str) -> None:
    home = home_of(run)
    with FileLock(home / ".favourites.lock"):
        known = favourites(home)
        if name not in known:
            raise EshiError(f"no favourite called '{name}'", near_miss(name, known) if known else "there are none yet")
        keep(home, {key: value for key, value in known.items() if key != name})


def keep(home: Path, known: dict[str, int | list[float]]) -> None:
    text = json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent=1)
    files.write(home / "favourites.json", text.encode())
