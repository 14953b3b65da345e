"""How a generator is asked for attributes, and a discriminator told of them: each network has a layer for the words.

Words are (N, V): a 1 for each value that a face is said to have, nothing for what is unknown. G's layer moves the
latent, so that whatever can be done with latents can be done with words, and a latent alone asks for nothing. D's layer
projects: Miyato and Koyama 2018, arXiv:1802.05637.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from eshi.ground.errors import EshiError
from eshi.networks.contracts import Reading, pair
from eshi.recipe import Labels

CHANCE = 2**63  # from here on no number is that of a latent
REACH = 0.5  # how far a word moves a latent at first, in deviations of each coordinate


def can_be_asked(G: Any, count: int) -> Any:
    """G with a layer for so many words."""
    G.words = nn.Linear(count, G.latent, bias=False)
    nn.init.normal_(G.words.weight, 0.0, REACH * G.prior.deviation)
    return G


def can_be_told(D: Any, count: int, called: str) -> Any:
    """D with a layer for so many words. Where D bounds its other layers, it bounds this one."""
    if not isinstance(D, Reading):
        raise EshiError(f"the discriminator '{called}' cannot be told labels", "dcgan and frozen can")
    with torch.no_grad():
        probe = torch.zeros(2, 3, *pair(D.size)[::-1], device=next(D.parameters()).device)
        training = D.training
        seen = D.eval().read(probe)[1]
        D.train(training)
    layer = nn.Linear(count, seen[0].numel(), bias=False)
    bounded = any(is_parametrized(module) for module in D.modules())
    if not bounded:  # nothing but zeros would have no largest value that the bound could divide by
        nn.init.zeros_(layer.weight)
    D.words = spectral_norm(layer) if bounded else layer  # type: ignore[attr-defined]
    return D


def asked(G: Any, z: Tensor, words: Tensor | None) -> Tensor:
    """Latents that show what the words say."""
    return z if words is None else z + G.words(words)


class Told:
    """D as it judges pictures of which so much is said; of fewer pictures, the first of them."""

    def __init__(self, D: Any, words: Tensor):
        self.D, self.words = D, words
        self.first: Tensor | None = None  # what it saw in the pictures that it was asked about first: the real ones

    def __call__(self, images: Tensor) -> Tensor:
        logits, seen = self.D.read(images)
        self.first = seen if self.first is None else self.first
        both: Tensor = logits + (seen * self.D.words(self.words[: len(images)]).view(-1, *seen.shape[1:])).float().sum(
            -1
        )
        return both

    def mistaken(self, groups: Sequence[slice]) -> Tensor:
        """How badly it could tell the words of the real pictures from others: the cross-entropy of each attribute.

        Miyato and Koyama's D learns what words mean only from what G gets wrong, which takes long; this one is taught.
        """
        assert self.first is not None
        fitting = (self.first.flatten(1) @ self.D.words.weight).float()  # (N, V)
        losses = [
            -(self.words[:, its] * fitting[:, its].log_softmax(1)).sum(1)  # nothing where nothing is known
            for its in groups
        ]
        found: Tensor = torch.stack(losses).sum(0).mean()
        return found


def told(D: Any, words: Tensor | None) -> Callable[[Tensor], Tensor]:
    return D if words is None else Told(D, words)


def attributes(values: Sequence[str]) -> dict[str, list[str]]:
    """Attribute -> its values, of hair=pink and so on."""
    found: dict[str, list[str]] = {}
    for word in values:
        attribute, _, value = word.partition("=")
        found.setdefault(attribute, []).append(value)
    return found


def places(values: Sequence[str]) -> dict[str, slice]:
    """Attribute -> where its values lie: side by side."""
    found, start = {}, 0
    for attribute, several in attributes(values).items():
        found[attribute] = slice(start, start + len(several))
        start += len(several)
    return found


@torch.no_grad()
def latents(G: Any, its: Labels | None, images: float, numbers: range, asked: Container[str] = ()) -> Tensor:
    """(N, latent) of numbered drawings: what the number draws from the prior, and what chance says of the attributes
    that are not asked for, once G has learned words. Without any a face is a little of everything."""
    z: Tensor = G.draw(len(numbers), numbers.start)
    if its and its.learned(images):
        for row, number in zip(z, numbers, strict=True):
            row += G.words.weight[:, by_chance(its, number, asked)].sum(1)
    return z


def by_chance(its: Labels, number: int, asked: Container[str] = ()) -> list[int]:
    """The places of what a drawing shows by chance: each value as often as the faces had it."""
    found, groups = [], places(its.values)
    for even, (attribute, where) in zip(evens(number, len(groups)), groups.items(), strict=True):
        place = where.start + int((np.cumsum(its.chances[where]) <= even).sum())
        if place < where.stop and attribute not in asked:
            found.append(place)
    return found


def evens(number: int, count: int) -> np.ndarray:
    """Even in [0, 1), of a number that is no latent's."""
    return np.random.default_rng(CHANCE + number).random(count)


def number(values: Sequence[str], attribute: str, value: str) -> int:
    """The place of hair=pink, or an error that names what there is."""
    known = attributes(values)
    if attribute not in known:
        raise EshiError(f"this run has not learned '{attribute}'", f"it has learned {', '.join(known)}")
    if value not in known[attribute]:
        raise EshiError(f"this run knows no {attribute}={value}", f"it knows {', '.join(known[attribute])}")
    return values.index(f"{attribute}={value}")


def spoken(values: Sequence[str], wanted: Mapping[str, str]) -> Tensor:
    """(1, V)"""
    words = torch.zeros(1, len(values))
    for attribute, value in wanted.items():
        words[0, number(values, attribute, value)] = 1
    return words
