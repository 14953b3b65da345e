"""How drawings compare with real faces, given the features of both, (N, F) each. Which features: features.py.

A metric is a function of (real, drawn); putting it into METRICS is all that a new one needs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Metric = Callable[[np.ndarray, np.ndarray], float]
NEIGHBOURS = 5  # k of the k-NN metrics, as in Naeem et al. 2020
GROUPS = 10  # of the jackknife


def frechet(real: np.ndarray, drawn: np.ndarray) -> float:
    """Heusel et al. 2017 (arXiv:1706.08500), equation 6: the distance of two Gaussians fitted to the features."""
    (mean_r, cov_r), (mean_d, cov_d) = gaussian(real), gaussian(drawn)
    values, vectors = np.linalg.eigh(cov_r)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # tr sqrt(AB) = tr sqrt(sqrt(A) B sqrt(A)), and that product is symmetric: no complex numbers, no failing sqrtm.
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_d @ root).clip(0)).sum()
    return float(((mean_r - mean_d) ** 2).sum() + np.trace(cov_r) + np.trace(cov_d) - 2 * cross)


def gaussian(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exact = features.astype(np.float64)
    return exact.mean(axis=0), np.cov(exact, rowvar=False)


def kernel(real: np.ndarray, drawn: np.ndarray) -> float:
    """Binkowski et al. 2018 (arXiv:1801.01401): the unbiased squared MMD with the kernel (x.y / F + 1)^3.

    Unbiased for any number of images, which the Frechet distance is not; it can fall a little below zero.
    """
    x, y = real.astype(np.float64), drawn.astype(np.float64)
    within = [off_diagonal_mean(cubic(a, a)) for a in (x, y)]
    return float(sum(within) - 2 * cubic(x, y).mean())


def cubic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    product: np.ndarray = (x @ y.T / x.shape[1] + 1) ** 3
    return product


def off_diagonal_mean(square: np.ndarray) -> float:
    count = len(square)
    return float((square.sum() - np.trace(square)) / (count * (count - 1)))


def precision(real: np.ndarray, drawn: np.ndarray) -> float:
    """Kynkaanniemi et al. 2019 (arXiv:1904.06991): the share of drawings within some real face's neighbourhood."""
    return float((distances(real, drawn) < radii(real)[:, None]).any(axis=0).mean())


def recall(real: np.ndarray, drawn: np.ndarray) -> float:
    """The share of real faces within some drawing's neighbourhood."""
    return precision(drawn, real)


def density(real: np.ndarray, drawn: np.ndarray) -> float:
    """Naeem et al. 2020 (arXiv:2002.09797), equation 4: like precision, but one outlier cannot count for many."""
    return float((distances(real, drawn) < radii(real)[:, None]).sum(axis=0).mean() / neighbours(real))


def coverage(real: np.ndarray, drawn: np.ndarray) -> float:
    """Equation 5 there: the share of real faces that have a drawing in their neighbourhood."""
    return float((distances(real, drawn).min(axis=1) < radii(real)).mean())


def diversity(real: np.ndarray, drawn: np.ndarray) -> float:
    """The mean distance of two drawings over that of two real faces: 0 is one picture, 1 is as varied as the faces."""
    return off_diagonal_mean(distances(drawn, drawn)) / off_diagonal_mean(distances(real, real))


METRICS: dict[str, Metric] = {
    "fd": frechet,
    "kd": kernel,
    "precision": precision,
    "recall": recall,
    "density": density,
    "coverage": coverage,
    "diversity": diversity,
}


def neighbours(real: np.ndarray) -> int:
    return min(NEIGHBOURS, len(real) - 1)


def radii(features: np.ndarray) -> np.ndarray:
    """(N,) the distance of each to its k-th neighbour."""
    found: np.ndarray = np.partition(distances(features, features), neighbours(features), axis=1)
    return found[:, neighbours(features)]  # place 0 is the point itself


def distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, M) Euclidean"""
    x, y = x.astype(np.float64), y.astype(np.float64)
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    found: np.ndarray = np.sqrt(squares.clip(0))
    return found


def noise(metric: Metric, real: np.ndarray, drawn: np.ndarray) -> float:
    """The standard error that comes from which latents were drawn, by a jackknife over ten groups of drawings.

    The real faces are the same for all that is compared, so their part of the noise is not in it.
    """
    groups = min(GROUPS, len(drawn) // 2)
    without = [metric(real, np.delete(drawn, np.s_[i::groups], axis=0)) for i in range(groups)]
    return float(np.sqrt((groups - 1) / groups * np.square(np.array(without) - np.mean(without)).sum()))


@dataclass
class Memory:
    """How near drawings come to training faces. `nearest[i]` is the training face nearest to drawing i."""

    nearest: np.ndarray
    order: np.ndarray  # drawings, the nearest to a training face first
    ratio: float | None  # the median distance of a drawing to its nearest training face, over that of a held-out face
    copies: float | None  # the share of drawings nearer to a training face than 99 % of the held-out faces are


def memorisation(train: np.ndarray, held_out: np.ndarray | None, drawn: np.ndarray) -> Memory:
    """A generator that learned its faces by heart draws nearer to them than unseen real faces lie."""
    to_train = distances(drawn, train)
    near = to_train.min(axis=1)
    found = Memory(to_train.argmin(axis=1), near.argsort(), None, None)
    if held_out is not None:
        usual = distances(held_out, train).min(axis=1)
        found.ratio = float(np.median(near) / np.median(usual))
        found.copies = float((near < np.quantile(usual, 0.01)).mean())
    return found
