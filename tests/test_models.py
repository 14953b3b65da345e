"""Shapes, sizes, parameter counts and priors of every architecture."""

import typing

import pytest
import torch
from torch import nn

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.networks import contracts
from eshi.networks.build import networks
from eshi.networks.dcgan import Discriminator, Even, Generator, differences, ladder
from eshi.networks.engine import borrowed_randomness, choose, one_thread
from eshi.networks.prior import PRIORS, Name, arc, line


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


def test_drawings_all_alike_betray_themselves_and_one_alone_is_judged_by_what_it_shows() -> None:
    maps = torch.randn(8, 5, 3, 3)
    told = differences(maps)
    by_hand = [maps[i::2].std(dim=0, correction=0).mean() for i in (0, 1)]
    torch.testing.assert_close(told[:, 0, 0, 0], torch.stack(by_hand).repeat(4))
    assert differences(maps[:1].expand(8, -1, -1, -1)).max() < 1e-3
    D, images = Discriminator(32, width=4, norm="none", init="default", compare=True), torch.randn(8, 3, 32, 32)
    assert not torch.allclose(D(images)[:1], D(images[:4])[:1])
    D.eval()
    torch.testing.assert_close(D(images)[:1], D(images[:1]))


@pytest.mark.parametrize("size", [48, 96, 192])
def test_threefold_last_step(size: int) -> None:
    images = Generator(size, width=4, last=3)(torch.randn(2, 100))
    assert images.shape == (2, 3, size, size)
    assert Discriminator(size, width=4, first=3)(images).shape == (2,)


@pytest.mark.parametrize(("size", "last"), [(64, 2), (96, 3), ((32, 48), 2)])
def test_a_picture_enlarged_at_its_end_is_learned_as_it_is_drawn(size, last) -> None:
    """While it learns, its last filter meets small maps; weights and gradients are those of the layers."""
    torch.manual_seed(0)
    G = Generator(size, latent=4, width=4, last=last, end="resize", init="default").train()
    for norm in (m for m in G.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = 0.0
    z, weight = G.draw(3, 0), G.layers[-2].weight
    found = []
    for drawn in (G(z), G.layers(z)):
        found.append((drawn, *torch.autograd.grad(drawn.sin().sum(), [weight, G.layers[0][1].weight])))
    for fast, plain in zip(*found, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4)


def test_a_reminder_adds_to_each_map_what_the_latent_says() -> None:
    torch.manual_seed(0)
    G, plain = (Generator(16, latent=4, width=4, remind=remind).eval() for remind in (True, False))
    plain.load_state_dict({name: its for name, its in G.state_dict().items() if not name.startswith("reminders")})
    z, ((layer, _),) = G.draw(3, 0), G.reminders
    nn.init.zeros_(layer.weight)
    assert torch.equal(G(z), plain(z))  # who says 0 says nothing
    nn.init.normal_(layer.weight)
    maps = G.layers[:3](z) + (z @ layer.weight.T)[:, :, None, None]
    torch.testing.assert_close(G(z), G.layers[3:](maps))


def lattices(G: Generator) -> list[float]:
    """How far each enlarging layer's maps are from even ones, inside, where what it enlarges is even."""
    found = []
    for layer in G.layers:
        if isinstance(layer, nn.ConvTranspose2d):
            inside = layer(torch.randn(1, layer.in_channels, 1, 1).expand(-1, -1, 6, 6))[:, :, 2:-2, 2:-2]
            found.append(float((inside.std((2, 3)) / inside.abs().mean()).max()))
    return found


@torch.no_grad()
def test_an_even_layer_lays_no_lattice_whatever_it_learns() -> None:
    G = Generator(32, latent=4, width=4, end="resize", even=True)
    opt = choose("cpu", "fp32").adam(G, 0.1, 0.0, 0.99)
    assert len(lattices(G)) == 2
    assert max(lattices(G)) < 1e-4
    before = {name: weight.clone() for name, weight in G.state_dict().items()}
    for weight in G.parameters():
        weight.grad = torch.randn_like(weight)
    opt.step()
    assert max(lattices(G)) < 1e-4
    assert all(not torch.equal(weight, before[name]) for name, weight in G.named_parameters())
    assert min(lattices(Generator(32, latent=4, width=4, end="resize"))) > 0.1  # chance alone lays one


@torch.no_grad()
def test_an_even_weight_is_the_nearest_there_is() -> None:
    weight = Even(torch.randn(3, 2, 4, 4))
    given = weight.clone()
    weight.keep()
    once = weight.clone()
    taken, kept = given - once, torch.randn(3, 2, 4, 4)
    Even.keep(kept)
    assert taken.norm() > 1
    assert float((taken * kept).sum()) == pytest.approx(0, abs=1e-4)  # at right angles to all that is even
    weight.keep()
    torch.testing.assert_close(weight.data, once)


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


def test_every_network_keeps_its_contract() -> None:
    for name in GENERATORS:
        G = GENERATORS[name](32)
        assert isinstance(G, contracts.Generator)
        assert isinstance(G.prior, contracts.Prior)
    for name in DISCRIMINATORS:
        D = DISCRIMINATORS[name](32)
        assert isinstance(D, contracts.Discriminator)
        logits = D.eval()(torch.zeros(5, 3, 32, 32))
        assert len(logits) == 5
        assert logits.ndim in (1, 2)
    assert not isinstance(nn.Linear(3, 4), contracts.Generator | contracts.Discriminator)


@pytest.fixture(params=sorted(PRIORS))
def prior(request: pytest.FixtureRequest) -> contracts.Prior:
    return PRIORS[request.param]


def test_a_recipe_may_name_every_prior() -> None:
    assert set(typing.get_args(Name)) == set(PRIORS) == {str(prior) for prior in PRIORS.values()}


def test_a_prior_is_what_it_says_it_is(prior: contracts.Prior) -> None:
    z = prior.draw(4000, 16, 0)
    assert abs(float(z.mean()) - prior.mean) < 0.01
    assert abs(float(z.std()) - prior.deviation) < 0.01
    low, high = prior.ends
    assert 0.98 < float(((z >= low) & (z <= high)).float().mean()) <= 1


def test_what_a_prior_draws_is_possible_and_likely(prior: contracts.Prior) -> None:
    z = prior.draw(500, 16, 0)
    assert torch.equal(prior.possible(z), z)
    torch.testing.assert_close(prior.likely(z), z)
    far = prior.likely(z + 1000)
    torch.testing.assert_close(prior.likely(far), far)  # and what is far away comes back
    assert float(far.norm(dim=1).max()) < 16
    assert float(prior.unlikely(z).mean()) < 0.2


def test_numbers_without_bounds_become_latents(prior: contracts.Prior) -> None:
    z = prior.draw(50, 16, 0)
    torch.testing.assert_close(prior.latent(prior.free(z)), z, rtol=0, atol=2e-3)
    wild = prior.latent(torch.linspace(-30, 30, 16)[None])
    assert torch.equal(prior.possible(wild), wild)


def test_a_walk_leads_from_one_to_the_other_and_stays_possible(prior: contracts.Prior) -> None:
    here, there = prior.draw(2, 16, 0).split(1)
    way = prior.between(here.repeat(11, 1), there.repeat(11, 1), torch.linspace(0, 1, 11)[:, None])
    torch.testing.assert_close(way[[0, -1]], torch.cat([here, there]))
    assert torch.equal(prior.possible(way), way)


def test_an_arc_keeps_the_length_and_a_line_is_straight() -> None:
    here, there = PRIORS["normal"].draw(2, 16, 0).split(1)
    here, there = here / here.norm(), there / there.norm()
    share = torch.tensor([[0.3]])
    assert float(arc(here, there, share).norm()) == pytest.approx(1)
    torch.testing.assert_close(line(here, there, share), 0.7 * here + 0.3 * there)
    assert torch.isfinite(arc(here, -here, share)).all()  # which span no circle


def test_adam_is_torchs_own_to_the_bit() -> None:
    images, steps = torch.randn(8, 3, 16, 16), []
    for mine in (True, False):
        torch.manual_seed(0)
        D = Discriminator(16, width=4)
        rates = (0.01, 0.5, 0.999)
        one = (
            choose("cpu", "fp32").adam(D, *rates)
            if mine
            else torch.optim.Adam(D.parameters(), 0.01, (0.5, 0.999), fused=True)
        )
        for _ in range(3):
            one.zero_grad()
            D(images).square().mean().backward()
            one.step()
        state = one.state_dict()
        one.load_state_dict(state)
        steps.append(([p.detach() for p in D.parameters()], [s["exp_avg_sq"] for s in state["state"].values()]))
        assert torch.is_grad_enabled()
    for ours, its in zip(*steps, strict=True):
        assert ours
        assert all(torch.equal(a, b) for a, b in zip(ours, its, strict=True))


def test_borrowed_randomness_is_given_back() -> None:
    before = torch.get_rng_state()
    with borrowed_randomness(7):
        drawn = torch.randn(3)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError), borrowed_randomness(7):
        1 / int(torch.equal(torch.randn(3), drawn) - 1)  # the same numbers again, whatever happens then
    assert torch.equal(torch.get_rng_state(), before)


def test_one_thread_is_one_thread() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_none_is_suggested() -> None:
    with pytest.raises(EshiError, match="no device called 'gpu'") as raised:
        choose("gpu")
    assert "cpu" in raised.value.hint


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
