"""The networks of a run: the generator that learns to draw, and the teachers that learn to tell."""

import copy
import io
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from eshi.ground.errors import EshiError
from eshi.ground.registry import AUGMENTATIONS, LOSSES
from eshi.judging.features import USUAL, looks_through
from eshi.networks.build import discriminator, networks
from eshi.networks.contracts import Discriminator, Generator, Looking
from eshi.networks.engine import Engine, seed_everything
from eshi.recipe import Recipe, Second
from eshi.run import checkpoint
from eshi.run.checkpoint import SLOWER
from eshi.training.ranks import Ranks
from eshi.training.recorder import Recorder
from eshi.training.team import Descent, Team, noted, twin
from eshi.training.turn import Turn


@dataclass
class Teacher:
    """A discriminator with its loss, its augmentation and its optimizer.

    One that looks through a part which never learns may do that apart (`D.see`): then what it saw of a drawing serves
    its own turn and G's, as the whole of the frozen network is worth passing only once.
    """

    name: str  # before the names of its terms and parts; "" for the first
    D: Discriminator
    loss: Any
    augment: Any
    opt: Any  # an optimizer, or what a shard sees of it
    rate: float  # as the recipe has it
    weight: float

    @property
    def frozen_part(self) -> bool:
        return isinstance(self.D, Looking)

    def see(self, images: Tensor) -> Tensor:
        assert isinstance(self.D, Looking)
        return self.D.see(self.augment(images.float()))

    def named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {f"{self.name}{key}": value for key, value in values.items()}


@dataclass
class Pupils:
    """G, what draws (the average of G, or G itself), and who teaches them."""

    G: Generator
    G_ema: Generator
    opt_G: Any
    teachers: list[Teacher]
    turn: AbstractContextManager[Any] = field(default_factory=nullcontext)  # to use all cores
    recorder: Recorder | None = None  # of whole steps, on a GPU
    team: Team | None = None
    twins: "list[Pupils]" = field(default_factory=list)  # of a team, one a shard here
    part: tuple[int, int] = (0, 1)  # which of how many twins
    news: bool = True  # weights that other processes have not

    @property
    def D(self) -> Discriminator:  # noqa: N802
        """Of the first teacher, the one that is asked for its taste."""
        return self.teachers[0].D

    def parts(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        found = {"G": self.G, "opt_G": self.opt_G}
        for teacher in self.teachers:
            found |= teacher.named({"D": teacher.D, "opt_D": teacher.opt})
        return found if self.G_ema is self.G else found | {"G_ema": self.G_ema}

    def changes(self) -> list[Tensor]:
        """All that a step changes, but for the average."""
        found: list[Tensor] = []
        for name, part in self.parts().items():
            if isinstance(part, torch.optim.Optimizer):
                found += [value for of in part.state.values() for value in of.values() if isinstance(value, Tensor)]
            elif name != "G_ema":
                found += part.state_dict().values()
        return found

    def exchanged(self) -> None:
        """Other processes, and what was recorded, know nothing of the weights that are here now."""
        self.news = True
        if self.recorder:
            self.recorder.forget()

    def share(self, team: Team) -> None:
        """From now on they learn by shards."""
        self.team = team
        for place in range(len(team.shards)):
            G, teachers = twin(self.G, place == 0), []
            for its in self.teachers:
                D = twin(its.D, place == 0)
                teachers.append(replace(its, D=D, opt=Descent(team, place, its.opt, D)))
            G_ema = G if self.G_ema is self.G else self.G_ema
            mine = Pupils(G, G_ema, Descent(team, place, self.opt_G, G), teachers, part=(place, len(team.shards)))
            self.twins.append(mine)

    def agree(self, step: int) -> None:
        """The twins, and the other processes, know what these have learned, who may come from a checkpoint."""
        if self.team and self.team.ranks and self.team.ranks.rank == 0:
            if self.news:
                content = io.BytesIO()
                torch.save({name: part.state_dict() for name, part in self.parts().items()}, content)
                self.team.ranks.tell({"do": "take"}, content.getvalue())
                self.news = False
            self.team.ranks.tell({"do": "learn", "step": step})
        if self.team and self.team.ranks:
            self.team.ranks.busy = True
        for one in self.twins:
            noted(self.G, one.G)
            for its, mine in zip(self.teachers, one.teachers, strict=True):
                noted(its.D, mine.D)

    def take(self, content: bytes) -> None:
        """What the first of several processes has."""
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        for name, part in self.parts().items():
            checkpoint.fill(part, state[name], f"{name} of the first process")
            if isinstance(part, torch.optim.Optimizer):
                part.param_groups[0]["lr"] = state[name]["param_groups"][0]["lr"]

    def pace(self, rate: float) -> None:
        """How fast G learns from now on."""
        for group in self.opt_G.param_groups:
            if group["lr"] != rate and self.recorder:
                self.recorder.forget()
            group["lr"] = rate

    def brake(self, times: int) -> None:
        """The teachers learn slower by as many rollbacks as there have been."""
        for teacher in self.teachers:
            for group in teacher.opt.param_groups:
                group["lr"] = teacher.rate / SLOWER**times


def pupils(recipe: Recipe, engine: Engine, ranks: Ranks | None = None) -> Pupils:
    seed_everything(recipe.seed, 0)
    G, D = networks(recipe)
    G, D = engine.place(G).train(), engine.place(D).train()
    G_ema = copy.deepcopy(G).requires_grad_(False) if recipe.ema else G
    first = Second(recipe.discriminator, recipe.loss, recipe.augment, recipe.d_adam)
    teachers = [teacher("", first, D, engine)]
    if recipe.second:
        D = discriminator(recipe, recipe.second.discriminator)
        teachers.append(teacher("second ", recipe.second, engine.place(D).train(), engine))
    a = recipe.g_adam
    who = Pupils(G, G_ema, engine.adam(G, a.lr, a.beta1, a.beta2), teachers)
    shards = recipe.engine.shards if isinstance(recipe.engine.shards, int) else 1
    if engine.device.type != "cpu":  # it works on all rows at once
        shards = ranks.size if ranks else 1
    if ranks or shards > 1:
        who.share(Team(shards, recipe.batch, ranks, engine.device))
    else:
        who.turn = Turn(engine.device)
        if engine.device.type == "cuda" and recipe.engine.graphs and recipe.engine.parts == 1:
            who.recorder = Recorder(who.changes)
    return who


def teacher(name: str, spec: Second, D: Discriminator, engine: Engine) -> Teacher:
    if looks_through(D):
        what = f"{name}discriminator '{spec.discriminator['name']}' looks through {USUAL}, the network that ranks runs"
        hint = "a run may not be ranked by what it learned from: 'frozen' looks through lite1"
        raise EshiError(f"the {what}", hint)
    opt = engine.adam(D, spec.adam.lr, spec.adam.beta1, spec.adam.beta2)
    loss, augment = LOSSES.build(spec.loss), AUGMENTATIONS.build(spec.augment)
    return Teacher(name, D, loss, augment, opt, spec.adam.lr, spec.weight)
