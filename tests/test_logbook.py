"""What a run's folder says of the run: its state, its best step, and the table of all."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.figures import human, measured
from eshi.run.logbook import log, runs, table

START = {"step": 0, "images": 0, "event": "started", "length": 60_000}


def judged(images: int, score: float, by: str = "fd_lite0", **more: Any) -> dict[str, Any]:
    return {"step": images // 16, "images": images, "ranked_by": by, by: score, f"{by}_noise": 0.8} | more


def trained(images: int) -> dict[str, Any]:
    return {"step": images // 16, "images": images, "loss_d": 1.0}


def make(folder: Path, *rows: dict[str, Any], changed: float | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "recipe.yaml").write_text(recipe.load("demo", ["images=80k"]).yaml())
    if rows:
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if changed:
        for file in folder.iterdir():
            os.utime(file, (changed, changed))
    return folder


def one(folder: Path) -> dict[str, Any]:
    (found,) = runs(folder)
    return found


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([], "stopped"),
        ([START, trained(12_000)], "stopped"),
        ([START, trained(60_000), {"images": 60_000, "event": "finished"}], "finished"),
        ([START, trained(60_000)], "finished"),  # killed between its last row and its last word
        ([trained(80_000)], "finished"),  # a log of before there were starts: the recipe says 80k
        ([trained(79_000)], "stopped"),
        ([START, judged(9_000, 50, state="D winning"), {"images": 9_000, "event": "stopped"}], "died: D winning"),
        ([START, {"images": 9_000, "event": "stopped"}], "died"),
        ([START, judged(9_000, 50, state="collapsed"), {"images": 9_000, "event": "stopped"}, START], "stopped"),
    ],
)
def test_the_state_is_what_the_log_says(tmp_path: Path, rows: list[dict[str, Any]], state: str) -> None:
    assert one(make(tmp_path / "run", *rows))["state"] == state


def test_a_run_is_in_training_while_a_process_holds_its_lock(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", START, trained(12_000))
    assert one(folder)["state"] == "stopped"
    assert not (folder / ".lock").exists()  # looking leaves nothing behind
    with FileLock(folder / ".lock"):
        assert one(folder)["state"] == "training"
    assert one(folder)["state"] == "stopped"
    with FileLock(folder / ".lock").acquire(timeout=0):  # given back at once
        pass


def test_the_best_is_the_lowest_of_the_newest_kind(tmp_path: Path) -> None:
    rows = [
        judged(1_000, 7.0, "fid"),
        judged(2_000, 60),
        judged(3_000, float("nan")),
        judged(4_000, 41.2),
        judged(5_000, 55),
    ]
    found = one(make(tmp_path / "run", START, *rows))
    assert (found["ranked_by"], found["score"], found["noise"], found["best"]) == ("fd_lite0", 41.2, 0.8, 4_000)
    assert (found["images"], found["length"], found["recipe"]) == (5_000, 60_000, "demo")
    found = one(make(tmp_path / "other", START, judged(3_000, float("nan"))))
    assert (found["ranked_by"], found["score"], found["noise"], found["best"]) == (None, None, None, None)


def test_the_newest_start_says_the_length(tmp_path: Path) -> None:
    assert one(make(tmp_path / "run", START, START | {"length": 90_000}))["length"] == 90_000


def test_what_is_no_row_is_left_out(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", START, trained(12_000))
    with (folder / "log.jsonl").open("ab") as file:
        file.write(b'[1]\n\xff\n{"event": "warned"}\n{"step": 9, "ima')
    assert [row["images"] for row in log(folder)] == [0, 12_000, 12_000]


def test_runs_are_found_two_levels_deep_newest_first(tmp_path: Path) -> None:
    make(tmp_path / "a", changed=1_000)
    make(tmp_path / "many" / "b", changed=3_000)
    make(tmp_path / "many" / "deep" / "c", changed=2_000)
    assert [run["run"] for run in runs(tmp_path)] == [str(tmp_path / "many" / "b"), str(tmp_path / "a")]
    assert one(tmp_path / "a")["changed"] == 1_000
    assert runs(tmp_path / "nowhere") == []


def test_a_broken_recipe_hides_no_run(tmp_path: Path) -> None:
    (make(tmp_path / "run") / "recipe.yaml").write_text("a: [")
    assert (one(tmp_path / "run")["recipe"], one(tmp_path / "run")["length"]) == ("?", None)


def test_the_table_is_for_people(tmp_path: Path) -> None:
    make(tmp_path / "a", START, judged(12_000, 41.23))
    make(tmp_path / "a-longer-name")
    head, *lines = table(runs(tmp_path)).splitlines()
    assert len(lines) == 2
    (line,) = (line for line in lines if "fd_lite0" in line)
    assert "12k of 60k" in line
    assert "fd_lite0 41.2 ± 0.8" in line
    for column, word in (("state", "stopped"), ("images", "12k"), ("best score", "fd_lite0"), ("changed", "now")):
        assert line.index(word) == head.index(column)
    with pytest.raises(EshiError, match="no run in here") as raised:
        table([], "here")
    assert "eshi train" in raised.value.hint


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (950, "950"), (999.7, "1k"), (60_000, "60k"), (62_464, "62.5k"), (1_250_000, "1.25M")],
)
def test_counts_are_short(count: float, words: str) -> None:
    assert human(count) == words


@pytest.mark.parametrize(
    ("value", "noise", "words"),
    [(41.234, 0.81, "41.2 ± 0.8"), (412.3, 12.4, "412 ± 12"), (0.04321, 0.0021, "0.043 ± 0.002"),
     (41.234, None, "41.2"), (1234.5, 0.0, "1,234"), (41.234, 0.96, "41 ± 1")],
)  # fmt: skip
def test_no_digit_is_below_the_noise(value: float, noise: float | None, words: str) -> None:
    assert measured(value, noise) == words


def test_neither_runs_nor_reports_load_torch() -> None:
    code = "import sys; import eshi.run.logbook, eshi.pages; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
