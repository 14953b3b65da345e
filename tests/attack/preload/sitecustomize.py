"""Kills the process at the n-th change of a name on the disk: on PYTHONPATH of a fresh Python, or armed after a fork.

ATTACK_KILL=17:before. eshi itself knows nothing of it.
"""

import os
import signal
from collections.abc import Callable
from typing import Any

POINTS = ("replace", "rename", "link", "symlink", "unlink", "remove", "fsync")  # pathlib and shutil end there too
reached = 0


def arm(number: int = 0, when: str = "before") -> None:
    """`number` 0 only counts."""

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def at(*words: Any, **options: Any) -> Any:
            global reached
            reached += 1
            mine = reached == number
            if mine and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = call(*words, **options)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return at

    for name in POINTS:
        setattr(os, name, dying(getattr(os, name)))


if told := os.environ.get("ATTACK_KILL"):
    arm(int(told.partition(":")[0]), told.partition(":")[2])
