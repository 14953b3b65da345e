"""A checkpoint's file: what stands in it, how it is written whole, and how a stranger's is read without running it.

It holds plain values and tensors alone: the recipe, `step`, `images`, `seconds`, `faces` (which set it learned from),
`rollbacks` (at how many images each), and a state for each of the run's parts: G, D, opt_G, opt_D, G_ema.
"""

import math
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import eshi
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe

FORMAT = 2
SLOWER = 4  # D's rate is divided by it at each rollback: docs/guard.md


def save(file: Path, recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Whole, or the one before: under another name first, flushed to the disk, then renamed."""
    everything = {"format": FORMAT, "eshi": eshi.__version__, "recipe": recipe.as_dict(), **state}
    with files.replacing(file) as out:
        try:
            torch.save(everything, out)
        except RuntimeError as error:  # torch reports a full disk so
            raise OSError(str(error).split("\n")[0]) from error


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint file, or in a run folder's last one. Only tensors and plain values are read."""
    file = path / "last.pt" if path.is_dir() else path
    if not file.exists():
        what = f"{path} holds no checkpoint yet" if path.is_dir() else f"there is no run or checkpoint {path}"
        raise EshiError(what, "a run gets one from: eshi train FACES -o RUN")
    if not file.is_file():
        raise EshiError(f"{file} is not a file", "name a run's folder or its last.pt")
    what = f"cannot read checkpoint {file}: it is damaged or cut short"
    damaged = EshiError(what, "try an older copy of it, or train anew with -o", 1)
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.testzip():  # torch.load does not look at the checksums
                raise damaged
        state = torch.load(file, map_location="cpu", weights_only=True)
    except EshiError:
        raise
    except zipfile.BadZipFile:
        raise damaged from None
    except Exception as error:  # torch raises whatever the bytes made it stumble over, and advises to trust them
        what = f"cannot read checkpoint {file}: it holds more than numbers and plain values"
        raise EshiError(what, "eshi opens no pickled objects: that would run the code in them") from error
    if not isinstance(state, dict) or not isinstance(state.get("recipe"), dict) or not is_state(state.get("G")):
        raise EshiError(f"{file} is no checkpoint of eshi", "a run's is called last.pt")
    try:
        usual = all(map(plain, tensors(state)))
    except RecursionError:  # nested as no run nests
        usual = False
    if not usual:
        raise EshiError(f"{file} holds tensors that are sparse or have no values", "a run's are plain ones")
    return upgraded(state, file)


def tensors(value: Any) -> Iterator[Tensor]:
    """All of them, however deep; weights_only reads nothing but dicts, lists and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(one)


def plain(tensor: Tensor) -> bool:
    return tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized


def is_state(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, Tensor) for v in value.values())


def upgraded(state: dict[str, Any], file: Path) -> dict[str, Any]:
    """As this eshi writes it. A checkpoint of format 1 kept its rollbacks only in D's rate."""
    kind = state.get("format")
    if not isinstance(kind, int) or kind > FORMAT:
        raise EshiError(f"{file} was written by eshi {state.get('eshi')}, newer than {eshi.__version__}", "update eshi")
    try:
        if kind < 2:
            usual, rate = state["recipe"].get("d_adam", {}).get("lr", 0), state["opt_D"]["param_groups"][0]["lr"]
            times = round(math.log(usual / rate, SLOWER)) if usual and rate else 0
            state["rollbacks"] = [0] * max(0, times)
        for name in ("step", "images"):
            state[name] = int(state[name])
            if not 0 <= state[name] < 10**15:
                raise ValueError(name)
        state["seconds"], state["faces"] = float(state["seconds"]), str(state["faces"])
        state["rollbacks"] = [int(images) for images in state["rollbacks"]]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise EshiError(f"{file} is no checkpoint of eshi: {error} is amiss", "a run's is called last.pt") from error
    return state


def fill(part: Any, state: Any, where: str) -> None:
    """`part.load_state_dict(state)`, refused where names, shapes or kinds differ or a weight is not a finite number.

    torch itself takes an optimizer's tensors of any shape, and its fused Adam then reads beyond their ends.
    """
    optimizer = isinstance(part, torch.optim.Optimizer)
    if wrong := misfit_of_optimizer(part, state) if optimizer else misfit(part.state_dict(), state):
        raise EshiError(f"{where} does not fit its recipe: {wrong}", "is it from another run, or another eshi?", 1)
    if not optimizer:
        finite(state, where)
    # What an optimizer is set to stands in the recipe; the checkpoint only knows how far it has come.
    part.load_state_dict(state | {"param_groups": part.state_dict()["param_groups"]} if optimizer else state)


def misfit(wanted: Mapping[str, Any], found: Any) -> str:
    """Which name, and how it differs; "" where all is as wanted."""
    if not isinstance(found, Mapping):
        return "it holds no weights"
    for name in (*wanted, *found):
        is_, should = (told(side[name]) if name in side else "missing" for side in (found, wanted))
        if is_ != should:
            return f"{name} is {is_}, where the network has {should}"
    return ""


def told(value: Any) -> str:
    shape = "x".join(map(str, value.shape)) or "1" if isinstance(value, Tensor) else ""
    return f"{shape} {str(value.dtype).removeprefix('torch.')}" if shape else type(value).__name__


def misfit_of_optimizer(optimizer: torch.optim.Optimizer, state: Any) -> str:
    """Adam keeps two moments of each weight's shape, and a step count; nothing before its first step."""
    try:
        groups, kept = state["param_groups"], state["state"]
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        usual = [sorted(group) for group in optimizer.param_groups]
        if [sorted(group) for group in groups] != usual or sum(len(g["params"]) for g in groups) != len(weights):
            return "its optimizer is another one"
        for number, moments in kept.items():
            for name, value in moments.items():
                shape = torch.Size() if name == "step" else weights[number].shape
                if value.shape != shape or not value.is_floating_point():
                    return f"its optimizer's {name} of weight {number} is {told(value)}"
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        return f"its optimizer lacks {error}"
    return ""


def finite(state: Mapping[str, Tensor], where: str) -> None:
    bad = next((n for n, v in state.items() if v.is_floating_point() and not torch.isfinite(v).all()), None)
    if bad:
        raise EshiError(f"{where} holds numbers in {bad} that are not finite: it diverged", "try an earlier copy", 1)


def copy(source: Path, target: Path) -> None:
    with source.open("rb") as whole, files.replacing(target) as out:
        shutil.copyfileobj(whole, out, 1 << 20)
