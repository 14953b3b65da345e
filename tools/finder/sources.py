"""What the finder learns from, decoded once: pictures with boxes, tight face crops, pictures without a face, painted
ones. A place is a folder or a zip of one."""

import argparse
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from eshi.gather.painter import picture, scene
from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels, decode

LONGEST = 512  # px kept of a picture: a face that fills half of it is still twice as large as any the network looks for
CROWDED = 1280  # px kept of one with many heads, which are small: a page of a manga takes 4 MB then
TIGHT = (0.03, 0.12, 0.94, 0.76)  # the box of a face in a tight crop, as parts of its sides; judged by eye
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
T = TypeVar("T")
Drawer = Callable[[int, int], tuple[Pixels, dict[str, Any]]]  # of a number and a seed: a picture, what it shows
Thing = np.ndarray  # (H, W, 4) uint8: a picture and where it covers


@dataclass
class Source:
    """A picture at full, half, quarter ... size, and its boxes (N, 4) x y w h at full size."""

    sizes: list[Pixels]
    boxes: np.ndarray
    tight: bool = False  # nothing but a face: the outside of its box is no background worth pasting
    covers: list[np.ndarray] = field(default_factory=list)  # of a figure cut out: where it covers, at every size

    @classmethod
    def of(
        cls, pixels: Pixels, boxes: np.ndarray, tight: bool = False, longest: int = LONGEST,
        cover: np.ndarray | None = None,
    ) -> "Source":  # fmt: skip
        scale = min(1.0, longest / max(pixels.shape[:2]))
        sizes = halves(pixels, scale)
        covers = [] if cover is None else halves(cover, scale)
        return cls(sizes, np.asarray(boxes, np.float32).reshape(-1, 4) * scale, tight, covers)


def halves(pixels: np.ndarray, scale: float) -> list[np.ndarray]:
    sizes = [shrunk(pixels, scale) if scale < 1 else np.ascontiguousarray(pixels)]
    while min(sizes[-1].shape[:2]) >= 32 and len(sizes) < 4:
        sizes.append(shrunk(sizes[-1], 0.5))
    return sizes


def shrunk(pixels: np.ndarray, scale: float) -> np.ndarray:
    width, height = (max(1, round(side * scale)) for side in pixels.shape[1::-1])
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def files(place: Path) -> dict[str, bytes]:
    """name -> bytes of every picture and JSON in a folder or a zip, sorted by name."""
    if place.is_dir():
        found = {str(path.relative_to(place)): path for path in place.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in sorted(found.items()) if wanted(name)}
    if not zipfile.is_zipfile(place):
        raise EshiError(f"{place} is neither a folder nor a zip", "give a folder of pictures, or a zip of one")
    with zipfile.ZipFile(place) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist()) if wanted(name)}


def wanted(name: str) -> bool:
    return Path(name).suffix.lower() in ENDINGS or Path(name).name == "boxes.json"


def boxed(place: Path, longest: int = LONGEST) -> dict[str, Source]:
    """Pictures of `place`/boxes.json (picture -> [[x, y, w, h, ...], ...]); those without a box are left out, for
    nobody knows whether a face is in them."""
    content = files(place)
    if "boxes.json" not in content:
        raise EshiError(f"there is no boxes.json in {place}", 'it should say {"a.jpg": [[x, y, w, h], ...], ...}')
    known = json.loads(content["boxes.json"])
    found = {}
    for name, boxes in known.items():
        boxes = boxes["faces_xywh"] if isinstance(boxes, dict) else boxes
        if boxes and name in content:
            pixels, cover = decode(io.BytesIO(content[name])), outline(content[name])
            found[name] = Source.of(pixels, np.array([box[:4] for box in boxes]), longest=longest, cover=cover)
    if not found:
        raise EshiError(f"boxes.json in {place} names none of its pictures", "name them as they lie below that folder")
    return found


def plain(place: Path, tight: bool = False) -> dict[str, Source]:
    """Every picture of a folder or zip: tight crops of one face each, or pictures without any."""
    found = {}
    for name, content in files(place).items():
        if name.endswith(".json"):
            continue
        pixels = decode(io.BytesIO(content))
        sides = np.array([pixels.shape[1], pixels.shape[0]] * 2)
        found[name] = Source.of(pixels, np.array(TIGHT) * sides if tight else np.zeros((0, 4)), tight)
    return found


def outlined(content: bytes) -> Thing | None:
    """A picture with a transparent ground; None of any other."""
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8:
        return None
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3]])


def outline(content: bytes) -> np.ndarray | None:
    """Where a figure covers that was cut out; None of a picture that has a ground of its own."""
    thing = outlined(content)
    return None if thing is None or (thing[..., 3] < 128).mean() < 0.05 else thing[..., 3].copy()


def things(place: Path) -> dict[str, Thing]:
    """Pictures with a transparent ground: animals, hands, emblems, whatever is no face. 64 px are enough."""
    found = {name: outlined(content) for name, content in files(place).items() if not name.endswith(".json")}
    return {name: thing for name, thing in found.items() if thing is not None}


def painted(count: int, seed: int) -> list[Source]:
    return [Source.of(pixels, np.array(facts["face"])) for pixels, facts in (picture(i, seed) for i in range(count))]


def crowds(count: int, seed: int, draw: Drawer = scene, longest: int = LONGEST) -> list[Source]:
    """The painter's scenes, or its pages: several heads in many poses."""
    found = []
    for pixels, facts in (draw(number, seed) for number in range(count)):
        found.append(Source.of(pixels, np.array([one["face"] for one in facts["faces"]]), longest=longest))
    return found


def parted(found: Mapping[str, T], held: float) -> tuple[list[T], list[T]]:
    """For training, and held out: the last ones by name within every folder, so that near-duplicates, which lie side by
    side, stay on one side."""
    folders: dict[str, list[T]] = {}
    for name, source in sorted(found.items()):
        folders.setdefault(str(Path(name).parent), []).append(source)
    train: list[T] = []
    rest: list[T] = []
    for sources in folders.values():
        cut = len(sources) - round(len(sources) * held)
        train, rest = train + sources[:cut], rest + sources[cut:]
    return train, rest


def places(parser: argparse.ArgumentParser) -> None:
    """What train.py and check.py are both told."""
    parser.add_argument("pictures", nargs="+", type=Path,
                        help="folders or zips with a boxes.json: picture -> [[x, y, w, h], ...]")  # fmt: skip
    parser.add_argument(
        "--faces", nargs="*", type=Path, default=[], help="folders or zips of tight crops of a face each"
    )
    parser.add_argument(
        "--nonfaces", nargs="*", type=Path, default=[], help="folders or zips of pictures without faces"
    )
    parser.add_argument("--things", nargs="*", type=Path, default=[],
                        help="folders or zips of pictures with a transparent ground, none a face")  # fmt: skip
    parser.add_argument("--held", type=float, default=0.1, help="the part of pictures and faces held out of training")
    parser.add_argument("--held-empty", type=float, default=0.5, help="the part of the pictures without faces held out")


def shown(given: argparse.Namespace, side: int) -> list[Thing]:
    """The things for training (0) or those held out (1)."""
    return [thing for place in given.things for thing in parted(things(place), given.held)[side]]


def split(given: argparse.Namespace, side: int) -> tuple[list[Source], list[Source], list[Source]]:
    """Pictures with boxes, tight faces, pictures without a face: those for training (0) or those held out (1)."""
    boxes = [source for place in given.pictures for source in parted(boxed(place), given.held)[side]]
    tight = [source for place in given.faces for source in parted(plain(place, tight=True), given.held)[side]]
    empty = [source for place in given.nonfaces for source in parted(plain(place), given.held_empty)[side]]
    return boxes, tight, empty
