"""The suite can fail: each thing that must not happen is made to happen once, and is noticed."""

import random
import sys
from pathlib import Path

import pytest

from attack import arena as arenas
from attack.areas import AREAS
from attack.arena import Arena


@pytest.fixture
def arena(tmp_path: Path) -> Arena:
    return Arena("test", tmp_path / "arena", tmp_path, random.Random(0))


def shell(arena: Arena, line: str, **options: object) -> str:
    """What the arena has to say of that."""
    arena.eshi("(shell)", shell=line, **options)
    arena.settle()
    found = " ".join(arena.faults)
    arena.faults.clear()
    return found


def test_a_good_command_is_no_fault(arena: Arena) -> None:
    assert shell(arena, "echo fine") == ""
    assert shell(arena, "echo 'eshi: no such thing' >&2; exit 2") == ""


def test_ends_that_must_not_be_are_noticed(arena: Arena) -> None:
    assert "ended with 3" in shell(arena, "exit 3")
    assert "ended with 2 without saying why" in shell(arena, "exit 2")
    assert "ended with -11" in shell(arena, "kill -SEGV $$")
    assert "should not have happened" in shell(arena, "echo 'eshi: this should not have happened: x' >&2; exit 1")
    assert "Traceback" in shell(arena, "echo 'Traceback (most recent call last):'")
    assert "control character" in shell(arena, "printf '\\033[31mred'")


def test_a_hang_is_ended_and_noticed(arena: Arena) -> None:
    assert "hung" in shell(arena, "sleep 100 & wait", seconds=0.3)


def test_too_much_memory_is_noticed(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arenas, "MEMORY", 100_000_000)
    assert "GB" in shell(arena, f"{sys.executable} -c 'x = b\"1\" * 200_000_000; import time; time.sleep(20)'")


def test_changed_originals_and_strangers_are_noticed(arena: Arena) -> None:
    (arena.world / "mine").mkdir()
    (arena.world / "mine" / "a.png").write_text("mine")
    arena.guard("mine")
    assert shell(arena, "touch report.html mine/report.html; mkdir mine/.eshi") == ""
    assert "originals in mine changed" in shell(arena, "touch mine/a.png")
    arena.guard("mine")
    assert "originals in mine changed" in shell(arena, "touch mine/b.png")
    assert "written outside" in shell(arena, "touch ../slipped")
    (arena.folder / "slipped").unlink()
    arena.guarded.clear()
    assert "something was started" in shell(arena, "gs --version; exit 0")


def test_every_case_has_a_name_of_its_own_and_the_seed_decides() -> None:
    once, again = ([case.full for area in AREAS for case in AREAS[area](random.Random(3))] for _ in range(2))
    assert once == again
    assert len(set(once)) == len(once)
    assert sum(case.inputs for area in AREAS for case in AREAS[area](random.Random(0))) >= 1000
