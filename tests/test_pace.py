"""How fast G learns, and from how near the teachers look."""

import math
from pathlib import Path

import pytest
import torch
from test_recorder import CPU, Taped, Work, assert_same, learned, steady
from test_train import longer, same

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.training.augment import DiffAugment, zoomed
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
    of = recipe.parse(tiny.as_dict(), ["steady=40", "augment.name=diff", "augment.zoom=2", "loss.r1=1"])
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


def ramp(side: int, count: int) -> torch.Tensor:
    """Pictures of their own coordinates: column, row, both."""
    along = torch.arange(side, dtype=torch.float32).expand(side, side)
    return torch.stack([along, along.T, along + along.T]).repeat(count, 1, 1, 1)


def test_what_is_enlarged_is_a_part_of_the_picture() -> None:
    torch.manual_seed(0)
    side, count = 32, 400
    shown = zoomed(ramp(side, count), 2.0)
    columns, rows = shown[:, 0, 5], shown[:, 1, :, 7]  # a column says the same in every row
    assert torch.allclose(shown[:, 0], columns[:, None].expand(count, side, side), atol=1e-4)
    assert torch.allclose(shown[:, 2], shown[:, 0] + shown[:, 1], atol=1e-3)
    inner = slice(2, side - 2)  # beyond its border a picture goes on as it ends
    across, down = columns[:, inner].diff(dim=1), rows[:, inner].diff(dim=1)
    share = across.mean(dim=1)
    assert torch.allclose(across, share[:, None].expand_as(across), atol=1e-4)
    assert torch.allclose(down, across, atol=1e-4)  # no picture is stretched
    assert 0.5 <= share.min() < 0.52
    assert 0.98 < share.max() <= 1
    assert share.log2().mean() == pytest.approx(-0.5, abs=0.05)  # any size as likely as twice that size
    middle = columns.mean(dim=1)
    assert shown.min() >= 0
    assert middle.mean() == pytest.approx((side - 1) / 2, abs=0.5)  # from anywhere
    assert middle.min() < side / 4 + 1
    assert middle.max() > 3 * side / 4 - 2
    assert torch.corrcoef(torch.stack([middle, rows.mean(dim=1)]))[0, 1].abs() < 0.15


def test_enlarging_has_gradients_and_leaves_no_mark_where_it_is_not_asked_for() -> None:
    images = torch.rand(3, 3, 8, 12, dtype=torch.float64, requires_grad=True)

    def same_chance(images: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)
        return zoomed(images, 3.0)

    assert torch.autograd.gradcheck(same_chance, images)
    torch.manual_seed(1)
    usual = DiffAugment()(images)
    torch.manual_seed(1)
    assert torch.equal(usual, DiffAugment(zoom=1.0)(images))
    with pytest.raises(EshiError, match="zoom"):
        recipe.load("dcgan-64", ["augment.name=diff", "augment.zoom=0.5"]).check()
