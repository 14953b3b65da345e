"""What the networks of a run see, and what that is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from eshi.verbs.gallery import Bare, Face, Force, Pixels, Run, Scale, Smooth, beside, hang, numbers, points, style
from eshi.verbs.verb import About, verb


@dataclass
class Looked:
    """By what they show: the files, and the pictures."""

    out: list[Path]
    sheets: dict[str, Pixels]

    def text(self) -> str:
        return "\n".join(map(str, self.out)) or "not written"


@verb("explore", "eshi look runs/first --seeds 1,2,3")
def look(
    run: Run,
    *,
    seeds: Annotated[Face | Sequence[Face], About("the faces looked at", metavar="FACES")] = tuple(range(8)),
    units: Annotated[int, About("how many")] = 8,
    layer: Annotated[int, About("of G, whose maps are dropped")] = -2,
    drop: Annotated[
        int | str | Sequence[int] | None, About("maps to drop: 3,17", "those that tell most", metavar="MAPS")
    ] = None,
    on: Annotated[Path | str | None, About("faces for D to look at", "the drawings", metavar="FACES")] = None,
    out: Annotated[Path | str | None, About("the folder of the pictures", "RUN/drawn/look", "-o --out", "DIR")] = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Looked:
    """what the networks see: filters, activation maps, guided backpropagation, dropped maps of G"""
    from eshi.explore import look
    from eshi.ground import image

    shown = style(scale, smooth, bare)
    dropped = None if drop is None else numbers(drop, "--drop")
    sheets = look(run, points(seeds), units, layer, dropped, on).sheets(shown)
    home, named = beside(run, out, "look", suffix=""), out is not None
    files = [hang(partial(image.save, one), home and home / f"{key}.png", force, named) for key, one in sheets.items()]
    return Looked([file for file in files if file], sheets)


@dataclass
class Transferred:
    """`accuracy[kind]` has one number a split, the same splits for every kind of features."""

    accuracy: dict[str, list[float]]
    features: dict[str, int]
    classes: list[str]
    images: int
    table: str

    def text(self) -> str:
        return self.table


@verb("explore", "eshi transfer runs/first cifar10/")
def transfer(
    run: Run,
    dataset: Annotated[Path | str, About("images in class folders, or a zip of them")],
    *,
    splits: Annotated[int, About("random splits")] = 5,
    seed: Annotated[int, About("of the splits")] = 0,
) -> Transferred:
    """D's features on labelled images: a linear SVM against raw pixels and a random D"""
    from eshi.explore import transfer

    found = transfer(run, dataset, splits, seed=seed)
    return Transferred(found.accuracy, found.features, found.classes, found.images, found.table())
