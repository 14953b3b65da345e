"""How fast crop and clean are, in how much memory, and how well clean finds planted near duplicates.

Crop runs against a plain OpenCV loop of one process over the same painted pictures, in turn; clean over painted 96 px
faces, and for the memory over many faces made of them by zooming, turning and recolouring.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from eshi.gather import catalogue
from eshi.gather.album import Album
from eshi.gather.clean import clean
from eshi.gather.crop import crop
from eshi.gather.finders.lbp import fetched
from eshi.gather.painter import paint
from eshi.ground import image, progress
from eshi.ground.errors import EshiError

MEASURED = """
import resource, sys, time
from pathlib import Path
from eshi.gather.clean import clean
from eshi.ground import progress
progress.quiet = True
start = time.perf_counter()
counts = clean(Path(sys.argv[1]), workers=2)
seconds = time.perf_counter() - start
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
cpu = sum(u.ru_utime + u.ru_stime for u in used)
print(seconds, cpu, *(u.ru_maxrss / 1e6 for u in used), counts["keep"], counts["near-duplicate"])
"""


def machine() -> str:
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, OpenCV {cv2.__version__}"


def spent() -> np.ndarray:
    """(seconds on the clock, seconds of all cores) until now: on a busy machine only the second says much."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return np.array([time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)])


def plain_loop(pictures: Path, faces: Path, cascade: str, threads: int) -> None:
    """What the write-ups do: read, equalise, detect, crop, resize, write."""
    cv2.setNumThreads(threads)
    faces.mkdir()
    finder = cv2.CascadeClassifier(cascade)
    for path in sorted(pictures.glob("*.jpg")):
        picture = cv2.imread(str(path))
        grey = cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        for i, (x, y, w, h) in enumerate(finder.detectMultiScale(grey, 1.1, 5, minSize=(48, 48))):
            face = cv2.resize(picture[y : y + h, x : x + w], (128, 128), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(faces / f"{path.stem}-{i}.png"), face)


def bench_crop(work: Path, pictures: int, cascade: str, rounds: int) -> None:
    paint(work / "pictures", pictures, 0)
    cv2.setNumThreads(2)
    took: dict[str, list[np.ndarray]] = {}
    for turn in range(rounds):
        for name, threads in (("plain loop, 1 thread", 1), ("plain loop, OpenCV's threads", 2)):
            start = spent()
            plain_loop(work / "pictures", work / f"plain-{threads}-{turn}", cascade, threads)
            took.setdefault(name, []).append(spent() - start)
        start = spent()
        found = crop(work / "pictures", work / f"faces-{turn}", finder="lbp", workers=2, cascade=cascade)
        took.setdefault("eshi crop, 2 processes", []).append(spent() - start)
    print(f"\ncrop with lbp, {pictures} painted pictures, {found['faces']} faces, median of {rounds} rounds in turn")
    base = np.median(took["plain loop, 1 thread"], 0)[0]
    for name, values in took.items():
        wall, cpu = np.median(values, 0)
        print(
            f"  {name:30} {pictures / wall:6.1f} pictures/s   x {base / wall:.2f}   ({pictures / cpu:.1f} a CPU second)"
        )


def many_faces(folder: Path, seeds: list[np.ndarray], count: int) -> None:
    """Faces unlike each other out of a few: zoomed, turned, recoloured, mixed halves."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        one = seeds[rng.integers(len(seeds))]
        centre = (48 + rng.normal(0, 9), 48 + rng.normal(0, 9))
        turn = cv2.getRotationMatrix2D(centre, rng.normal(0, 25), rng.uniform(1, 2))
        face = cv2.warpAffine(one, turn, (96, 96), borderMode=cv2.BORDER_REFLECT)
        hsv = cv2.cvtColor(face, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + rng.integers(180)) % 180
        face = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
        (folder / f"{i:06}.jpg").write_bytes(cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def bench_clean(folder: Path, count: int) -> None:
    run = subprocess.run([sys.executable, "-c", MEASURED, folder], capture_output=True, text=True, check=True)
    seconds, cpu, own, worker, kept, near = map(float, run.stdout.split())
    print(
        f"\nclean, {count:,} faces at 96 px, 2 workers: {count / seconds:,.0f} faces/s "
        f"({seconds:.1f} s; {count / cpu:,.0f} a CPU second)\n"
        f"  peak memory {own + 2 * worker:.2f} GB ({own:.2f} and 2 workers with {worker:.2f} at most), "
        f"{kept:,.0f} kept, {near:,.0f} near duplicates"
    )


def plant(face: np.ndarray, kind: str) -> np.ndarray | bytes:
    height, width = face.shape[:2]
    if kind == "JPEG 60":
        return image.encode(face, "jpeg", quality=60)
    if kind == "80 %":
        smaller = (round(0.8 * width), round(0.8 * height))
        return np.asarray(Image.fromarray(face).resize(smaller, Image.Resampling.LANCZOS))
    if kind == "mirrored":
        return face[:, ::-1]
    return cv2.copyMakeBorder(face, 2, 0, 2, 0, cv2.BORDER_REFLECT)[:height, :width]  # shifted


def bench_planted(faces: list[tuple[str, np.ndarray]], folder: Path, source: str) -> None:
    """A planted copy is found where it and its original have ended up with the same survivor."""
    kinds, rng = ("JPEG 60", "80 %", "mirrored", "2 px shift"), np.random.default_rng(0)
    for i, (_, face) in enumerate(faces):
        image.save(face, folder / f"{i:05}.png")
    clean(folder, workers=2)
    before = catalogue.rejected(folder)
    chosen = [i for i in rng.permutation(len(faces)) if f"{i:05}.png" not in before][:300]
    for i in chosen:
        for kind in kinds:
            copy = plant(faces[i][1], kind)
            content = copy if isinstance(copy, bytes) else image.encode(copy, "jpeg", quality=92)
            (folder / f"{i:05}-{kind}.jpg").write_bytes(content)
    clean(folder, workers=2)
    rows = {row["file"]: row for row in catalogue.rows(folder)}
    survivor = {file: row["twin"] or file for file, row in rows.items()}
    print(f"\nnear duplicates, {len(faces):,} faces of {source}, {len(chosen)} of them planted in each way")
    for kind in kinds:
        found = sum(survivor[f"{i:05}-{kind}.jpg"] == survivor[f"{i:05}.png"] for i in chosen)
        print(f"  {kind:10} {found / len(chosen):7.1%} found")
    own = sum(row["verdict"] == "near-duplicate" and "-" not in file + row["twin"] for file, row in rows.items())
    print(f"  {own} of the unplanted ({own / len(faces):.2%}) resemble another one; the report shows the pairs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cascade", help="the cascade's file; fetched where not given")
    parser.add_argument("--pictures", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faces", type=int, default=8000, help="for the speed of clean")
    parser.add_argument("--memory", type=int, default=100_000, help="faces, for the peak memory of clean")
    parser.add_argument("--real", type=Path, action="append", default=[], help="a folder of faces to plant copies in")
    given = parser.parse_args()
    progress.quiet = True
    print(machine())
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        try:
            bench_crop(work, given.pictures, given.cascade or str(fetched()), given.rounds)
        except EshiError as error:  # offline
            print(f"crop: not measured: {error}")
        paint(work / "seeds", 400, 0, faces=96)
        seeds = [image.decode(path) for path in sorted((work / "seeds").glob("*.png"))]
        for name, count in (("speed", given.faces), ("memory", given.memory)):
            if count:
                many_faces(work / name, seeds, count)
                bench_clean(work / name, count)
        for number, real in enumerate(given.real):
            files, _ = Album(real).look()
            bench_planted([(f, image.decode(real / f)) for f in files], work / f"real-{number}", real.name)


if __name__ == "__main__":
    main()
