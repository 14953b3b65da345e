"""How good a finder is on pictures with known boxes: `python -m eshi.gather.finders.evaluate BOXES.json IMAGES`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from eshi.gather.finders import finder, shared_finder
from eshi.gather.workers import spread
from eshi.ground.errors import EshiError
from eshi.ground.image import decode

OVERLAP = 0.4  # intersection over union from which a box is the right one


@dataclass
class Searcher:
    """Finds the faces of one picture, with the seconds and the pixels it took."""

    finder: str
    options: dict[str, Any]

    def __call__(self, path: Path) -> tuple[list[Any], float, int]:
        cv2.setNumThreads(1)
        search, pixels = shared_finder(self.finder, tuple(self.options.items())), decode(path)
        start = time.perf_counter()
        return search(pixels), time.perf_counter() - start, pixels.shape[0] * pixels.shape[1]


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes that begin with x, y, w, h."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def right_ones(found: list[Any], true: list[Any]) -> int:
    """How many boxes are matched one to one, the best overlaps first."""
    pairs = sorted(((overlap(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)), reverse=True)
    used: set[tuple[str, int]] = set()
    for share, i, j in pairs:
        if share >= OVERLAP and ("found", i) not in used and ("true", j) not in used:
            used |= {("found", i), ("true", j)}
    return len(used) // 2


def evaluate(boxes: Path, images: Path, name: str = "lbp", workers: int = 1, **options: Any) -> dict[str, Any]:
    """`boxes` holds file -> [[x, y, w, h], ...], or file -> {"faces_xywh": [...], "visible_faces_without_box": n}.

    A face that is visible but has no box is neither held against the finder nor counted for it in `recall`;
    `recall_visible` counts it as missed.
    """
    known = json.loads(boxes.read_text())
    finder(name, **options)
    right = found = faces = unboxed = pixels = 0
    seconds = 0.0
    jobs = [(file, images / file) for file in known]
    for file, (got, took, size) in spread(Searcher(name, options), jobs, workers):
        truth = known[file] if isinstance(known[file], dict) else {"faces_xywh": known[file]}
        hidden = truth.get("visible_faces_without_box", 0)
        good = right_ones(got, truth["faces_xywh"])
        right, faces, unboxed = right + good, faces + len(truth["faces_xywh"]), unboxed + hidden
        found += good + max(0, len(got) - good - hidden)
        seconds, pixels = seconds + took, pixels + size
    return {
        "finder": name, "pictures": len(known), "faces": faces, "unboxed": unboxed, "found": right,
        "wrong": found - right, "recall": right / max(faces, 1), "recall_visible": right / max(faces + unboxed, 1),
        "precision": right / max(found, 1), "seconds_a_megapixel": seconds / max(pixels / 1e6, 1e-9),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eshi.gather.finders.evaluate", description=__doc__)
    parser.add_argument("boxes", type=Path, help="JSON: file -> boxes x y w h")
    parser.add_argument("images", type=Path, help="the folder of those files")
    parser.add_argument("--finder", action="append", help="net or lbp (may be given several times)")
    parser.add_argument("--cascade", help="the cascade's file, for lbp")
    parser.add_argument("--min", type=int, default=48, dest="smallest", help="smallest face in pixels")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    print(f"IoU >= {OVERLAP}, one core each: {given.boxes}")
    print("| finder | found | of boxed | of visible | wrong | recall | of all visible | precision | s a megapixel |")
    print("|---|---|---|---|---|---|---|---|---|")
    try:
        for name in given.finder or ["net"]:
            cascade = {"cascade": given.cascade} if name == "lbp" and given.cascade else {}
            row = evaluate(given.boxes, given.images, name, given.workers, smallest=given.smallest, **cascade)
            print(
                "| {finder} | {found} | {faces} | {visible} | {wrong} | {recall:.3f} | {recall_visible:.3f} "
                "| {precision:.3f} | {seconds_a_megapixel:.3f} |".format(**row, visible=row["faces"] + row["unboxed"])
            )
    except EshiError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":  # under its own name, which the worker processes can import
    from eshi.gather.finders import evaluate as named

    sys.exit(named.main())
