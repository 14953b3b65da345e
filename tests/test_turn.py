"""Trainings that want all cores take turns."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from eshi.ground import files
from eshi.ground.cores import cores
from eshi.training import turn
from eshi.training.turn import Turn

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(turn, "cores", lambda: 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def in_threads(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_nobody_has_a_turn_beside_another_or_many_while_another_waits() -> None:
    had: list[str] = []
    ready = threading.Barrier(2)

    def trains(name: str) -> None:
        mine = Turn(CPU)
        ready.wait()
        for _ in range(12):
            with mine:
                had.append(f"{name} begins")
                time.sleep(0.02)
                had.append(name)

    in_threads(lambda: trains("one"), lambda: trains("other"))
    assert all(begun == f"{ended} begins" for begun, ended in zip(had[::2], had[1::2], strict=True))
    assert 4 <= had[1:24:2].count("one") <= 8  # six, if nobody oversleeps


def test_one_that_was_halted_in_its_turn_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PATIENCE", 0.3)
    halted, mine = Turn(CPU), Turn(CPU)

    def seconds() -> float:
        start = time.monotonic()
        with mine:
            return time.monotonic() - start

    with halted:
        assert 0.3 <= seconds() < 2
        assert seconds() < 0.2
    seconds()  # it goes on: so does the waiting
    with halted:
        assert 0.3 <= seconds() < 2


def test_a_turn_ends_where_a_step_fails() -> None:
    with pytest.raises(ZeroDivisionError), Turn(CPU):
        raise ZeroDivisionError
    start = time.monotonic()
    with Turn(CPU):
        assert time.monotonic() - start < 1


@pytest.mark.parametrize("why", ["one thread", "room for two", "a GPU", "no home", "no folder"])
def test_who_need_not_or_cannot_wait_does_not(why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = CPU
    if why == "one thread":
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    if why == "room for two":
        monkeypatch.setattr(turn, "cores", lambda: 4)
    if why == "a GPU":
        device = torch.device("cuda")
    if why == "no home":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("unknown")))
    if why == "no folder":
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with Turn(device), Turn(device):  # both at once
        assert not list(tmp_path.rglob("*.lock"))


def test_locks_lie_in_the_cache_by_the_cores_that_are_shared() -> None:
    with Turn(CPU):
        names = [path.name for path in files.cache().glob(".cores-*.lock")]
    assert names
    assert all(name.startswith(f".cores-{sum(1 << core for core in turn.bound()):x}-") for name in names)


@pytest.mark.slow
@pytest.mark.skipif(cores() < 2, reason="one core: nobody takes turns")
def test_two_trainings_on_the_same_cores_do_not_crawl(tmp_path: Path) -> None:
    """Without turns each made a thirtieth of what one makes alone. Not to be run beside other programs, which would
    slow down all of them, alone or not."""
    subprocess.run([sys.executable, "-m", "eshi", "paint", str(tmp_path / "faces"), "--count", "60"], check=True)
    said = "import sys, time; from eshi.cli import run\n"
    words = ["train", str(tmp_path / "faces"), "-r", "demo", "--images", "160", "--quiet", "--set", "judge.every=0"]
    env = os.environ | {"OMP_NUM_THREADS": str(cores())}

    def begun(name: str) -> subprocess.Popen[bytes]:
        code = f"{said}sys.exit(run({[*words, '-o', str(tmp_path / name)]!r}))"
        return subprocess.Popen([sys.executable, "-c", code], env=env)

    def seconds(*names: str) -> float:
        start = time.monotonic()
        going = [begun(name) for name in names]
        assert [one.wait() for one in going] == [0] * len(going)
        return time.monotonic() - start

    alone = seconds("alone")
    assert seconds("one", "other") < 4 * alone
