"""The guard: from a run's judgements alone, is it learning, and if not, what happened?

Every threshold is fitted to runs that died and runs that did not: docs/guard.md, benchmarks/guard.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STATES = ("learning", "plateau", "D winning", "collapsed", "diverged")
BAD = STATES[2:]
WORSE = 1.2  # times the best score: healthy runs rose to 1.1 times theirs, every death went past it
NARROW = 0.6  # of the diversity at the best step
APART = 0.97  # D tells its faces from drawings this surely (area under the ROC curve)
START = 10  # judgements within which a run must have begun to learn
BEGUN = 0.9  # times its first score: what counts as having begun
STILL = 6  # judgements without a better score make a plateau

ADVICE = {
    "D winning": "slow D down: --set d_adam.lr={slower:g}, or tame it: --set loss.r1=1, or --set augment.name=diff",
    "collapsed": "lower rates for both, or more pictures; clean the faces; --set augment.name=diff helps small sets",
    "diverged": "lower rates: --set g_adam.lr={lower:g} --set d_adam.lr={slower:g}",
}


@dataclass
class Health:
    """One plain sentence of why, and the figures that it rests on."""

    state: str
    why: str
    evidence: str = ""


def health(rows: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]] = ()) -> Health:
    """Of a run whose judgements so far are `rows`, oldest first; the last is the one in question.

    Only scores within a run are compared, so it works with any loss and any D. `before` are the judgements before the
    last rollback or the last change of the faces: a run that had begun to learn then need not begin again.
    """
    now, key = rows[-1], rows[-1]["ranked_by"]
    best = min(rows, key=lambda row: row[key])
    images, since = now["images"], len(rows) - 1 - rows.index(best)
    evidence = (
        f"{key} {now[key]:.1f} at {images:,} images, best {best[key]:.1f} at {best['images']:,}; "
        f"diversity {now['diversity']:.2f}, then {best['diversity']:.2f}; "
        f"D tells real from drawn {now['separation']:.0%}"
    )
    late = len(rows) >= START and not begun([*before, *rows])
    if now[key] > WORSE * best[key] or late:
        if late:
            what = f"after {len(rows)} judgements the drawings are no nearer to faces than at first"
        else:
            what = (
                f"the drawings are {now[key] / best[key]:.1f} times as far from faces as at {best['images']:,} images"
            )
        if now["diversity"] < NARROW * (1 if late else best["diversity"]):
            return Health("collapsed", f"{what}, and they are nearly all alike", evidence)
        if now["separation"] > APART:
            return Health("D winning", f"{what}, and D tells them apart so surely that G gets no guidance", evidence)
        return Health("diverged", f"{what}: G and D no longer teach one another", evidence)
    if since >= STILL:
        return Health("plateau", f"no better score for {since} judgements, since {best['images']:,} images", evidence)
    return Health("learning", "the score still falls" if since == 0 else "within its ups and downs", evidence)


def begun(rows: Sequence[dict[str, Any]]) -> bool:
    """Has the score ever fallen well below its first? Only scores by one network, against the same faces, compare."""
    scores: dict[tuple[Any, Any], list[float]] = {}
    for row in rows:
        scores.setdefault((row["ranked_by"], row.get("content")), []).append(row[row["ranked_by"]])
    return any(min(alike) <= BEGUN * alike[0] for alike in scores.values())


def dying(states: Sequence[str], patience: int) -> bool:
    """Are the last `patience` judgements all bad?"""
    return len(states) >= patience and all(state in BAD for state in states[-patience:])


def advice(state: str, g_rate: float, d_rate: float) -> str:
    return ADVICE[state].format(lower=g_rate / 4, slower=d_rate / 4)
