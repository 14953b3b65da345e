"""The two networks of a run and what teaches them."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from eshi.ground.registry import AUGMENTATIONS, LOSSES
from eshi.networks.build import networks
from eshi.networks.engine import Engine, seed_everything
from eshi.recipe import Recipe
from eshi.run.checkpoint import SLOWER


@dataclass
class Pupils:
    """The two networks, what draws (the average of G, or G itself), and what teaches them."""

    G: Any  # a network with draw(count, seed)
    D: nn.Module
    G_ema: Any
    opt_G: torch.optim.Optimizer
    opt_D: torch.optim.Optimizer
    loss: Any
    augment: Any
    rate_D: float  # as the recipe has it

    def parts(self) -> dict[str, Any]:
        found = {"G": self.G, "D": self.D, "opt_G": self.opt_G, "opt_D": self.opt_D}
        return found if self.G_ema is self.G else found | {"G_ema": self.G_ema}

    def brake(self, times: int) -> None:
        """D learns slower by as many rollbacks as there have been."""
        for group in self.opt_D.param_groups:
            group["lr"] = self.rate_D / SLOWER**times


def pupils(recipe: Recipe, engine: Engine) -> Pupils:
    seed_everything(recipe.seed, 0)
    G, D = (engine.place(network).train() for network in networks(recipe))
    G_ema = copy.deepcopy(G).requires_grad_(False) if recipe.ema else G
    opt_G, opt_D = (engine.adam(n, a.lr, a.beta1, a.beta2) for n, a in ((G, recipe.g_adam), (D, recipe.d_adam)))
    loss, augment = LOSSES.build(recipe.loss), AUGMENTATIONS.build(recipe.augment)
    return Pupils(G, D, G_ema, opt_G, opt_D, loss, augment, recipe.d_adam.lr)
