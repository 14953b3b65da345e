"""The generator that comes with eshi: it draws with no run in sight, and stands back behind one of its name."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from untrained import kept, made

import eshi
from eshi import recipe
from eshi.artist import Artist, typical
from eshi.cli import run as command
from eshi.explore import wish
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import checkpoint, shipped
from eshi.run.logbook import log
from eshi.training.loop import train


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_small_and_says_where_it_comes_from() -> None:
    assert shipped.WEIGHTS.stat().st_size + shipped.DIRECTIONS.stat().st_size < 5_000_000
    told = shipped.state()["shared"]
    assert told["scores"][told["scores"]["ranked_by"]] > 0
    assert "eshi paint" in told["credits"]


def test_it_draws_with_no_run_in_sight(nowhere: Path) -> None:
    drawn = eshi.draw(count=4)
    assert drawn.out == Path("runs/painted/drawn/4-seed0.png")
    assert drawn.step.startswith("painted, ")
    assert np.ptp(drawn.images.reshape(4, -1), axis=1).min() > 100
    assert eshi.edit(seed=7, set={"hair": "pink"}).out  # its directions came along
    assert eshi.walk(seeds=[1, 2], frames=3).out
    assert eshi.mix("painted", "1 + 2").out
    assert eshi.favourites("painted", "add", 7, name="miku").favourites == {"miku": 7}
    assert eshi.draw(seed="miku").numbers == ["miku"]
    red, blue = (eshi.draw(count=16, labels={"hair": hair}).images.mean((0, 1, 2)) for hair in ("red", "blue"))
    assert (red - blue)[0] > 20
    assert (blue - red)[2] > 20
    assert {path.name for path in nowhere.iterdir()} == {"runs"}


def test_what_it_cannot_it_says(capsys: pytest.CaptureFixture) -> None:
    for words in (["look", "painted"], ["draw", "--search", "9", "--count", "1", "--by", "D"]):
        assert command(words) == 2
        said = capsys.readouterr().err
        assert "the generator that comes with eshi has no D" in said
        assert "--from painted" in said


def test_a_run_of_its_name_comes_first(nowhere: Path) -> None:
    Path("painted").mkdir()  # a folder that is no run, such as one of faces, is not meant
    own = eshi.draw(count=1)
    kept(made(), nowhere / "painted")
    mine = eshi.draw("painted", count=1)
    assert mine.out == Path("painted/drawn/1-seed0.png")
    assert mine.images.shape != own.images.shape
    assert eshi.draw(count=1).out == mine.out
    shutil.copy(nowhere / "painted" / "last.pt", nowhere / "one.pt")
    shutil.rmtree("painted")
    shutil.move("one.pt", "painted")
    assert eshi.draw("painted", count=1).step == "painted, 0 images"
    np.testing.assert_array_equal(eshi.draw("painted", count=1).images, mine.images)


def without_labels(sets: list[str]) -> Recipe:
    """Its recipe, for faces of which nothing is known."""
    return replace(recipe.parse(shipped.state()["recipe"], sets), labels=None)


def test_a_new_run_begins_with_it(faces: Path) -> None:
    state = shipped.state()
    still = without_labels(["images=2", "batch=2", "g_adam.lr=0", "judge.every=0", "ema=0"])
    folder = train(faces, still, "run", start="painted")
    taken = checkpoint.load(folder)["G"]
    weights = [name for name in taken if not name.endswith(("mean", "var", "tracked"))]
    assert state["G"].keys() - taken.keys() == {"words.weight"}
    assert all(torch.equal(state["G"][name], taken[name]) for name in weights)
    assert "painted (G alone)" in log(folder)[0]["from"]
    other = recipe.parse(still.as_dict(), ["generator.width=8"])
    with pytest.raises(EshiError, match="G of painted does not fit") as raised:
        train(faces, other, "other", start="painted")
    assert state["recipe"]["name"] in raised.value.hint


def test_a_recipe_may_begin_with_it(faces: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["images=2", "batch=2", "g_adam.lr=0", "judge.every=0", "ema=0", "begin=painted"]
    still = without_labels(sets)
    taken = f"painted (G alone), {shipped.state()['images']:,} images"

    def begun(of: Recipe, name: str, start: str | None = None) -> tuple[str, str]:
        folder = train(faces, of, name, start=start)
        return log(folder)[0].get("from", ""), recipe.load(folder / "recipe.yaml").begin

    assert begun(still, "run") == (taken, "painted")
    assert f"it begins with {taken}; --from nothing: without" in capsys.readouterr().err
    assert f"It began with <b>{taken}</b>." in Path("run/report.html").read_text()
    assert begun(still, "anew", "nothing") == ("", "nothing")
    assert "It began with" not in Path("anew/report.html").read_text()
    assert begun(replace(still, images="4"), "anew") == ("", "nothing")  # it goes on, and knows what it began with
    (Path("half") / "samples").mkdir(parents=True)  # a run that was killed before its first checkpoint
    (Path("half") / "recipe.yaml").write_text(still.yaml())
    assert begun(still, "half", "nothing") == ("", "nothing")
    assert begun(still, "after", "anew") == ("anew, 4 images", "nothing")
    with pytest.raises(EshiError, match="no run or checkpoint nothin"):
        begun(still, "typo", "nothin")
    assert not Path("typo").exists()
    capsys.readouterr()
    assert begun(recipe.parse(still.as_dict(), ["generator.width=8"]), "narrow")[0] == ""
    assert "it begins with nothing: G of painted does not fit" in capsys.readouterr().err
    assert recipe.load("eshi-64").begin == "painted"


def test_along_typical_drawings_become_more_like_the_others() -> None:
    """One direction of 64 says how well a face is drawn, and no other measure is taken out of it."""
    who = Artist.load("painted")
    crowd = typical.forms(who.drawn(who.latents(range(5000, 5600))))

    def likeness(amount: str) -> Tensor:
        asked = wish(who, {"typical": amount})
        return typical.nearest(typical.forms(asked.drawn(who.latents(range(100)))), crowd)

    less, plain, more = likeness("-3"), likeness("+0"), likeness("+3")
    assert less.mean() < plain.mean() - 0.005
    assert plain.mean() + 0.005 < more.mean()
    assert (more > less).float().mean() > 0.9
    assert torch.equal(likeness("very"), more)
    with pytest.raises(EshiError, match="typical takes an amount"):
        wish(who, {"typical": "much"})


def test_16_bits_are_enough() -> None:
    who = made()
    state = {name: value.float() for name, value in shipped.halved(who.G.state_dict()).items()}
    z = who.latents(range(50))
    before = who.render(z)
    who.G.load_state_dict(state)
    assert np.abs(who.render(z).astype(int) - before).max() <= 2
