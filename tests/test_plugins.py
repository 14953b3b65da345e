"""Parts of one's own: loaded where the user says so, asked for where they are missing, never run unasked."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from eshi import recipe
from eshi.cli import run
from eshi.ground import image, registry
from eshi.ground.errors import EshiError
from eshi.ground.registry import LOSSES, SOURCES, installed, plugin

LOSS = """
import pathlib
from neighbour import HALF
from eshi.ground.registry import AUGMENTATIONS, GENERATORS, LOSSES
from eshi.training.losses import BCE
pathlib.Path(__file__).with_name("ran").touch()

@LOSSES.register("mine")
class Mine(BCE):
    def __init__(self, weight: float, steps: tuple[int, ...] = (1, 2), **others):
        self.r1 = weight * HALF

@GENERATORS.register("mine")
def generator(latent: int = 3): ...

@AUGMENTATIONS.register("mine")
def augmentation(like: "Tensor" = None): ...
"""


@pytest.fixture(autouse=True)
def tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for kind in recipe.PARTS.values():
        monkeypatch.setattr(kind, "parts", dict(kind.fill()))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before, sources = set(sys.modules), dict(SOURCES)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("eshi", "torch")):
            del sys.modules[name]
    SOURCES.clear()
    SOURCES.update(sources)
    installed.cache_clear()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "neighbour.py").write_text("HALF = 0.5\n")
    (tmp_path / "parts" / "my_loss.py").write_text(LOSS)
    return tmp_path / "parts" / "my_loss.py"


SETS = ["loss.name=mine", "loss.weight=3", "loss.steps=[4, 5, 6]", "loss.own=thing"]


def test_a_named_file_brings_its_parts_and_stands_in_the_recipe(mine: Path) -> None:
    plugin("parts/my_loss.py")
    plugin(mine)  # twice is once
    found = recipe.load("demo", SETS).check()
    assert LOSSES.build(found.loss).r1 == 1.5
    assert found.plugins == ["parts/my_loss.py"]
    assert recipe.load("demo").check().plugins == []
    again = recipe.parse(recipe.notation.read(found.yaml(), ""))
    assert again == found
    assert recipe.refused(recipe.load("demo", SETS), found) == []


def test_a_missing_part_is_asked_for_by_name_and_nothing_is_run(mine: Path) -> None:
    strange = mine.with_name("stranger.yaml")
    strange.write_text("loss: {name: mine}\nplugins: [my_loss.py, 'a b.py', jane-parts]")
    with pytest.raises(EshiError) as raised:
        recipe.load(strange).check()
    assert str(raised.value) == (
        "this recipe needs the loss 'mine', which came from my_loss.py or a b.py or jane-parts"
    )
    assert raised.value.hint == "if you trust that code: --plugin my_loss.py --plugin 'a b.py'"
    assert not mine.with_name("ran").exists()
    assert recipe.load(strange).check(recipe.SIZED).plugins == ["a b.py", "jane-parts", "my_loss.py"]  # draws without


@pytest.mark.parametrize("name", ["x; rm -rf y.py\n", "\x1b[2J.py", "$(x).py", "", "a" * 300, "/etc/x.py"])
def test_a_recipe_cannot_put_a_command_into_a_hint(name: str) -> None:
    with pytest.raises(EshiError, match="is not the file or package of a plugin"):
        recipe.parse({"plugins": [name]})


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.py", None, "there is no Python file gone.py"),
        ("notes.txt", "", "there is no Python file notes.txt"),
        ("random.py", "", "random.py cannot be imported as 'random'"),
        ("a.b.py", "", "a.b.py cannot be imported as 'a.b'"),
        ("__main__.py", "", "cannot be imported as '__main__'"),
        ("slip.py", "a = 1\nb = = 2\n", "slip.py: SyntaxError: invalid syntax \\(slip.py, line 2\\)"),
        ("fall.py", "a = 1\nb = a / 0\n", "fall.py, line 2: ZeroDivisionError: division by zero"),
        ("need.py", "import no_such_module\n", "need.py, line 1: ModuleNotFoundError"),
        (
            "twice.py",
            "from eshi.ground.registry import LOSSES\n@LOSSES.register('bce')\nclass B: ...\n",
            "more than one loss is called 'bce': eshi.training.losses.BCE and twice.B",
        ),
    ],
)
def test_a_file_that_brings_nothing_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(EshiError, match=message):
        plugin(name)


def test_constructors_of_ones_own_are_a_schema_too(mine: Path) -> None:
    plugin(mine)
    for sets, message in (
        (["loss.name=mine"], "loss 'mine' needs a value for 'weight'"),
        (["loss.name=mine", "loss.weight=x"], "loss 'mine': weight: 'x' is not a number"),
        ([*SETS, "loss.steps=[1, x]"], "loss 'mine': steps: 'x' is not a whole number"),
        (["generator.name=mine"], "generator 'mine' takes no 'size'"),
        (["generator.size=32"], "generator 'dcgan' takes no 'size'"),
        (["augment.name=mine"], "augmentation 'mine': its annotations cannot be read: name 'Tensor' is not defined"),
    ):
        with pytest.raises(EshiError, match=message):
            recipe.load("demo", sets).check()


def package(folder: Path, text: str) -> None:
    """As pip would have put it there."""
    (folder / "jane_parts.py").write_text(text)
    info = folder / "jane_parts-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: jane-parts\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[eshi.parts]\nlosses = jane_parts\n")


def test_an_installed_package_brings_its_parts_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, LOSS.replace("from neighbour import HALF", "HALF = 1"))
    monkeypatch.syspath_prepend(tmp_path)
    installed.cache_clear()
    monkeypatch.setattr(LOSSES, "filled", False)
    assert recipe.load("demo", SETS).check().plugins == ["jane-parts"]


def test_an_installed_package_that_breaks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    installed.cache_clear()
    monkeypatch.setattr(LOSSES, "filled", False)
    with pytest.raises(EshiError, match="the parts of 'jane-parts' cannot be loaded: ZeroDivisionError") as raised:
        LOSSES.fill()
    assert raised.value.hint.endswith("pip uninstall jane-parts")


def test_what_a_script_or_a_notebook_registers_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    part = type("Part", (), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/somewhere/my_script.py", raising=False)
    assert registry.source(part) == "my_script.py"
    monkeypatch.delattr(sys.modules["__main__"], "__file__")
    assert registry.source(part) == "a notebook"
    assert registry.source(type("Part", (), {"__module__": "yaml.nodes"})) == "yaml"
    assert registry.source(registry.GENERATORS["dcgan"]) == ""


FINDER = """
from eshi.ground.registry import FINDERS

@FINDERS.register("middle")
class Middle:
    def __init__(self, smallest: int = 48): ...
    def __call__(self, pixels):
        height, width = pixels.shape[:2]
        return [(width // 4, height // 4, width // 2, height // 2, 1.0)]
"""


def test_every_verb_takes_a_file_of_parts(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(registry.FINDERS, "parts", dict(registry.FINDERS.fill()))
    assert run(["recipes", "demo", "--plugin", str(mine), *[word for key in SETS for word in ("--set", key)]]) == 0
    assert "parts/my_loss.py" in capsys.readouterr().out
    (tmp_path / "my_finder.py").write_text(FINDER)
    image.save(np.zeros((200, 200, 3), np.uint8), tmp_path / "pictures" / "a.png")
    assert run(["crop", "pictures", "--finder", "middle", "--plugin", "my_finder.py"]) == 0
    assert (tmp_path / "faces" / "a.png-0.png").exists()
    assert run(["crop", "pictures", "--plugin", "gone.py"]) == 2
    assert "there is no Python file gone.py" in capsys.readouterr().err
