"""The file of a checkpoint: what stands in it, and how a stranger's is read without running it."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from eshi.ground.errors import EshiError

FORMAT = 1


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file, or in a run folder's last one. Only tensors and plain values are read."""
    file = path / "last.pt" if path.is_dir() else path
    if not file.exists():
        what = f"{path} holds no checkpoint yet" if path.is_dir() else f"there is no run or checkpoint {path}"
        raise EshiError(what, "a run gets one from: eshi train FACES -o RUN")
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken bytes made it stumble over
        why = "it is damaged or cut short" if not zipfile.is_zipfile(file) else str(error).split("\n")[0]
        hint = "try an older copy of it, or train anew with -o"
        raise EshiError(f"cannot read checkpoint {file}: {why}", hint, 1) from error
    if not isinstance(state, dict) or "recipe" not in state or "G" not in state:
        raise EshiError(f"{file} is no checkpoint of eshi", "a run's is called last.pt")
    if state["format"] > FORMAT:
        raise EshiError(f"{file} was written by eshi {state['eshi']}, newer than this one", "update eshi")
    return state
