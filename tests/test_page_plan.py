"""What the page draws with: a plan that gives torch's pixels, and a kernel that is made of its source."""

import hashlib
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from eshi.artist import render
from eshi.ground.errors import EshiError
from eshi.ground.registry import GENERATORS
from eshi.networks.contracts import Generator
from eshi.networks.prior import PRIORS
from eshi.share.packed import packed
from eshi.share.page import BROWSER
from eshi.share.plan import compiled

KINDS = {
    "the paper's": ({}, 64),
    "enlarged first": ({"end": "resize"}, 64),
    "96 px, 5/3/1": ({"last": 3}, 96),
    "96 px, enlarged by 3": ({"last": 3, "end": "resize"}, 96),
    "residual, uniform": ({"stem": "residual", "prior": "uniform"}, 96),
    "linear, symmetric": ({"stem": "linear", "prior": "symmetric"}, 64),
    "oblong": ({"stem": "linear", "end": "resize"}, (48, 80)),
    "stem of 7": ({"stem": "residual"}, 56),
    "reminded": ({"remind": True}, 64),
    "reminded, enlarged": ({"remind": True, "end": "resize", "stem": "residual"}, (48, 32)),
}


def trained(G: Generator) -> Generator:
    """As if: averages, scales and shifts of every norm are other than 0 and 1, and what is drawn is not grey."""
    for norm in (m for m in G.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)):
        norm.momentum = None
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.3)
    with torch.no_grad():
        list(getattr(G, "layers", G).parameters())[-1].mul_(4)
        for reminder in getattr(G, "reminders", ()):
            for told in reminder.parameters():
                told.add_(0.3 * torch.randn_like(told))
        G.train()(torch.randn(32, G.latent))
    return G.eval().requires_grad_(False)


def built(kind: str, width: int = 6, latent: int = 11) -> Generator:
    options, size = KINDS[kind]
    torch.manual_seed(3)
    return trained(
        GENERATORS.build({"name": "dcgan", "width": width, "latent": latent, "init": "default"} | options, size=size)
    )


def levels(G: Generator, drawn: np.ndarray, z: Tensor) -> np.ndarray:
    found: np.ndarray = np.abs(render(G, z).astype(int) - drawn)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_plan_draws_what_torch_draws(kind: str) -> None:
    G = built(kind)
    z = G.draw(100, 5)
    plan = compiled(G, G.latent, G.size)
    assert render(G, z).std() > 20
    assert levels(G, plan.draw(z.numpy()), z).max() <= 1  # both round down
    _, _, fine = packed(plan, 16)
    assert levels(G, fine.draw(z.numpy()), z).max() <= 2
    _, _, coarse = packed(plan, 8)
    assert levels(G, coarse.draw(z.numpy()), z).mean() <= 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_for_a_layer_and_nothing_more(kind: str) -> None:
    """Norms, activations and enlarging cost no step of their own."""
    G = built(kind)
    layers = [m for m in G.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    assert len(compiled(G, G.latent, G.size).steps) == len(layers)


class Layers(nn.Module):
    latent, prior = 5, PRIORS["normal"]

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 64), nn.Unflatten(1, (4, 4, 4)), nn.ReLU(), *layers)
        _, _, height, width = self.layers(torch.zeros(1, 5)).shape
        self.size = width, height

    def draw(self, count: int, seed: int | None = None) -> Tensor:
        return self.prior.draw(count, self.latent, seed)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.layers(z)
        return out


ODD: dict[str, list[nn.Module]] = {
    "4 to 13 px": [nn.ConvTranspose2d(4, 6, 3, 2, 1), nn.ReLU(), nn.ConvTranspose2d(6, 3, 3, 2, 1)],
    "4 to 18 px": [nn.ConvTranspose2d(4, 6, 3, 2, 0), nn.LeakyReLU(0.1), nn.ConvTranspose2d(6, 3, 5, 2, 2, 1)],
    "no stride": [nn.ConvTranspose2d(4, 6, 4, 1, 0), nn.ReLU(), nn.Conv2d(6, 3, 3), nn.ConvTranspose2d(3, 3, 4, 2, 1)],
    "down again": [nn.ConvTranspose2d(4, 6, 6, 4, 1), nn.ReLU(), nn.Conv2d(6, 3, 4, 2, 1)],
    "gaps": [nn.ConvTranspose2d(4, 6, 2, 3), nn.ReLU(), nn.Conv2d(6, 3, 3, padding=1)],
    "enlarged, no border": [nn.Upsample(scale_factor=3), nn.Conv2d(4, 3, 3)],
    "enlarged, and down": [nn.Upsample(scale_factor=4), nn.Conv2d(4, 3, 4, 2, 1)],
    "oblong kernels": [nn.ConvTranspose2d(4, 6, (3, 5), (3, 2), (0, 1)), nn.ReLU(), nn.Conv2d(6, 3, (1, 3))],
}


def odd(name: str) -> Generator:
    torch.manual_seed(6)
    for layer in ODD[name]:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    G: Generator = trained(Layers(*ODD[name]))  # type: ignore[arg-type]
    return G


@pytest.mark.parametrize("name", ODD)
def test_layers_of_any_size_are_drawn(name: str) -> None:
    G, z = odd(name), torch.randn(20, 5)
    assert render(G, z).std() > 10
    plan = compiled(G, 5, G.size)
    assert levels(G, plan.draw(z.numpy()), z).max() <= 1
    layers = sum(isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) for m in G.modules())
    assert len(plan.steps) == layers + (name == "enlarged, and down")


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_every_generator_of_the_house_has_a_plan(name: str) -> None:
    torch.manual_seed(4)
    G = trained(GENERATORS.build({"name": name, "latent": 12, "width": 4}, size=32))
    z = G.draw(8, 1)
    assert levels(G, compiled(G, 12, (32, 32)).draw(z.numpy()), z).max() <= 1


class Odd(nn.Module):
    """Norm behind the activation, a leaky one, a sum of two branches, nothing to end with."""

    latent, size, prior = 5, (16, 16), PRIORS["normal"]

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Linear(5, 4 * 16), nn.Unflatten(1, (4, 4, 4)), nn.LeakyReLU(0.3), nn.BatchNorm2d(4)
        )
        self.side = nn.Conv2d(4, 4, 5, padding=2)
        self.norm = nn.BatchNorm2d(4)
        self.up = nn.Upsample(scale_factor=2)
        self.bare = nn.ConvTranspose2d(4, 3, 1, 2, output_padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z.view(z.size(0), -1))
        x = torch.relu(self.side(x) + x)
        same = x.view(x.size(0), 4, 4, 4)  # another name for it
        x = self.norm(self.side(same) + x) + torch.relu(same) + nn.functional.leaky_relu(self.side(x), 0.2)
        return self.bare(self.up(x))


def test_layers_in_another_order_are_drawn_just_so() -> None:
    torch.manual_seed(2)
    G: Generator = trained(Odd())  # type: ignore[arg-type]
    z = torch.randn(20, 5)
    assert render(G, z).std() > 10
    assert levels(G, compiled(G, 5, (16, 16)).draw(z.numpy()), z).max() <= 1


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (nn.Upsample(scale_factor=2, mode="bilinear"), "bilinear"),
        (nn.GroupNorm(1, 3), "GroupNorm"),
        (nn.Conv2d(3, 3, 3, 1, 1, dilation=1, groups=3), "groups"),
        (nn.ConvTranspose2d(3, 3, 4, 2, 1, dilation=2), "dilation"),
    ],
)
def test_a_layer_that_the_page_cannot_draw_is_named(layer: nn.Module, said: str) -> None:
    G = nn.Sequential(nn.Linear(4, 3 * 64), nn.Unflatten(1, (3, 8, 8)), layer, nn.Tanh())
    side = G(torch.zeros(1, 4)).shape[-1]
    with pytest.raises(EshiError, match=said) as raised:
        compiled(G, 4, (side, side))
    assert "batch norm" in raised.value.hint


def test_rounding_is_as_fine_as_its_bits() -> None:
    G = built("the paper's")
    plan = compiled(G, G.latent, G.size)
    for bits in (16, 8):
        _, _, rounded = packed(plan, bits)
        for before, after in zip(plan.steps, rounded.steps, strict=True):
            largest = np.max([np.abs(m).max(0) for m in before.matrices()], axis=0)
            for one, other in zip(before.matrices(), after.matrices(), strict=True):
                assert (np.abs(one - other) <= largest / 2**bits * 1.1 + 1e-9).all()


def test_what_the_browser_is_told_adds_up() -> None:
    import gzip

    told, file, _ = packed(compiled(built("residual, uniform"), 11, (96, 96)), 16)
    assert len(gzip.decompress(file)) == 4 * told["floats"] + 2 * told["weights"]
    blocks = sum(
        -(-step["outputs"] // 8) * 8 * len(taps) * step["inputs"]
        for step in told["steps"]
        for _, _, taps in step["phases"]
    )
    assert told["weights"] == blocks
    for step in told["steps"]:
        assert math.prod(step["stride"]) == len(step["phases"])
        assert sum(height * width for _, (height, width), _ in step["phases"]) == math.prod(step["size"])


def test_the_kernel_is_made_of_its_source() -> None:
    """tools/page/kernel.py marks it with the hash of the text."""
    code = (BROWSER / "kernel.wasm").read_bytes()
    assert code[:8] == b"\0asm\1\0\0\0"
    assert code.endswith(b"source" + hashlib.sha256((BROWSER / "kernel.wat").read_bytes()).digest())
