"""The generator that comes with eshi and draws painted faces: the word `painted` stands for it wherever a run does.

It is an export of a run, made by tools/painted.py: G alone in 16 bits, its recipe, its scores, what it learned from.
A run or checkpoint of that name here comes first; what is made of it lies in `runs/painted`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

NAME: Literal["painted"] = "painted"
WEIGHTS = Path(__file__).with_name("painted.safetensors")
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
    """As a checkpoint has it; it has no D, and `shared` says what it scored and what it learned from."""
    from eshi.run import checkpoint

    found = checkpoint.load(WEIGHTS)
    G = {name: value.float() if value.is_floating_point() else value for name, value in found["G"].items()}
    return found | {"G": G}


def halved(G: Mapping[str, "Tensor"]) -> "dict[str, Tensor]":
    """Only weights lose bits: the statistics of batch norms are few."""
    return {name: value.half() if value.ndim > 1 else value for name, value in G.items()}
