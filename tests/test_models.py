"""Shapes, sizes, parameter counts and priors of every architecture."""

import pytest
import torch
from torch import nn

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.networks.build import networks
from eshi.networks.dcgan import Discriminator, Generator, ladder


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("size", [32, 48, 64, 96, 128, 192, 256, (64, 96), (128, 64)])
def test_every_size_and_back(size) -> None:
    G, D = Generator(size, latent=8, width=4), Discriminator(size, width=4)
    width, height = size if isinstance(size, tuple) else (size, size)
    images = G(G.draw(2))
    assert images.shape == (2, 3, height, width)
    assert images.abs().max() <= 1
    assert D(images).shape == (2,)


@pytest.mark.parametrize("size", [48, 96, 192])
def test_threefold_last_step(size: int) -> None:
    images = Generator(size, width=4, last=3)(torch.randn(2, 100))
    assert images.shape == (2, 3, size, size)
    assert Discriminator(size, width=4, first=3)(images).shape == (2,)


@pytest.mark.parametrize("size", [50, 100, 65, (64, 128 + 2)])
def test_an_unreachable_size_shows_the_arithmetic(size) -> None:
    with pytest.raises(EshiError, match=r"cannot be reached.*(= \(W - 1\) x 2|is no stem)"):
        Generator(size)


def test_the_sizes_that_an_unreachable_size_suggests_can_be_reached() -> None:
    with pytest.raises(EshiError) as raised:
        Generator(100)
    for near in raised.value.hint.split(":")[1].split(","):
        assert ladder((int(near), int(near)), 2)[-1] == (int(near), int(near))


def test_a_size_that_wants_the_other_last_step_says_so() -> None:
    with pytest.raises(EshiError) as raised:
        Generator(64, last=3)
    assert "generator.last=2" in raised.value.hint


# Written out from the write-ups' own layer lists; batch norm has two numbers a channel.
def test_parameter_counts_of_a() -> None:
    G = 100 * 512 * 16 + 2 * 512 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (256 + 128 + 64)
    D = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 2 * (128 + 256 + 512)
    found = networks(recipe.load("dcgan-64"))
    assert [count(n) for n in found] == [G, D] == [3_576_704, 2_765_568]


@pytest.mark.parametrize("name", ["dcgan-96-small", "dcgan-96"])
def test_parameter_counts_of_b_and_c(name: str) -> None:
    G = 100 * 512 * 16 + 2 * 512 + 16 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (256 + 128 + 64) + 25 * 64 * 3
    D = 25 * 3 * 64 + 16 * (64 * 128 + 128 * 256 + 256 * 512 + 512) + 2 * (128 + 256 + 512)
    assert [count(n) for n in networks(recipe.load(name))] == [G, D]


def test_parameter_counts_of_d() -> None:
    stem = 100 * 16384 + 2 * 16384
    G = stem + 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3) + 2 * (512 + 256 + 128)
    D = 16 * (3 * 128 + 128 * 256 + 256 * 512 + 512 * 1024 + 1024) + 2 * (256 + 512 + 1024)
    assert [count(n) for n in networks(recipe.load("dcgan-paper"))] == [G, D]
    pooled = networks(recipe.load("dcgan-paper", ["discriminator.head=pool"]))[1]
    assert count(pooled) == D - 16 * 1024 + 1024 + 1


def test_parameter_counts_of_e() -> None:
    stem = 73 * 512 * 36 + 2 * (9 * 512 * 512 + 2 * 512)
    G = stem + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 3) + 2 * (256 + 128 + 64)
    D = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 2 * (128 + 256 + 512) + 2 * (512 * 36 + 1)
    G_found, D_found = networks(recipe.load("residual-96"))
    assert [count(G_found), count(D_found)] == [G, D]
    assert {m.momentum for n in (G_found, D_found) for m in n.modules() if isinstance(m, nn.BatchNorm2d)} == {0.5}
    assert {m.p for m in D_found.modules() if isinstance(m, nn.Dropout)} == {0.4}


@pytest.mark.parametrize("head", ["conv", "pool", "softmax"])
def test_nothing_normalises_what_d_says_first_or_last(head) -> None:
    D = Discriminator(64, width=4, head=head)
    kinds = [type(m) for m in D.features]
    assert kinds[:2] == [nn.Conv2d, nn.LeakyReLU]
    assert not any(isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d | nn.GroupNorm) for m in D.head.modules())
    with pytest.raises(EshiError, match="takes no"):
        DISCRIMINATORS.check({"name": "dcgan", "output_norm": "batch"}, size=(64, 64))


def test_normal_init_is_the_papers() -> None:
    torch.manual_seed(0)
    weights = Generator(64).layers[1].weight
    assert abs(weights.std() - 0.02) < 0.0005
    assert abs(weights.mean()) < 0.0005


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_a_drawing_has_a_number(name: str, prior: str) -> None:
    G = GENERATORS[name](32, prior=prior)
    many = G.draw(500, seed=7)
    torch.testing.assert_close(G.draw(1, seed=9)[0], many[2], rtol=0, atol=0)
    if prior == "uniform":
        assert 0 <= many.min() < 0.01 < 0.99 < many.max() <= 1
    else:
        assert abs(many.std() - 1) < 0.02
