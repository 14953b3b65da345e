"""The guard knows dead runs from live ones, and does with a dying run what the recipe says, no less and no more."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from eshi import recipe
from eshi.cli import run as command
from eshi.gather.faceset import faceset
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.judging import guard
from eshi.judging.watch import Watch, area, norm
from eshi.networks.engine import choose
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.run.logbook import judgements, log
from eshi.training.loop import train
from eshi.training.pupils import pupils

RECORDED = json.loads((Path(__file__).parent / "guard_runs.json").read_text())


def rows(scores: list[float], diversity: float = 0.9, separation: float = 0.8) -> list[dict[str, Any]]:
    values = {"ranked_by": "fd", "diversity": diversity, "separation": separation}
    return [{"images": 1000 * (i + 1), "fd": score} | values for i, score in enumerate(scores)]


def states(judged: list[dict[str, Any]]) -> list[str]:
    return [guard.health(judged[: i + 1]).state for i in range(len(judged))]


def test_falling_scores_are_learning() -> None:
    assert set(states(rows([100, 90, 85, 86, 80, 70]))) == {"learning"}


def test_a_score_that_stays_is_a_plateau_and_no_death() -> None:
    found = states(rows([100, 60, 50] + [51, 52] * 6))
    assert found[-1] == "plateau"
    assert not any(guard.dying(found[:i], 2) for i in range(len(found) + 1))


def test_the_state_says_what_happened() -> None:
    good = rows([100, 60, 50])
    worse = rows([100, 60, 50, 90])[-1:]
    assert states(good + worse)[-1] == "diverged"
    assert states([*good, worse[0] | {"diversity": 0.2}])[-1] == "collapsed"
    assert states([*good, worse[0] | {"separation": 1.0}])[-1] == "D winning"


def test_a_run_that_never_begins_is_noticed() -> None:
    assert guard.dying(states(rows([100.0, 101, 99, 100] * 4)), 2)


def test_a_run_that_was_rolled_back_need_not_begin_again() -> None:
    before, since = rows([100, 80, 60]), rows([61.0, 60] * 8)
    assert guard.health(since, before).state == "plateau"
    assert guard.health(since).state in guard.BAD


def test_one_bad_judgement_is_not_a_death() -> None:
    assert not guard.dying(["learning", "collapsed"], 2)
    assert not guard.dying(["collapsed", "learning", "diverged"], 2)
    assert guard.dying(["learning", "collapsed", "diverged"], 2)


def test_every_bad_state_has_advice_that_is_a_command() -> None:
    for state in guard.BAD:
        assert "--set " in guard.advice(state, 2e-4, 2e-4)


@pytest.mark.parametrize("name", RECORDED["healthy"])
def test_recorded_healthy_runs_raise_no_alarm(name: str) -> None:
    judged = RECORDED["healthy"][name]
    found = states(judged)
    assert len(judged) >= 20
    assert not any(guard.dying(found[: i + 1], 2) for i in range(len(found)))


@pytest.mark.parametrize("name", RECORDED["dead"])
def test_recorded_deaths_are_noticed_within_three_judgements_of_their_onset(name: str) -> None:
    """`onset` was set by looking at the sheets, before the guard was asked."""
    judged, onset = RECORDED["dead"][name]["rows"], RECORDED["dead"][name]["onset"]
    found = states(judged)
    alarm = next(i for i in range(len(found)) if guard.dying(found[: i + 1], 2))
    first = next(i for i, row in enumerate(judged) if row["images"] >= onset)
    assert alarm - first < 3
    best = min(judged[: alarm + 1], key=lambda row: row[row["ranked_by"]])
    assert best["images"] <= onset


@pytest.mark.parametrize("name", RECORDED["never"])
def test_a_recorded_run_that_never_began_is_noticed_soon_after_it_should_have(name: str) -> None:
    found = states(RECORDED["never"][name])
    alarm = next(i for i in range(len(found)) if guard.dying(found[: i + 1], 2))
    assert guard.START <= alarm + 1 <= guard.START + 3


def test_the_area_is_the_chance_of_the_right_order() -> None:
    assert area(torch.tensor([2.0, 3.0]), torch.tensor([0.0, 1.0])) == 1
    assert area(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])) == 0.5
    assert area(torch.tensor([0.0]), torch.tensor([1.0])) == 0


@pytest.fixture
def stuck(tiny: Recipe) -> Recipe:
    """G never learns: a death that needs no luck."""
    sets = ["g_adam.lr=0", "images=208", "every.sample=320", "judge.every=16", "judge.drawings=20", "judge.budget=1"]
    return recipe.parse(tiny.as_dict(), sets)


def with_action(r: Recipe, action: str) -> Recipe:
    return dataclasses.replace(r, guard=dataclasses.replace(r.guard, action=action))


def test_a_dying_run_is_stopped_and_says_why(faces: Path, stuck: Recipe, tmp_path: Path) -> None:
    with pytest.raises(EshiError, match="no nearer to faces than at first") as raised:
        train(faces, stuck, tmp_path / "run")
    assert raised.value.code == 1
    assert "eshi draw" in raised.value.hint
    events = [row for row in log(tmp_path / "run") if row.get("event") == "stopped"]
    assert len(events) == 1
    assert events[0]["images"] < 208
    assert (tmp_path / "run" / "best.pt").exists()
    before = checkpoint.load(tmp_path / "run")["step"]
    with pytest.raises(EshiError, match="the guard stopped"):  # the same command does not go on by itself
        train(faces, stuck, tmp_path / "run")
    assert checkpoint.load(tmp_path / "run")["step"] == before
    train(faces, with_action(stuck, "warn"), tmp_path / "run")
    assert checkpoint.load(tmp_path / "run")["step"] == 26


def test_a_rollback_is_the_best_step_with_a_slower_d(dying: Recipe, dead: Path) -> None:
    events = [row["event"] for row in log(dead) if "event" in row]
    assert events.count("rolled back") == dying.guard.times
    assert events[-1] == "stopped"
    rates = [group["lr"] for group in checkpoint.load(dead)["opt_D"]["param_groups"]]
    assert rates == [pytest.approx(dying.d_adam.lr / 4**dying.guard.times)]


def test_judging_changes_nothing_that_is_learned(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    often = recipe.parse(tiny.as_dict(), ["judge.every=32", "judge.drawings=20", "judge.budget=1"])
    never = recipe.parse(tiny.as_dict(), ["judge.every=0"])
    a, b = checkpoint.load(train(faces, often, tmp_path / "a")), checkpoint.load(train(faces, never, tmp_path / "b"))
    assert all(torch.equal(a[part][key], b[part][key]) for part in ("G", "D", "G_ema") for key in a[part])
    assert len(judgements(log(tmp_path / "a"))) == 5
    assert not judgements(log(tmp_path / "b"))
    assert not (tmp_path / "b" / "best.pt").exists()


def test_a_run_that_goes_on_remembers_its_judgements(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    tiny = recipe.parse(tiny.as_dict(), ["judge.every=32", "judge.drawings=20", "judge.budget=1"])
    train(faces, dataclasses.replace(tiny, images="80"), tmp_path / "parts")
    train(faces, tiny, tmp_path / "parts")
    train(faces, tiny, tmp_path / "whole")
    scores = [
        {row["images"]: row["fd_lite0"] for row in judgements(log(tmp_path / name))} for name in ("parts", "whole")
    ]
    assert {k: v for k, v in scores[0].items() if k in scores[1]} == scores[1]
    assert (
        checkpoint.load(tmp_path / "parts" / "best.pt")["images"]
        == checkpoint.load(tmp_path / "whole" / "best.pt")["images"]
    )


def test_scores_against_other_faces_are_not_compared(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    shutil.copytree(faces, tmp_path / "faces", ignore=shutil.ignore_patterns(".eshi"))
    often = ["judge.every=32", "judge.drawings=20", "judge.budget=1"]
    folder = train(tmp_path / "faces", recipe.parse(tiny.as_dict(), often), tmp_path / "run")
    first = judgements(log(folder))
    for i in range(40):
        image.save(np.random.default_rng(i).integers(0, 256, (48, 48, 3), np.uint8), tmp_path / "faces" / f"new{i}.png")
    train(tmp_path / "faces", recipe.parse(tiny.as_dict(), [*often, "images=256"]), folder)
    since = judgements(log(folder))
    assert [row["images"] for row in since] == [192, 224, 256]  # the five before were another measure
    assert since[0]["content"] != first[0]["content"]
    best = min(since, key=lambda row: row["fd_lite0"])
    assert checkpoint.load(folder / "best.pt")["images"] == best["images"]
    assert since[0]["state"] == "learning"


def test_the_judge_keeps_to_its_budget(faces: Path, tiny: Recipe) -> None:
    engine, shown = choose("cpu", "fp32"), faceset(faces, (16, 16))
    watch = Watch(recipe.parse(tiny.as_dict(), ["judge.every=80"]), shown, engine)
    assert watch.affordable(0)  # the first shows what they cost
    watch.seconds, watch.price = 4.0, 1.0  # spent so far, and what one more will take
    assert not watch.affordable(99)  # 5 of 99 seconds are more than 5 %
    assert watch.affordable(100)
    watch.recipe = recipe.parse(tiny.as_dict(), ["judge.every=0"])
    assert not watch.affordable(1e9)


def test_the_probe_leaves_d_as_it_was(faces: Path, tiny: Recipe) -> None:
    engine, shown = choose("cpu", "fp32"), faceset(faces, (16, 16))
    who = pupils(tiny, engine)
    before = {key: value.clone() for key, value in who.D.state_dict().items()}
    found = Watch(tiny, shown, engine).probe(who.G, who.D)
    assert all(torch.equal(before[key], value) for key, value in who.D.state_dict().items())
    assert 0 <= found["separation"] <= 1
    assert norm(who.G) == 0  # nothing has learned yet


def test_runs_and_reports_are_on_the_command_line(
    faces: Path, tiny: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    tiny = recipe.parse(tiny.as_dict(), ["judge.every=32", "judge.drawings=20", "judge.budget=1"])
    folder = train(faces, tiny, tmp_path / "runs" / "one")
    capsys.readouterr()
    assert command(["runs", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "finished" in out
    assert "fd_lite0" in out
    assert command(["report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 5000
