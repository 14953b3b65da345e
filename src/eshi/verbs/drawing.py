"""Faces out of a trained run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from eshi.ground.errors import EshiError
from eshi.verbs.gallery import Out, Pixels, Run, points, said, sheet
from eshi.verbs.verb import About, verb


@dataclass
class Drawn:
    """`images` (N, H, W, 3) uint8; `numbers[i]` is the seed, or the name, that draws image i; `scores` are D's, where
    it was asked. `step` is what it was drawn with; `out` the sheet or the folder of single files, None where nothing
    was written."""

    out: Path | None
    numbers: list[int | str]
    scores: list[float]
    step: str
    images: Pixels

    def text(self) -> str:
        count = len(self.numbers)
        return f"{count} {'face' if count == 1 else 'faces'} in {self.out or 'memory'} ({self.step})"


@verb("draw", "eshi draw runs/first --count 64 --search 512")
def draw(
    run: Run,
    *,
    count: Annotated[int, About("how many")] = 64,
    seed: Annotated[
        int | str,
        About("the number of the first face; or just these faces: miku or miku,7,face.npy", metavar="FACE"),
    ] = 0,
    search: Annotated[int, About("draw so many and keep the best by D; 0: no search")] = 0,
    mean: Annotated[float, About("added to the latents")] = 0.0,
    std: Annotated[float, About("scales the latents; less is tamer")] = 1.0,
    out: Out = None,
    single: Annotated[
        Path | str | None, About("single files, named by number, instead of a sheet", metavar="DIR")
    ] = None,
) -> Drawn:
    """draw faces with a trained run or a checkpoint"""
    from eshi.artist import Artist, draw
    from eshi.ground import image

    numbered = str(seed).strip().lstrip("-").isdecimal()
    if not numbered and search:
        raise EshiError(
            f"--search looks among numbered faces, not for '{seed}'", "give a number, or leave --search out"
        )
    first, faces = (int(seed), []) if numbered else (0, points(seed))
    who = Artist.of(run)
    found = draw(who, count, first, search, mean, std, faces)
    images, names, scores = found.images, found.numbers, found.scores
    if single is not None:
        for name, face in zip(names, images, strict=True):
            stem = f"{name:06}" if isinstance(name, int) else said(name)
            image.save(face, Path(single) / f"{stem}.png")
        return Drawn(Path(single), names, scores, who.step_name, images)
    words = [count, f"seed{seed}"] if numbered else ["faces", said(seed)]
    options = {"from": search, "mean": mean, "std": std if std != 1 else 0}
    words += [f"{key}{value:g}" for key, value in options.items() if value]
    return Drawn(sheet(image.sheet(images), run, out, *words), names, scores, who.step_name, images)
