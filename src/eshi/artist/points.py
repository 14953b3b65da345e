"""What stands for a latent: a seed, a favourite's name, a .npy file, or numbers. None of what is read is trusted."""

import io
import json
import math
import re
import stat
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from eshi.ground import files
from eshi.ground.errors import EshiError, near_miss

Latent = int | str | Path | np.ndarray | Tensor
Favourites = dict[str, int | list[float]]  # name -> seed or latent
NAME = re.compile(r"[^\W\d]\w*")  # a word, so that it can stand in an expression
RESERVED = ("mean",)
SEEDS = 2**63  # they end before it
LARGEST = 16_000_000  # bytes: of a file of latents, names or directions; any run's take a hundredth of it


def seed(point: Latent) -> int | None:
    """The number that it is, if it is one."""
    if isinstance(point, str) and point.strip().isdecimal():
        number = int(point) if len(point) < 20 else SEEDS
    elif isinstance(point, int | np.integer) and not isinstance(point, bool):
        number = int(point)
    else:
        return None
    if not 0 <= number < SEEDS:
        raise EshiError(f"{str(point)[:40]} is no seed", "seeds are 0, 1, 2 and so on, below 2^63")
    return number


def said(point: Latent) -> int | str:
    """A point as it is written."""
    number = seed(point)
    if number is not None:
        return number
    return "latent" if isinstance(point, np.ndarray | Tensor) else str(point)


def fitting(values: np.ndarray | Tensor, length: int, where: str) -> Tensor:
    values = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    with np.errstate(over="ignore"):  # what float32 cannot hold is found below
        numbers = torch.from_numpy(np.array(values, np.float32)).squeeze()
    if numbers.ndim > 1 or numbers.numel() != length:
        shape = "x".join(map(str, np.shape(values))) or "1"
        raise EshiError(f"{where} holds {shape} numbers, but this G takes {length}", "latents fit only their own run")
    if not torch.isfinite(numbers).all():
        raise EshiError(f"{where} holds numbers that are not finite", "draw or project it anew")
    return numbers.reshape(length)


def contents(path: Path) -> bytes:
    """Of a small file. A pipe would never end, a large file would be read whole."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > LARGEST:
        raise ValueError(f"it has {found.st_size:,} bytes, and no more than {LARGEST:,} are read")
    return path.read_bytes()


def read(path: Path) -> np.ndarray:
    """The numbers in a .npy file."""
    try:
        content = contents(path)
        if not content.startswith(np.lib.format.MAGIC_PREFIX):
            raise ValueError("it does not begin as a .npy")
        found: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
    except FileNotFoundError:
        raise EshiError(f"there is no file {path}", "a latent is saved by: eshi project RUN FACE") from None
    except Exception as error:  # numpy raises whatever broken bytes make it stumble over
        hint = "it must be a .npy of numbers, as eshi project saves them"
        raise EshiError(f"{path} is no latent: {reason(error)}", hint) from error
    if found.dtype.kind not in "fiu":
        raise EshiError(f"{path} is no latent: it does not hold numbers alone", "it must be a .npy of numbers")
    return found


def reason(error: Exception) -> str:
    """In one line of sane length."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + " ..."


def store(latent: np.ndarray | Tensor, path: Path) -> Path:
    """As a .npy file that every verb takes for a point."""
    memory = io.BytesIO()
    np.save(memory, np.asarray(latent, np.float32))
    return files.write(path, memory.getvalue())


def favourites(home: Path) -> Favourites:
    """As kept in the favourites.json of a run's folder."""
    file = home / "favourites.json"
    try:
        return checked(json.loads(contents(file).decode("utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        hint = "mend it, or move it away and begin anew"
        raise EshiError(f"cannot read {file}: {reason(error)}", hint, 1) from error


def checked(found: object) -> Favourites:
    if not isinstance(found, dict):
        raise ValueError("it is not a list of names")
    for name, value in found.items():
        if not NAME.fullmatch(name) or name in RESERVED:
            raise ValueError(f"'{name[:40]}' cannot be a name")
        numbers = value if isinstance(value, list) else [value]
        if not all(type(n) in (int, float) and math.isfinite(n) for n in numbers):
            raise ValueError(f"'{name[:40]}' is neither a seed nor a list of numbers")
        if value is not numbers and (type(value) is float or not 0 <= value < SEEDS):
            raise ValueError(f"'{name[:40]}' is no seed")
    return found


def add(home: Path, name: str, value: int | list[float]) -> None:
    """A name is never silently given to another face."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise EshiError(f"'{name}' cannot be a name", "a name is one word of letters, digits and _, not 'mean'")
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / ".favourites.lock"):
        known = favourites(home)
        if known.get(name, value) != value:
            raise EshiError(f"'{name}' is already another face", f"first: eshi favourites RUN drop {name}")
        keep(home, known | {name: value})


def drop(home: Path, name: str) -> None:
    if name not in (known := favourites(home)):
        raise EshiError(f"no favourite called '{name}'", near_miss(name, known) if known else "there are none yet")
    with FileLock(home / ".favourites.lock"):
        known = favourites(home)
        keep(home, {key: value for key, value in known.items() if key != name})


def keep(home: Path, known: Favourites) -> None:
    text = json.dumps(dict(sorted(known.items())), ensure_ascii=False, indent=1)
    files.write(home / "favourites.json", text.encode())
