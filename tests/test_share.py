"""What leaves the house and what comes in: the same faces on both sides, and nothing believed that a stranger says."""

import itertools
import json
import os
import re
import struct
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import EVIL
from torch import nn
from untrained import SMALL, kept, made

import eshi
import eshi.share.model
from eshi.artist import Artist, draw
from eshi.ground.errors import EshiError
from eshi.ground.registry import GENERATORS
from eshi.networks.prior import PRIORS
from eshi.recipe import parse
from eshi.run import tensorfile
from eshi.run.folder import Run
from eshi.share.export import targets

CREDITS = "# Credits\n\n## A painter\n\n- [one.png](<https://example.org/1>)\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose only step was judged, and whose pictures have a painter."""
    folder = kept(made(), tmp_path / "run")
    row = {
        "step": 0,
        "images": 0,
        "ranked_by": "fd_lite0",
        "fd_lite0": 42.5,
        "fd_lite0_noise": 0.5,
        "state": "learning",
    }
    with Run(folder, Artist.load(folder).recipe) as opened:
        opened.log(row | {"against": "75 held-out faces", "judge_seconds": 1.0})
    (folder / "CREDITS.md").write_text(CREDITS)
    return folder


def refused(ask, *words: str) -> EshiError:
    with pytest.raises(EshiError) as raised:
        ask()
    said = f"{raised.value} {raised.value.hint}"
    assert raised.value.hint
    assert "\n" not in said
    assert len(said) < 700
    for word in words:
        assert word in said
    return raised.value


def test_one_file_is_the_whole_artist(run: Path, tmp_path: Path) -> None:
    found = eshi.export(run, to="safetensors", out=tmp_path / "face.safetensors")
    assert found.credits == f"credits in {run / 'CREDITS.md'}"
    assert found.said == "G and D"
    there, here = Artist.load(tmp_path / "face.safetensors"), Artist.load(run)
    assert there.recipe == here.recipe
    assert there.images == here.images
    np.testing.assert_array_equal(draw(there, 4, seed=7, search=16).images, draw(here, 4, seed=7, search=16).images)
    assert there.shared["scores"]["fd_lite0"] == 42.5
    assert there.shared["scores"]["against"] == "75 held-out faces"
    assert there.shared["credits"] == CREDITS


def test_an_export_of_an_export_tells_as_much(run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        eshi.export(run, to="safetensors", out=tmp_path / name / "face.safetensors")
        run = tmp_path / name / "face.safetensors"
    assert (tmp_path / "one/face.safetensors").read_bytes() == run.read_bytes()


def test_where_nobody_is_known_it_says_so(tmp_path: Path) -> None:
    found = eshi.export(made(), to="safetensors", out=tmp_path / "face.safetensors", only_g=True)
    assert found.credits.startswith("no credits")
    assert found.said == "G alone"
    assert Artist.load(found.out).D is None


def test_every_verb_takes_the_file(run: Path, faces: Path, tmp_path: Path) -> None:
    file = eshi.export(run, to="safetensors").out
    assert file == run / "shared" / "run.safetensors"
    assert eshi.draw(file, count=1).out == run / "shared" / "drawn" / "1-seed0.png"
    assert eshi.sweep(file, dims=[1], steps=3).out
    assert eshi.judge([file], against=faces, count=20).rows[0]["name"].startswith(str(file))
    assert eshi.look(file, seeds=[1], units=2).out
    done = eshi.train(faces, recipe=run / "recipe.yaml", start=file, out=tmp_path / "new", images=8, set=SMALL)
    assert "shared" in json.dumps(eshi.runs(done.run).runs) or done.sheet.name == "000000008.png"


def test_it_comes_back_as_a_run_that_goes_on(run: Path, faces: Path, tmp_path: Path) -> None:
    file = eshi.export(run, to="safetensors").out
    back = eshi.import_(file, out=tmp_path / "back")
    assert back.parts == ["G: as eshi exported it", "D: as eshi exported it"]
    np.testing.assert_array_equal(draw(back.run, 4).images, draw(run, 4).images)
    assert (back.run / "CREDITS.md").read_text() == CREDITS
    assert eshi.export(back.run, to="safetensors").credits == f"credits in {back.run / 'CREDITS.md'}"
    refused(lambda: eshi.import_(file, out=back.run), "is there already", "-o")
    goes_on = eshi.train(faces, out=back.run, images=16, set=[*SMALL, "generator.init=default", "every.log=16"])
    assert goes_on.sheet.name == "000000016.png"
    assert Artist.load(back.run / "last.pt").images == 16


def test_safetensors_of_ours_are_what_the_format_says(tmp_path: Path) -> None:
    """Eight bytes of length, JSON padded to eight, the numbers in order."""
    tensors = {"a": torch.arange(6, dtype=torch.float32).reshape(2, 3), "b": torch.tensor(7), "c": torch.ones(3).half()}
    with (tmp_path / "x.safetensors").open("wb") as file:
        tensorfile.write(file, tensors, {"who": "é"})
    content = (tmp_path / "x.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert length % 8 == 0
    header = json.loads(content[8 : 8 + length])
    assert header["a"] == {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    assert header["__metadata__"] == {"who": "é"}
    assert np.frombuffer(content[8 + length :][:24], "<f4").tolist() == [0, 1, 2, 3, 4, 5]
    found, words = tensorfile.read(tmp_path / "x.safetensors")
    assert words == {"who": "é"}
    assert {name: (t.dtype, t.tolist()) for name, t in found.items()} == {
        name: (t.dtype, t.tolist()) for name, t in tensors.items()
    }


def test_other_programs_read_ours_and_we_read_theirs(run: Path, tmp_path: Path) -> None:
    theirs = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    file = eshi.export(run, to="safetensors").out
    read = theirs.load_file(file)
    state = Artist.load(run).G.state_dict()
    assert all(torch.equal(read[f"G.{name}"], tensor) for name, tensor in state.items())
    theirs.save_file({name: t.contiguous() for name, t in state.items()}, tmp_path / "g.safetensors", {"format": "pt"})
    found, _ = tensorfile.read(tmp_path / "g.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


def laid(path: Path, header: object, numbers: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + numbers)
    return path


def entry(begin: int = 0, end: int = 8, shape: object = (2,), dtype: object = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "numbers", "said"),
    [
        ({"a": entry(0, 2**62, [2**60])}, b"", "bytes|begin"),
        ({"a": entry(0, 8, [2**40, 2**40])}, bytes(8), "take"),
        ({"a": entry(0, 8), "b": entry(4, 12)}, bytes(12), "does not begin where"),
        ({"a": entry(0, 8), "b": entry(12, 20)}, bytes(20), "does not begin where"),
        ({"a": entry(0, 8)}, bytes(12), "belong to no tensor"),
        ({"a": entry(0, 8)}, bytes(4), "belong to no tensor"),
        ({"a": entry(0, 8, [-2])}, bytes(8), "numbers that are none"),
        ({"a": entry(0, 8, [True, 2])}, bytes(8), "numbers that are none"),
        ({"a": entry(0, 8, [1] * 99)}, bytes(8), "numbers that are none"),
        ({"a": entry(8, 0)}, bytes(8), "bytes|begin"),
        ({"a": entry(dtype="F31")}, bytes(8), "of a kind that is known"),
        ({"a": entry(dtype=["F32"])}, bytes(8), "of a kind that is known"),
        ({"a": entry() | {"more": 1}}, bytes(8), "of a kind that is known"),
        ({"a": 3}, bytes(8), "of a kind that is known"),
        ({"__metadata__": {"a": 3}}, b"", "not text by name"),
        ({"__metadata__": 3}, b"", "not text by name"),
        ([1], b"", "not a list of tensors by name"),
        (b'{"a":1,"a":2}', b"", "twice"),
        (b"{", b"", "sound"),
        (b"\xff\xfe", b"", "sound"),
        (b"[" * 100_000, b"", "nested"),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path: Path, header: object, numbers: bytes, said: str) -> None:
    file = laid(tmp_path / "x.safetensors", header, numbers)
    error = refused(lambda: eshi.draw(file), "no sound .safetensors")
    assert any(word in str(error) for word in said.split("|"))
    refused(lambda: eshi.import_(file, out=tmp_path / "new"), "no sound .safetensors")


@pytest.mark.parametrize("length", [2**63, 2**40, 9_000_000, 1])
def test_a_length_that_lies_is_refused(tmp_path: Path, length: int) -> None:
    file = laid(tmp_path / "x.safetensors", {"a": entry()}, bytes(8), length)
    refused(lambda: eshi.draw(file), "no sound .safetensors")
    (tmp_path / "x.safetensors").write_bytes(b"\0" * 3)
    refused(lambda: eshi.draw(file), "no sound .safetensors")


def retold(run: Path, file: Path, change) -> Path:
    """The run's export with something else in it."""
    eshi.export(run, to="safetensors", out=file)
    tensors, words = tensorfile.read(file)
    facts = json.loads(words["eshi"])
    change(tensors, facts)
    with file.open("wb") as out:
        tensorfile.write(out, tensors, {"eshi": json.dumps(facts)})
    return file


def test_what_a_file_says_of_itself_is_checked(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    first = "G.layers.0.1.weight"

    def spoilt(tensors: dict, facts: dict) -> None:
        tensors[first][0] = float("nan")

    refused(lambda: draw(retold(run, file, spoilt)), "not finite")
    refused(lambda: draw(retold(run, file, lambda t, f: t.pop(first))), "missing")
    refused(lambda: draw(retold(run, file, lambda t, f: t.update({first: torch.ones(3)}))), "does not fit its recipe")
    refused(lambda: draw(retold(run, file, lambda t, f: f.update(format=99))), "newer")
    refused(lambda: draw(retold(run, file, lambda t, f: f.update(images="many"))), "amiss")
    refused(lambda: draw(retold(run, file, lambda t, f: f["recipe"].update(size=10**6))), "size")
    refused(lambda: draw(retold(run, file, lambda t, f: f["recipe"]["generator"].update(width=512))), "does not fit")
    odd = retold(run, file, lambda t, f: f.update(shared={"scores": [1], "credits": 3}))
    assert eshi.export(odd, to="safetensors", out=tmp_path / "y.safetensors").credits == "its credits came with it"
    refused(lambda: draw(retold(run, file, lambda t, f: f.update(shared=[1]))), "amiss")


def test_a_target_is_a_file_that_is_there(run: Path) -> None:
    assert {"safetensors"} <= set(targets())
    assert "foreign" not in targets()
    refused(lambda: eshi.export(run, to="safetensor"), "did you mean 'safetensors'?")
    refused(lambda: eshi.export(run, to="safetensors", push="me/mine"), "takes no 'push'", "only_g")
    refused(lambda: eshi.export(run, to="safetensors", set=["x"]), "KEY=VALUE")
    refused(lambda: eshi.export(run, to="safetensors", out=run), "is a folder")
    refused(lambda: eshi.export(made(), to="safetensors"), "say where")


OPTIONS = {  # of what eshi's own generator can be, on 32 px but for the last
    "conv": {"stem": "conv"},
    "linear": {"stem": "linear"},
    "residual": {"stem": "residual", "momentum": 0.5},
    "resize": {"end": "resize"},
    "uniform": {"prior": "uniform"},
    "threefold": {"last": 3},
    "chain": {"name": "chain", "layers": [
        "linear 8x4x4 bias leaky batch", "conv 8 3/1/1 batch", "transposed 8 4/2/1 relu",
        "transposed 4 2/2/0 bias batch relu", "transposed 3 4/2/1 bias tanh",
    ]},
}  # fmt: skip


def artist(name: str) -> Artist:
    """Small, with norms that have seen something."""
    part = {"name": "dcgan", "width": 4, "latent": 8, "init": "default"} | OPTIONS[name]
    if part["name"] == "chain":
        part = OPTIONS[name] | {"latent": 8}
    found = parse({"size": 48 if name == "threefold" else 32, "generator": part})
    torch.manual_seed(1)
    G = GENERATORS.build(found.generator, size=found.width_height)
    with torch.no_grad():
        for _ in range(30):
            G.train()(G.draw(64))
        for norm in (m for m in G.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.weight.add_(torch.rand_like(norm.weight))
    return Artist(found, 0, G.eval().requires_grad_(False), None)


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_onnx_draws_the_same_wherever_it_is_run(name: str, half: bool, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx.reference import ReferenceEvaluator

    who = artist(name)
    found = eshi.export(who, to="onnx", half=half, out=tmp_path / "face.onnx")
    assert found.said.startswith("differs from torch by at most")
    model = onnx.load(found.out)
    onnx.checker.check_model(model, full_check=True)
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node} or name == "chain"
    runs = ReferenceEvaluator(model)
    for count in (1, 5):
        z = who.G.draw(count, 3)
        (drawn,) = runs.run(None, {"latent": z.numpy()})
        assert np.abs(drawn - who.G(z).numpy()).max() < (0.02 if half else 1e-4)
    if not half:
        cv2 = pytest.importorskip("cv2")
        net = cv2.dnn.readNetFromONNX(str(found.out))
        net.setInput(z.numpy()[:1])
        assert np.abs(net.forward() - drawn[:1]).max() < 1e-4


@pytest.mark.parametrize("name", OPTIONS)
def test_onnx_of_ours_comes_back(name: str, tmp_path: Path) -> None:
    who = artist(name)
    file = eshi.export(who, to="onnx", out=tmp_path / "face.onnx").out
    back = Artist.load(eshi.import_(file, out=tmp_path / "back").run)
    assert back.recipe == who.recipe
    z = who.G.draw(6, 0)
    torch.testing.assert_close(back.G(z), who.G(z), rtol=0, atol=1e-5)
    assert back.D is None


@pytest.mark.parametrize("content", [b"", b"\x08", b"\xff" * 99, b"\x3a\xff\xff\xff\x7f", b"\x3a\x02\x08", b"hello"])
def test_onnx_that_is_none_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(content)
    refused(lambda: eshi.import_(tmp_path / "x.onnx", out=tmp_path / "new"), "cannot import")


def test_onnx_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    whole = eshi.export(artist("conv"), to="onnx", out=tmp_path / "y.onnx").out.read_bytes()
    for cut in range(1, len(whole), len(whole) // 12):
        (tmp_path / "x.onnx").write_bytes(whole[:cut])
        refused(lambda: eshi.import_(tmp_path / "x.onnx", out=tmp_path / "new"), "x.onnx")


def test_an_onnx_that_draws_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(content: bytes, z: torch.Tensor) -> torch.Tensor:
        return run_model(content, z) + 2e-4

    run_model = eshi.share.model.run
    monkeypatch.setattr(eshi.share.model, "run", off)
    refused(lambda: eshi.export(artist("conv"), to="onnx", out=tmp_path / "x.onnx"), "draws other faces than torch")
    assert not list(tmp_path.iterdir())


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


def test_the_hubs_folder_says_what_it_is(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = eshi.export(run, to="hub", out=tmp_path / "hub").out
    assert {p.name for p in folder.iterdir()} == {
        "model.safetensors",
        "config.json",
        "README.md",
        "sheet.png",
        "CREDITS.md",
    }
    card = (folder / "README.md").read_text()
    assert "| fd_lite0 | 42.5 ± 0.5 |" in card.replace("\\_", "_")
    assert "75 held-out faces" in card
    assert "CREDITS.md" in card
    assert "TO BE FILLED IN" in card
    assert json.loads((folder / "config.json").read_text())["latent"] == 8
    np.testing.assert_array_equal(draw(folder / "model.safetensors", 2).images, draw(run, 2).images)
    (folder / "README.md").write_text("mine")
    assert "stays as it is" in eshi.export(run, to="hub", out=folder).said
    assert (folder / "README.md").read_text() == "mine"
    refused(lambda: eshi.export(run, to="hub", out=folder, push="../me"), "no name on a hub")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    refused(lambda: eshi.export(run, to="hub", out=folder, push="me/mine"), "pip install 'eshi[hub]'")


def test_pushing_makes_the_place_and_uploads_the_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list = []

    class Api:
        def create_repo(self, name: str, exist_ok: bool) -> None:
            said.append((name, exist_ok))

        def upload_folder(self, repo_id: str, folder_path: str) -> None:
            said.append((repo_id, folder_path))
            if repo_id == "me/full":
                raise ValueError("no room\nfor you")

    monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(HfApi=Api))
    folder = tmp_path / "hub"
    assert "pushed to me/mine" in eshi.export(run, to="hub", out=folder, push="me/mine").said
    assert said == [("me/mine", True), ("me/mine", str(folder))]
    refused(lambda: eshi.export(run, to="hub", out=folder, push="me/full"), "cannot push to me/full", "no room for you")


def test_words_that_would_be_markup_stay_words(run: Path, tmp_path: Path) -> None:
    state = torch.load(run / "last.pt", weights_only=True)
    state["recipe"]["about"] = f"# {EVIL}"
    torch.save(state, run / "last.pt")
    (run / "log.jsonl").write_text(json.dumps({"images": 0, "ranked_by": "fd", "fd": 1.0, "against": EVIL}))
    card = (eshi.export(run, to="hub", out=tmp_path / "hub").out / "README.md").read_text()
    assert not re.search(r"(?<!\\)<(script|img|/)", card)
    assert "\n# <" not in card


@pytest.mark.parametrize("name", ["linear", "residual", "resize", "chain"])
def test_another_layout_is_not_passed_off_as_the_examples(name: str, tmp_path: Path) -> None:
    refused(lambda: eshi.export(artist(name), to="pytorch", out=tmp_path / "x.pth"), "not built as", "safetensors")
    assert not list(tmp_path.iterdir())


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
