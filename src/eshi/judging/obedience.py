"""How well a run that learned from labels obeys: what a witness sees in drawings, against what was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eshi.artist import Artist
from eshi.gather.faceset import FaceSet
from eshi.ground.progress import Progress
from eshi.judging.features import USUAL, features, network
from eshi.judging.judge import SEED
from eshi.judging.metrics import distances, off_diagonal_mean
from eshi.judging.witness import witness

FEWEST = 20  # drawings of a value, and faces that their variety is compared with


@dataclass
class Value:
    """Shares of drawings that show the value: where it was asked for, and where nothing was; and how varied the ones
    that were asked for are, beside real faces that have it (1: as varied)."""

    attribute: str
    value: str
    asked: float
    unasked: float
    variety: float | None
    faces: int  # that have it


@dataclass
class Obedience:
    values: list[Value]
    right: dict[str, float]  # attribute -> how often the witness is right about faces that were held out
    count: int  # drawings of each value

    def obeyed(self, attribute: str) -> float:
        """The mean over its values."""
        return float(np.mean([one.asked for one in self.values if one.attribute == attribute]))

    def text(self) -> str:
        lines = [f"{'asked for':<20}{'shown':>8}{'unasked':>9}{'variety':>9}{'faces':>8}"]
        for attribute in dict.fromkeys(one.attribute for one in self.values):
            its = [one for one in self.values if one.attribute == attribute]
            for one in its:
                variety = "" if one.variety is None else f"{one.variety:.2f}"
                name = f"{attribute}={one.value}"
                lines.append(f"{name:<20}{one.asked:>8.0%}{one.unasked:>9.0%}{variety:>9}{one.faces:>8,}")
            sure = f", as a witness says that is right about {self.right[attribute]:.0%} of held-out faces"
            lines.append(
                f"{attribute}: {self.obeyed(attribute):.0%} on average{sure if attribute in self.right else ''}"
            )
        return "\n".join([*lines, f"{self.count} drawings of each value"])


def obedience(who: Artist, faces: FaceSet, count: int = 100) -> Obedience:
    """Ask `who` for each value that it has learned."""
    assert who.recipe.labels
    values, sure = who.recipe.labels.values, who.recipe.labels.sure
    seer, words = witness(faces, values, sure), faces.said(values, sure)
    count = max(count, FEWEST)
    numbers = range(SEED, SEED + count)
    plain = seer.words(who.render(who.latents(numbers)))
    found: list[Value] = []
    with Progress("asking", len(values), "values") as bar:
        for place, word in enumerate(values):
            attribute, _, value = word.partition("=")
            asked = who.asking({attribute: value})
            drawn = asked.render(asked.latents(numbers))
            shown, unasked = (
                float((seer.words(drawn)[attribute] == value).mean()),
                float((plain[attribute] == value).mean()),
            )
            have = np.flatnonzero(words[:, place])
            found.append(Value(attribute, value, shown, unasked, variety(drawn, faces, have), len(have)))
            bar.advance()
    return Obedience(found, seer.right, count)


def variety(drawn: np.ndarray, faces: FaceSet, have: Sequence[int] | np.ndarray) -> float | None:
    """The mean distance between drawings over that between real faces of the same value; None where those are few."""
    if len(have) < FEWEST:
        return None
    module = network(USUAL)
    some = np.asarray(have)[np.linspace(0, len(have) - 1, min(len(have), len(drawn))).astype(int)]
    of_drawn, of_real = features(drawn, module), features(faces.images[some], module)
    return off_diagonal_mean(distances(of_drawn, of_drawn)) / off_diagonal_mean(distances(of_real, of_real))
