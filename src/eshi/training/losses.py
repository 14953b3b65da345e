"""What D and G minimise: named scalar terms. A detached term is only watched, not minimised; none calls backward.

`D` sees real and fake in separate calls: batch-norm statistics depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from eshi.ground.registry import LOSSES
from eshi.ground.schema import Weight
from eshi.networks.shard import rand

Network = Callable[[Tensor], Tensor]
Terms = dict[str, Tensor]


def total(terms: Terms) -> Tensor:
    return torch.stack([term for term in terms.values() if term.requires_grad]).sum()


def seen(on_real: Tensor, on_fake: Tensor) -> Terms:
    """D's mean belief that real and fake are real, comparable across losses."""
    return {"D(real)": on_real.detach().sigmoid().mean(), "D(fake)": on_fake.detach().sigmoid().mean()}


def r1(D: Network, real: Tensor, weight: float, share: int = 8) -> Terms:
    """Mescheder et al. 2018, equation 9: weight/2 x E|grad D(real)|^2, estimated on an eighth of the batch.

    The lazy R1 of StyleGAN2 spares work by skipping steps; this spares as much and costs the same at every step.
    """
    if not weight:
        return {}
    some = real[: max(1, len(real) // share)].detach().requires_grad_()
    (gradient,) = torch.autograd.grad(D(some).sum(), some, create_graph=True)
    return {"r1": weight / 2 * gradient.float().square().sum(dim=(1, 2, 3)).mean()}


@LOSSES.register("bce")
@dataclass
class BCE:
    """Goodfellow et al. 2014 with the non-saturating G: maximise log D(G(z)), not minimise log(1 - D(G(z)))."""

    r1: Weight = 0.0

    def d(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        on_real, on_fake = D(real), D(fake)
        terms = {"real": softplus(-on_real).mean(), "fake": softplus(on_fake).mean()}
        return terms | r1(D, real, self.r1) | seen(on_real, on_fake)

    def g(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        return {"g": softplus(-D(fake)).mean()}


@LOSSES.register("hinge")
@dataclass
class Hinge:
    """Lim and Ye 2017 (arXiv:1705.02894)."""

    r1: Weight = 0.0

    def d(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        on_real, on_fake = D(real), D(fake)
        terms = {"real": (1 - on_real).relu().mean(), "fake": (1 + on_fake).relu().mean()}
        return terms | r1(D, real, self.r1) | seen(on_real, on_fake)

    def g(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        return {"g": -D(fake).mean()}


@LOSSES.register("least-squares")
@dataclass
class LeastSquares:
    """Mao et al. 2017 (arXiv:1611.04076) with targets 1, 0 and 1."""

    r1: Weight = 0.0

    def d(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        on_real, on_fake = D(real), D(fake)
        terms = {"real": (on_real - 1).square().mean() / 2, "fake": on_fake.square().mean() / 2}
        return terms | r1(D, real, self.r1) | seen(on_real, on_fake)

    def g(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        return {"g": (D(fake) - 1).square().mean() / 2}


@LOSSES.register("wgan-gp")
@dataclass
class WGANGP:
    """Gulrajani et al. 2017 (arXiv:1704.00028). Its penalty is per image: D wants `norm: layer` or `none`."""

    penalty: Weight = 10.0

    def d(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        on_real, on_fake = D(real), D(fake)
        share = rand(len(real), 1, 1, 1, device=real.device)
        between = torch.lerp(fake.detach().float(), real.float(), share).requires_grad_()
        (gradient,) = torch.autograd.grad(D(between).sum(), between, create_graph=True)
        distance = gradient.float().flatten(1).norm(dim=1) - 1
        terms = {"real": -on_real.mean(), "fake": on_fake.mean(), "gp": self.penalty * distance.square().mean()}
        return terms | seen(on_real, on_fake)

    def g(self, D: Network, real: Tensor, fake: Tensor) -> Terms:
        return {"g": -D(fake).mean()}
