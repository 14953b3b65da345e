"""Two at once: on one run, one folder, one file. One of them is refused or both end well; nobody reads half a file."""

import json
import os
import random
import signal
import time
import zipfile
from collections.abc import Callable, Iterator

from attack.arena import Arena, Process
from attack.case import Case
from attack.kills import tensors

TRAIN = ("train", "faces", "-r", "tiny.yaml", "-o", "run2")


def cases(chance: random.Random) -> Iterator[Case]:
    for name, attack in CROWDS.items():
        for i in range(3 if name in ("two-trains", "favourites", "report-beside") else 1):
            yield Case("crowds", f"{name}-{i}", attack, 1, i == 0 and name in ("two-trains", "report-beside"), 400)


def pair(arena: Arena, *words: str, ok: tuple[int, ...] = (0, 1)) -> list[int]:
    """The command twice at once; at least one ends well."""
    both = [arena.start(*words), arena.start(*words)]
    codes = [arena.wait(process, ok).code for process in both]
    arena.check(0 in codes, f"neither of two `eshi {words[0]}` ended well: {codes}")
    return codes


def two_trains(arena: Arena) -> None:
    arena.copy("faces", "tiny.yaml")
    arena.guard("faces", "tiny.yaml")
    pair(arena, *TRAIN)
    arena.eshi(*TRAIN, ok=[0])
    bits = tensors(arena.world / "run2" / "last.pt")
    arena.eshi(*TRAIN[:-1], "run3", ok=[0])
    arena.check(bits == tensors(arena.world / "run3" / "last.pt"), "two at once leave other bits than one")


def one_pack(arena: Arena) -> None:
    """Two runs on the same fresh faces: both end well, with the same bits."""
    arena.copy("faces", "tiny.yaml")
    arena.guard("faces")
    both = [arena.start(*TRAIN[:-1], name) for name in ("one", "two")]
    for process in both:
        arena.wait(process, [0])
    first, second = (tensors(arena.world / name / "last.pt") for name in ("one", "two"))
    arena.check(first == second, "two runs on one pack have other bits")


def two_cleans(arena: Arena) -> None:
    arena.copy("faces")
    arena.guard("faces")
    pair(arena, "clean", "faces")
    arena.eshi("clean", "faces", ok=[0])


def clean_beside_train(arena: Arena) -> None:
    arena.copy("faces", "tiny.yaml")
    train, clean = arena.start(*TRAIN), arena.start("clean", "faces")
    arena.wait(clean, [0])
    arena.wait(train, [0])


def two_crops(arena: Arena) -> None:
    arena.copy("pictures")
    pair(arena, "crop", "pictures", "-o", "cut")
    arena.eshi("crop", "pictures", "-o", "cut", ok=[0])


def two_paints(arena: Arena) -> None:
    pair(arena, "paint", "new", "--count", "12", "--faces", "48")
    arena.eshi("paint", "new", "--count", "12", "--faces", "48", ok=[0])
    found = sorted((arena.world / "new").glob("*.png"))
    arena.check(len(found) == 12, f"{len(found)} of 12 pictures")


def favourites(arena: Arena) -> None:
    arena.copy("run")
    names = [f"n{i}" for i in range(6)]
    crowd = [arena.start("favourites", "run", "add", str(i), "--name", name) for i, name in enumerate(names)]
    for process in crowd:
        arena.wait(process, [0])
    known = json.loads((arena.world / "run" / "favourites.json").read_text())
    arena.check(set(names) <= set(known), f"favourites were lost: {sorted(set(names) - set(known))}")


def looks(arena: Arena, training: Process, *words: str) -> None:
    """The command again and again beside a training; every read of what both write is whole."""
    run = arena.world / "run2"
    while not training.over():
        other = arena.start(*words)
        while not other.over() and not training.over():
            page, last = run / "report.html", run / "last.pt"
            if page.exists():
                text = page.read_bytes()
                arena.check(text.rstrip().endswith(b"</html>"), f"read {len(text)} bytes of a half report")
            if last.exists():
                with last.open("rb") as file:
                    arena.check(zipfile.is_zipfile(file), "read a half checkpoint")
            if arena.faults:
                break
            time.sleep(0.005)
        arena.wait(other)
        if arena.faults:
            break
    arena.wait(training, [0])


def beside(*words: str) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("faces", "tiny.yaml", packed=True)
        arena.remember()
        looks(arena, arena.start(*TRAIN, "--images", "400", "--set", "judge.every=200"), *words)

    return attack


def starts_beside_runs(arena: Arena) -> None:
    """`eshi runs` in a loop takes no lock from a start."""
    arena.copy("faces", "tiny.yaml", packed=True)
    (arena.world / "run2").mkdir()
    small = (*TRAIN, "--set", "judge.every=0")
    arena.eshi(*small, "--images", "8", ok=[0])
    looking = [arena.start("runs", ".") for _ in range(2)]
    for i in range(2, 7):
        training = arena.start(*small, "--images", str(8 * i))
        while not training.over():
            for k, other in enumerate(looking):
                if other.over():
                    looking[k] = arena.start("runs", ".")
            time.sleep(0.01)
        arena.wait(training, [0])
    for other in looking:
        arena.wait(other, [0])


def killed_then_other(arena: Arena) -> None:
    """The lock of a killed process holds nobody up."""
    arena.copy("faces", "tiny.yaml", packed=True)
    first = arena.start(*TRAIN, "--images", "4000")
    until = time.monotonic() + 60
    while not (arena.world / "run2" / "last.pt").exists() and time.monotonic() < until and not first.over():
        time.sleep(0.02)
    first.kill()
    arena.wait(first, killed=True)
    arena.eshi(*TRAIN, "--images", "4000", "--set", "judge.every=0", ok=[0, 2], seconds=120)


def renamed(arena: Arena) -> None:
    """A run that is renamed while it trains: said, and no second folder comes from nowhere."""
    arena.copy("faces", "tiny.yaml", packed=True)
    training = arena.start(*TRAIN, "--images", "800")
    until = time.monotonic() + 60
    while not (arena.world / "run2" / "last.pt").exists() and time.monotonic() < until and not training.over():
        time.sleep(0.02)
    (arena.world / "run2").rename(arena.world / "moved")
    arena.wait(training, [0, 1])
    arena.check(not (arena.world / "run2").exists(), "a ghost of the renamed run")


def removed(arena: Arena) -> None:
    """The faces go away in the middle: said in words, or not needed any more."""
    arena.copy("faces", "tiny.yaml")
    training = arena.start(*TRAIN)
    time.sleep(arena.random.random())
    for file in (arena.world / "faces").glob("*.png"):
        file.unlink()
    arena.wait(training, [0, 1, 2])


def stopped(how: int) -> Callable[[Arena], None]:
    """Asked to stop: it saves, says so, and the same command ends in the same bits."""

    def attack(arena: Arena) -> None:
        arena.copy("faces", "tiny.yaml", packed=True)
        arena.remember()
        training = arena.start(*TRAIN, "--images", "160")
        until = time.monotonic() + 60
        while not (arena.world / "run2" / "last.pt").exists() and time.monotonic() < until and not training.over():
            time.sleep(0.01)
        training.kill(how)
        took = arena.wait(training, [0, 130, 143, 129, -how])
        arena.check(took.code >= 0, f"{signal.Signals(how).name} ended it without a word")
        arena.eshi(*TRAIN, "--images", "160", ok=[0])
        arena.eshi(*TRAIN[:-1], "run3", "--images", "160", ok=[0])
        first, second = (tensors(arena.world / name / "last.pt") for name in ("run2", "run3"))
        arena.check(first == second, f"other bits after {signal.Signals(how).name}")

    return attack


CROWDS: dict[str, Callable[[Arena], None]] = {
    "two-trains": two_trains,
    "one-pack": one_pack,
    "two-cleans": two_cleans,
    "clean-beside-train": clean_beside_train,
    "two-crops": two_crops,
    "two-paints": two_paints,
    "favourites": favourites,
    "report-beside": beside("report", "run2"),
    "draw-beside": beside("draw", "run2", "--count", "4"),
    "runs-beside": beside("runs", "."),
    "starts-beside-runs": starts_beside_runs,
    "killed-then-other": killed_then_other,
    "renamed": renamed,
    "removed": removed,
    "hangup": stopped(signal.SIGHUP),
    "term": stopped(signal.SIGTERM),
    "interrupt": stopped(signal.SIGINT),
}
assert os.name == "posix"
