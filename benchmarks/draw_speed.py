"""Interactive speed on one core of a CPU: one 64 px face in at most 15 ms, a sheet of 64 in at most 0.4 s.

Time is that of the core, which other programs on a busy machine do not change much; the clock's stands beside it.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from eshi import recipe
from eshi.artist import Artist, draw
from eshi.ground import image
from eshi.networks.build import networks
from eshi.networks.engine import choose

ONE, SHEET = 0.015, 0.4  # seconds


def timed(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Medians of the core's time and of the clock's, in seconds."""
    work()
    core, clock = [], []
    for _ in range(times):
        start, began = time.thread_time(), time.perf_counter()
        work()
        core.append(time.thread_time() - start)
        clock.append(time.perf_counter() - began)
    return statistics.median(core), statistics.median(clock)


def fresh(name: str) -> Artist:
    """As loaded from a run; the speed does not depend on what was learned."""
    chosen, engine = recipe.load(name), choose("cpu", "fp32")
    G, D = networks(chosen)
    return Artist(chosen, 0, engine.place(G).eval(), engine.place(D).eval())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path, help="also these runs or checkpoints")
    parser.add_argument("--times", type=int, default=30)
    a = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}, Python {platform.python_version()}")
    print(f"{'':<14}{'one face':>30}{'sheet of 64 as PNG':>34}")
    artists = {name: fresh(name) for name in ("demo", "dcgan-64")}
    artists |= {path.name: Artist.load(path) for path in a.runs}
    for name, who in artists.items():
        one = timed(lambda w=who: draw(w, 1, 7), a.times)
        sheet = timed(lambda w=who: image.encode(image.sheet(draw(w, 64).images)), max(3, a.times // 3))
        cells = [
            f"{1000 * core:.1f} ms (clock {1000 * clock:.1f}) {'ok' if core <= most else 'SLOW'}"
            for (core, clock), most in ((one, ONE), (sheet, SHEET))
        ]
        print(f"{name:<14}{cells[0]:>30}{cells[1]:>34}")


if __name__ == "__main__":
    main()
