"""Processes that are watched, what they hold and leave, and what a folder looked like before."""

import hashlib
import json
import os
import re
import resource
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOOK = 0.01  # seconds between two looks at a process
OWN = re.compile(
    r"\.eshi|\.lock|lock|faces\.sqlite.*|pictures\.sqlite.*|report\.html|CREDITS\..*|\.collect|\..*\.eshi|.*\.part"
)


@dataclass
class Outcome:
    code: int  # negative: the signal that ended it
    out: str
    err: str
    seconds: float
    memory: int  # the most bytes at once
    points: int = 0  # changes of names on the disk, where they were counted
    calls: int = 0  # of Python functions, likewise
    over: str = ""  # why it was ended here

    @property
    def said(self) -> str:
        return f"{self.out}\n{self.err}"

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Process:
    """A command at work."""

    number: int
    words: Sequence[str]
    files: Path
    start: float = field(default_factory=time.monotonic)
    ended: tuple[int, int] | None = None  # wait status, peak bytes by the kernel's count
    most: int = 0

    def over(self) -> bool:
        if not self.ended:
            number, status, used = os.wait4(self.number, os.WNOHANG)
            if number:
                self.ended = status, used.ru_maxrss * 1024
        return self.ended is not None

    def kill(self, how: int = signal.SIGKILL) -> None:
        if not self.over():
            os.kill(self.number, how)


def read(path: Path) -> str:
    try:
        return path.read_bytes()[:2_000_000].decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def tail(took: Outcome) -> str:
    lines = [line for line in took.err.strip().splitlines() if line.strip()]
    return "it says " + repr(" | ".join(lines[-3:])[-500:])


def private(number: int) -> int:
    """Bytes that a process holds for itself: files mapped into it can go at any time."""
    try:
        resident, shared = (int(n) for n in Path(f"/proc/{number}/statm").read_text().split()[1:3])
    except (OSError, ValueError):
        return 0
    return (resident - shared) * resource.getpagesize()


def busy(number: int) -> float:
    """Seconds of work that a process has done."""
    try:
        words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")


def family(number: int) -> list[int]:
    """A process and all in its session."""
    found = [number]
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != number:
            try:
                text = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            if text.rpartition(")")[2].split()[3] == str(number) and text.rpartition(")")[2].split()[0] != "Z":
                found.append(int(entry))
    return found


def end(number: int) -> None:
    for one in family(number):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass


def manifest(path: Path) -> dict[bytes, tuple]:
    """Every file below: its kind, size, times and content. eshi's own notes are left out."""
    found: dict[bytes, tuple] = {}

    def look(at: bytes) -> None:
        facts = os.lstat(at)
        content = b""
        if stat.S_ISREG(facts.st_mode) and facts.st_size < 50_000_000:
            with open(at, "rb") as file:
                content = hashlib.blake2b(file.read(), digest_size=8).digest()
        elif stat.S_ISLNK(facts.st_mode):
            content = os.readlink(at)
        times = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_mtime_ns  # eshi's notes lie in the same folders
        size = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
        found[at] = (facts.st_mode, size, times, content)

    root = os.fsencode(path)
    if not path.is_dir():
        if os.path.lexists(root):
            look(root)
        return found
    for here, folders, files in os.walk(root):
        folders[:] = [f for f in folders if not OWN.fullmatch(os.fsdecode(f))]
        for name in [*folders, *files]:
            if not OWN.fullmatch(os.fsdecode(name)):
                look(os.path.join(here, name))
    return found


def remove(folder: Path) -> None:
    """rm, for it knows no recursion limit."""
    subprocess.run(["rm", "-rf", "--", str(folder)], check=False)
