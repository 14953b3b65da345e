"""How many drawings bear a lattice: more energy at the frequencies of cells of 2, 4 or 8 px than 99 of 100 faces have?

python benchmarks/lattice.py FACES RUN ...
"""

import sys

import numpy as np

from eshi.artist import Artist
from eshi.gather.faceset import faceset

CELL = 8  # px, of the widest lattice that is looked for
RING = (3, 4)  # frequencies away: what is around
USUAL = 0.99  # of faces
DRAWN = range(1000)


def standing_out(images: np.ndarray) -> np.ndarray:
    """(N, frequencies): energy over the median of what is around, of grey that is faded out to the sides."""
    grey = images.mean(axis=3, dtype=np.float32)
    fade = np.outer(*map(np.hanning, grey.shape[1:]))
    whole = np.abs(np.fft.fft2((grey - grey.mean(axis=(1, 2), keepdims=True)) * fade)) ** 2
    height, width = grey.shape[1:]
    near, far = RING
    around = [(y, x) for y in span(far) for x in span(far) if max(abs(y), abs(x)) >= near]
    found = []
    for row in range(0, height, height // CELL):
        for column in range(0, width // 2 + 1, width // CELL):  # the rest is the same again
            if row or column:
                its = [whole[:, (row + y) % height, (column + x) % width] for y, x in around]
                found.append(whole[:, row, column] / np.median(its, axis=0))
    return np.stack(found, axis=1)


def span(far: int) -> range:
    return range(-far, far + 1)


def main(path: str, *runs: str) -> None:
    faces = faceset(path, Artist.load(runs[0]).G.size).images
    usual = standing_out(faces[::2])
    bound = np.quantile(usual, 1 - (1 - USUAL) / usual.shape[1], axis=0)
    sources = {"other faces": faces[1::2]}
    for run in runs:
        who = Artist.load(run)
        sources[f"{run} {who.step_name}"] = who.render(who.latents(DRAWN))
    for name, images in sources.items():
        beyond = (standing_out(images) > bound).any(axis=1)
        print(f"{name}: {beyond.mean():.1%} of {len(images):,}")


if __name__ == "__main__":
    main(*sys.argv[1:])
