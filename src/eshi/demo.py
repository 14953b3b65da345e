"""The whole journey in a few minutes, with painted faces: no data, no network, no GPU."""

import time
from dataclasses import dataclass
from pathlib import Path

from eshi import image, recipe
from eshi.gather.painter import paint
from eshi.progress import clock, note

FACES = 3000


@dataclass
class Demo:
    faces: Path
    run: Path
    sheet: Path
    text: str


def demo(folder: Path = Path("demo"), images: str | None = None) -> Demo:
    """Paint faces, train the `demo` recipe on them, draw a sheet. The same call goes on where it was stopped."""
    start = time.monotonic()
    faces, run = folder / "faces", folder / "run"
    chosen = recipe.load("demo", [f"images={images}"] if images else [])
    side = chosen.width_height[0]
    note(f"1/3  painting {FACES:,} faces into {faces}")
    paint(faces, FACES, seed=0, faces=side)

    from eshi.draw import draw
    from eshi.train import train

    note(f"2/3  training the recipe '{chosen.name}' in {run}; Ctrl-C stops it, the same command goes on")
    train(faces, chosen, run)
    note("3/3  drawing")
    sheet = image.save(image.sheet(draw(run, 64, seed=1).images), folder / "sheet.png")
    text = f"""\
Done in {clock(time.monotonic() - start)}. Look at
  {sheet}    64 faces that did not exist before
  {run / "samples"}    the same 64 latents while the network learned
  {faces}    what it learned from
Next
  eshi draw {run} --seed 100 --search 256    the best 64 of 256 by the discriminator
  eshi train {faces} -r demo -o {run} --images 300k    go on where it stopped
  eshi train YOUR_FACES/ -r dcgan-64    your own faces"""
    return Demo(faces, run, sheet, text)
