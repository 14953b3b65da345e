"""In: a file from elsewhere becomes a run that draws, is judged, exported and gone on from."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from eshi import recipe
from eshi.artist.artist import trained
from eshi.gather.credits import PAGE
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.networks.build import network
from eshi.networks.prior import PRIORS
from eshi.recipe import Recipe
from eshi.run import checkpoint, tensorfile
from eshi.run.folder import Run
from eshi.share import foreign, model, onnx

NEW = {"step": 0, "images": 0, "seconds": 0.0, "faces": "", "rollbacks": []}


@dataclass
class Imported:
    """`parts` says in words what became of each network."""

    run: Path
    recipe: Recipe
    parts: list[str] = field(default_factory=list)


def take_in(file: Path | str, out: Path | str | None = None, prior: str = "") -> Imported:
    """`prior` is where the latents of a checkpoint from elsewhere come from, where its batch norms should not tell."""
    file = Path(file)
    if not file.is_file():
        raise EshiError(f"there is no file {file}", "name a checkpoint: .pt, .pth, .safetensors or .onnx")
    folder = Path(out) if out is not None else Path("runs") / called(file)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EshiError(f"{folder} is there already", "choose another place for the run with -o")
    found, state, parts = modelled(file) if file.suffix == onnx.SUFFIX else known(file) or learned(file, prior)
    trained(
        found, {name: state[name] for name in "GD" if state[name] is not None}, file
    )  # whatever is amiss is told now
    if found.ema and state["G"] is not None:
        state["G_ema"] = state["G"]
    with Run(folder, found) as run:
        run.save(state)
    if credits := state["shared"].get("credits"):
        files.write(folder / PAGE, str(credits).encode())
    return Imported(folder, found, parts)


def called(file: Path) -> str:
    """A name for the run, fit for a recipe and a disk."""
    stem = re.sub(r"[^\w.,()+-]+", "-", printable(file.name.partition(".")[0])).strip("-.")
    return stem[:60] or "imported"


def known(file: Path) -> tuple[Recipe, dict[str, Any], list[str]] | None:
    """A checkpoint or an export of eshi's own, exactly as it draws."""
    raw = checkpoint.exported(file) if file.suffix == tensorfile.SUFFIX else checkpoint.opened(file, old=True)
    if not isinstance(raw, dict) or not isinstance(raw.get("recipe"), dict) or "format" not in raw:
        return None
    state = checkpoint.load(file)
    found = recipe.parse(state["recipe"], where=f"the recipe in {file}").check(recipe.SIZED)
    kept = {"G": checkpoint.drawing(state), "D": state.get("D"), "shared": state["shared"]}
    told = [f"{name}: as eshi exported it" for name in "GD" if kept[name] is not None]
    return found, NEW | {"images": state["images"]} | kept, told


def modelled(file: Path) -> tuple[Recipe, dict[str, Any], list[str]]:
    """An ONNX export of eshi's own. Its batch norms were folded away; in the run they add what is left of them."""
    if file.stat().st_size > tensorfile.LARGEST:
        raise EshiError(f"{file} has more than {tensorfile.LARGEST:,} bytes", "no generator of eshi's is as large")
    try:
        _, weights, told = model.read(file.read_bytes())
        facts = json.loads(told[checkpoint.FACTS])
        found = recipe.parse(facts["recipe"], where=f"the recipe in {file}").check(recipe.SIZED)
        if facts["format"] > checkpoint.FORMAT:
            raise ValueError("it was written by a newer eshi")
        images, shared = int(facts["images"]), dict(facts["shared"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        why = f"it does not tell its {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:200]
        what = f"cannot import {file}: {why}"
        raise EshiError(what, "of ONNX, eshi takes back what eshi export wrote") from error
    with torch.device("meta"):
        outline = network(found, "G")
    state = onnx.unfolded(outline, weights)
    parts = ["G: as eshi exported it, its batch norms folded", "D: none in it"]
    return found, NEW | {"images": images, "G": state, "D": None, "shared": shared}, parts


def learned(file: Path, prior: str) -> tuple[Recipe, dict[str, Any], list[str]]:
    """A checkpoint of another program: what its names and shapes tell."""
    if prior and prior not in PRIORS:
        raise EshiError(f"there is no prior '{prior[:60]}'", f"there are: {', '.join(sorted(PRIORS))}")
    raw = checkpoint.safe(file)[0] if file.suffix == tensorfile.SUFFIX else checkpoint.opened(file, old=True)
    try:
        G, D = foreign.networks_in(raw, prior)
    except EshiError as error:
        raise EshiError(f"cannot import {file}: {printable(str(error))}", error.hint) from error
    size = next(one.size for one in (G, D) if one)
    values: dict[str, Any] = {"name": called(file), "about": f"Imported from {called(file)}", "size": size}
    values |= {key: one.part for key, one in (("generator", G), ("discriminator", D)) if one}
    found = recipe.parse(values, where=f"the recipe for {file}").check(recipe.SIZED)
    told = [f"{name}: {one.layout}" if one else f"{name}: none in it" for name, one in (("G", G), ("D", D))]
    return found, NEW | {"G": G.state if G else None, "D": D.state if D else None, "shared": {}}, told
