"""The losses against their closed forms, and what holds for each of them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eshi.ground.registry import LOSSES
from eshi.networks.dcgan import Discriminator
from eshi.training.losses import BCE, total

real, fake = torch.linspace(-2, 2, 8)[:, None, None, None], torch.linspace(-3, 1, 8)[:, None, None, None]


def identity(images: torch.Tensor) -> torch.Tensor:
    return images.flatten()


def test_bce_is_sigmoid_then_binary_cross_entropy() -> None:
    terms = BCE().d(identity, real, fake)
    ones, zeros = torch.ones(8), torch.zeros(8)
    wanted = F.binary_cross_entropy(real.flatten().sigmoid(), ones) + F.binary_cross_entropy(
        fake.flatten().sigmoid(), zeros
    )
    torch.testing.assert_close(terms["real"] + terms["fake"], wanted)
    torch.testing.assert_close(
        BCE().g(identity, real, fake)["g"], F.binary_cross_entropy(fake.flatten().sigmoid(), ones)
    )


def test_non_saturating_g_has_its_largest_gradient_where_d_is_surest() -> None:
    logits = torch.tensor([-9.0, 0.0, 9.0], requires_grad=True)
    BCE().g(lambda x: x, logits, logits)["g"].backward()
    assert logits.grad is not None
    assert torch.all(logits.grad.abs()[:-1] > logits.grad.abs()[1:])


def test_hinge_and_least_squares_are_zero_where_d_is_right() -> None:
    sure = torch.ones(4, 1, 1, 1)
    hinge, squares = LOSSES["hinge"](), LOSSES["least-squares"]()
    assert sum(v for k, v in hinge.d(identity, 2 * sure, -2 * sure).items() if k in ("real", "fake")) == 0
    assert sum(v for k, v in squares.d(identity, sure, 0 * sure).items() if k in ("real", "fake")) == 0
    assert squares.g(identity, sure, sure)["g"] == 0


def test_gradient_penalty_of_a_linear_critic_is_exact() -> None:
    slope = torch.full((12,), 3.0)  # |grad| = 3 sqrt(12) everywhere
    x = torch.randn(5, 3, 2, 2)
    terms = LOSSES["wgan-gp"](penalty=10.0).d(lambda images: images.flatten(1) @ slope, x, x + 1)
    torch.testing.assert_close(terms["gp"], torch.tensor(10 * (3 * 12**0.5 - 1) ** 2))


def test_r1_of_a_linear_critic_is_half_its_squared_slope() -> None:
    terms = BCE(r1=2.0).d(lambda images: images.flatten(1) @ torch.full((12,), 3.0), *torch.randn(2, 16, 3, 2, 2))
    torch.testing.assert_close(terms["r1"], torch.tensor(2.0 / 2 * 9 * 12))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_reach_the_right_network(name: str) -> None:
    loss, D = LOSSES[name](), nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    pictures, drawing = torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2, requires_grad=True)
    total(loss.d(D, pictures, drawing.detach())).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in list(D.parameters())[:1])
    D.requires_grad_(False)
    total(loss.g(D, pictures, drawing)).backward()
    assert drawing.grad is not None
    assert drawing.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_only_watched_is_not_minimised(name: str) -> None:
    D = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    terms = LOSSES[name]().d(D, torch.randn(4, 3, 2, 2), torch.randn(4, 3, 2, 2))
    torch.testing.assert_close(total(terms), sum(terms[k] for k in terms if not k.startswith("D(")))
    assert 0 <= terms["D(real)"] <= 1


def test_softmax_head_is_two_class_cross_entropy() -> None:
    torch.manual_seed(0)
    D = Discriminator(32, width=8, head="softmax", norm="none").double()
    images = torch.randn(6, 3, 32, 32, dtype=torch.float64)
    both = D.head(D.features(images))  # (6, 2)
    wanted = F.cross_entropy(both, torch.ones(6, dtype=torch.long))
    ours = F.softplus(-(both[:, 1] - both[:, 0])).mean()
    torch.testing.assert_close(ours, wanted)
    weights = list(D.parameters())
    mine, theirs = torch.autograd.grad(ours, weights, retain_graph=True), torch.autograd.grad(wanted, weights)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(D(images), (both[:, 1] - both[:, 0]).float())
