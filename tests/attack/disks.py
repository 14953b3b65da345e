"""A full disk, at many moments: said in words, nothing lost, and with room again the same command ends the same."""

import ctypes
import json
import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from attack.arena import Arena
from attack.case import Case
from attack.kills import JOBS, compare, unkilled

NEWNS = 0x20000
ROOMS = {
    "train": (0, 8, 60, 150, 200, 260, 330, 400, 480, 560, 700, 900),
    "rollback": (30, 120, 250, 400),
    "clean": (0, 8, 40, 80),
    "crop": (0, 12, 60, 200),
    "paint": (0, 10, 40),
    "pack": (0, 40, 90, 110, 130),
}  # KB that are free after the originals


def cases(chance: random.Random) -> Iterator[Case]:
    for name, rooms in ROOMS.items():
        for room in rooms:
            yield Case("disks", f"{name}-{room}KB", full(name, room), 1, name == "train" and room == 200)
    for verb in ("draw", "mix", "report", "favourites"):
        yield Case("disks", f"{verb}-full", asked(verb))


def small(arena: Arena) -> Callable[[str], None] | None:
    """The world on a small disk of its own, seen by this case alone; gone with it. Needs root."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() or libc.unshare(NEWNS):
        return None
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", str(arena.world)], capture_output=True)
    if done.returncode:
        return None
    arena.env["TMPDIR"] = str(arena.folder / "tmp")

    def resize(size: str) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(arena.world)], check=True)

    return resize


def used(path: Path) -> int:
    found = os.statvfs(path)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def full(name: str, room: int) -> Callable[[Arena], None]:
    job = JOBS[name]

    def attack(arena: Arena) -> None:
        whole, _ = unkilled(arena, job)
        resize = small(arena)
        if not resize:
            return
        arena.copy(*job.needs, packed=job.packed)
        arena.remember()
        arena.guard(*(n for n in job.needs if n != "stuck"))
        resize(str(max(4096, used(arena.world) + 1024 * room)))  # 0 would be no limit
        took = arena.eshi(*job.words, ok=[0, 1])
        if took.code == 1 and name != "rollback":
            words = ("space", "room", "full", "write", "save")
            arena.check(any(w in took.err for w in words), f"a full disk is called otherwise: {took.err[-200:]!r}")
        for look in job.looks:
            arena.eshi(*look)
        resize("200m")
        arena.eshi(*job.words, ok=job.ok)
        compare(arena, json.loads(json.dumps(job.proof(arena))), whole)
        arena.settle()
        arena.guarded.clear()
        os.chdir("/")

    return attack


def asked(verb: str) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        resize = small(arena)
        if not resize:
            return
        arena.copy("run")
        before = {p: p.read_bytes() for p in (arena.world / "run").rglob("*") if p.is_file()}
        resize(str(max(4096, used(arena.world))))
        words = {
            "draw": ("draw", "run", "-o", "new/x.png"), "mix": ("mix", "run", "1 + 2", "-o", "new/x.png"),
            "report": ("report", "run"), "favourites": ("favourites", "run", "add", "3", "--name", "rin"),
        }[verb]  # fmt: skip
        arena.eshi(*words, ok=[1])
        lost = [p.name for p, content in before.items() if not p.exists() or p.read_bytes() != content]
        arena.check(not lost, f"lost on a full disk: {lost}")
        resize("200m")
        arena.eshi(*words, ok=[0])

    return attack
