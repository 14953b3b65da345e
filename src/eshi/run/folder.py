"""The folder of one training: recipe, log, sheets and checkpoints, whole at every moment."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from filelock import FileLock, Timeout

import eshi
from eshi import recipe
from eshi.ground import files, image
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run.checkpoint import FORMAT, load

# What a run may be continued with; not the number of judged drawings, which the distance depends on.
FREE_TO_CHANGE = ("images: ", "about: ", "judge.every", "judge.budget", "guard.")


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
        self.lock = FileLock(self.folder / ".lock")
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            hint = "wait for it, or start another run with -o"
            raise EshiError(f"another process is training {self.folder}", hint, 1) from None
        try:
            self.resume()
        except BaseException:
            self.lock.release()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.tensorboard:
            self.tensorboard.close()
        self.lock.release()

    def resume(self) -> None:
        before = stored_recipe(self.folder)
        if before:
            found = recipe.differences(before.as_dict(), self.recipe.as_dict())
            changed = [d for d in found if not d.startswith(FREE_TO_CHANGE)]
            if changed:
                what = f"{self.folder} was trained with another recipe: {'; '.join(changed)}"
                raise EshiError(what, "give the old values to go on, or -o for a new run")
        if (self.folder / "last.pt").exists():
            self.state = load(self.folder / "last.pt")
        files.write(self.folder / "recipe.yaml", self.recipe.yaml().encode())
        images = self.state["images"] if self.state else -1
        if (self.folder / "log.jsonl").exists():  # what a killed process logged beyond its checkpoint happens again
            lines = (self.folder / "log.jsonl").read_text().splitlines()
            kept = [line for line in lines if whole(line).get("images", images + 1) <= images]
            files.write(self.folder / "log.jsonl", "".join(line + "\n" for line in kept).encode())

    def log(self, row: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        for key, value in row.items():
            if isinstance(value, float):
                self.board().add_scalar(key, value, row["images"])

    def sheet(self, images: np.ndarray, name: str, seen: int) -> None:
        drawn = image.sheet(images)
        image.save(drawn, self.folder / "samples" / f"{name}.png")
        self.board().add_image("real" if name == "real" else "drawn", drawn, seen, dataformats="HWC")

    def board(self) -> Any:
        if not self.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            seen = self.state["images"] if self.state else 0
            self.tensorboard = SummaryWriter(str(self.folder / "tensorboard"), purge_step=seen + 1)
        return self.tensorboard

    def save(self, state: dict[str, Any], name: str = "last.pt") -> None:
        """Under another name first, flushed to the disk, then renamed: whole, or the one before."""
        part = self.folder / f"{name}.part"
        everything = {"format": FORMAT, "eshi": eshi.__version__, "recipe": self.recipe.as_dict(), **state}
        try:
            with part.open("wb") as file:
                torch.save(everything, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / name)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as either
            part.unlink(missing_ok=True)
            kept = self.state["images"] if self.state else 0
            what = f"cannot save {self.folder / name}: {getattr(error, 'strerror', None) or error}"
            hint = f"the checkpoint of {kept:,} images is still there; free some disk space"
            raise EshiError(what, hint, 1) from error
        self.state = everything


def whole(line: str) -> dict[str, Any]:
    """A row of the log, {} for one that was cut off."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def stored_recipe(folder: Path) -> Recipe | None:
    """What the run in `folder` was started with."""
    return recipe.load(folder / "recipe.yaml") if (folder / "recipe.yaml").exists() else None


@contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask for a stop at the next step's end; a second one does not wait."""
    stop = threading.Event()

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
