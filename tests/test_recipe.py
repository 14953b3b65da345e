"""Recipes are strict, and each shipped one trains, resumes and draws."""

import dataclasses
import itertools
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from eshi import recipe
from eshi.cli import run
from eshi.ground import notation
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.training.loop import train

SHIPPED = sorted(recipe.shipped())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_whole_and_say_where_they_come_from(name: str) -> None:
    found = recipe.load(name).check()
    assert len(found.about.split("\n")) > 1
    assert recipe.parse(notation.read(found.yaml(), name)) == found
    assert "run" not in found.as_dict()


def test_the_table_of_the_write_ups() -> None:
    table = {  # size, batch, latent, prior, G's and D's rate, beta1, turns
        "dcgan-64": (64, 128, 100, "normal", 2e-4, 2e-4, 0.5, (1, 1)),
        "dcgan-96-small": (96, 128, 100, "normal", 1e-4, 1e-5, 0.9, (1, 2)),
        "dcgan-96": (96, 256, 100, "normal", 2e-4, 2e-4, 0.5, (1, 1)),
        "dcgan-paper": (64, 128, 100, "normal", 2e-4, 2e-4, 0.5, (1, 1)),
        "dcgan-cifar10": (64, 512, 100, "normal", 2e-4, 2e-4, 0.5, (1, 1)),
        "residual-96": (96, 100, 72, "uniform", 2e-4, 2e-4, 0.8, (1, 1)),
    }
    for name, row in table.items():
        r = recipe.load(name)
        g, rates = r.generator, (r.g_adam.lr, r.d_adam.lr, r.g_adam.beta1)
        found = (r.size, r.batch, g["latent"], g["prior"], *rates, (r.d_every, r.g_every))
        assert found == row, name


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("btach=4", "unknown key 'btach'", "did you mean 'batch'?"),
        ("g_adam.rl=1", "unknown key 'g_adam.rl'", "did you mean 'lr'?"),
        ("generator.widht=4", "takes no 'widht'", "did you mean 'width'?"),
        ("generator.name=dcgam", "no generator called 'dcgam'", "did you mean 'dcgan'?"),
        ("loss.name=bec", "no loss called 'bec'", "did you mean 'bce'?"),
        ("discriminator.head=cnov", "head cannot be 'cnov'", "did you mean 'conv'?"),
        ("batch=many", "'many' is not a whole number", ""),
        ("batch=0", "batch: 0 is too small", "at least 1"),
        ("images=soon", "'soon' is not a length", "20epochs"),
        ("images=0min", "'0min' is not a length", "30min"),
        ("images=0h00", "'0h00' is not a length", "30min"),
        ("size=2.5", "2.5 is not", ""),
        ("batch", "--set batch: that is not KEY=VALUE", "--set batch=64"),
        ("batch.size=4", "'batch' is a single value", "--set batch=..."),
        ("data.holdout=1", "data.holdout: 1.0 is too large", "below 1"),
        ("g_adam.beta1=1", "g_adam.beta1: 1.0 is too large", "below 1"),
        ("g_adam.lr=-1e-4", "g_adam.lr: -0.0001 is too small", "at least 0"),
        ("g_adam.lr=.nan", "g_adam.lr: nan is not a finite number", ""),
        ("g_adam.lr=", "g_adam.lr: '' is not a number", ""),
        ("data=", "data: '' is not a mapping", "mirror, holdout"),
        ("every.log=0", "every.log: 0 is too small", "at least 1"),
        ("judge.drawings=1000000000", "drawings: 1000000000 is too large", "at most 50,000"),
        ("loss=hinge", "loss: 'hinge' is not a part with a name", "loss: {name: bce}"),
        ("name=../x", "'../x' is not a name for a run", "name: mine"),
        ("name=/etc", "'/etc' is not a name for a run", "name: mine"),
        ("size=0", "size: 0 is too small", "at least 6"),
        ("size=70", "size 70x70 cannot be reached", "near it: 48, 56, 64, 80"),
        ("generator.width=0", "width: 0 is too small", "at least 1"),
        ("discriminator.dropout=1", "dropout: 1.0 is too large", "below 1"),
        ("loss.r1=-1", "r1: -1.0 is too small", "at least 0"),
        ("second.discriminator.width=0", "width: 0 is too small", "at least 1"),
        ("second.discriminator.mix=-1", "mix: -1 is too small", "at least 0"),
        ("..batch=4", "that is not KEY=VALUE", ""),
        ("about=[1", "--set about=.1, line 1: this is not YAML", ""),
    ],
)
def test_typos_are_errors_with_a_suggestion(override: str, message: str, hint: str) -> None:
    with pytest.raises(EshiError, match=message) as raised:
        recipe.load("dcgan-64", [override]).check()
    assert hint in raised.value.hint


def test_the_order_of_overrides_does_not_matter() -> None:
    sets = ["loss.r1=5", "loss.name=hinge", "batch=8", "g_adam={lr: 1, beta1: 0.1}", "g_adam.beta1=0.2"]
    values = recipe.load("dcgan-64").as_dict()
    for order in itertools.permutations(sets):
        found = recipe.parse(values, order)
        assert found.loss == {"name": "hinge", "r1": 5}
        assert (found.batch, found.g_adam) == (8, recipe.Adam(1, 0.2))


def test_the_order_does_not_matter_in_a_section_of_a_section_either() -> None:
    sets = ["second.loss.r1=5", "second.loss.name=bce", "second.loss={name: wgan-gp, penalty: 2}", "second={weight: 2}"]
    for order in itertools.permutations(sets):
        second = recipe.parse({}, order).second
        assert second is not None
        assert (second.weight, second.loss) == (2, {"name": "bce", "r1": 5})


def test_an_option_of_a_part_that_the_recipe_does_not_mention_is_its_usual_parts() -> None:
    assert recipe.load("dcgan-64", ["augment.name=diff", "augment.shift=0.2"]).augment == {"name": "diff", "shift": 0.2}
    assert recipe.parse({}, ["loss.r1=2"]).loss == {"name": "bce", "r1": 2}


def test_overrides_reach_every_level() -> None:
    found = recipe.load("dcgan-64", ["size=[64,96]", "g_adam.lr=1e-3", "loss.name=hinge", "images=20epochs"]).check()
    assert found.width_height == (64, 96)
    assert found.g_adam.lr == 1e-3
    assert found.loss == {"name": "hinge"}


def test_another_part_does_not_inherit_the_old_ones_options() -> None:
    assert recipe.load("demo", ["loss.name=wgan-gp"]).check().loss == {"name": "wgan-gp"}


@pytest.mark.parametrize(
    ("images", "length"),
    [("300", 300), ("400k", 400_000), ("2.5M", 2_500_000), ("20epochs", 20_000), ("1epoch", 1_000)],
)
def test_lengths(images: str, length: int) -> None:
    assert recipe.load("demo", [f"images={images}"]).length(1_000) == length


def test_scientific_notation_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("g_adam: {lr: 2e-4}\nd_adam: {lr: 1e-05}\nimages: 300\n")
    found = recipe.load(tmp_path / "mine.yaml")
    assert (found.name, found.g_adam.lr, found.d_adam.lr, found.images) == ("mine", 2e-4, 1e-5, "300")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "mine.yaml, line 1: this is not YAML"),
        ("- 1\n- 2\n", "a recipe is a mapping"),
        ("\x00", "this is not YAML"),
        ("a: &x [1]\nb: *x", "line 1: this is not YAML that eshi reads: anchors"),
        ("size: 64\nsize: 32", "line 2: this is not YAML that eshi reads: this key is there twice"),
        ("data: {mirror: true, mirror: false}", "this key is there twice"),
        ("data:\n\tmirror: true", "line 2: this is not YAML that eshi reads: a tab"),
        ("size: !!python/object/apply:os.getpid []", "tags"),
        ("64: size", "a key has to be a word"),
        ("size: " + "[" * 30_000, "nested too deeply"),
        ("a: [" + "1," * 20_000 + "]", "larger than 32 kB"),
        ("size: " + "9" * 5_000, "size: inf is not a finite number"),
        ("a: 1\n---\nb: 1", "another document"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(EshiError, match=message):
        recipe.load(tmp_path / "mine.yaml")


def test_what_stands_in_the_place_of_a_recipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(20 << 30)
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    for name in ("pipe", "folder", "huge", "loop", "missing", "\0", "x" * 300):
        with pytest.raises(EshiError):
            recipe.load(tmp_path / f"{name}.yaml")


def test_laughs_end_at_the_first(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    laughs = "a0: &a0 [lol, lol]\n" + "".join(f"a{i + 1}: &a{i + 1} [{f'*a{i}, ' * 9}]\n" for i in range(9))
    (tmp_path / "mine.yaml").write_text(laughs)
    assert run(["recipes", str(tmp_path / "mine.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    shared: Any = ["lol"] * 9  # as a checkpoint can hold it
    for _ in range(30):
        shared = [shared] * 9
    for key in ("size", "about", "loss", "plugins", "guard", "nonsense"):
        with pytest.raises(EshiError) as raised:
            recipe.parse({key: {"name": "bce", "r1": shared} if key == "loss" else shared})
        assert len(str(raised.value)) < 200


def test_a_file_with_an_odd_name_is_told_how_to_get_another(tmp_path: Path) -> None:
    (tmp_path / "a*b.yaml").write_text("size: 32")
    with pytest.raises(EshiError, match=r"name: 'a\*b' is not a name for a run") as raised:
        recipe.load(tmp_path / "a*b.yaml")
    assert raised.value.hint.endswith("for example name: mine")
    assert recipe.load(tmp_path / "a*b.yaml", ["name=mine"]).size == 32
    (tmp_path / "絵師 (2), ok.YAML").write_text("size: 32")
    assert recipe.load(tmp_path / "絵師 (2), ok.YAML").name == "絵師 (2), ok"


def test_what_a_recipe_says_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: 1e-3\nabout: 2020-01-01\nbatch: 010\nloss: {name: bce, r1: 1:30}")
    found = recipe.load(tmp_path / "mine.yaml")
    assert (found.about, found.batch, found.loss["r1"]) == ("2020-01-01", 10, "1:30")
    texts = {"about": "1e-3"}
    assert recipe.parse(notation.read(recipe.parse(texts).yaml(), "")).about == "1e-3"


def test_a_recipe_made_in_python_is_checked_too() -> None:
    for wrong in (Recipe(batch=0), Recipe(loss={"name": object()}), Recipe(size=70), Recipe(g_adam={"lr": -1})):
        with pytest.raises(EshiError):
            wrong.check()


def test_to_draw_no_loss_need_be_known() -> None:
    found = recipe.load("dcgan-64", ["loss.name=lost", "augment.name=lost"])
    assert found.check(recipe.SIZED) == found
    with pytest.raises(EshiError, match="no loss called 'lost'"):
        found.check()


def test_a_size_that_no_network_reaches_is_refused_before_the_faces_are_packed(tmp_path: Path) -> None:
    with pytest.raises(EshiError, match="size 70x70 cannot be reached"):
        train(tmp_path, recipe.load("demo", ["size=70"]), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_recipes_shows_no_typo(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["recipes", "demo", "--set", "generator.widht=3"]) == 2
    assert "takes no 'widht'" in capsys.readouterr().err
    (tmp_path / "mine.yaml").write_text("loss: {name: bec}")
    assert run(["recipes", str(tmp_path / "mine.yaml")]) == 2
    assert "did you mean 'bce'?" in capsys.readouterr().err


def test_an_unknown_recipe_suggests_the_nearest() -> None:
    with pytest.raises(EshiError, match="no recipe called 'dcgan64'") as raised:
        recipe.load("dcgan64")
    assert "did you mean 'dcgan-64'?" in raised.value.hint


def test_differences_name_the_key_and_both_values() -> None:
    a, b = recipe.load("dcgan-64"), recipe.load("dcgan-64", ["batch=64", "generator.width=32"])
    assert recipe.differences(a.as_dict(), b.as_dict()) == ["batch: 128 -> 64", "generator.width: 64 -> 32"]


def test_a_run_goes_on_with_what_changes_nothing_that_is_learned() -> None:
    old = recipe.load("dcgan-64")
    free = {
        "name": "renamed", "about": "x", "images": "2M", "every.log": "1", "every.sample": "2", "every.save": "3",
        "judge.every": "4", "judge.budget": "0.5", "guard.action": "warn", "guard.patience": "5", "guard.times": "6",
        "engine.device": "cpu",
    }  # fmt: skip
    new = recipe.load("dcgan-64", [f"{key}={value}" for key, value in free.items()])
    assert len(recipe.differences(old.as_dict(), new.as_dict())) == len(free)
    assert recipe.refused(old, new) == []


def test_every_other_key_is_kept_for_life() -> None:
    old = recipe.load("dcgan-64")
    changes = {
        "size": "32", "batch": "64", "seed": "1", "d_every": "2", "g_every": "2", "ema": "5", "generator.width": "8",
        "discriminator.width": "8", "loss.r1": "1", "augment.name": "diff", "g_adam.lr": "1", "g_adam.beta1": "0.1",
        "g_adam.beta2": "0.1", "d_adam.lr": "1", "d_adam.beta1": "0.1", "d_adam.beta2": "0.1", "data.mirror": "true",
        "data.holdout": "0.1", "judge.drawings": "50", "engine.precision": "bf16",
    }  # fmt: skip
    for key, value in changes.items():
        (line,) = recipe.refused(old, recipe.load("dcgan-64", [f"{key}={value}"]))
        assert line.startswith(f"{key}: "), line


# Whatever stands in a recipe: it means the same when it is read again, or the user is told in two lines.


def keys(kind: type, prefix: str = "") -> list[str]:
    found = []
    for entry in dataclasses.fields(kind):
        inner = isinstance(entry.default_factory, type) and dataclasses.is_dataclass(entry.default_factory)
        found += [f"{prefix}{entry.name}"] + (keys(entry.default_factory, f"{entry.name}.") if inner else [])
    return found


KEYS = [*keys(Recipe), "generator.width", "discriminator.head", "loss.r1", "loss.name", "augment.x", "x"]
KEYS += [f"second.{key}" for key in keys(recipe.Second)]
DEEP = ["second.loss.name", "second.loss.r1", "second.loss.r1.x", "second.adam.x", "a.b.c.d.e"]
WORDS = some.sampled_from(
    ["none", "dcgan", "bce", "cpu", "auto", "stop", "3k", "2epochs", "1e-3", "yes", "~", "[1, 2]"]
)
ATOMS = some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary(max_size=3) | WORDS
VALUES = some.recursive(
    ATOMS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=5) | ATOMS, inner, max_size=4),
    max_leaves=10,
)
quick = settings(max_examples=80, derandomize=True, deadline=None)


def means_the_same_again(values: Any, sets: list[str]) -> None:
    start = time.process_time()
    try:
        found = recipe.parse(values, sets)
    except EshiError as error:
        told = (str(error), error.hint)
        assert all(line.isprintable() and len(line) < 300 for line in told)
    else:
        assert recipe.parse(notation.read(found.yaml(), "")) == found
        assert recipe.refused(found, recipe.parse(found.as_dict())) == []
    assert time.process_time() - start < 2


@quick
@given(some.sampled_from(KEYS), VALUES)
@example("about", "a\x85b\u2028c")  # line breaks that PyYAML writes as they are and reads as spaces
@example("loss.r1", float("nan"))
@example("second.loss", {"name": "bce", "r1": [[1]]})
def test_any_value_of_any_key(key: str, value: Any) -> None:
    section, _, option = key.rpartition(".")
    inside = {"name": "dcgan"} if section in recipe.PARTS else {}
    means_the_same_again({section: inside | {option: value}} if section else {key: value}, [])


@quick
@given(
    some.lists(
        some.tuples(some.sampled_from(KEYS + DEEP) | some.text(max_size=8), WORDS | some.text(max_size=20)), max_size=3
    )
)
def test_any_overrides(sets: list[tuple[str, str]]) -> None:
    means_the_same_again({}, [f"{key}={value}" for key, value in sets])


@quick
@given(some.binary(max_size=60) | some.text("{}[]:,-&*!|>'\"%@`#? \n\tab12.", max_size=60).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    try:
        values = notation.read(data, "it")
    except EshiError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        means_the_same_again(values, [])
