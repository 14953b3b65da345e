"""The whole journey in a few minutes, with painted pictures: no data, no network, no GPU."""

import time
from dataclasses import dataclass
from pathlib import Path

from eshi import recipe
from eshi.gather.clean import clean
from eshi.gather.crop import crop
from eshi.gather.painter import paint
from eshi.ground import image
from eshi.ground.figures import clock
from eshi.ground.progress import note

PICTURES = 1500


@dataclass
class Demo:
    faces: Path
    run: Path
    sheet: Path
    text: str


def demo(folder: Path | str = "demo", images: str | None = None) -> Demo:
    """Paint, crop, clean, train the `demo` recipe, draw a sheet. The same call goes on where it was stopped."""
    start, folder = time.monotonic(), Path(folder)
    pictures, faces, run = (folder / name for name in ("pictures", "faces", "run"))
    chosen = recipe.load("demo", [f"images={images}"] if images else [])
    note(f"1/4  painting {PICTURES:,} practice pictures into {pictures}")
    paint(pictures, PICTURES)
    note(f"2/4  finding the faces, and judging them, in {faces}")
    crop(pictures, faces, size=chosen.width_height[0])
    kept = clean(faces)["keep"]

    from eshi.artist import draw  # only now: torch takes a second
    from eshi.training.loop import train

    note(f"3/4  training the recipe '{chosen.name}' on {kept:,} faces in {run}; Ctrl-C stops, the same command goes on")
    train(faces, chosen, run)
    note("4/4  drawing")
    sheet = image.save(image.sheet(draw(run, 64, seed=1).images), folder / "sheet.png")
    text = f"""\
Done in {clock(time.monotonic() - start)}. Look at
  {sheet}    64 faces that did not exist before
  {run / "samples"}    the same 64 latents while the network learned
  {faces}    what it learned from, and how it was judged: eshi faces {faces}
Next
  eshi draw {run} --seed 100 --search 256    the best 64 of 256 by the discriminator
  eshi train {faces} -o {run} --images 300k    go on where it stopped
  eshi train YOUR_FACES/ -r dcgan-64    your own faces"""
    return Demo(faces, run, sheet, text)
