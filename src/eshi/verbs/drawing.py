"""Faces out of a trained run."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from eshi.ground.progress import Progress, note
from eshi.verbs.gallery import (
    PAINTED,
    Bare,
    Force,
    Out,
    Pixels,
    Run,
    Scale,
    Smooth,
    With,
    granted,
    hang,
    points,
    said,
    sheet,
    style,
    wishes,
)
from eshi.verbs.verb import About, settings, verb


@dataclass
class Drawn:
    """`images` (N, H, W, 3) uint8; `numbers[i]` is the seed, or the name, that draws image i; `scores` say how good
    each is, where it was searched. `step` is what it was drawn with; `out` the sheet, None where nothing was
    written, or the folder of single files, which alone hold the images then."""

    out: Path | None
    numbers: list[int | str]
    scores: list[float]
    step: str
    images: Pixels

    def text(self) -> str:
        count = len(self.numbers)
        return f"{count:,} {'face' if count == 1 else 'faces'} in {self.out or 'memory'} ({self.step})"


@verb("draw", "eshi draw runs/first --count 64 --search 512")
def draw(
    run: Run = PAINTED,
    *,
    count: Annotated[int, About("how many")] = 64,
    seed: Annotated[
        int | str,
        About("the number of the first face; or just these faces: miku or miku,7,face.npy", metavar="FACE"),
    ] = 0,
    search: Annotated[int, About("draw so many and keep the best; 0: no search")] = 0,
    by: Annotated[
        Literal["typical", "D"], About("the best: well drawn, as most are; or what the discriminator likes")
    ] = "typical",
    labels: With = (),
    mean: Annotated[float, About("added to the latents")] = 0.0,
    std: Annotated[float, About("scales the latents; less is tamer")] = 1.0,
    out: Out = None,
    single: Annotated[
        Path | str | None, About("single files, named by number, instead of a sheet", metavar="DIR")
    ] = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
    device: Annotated[Literal["cpu", "cuda", "mps", "xpu", "auto"], About("where it draws")] = "cpu",
) -> Drawn:
    """draw faces with a trained run or a checkpoint"""
    from eshi.artist import draw, stream
    from eshi.ground import image
    from eshi.ground.sheet import sheet as hung

    shown = style(scale, smooth, bare)
    numbered = str(seed).strip().lstrip("-").isdecimal()
    wanted = (count, int(seed) if numbered else 0, search, mean, std, () if numbered else points(seed), by)
    asked = wishes(labels)
    who = granted(run, asked, device)
    if single is not None:
        numbers: list[int | str] = []
        scores: list[float] = []
        others = 0
        whole = count if numbered else len(wanted[-2])
        with Progress(f"drawing into {single}", whole, "faces") as bar:
            for part in stream(who, *wanted):  # written as they come: they may be more than fit into memory
                for number, face in zip(part.numbers, part.images, strict=True):
                    stem = f"{number:06}" if isinstance(number, int) else said(number)
                    wanted_file = Path(single) / f"{stem}.png"
                    others += hang(partial(image.save, shown.enlarged(face)), wanted_file, force) != wanted_file
                numbers += part.numbers
                scores += part.scores
                none = part.images[:0].copy()  # a view would hold all of them
                bar.advance(len(part.numbers))
        if others:
            note(f"{single} held other drawings by {others:,} of these names: the new ones have a number behind theirs")
        return Drawn(Path(single), numbers, scores, who.step_name, none)
    found = draw(who, *wanted)
    words = [count, f"seed{seed}"] if numbered else ["faces", said(seed)]
    options = {"from": search, "mean": mean, "std": std if std != 1 else 0}
    words += [f"{key}{value:g}" for key, value in options.items() if value]
    words += [*settings(asked), *(["by-D"] if search and by == "D" else [])]
    picture = hung(found.images, [str(number) for number in found.numbers], style=shown)
    where = sheet(picture, run, out, *words, style=shown, force=force)
    return Drawn(where, found.numbers, found.scores, who.step_name, found.images)
