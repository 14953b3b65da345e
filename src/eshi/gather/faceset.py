"""A folder or zip of images as training batches: decoded once into a packed, memory-mapped uint8 array.

The pack lies in `.eshi/` beside the images (in the user's cache where that is read-only) and is made anew when the
files or their verdicts change. Every image has a key, the hash of its packed pixels: the key decides whether it is
held out, so the split survives new pictures, and exact duplicates never lie on both sides of it.
"""

import functools
import hashlib
import json
import math
import os
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
from filelock import FileLock

from eshi.gather import catalogue
from eshi.gather.album import Album, Images, Problems, left_out
from eshi.gather.label import SURE, settle, stored
from eshi.ground import files
from eshi.ground.cores import cores
from eshi.ground.errors import EshiError, near_miss
from eshi.ground.figures import printable
from eshi.ground.image import SUFFIXES, Unreadable, decode
from eshi.ground.progress import Progress, note

FORMAT = 2  # of the pack; a change makes every pack anew
ERRAND = 16  # images that a thread packs at a time
OTHER = "other"  # the value of all that are rare
SPOTS = 16  # images of a pack that are compared with their keys when it is opened


@dataclass
class Known:
    """Attribute -> its values in order, and for each image the number of its value, -1 where that is unknown."""

    values: dict[str, list[str]]
    codes: np.ndarray  # (N, attributes) int64


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
    words: np.ndarray | None = None  # (N, V): what is said of each, where a recipe has labels
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

    @property
    def known(self) -> list[str]:
        """The attributes of which `eshi label` knows something."""
        return list(settle(stored(Album(self.path).home)))

    def attributes(self, use: Sequence[str], sure: float = SURE, fewest: int = 1) -> Known:
        """What `eshi label` knows of each image, of these attributes. Values that fewer than `fewest` training images
        have become one, "other", or unknown where even that is rare."""
        home = Album(self.path).home
        said = settle(stored(home), sure)
        if not said:
            raise EshiError(f"{self.path} has no labels", f"first: eshi label {self.path}")
        values: dict[str, list[str]] = {}
        codes = np.full((len(self.files), len(use)), -1, np.int64)
        for column, attribute in enumerate(use):
            if attribute not in said:
                raise EshiError(f"nothing is known of '{attribute}' in {self.path}", near_miss(attribute, said))
            told = [said[attribute].get(file, ("", ""))[0] for file in self.files]
            words = merged(attribute, told, [told[i] for i in self.train], fewest)
            values[attribute] = sorted(set(words) - {""})
            codes[:, column] = [values[attribute].index(word) if word else -1 for word in words]
        return Known(values, codes)

    def said(self, values: Sequence[str], sure: float = SURE) -> np.ndarray:
        """(N, V) float32: a 1 for each of the values (hair=pink and so on) that is known of an image. One that is not
        among them is "other", if that is."""
        place = {value: i for i, value in enumerate(values)}
        found = np.zeros((len(self.files), len(place)), np.float32)
        known = self.attributes(list(dict.fromkeys(value.partition("=")[0] for value in values)), sure)
        for column, (attribute, several) in enumerate(known.values.items()):
            other = place.get(f"{attribute}={OTHER}", -1)
            places = np.array([*(place.get(f"{attribute}={value}", other) for value in several), -1])
            its = places[known.codes[:, column]]
            there = np.flatnonzero(its >= 0)
            found[there, its[there]] = 1
        return found

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


def merged(attribute: str, told: list[str], learned: list[str], fewest: int) -> list[str]:
    """The same words, with those that are rare among the `learned` ones made one, and a note that says so."""
    counts = Counter(word for word in learned if word)
    rare = {word for word in set(told) - {""} if counts[word] < fewest}
    if not rare:
        return told
    together = sum(counts[word] for word in rare)
    other = OTHER if together >= fewest else ""
    said = ", ".join(f"{word} {counts[word]}" for word in sorted(rare))
    note(f"{attribute}: fewer than {fewest} faces are {said}: they are {f'one value, {OTHER}' if other else 'unknown'}")
    return [other if word in rare else word for word in told]


@functools.lru_cache(maxsize=2)
def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    order: np.ndarray = np.random.default_rng([seed, epoch, count]).permutation(count)
    return order


def faceset(
    path: Path, size: tuple[int, int] = (64, 64), *, mirror: bool = False, holdout: float = 0.05, need: int = 1
) -> FaceSet:
    """The faces in a folder or zip at `size` (width, height); `need` is the fewest training images of use."""
    path = Path(path)
    album = Album(path)
    names, problems = listing(album)
    if not names and catalogue.rejected(album.home):
        hint = f"eshi faces {path} says why; eshi clean {path} --undo takes it back"
        raise EshiError(f"no image in {path} is kept", hint)
    if not names:
        kinds = " ".join(sorted(s.lstrip(".") for s in SUFFIXES))
        why = f": {left_out(problems)}" if problems else ""
        raise EshiError(f"no images in {path}{why}", f"looked in every folder below it for: {kinds}")
    pack = open_pack(album, size, names)
    keys = np.array(pack.found["keys"], np.uint64)
    problems |= {printable(name): why for name, why in pack.found["skipped"].items()}
    faces = FaceSet(path, size, pack.images, pack.found["files"], keys, problems, mirror, holdout)
    if faces.skipped:
        note(f"{path}: {left_out(faces.skipped)}")
    if len(faces) < need:
        lost = f", {len(faces.skipped)} unreadable" if faces.skipped else ""
        held = f", {len(faces.held_out)} held out for judging"
        raise EshiError(
            f"{path} has only {len(faces)} usable training images ({len(names)} found{held}{lost}); {need} are needed",
            f"collect more pictures, or use smaller batches: --set batch={max(2, len(faces) // 2)}",
        )
    return faces


def listing(album: Album) -> tuple[Images, Problems]:
    """The images to learn from: those that no verdict rejects."""
    out = catalogue.rejected(album.home)
    names, problems = album.look()
    return {name: stamp for name, stamp in names.items() if name not in out}, problems


@dataclass
class Pack:
    """`found` is what its index says: the source, the files, a key each, and what could not be read."""

    images: np.ndarray
    found: dict[str, Any]


def open_pack(album: Album, size: tuple[int, int], names: Images) -> Pack:
    """The pack of exactly these files, made where there is none."""
    label = f"{size[0]}x{size[1]}"
    source = hashlib.blake2b(json.dumps([FORMAT, names]).encode(), digest_size=16).hexdigest()
    slug = re.sub(r"\W+", "-", album.path.resolve().stem)
    away = hashlib.blake2b(os.fsencode(album.path.resolve()), digest_size=6).hexdigest()
    homes = [(album.home if album.zipped else album.home / ".eshi") / label]
    with suppress(EshiError):  # a user without a home has no cache
        homes.append(files.cache() / f"{slug}-{away}" / label)
    for home in homes:
        if pack := read_pack(home, source, size):
            return pack
    for home in homes:
        try:
            home.mkdir(parents=True, exist_ok=True)
            (home / "lock").touch()
        except OSError:
            continue
        with FileLock(home / "lock"):  # two trainings may start on the same faces
            if pack := read_pack(home, source, size):
                return pack
            build_pack(album, size, names, home, source)
            if pack := read_pack(home, source, size):
                return pack
        raise EshiError(f"the pack just written to {home} reads otherwise", "is something else writing there?", 1)
    places = " nor in ".join(map(str, homes))
    raise EshiError(f"cannot write a pack in {places}", "set XDG_CACHE_HOME to a writable folder", 1)


def read_pack(home: Path, source: str, size: tuple[int, int]) -> Pack | None:
    """None where there is no pack of this source, or one that is not whole: then it is made anew."""
    try:
        content = (home / "index.json").read_bytes()
    except OSError:
        return None
    try:
        found = json.loads(content)
        if found["source"] != source:
            return None
        images = np.load(home / "images.npy", mmap_mode="r", allow_pickle=False)
        shape, count = (len(found["files"]), size[1], size[0], 3), len(found["files"])
        if found["check"] != check(found) or images.shape != shape or images.dtype != np.uint8:
            raise ValueError("its index and its images do not belong together")
        for row in np.linspace(0, count - 1, min(count, SPOTS)).astype(int):
            if key(images[row]) != found["keys"][row]:
                raise ValueError("its images are not those that were written")
    except Exception as error:  # whatever damaged bytes lead to
        note(f"the pack in {home} is damaged and made anew ({error or type(error).__name__})")
        return None
    return Pack(images, found)


def key(image: np.ndarray) -> int:
    return int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest())


def check(found: dict[str, Any]) -> str:
    told = json.dumps([found[name] for name in ("source", "files", "keys", "skipped")])
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def build_pack(album: Album, size: tuple[int, int], names: Images, home: Path, source: str) -> None:
    """Threads suffice: Pillow decodes and resizes without the interpreter's lock."""
    files.tidy(home)
    for name in ("index.json", "images.npy"):  # from here on the old pack is no pack, whatever it was
        shutil.rmtree(home / name) if (home / name).is_dir() else (home / name).unlink(missing_ok=True)
    images = reserved(home / "images.npy.part", (len(names), size[1], size[0], 3))

    def load(some: list[tuple[int, str]]) -> list[str]:
        return [load_one(row, name) for row, name in some]

    def load_one(row: int, name: str) -> str:
        try:
            with album.opened(name) as picture:
                images[row] = decode(picture, size)
        except Unreadable as error:
            return str(error)
        return ""

    problems: list[str] = []
    todo, broken = list(enumerate(names)), 0
    with (
        Progress(f"packing {album.path.name} at {size[0]}x{size[1]}", len(names), "images") as bar,
        ThreadPoolExecutor(min(16, cores())) as pool,
    ):
        try:
            for said in pool.map(load, (todo[i : i + ERRAND] for i in range(0, len(todo), ERRAND))):
                problems += said
                broken += sum(map(bool, said))
                bar.advance(len(said), broken=broken)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if broken == len(names):
        (home / "images.npy.part").unlink()
        reasons = left_out(dict(zip(map(printable, names), problems, strict=True)))
        raise EshiError(f"no image in {album.path} can be read: {reasons}", "are they images?")
    finish_pack(home, images, list(names), problems, source)


def reserved(part: Path, shape: tuple[int, ...]) -> np.memmap:
    """The real blocks now, not a hole: a full disk shows here, not as a bus error."""
    bytes_needed = math.prod(shape)
    try:
        with part.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            start = file.tell()
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), start, bytes_needed)
            else:
                file.truncate(start + bytes_needed)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EshiError(
            f"no room for the packed images ({bytes_needed / 1e6:,.0f} MB in {part.parent}): {error.strerror}",
            "free some disk space, or train at a smaller size", 1,
        ) from error  # fmt: skip
    return np.memmap(part, np.uint8, "r+", start, shape)


def finish_pack(home: Path, images: np.memmap, names: list[str], problems: list[str], source: str) -> None:
    """Unreadable rows squeezed out, keys taken, the index written last: a pack without an index is no pack."""
    part, rows = home / "images.npy.part", [row for row, problem in enumerate(problems) if not problem]
    if len(rows) < len(names):
        for to, row in enumerate(rows):
            images[to] = images[row]
    keys = [key(images[row]) for row in range(len(rows))]
    images.flush()
    whole = np.load(part, mmap_mode="r+")
    header = np.lib.format.header_data_from_array_1_0(whole[: len(rows)])
    del whole, images
    with part.open("r+b") as file:  # headers are padded to the same length, so the rows stay where they are
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + math.prod(header["shape"]))
        file.flush()
        os.fsync(file.fileno())  # or a power cut could leave an index of black images
    part.replace(home / "images.npy")
    found = {
        "source": source,
        "files": [names[row] for row in rows],
        "keys": keys,
        "skipped": {name: why for name, why in zip(names, problems, strict=True) if why},
    }
    files.write(home / "index.json", json.dumps(found | {"check": check(found)}).encode())
