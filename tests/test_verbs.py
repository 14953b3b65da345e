"""Every verb, as a command and as a function: what it says, what it returns, where its drawings go."""

import ast
import dataclasses
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from booru import Booru, make_posts
from untrained import SETS, SMALL, made

import eshi
from eshi import recipe
from eshi.artist import draw
from eshi.cli import COMMANDS, run
from eshi.ground import image
from eshi.verbs import VERBS
from eshi.verbs.verb import GROUPS, plain

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".mypy_cache" / "script"  # a second run takes a second

# What each verb is run with, here and nowhere else twice; {} is the folder of things, {out} an empty one.
CASES = {
    "paint": "paint {out}/painted --count 2 --faces 32",
    "crop": "crop {}/pictures -o {out}/cropped --size 64",
    "clean": "clean {out}/classes --min 8 --blur 0 --near 0",
    "faces": "faces {out}/classes --credits",
    "label": "label {out}/classes",
    "recipes": "recipes dcgan-64 --set batch=64",
    "train": "train {faces} -o {out}/run --images 16",
    "judge": "judge {}/run --against {}/classes --count 20",
    "runs": "runs {}",
    "report": "report {}/run",
    "draw": "draw {}/run --count 4 --seed 7",
    "sweep": "sweep {}/run --dims 1,2 --seed miku --steps 3",
    "walk": "walk {}/run --seeds 1,miku,{}/nine.npy --frames 5",
    "mix": "mix {}/run 'mean(1,2) - 3 + ren'",
    "directions": "directions {}/run --count 100 --seed miku",
    "edit": "edit {}/run --seed miku --set smile=+2",
    "project": "project {}/run {}/classes/dark/1.png --steps 3 --restarts 1",
    "favourites": "favourites {}/run",
    "look": "look {}/run --seeds 1,2 --units 2",
    "transfer": "transfer {}/run {}/classes --splits 2",
    "export": "export {}/run --to safetensors",
    "import": "import {}/run/last.pt -o {out}/imported",
    "help": "help crop",
    "completion": "completion bash",
}
ELSEWHERE = {"collect", "demo", "studio"}  # they have tests of their own


def words_of(case: str, things: Path, faces: Path, out: Path) -> list[str]:
    import shlex

    if "{out}/classes" in case and not (out / "classes").exists():
        shutil.copytree(things / "classes", out / "classes")
    words = shlex.split(case.replace("{}", str(things)).replace("{out}", str(out)).replace("{faces}", str(faces)))
    return words + (SETS if words[0] == "train" else [])


def test_every_verb_is_run_here() -> None:
    assert set(CASES) | ELSEWHERE == set(COMMANDS)


@pytest.mark.parametrize("verb", CASES)
def test_a_verb_speaks_to_people_and_to_programs(
    verb: str, things: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    if verb == "transfer":
        pytest.importorskip("sklearn", reason="transfer needs scikit-learn")
    words = words_of(CASES[verb], things, faces, tmp_path)
    assert run(words) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert text.strip()
    assert "object at 0x" not in text
    if verb == "import":  # what is there already stays
        words[-1] += "-again"
    assert run([*words, "--json"]) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    for key in ("out", "report", "sheet", "file", "run"):
        named = told.get(key) or []
        for path in named if isinstance(named, list) else [named]:
            assert Path(path).exists(), f"{key} {path}"
            assert verb == "report" or str(path) in text or json.dumps(path)[1:-1] in text or key == "run"


def test_collecting_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    pytest.importorskip("gallery_dl", reason="collect needs gallery-dl")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Booru(("moebooru", make_posts("moebooru", safe=3, unsafe=1))) as booru:
        words = ["collect", booru.site(""), "1girl", "-o", str(tmp_path), "--pause", "0", "--min-free", "1KB"]
        assert run(words) == 0
        assert "3 new" in capsys.readouterr().out
        assert run([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["present"] == 3
        assert run([*words, "--max-bytes", "10", "--limit", "0"]) == 2


def test_the_demo_goes_all_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from eshi.verbs import demo

    monkeypatch.setattr(demo, "PICTURES", 24)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "SHIPPED", tmp_path / "recipes")
    small = recipe.load(ROOT / "src/eshi/recipes/demo.yaml", [*SMALL, "name=demo"])
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "demo.yaml").write_text(small.yaml())
    assert run(["demo", "--images", "16"]) == 0
    out, told = capsys.readouterr()
    assert "eshi draw demo/run" in out
    assert "4/5  drawing" in told
    assert Path("demo/sheet.png").exists()
    assert Path("demo/face.html").read_text().startswith("<!doctype html>")
    assert run(["runs"]) == 0  # finds it
    assert "demo/run" in capsys.readouterr().out
    assert run(["demo", "--images", "16", "--json", "--quiet"]) == 0
    out, told = capsys.readouterr()
    assert json.loads(out)["run"] == "demo/run"
    assert told == ""


def room_of(verb: str) -> Callable[..., object]:
    """The function of the same name that a verb calls."""
    tree = ast.parse(inspect.getsource(VERBS[verb].call))
    homes = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and verb in [a.name for a in n.names]]
    return getattr(importlib.import_module(homes[0] or ""), verb)  # type: ignore[no-any-return]


@pytest.mark.parametrize("verb", ["paint", "collect", "judge", "runs", "train"])
def test_a_default_stands_in_the_signature_of_the_verb_alone(verb: str) -> None:
    for parameter in inspect.signature(room_of(verb)).parameters.values():
        assert parameter.default in (inspect.Parameter.empty, None, False), f"{verb}: {parameter}"


@pytest.mark.parametrize(
    ("verb", "common"),
    [
        ("crop", "finder size margin smallest on workers"),
        ("clean", "near blur dark flat grey smallest finder score undo workers"),
        ("draw", "count search mean std by"),
        ("sweep", "dims steps rows"),
        ("walk", "frames loop even"),
        ("mix", "noise seed"),
        ("directions", "count"),
        ("edit", "steps"),
        ("project", "steps restarts seed"),
        ("look", "units layer drop"),
        ("transfer", "splits seed"),
    ],
)
def test_a_default_that_a_room_has_too_is_the_same(verb: str, common: str) -> None:
    """These rooms are also called without a verb: from notebooks, benchmarks and tests."""
    mine, its = (inspect.signature(one).parameters for one in (VERBS[verb].call, room_of(verb)))
    assert {name: mine[name].default for name in common.split()} == {n: its[n].default for n in common.split()}


def test_the_public_names_are_the_verbs_and_classes() -> None:
    names: dict[str, object] = {}
    exec("from eshi import *", names)
    public = {name: value for name, value in names.items() if not name.startswith("__")}
    assert set(public) == set(eshi.__all__)
    functions = {name for name, value in public.items() if not inspect.isclass(value)}
    assert {name.rstrip("_") for name in functions} == set(VERBS)
    for name in functions:
        assert public[name] is VERBS[name.rstrip("_")].call
    results = {inspect.signature(verb.call).return_annotation for verb in VERBS.values()} - {"Summary"}
    assert results <= set(public.values())
    assert all(dataclasses.is_dataclass(one) for one in results)


def test_help_lists_the_verbs() -> None:
    told = re.findall(r"^    (\w[\w ]+?)  +(.+)$", eshi.__doc__ or "", re.MULTILINE)
    assert [group for group, _ in told] == list(GROUPS)
    assert [name for _, names in told for name in names.split(", ")] == list(VERBS)


@pytest.mark.filterwarnings("ignore:divide by zero")  # of the judge, which has too few faces here
def test_strings_do_for_paths(things: Path, faces: Path, tmp_path: Path) -> None:
    """What a notebook writes, through the whole journey."""
    folder = str(tmp_path / "faces")
    assert eshi.paint(folder, count=24, faces=32).folder == Path(folder)
    assert eshi.crop(str(things / "pictures"), out=str(tmp_path / "cut"), size=64).pictures == 3
    assert eshi.clean(folder, near=0, blur=0).verdicts["keep"] == 24
    assert eshi.faces(folder).kept == 24
    done = eshi.train(folder, out=str(tmp_path / "run"), images="16", set=SMALL)
    assert done.sheet.name == "000000016.png"
    again = eshi.train(
        folder,
        out=str(tmp_path / "run"),
        images=24,
        set=dict(key.split("=") for key in SMALL),
    )
    assert again.sheet.name == "000000024.png"
    where = str(done.run)
    assert eshi.draw(where, count=4).images.shape == (4, 16, 16, 3)
    assert eshi.judge(where, count=20).ranked_by == "fd_lite0"
    assert eshi.judge([where], against=folder, count=20).rows
    assert [row["run"] for row in eshi.runs(str(tmp_path)).runs] == [where]
    assert eshi.report(where).report.exists()
    eshi.favourites(where, "add", 7, name="miku")
    assert eshi.favourites(where).favourites == {"miku": 7}
    assert eshi.walk(where, seeds=[1, "miku"], frames=3, out=str(tmp_path / "film.gif")).out == tmp_path / "film.gif"
    assert eshi.project(where, f"{folder}/00000.png", steps=2).error > 0
    assert image.save(np.zeros((8, 8, 3), np.uint8), str(tmp_path / "black.png")).exists()


def test_an_artist_does_for_a_run_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    who = made()
    drawn = eshi.draw(who, count=4, seed=1)
    assert drawn.out is None
    assert "in memory" in drawn.text()
    np.testing.assert_array_equal(drawn.images, draw(who, 4, 1).images)
    assert eshi.walk(who, seeds=[1, 2], frames=3).out is None
    assert not list(tmp_path.iterdir())
    assert eshi.draw(who, count=4, out="four.png").out == Path("four.png")


def test_json_is_plain() -> None:
    @dataclasses.dataclass
    class Found:
        path: Path
        numbers: np.ndarray
        one: np.float32
        no: float
        pictures: np.ndarray
        inside: dict

    found = Found(
        Path("a/b"),
        np.arange(3),
        np.float32(0.5),
        float("nan"),
        np.zeros((2, 8, 8, 3), np.uint8),
        {1: (2, {Path("c"): None})},
    )
    assert json.loads(json.dumps(plain(found), allow_nan=False)) == {
        "path": "a/b", "numbers": [0, 1, 2], "one": 0.5, "no": None, "inside": {"1": [2, {"c": None}]},
    }  # fmt: skip


HEAVY = ("torch", "cv2", "numpy", "PIL", "rich", "filelock", "threadpoolctl", "sklearn", "yaml")
SCRIPT = """\
from pathlib import Path

import eshi

painted: eshi.Painted = eshi.paint("faces", count=100, faces=64)
found = eshi.collect("konachan", "1girl", out="pictures", limit=10, rating="safe", max_bytes="500MB")
print(found.new, found.stopped)
print(eshi.crop("pictures", out=Path("faces"), size=64).faces)
print(eshi.clean("faces", blur=1.1, undo=False).verdicts["keep"])
print(eshi.faces("faces", credits=True).hair)
print(eshi.label("faces", tagger="wd.onnx", sure=0.3).counts["hair"])
print(eshi.recipes().recipes["demo"], eshi.recipes("demo", set=["batch=8"]).text())
run: Path = eshi.train("faces", recipe="demo", out="run", images="20k", set={"batch": 8}, faces_changed=True).run
print(eshi.judge([run, "other"], count=100).rows[0]["name"], eshi.judge(run).ranked_by)
print(eshi.runs().runs, eshi.runs("runs"), eshi.report(run).report.name)
print(eshi.draw(run, count=4, seed="miku").images.shape)
who = eshi.Artist.load(run)
print(eshi.draw(who, count=4).numbers)
print(eshi.sweep(run, dims=[1, 2], seed=7).effects)
print(eshi.walk(run, seeds=[1, "miku", Path("face.npy")], even=True).smoothness)
print(eshi.mix(run, "1 + 2").latent.shape)
print(eshi.directions(run).correlations["smile"])
print(eshi.edit(run, seed=7, set={"hair": "pink", "smile": 2}).changed["smile"][0])
print(eshi.project(run, "face.png").error)
print(eshi.favourites(run, "add", 7, name="miku").favourites)
print(eshi.look(run, seeds=[1, 2]).sheets["maps"].shape)
print(eshi.transfer(run, "cifar").accuracy["random D"])
print(eshi.export(run, to="onnx", half=True, out="face.onnx").said, eshi.import_("netG.pth", prior="normal").parts)
print(eshi.demo(images="300k").sheet)
try:
    eshi.train("nothing")
except eshi.EshiError as error:
    print(error.hint)
"""


def test_a_users_script_is_typed(tmp_path: Path) -> None:
    """With mypy --strict; torch and the like are left out, for they take half a minute."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    assert all(f"eshi.{verb.call.__name__}(" in SCRIPT for verb in VERBS.values())
    (tmp_path / "script.py").write_text(SCRIPT)
    heavy = ",".join(f"{name}.*" for name in HEAVY)
    skip = f"[mypy-{heavy}]\nfollow_imports = skip\nignore_missing_imports = True\n"
    (tmp_path / "mypy.ini").write_text(f"[mypy]\n{skip}[mypy-eshi.*]\nfollow_imports = silent\n")

    wrong = ["eshi.draw('run', cuont=3)", "eshi.collect('x', rating='saef')", "x: int = eshi.report('run')"]
    (tmp_path / "wrong.py").write_text("\n".join(["import eshi", *wrong]))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "mypy.ini", "--cache-dir", str(CACHE)]
    environment = os.environ | {"MYPYPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*command, "script.py", "wrong.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    errors = [line.partition(" error:")[0] for line in done.stdout.splitlines() if " error:" in line]
    assert errors == ["wrong.py:2:", "wrong.py:3:", "wrong.py:4:"], done.stdout


def test_a_run_keeps_its_length_unless_another_is_given(faces: Path, tmp_path: Path) -> None:
    mine = [*SMALL, "name=mine", "images=16"]
    first = eshi.train(faces, out=tmp_path / "run", images=24, set=mine)
    assert (
        eshi.train(faces, recipe="dcgan-64", out=first.run, set=[*SMALL, "name=mine"], images=24).sheet == first.sheet
    )
    assert eshi.train(faces, out=first.run).sheet.name == "000000024.png"
    assert eshi.train(faces, out=first.run, set=["images=40"]).sheet.name == "000000040.png"
    assert recipe.load(first.run / "recipe.yaml").images == "40"


def test_the_last_sheet_is_the_last_also_after_a_billion_images(things: Path) -> None:
    from eshi.run.folder import sheets

    for seen in (99_999_744, 100_000_000, 1_200_000_000):
        image.save(np.zeros((8, 8, 3), np.uint8), things / "long" / "samples" / f"{seen:09}.png")
    assert sheets(things / "long")[-1].name == "1200000000.png"
