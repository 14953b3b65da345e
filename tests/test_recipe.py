"""Recipes are strict, and each shipped one trains, resumes and draws."""

from pathlib import Path

import pytest
import yaml

from eshi import recipe
from eshi.ground.errors import EshiError

SHIPPED = sorted(recipe.shipped())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_are_whole_and_say_where_they_come_from(name: str) -> None:
    found = recipe.load(name).check()
    assert len(found.about.split("\n")) > 1
    assert recipe.parse(yaml.safe_load(found.yaml())) == found
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
        ("g_adam.rl=1", "unknown key 'rl'", "did you mean 'lr'?"),
        ("generator.widht=4", "takes no 'widht'", "did you mean 'width'?"),
        ("generator.name=dcgam", "no generator called 'dcgam'", "did you mean 'dcgan'?"),
        ("loss.name=bec", "no loss called 'bec'", "did you mean 'bce'?"),
        ("discriminator.head=cnov", "'cnov' is not a choice", "did you mean 'conv'?"),
        ("batch=many", "'many' is not a whole number", ""),
        ("batch=0", "batch: 0 is below 1", ""),
        ("images=soon", "'soon' is no length", "20epochs"),
        ("size=2.5", "2.5 is not", ""),
        ("batch", "that is no a.b=c", "--set batch=64"),
        ("batch.size=4", "'batch' has no parts", ""),
        ("data.holdout=1", "is not a share", ""),
    ],
)
def test_typos_are_errors_with_a_suggestion(override: str, message: str, hint: str) -> None:
    with pytest.raises(EshiError, match=message) as raised:
        recipe.load("dcgan-64", [override]).check()
    assert hint in raised.value.hint


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
    ],
)
def test_a_file_that_is_no_recipe(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(EshiError, match=message):
        recipe.load(tmp_path / "mine.yaml")


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
