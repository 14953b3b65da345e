"""What leaves the house and what comes in: the same faces on both sides, and nothing believed that a stranger says."""

import json
import re
import struct
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import EVIL, refused
from untrained import SMALL, kept, made

import eshi
import eshi.share.model
from eshi.artist import Artist, draw
from eshi.ground.registry import GENERATORS
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
    done = eshi.train(
        faces, recipe=run / "recipe.yaml", start=file, out=tmp_path / "new", images=8, set=[*SMALL, "size=32"]
    )
    assert "shared" in json.dumps(eshi.runs(done.run).runs) or done.sheet.name == "000000008.png"


def test_it_comes_back_as_a_run_that_goes_on(run: Path, faces: Path, tmp_path: Path) -> None:
    file = eshi.export(run, to="safetensors").out
    back = eshi.import_(file, out=tmp_path / "back")
    assert back.parts == ["G: as eshi exported it", "D: as eshi exported it"]
    np.testing.assert_array_equal(draw(back.run, 4).images, draw(run, 4).images)
    assert (back.run / "CREDITS.md").read_text() == CREDITS
    assert eshi.export(back.run, to="safetensors").credits == f"credits in {back.run / 'CREDITS.md'}"
    refused(lambda: eshi.import_(file, out=back.run), "is there already", "-o")
    goes_on = eshi.train(
        faces, out=back.run, images=16, set=[*SMALL, "size=32", "generator.init=default", "every.log=16"]
    )
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
    import safetensors.torch as theirs

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


OPTIONS = {  # of what eshi's own generator can be, on 16 px but for the last two
    "conv": {"stem": "conv"},
    "linear": {"stem": "linear"},
    "residual": {"stem": "residual", "momentum": 0.5},
    "resize": {"end": "resize"},
    "uniform": {"prior": "uniform"},
    "threefold": {"last": 3},
    "remind": {"remind": True, "end": "resize"},
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
    found = parse({"size": {"threefold": 24, "chain": 32}.get(name, 16), "generator": part})
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


def test_what_is_asked_for_goes_along_to_other_programs(tmp_path: Path) -> None:
    """ONNX has a second input that may be left out; the well-known example's file a table of ways."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    from onnx.reference import ReferenceEvaluator

    who = made(values="hair=pink,hair=blue,glasses=yes")
    z, words = who.latents([1, 2]), torch.tensor([[0.0, 1, 1], [1, 0, 0]])
    ways = torch.stack([who.toward({"hair": "blue", "glasses": "yes"}), who.toward({"hair": "pink"})])
    for half in (False, True):
        file = eshi.export(who, to="onnx", half=half, out=tmp_path / f"{half}.onnx").out
        onnx.checker.check_model(onnx.load(file), full_check=True)
        runs, near = ReferenceEvaluator(onnx.load(file)), 0.02 if half else 1e-4
        (plain,) = runs.run(None, {"latent": z.numpy()})
        (drawn,) = runs.run(None, {"latent": z.numpy(), "words": words.numpy()})
        assert np.abs(plain - who.G(z).numpy()).max() < near
        assert np.abs(drawn - who.G(z + ways).numpy()).max() < near
    back = Artist.load(eshi.import_(tmp_path / "False.onnx", out=tmp_path / "back").run)
    assert back.attributes == who.attributes
    torch.testing.assert_close(back.toward({"hair": "blue"}), who.toward({"hair": "blue"}))
    found = eshi.export(who, to="pytorch", out=tmp_path / "face.pth")
    assert found.said.endswith("words: what to add to a latent")
    kept_words = torch.load(found.out, weights_only=True)["words"]
    torch.testing.assert_close(kept_words["glasses=yes"], who.toward({"glasses": "yes"}))


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
    def off(content: bytes, z: torch.Tensor, words: torch.Tensor | None = None) -> torch.Tensor:
        return run_model(content, z, words) + 2e-4

    run_model = eshi.share.model.run
    monkeypatch.setattr(eshi.share.model, "run", off)
    refused(lambda: eshi.export(artist("conv"), to="onnx", out=tmp_path / "x.onnx"), "draws other faces than torch")
    assert not list(tmp_path.iterdir())


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
