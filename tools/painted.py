"""Cuts the generator that comes with eshi from a run on painted faces, and finds its directions.

eshi paint pictures --count 8000 && eshi crop pictures -o faces --size 64 && eshi clean faces
eshi train faces -r eshi-64 -o run --images 600k
python tools/painted.py run "7,930 faces of 8,000 pictures by eshi paint"
"""

import sys
from pathlib import Path

import numpy as np

from eshi.artist import Artist, render
from eshi.explore import directions
from eshi.explore.directions import save
from eshi.run import checkpoint, logbook, shipped

LARGEST = 5_000_000  # bytes
FAR = 2  # levels of 255 that 16 bits may change a pixel by
DRAWN = range(500)


def main(run: str, learned_from: str) -> None:
    folder = Path(run)
    file = next(folder / name for name in shipped.CHECKPOINTS if (folder / name).exists())
    state = checkpoint.load(file)
    judged = logbook.judgements(logbook.log(folder))
    row = next((row for row in judged if row["images"] == state["images"]), {})
    metrics = ("fd_lite0", "kd_lite0", "precision", "recall", "density", "coverage", "diversity")
    scores = {name: round(row[name], 4) for name in metrics if name in row}
    scores |= {name: row[name] for name in ("ranked_by", "against") if name in row}
    np.savez_compressed(shipped.WEIGHTS, **shipped.cut(state, scores, learned_from))
    size = shipped.WEIGHTS.stat().st_size
    whole, own = Artist.load(file), Artist.load(shipped.NAME)
    pictures = [render(who.G, whole.latents(DRAWN)).astype(int) for who in (whole, own)]
    far = int(np.abs(pictures[0] - pictures[1]).max())
    print(f"{shipped.WEIGHTS}: {size / 1e6:.2f} MB, {state['images']:,} images, {scores}")
    print(f"{len(DRAWN)} drawings differ from the run's by at most {far} of 255 levels")
    assert size <= LARGEST, f"{size:,} bytes are more than {LARGEST:,}"
    assert far <= FAR, f"{far} levels are more than {FAR}"
    found = directions(own, keep=False)
    save(found, shipped.DIRECTIONS)
    print(f"{shipped.DIRECTIONS}: {', '.join(found.names)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
