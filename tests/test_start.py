"""How long a run is to be, and what it begins from."""

import dataclasses
import time
from pathlib import Path

import pytest
import torch

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.run.logbook import log
from eshi.training import start
from eshi.training.loop import train


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("90s", 90), ("30min", 1800), ("2h", 7200), ("1h30", 5400), ("1h30min", 5400), ("1.5h", 5400), ("400k", 0)],
)
def test_a_length_may_be_a_time(words: str, seconds: float) -> None:
    assert recipe.load("demo", [f"images={words}"]).seconds == seconds


def test_a_length_in_time_is_counted_once_and_then_kept(
    faces: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "MEASURED", 0.2)
    run = train(faces, tiny, tmp_path / "run", images="1s")
    counted = recipe.load(run / "recipe.yaml").images
    assert 0 <= checkpoint.load(run)["images"] - int(counted) < 8
    train(faces, tiny, run, images="1s")  # the same command again: it stands where it stood
    assert recipe.load(run / "recipe.yaml").images == counted
    whole = train(faces, tiny, tmp_path / "whole", images=counted)  # measuring left no trace
    one, two = (checkpoint.load(folder)["G"] for folder in (run, whole))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_speed_measured_beside_other_programs_says_so(
    faces: Path,
    tiny: Recipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    share: float,
) -> None:
    monkeypatch.setattr(start, "MEASURED", 0.1)
    monkeypatch.setattr(start.time, "process_time", lambda: share * time.monotonic() * torch.get_num_threads())
    train(faces, tiny, tmp_path / "run", images="1s")
    assert ("other programs are busy" in capsys.readouterr().err) == (share < 0.5)


def test_a_run_may_begin_with_anothers_weights(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    before = train(faces, dataclasses.replace(tiny, images="40"), tmp_path / "before")
    still = recipe.parse(tiny.as_dict(), ["g_adam.lr=0", "d_adam.lr=0", "images=8"])
    run = train(faces, still, tmp_path / "run", start=str(before))
    drawn, taken = checkpoint.load(before)["G_ema"], checkpoint.load(run)["G"]
    assert all(torch.equal(drawn[n], taken[n]) for n in drawn if not n.endswith(("mean", "var", "tracked")))
    assert "40 images" in log(run)[0]["from"]
    wider = recipe.parse(still.as_dict(), ["discriminator.width=8"])
    with pytest.raises(EshiError, match="D of") as raised:
        train(faces, wider, tmp_path / "wider", start=str(before))
    assert f"--from {before}:G" in raised.value.hint
    train(faces, wider, tmp_path / "wider", start=f"{before}:G")
    with pytest.raises(EshiError, match="G of"):
        train(faces, recipe.parse(still.as_dict(), ["generator.width=8"]), tmp_path / "c", start=f"{before}:G")
    reminded = train(faces, recipe.parse(still.as_dict(), ["generator.remind=true"]), tmp_path / "d", start=str(before))
    more = checkpoint.load(reminded)["G"]  # layers that the other has not begin anew
    assert {n for n in more if n not in taken} == {"reminders.0.0.weight", "reminders.0.0.bias"}
    assert all(torch.equal(drawn[n], more[n]) for n in drawn if not n.endswith(("mean", "var", "tracked")))
    state = checkpoint.load(reminded)
    del state["G_ema"]["reminders.0.0.weight"]  # one that had them and has lost one is broken
    torch.save(state, tmp_path / "broken.pt")
    with pytest.raises(EshiError, match=r"G of .*broken.*reminders.0.0.weight"):
        train(faces, recipe.load(reminded / "recipe.yaml"), tmp_path / "e", start=str(tmp_path / "broken.pt"))


@pytest.mark.parametrize("shards", [1, 2])
def test_what_is_even_stays_so_from_its_beginning_on(faces: Path, tiny: Recipe, tmp_path: Path, shards: int) -> None:
    """Begun with weights that are not, in its average too, and with each weight learned by another shard."""
    before = train(faces, dataclasses.replace(tiny, images="8"), tmp_path / "before")
    even = recipe.parse(tiny.as_dict(), ["generator.even=true", f"engine.shards={shards}", "images=24"])
    state = checkpoint.load(train(faces, even, tmp_path / "run", start=f"{before}:G"))
    first = checkpoint.load(before)["G_ema"]
    for name in ("layers.1.weight", "layers.4.weight"):  # up to 8 px, and to 16
        assert uneven(first[name]) > 0.1
        assert uneven(state["G"][name]) < 1e-5
        assert uneven(state["G_ema"][name]) < 1e-5


def uneven(weight: torch.Tensor) -> float:
    """How much the sums that pixels meet differ by their place."""
    sums = torch.stack([weight[:, :, row::2, column::2].sum((2, 3)) for row in (0, 1) for column in (0, 1)])
    return float((sums - sums.mean(0)).norm() / sums.norm())
