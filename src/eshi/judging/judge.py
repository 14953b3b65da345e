"""The judge: drawings against faces that training never saw, with the noise of every figure."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from eshi.gather.faceset import FaceSet
from eshi.ground import files, image
from eshi.ground.errors import EshiError
from eshi.judging import metrics
from eshi.judging.features import USUAL, cached, features, network

SEED = 1_000_000  # of the judged latents: numbers that nobody draws by hand
FACES = 2000  # at most, of either side: k-NN metrics are quadratic
FEW = 50  # held-out faces below which the training faces stand in for them


@dataclass
class Judge:
    """`real` are the features of the faces it compares with, `against` says in words which those are."""

    kind: str
    module: Any
    real: np.ndarray
    against: str
    size: tuple[int, int]

    @property
    def ranked_by(self) -> str:
        name: str = self.module.distances[0]
        return name

    def score(self, drawn: np.ndarray, brief: bool = False) -> dict[str, Any]:
        """Every metric by name, each with `_noise`; distances bear the name of the network they were measured with.

        `brief` leaves out the noise of all but the distance that ranks: it takes ten times as long as the metric.
        """
        row: dict[str, Any] = {"ranked_by": self.ranked_by}
        seen = features(drawn, self.module)
        names = dict(zip(("fd", "kd"), self.module.distances, strict=True))
        # On matrices this small numpy's threads wait for one another: beside a busy program, ten times as long.
        with threadpool_limits(1, "blas"):
            for name, metric in metrics.METRICS.items():
                key = names.get(name, name)
                row[key] = metric(self.real, seen)
                if not brief or key == self.ranked_by:
                    row[f"{key}_noise"] = metrics.noise(metric, self.real, seen)
        return row


def judge_of(faces: FaceSet, kind: str = USUAL, device: str = "cpu", learned: bool = True, **options: Any) -> Judge:
    """Compares with the held-out faces; where those are too few, with the training faces.

    A set without `holdout` that no contender learned from is compared with whole: it has no training faces.
    """
    module = network(kind, device, **options)
    index, which = faces.held_out, "held-out "
    if len(index) < FEW:
        index, which = faces.train, "training " if learned else ""
    index = spread(index, FACES)
    if len(index) < 2:
        raise EshiError(f"{faces.path} holds {len(index)} faces: too few to compare with", "add more pictures")
    real = cached(faces.images[index], kind, module, f"{len(index):,} {which}faces")
    return Judge(kind, module, real, f"{len(index):,} {which}faces", faces.size)


def spread(index: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of them, from the first to the last: faces lie in the order of their sites and classes."""
    return index if len(index) <= count else index[np.linspace(0, len(index) - 1, count).astype(int)]


def better(a: dict[str, Any], b: dict[str, Any], key: str) -> bool | None:
    """Is a better than b? None where the difference is smaller than twice its noise."""
    gap = 2 * float(np.hypot(a[f"{key}_noise"], b[f"{key}_noise"]))
    return None if abs(a[key] - b[key]) <= gap else bool(a[key] < b[key])


def memory(faces: FaceSet, judge: Judge, drawn: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """Does it draw its training faces by heart? The figures, and a sheet: nearest drawings over what they resemble.

    How near is near shows only beside faces that were held out; where those are few, there is just the sheet.
    """
    index = spread(faces.train, FACES)
    train = cached(faces.images[index], judge.kind, judge.module, f"{len(index):,} training faces")
    held_out = judge.real if len(faces.held_out) >= FEW else None
    found = metrics.memorisation(train, held_out, features(drawn, judge.module))
    place = found.order[:12]
    rows = [drawn[place], faces.images[index[found.nearest[place]]]]
    facts: dict[str, Any] = {"nearest": found.ratio, "held_out": 1.0, "copies": found.copies, "of": judge.kind}
    if found.ratio is None or found.copies is None:
        few = f"With only {len(faces.held_out)} held-out faces"
        facts["text"] = f"{few} there is no telling how near is too near; {FEW} would be enough."
    else:
        said = "nearer than" if found.ratio < 0.9 else "about as near as" if found.ratio < 1.1 else "farther than"
        facts["text"] = (
            f"Drawings lie {said} unseen faces do to the training faces: {found.ratio:.2f} times their distance; "
            f"{found.copies:.1%} are nearer than 99 % of the unseen ones."
        )
    return facts, image.sheet(np.concatenate(rows), columns=len(place))


def save_memory(folder: Path, images: int, facts: dict[str, Any], sheet: np.ndarray) -> None:
    image.save(sheet, folder / "neighbours.png")
    files.write(folder / "neighbours.json", json.dumps({"images": images} | facts, indent=1).encode())
