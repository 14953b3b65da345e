"""Vector arithmetic on faces, shown as in figure 7 of the paper (Radford, Metz, Chintala 2015)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from eshi.artist import Artist
from eshi.explore.expression import Reader, Term
from eshi.ground import sheet
from eshi.ground.errors import EshiError
from eshi.ground.sheet import PLAIN, Style


@dataclass
class Mix:
    """`around` (9, H, W, 3): the result in the middle (also `image`), noise about it elsewhere."""

    expression: str
    terms: list[Term]
    operands: list[tuple[str, np.ndarray, np.ndarray]]  # sign, its points' drawings, the term's own drawing
    latent: np.ndarray
    image: np.ndarray
    around: np.ndarray

    def sheet(self, style: Style = PLAIN) -> np.ndarray:
        """Each term is a column, its examples above its value; then the result with its neighbours."""
        blocks: list[np.ndarray] = []
        for (sign, points, own), term in zip(self.operands, self.terms, strict=True):
            if blocks or sign == "-":
                blocks.append(sheet.word(sign, style))
            alone = len(term.points) == 1 and torch.equal(term.points[0][1], term.value)
            words = [name for name, _ in term.points] + ([] if alone else [f"= {term.text}"])
            faces = points if alone else np.concatenate([points, own[None]])
            blocks.append(sheet.sheet(faces, words, 1, style))
        return sheet.in_a_row([*blocks, sheet.word("=", style), sheet.sheet(self.around, columns=3, style=style)])


def mix(run: Path | str | Artist, expression: str, noise: float = 0.25, seed: int = 0) -> Mix:
    """Evaluate an expression such as `mean(1,2,3) - mean(4,5,6) + miku`; `noise` is the paper's plus or minus 0.25."""
    who = Artist.of(run)
    terms = Reader(expression, who.latent, list(who.favourites())).terms()
    result = torch.stack([term.value if term.sign == "+" else -term.value for term in terms]).sum(0)
    if not torch.isfinite(result).all():
        raise EshiError("the expression comes to numbers that are not finite", "smaller factors would do")
    if not 0 <= noise <= 100:
        raise EshiError(f"noise of {noise:g} is not an amount", "the paper's is 0.25; 0 is none")
    random = np.random.default_rng(seed).uniform(-noise, noise, (9, len(result))).astype(np.float32)
    random[4] = 0
    around = who.render(result + torch.from_numpy(random))
    operands = [
        (term.sign, who.render(torch.stack([z for _, z in term.points])), who.render(term.value[None])[0])
        for term in terms
    ]
    return Mix(expression, terms, operands, result.numpy(), around[4], around)
