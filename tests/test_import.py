"""Checkpoints of other programs: told by names and shapes, drawn as they drew, refused where they do not fit."""

import itertools
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hostile import refused
from torch import nn

import eshi
from eshi.artist import Artist
from eshi.networks.prior import PRIORS


def shown(network: nn.Module, z: torch.Tensor) -> nn.Module:
    """Trained enough for its norms to remember something."""
    with torch.no_grad():
        for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)):
            norm.momentum = None
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
        network.train()(z)
    return network.eval()


def block(
    ins: int, outs: int, up: bool, *form: int, bias: bool = False, act: nn.Module | None = None
) -> list[nn.Module]:
    kind = nn.ConvTranspose2d if up else nn.Conv2d
    return [kind(ins, outs, *form, bias=bias), nn.BatchNorm2d(outs), act or (nn.ReLU() if up else nn.LeakyReLU(0.2))]


class Main(nn.Module):
    """As the well-known example has it: everything in `main`."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.main = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.main(x)


def example(latent: int = 12, width: int = 4, depth: int = 4, last: tuple[int, ...] = (4, 2, 1)) -> tuple[Main, Main]:
    maps = [width * 2**i for i in reversed(range(depth))]
    up = [layer for a, b in itertools.pairwise(maps) for layer in block(a, b, True, 4, 2, 1)]
    G = Main(*block(latent, maps[0], True, 4, 1, 0), *up, nn.ConvTranspose2d(width, 3, *last, bias=False), nn.Tanh())
    down = [layer for b, a in itertools.pairwise(maps[::-1]) for layer in block(b, a, False, 4, 2, 1)]
    first = [nn.Conv2d(3, width, *last, bias=False), nn.LeakyReLU(0.2)]
    return G, Main(*first, *down, nn.Conv2d(maps[0], 1, 4, 1, 0, bias=False), nn.Sigmoid())


def linear() -> nn.Module:
    """Write-up D's stem."""
    stem = [nn.Linear(12, 16 * 16, bias=False), nn.BatchNorm1d(16 * 16), nn.ReLU(), nn.Unflatten(1, (16, 4, 4))]
    body = [*block(16, 8, True, 4, 2, 1), *block(8, 4, True, 4, 2, 1)]
    return Main(nn.Flatten(), *stem, *body, nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.Tanh())


def odd() -> nn.Module:
    """As no family of eshi's: a biased layer, one that keeps the size, leaky rectifiers, one behind no stem."""
    stem = [nn.ConvTranspose2d(12, 16, 4, 1, 0, bias=False), nn.BatchNorm2d(16)]
    leaky = nn.LeakyReLU(0.2)
    body = [
        *block(16, 8, False, 3, 1, 1),
        *block(8, 4, True, 4, 2, 1, act=leaky),
        *block(4, 4, True, 4, 2, 1, act=leaky),
    ]
    return Main(*stem, *body, nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Tanh())


LAYOUTS: dict[str, tuple[Callable[[], nn.Module], dict]] = {
    "example, 32 px": (lambda: example(depth=3)[0], {"name": "dcgan", "width": 4, "latent": 12, "stem": "conv"}),
    "example, 64 px, wide": (lambda: example(width=8)[0], {"name": "dcgan", "width": 8}),
    "example, 128 px": (lambda: example(width=2, depth=5)[0], {"name": "chain"}),
    "B and C, 96 px": (lambda: example(last=(5, 3, 1))[0], {"name": "dcgan", "last": 3}),
    "D's linear stem": (linear, {"name": "dcgan", "stem": "linear"}),
    "odd": (odd, {"name": "chain"}),
}
WRAPPED: dict[str, Callable[[dict], object]] = {
    "plain": lambda state: state,
    "nested": lambda state: {"epoch": 3, "netG_state_dict": state, "losses": [1.0]},
    "module": lambda state: {f"module.{key}": value for key, value in state.items()},
    "deep": lambda state: {"models": {"g": {"weights": {f"generator.{k}": v for k, v in state.items()}}}},
    "half": lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()},
}


@pytest.mark.parametrize("prior", ["normal", "uniform", "symmetric"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_generator_from_elsewhere_draws_what_it_drew(layout: str, prior: str, tmp_path: Path) -> None:
    """Into a run, out as each file that can hold it, and in again: the same faces, and the same prior told."""
    make, part = LAYOUTS[layout]
    torch.manual_seed(3)
    G = shown(make(), PRIORS[prior].draw(256, 12, 1000)[:, :, None, None])
    torch.save(G.state_dict(), tmp_path / "netG.pth")
    found = eshi.import_(tmp_path / "netG.pth", out=tmp_path / "run")
    assert found.draws
    assert "remember" not in found.parts[0]
    who = Artist.load(found.run)
    assert who.recipe.generator.items() >= part.items()
    assert who.recipe.generator["prior"] == prior
    z = who.G.draw(4, 0)
    with torch.no_grad():
        drawn = G(z[:, :, None, None])
    torch.testing.assert_close(who.G(z), drawn, rtol=0, atol=1e-5)
    for to, suffix in (("safetensors", ".safetensors"), ("onnx", ".onnx")):
        file = eshi.export(found.run, to=to, out=tmp_path / f"face{suffix}").out
        back = Artist.load(eshi.import_(file, out=tmp_path / to).run)
        torch.testing.assert_close(back.G(z), drawn, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("old", [False, True])
def test_however_it_is_wrapped(wrapped: str, old: bool, tmp_path: Path) -> None:
    G = shown(example(depth=3)[0], torch.randn(64, 12, 1, 1))
    content = WRAPPED[wrapped](G.state_dict())
    torch.save(content, tmp_path / "x.pth.tar", _use_new_zipfile_serialization=not old)
    who = Artist.load(eshi.import_(tmp_path / "x.pth.tar", out=tmp_path / "run").run)
    z = who.G.draw(4, 0)
    with torch.no_grad():
        torch.testing.assert_close(who.G(z), G(z[:, :, None, None]), rtol=0, atol=0.05 if wrapped == "half" else 1e-5)


def test_both_networks_of_one_file_come_and_go_on(faces: Path, tmp_path: Path) -> None:
    G, D = example(depth=3)
    G, D = shown(G, torch.randn(64, 12, 1, 1)), shown(D, torch.randn(8, 3, 32, 32))
    keys = {f"netG.{k}": v for k, v in G.state_dict().items()} | {f"netD.{k}": v for k, v in D.state_dict().items()}
    torch.save(keys, tmp_path / "both.pt")
    run = eshi.import_(tmp_path / "both.pt", out=tmp_path / "run").run
    who = Artist.load(run)
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(who.critic(images).sigmoid(), D(images).flatten(), rtol=0, atol=1e-5)
    theirs = eshi.export(run, to="pytorch").out
    kept = torch.load(theirs, weights_only=True)
    for network, name in ((G, "netG"), (D, "netD")):
        assert kept[name].keys() == network.state_dict().keys()
        network.load_state_dict(kept[name])
    done = eshi.train(faces, recipe=run / "recipe.yaml", out=run, images=32, set=["batch=8", "judge.every=0"])
    assert done.sheet.name == "000000032.png"


def test_a_discriminator_alone_is_asked_and_does_not_draw(things: Path, faces: Path, tmp_path: Path) -> None:
    layers = [nn.Conv2d(3, 4, 2, 2), nn.LeakyReLU(0.2), nn.Dropout(), nn.Conv2d(4, 8, 2, 2), nn.LeakyReLU(0.2)]
    D = Main(*layers, nn.Dropout(), nn.Flatten(), nn.Linear(8 * 8 * 8, 1)).eval()
    torch.save(D.state_dict(), tmp_path / "d.pt")
    found = eshi.import_(tmp_path / "d.pt", out=tmp_path / "run")
    assert not found.draws
    who = Artist.load(found.run)
    images = torch.rand(3, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        torch.testing.assert_close(who.critic(images), D(images).flatten())
    for ask in (lambda: eshi.draw(found.run), lambda: eshi.export(found.run, to="onnx"), lambda: eshi.look(found.run)):
        refused(ask, "a discriminator alone: it cannot draw", "--on FACES")
    assert set(eshi.look(found.run, on=faces, units=2).sheets) == {"filters", "maps", "guided"}
    pytest.importorskip("sklearn", reason="transfer needs scikit-learn")
    assert eshi.transfer(found.run, things / "classes", splits=2).accuracy["trained D"]


MISFITS: dict[str, tuple[Callable[[dict], object], str]] = {
    "nothing": (lambda s: {"epoch": 3}, "no weights in it"),
    "another width": (lambda s: s | {"main.3.weight": torch.zeros(9, 8, 4, 4)}, "main.3.weight|main.3 is 9x8x4x4"),
    "spectral": (lambda s: {k.replace("0.weight", "0.weight_orig"): v for k, v in s.items()}, "weight_orig"),
    "one layer": (lambda s: {"main.0.weight": s["main.0.weight"]}, "1 layers"),
    "grey": (lambda s: s | {"main.9.weight": torch.zeros(4, 1, 4, 4)}, "neither draws three colours nor"),
    "a norm too long": (lambda s: s | {"main.1.running_var": torch.ones(99)}, "different lengths"),
    "nan": (lambda s: s | {"main.3.weight": s["main.3.weight"] * float("nan")}, "not finite"),
    "inf norm": (lambda s: s | {"main.1.running_mean": s["main.1.running_mean"] + float("inf")}, "not finite"),
    "a view": (lambda s: s | {"main.3.weight": torch.zeros(1).expand(16, 8, 4, 4)}, "sparse or have no values"),
    "enormous view": (lambda s: s | {"main.3.weight": torch.zeros(1).expand(4096, 4096, 9, 9)}, "sparse or have no"),
    "script": (lambda s: {f"<script>alert(1)</script>\x1b[2J.{k}_": v for k, v in s.items()}, "weights"),
    "circle": (lambda s: circle(), "no weights in it"),
}  # fmt: skip


def circle() -> dict:
    """A thousand ways into each of a hundred dicts, and round again."""
    rings: list[dict] = [{} for _ in range(100)]
    for here, there in zip(rings, [*rings[1:], rings[0]], strict=True):
        here |= {f"k{i}": there for i in range(1000)}
    return rings[0]


@pytest.mark.parametrize("misfit", MISFITS)
def test_the_first_that_does_not_fit_is_named(misfit: str, tmp_path: Path) -> None:
    change, said = MISFITS[misfit]
    G = shown(example(depth=3)[0], torch.randn(64, 12, 1, 1))
    torch.save(change(G.state_dict()), tmp_path / "x.pt")
    error = refused(lambda: eshi.import_(tmp_path / "x.pt", out=tmp_path / "run"), "x.pt")
    assert any(word in str(error) for word in said.split("|"))
    assert "\x1b" not in str(error) + error.hint
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_would_run_something_is_not_opened(tmp_path: Path) -> None:
    class Touch:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "touched",)

    for old in (False, True):
        torch.save({"main.0.weight": Touch()}, tmp_path / "x.pt", _use_new_zipfile_serialization=not old)
        refused(lambda: eshi.import_(tmp_path / "x.pt", out=tmp_path / "run"), "more than numbers")
    assert not (tmp_path / "touched").exists()


def test_a_zip_that_would_burst_is_not_unpacked(tmp_path: Path) -> None:
    torch.save(example(depth=3)[0].state_dict(), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as whole, zipfile.ZipFile(tmp_path / "y.pt", "w") as bomb:
        for info in whole.infolist():
            part = bytes(50_000_000) if info.filename.endswith("data/0") else whole.read(info)
            bomb.writestr(info.filename, part, zipfile.ZIP_DEFLATED)
    for ask in (lambda: eshi.import_(tmp_path / "y.pt", out=tmp_path / "run"), lambda: eshi.draw(tmp_path / "y.pt")):
        refused(ask, "compressed parts")


REAL = {  # file -> what it is of
    "anigan32_generator.pt": ("G", {"name": "dcgan", "width": 32, "prior": "normal"}),
    "celeba32_generator_legacy.pt": ("G", {"name": "chain", "prior": "symmetric"}),
    "anigan32_discriminator.pt": ("D", {"name": "chain"}),
    "callifrey64_Dnet_390.pth": ("D", {"name": "chain"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_real_checkpoints_of_others(name: str, tmp_path: Path) -> None:
    if not (home := os.environ.get("ESHI_DATA")) or not (Path(home) / "checkpoints" / name).exists():
        pytest.skip("ESHI_DATA names no folder with checkpoints of others")
    which, part = REAL[name]
    found = eshi.import_(Path(home) / "checkpoints" / name, out=tmp_path / "run")
    assert found.draws == (which == "G")
    assert "remember" not in found.parts[0]
    who = Artist.load(found.run)
    assert (who.recipe.generator if which == "G" else who.recipe.discriminator).items() >= part.items()
    if which == "G":
        file = eshi.export(found.run, to="onnx", out=tmp_path / "face.onnx").out
        back, z = Artist.load(eshi.import_(file, out=tmp_path / "back").run), who.G.draw(8, 0)
        torch.testing.assert_close(back.G(z), who.G(z), rtol=0, atol=1e-5)
