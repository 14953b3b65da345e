"""Odd entries of a folder: names that are no text, pipes, links that lead nowhere or in circles, depths, giants."""

import os
import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from attack.arena import Arena
from attack.bombs import png, whole
from attack.case import Case
from attack.pictures import GOOD, VERBS, meet

Maker = Callable[[Path], None]


def cases(chance: random.Random) -> Iterator[Case]:
    for name, make in MAKERS.items():
        for verb in VERBS:
            yield Case("names", f"{name}-{verb}", odd(make, verb), short=(name, verb) in FIRST)
    for number, name in enumerate(TEXTS):
        for verb in (VERBS[number % 4],):
            yield Case("names", f"text{number}-{verb}", odd(lambda folder, n=name: called(folder, n), verb))
    for name in ("fifo", "device", "folder", "missing", "loop"):
        for verb in ("draw", "report", "judge", "train-recipe", "mix", "project", "zip"):
            yield Case("names", f"given-{name}-{verb}", given(name, verb))


FIRST = {("fifo", "train"), ("dangling", "train"), ("bytes", "clean"), ("loop", "crop"), ("deep", "faces")}
TEXTS = [
    b"\x8e\xa9\x95\xaa.png", b"\xff\xfe.jpg", b"a\x1b[31mred\x1b[0m.png", b"a\nb.png", b"a\x07bell.png", b"-rf.png",
    b"--help.png", b"a'b\"c.png", b"<script>alert(1)</script>.png", b"=HYPERLINK(1).png", "\u202egnp.exe.png".encode(),
    b"a" * 251 + b".png", b"%s%n%x.png", b"..png", b"a\tb.png", b"$(touch STARTED).png", b";touch STARTED;.png",
    "\u0000".encode().replace(b"\0", b"") + b"nul.png", b"CON.png", b" .png", b"\xe2\x98\x83.PNG", b"a\\b.png",
    b"[bold].png", b"[/red][link=x].png", b"\xed\xa0\x80.png", b"a\rb.png", b"\xc2\x9b31m.png", b"#{x}.png",
]  # fmt: skip


def called(folder: Path, name: bytes) -> None:
    """A good picture of that name, and a broken one, which is then named in what eshi says."""
    place = os.fsencode(folder)
    name = name.replace(b"/", b"\xe2\x88\x95")  # which no file can have in its name
    with open(os.path.join(place, name), "wb") as file:
        file.write(whole("png"))
    with open(os.path.join(place, b"0" + name[-240:]), "wb") as file:
        file.write(b"broken")
    os.mkdir(os.path.join(place, name[:60] + b"-d"))
    with open(os.path.join(place, name[:60] + b"-d", b"in.png"), "wb") as file:
        file.write(whole("png"))


def deep(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("x.png", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(whole("png"))
    os.close(here)


def sparse(folder: Path) -> None:
    with (folder / "0sparse.png").open("wb") as file:
        file.write(whole("png")[:60])
        file.truncate(20_000_000_000)


def bound(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    socket.socket(socket.AF_UNIX).bind("0socket.png")
    os.chdir(here)


def many(folder: Path) -> None:
    for i in range(3000):
        (folder / f"e{i}.png").touch()


def circle(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    (folder / "c.png").symlink_to("c.png")
    (folder / "up").symlink_to(".", target_is_directory=True)
    (folder / "upper").symlink_to("..", target_is_directory=True)


def shut(folder: Path) -> None:
    (folder / "0shut.png").write_bytes(whole("png"))
    (folder / "0shut.png").chmod(0)
    (folder / "0dir").mkdir(mode=0)


MAKERS: dict[str, Maker] = {
    "fifo": lambda f: os.mkfifo(f / "0pipe.png"),
    "dangling": lambda f: (f / "0gone.png").symlink_to("nowhere.png"),
    "loop": circle,
    "deep": deep,
    "sparse": sparse,
    "socket": bound,
    "bytes": lambda f: called(f, b"\x8a\xc5\x96{.png"),
    "zero-device": lambda f: (f / "0zero.png").symlink_to("/dev/zero"),
    "random-device": lambda f: (f / "0random.jpg").symlink_to("/dev/urandom"),
    "null-device": lambda f: (f / "0null.jpg").symlink_to("/dev/null"),
    "proc": lambda f: (f / "0proc.png").symlink_to("/proc/self/mem"),
    "pipe-link": lambda f: (f / "0stdin.png").symlink_to("/dev/stdin"),
    "folder-named": lambda f: (f / "0folder.png").mkdir(),
    "many-empty": many,
    "shut": shut,
    "note-folder": lambda f: (f / "faces.sqlite").mkdir(),
    "note-file": lambda f: (f / ".eshi").write_text("mine"),
    "lock-folder": lambda f: (f / ".eshi" / "lock").mkdir(parents=True),
    "report-folder": lambda f: (f / "report.html").mkdir(),
    "huge-png": lambda f: (f / "0huge.png").write_bytes(png(9000, 9000) + bytes(120_000_000)),
}
REFUSED = {
    "note-folder",
    "note-file",
    "lock-folder",
    "report-folder",
}  # what is eshi's own is in the way: said, no more


def odd(make: Maker, verb: str) -> Callable[[Arena], None]:
    name = next((n for n, m in MAKERS.items() if m is make), "")

    def attack(arena: Arena) -> None:
        arena.copy("tiny.yaml")
        folder = arena.few(4, "pictures", "pictures") if verb == "crop" else arena.few(GOOD)
        make(folder)
        if name not in ("huge-png", "deep"):
            arena.guard(folder.name)
        if name in REFUSED:
            arena.eshi(*(["train", "faces", "-r", "tiny.yaml", "-o", "run2", "--images", "8"] if verb == "train" else
                         ("crop", folder, "-o", "cut") if verb == "crop" else (verb, folder)))  # fmt: skip
            return
        meet(arena, verb, folder)
        if not name:  # and in words, where names are shown
            if verb in ("train", "faces"):
                arena.eshi("clean", folder, ok=[0])
            arena.eshi(*("crop", folder, "-o", "cut") if verb == "crop" else ("faces", folder, "--credits"), ok=[0])

    return attack


def given(name: str, verb: str) -> Callable[[Arena], None]:
    """Something odd where a file is asked for: an answer at once."""

    def attack(arena: Arena) -> None:
        arena.copy("run", "faces", "tiny.yaml")
        suffix = {"train-recipe": ".yaml", "mix": ".npy", "zip": ".zip", "project": ".png"}.get(verb, ".pt")
        odd = arena.world / f"odd{suffix}"
        if name == "fifo":
            os.mkfifo(odd)
        elif name == "device":
            odd.symlink_to("/dev/zero")
        elif name == "folder":
            odd.mkdir()
        elif name == "loop":
            odd.symlink_to(odd.name)
        words: dict[str, tuple[str, ...]] = {
            "draw": ("draw", odd.name, "-o", "x.png"), "report": ("report", odd.name),
            "judge": ("judge", odd.name, "--against", "faces"), "mix": ("mix", "run", odd.name, "-o", "x.png"),
            "train-recipe": ("train", "faces", "-r", odd.name, "-o", "r"), "zip": ("train", odd.name, "-o", "r"),
            "project": ("project", "run", odd.name, "--steps", "2"),
        }  # fmt: skip
        arena.eshi(*words[verb], ok=[1, 2], seconds=30)

    return attack
