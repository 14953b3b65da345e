"""D as a feature extractor (Radford, Metz, Chintala 2015, section 5.1): maps pooled to 4x4, then a linear L2-SVM."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from eshi.artist import Artist
from eshi.explore.features import maps
from eshi.gather.faceset import FaceSet, faceset
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress
from eshi.networks.build import networks
from eshi.networks.contracts import Discriminator
from eshi.networks.engine import Engine, borrowed_randomness, keyed

KINDS = ("trained D", "random D", "raw pixels")
STRENGTHS = (0.03, 0.3)  # C of the SVM, chosen by three folds of the training part alone


@dataclass
class Transfer:
    """`accuracy[kind]` has one number a split, the same splits for every kind."""

    accuracy: dict[str, list[float]]
    features: dict[str, int]
    classes: list[str]
    images: int

    def table(self) -> str:
        lines = [f"{'':<12}{'features':>9}  accuracy over {len(self.accuracy[KINDS[0]])} splits"]
        for kind, found in self.accuracy.items():
            lines.append(f"{kind:<12}{self.features[kind]:>9,}  {np.mean(found):.1%} ± {np.std(found, ddof=1):.1%}")
        return "\n".join([*lines, f"{self.images:,} images in {len(self.classes)} classes; ± is the splits' spread"])

    def margin(self, other: str) -> tuple[float, float]:
        """How far the trained D is ahead on the same split: mean and standard deviation over the splits."""
        ahead = np.subtract(self.accuracy[KINDS[0]], self.accuracy[other])
        return float(ahead.mean()), float(ahead.std(ddof=1))


def transfer(
    run: Path | str | Artist, dataset: Path | str, splits: int = 5, share: float = 0.25, seed: int = 0
) -> Transfer:
    """`share` of each class is tested on in every split; the labels are those of the class folders."""
    try:
        import sklearn.model_selection as selection
    except ImportError:
        hint = "pip install 'eshi[transfer]'"
        raise EshiError("transfer needs scikit-learn, which is not installed", hint) from None
    who = Artist.of(run)
    D = who.critic
    if splits < 2 or not 0 < share < 1:
        raise EshiError(f"{splits} splits with {share:g} of them tested tell nothing", "--splits starts at 2")
    shown = faceset(Path(dataset), who.recipe.width_height, holdout=0)
    labels = shown.labels
    if not shown.classes or np.bincount(labels, minlength=len(shown.classes)).min() < 8:
        raise EshiError(f"{dataset} has no class folders of 8 images or more", "one folder a class: cat/ dog/ ...")
    with borrowed_randomness(keyed(seed, 0)):
        untrained = networks(who.recipe)[1].eval().requires_grad_(False).to(who.engine.device)
    looks = {"trained D": D, "random D": untrained}
    known = {kind: seen(network, shown, who.engine) for kind, network in looks.items()} | {"raw pixels": raw(shown)}
    cut = selection.StratifiedShuffleSplit(splits, test_size=share, random_state=seed)
    parts = list(cut.split(labels, labels))
    accuracy: dict[str, list[float]] = {kind: [] for kind in known}
    with Progress("classifying", len(parts) * len(known), "fits") as bar:
        for kind, values in known.items():
            for train, test in parts:
                accuracy[kind].append(judged(values, labels, train, test))
                bar.advance(1, kind=kind)
    sizes = {kind: values.shape[1] for kind, values in known.items()}
    return Transfer(accuracy, sizes, shown.classes, len(labels))


@torch.no_grad()
def seen(D: Discriminator, shown: FaceSet, engine: Engine) -> np.ndarray:
    """(N, F): the maps of all conv layers, max-pooled to 4x4 and laid end to end."""
    rows = []
    for index in np.array_split(np.arange(len(shown.images)), -(-len(shown.images) // 64)):
        found = maps(D, engine.put(shown.images[index]))
        rows.append(torch.cat([nn.functional.adaptive_max_pool2d(m, 4).flatten(1) for m in found], 1).cpu().numpy())
    return np.concatenate(rows)


def raw(shown: FaceSet) -> np.ndarray:
    images = np.asarray(shown.images)
    return (images.reshape(len(images), -1) / 255).astype(np.float32)


def judged(values: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    """Accuracy on `test`; every example is scaled to a length near 1, so that one range of C serves all features."""
    from sklearn.model_selection import cross_val_score

    mean, deviation = values[train].mean(0), values[train].std(0) + 1e-6
    scaled = ((values - mean) / deviation / values.shape[1] ** 0.5).astype(np.float32)
    scores = {c: cross_val_score(machine(c), scaled[train], labels[train], cv=3).mean() for c in STRENGTHS}
    best = machine(max(scores, key=lambda c: scores[c])).fit(scaled[train], labels[train])
    return float(best.score(scaled[test], labels[test]))


def machine(strength: float) -> Any:
    from sklearn.svm import LinearSVC

    return LinearSVC(C=strength, dual=True, loss="squared_hinge", tol=1e-3, random_state=0)
