"""Training alone and beside other programs: the plain loop, one thread, OpenMP's threads, shards; in turn, one process.

The other programs are loops of Python, one a core, at the same priority. Prints a table in Markdown, and the memory.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from train_speed import Steps, rate, reference

from eshi import recipe
from eshi.cli import SPINS
from eshi.gather.faceset import FaceSet, faceset
from eshi.gather.painter import paint
from eshi.ground.cores import cores
from eshi.networks.engine import choose, hold_memory
from eshi.recipe import Recipe
from eshi.training.loop import learn, pupils

RECIPES = {
    "dcgan-64": ("dcgan-64", []),
    "dcgan-64, no norm in D": ("dcgan-64", ["discriminator.norm=none", "generator.width=32", "discriminator.width=32"]),
    "eshi-64": ("eshi-64", []),
}


def ours(chosen: Recipe, shown: FaceSet, threads: int) -> Steps:
    torch.set_num_threads(threads)
    engine = choose()
    who, step = pupils(chosen, engine), 0
    while True:
        torch.set_num_threads(threads)
        learn(chosen, engine, who, shown, step)
        step += 1
        yield


def plain(faces: Path, batch: int, threads: int) -> Steps:
    steps = reference(faces, batch)
    while True:
        torch.set_num_threads(threads)
        hold_memory(False)  # as it runs on its own: the allocator's setting is eshi's
        next(steps)
        hold_memory()
        yield


@contextmanager
def busy(count: int) -> Iterator[None]:
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def peak() -> float:
    """MB that this process has held at most since it was last asked, where the system says so."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        found = next(float(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, StopIteration):
        return float("nan")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--only", choices=RECIPES, help="one recipe")
    a = parser.parse_args()
    count = torch.get_num_threads()
    if not a.only:  # each as it is started: the plain loop's OpenMP spins as it always does, ours less
        for name in RECIPES:
            command = [sys.executable, __file__, "--only", name, "--rounds", str(a.rounds), "--steps", str(a.steps)]
            spins = {} if name == "dcgan-64" else {"GOMP_SPINCOUNT": SPINS}
            subprocess.run(command, env=os.environ | spins, check=True)
        return
    print(
        f"{platform.machine()}, {choose().describe()}, load {os.getloadavg()[0]:.1f} before, torch {torch.__version__}"
    )
    print(f"\n| recipe | beside | {' | '.join(head(count))} | MB |\n|---|---|{'---|' * (len(head(count)) + 1)}")
    with tempfile.TemporaryDirectory() as folder:
        faces = paint(Path(folder) / "faces", 1024, seed=0, faces=64)
        measure(a.only, recipe.load(*RECIPES[a.only]), faces, count, a.rounds, a.steps)


def head(count: int) -> list[str]:
    return ["plain loop", "1 thread", f"OpenMP {count}", f"shards {count}", "best to plain"]


def measure(name: str, chosen: Recipe, faces: Path, count: int, rounds: int, steps: int) -> None:
    hold_memory()
    shown, batch = faceset(faces, (64, 64), holdout=0), chosen.batch

    def split(shards: int) -> Recipe:
        return recipe.parse(chosen.as_dict(), [f"engine.shards={shards}"])

    ways: dict[str, Callable[[], Steps]] = {
        "1 thread": lambda: ours(split(1), shown, 1),
        "OpenMP": lambda: ours(split(1), shown, count),
        "shards": lambda: ours(split(count), shown, count),
    }
    if name == "dcgan-64":
        ways = {"plain loop": lambda: plain(faces, batch, count)} | ways
    going = {way: begin() for way, begin in ways.items()}
    for one in going.values():
        next(one)
    peak()
    for programs in (0, cores()):
        rates: dict[str, list[float]] = {way: [] for way in going}
        with busy(programs):
            for _ in range(rounds):
                for way, one in going.items():
                    next(one)  # warms up
                    rates[way] += rate(one, steps, batch)
        found = {way: statistics.median(its) for way, its in rates.items()}
        best = max(value for way, value in found.items() if way != "plain loop")
        cells = [f"{found[way]:.0f}" if way in found else "" for way in ("plain loop", "1 thread", "OpenMP", "shards")]
        cells.append(f"{best / found['plain loop']:.2f}" if "plain loop" in found else "")
        print(f"| {name} | {programs or 'nothing'} | {' | '.join(cells)} | {peak():.0f} |", flush=True)


if __name__ == "__main__":
    main()
