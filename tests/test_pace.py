"""How fast G learns."""

import math
from pathlib import Path

import pytest
from test_recorder import CPU, Taped, Work, assert_same, learned, steady
from test_train import longer, same

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.training.learn import learn, rate
from eshi.training.loop import train
from eshi.training.pupils import pupils
from eshi.training.recorder import WARM, Recorder


def test_the_rate_stays_and_then_falls_with_the_square_root_of_the_images(tiny: Recipe) -> None:
    of = recipe.parse(tiny.as_dict(), ["steady=1000", "g_adam.lr=4e-4"])
    assert {rate(of, images) for images in (0, 1, 500, 1000)} == {4e-4}
    assert rate(of, 4_000) == pytest.approx(2e-4)
    assert rate(of, 64_000) == pytest.approx(5e-5)
    for images in range(1_001, 200_000, 997):  # in stairs, none of them as high as a tenth
        assert 1 <= rate(of, images) / (4e-4 * math.sqrt(1_000 / images)) < 1.1
    assert rate(recipe.parse(of.as_dict(), ["steady=0"]), 10**9) == 4e-4
    with pytest.raises(EshiError, match="steady"):
        recipe.parse(of.as_dict(), ["steady=-1"])


def test_only_g_slows_down_and_a_stop_changes_no_bit(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    of = recipe.parse(tiny.as_dict(), ["steady=40", "augment.name=diff", "loss.r1=1"])
    whole = train(faces, of, tmp_path / "whole")
    train(faces, longer(of, "72"), tmp_path / "parts")
    assert same(whole, train(faces, of, tmp_path / "parts"))
    state = checkpoint.load(whole)
    rates = {part: state[part]["param_groups"][0]["lr"] for part in ("opt_G", "opt_D")}
    assert rates == {"opt_G": rate(of, 152), "opt_D": of.d_adam.lr}
    assert rates["opt_G"] < 0.6 * of.g_adam.lr
    assert not same(whole, train(faces, recipe.parse(of.as_dict(), ["steady=0"]), tmp_path / "steady"))


def test_a_recorded_step_is_recorded_anew_for_another_rate(faces: Path, tiny: Recipe) -> None:
    of = recipe.parse(tiny.as_dict(), ["steady=80"])
    who, shown, recorded = pupils(of, CPU), faceset(faces, (16, 16)), []

    def tape(work: Work) -> Taped:
        its = who.opt_G.param_groups[0]["lr"]
        recorded.append(its)
        play, found = steady(work)

        def played() -> None:
            assert who.opt_G.param_groups[0]["lr"] == its, "a step with the rate of before was played"
            play()

        return played, found

    who.recorder = Recorder(who.changes, tape)
    for step in range(40):
        learn(of, CPU, who, shown, step)
    longest = [its for its in recorded if sum(rate(of, 8 * step) == its for step in range(40)) > WARM]
    assert longest == recorded == sorted(set(recorded), reverse=True)
    assert len(recorded) > 4
    assert_same(who, learned(of, faces, 40)[0])
