"""What happens between the steps: judged in time, the best kept, kills made up for, nothing of the run lost."""

import dataclasses
import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.judging import guard
from eshi.judging.judge import judge_of, memory, spread
from eshi.judging.watch import Watch
from eshi.networks.engine import choose
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.run.folder import sheets
from eshi.run.logbook import all_judgements, log
from eshi.training import course
from eshi.training.loop import train
from eshi.training.pupils import pupils
from eshi.verbs.judging import judge


def with_sets(r: Recipe, *sets: str) -> Recipe:
    return recipe.parse(r.as_dict(), sets)


def longer(r: Recipe, images: str) -> Recipe:
    return dataclasses.replace(r, images=images)


def events(folder: Path) -> list[str]:
    return [row["event"] for row in log(folder) if "event" in row]


def discs(folder: Path, count: int, first: int = 1000) -> Path:
    for i in range(first, first + count):
        rng = np.random.default_rng(i)
        image.save(rng.integers(0, 256, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1), folder / f"{i}.png")
    return folder


def test_the_last_step_is_judged_whatever_was_due(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    folder = train(faces, with_sets(tiny, "judge.every=1000000", "judge.drawings=20"), tmp_path / "run")
    assert [row["images"] for row in all_judgements(log(folder))] == [160]
    assert checkpoint.load(folder / "best.pt")["images"] == 160


def test_the_price_is_one_judgements_and_survives_a_restart(faces: Path, tiny: Recipe) -> None:
    tiny = with_sets(tiny, "judge.every=1000000", "judge.drawings=20")
    who, shown = pupils(tiny, choose("cpu", "fp32")), faceset(faces, (16, 16))
    watch = Watch(tiny, shown, choose("cpu", "fp32"))
    rows = [watch.look(step, who.G, who.G, who.D).row for step in (1, 2)]
    assert watch.price is not None
    assert sum(row["judge_price"] for row in rows) < watch.seconds  # loading the network was no judgement
    again = Watch(tiny, shown, choose("cpu", "fp32"), rows)
    assert (again.price, again.seconds) == (watch.price, watch.seconds)


def test_sheets_and_a_judgement_come_by_time_too(
    faces: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "EARLY", 1e-3)
    sets = ["every.sample=1000000", "judge.every=1000000", "judge.drawings=20"]
    folder = train(faces, with_sets(tiny, *sets), tmp_path / "run")
    assert [int(sheet.stem) for sheet in sheets(folder)][:2] == [0, 8]
    assert all_judgements(log(folder))[0]["images"] == 8
    assert len(sheets(folder)) < 15  # each after twice as long: no sheet a step


def test_a_judgement_of_an_unjudged_last_step_names_the_best(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    folder = train(faces, with_sets(tiny, "judge.every=1000000", "judge.drawings=20"), tmp_path / "run")
    trained = (folder / "log.jsonl").read_text().splitlines()
    (folder / "log.jsonl").write_text("".join(line + "\n" for line in trained if "ranked_by" not in line))
    (folder / "best.pt").unlink()
    found = judge([folder], count=20)
    assert "the last step had not been judged" in found.named[0]
    assert checkpoint.load(folder / "best.pt")["images"] == 160
    assert judge([folder], count=20).named == []


def test_other_faces_are_refused_unless_they_are_meant(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    mine, run = tmp_path / "mine", tmp_path / "run"
    shutil.copytree(faces, mine, ignore=shutil.ignore_patterns(".eshi"))
    train(mine, longer(tiny, "16"), run)
    others = discs(tmp_path / "others", 40)
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.is_file() and file.name != "recipe.yaml"}
    with pytest.raises(EshiError, match="learned from other faces") as raised:
        train(others, longer(tiny, "24"), run)
    assert "--faces-changed" in raised.value.hint
    assert {name: (run / name).read_bytes() for name in before} == before
    shutil.move(mine, tmp_path / "moved")  # the same faces elsewhere
    train(tmp_path / "moved", longer(tiny, "24"), run)
    discs(tmp_path / "moved", 3)  # more pictures in the same place
    train(tmp_path / "moved", longer(tiny, "32"), run)
    train(others, longer(tiny, "40"), run, faces_changed=True)
    assert checkpoint.load(run)["images"] == 40


def test_a_run_is_never_cut_short_by_forgetting_its_length(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, tiny, tmp_path / "run", images="24")
    train(faces, with_sets(tiny, "images=16"), run)
    assert recipe.load(run / "recipe.yaml").images == "24"
    assert checkpoint.load(run)["images"] == 24
    train(faces, tiny, run, images="32")
    assert checkpoint.load(run)["images"] == 32


def test_faces_nobody_learned_from_are_compared_with_whole(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, with_sets(tiny, "images=16", "data.holdout=0", "judge.every=0"), tmp_path / "run")
    assert "150 training faces" in judge([run], count=20).against  # none was held out, and it says so
    others = discs(tmp_path / "others", 90)
    found = judge([run], against=others, count=20)
    assert found.against.startswith("90 faces of")
    assert len(found.rows) == 1  # no row of training faces: there are none


def test_without_held_out_faces_nothing_is_said_about_copies(faces: Path) -> None:
    shown = faceset(faces, (32, 32))
    facts, _ = memory(shown, judge_of(shown), np.asarray(shown.images[:20]))
    assert (facts["nearest"], facts["copies"]) == (None, None)
    assert "7 held-out" in facts["text"] or "held-out faces" in facts["text"]


def test_a_sample_is_spread_over_the_whole() -> None:
    assert spread(np.arange(100), 3).tolist() == [0, 49, 99]
    assert spread(np.arange(3), 5).tolist() == [0, 1, 2]


def test_scores_against_other_faces_say_nothing_about_having_begun() -> None:
    def judged(score: float, content: str) -> dict[str, Any]:
        return {"ranked_by": "fd", "fd": score, "content": content, "diversity": 0.9, "separation": 0.8, "images": 1}

    before = [judged(200.0, "a")] * 2  # far from other faces, and never nearer to them
    now = [judged(100.0 + i % 2, "b") for i in range(guard.START)]
    assert guard.health(now, before).state in guard.BAD
    assert guard.health(now, [judged(200.0, "a"), judged(50.0, "a")]).state not in guard.BAD


def test_a_page_that_cannot_be_written_ends_no_training(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, longer(tiny, "8"), tmp_path / "run")
    (run / "report.html").unlink()
    (run / "report.html").mkdir()
    train(faces, longer(tiny, "16"), run)
    assert checkpoint.load(run)["images"] == 16


def test_a_kill_before_best_is_renamed_is_made_up_for(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, with_sets(tiny, "images=16", "judge.every=1000000", "judge.drawings=20"), tmp_path / "run")
    (run / "best.pt").unlink()  # its judgement is logged, its weights are in last.pt
    train(faces, with_sets(tiny, "images=16", "judge.every=1000000", "judge.drawings=20"), run)
    assert checkpoint.load(run / "best.pt")["images"] == 16


def test_a_kill_between_a_rollback_and_its_line_is_made_up_for(
    faces: Path, dying: Recipe, dead: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(dead, tmp_path / "run"))
    (back,) = [row for row in log(run) if row.get("event") == "rolled back"]
    rate = checkpoint.load(run)["opt_D"]["param_groups"][0]["lr"]
    assert rate == pytest.approx(dying.d_adam.lr / 4)
    lines = (run / "log.jsonl").read_text().splitlines()
    (run / "log.jsonl").write_text("".join(line + "\n" for line in lines if "rolled back" not in line))
    train(faces, with_sets(dying, "guard.action=warn"), run)
    assert [row["images"] for row in log(run) if row.get("event") == "rolled back"] == [back["images"]]
    assert checkpoint.load(run)["opt_D"]["param_groups"][0]["lr"] == rate


def test_without_a_best_step_there_is_no_going_back(faces: Path, dying: Recipe, tmp_path: Path) -> None:
    def lose_best(run: Path) -> None:
        while not done.is_set():
            (run / "best.pt").unlink(missing_ok=True)
            time.sleep(0.002)

    done = threading.Event()
    thief = threading.Thread(target=lose_best, args=(tmp_path / "run",))
    thief.start()
    try:
        with pytest.raises(EshiError, match="the guard stopped"):
            train(faces, dying, tmp_path / "run")
    finally:
        done.set()
        thief.join()
    assert "rolled back" not in events(tmp_path / "run")


def damaged(run: Path, change: Any) -> None:
    state = torch.load(run / "last.pt", weights_only=True)
    change(state)
    torch.save(state, run / "last.pt")


def other_shapes(state: dict[str, Any]) -> None:
    state["opt_D"]["state"][0]["exp_avg"] = torch.zeros(1)


def no_moments(state: dict[str, Any]) -> None:
    state["opt_G"]["state"][0] = None


def nan_weights(state: dict[str, Any]) -> None:
    next(iter(state["G"].values())).fill_(float("nan"))


def no_discriminator(state: dict[str, Any]) -> None:
    del state["D"]


def words_for_numbers(state: dict[str, Any]) -> None:
    state["images"] = "many"


@pytest.mark.parametrize(
    "change", [other_shapes, no_moments, nan_weights, no_discriminator, words_for_numbers], ids=lambda f: f.__name__
)
def test_a_checkpoint_that_does_not_fit_is_refused(change: Any, faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, longer(tiny, "8"), tmp_path / "run")
    damaged(run, change)
    with pytest.raises(EshiError, match=r"last\.pt"):
        train(faces, longer(tiny, "16"), run)


def test_flipped_bytes_are_noticed(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, longer(tiny, "8"), tmp_path / "run")
    good, rng = (run / "last.pt").read_bytes(), np.random.default_rng(0)
    for _ in range(20):
        bad = bytearray(good)
        for place in rng.integers(0, len(bad), 20):
            bad[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.pt").write_bytes(bad)
        with pytest.raises(EshiError, match=r"bad\.pt"):
            checkpoint.load(tmp_path / "bad.pt")


def test_a_checkpoint_of_the_first_format_keeps_its_slower_d(dead: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(dead, tmp_path / "run"))

    def older(state: dict[str, Any]) -> None:
        state["format"] = 1
        del state["rollbacks"]

    damaged(run, older)
    assert len(checkpoint.load(run)["rollbacks"]) == 1


ODD_LOGS = [
    b"", b"\n\n", b"[]\n", b"null\n", b"{}\n", b'{"images": "x"}\n', b'{"images": -5}\n', b'{"images": 1e400}\n',
    b'{"images": NaN, "event": 5}\n', b'{"event": "rolled back"}\n', b'{"event": {"a": 1}, "images": 0}\n',
    b'{"images": 8, "ranked_by": "fd_lite0"}\n', b'{"images": 8, "ranked_by": 7, "7": 1}\n',
    b'{"images": 8, "ranked_by": "fd_lite0", "fd_lite0": "low"}\n', b"\xff\xfe\x00\n", b'{"images": 0, "event": "sta',
    b'{"images": 8, "ranked_by": "fd_lite0", "fd_lite0": 1, "content": [], "judge_seconds": "x", "state": 3}\n',
    b'{"images": 0, "event": "started", "faces": 5, "length": "x", "threads": []}\n', b"[" * 5000 + b"\n",
    b'{"images": 99999999999999999999999}\n', b'{"images": 0, "event": "stopped"}\n{"images": 0, "event": "warned"}\n',
]  # fmt: skip


@pytest.fixture(scope="module")
def begun(faces: Path, dying: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """One step, judged; whoever goes on takes a copy."""
    short = with_sets(dying, "judge.every=1000000", "guard.action=stop", "images=8")
    return short, train(faces, short, tmp_path_factory.mktemp("begun") / "run")


@pytest.mark.parametrize("odd", ODD_LOGS, ids=range(len(ODD_LOGS)))
def test_odd_logs_stop_no_run(odd: bytes, faces: Path, begun: tuple[Recipe, Path], tmp_path: Path) -> None:
    short, run = begun[0], Path(shutil.copytree(begun[1], tmp_path / "run"))
    (run / "log.jsonl").write_bytes(odd)
    train(faces, longer(short, "16"), run)
    assert checkpoint.load(run)["images"] == 16
    assert json.loads((run / "log.jsonl").read_text().splitlines()[-1])["event"] == "finished"


def test_a_start_waits_for_those_who_only_look(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    run = train(faces, longer(tiny, "8"), tmp_path / "run")
    lock = FileLock(run / ".lock", thread_local=False)
    lock.acquire()
    threading.Timer(0.3, lock.release).start()
    train(faces, longer(tiny, "16"), run)
    assert checkpoint.load(run)["images"] == 16


def test_a_run_that_is_moved_while_it_trains_leaves_no_ghost(
    faces: Path, tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moves(self: course.Course) -> None:
        (tmp_path / "run").rename(tmp_path / "renamed")
        measure(self)

    measure = course.Course.measure
    monkeypatch.setattr(course.Course, "measure", moves)
    with pytest.raises(EshiError, match="was moved or deleted while it was training"):
        train(faces, tiny, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_kill_between_a_judgement_and_what_comes_of_it_is_made_up_for(
    faces: Path, dying: Recipe, dead: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(self: course.Course, facts: dict[str, Any]) -> None:
        self.save()  # the judged weights, as when this step was also the best so far
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(course.Course, "go_back", killed)
        with pytest.raises(Killed):
            train(faces, dying, tmp_path / "run")
    with pytest.raises(EshiError):
        train(faces, dying, tmp_path / "run")
    one, two = (
        [(r["images"], r["event"]) for r in log(run) if r.get("event") in ("rolled back", "stopped")]
        for run in (dead, tmp_path / "run")
    )
    assert one == two
