"""Trainings that want all cores take turns."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from filelock import AcquireReturnProxy, FileLock, Timeout

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


def test_nobody_has_a_turn_beside_another() -> None:
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

    threads = [threading.Thread(target=trains, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(had) == 48
    assert all(begun == f"{ended} begins" for begun, ended in zip(had[::2], had[1::2], strict=True))


def test_who_waits_comes_before_who_has_just_had_a_turn() -> None:
    had: list[str] = []

    def waits() -> None:
        with Turn(CPU):
            had.append("other")

    mine = Turn(CPU)
    following = FileLock(mine.locks[0].lock_file)
    other = threading.Thread(target=waits)
    with mine:
        other.start()
        while other.is_alive():  # until it is the next one
            try:
                with following.acquire(0):
                    pass
            except Timeout:
                break
        assert had == []
    with mine:
        had.append("mine")
    other.join()
    assert had == ["other", "mine"]


def test_one_that_was_halted_in_its_turn_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "PATIENCE", 0.3)
    asked: list[float] = []
    acquire = FileLock.acquire

    def noted(lock: FileLock, timeout: float, **how: float) -> AcquireReturnProxy:
        asked.append(timeout)
        return acquire(lock, timeout, **how)

    halted, mine = Turn(CPU), Turn(CPU)
    with halted:
        monkeypatch.setattr(FileLock, "acquire", noted)
        start = time.monotonic()
        with mine:
            assert time.monotonic() - start >= 0.3
        with mine:
            pass
    with mine:  # the other goes on: so does the waiting
        pass
    with mine:
        pass
    assert asked == [0.3, 0.3, 0.0, 0.0, 0.0, 0.0, 0.3, 0.3]


def test_a_turn_ends_where_a_step_fails() -> None:
    mine = Turn(CPU)
    with pytest.raises(ZeroDivisionError), mine:
        raise ZeroDivisionError
    with FileLock(mine.locks[1].lock_file).acquire(0):  # or Timeout
        pass


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
