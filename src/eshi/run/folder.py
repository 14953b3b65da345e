"""The folder of one training: recipe, log, sheets and checkpoints, whole at every moment."""

import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout

from eshi import recipe
from eshi.ground import files, image
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import checkpoint, logbook

PATIENCE = 2.0  # seconds that a lock is waited for: `eshi runs` holds it for a moment, a training for hours


class Run:
    """Opened by one process at a time. `state` is the last checkpoint, or None in a new run."""

    def __init__(self, folder: Path, recipe: Recipe):
        self.folder, self.recipe = folder, recipe
        self.state: dict[str, Any] | None = None
        self.tensorboard: Any = None

    def __enter__(self) -> Self:
        if self.folder.exists() and not self.folder.is_dir():
            raise EshiError(f"{self.folder} is a file, not a run folder", "choose another place with -o")
        strangers = [p.name for p in self.folder.glob("*") if not p.name.startswith(".")]
        if strangers and not (self.folder / "recipe.yaml").exists():
            raise EshiError(f"{self.folder} holds {strangers[0]} but no recipe.yaml: no run", "choose another -o")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.place = self.folder.stat().st_ino
        self.lock = FileLock(self.folder / ".lock")
        try:
            self.lock.acquire(timeout=PATIENCE)
        except Timeout:
            hint = "wait for it, or start another run with -o"
            raise EshiError(f"another process is training {self.folder}", hint, 1) from None
        try:
            self.resume()
            files.write(self.folder / logbook.PID, str(os.getpid()).encode(), lasting=False)
        except BaseException:
            self.lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.tensorboard:
            self.tell("close")
        threading.excepthook = threading.__excepthook__
        self.lock.release()

    def resume(self) -> None:
        before = stored_recipe(self.folder)
        changed = recipe.refused(before, self.recipe) if before else []
        if (self.folder / "last.pt").exists():
            self.state = checkpoint.load(self.folder / "last.pt")
        if changed and not (self.state and checkpoint.imported(self.state)):  # how that was trained, nobody knows
            what = f"{self.folder} was trained with another recipe: {'; '.join(changed)}"
            raise EshiError(what, "give the old values to go on, or -o for a new run")
        files.tidy(self.folder)
        files.write(self.folder / "recipe.yaml", self.recipe.yaml().encode())
        images = self.state["images"] if self.state else -1
        if (self.folder / logbook.NAME).exists():  # what a killed process logged beyond its checkpoint happens again
            kept = [json.dumps(row) + "\n" for row in logbook.log(self.folder) if row["images"] <= images]
            files.write(self.folder / logbook.NAME, "".join(kept).encode())

    def here(self) -> None:
        """Refuses to write where the run no longer lies: that would leave half a run in a new folder."""
        try:
            moved = self.folder.stat().st_ino != self.place
        except OSError:
            moved = True
        if moved:
            hint = "put it back and give the same command: it goes on from its last checkpoint"
            raise EshiError(f"{self.folder} was moved or deleted while it was training", hint, 1)

    def rows(self) -> list[logbook.Row]:
        return logbook.log(self.folder)

    def log(self, row: logbook.Row) -> None:
        self.here()
        try:
            with (self.folder / logbook.NAME).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            hint = "free some disk space; the same command goes on from the last checkpoint"
            raise EshiError(f"cannot write {self.folder / logbook.NAME}: {error.strerror or error}", hint, 1) from error
        for key, value in row.items():
            if isinstance(value, float):
                self.tell("add_scalar", key, value, row["images"])

    def sheet(self, images: np.ndarray, name: str, seen: int) -> None:
        self.here()
        drawn = image.sheet(images)
        image.save(drawn, self.folder / "samples" / f"{name}.png")
        self.tell("add_image", "real" if name == "real" else "drawn", drawn, seen, dataformats="HWC")

    def tell(self, method: str, *facts: Any, **options: Any) -> None:
        """TensorBoard, where it is installed. It only watches: that its disk is full ends no training."""
        try:
            if self.tensorboard is None:
                from torch.utils.tensorboard import SummaryWriter

                threading.excepthook = without_full_disks
                seen = self.state["images"] if self.state else 0
                self.tensorboard = SummaryWriter(str(self.folder / "tensorboard"), purge_step=seen + 1)
            if self.tensorboard:
                getattr(self.tensorboard, method)(*facts, **options)
        except (ImportError, OSError):
            self.tensorboard = False

    def save(self, state: dict[str, Any]) -> None:
        self.here()
        try:
            checkpoint.save(self.folder / "last.pt", self.recipe, state)
        except EshiError as error:
            kept = f"the checkpoint of {self.state['images']:,} images" if self.state else "no checkpoint"
            hint = f"{kept} is still there; free some disk space" if self.state else "free some disk space"
            raise EshiError(str(error).replace("cannot write", "cannot save"), hint, 1) from error
        self.state = state

    def keep_best(self) -> None:
        """What was saved last is the best so far."""
        checkpoint.copy(self.folder / "last.pt", self.folder / "best.pt")

    def best(self) -> dict[str, Any] | None:
        file = self.folder / "best.pt"
        return checkpoint.load(file) if file.exists() else None


def without_full_disks(found: threading.ExceptHookArgs) -> None:
    """TensorBoard writes in a thread of its own, whose tracebacks nobody can do anything about."""
    if not isinstance(found.exc_value, OSError):
        threading.__excepthook__(found)


def sheets(folder: Path) -> list[Path]:
    """The sheets of the fixed latents, oldest first; each is named by the images seen."""
    found = (file for file in (folder / "samples").glob("*.png") if file.stem.isdecimal())
    return sorted(found, key=lambda file: int(file.stem))


def stored_recipe(folder: Path) -> Recipe | None:
    """What the run in `folder` was started with. Before there were shards, a batch was whole."""
    if not (folder / "recipe.yaml").exists():
        return None
    found = recipe.load(folder / "recipe.yaml")
    if found.engine.shards == "auto":
        found.engine.shards = 1
    return found
