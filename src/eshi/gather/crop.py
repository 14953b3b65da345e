"""Pictures -> faces: each found box squared, widened, kept inside its picture, cropped once at full resolution."""

import hashlib
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
from PIL import Image

from eshi.gather import catalogue
from eshi.gather.album import Album, left_out
from eshi.gather.finders import finder as build_finder
from eshi.gather.finders import shared_finder
from eshi.gather.workers import spread
from eshi.ground.cores import cores
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.files import tidy, write
from eshi.ground.image import Pixels, Unreadable, decoding, fit
from eshi.ground.progress import Progress
from eshi.ground.registry import FINDERS

COMMIT_SECONDS = 2.0  # pictures done since the last commit are done again after a kill, to the same bytes
FEW = 8  # pictures for which starting processes takes longer than the work


@dataclass
class Cut:
    """What came of one picture."""

    faces: list[tuple[tuple[int, int, int, int, float], int, bytes]]  # box and score, side of the crop, PNG
    small: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Cropper:
    """The work on one picture, as it travels to other processes and machines. A picture is its name in the album, or
    its bytes where another machine does not see that."""

    album: Album
    finder: str
    options: tuple[tuple[str, Any], ...]
    home: str  # the module of the finder
    size: int
    margin: float
    smallest: int

    def __call__(self, picture: str | bytes) -> Cut:
        try:
            with self.album.given(picture) as opened, decoding(opened) as pixels:
                return self.cut(pixels)
        except Unreadable as error:
            return Cut([], problem=str(error))

    def cut(self, pixels: Pixels) -> Cut:
        boxes = shared_finder(self.finder, self.options, self.home)(pixels)
        large = [box for box in boxes if max(box[2:4]) >= self.smallest]
        cut = Cut([], small=len(boxes) - len(large))
        for box in sorted(large, key=lambda b: (b[1], b[0], b)):  # as one reads
            left, top, side = square(box, self.margin, pixels.shape[1], pixels.shape[0])
            face = shrink(pixels[top : top + side, left : left + side], self.size)
            cut.faces.append((box, side, png(face)))
        return cut


def square(box: tuple[int, int, int, int, float], margin: float, width: int, height: int) -> tuple[int, int, int]:
    """(left, top, side) of the crop: widened by `margin` of the box on every side, then shifted, then shrunk to fit."""
    x, y, w, h = box[:4]
    side = min(round(max(w, h) * (1 + 2 * margin)), width, height)
    left, top = round(x + w / 2 - side / 2), round(y + h / 2 - side / 2)
    return min(max(left, 0), width - side), min(max(top, 0), height - side), side


def png(face: Pixels) -> bytes:
    """OpenCV takes a third of Pillow's time; the files are 10 % larger."""
    return cv2.imencode(".png", cv2.cvtColor(face, cv2.COLOR_RGB2BGR))[1].tobytes()


def shrink(face: Pixels, size: int) -> Pixels:
    """To `size` where the crop is larger, as it is where it is not."""
    if face.shape[0] <= size:
        return face
    return fit(Image.fromarray(face), (size, size))


def crop(
    pictures: Path, faces: Path, finder: str = "net", size: int = 128, margin: float = 0.2, smallest: int = 48,
    on: str = "local", workers: int | None = None, **finder_options: Any,
) -> dict[str, Any]:  # fmt: skip
    """Counts of this run (pictures, faces, without a face, small, done before) and `problems`: file -> why not.

    `pictures` is a folder or a zip. The same command again goes on where it was stopped; pictures that could not be
    read are tried again.
    """
    album, faces = Album(Path(pictures)), Path(faces)
    options = {key: str(value) if isinstance(value, Path) else value for key, value in finder_options.items()}
    options["smallest"] = smallest
    if faces.resolve() == album.path.resolve():
        raise EshiError("the faces would lie among the pictures", "choose another folder with -o")
    if size < 8 or margin < 0 or smallest < 1:
        raise EshiError(f"cannot crop to {size} px with margin {margin} from {smallest} px", "try --size 128")
    names, problems = album.look(without=faces)
    if not names:
        why = f": {left_out(problems)}" if problems else ""
        raise EshiError(f"no pictures in {album.path}{why}", "collect some: eshi collect, or paint some: eshi paint")
    build_finder(finder, **options)  # a wrong name or a missing file shows here, not in every worker
    work = Cropper(album, finder, tuple(options.items()), FINDERS[finder].__module__, size, margin, smallest)
    faces.mkdir(parents=True, exist_ok=True)
    tidy(faces)
    origin = os.path.relpath(album.path.resolve(), faces.resolve())  # stays true where both are moved
    settings = {"pictures": Path(origin).as_posix(), "finder": finder, "size": size, "margin": margin, **options}
    with catalogue.opened(faces) as base:
        catalogue.settle(base, faces, "crop", settings)
        done = {row["picture"] for row in base.execute("select picture from pictures where problem = ''")}
        todo = [name for name in names if name not in done]
        workers = workers or cores()
        workers = 1 if len(todo) <= FEW and on == "local" else max(1, min(workers, len(todo)))
        jobs = ((name, album.carried(name, on)) for name in todo)
        found = store(spread(work, jobs, workers, on), base, album.path, faces, len(todo))
    return {"done before": len(names) - len(todo), **found, "problems": problems | found["problems"]}


def store(
    results: Iterator[tuple[str, Cut]], base: sqlite3.Connection, pictures: Path, faces: Path, total: int
) -> dict[str, Any]:
    """Faces to the disk first, then their rows: what a row names is there."""
    count: Counter[str] = Counter({"pictures": 0, "faces": 0, "without a face": 0, "small": 0})
    problems: dict[str, str] = {}
    origins, committed = Origins(pictures), time.monotonic()
    with Progress(f"cropping {pictures.name}", total, "pictures") as bar:
        try:
            for name, cut in results:
                if cut.problem:
                    problems[printable(name)] = cut.problem
                origin = origins.of(name)
                for number, (box, side, png) in enumerate(cut.faces):
                    file = face_name(name, number)
                    write(faces / file, png, lasting=False)
                    row = [file, name, *box, side, *(origin.get(key) for key in catalogue.ORIGIN)]
                    base.execute(
                        "insert or replace into faces (file, picture, x, y, w, h, score, source_size, "
                        f"{', '.join(catalogue.ORIGIN)}) values ({', '.join('?' * len(row))})", row,
                    )  # fmt: skip
                done = (name, len(cut.faces), cut.small, cut.problem)
                base.execute("insert or replace into pictures values (?, ?, ?, ?)", done)
                empty = not cut.faces and not cut.problem
                count.update({"pictures": 1, "faces": len(cut.faces), "without a face": empty, "small": cut.small})
                if time.monotonic() - committed > COMMIT_SECONDS:
                    base.commit()
                    committed = time.monotonic()
                bar.advance(faces=f"{count['faces']:,}", **({"broken": len(problems)} if problems else {}))
        finally:
            base.commit()
            origins.close()
    return {**count, "problems": problems}


def face_name(picture: str, number: int) -> str:
    """`a/b.jpg` -> `a/b.jpg-0.png`: the folders stay, and two pictures never share a name."""
    path = PurePosixPath(picture)
    name = path.name
    if len(name.encode()) > 200:  # most disks end at 255 bytes, and a suffix is still to come
        name = f"{name[:40]}-{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
    return str(path.with_name(f"{name}-{number}.png"))


class Origins:
    """Where collected pictures came from, out of the `pictures.sqlite` nearest above each of them."""

    def __init__(self, pictures: Path):
        self.pictures = pictures
        self.open: dict[PurePosixPath, sqlite3.Connection | None] = {}

    def of(self, name: str) -> dict[str, Any]:
        for folder in PurePosixPath(name).parents:
            base = self.base(folder)
            if base is None:
                continue
            file = str(PurePosixPath(name).relative_to(folder))
            try:
                found = base.execute("select * from pictures where file = ?", (file,)).fetchone()
            except sqlite3.Error as error:
                raise EshiError(f"cannot read {self.pictures / folder / 'pictures.sqlite'}: {error}", code=1) from error
            if found:
                return dict(found)
        return {}

    def base(self, folder: PurePosixPath) -> sqlite3.Connection | None:
        if folder not in self.open:
            path = self.pictures / folder / "pictures.sqlite"
            self.open[folder] = sqlite3.connect(path, timeout=30) if path.is_file() else None
            if base := self.open[folder]:
                base.row_factory = sqlite3.Row
        return self.open[folder]

    def close(self) -> None:
        for base in self.open.values():
            if base:
                base.close()
