"""A checkpoint's file: what stands in it, how it is written whole, and how a stranger's is read without running it.

It holds plain values and tensors alone: the recipe, `step`, `images`, `seconds`, `faces` (which set it learned from),
`rollbacks` (at how many images each), and a state for each of the run's parts: G, D, opt_G, opt_D, G_ema. What is
shared with others may lack all but G or D, and tells the scores and credits that came with it (`shared`).
"""

import json
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
from eshi.run import tensorfile

FORMAT = 2
PARTS = ("G", "D")  # that are shared
FACTS = "eshi"  # under which name a .safetensors tells all but the weights
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
    state = exported(file) if file.suffix == tensorfile.SUFFIX else opened(file)
    drawn = isinstance(state, dict) and is_state(state.get("G"))
    alone = isinstance(state, dict) and state.get("G", 0) is None and is_state(state.get("D"))  # a D that was imported
    if not (drawn or alone) or not isinstance(state.get("recipe"), dict):
        raise EshiError(f"{file} is no checkpoint of eshi", f"one of another program: eshi import {file}")
    return upgraded(state, file)


def opened(file: Path, old: bool = False) -> Any:
    """What a file written by torch holds: plain values and plain tensors. An `old` one may lack the zip around it."""
    what = f"cannot read checkpoint {file}: it is damaged or cut short"
    damaged = EshiError(what, "try an older copy of it, or train anew with -o", 1)
    try:
        if not old or zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                packed(archive, file)
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
    try:
        usual = all(map(plain, tensors(state)))
    except RecursionError:  # nested as no run nests
        usual = False
    if not usual:
        raise EshiError(f"{file} holds tensors that are sparse or have no values", "a run's have one for each place")
    return state


def packed(archive: zipfile.ZipFile, file: Path) -> None:
    """torch stores everything as it is: parts that are compressed, or lie upon one another, were made to burst."""
    parts = archive.infolist()
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
        raise EshiError(f"{file} holds compressed parts, which torch writes nowhere", "get it from where it was made")
    if (total := sum(part.file_size for part in parts)) > file.stat().st_size:
        raise EshiError(f"{file} declares {total:,} bytes and has fewer", "get it from where it was made")


def exported(file: Path) -> Any:
    """The state in a .safetensors of eshi's, as `exporting` lays it out; None in one of another program's."""
    found, words = safe(file)
    try:
        state = json.loads(words[FACTS])
    except KeyError:
        return None
    except (ValueError, RecursionError) as error:
        raise EshiError(f"cannot read {file}: what it says of itself is no JSON", "export it anew") from error
    if isinstance(state, dict):
        for part in PARTS:
            own = {name.removeprefix(f"{part}."): t for name, t in found.items() if name.startswith(f"{part}.")}
            state[part] = own or None
    return state


def exporting(recipe: Recipe, state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights of G and D by name, and all else that `state` says as text."""
    facts = {"format": FORMAT, "eshi": eshi.__version__, "recipe": recipe.as_dict()}
    facts |= {key: value for key, value in state.items() if key not in PARTS}
    weights = {f"{part}.{name}": t for part in PARTS for name, t in (state.get(part) or {}).items()}
    return weights, {"format": "pt", FACTS: json.dumps(facts, ensure_ascii=False)}  # pt: what others expect there


def imported(state: Mapping[str, Any]) -> bool:
    """Networks alone, perhaps only one of them: the rest of what a run goes on with begins anew."""
    return state["step"] == 0 and "opt_G" not in state


def safe(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        return tensorfile.read(file)
    except ValueError as error:
        raise EshiError(f"{file} is no sound .safetensors: {error}", "get it from where it was made", 1) from error


def tensors(value: Any, seen: set[int] | None = None) -> Iterator[Tensor]:
    """All of them, however deep; weights_only reads nothing but dicts, lists and tuples. Each of these once: a small
    file can name one list in a thousand places."""
    seen = set() if seen is None else seen
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping | list | tuple) and id(value) not in seen:
        seen.add(id(value))
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from tensors(one, seen)


def plain(tensor: Tensor) -> bool:
    """Numbers of its own, one for each place: a view may claim a million places for one number."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


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
        if not isinstance(state.setdefault("shared", {}), dict):
            raise TypeError("shared")
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


def drawing(state: Mapping[str, Any]) -> Any:
    """The weights that draw: the average of G where the run kept one; None where there is no G."""
    return state["G"] if state.get("G_ema") is None else state["G_ema"]


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
