"""The judge and the guard at work in a run: when to look, what to write down, what is best, what must be done.

Its memory is the run's log: a run that goes on reads there how it stood.
"""

import copy
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eshi.artist import render
from eshi.gather.faceset import FaceSet
from eshi.judging import guard
from eshi.judging.judge import SEED, Judge, judge_of
from eshi.networks.engine import Engine
from eshi.recipe import Recipe
from eshi.run.folder import Run
from eshi.run.logbook import best_of, judgements, log

PROBED = 128  # faces of each kind that D is asked about
GUESS = 200  # images a second: what a slow core looks at, until it has been measured


@dataclass
class Verdict:
    best: bool  # this step is the best so far
    health: guard.Health
    dying: bool  # a bad state has lasted as long as the guard's patience
    news: bool  # and had not at the judgement before


class Watch:
    def __init__(self, run: Run, recipe: Recipe, faces: FaceSet, engine: Engine):
        self.run, self.recipe, self.faces, self.engine = run, recipe, faces, engine
        self.judge: Judge | None = None
        rows = log(run.folder)
        self.rows = [row for row in rows if "ranked_by" in row]
        back = [row["images"] for row in rows if row.get("event") == "rolled back"]
        self.rollbacks, self.since = len(back), max(back, default=-1)
        self.seconds = self.rows[-1]["judge_seconds"] if self.rows else 0.0
        self.unseen = faces.held_out if len(faces.held_out) else faces.train
        self.cost = (recipe.judge.drawings + len(faces.held_out)) / GUESS  # of one judgement, in seconds

    @property
    def best(self) -> dict[str, Any] | None:
        return best_of(judgements(self.rows))

    def affordable(self, seconds: float) -> bool:
        """Would one more judgement stay within the budget, if it takes as long as the last?"""
        share = self.recipe.judge.budget
        return bool(self.recipe.judge.every) and (share == 1 or self.seconds + self.cost <= share * seconds)

    def look(self, who: Any, step: int) -> Verdict:
        """Judge G's average (`who` are the pupils), write the row, and say what to do."""
        start, first = time.monotonic(), self.judge is None
        if self.judge is None:
            self.judge = judge_of(self.faces, device=self.engine.device.type)
            self.z = who.G.draw(self.recipe.judge.drawings, SEED)
        row: dict[str, Any] = {"step": step, "images": step * self.recipe.batch, "content": self.faces.content}
        row |= self.judge.score(render(who.G_ema, self.z), brief=True) | self.probe(who)
        self.rows.append(row)
        current = [r for r in judgements(self.rows) if r["images"] > self.since]
        found = guard.health(current, self.rows[: -len(current)])
        took = time.monotonic() - start
        self.seconds, self.cost = self.seconds + took, self.cost if first else took
        row |= {"state": found.state, "why": found.why, "against": self.judge.against, "judge_seconds": self.seconds}
        self.run.log(row)
        states = [r["state"] for r in current]
        dying, before_too = (guard.dying(s, self.recipe.guard.patience) for s in (states, states[:-1]))
        return Verdict(row is self.best, found, dying, dying and not before_too)

    @torch.no_grad()
    def probe(self, who: Any) -> dict[str, float]:
        """What D makes of fixed faces and fixed drawings, whatever the loss: as ranks, so no threshold matters."""
        D = copy.deepcopy(who.D).train()  # batch norm as in training, but its statistics must not notice
        drawn = render(who.G, self.z[:PROBED])

        def asked(images: np.ndarray) -> Tensor:
            answers: Tensor = D(self.engine.put(np.ascontiguousarray(images))).float()
            return answers

        seen, unseen = (asked(self.faces.images[i[:PROBED]]) for i in (self.faces.train, self.unseen))
        fake = asked(drawn)
        return {
            "separation": area(seen, fake),
            "memory": area(seen, unseen),
            "gradient_d": norm(who.D),
            "gradient_g": norm(who.G),
        }

    def went_back(self, images: int) -> None:
        self.rollbacks, self.since = self.rollbacks + 1, images


def area(higher: Tensor, lower: Tensor) -> float:
    """The chance that one of `higher` stands above one of `lower`: the area under the ROC curve."""
    pairs = higher[:, None] - lower[None]
    return float(((pairs > 0).float() + 0.5 * (pairs == 0).float()).mean())


def norm(network: nn.Module) -> float:
    """Of the last gradient."""
    found = [p.grad.float().norm() for p in network.parameters() if p.grad is not None]
    return float(torch.stack(found).norm()) if found else 0.0
