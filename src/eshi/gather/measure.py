"""What is measured on every face, once: content, size, sharpness, light, colour, and a thumbnail to compare it by.

The measures lie in the catalogue, so judging anew with other thresholds needs no pixels.
"""

import hashlib
import io
import math
import sqlite3
import struct
from dataclasses import dataclass

import cv2
import numpy as np

from eshi.gather import catalogue
from eshi.gather.album import Album, left_out
from eshi.gather.workers import spread
from eshi.ground.cores import cores
from eshi.ground.errors import EshiError
from eshi.ground.image import SMALLEST, Pixels, Unreadable, decode
from eshi.ground.progress import Progress

VERSION = 1  # of what follows; a change measures every face anew
THUMB = 16  # px a side of the thumbnail; its two colour planes have half of it
CROWN = (12, 6)  # px, across and down
LOOKED_AT = 96  # px: larger faces are looked at in this size, so that sharpness means the same for all
MEASURES = np.dtype(
    [
        ("content", "u8", 2),  # hash of the file's bytes
        ("bytes", "u4"),
        ("side", "u2"),  # the shorter side in pixels
        ("sharp", "f4"),
        ("light", "f4"),  # 95th percentile of luma: how bright the bright parts are
        ("contrast", "f4"),  # standard deviation of luma
        ("colour", "f4"),  # mean distance from grey
        ("luma", "u1", (THUMB, THUMB)),
        ("chroma", "u1", (THUMB // 2, THUMB // 2, 2)),  # Cr, Cb
        ("crown", "u1", (CROWN[1], CROWN[0], 3)),  # RGB of where the hair is
    ]
)
SOFT = np.array([1, 2, 1], np.float32) / 4  # thumbnails are softened, so that a shift by a pixel changes them little
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
QUICK = 4_000_000  # pixels: OpenCV believes any header, so more goes through `decode` and its room
CHUNK = 256  # faces per errand to a worker


def measure(content: bytes) -> np.ndarray:
    pixels = quick(content)
    if pixels is None:
        pixels = decode(io.BytesIO(content))
    found = np.zeros((), MEASURES)
    found["content"] = np.frombuffer(hashlib.blake2b(content, digest_size=16).digest(), np.uint64)
    found["bytes"] = min(len(content), 2**32 - 1)
    found["side"] = min(min(pixels.shape[:2]), 65535)
    if max(pixels.shape[:2]) > LOOKED_AT:
        scale = LOOKED_AT / max(pixels.shape[:2])
        small = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    height, width = pixels.shape[:2]
    ycc = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    grey = cv2.extractChannel(ycc, 0)
    luma = grey.astype(np.float32)
    found["sharp"] = sharpness(luma)
    found["light"] = np.bincount(grey.ravel(), minlength=256).cumsum().searchsorted(0.95 * grey.size)
    found["contrast"] = deviation(luma)
    thumb = cv2.resize(ycc, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    found["luma"] = cv2.sepFilter2D(thumb[..., 0], -1, SOFT, SOFT, borderType=cv2.BORDER_REPLICATE)
    found["chroma"] = cv2.resize(thumb, (THUMB // 2, THUMB // 2), interpolation=cv2.INTER_AREA)[..., 1:]
    found["colour"] = np.linalg.norm(found["chroma"].astype(np.float32) - 128, axis=-1).mean()
    rows, columns = max(1, round(0.36 * height)), max(1, round(0.82 * width))  # of a strip there is at least one
    crown = pixels[round(0.04 * height) : rows, round(0.18 * width) : columns]
    found["crown"] = cv2.resize(crown, CROWN, interpolation=cv2.INTER_AREA)
    return found


def quick(content: bytes) -> Pixels | None:
    """What OpenCV decodes as Pillow does, in half the time: whole and small 8-bit RGB files that need no turning."""
    jpeg = content.startswith(b"\xff\xd8\xff") and content.endswith(b"\xff\xd9")
    png = content.startswith(PNG) and content[24:26] == b"\x08\x02" and content[-8:-4] == b"IEND"
    head = content[:4096]
    special = any(mark in head for mark in (b"Exif", b"eXIf", b"tRNS", b"Adobe", b"acTL"))
    if not (jpeg or png) or special or len(content) > 300_000:
        return None
    width, height = jpeg_size(content) if jpeg else struct.unpack(">II", content[16:24])
    if min(width, height) < SMALLEST or width * height > QUICK:
        return None  # Pillow will say what is wrong, or wait for its turn
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def jpeg_size(content: bytes) -> tuple[int, int]:
    """(width, height) as the first frame header has it, (0, 0) where the way to it is not straight."""
    place = 2
    while place + 9 <= len(content):
        mark, kind, length, _, height, width = struct.unpack_from(">BBHBHH", content, place)
        if mark != 0xFF or kind < 0xC0 or 0xD0 <= kind <= 0xD9:  # those have no length
            return 0, 0
        if kind not in (0xC4, 0xC8, 0xCC) and kind < 0xD0:  # ITU T.81, table B.1
            return width, height
        place += 2 + length
    return 0, 0


def sharpness(luma: np.ndarray) -> float:
    """Second over first derivatives: blur lowers the second more, and contrast cancels out. 1 is soft, 2 crisp."""
    slopes = [cv2.norm(cv2.Sobel(luma, cv2.CV_32F, *order, scale=1 / 8)) for order in ((1, 0), (0, 1))]
    slope = math.hypot(*slopes) / math.sqrt(luma.size)
    return deviation(cv2.Laplacian(luma, cv2.CV_32F)) / (slope + 0.5)  # half a grey level: noise is no sharpness


def deviation(values: np.ndarray) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])


@dataclass(frozen=True)
class Measurer:
    """Measures a chunk of files; a file's problem stands in for its measures where it has one."""

    album: Album

    def __call__(self, files: list[str | bytes]) -> list[bytes | str]:
        return [self.one(file) for file in files]

    def one(self, file: str | bytes) -> bytes | str:
        try:
            return measure(file if isinstance(file, bytes) else self.album.content(file)).tobytes()
        except Unreadable as error:
            return str(error)


def measured(
    album: Album, base: sqlite3.Connection, workers: int | None = None, on: str = "local"
) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """The readable files, their measures row by row, and the problems of the rest. Only what is new or changed since
    the last time is read."""
    catalogue.refresh(base, "measures", VERSION)
    images, left = album.look()
    if not images:
        why = f": {left_out(left)}" if left else ""
        raise EshiError(f"no images in {album.path}{why}", "crop some: eshi crop pictures/ -o faces/")
    stamps = {file: f"{size}-{change}" for file, (size, change) in images.items()}
    whole = f"select file, stamp from measures where problem != '' or length(data) = {MEASURES.itemsize}"
    known = {row["file"]: row["stamp"] for row in base.execute(whole)}
    gone = [(row["file"],) for row in base.execute("select file from measures") if row["file"] not in stamps]
    base.executemany("delete from measures where file = ?", gone)
    todo = [file for file in images if known.get(file) != stamps[file]]
    chunks = [todo[i : i + CHUNK] for i in range(0, len(todo), CHUNK)]
    workers = max(1, min(workers or cores(), len(chunks) // 2))
    jobs = ((chunk, [album.carried(file, on) for file in chunk]) for chunk in chunks)
    with Progress(f"measuring {album.path.name}", len(todo), "faces") as bar:
        for names, results in spread(Measurer(album), jobs, workers, on):
            for file, found in zip(names, results, strict=True):
                data, problem = (None, found) if isinstance(found, str) else (found, "")
                row = (file, stamps[file], data, problem)
                base.execute("insert or replace into measures values (?, ?, ?, ?)", row)
            base.commit()
            bar.advance(len(names))
    files, measures, problems = loaded(base)
    return files, measures, left | problems


def loaded(base: sqlite3.Connection) -> tuple[list[str], np.ndarray, dict[str, str]]:
    """Straight into one array: 100,000 faces are 50 MB."""
    total = base.execute("select count(*) from measures where problem = ''").fetchone()[0]
    table = np.zeros(total, MEASURES)
    files: list[str] = []
    for row in base.execute("select file, data from measures where problem = '' order by file"):
        table[len(files)] = np.frombuffer(row["data"], MEASURES)[0]
        files.append(row["file"])
    problems = base.execute("select file, problem from measures where problem != '' order by file")
    return files, table, {row["file"]: row["problem"] for row in problems}
