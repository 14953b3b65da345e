"""What a trained finder does on what was held out of its training: `python tools/finder/check.py PICTURES` with the
places and parts that were given to train.py. It never trains, and it needs no torch."""

import argparse
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from scenes import Stock, scene
from sources import CROWDED, crowds, painted, places, shown, split

from eshi.gather.finders import finder
from eshi.gather.finders.evaluate import right_ones
from eshi.gather.painter import page
from eshi.ground.image import Pixels

Marked = tuple[Pixels, np.ndarray]  # a picture, its boxes (N, 4)
SCORES = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


def rows(name: str, pictures: Iterable[Marked], smallest: int, given: argparse.Namespace) -> Iterator[str]:
    """A line of the table for each score: the finder looks once, at the lowest."""
    search = finder("net", smallest=smallest, score=min(given.scores), weights=given.weights)
    looked = [
        (search(pixels), [box for box in boxes.tolist() if max(box[2:]) >= smallest]) for pixels, boxes in pictures
    ]
    faces = sum(len(boxes) for _, boxes in looked)
    for score in given.scores:
        kept = [([box for box in got if box[4] >= score], boxes) for got, boxes in looked]
        right, found = sum(right_ones(*pair) for pair in kept), sum(len(got) for got, _ in kept)
        recall = f"{right / faces:.3f}" if faces else "-"
        wrong = f"{found - right} ({100 * (found - right) / max(len(kept), 1):.1f})"
        yield f"| {name} | {score} | {len(kept)} | {faces} | {recall} | {right / max(found, 1):.3f} | {wrong} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    places(parser)
    parser.add_argument("--weights", help="an ONNX file, otherwise the one that comes with eshi")
    parser.add_argument("--count", type=int, default=300, help="of painted pictures, and of composed scenes")
    parser.add_argument("--seed", type=int, default=10_000, help="of painted pictures and scenes: not that of training")
    parser.add_argument("--scores", nargs="*", type=float, default=SCORES)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    boxes, tight, empty = split(given, 1)
    drawn = painted(given.count, given.seed)
    stock, rng = Stock(boxes, tight, drawn[:50], empty, things=shown(given, 1)), np.random.default_rng(given.seed)
    sets: dict[str, tuple[Iterable[Marked], int]] = {
        "pictures held out": (((source.sizes[0], source.boxes) for source in boxes), 48),
        "painted": (((source.sizes[0], source.boxes) for source in drawn), 48),
        "without a face": (((source.sizes[0], source.boxes) for source in empty), 48),
        "painted scenes, from 24 px": (((one.sizes[0], one.boxes) for one in crowds(given.count, given.seed)), 24),
        "painted pages, from 24 px": (
            ((one.sizes[0], one.boxes) for one in crowds(given.count // 3, given.seed, page, CROWDED)),
            24,
        ),
        "composed, from 24 px": ((scene(rng, stock, (384, 320)) for _ in range(given.count)), 24),
    }
    print("| held out | score | pictures | faces | recall | precision | wrong (per 100 pictures) |")
    print("|---|---|---|---|---|---|---|")
    for name, (pictures, smallest) in sets.items():
        for line in rows(name, pictures, smallest, given):
            print(line, flush=True)


if __name__ == "__main__":
    main()
