"""The whole journey in a few minutes, with painted pictures: no data, no network, no GPU."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from eshi.ground.figures import clock
from eshi.ground.progress import note
from eshi.verbs.drawing import draw
from eshi.verbs.gathering import clean, crop, paint
from eshi.verbs.training import train
from eshi.verbs.verb import About, verb

PICTURES = 1500


@dataclass
class Demo:
    faces: Path
    run: Path
    sheet: Path
    page: Path
    seconds: float

    def text(self) -> str:
        return f"""\
Done in {clock(self.seconds)}. Look at
  {self.page}    a page that draws as many as you like: a double click opens it
  {self.sheet}    64 faces that did not exist before
  {self.run / "samples"}    the same 64 latents while the network learned
  {self.faces}    what it learned from, and how it was judged: eshi faces {self.faces}
Next
  eshi draw {self.run} --seed 100 --search 256    the best 64 of 256
  eshi train {self.faces} -o {self.run} --images 300k    go on where it stopped
  eshi train YOUR_FACES/ -r eshi-64    your own faces"""


@verb("start here", "eshi demo")
def demo(
    *,
    out: Annotated[Path | str, About("the folder it all goes to", flag="-o --out", metavar="DIR")] = Path("demo"),
    images: Annotated[
        int | str | None, About("train on so many images", "the recipe's length", metavar="LENGTH")
    ] = None,
) -> Demo:
    """paint, train, draw and make a page in a few minutes, from nothing"""
    from eshi import recipe
    from eshi.artist import Artist
    from eshi.explore import directions
    from eshi.share import page

    start, folder = time.monotonic(), Path(out)
    pictures, faces, run, sheet = (folder / name for name in ("pictures", "faces", "run", "sheet.png"))
    chosen = recipe.load("demo", [f"images={images}"] if images else [])  # its typos show before the painting
    note(f"1/5  painting {PICTURES:,} practice pictures into {pictures}")
    paint(pictures, count=PICTURES)
    note(f"2/5  finding the faces, and judging them, in {faces}")
    crop(pictures, out=faces, size=chosen.width_height[0])
    kept = clean(faces).verdicts["keep"]
    note(f"3/5  training the recipe '{chosen.name}' on {kept:,} faces in {run}; Ctrl-C stops, the same command goes on")
    train(faces, recipe=chosen, out=run, images=chosen.images)
    note("4/5  drawing")
    draw(run, seed=1, out=sheet, bare=True, force=True)
    note(f"5/5  finding what can be changed in a face, and writing {folder / 'face.html'}")
    artist = Artist.load(run)
    directions(artist)
    page.write(artist, folder / "face.html")
    return Demo(faces, run, sheet, folder / "face.html", time.monotonic() - start)
