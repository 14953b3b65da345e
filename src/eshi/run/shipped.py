"""The generator that comes with eshi and draws painted faces: the word `painted` stands for it wherever a run does.

It is a run that tools/painted.py cut: G alone, its weights in 16 bits, with its recipe, its scores and what it learned
from. A run or checkpoint of that name here comes first; what is made of it lies in `runs/painted`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

NAME = "painted"
WEIGHTS = Path(__file__).with_name("painted.npz")
DIRECTIONS = Path(__file__).with_name("painted-directions.npz")  # as eshi directions finds them
HOME = Path("runs") / NAME
CHECKPOINTS = ("best.pt", "last.pt")  # of a run: what draws, if there is one


def shipped(run: Path | str) -> bool:
    """Is eshi's own meant, and no run of the user's?"""
    path = Path(run)
    return str(run) == NAME and not path.is_file() and not any((path / name).exists() for name in CHECKPOINTS)


def home(run: Path | str) -> Path:
    """The folder that keeps what is made of a run: itself, or that of its checkpoint."""
    if shipped(run):
        return HOME
    path = Path(run)
    return path if path.is_dir() else path.parent


def state() -> dict[str, Any]:
    """As a checkpoint has it; it has no D, and `about` says where it comes from."""
    import torch

    with np.load(WEIGHTS) as stored:
        about: dict[str, Any] = json.loads(str(stored["about"]))
        G = {name: torch.from_numpy(stored[name]) for name in stored.files if name != "about"}
    G = {name: value.float() if value.dtype == torch.half else value for name, value in G.items()}
    shared = {"scores": about["scores"], "credits": f"Nobody's pictures but eshi's own: {about['learned_from']}."}
    return {"recipe": about["recipe"], "images": about["images"], "G": G, "about": about, "shared": shared}


def cut(state: dict[str, Any], scores: dict[str, Any], learned_from: str) -> dict[str, np.ndarray]:
    """What WEIGHTS holds, of a run's checkpoint. Only weights lose bits: a batch norm's statistics are few."""
    G = state["G"] if state.get("G_ema") is None else state["G_ema"]
    arrays = {name: value.half().numpy() if value.ndim > 1 else value.numpy() for name, value in G.items()}
    about = {"recipe": state["recipe"], "images": state["images"], "scores": scores, "learned_from": learned_from}
    return arrays | {"about": np.array(json.dumps(about))}
