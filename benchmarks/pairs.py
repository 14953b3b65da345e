"""Short trainings, two at a time on the same cores, against one alone: whole commands, their start included."""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from eshi.gather.painter import paint


def begun(faces: Path, run: Path, recipe: str, images: int) -> subprocess.Popen[bytes]:
    words = ["train", faces, "-r", recipe, "-o", run, "--images", images, "--quiet", "--set", "judge.every=0"]
    return subprocess.Popen([sys.executable, "-m", "eshi", *map(str, words)], stdout=subprocess.DEVNULL)


def seconds(*names: Path, faces: Path, recipe: str, images: int) -> list[float]:
    """Of each, begun at once."""
    start = time.perf_counter()
    going = {name: begun(faces, name, recipe, images) for name in names}
    ended: dict[Path, float] = {}
    while len(ended) < len(going):
        for name, one in going.items():
            if name not in ended and one.poll() is not None:
                assert one.returncode == 0
                ended[name] = time.perf_counter() - start
        time.sleep(0.01)
    return list(ended.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="eshi-64")
    parser.add_argument("--images", type=int, default=320, help="of each training; a batch of eshi-64 is 16")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--alone", type=int, default=5)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        faces = paint(home / "faces", 200, seed=0, faces=64)
        how = {"faces": faces, "recipe": a.recipe, "images": a.images}
        alone = [seconds(home / f"alone-{i}", **how)[0] for i in range(a.alone)]  # type: ignore[arg-type]
        usual = statistics.median(alone)
        found = [s for i in range(a.pairs) for s in seconds(home / f"{i}-a", home / f"{i}-b", **how)]  # type: ignore[arg-type]
    print(f"{platform.machine()}, {a.recipe}, {a.images} images")
    print(f"alone: median {usual:.1f} s ({min(alone):.1f} to {max(alone):.1f})")
    print(f"{len(found)} in pairs: median {statistics.median(found):.1f} s, the slowest {max(found):.1f}", end=" ")
    print(f"({max(found) / usual:.2f} times alone)")


if __name__ == "__main__":
    main()
