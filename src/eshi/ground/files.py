"""Files written whole, and where eshi keeps what it can make again."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from eshi.ground.errors import EshiError

STALE = 3600.0  # seconds: no file takes so long to write, so what is older was left behind by a killed process


@contextmanager
def replacing(path: Path, lasting: bool = True) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is whole; where anything goes wrong, `path` stays as it was.

    Its name is its own until then, so two writers of one file never meet: the last one to finish wins. A `lasting`
    file is on the disk before it takes its place, so that not even a power cut leaves it empty.
    """
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(6)}.part")  # hidden, and never too long for the disk
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            yield file
            if lasting:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if not isinstance(error, OSError):
            raise
        hint = "free some disk space, or choose another place with -o"
        raise EshiError(f"cannot write {path}: {error.strerror or error}", hint, 1) from error


def write(path: Path, content: bytes, lasting: bool = True) -> Path:
    """The whole content or nothing. What can be made again in a moment need not be `lasting`: that takes time."""
    with replacing(path, lasting) as file:
        file.write(content)
    return path


def tidy(folder: Path) -> None:
    """Removes what killed writers left in `folder` and the folders in it; what is still being written stays."""
    for pattern in (".*.part", "*/.*.part"):
        for left in folder.glob(pattern):
            with suppress(OSError):  # another process was faster, or the folder is read-only: it is only litter
                if time.time() - left.stat().st_mtime > STALE:
                    left.unlink()


def cache() -> Path:
    """The user's cache folder; XDG_CACHE_HOME moves it. An error where there is neither that nor a home."""
    if place := os.environ.get("XDG_CACHE_HOME"):
        return Path(place) / "eshi"
    try:
        return Path.home() / ".cache" / "eshi"
    except RuntimeError as error:  # no HOME, and a user that the system does not know
        raise EshiError("there is no home folder to keep a cache in", "set XDG_CACHE_HOME to a folder", 1) from error
