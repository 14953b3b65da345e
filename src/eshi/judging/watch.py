"""The judge and the guard at work in a run: when to look, what was seen, what is best, what must be done.

Its memory is the run's log: a run that goes on reads there how it stood.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from eshi.artist import render
from eshi.gather.faceset import FaceSet
from eshi.judging import guard
from eshi.judging.judge import SEED, Judge, judge_of, spread
from eshi.networks.contracts import Discriminator, Generator, Network
from eshi.networks.engine import Engine
from eshi.networks.labels import latents
from eshi.recipe import Recipe
from eshi.run.logbook import Row, all_judgements, best_of, judgements, scored

PROBED = 128  # faces of each kind that D is asked about


@dataclass
class Verdict:
    row: Row
    best: bool  # this step is the best so far
    health: guard.Health
    dying: bool  # a bad state has lasted as long as the guard's patience
    news: bool  # and had not at the judgement before


class Watch:
    """`rows` are the run's log so far."""

    def __init__(self, recipe: Recipe, faces: FaceSet, engine: Engine, rows: Sequence[Row] = ()):
        self.recipe, self.faces, self.engine = recipe, faces, engine
        self.judge: Judge | None = None
        self.rows = scored(all_judgements(list(rows)))
        self.since = max((row["images"] for row in rows if row.get("event") == "rolled back"), default=-1)
        last = self.rows[-1] if self.rows else {}
        self.seconds = float(last.get("judge_seconds", 0.0))
        self.price: float | None = last.get("judge_price")  # seconds that one judgement takes, once one was made

    @property
    def best(self) -> Row | None:
        return best_of(judgements(self.rows))

    def affordable(self, seconds: float) -> bool:
        """Would one more judgement stay within the budget? The first shows what they cost."""
        share = self.recipe.judge.budget
        if not self.recipe.judge.every:
            return False
        return share == 1 or self.price is None or self.seconds + self.price <= share * seconds

    def look(self, step: int, drawing: Generator, G: Generator, D: Discriminator) -> Verdict:
        """Judge the generator that draws (G's average, where there is one), and say what to do."""
        begun = time.monotonic()
        judge = self.judge = self.judge or judge_of(self.faces, device=self.engine.device.type)
        start = time.monotonic()  # what is done once has no part in the price
        numbers = range(SEED, SEED + self.recipe.judge.drawings)
        images = step * self.recipe.batch
        drawn = render(drawing, latents(drawing, self.recipe.labels, images, numbers))
        row: Row = {"step": step, "images": images, "content": self.faces.content}
        row |= judge.score(drawn, brief=True) | self.probe(G, D)
        self.rows.append(row)
        verdict = self.verdict()
        end = time.monotonic()
        self.seconds, self.price = self.seconds + end - begun, end - start
        row |= {"against": judge.against, "judge_seconds": self.seconds, "judge_price": self.price}
        return verdict

    def verdict(self) -> Verdict:
        """On the newest judgement."""
        row = self.rows[-1]
        current = [r for r in judgements(self.rows) if r["images"] > self.since]
        found = guard.health(current, self.rows[: -len(current)])
        row |= {"state": found.state, "why": found.why}
        states = [r.get("state", guard.STATES[0]) for r in current]
        dying, before_too = (guard.dying(s, self.recipe.guard.patience) for s in (states, states[:-1]))
        best = (self.best or {}).get("images") == row["images"]
        return Verdict(row, best, found, dying, dying and not before_too)

    @torch.no_grad()
    def probe(self, G: Generator, D: Discriminator) -> dict[str, float]:
        """What D makes of fixed faces and fixed drawings, whatever the loss: as ranks, so no threshold matters."""
        judge = copy.deepcopy(D).train()  # batch norm as in training, but its statistics must not notice

        def asked(images: np.ndarray) -> Tensor:
            answers: Tensor = judge(self.engine.put(np.ascontiguousarray(images))).float()
            return answers

        held_out = self.faces.held_out if len(self.faces.held_out) else self.faces.train
        seen, unseen = (asked(self.faces.images[spread(i, PROBED)]) for i in (self.faces.train, held_out))
        fake = asked(render(G, G.draw(PROBED, SEED)))
        return {
            "separation": area(seen, fake),
            "memory": area(seen, unseen),
            "gradient_d": norm(D),
            "gradient_g": norm(G),
        }

    def went_back(self, images: int) -> None:
        self.since = images


def area(higher: Tensor, lower: Tensor) -> float:
    """The chance that one of `higher` stands above one of `lower`: the area under the ROC curve."""
    pairs = higher[:, None] - lower[None]
    return float(((pairs > 0).float() + 0.5 * (pairs == 0).float()).mean())


def norm(network: Network) -> float:
    """Of the last gradient."""
    found = [p.grad.float().norm() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(found).norm()) if found else 0.0
