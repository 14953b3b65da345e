"""Files written whole, and where eshi keeps what it can make again."""

import os
from pathlib import Path

from eshi.ground.errors import EshiError


def write(path: Path, content: bytes) -> Path:
    """The whole content or nothing."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        hint = "free some disk space, or choose another place with -o"
        raise EshiError(f"cannot write {path}: {error.strerror or error}", hint, 1) from error
    return path


def cache() -> Path:
    """The user's cache folder; XDG_CACHE_HOME moves it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "eshi"
