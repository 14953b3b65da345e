"""The folder that the studio was opened on. Nothing outside it is ever read or written, whichever way a link leads."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Literal

from eshi.gather import catalogue, verdicts
from eshi.gather.album import is_image
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable

DEEPEST = 4  # folders within one another that are looked through
MOST = 3_000  # folders
FEW = 5  # images that make a folder worth a line
LOOKED_AT = 400  # entries of a folder, to know what it is
Kind = Literal["run", "faces", "pictures", "images"]


class Outside(EshiError):
    """A path that leads out of the folder, or nowhere."""


@dataclass(frozen=True)
class Place:
    root: Path

    @classmethod
    def of(cls, folder: Path) -> "Place":
        if not folder.is_dir():
            raise EshiError(f"there is no folder {folder}", "eshi studio DIR looks after what lies in DIR")
        return cls(folder.resolve())

    def inside(self, at: str) -> Path:
        """The path that a browser means by `at`, every link followed; it need not exist."""
        parts = PureWindowsPath(at).parts  # which knows both separators, drives and all
        if "\0" in at or PureWindowsPath(at).anchor or os.path.isabs(at) or ".." in parts:
            raise Outside(f"{printable(at)} leads out of {self.root.name}", "name it as the studio lists it")
        return self.held(self.root / at, at)

    def held(self, path: Path, at: str = "") -> Path:
        """`path`, if it truly lies in here."""
        try:
            real = path.resolve()
        except (OSError, RuntimeError) as error:  # a link that leads to itself
            raise Outside(f"{printable(at or path.name)} leads nowhere", "name it as the studio lists it") from error
        if not real.is_relative_to(self.root):
            hint = "a link may not lead out; open the studio on a folder that holds both"
            raise Outside(f"{printable(at or path.name)} leads out of {self.root.name}", hint)
        return real

    def existing(self, at: str) -> Path:
        path = self.inside(at)
        if not path.exists():
            raise Outside(f"there is no {printable(at) or 'such folder'} in {self.root.name}", "it may have been moved")
        return path

    def new(self, at: str) -> Path:
        """A folder that may be written to: named plainly, hidden nowhere."""
        path = self.inside(at)
        if path == self.root or not re.fullmatch(r"[\w .,()+=-]+(/[\w .,()+=-]+)*", at) or any(
            part.startswith((".", " ", "-")) or part.endswith((".", " ")) for part in at.split("/")
        ):  # fmt: skip
            raise EshiError(
                f"'{printable(at)}' cannot be a folder's name", "letters, digits, - _ . and / between folders"
            )
        return path

    def name(self, path: Path) -> str:
        """As a browser is told it: the other side of `inside`."""
        return path.relative_to(self.root).as_posix()  # the folder itself is "."

    def things(self) -> dict[str, Kind]:
        """What lies here that the studio has a room for, by name."""
        return dict(sorted(found for folder in self.folders() for found in self.told(folder)))

    def folders(self) -> Iterator[Path]:
        todo, seen = [(self.root, 0)], 0
        while todo and seen < MOST:
            folder, deep = todo.pop()
            seen += 1
            yield folder
            if deep == DEEPEST or (folder / "recipe.yaml").is_file():  # a run's folders are its own
                continue
            try:
                with os.scandir(folder) as entries:
                    below = sorted(
                        e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)
                    )
            except OSError:
                continue
            todo += [(folder / name, deep + 1) for name in reversed(below)]

    def told(self, folder: Path) -> Iterator[tuple[str, Kind]]:
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry, _ in zip(entries, range(LOOKED_AT), strict=False):
                    names.append(entry.name)
        except OSError:
            return
        if (folder / "recipe.yaml").is_file():
            yield self.name(folder), "run"
            return
        for name in names:
            if name.lower().endswith(".zip") and not name.startswith("."):
                yield self.name(folder / name), "images"
        if any((folder / name).is_file() for name in (catalogue.NAME, verdicts.NAME)):
            yield self.name(folder), "faces"
        elif (folder / "pictures.sqlite").is_file():
            yield self.name(folder), "pictures"
        elif sum(map(is_image, names)) >= FEW:
            yield self.name(folder), "images"
