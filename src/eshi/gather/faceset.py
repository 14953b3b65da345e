"""A folder or zip of images as training batches: decoded once into a packed, memory-mapped uint8 array.

The pack lies in `.eshi/` beside the images (in the user's cache where that is read-only) and is made anew when the
files or their verdicts change. Every image has a key, the hash of its packed pixels: the key decides whether it is
held out, so the split survives new pictures, and exact duplicates never lie on both sides of it.
"""

import functools
import hashlib
import json
import os
import re
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from filelock import FileLock

from eshi.gather import catalogue
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.ground.image import SUFFIXES, Unreadable, decode
from eshi.ground.progress import Progress, note

FORMAT = 1  # of the pack; a change makes every pack anew


@dataclass
class FaceSet:
    """`images` (N, H, W, 3) uint8 in the order of `files`; `train` and `held_out` index into it."""

    path: Path
    size: tuple[int, int]  # width, height
    images: np.ndarray
    files: list[str]
    keys: np.ndarray  # (N,) uint64
    skipped: dict[str, str]  # file -> why it could not be read
    mirror: bool = False
    holdout: float = 0.05
    train: np.ndarray = field(init=False)
    held_out: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        apart = self.keys < np.uint64(self.holdout * (2**64 - 1))
        self.train, self.held_out = np.flatnonzero(~apart), np.flatnonzero(apart)

    def __len__(self) -> int:
        return len(self.train)

    @functools.cached_property
    def content(self) -> str:
        """Names the set of training images, whatever their files are called."""
        return hashlib.blake2b(np.sort(self.keys[self.train]).tobytes(), digest_size=8).hexdigest()

    @functools.cached_property
    def classes(self) -> list[str]:
        """The class folders, or [] where the images do not lie in at least two of them."""
        parts = [PurePosixPath(name).parts for name in self.files]
        while parts and all(len(p) > 1 for p in parts) and len({p[0] for p in parts}) == 1:
            parts = [p[1:] for p in parts]
        folders = sorted({p[0] for p in parts if len(p) > 1})
        return folders if len(folders) > 1 and all(len(p) > 1 for p in parts) else []

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """(N,) class numbers, -1 where there are no classes."""
        place = {name: i for i, name in enumerate(self.classes)}
        found = [next((place[p] for p in PurePosixPath(f).parts if p in place), -1) for f in self.files]
        return np.array(found, np.int64)

    def picks(self, seed: int, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Which images make batch `step`, and which of them are mirrored: a pure function of its arguments."""
        place = np.arange(step * count, (step + 1) * count)
        epoch, rank = np.divmod(place, len(self.train))
        parts = [self.train[shuffled(len(self.train), seed, int(e))[rank[epoch == e]]] for e in np.unique(epoch)]
        flips = np.random.default_rng([seed, step]).random(count) < 0.5 if self.mirror else np.zeros(count, bool)
        return np.concatenate(parts), flips

    def batch(self, seed: int, step: int, count: int) -> np.ndarray:
        """(count, H, W, 3) uint8"""
        index, flips = self.picks(seed, step, count)
        batch: np.ndarray = self.images[index]
        for i in np.flatnonzero(flips):  # OpenCV turns one around nine times faster than numpy's [:, ::-1]
            batch[i] = cv2.flip(batch[i], 1)
        return batch


@functools.lru_cache(maxsize=2)
def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    order: np.ndarray = np.random.default_rng([seed, epoch, count]).permutation(count)
    return order


def faceset(
    path: Path, size: tuple[int, int] = (64, 64), *, mirror: bool = False, holdout: float = 0.05, need: int = 1
) -> FaceSet:
    """The faces in a folder or zip at `size` (width, height); `need` is the fewest training images of use."""
    path = Path(path)
    names = listing(path)
    if not names:
        kinds = " ".join(sorted(s.lstrip(".") for s in SUFFIXES))
        raise EshiError(f"no images in {path}", f"looked in every folder below it for: {kinds}")
    pack, found = open_pack(path, size, names)
    faces = FaceSet(
        path, size, np.load(pack / "images.npy", mmap_mode="r"), found["files"],
        np.array(found["keys"], np.uint64), found["skipped"], mirror, holdout,
    )  # fmt: skip
    if faces.skipped:
        reasons = [f"{name} ({why})" for name, why in list(faces.skipped.items())[:3]]
        more = f" and {len(faces.skipped) - 3:,} more" if len(faces.skipped) > 3 else ""
        note(f"{path}: left out {', '.join(reasons)}{more}")
    if len(faces) < need:
        lost = f", {len(faces.skipped)} unreadable" if faces.skipped else ""
        held = f", {len(faces.held_out)} held out for judging"
        raise EshiError(
            f"{path} has only {len(faces)} usable training images ({len(names)} found{held}{lost}); {need} are needed",
            f"collect more pictures, or use smaller batches: --set batch={max(2, len(faces) // 2)}",
        )
    return faces


def listing(path: Path) -> dict[str, tuple[int, int]]:
    """Image name -> (bytes, time of change), hidden files and rejected faces left out."""
    if path.is_dir():
        out = catalogue.rejected(path)
        stats = {name: (path / name).stat() for name in catalogue.listing(path) if name not in out}
        return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}
    if not path.exists():
        raise EshiError(f"there is no folder or zip {path}", "practice faces: eshi paint faces/ --faces 64")
    if not zipfile.is_zipfile(path):
        raise EshiError(f"{path} is neither a folder nor a zip", "name the folder that holds the images")
    with zipfile.ZipFile(path) as archive:
        entries = {i.filename: (i.file_size, i.CRC) for i in archive.infolist() if not i.is_dir()}
    return {n: e for n, e in sorted(entries.items()) if wanted(n) and not n.startswith("__MACOSX")}


def wanted(name: str) -> bool:
    last = PurePosixPath(name)
    return last.suffix.lower() in SUFFIXES and not last.name.startswith(".")


def open_pack(path: Path, size: tuple[int, int], names: dict[str, tuple[int, int]]) -> tuple[Path, dict]:
    """The folder of the pack of exactly these files, made where there is none."""
    label = f"{size[0]}x{size[1]}"
    source = hashlib.blake2b(json.dumps([FORMAT, names]).encode(), digest_size=16).hexdigest()
    slug = re.sub(r"\W+", "-", path.resolve().stem)
    away = hashlib.blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()
    beside = path / ".eshi" if path.is_dir() else path.with_name(f".{path.name}.eshi")
    cache = files.cache() / f"{slug}-{away}"
    homes = [beside / label, cache / label]
    for home in homes:
        if found := read_pack(home, source):
            return home, found
    for home in homes:
        try:
            home.mkdir(parents=True, exist_ok=True)
            (home / "images.npy.part").touch()
        except OSError:
            continue
        with FileLock(home / "lock"):  # two trainings may start on the same faces
            return home, read_pack(home, source) or build_pack(path, size, names, home, source)
    raise EshiError(f"cannot write a pack beside {path} nor in {cache}", "set XDG_CACHE_HOME to a writable folder", 1)


def read_pack(home: Path, source: str) -> dict | None:
    try:
        found = json.loads((home / "index.json").read_text())
        return found if found["source"] == source and (home / "images.npy").exists() else None
    except (OSError, ValueError, KeyError):
        return None


def build_pack(path: Path, size: tuple[int, int], names: dict, home: Path, source: str) -> dict:
    """Threads suffice: Pillow decodes and resizes without the interpreter's lock."""
    width, height = size
    (home / "index.json").unlink(missing_ok=True)  # from here on the old pack is no pack
    part = home / "images.npy.part"
    shape = (len(names), height, width, 3)
    try:
        with part.open("wb") as file:  # the real blocks now, not a hole: a full disk shows here, not as a bus error
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            start, bytes_needed = file.tell(), int(np.prod(shape))
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), start, bytes_needed)
            else:
                file.truncate(start + bytes_needed)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EshiError(
            f"no room for the packed images ({int(np.prod(shape)) / 1e6:,.0f} MB in {home}): {error.strerror}",
            "free some disk space, or train at a smaller size", 1,
        ) from error  # fmt: skip
    images = np.memmap(part, np.uint8, "r+", start, shape)
    archive = zipfile.ZipFile(path) if path.is_file() else None

    def load(job: tuple[int, str]) -> str:
        row, name = job
        try:
            images[row] = decode(archive.open(name) if archive else path / name, size)
        except (Unreadable, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
            return str(error)
        return ""

    problems = []
    with (
        Progress(f"packing {path.name} at {width}x{height}", len(names), "images") as bar,
        ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool,
    ):
        try:
            for problem in pool.map(load, enumerate(names)):
                problems.append(problem)
                bar.advance(broken=sum(map(bool, problems)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    keep = np.array([not p for p in problems])
    return finish_pack(home, images, keep, list(names), problems, source)


def finish_pack(
    home: Path, images: np.memmap, keep: np.ndarray, names: list[str], problems: list[str], source: str
) -> dict:
    """Unreadable rows squeezed out, keys taken, the index written last: a pack without an index is no pack."""
    part, rows = home / "images.npy.part", np.flatnonzero(keep)
    if not keep.all():
        for to, row in enumerate(rows):
            images[to] = images[row]
    keys = [int.from_bytes(hashlib.blake2b(images[i].tobytes(), digest_size=8).digest()) for i in range(len(rows))]
    images.flush()
    whole = np.load(part, mmap_mode="r+")
    header = np.lib.format.header_data_from_array_1_0(whole[: len(rows)])
    del whole, images
    with part.open("r+b") as file:  # headers are padded to the same length, so the rows stay where they are
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + int(np.prod(header["shape"])))
    part.replace(home / "images.npy")
    found = {
        "source": source,
        "files": [names[i] for i in rows],
        "keys": keys,
        "skipped": {n: p for n, p in zip(names, problems, strict=True) if p},
    }
    (home / "index.json.part").write_text(json.dumps(found))
    (home / "index.json.part").replace(home / "index.json")
    return found
