"""Pixels in, pixels out: decoding what people have on their disks, the only resize, sheets, PNG, GIF and WebP."""

import ctypes
import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from eshi.ground.errors import EshiError
from eshi.ground.files import write

Pixels = np.ndarray  # (H, W, 3) or (N, H, W, 3), uint8
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")  # and no other: for PostScript, Pillow runs a program
SMALLEST = 8  # px: the short side below which a file is no picture
HEAVIEST = 100_000_000  # bytes: a larger file is no picture that one would learn from
MOST = 800_000_000  # bytes that decoding takes at most: 100 million pixels of most formats
BYTES = {"WEBP": 20, "AVIF": 16, "TIFF": 12}  # a pixel, measured, at the worst moment of decoding; 8 for the rest
LARGE = 100_000_000  # bytes of decoding after which freed memory is given back to the system
BAND = 4_000_000  # pixels converted at a time, so that a large picture is never there in five versions at once

warnings.simplefilter("ignore", Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of broken files: the caller tells about them


class Unreadable(EshiError):
    """A file that is no usable picture; the message is the reason alone, the caller knows the name."""


class Room:
    """Bytes shared by all threads: one that needs more than is free waits, one that needs more than all goes alone."""

    def __init__(self, total: int, alone: Callable[[], AbstractContextManager[None]] = nullcontext):
        self.total = self.left = total
        self.alone, self.changed = alone, threading.Condition()

    @contextmanager
    def taken(self, needed: int) -> Iterator[None]:
        share = min(needed, self.total)
        with self.changed:
            self.changed.wait_for(lambda: self.left >= share)
            self.left -= share
        try:
            with self.alone() if needed > self.total else nullcontext():
                yield
        finally:
            with self.changed:
                self.left += share
                self.changed.notify_all()


room = Room(MOST)  # for decoding, in all of this process; a worker process gets less and goes alone above that


@contextmanager
def opened(source: Path | IO[bytes]) -> Iterator[Image.Image]:
    """The picture with its header read and not yet decoded; whatever is wrong with it, then or later, is Unreadable."""
    try:
        if isinstance(source, Path):
            check_file(source.stat())
        Image.preinit()  # the commonest five; without it, any format that is not yet loaded loads all forty
        with Image.open(source, formats=FORMATS) as picture:
            width, height = picture.size
            if cost(picture, width * height) > MOST:
                raise Unreadable(f"{width} x {height} px is too large")
            if min(width, height) < SMALLEST:
                raise Unreadable(f"{width} x {height} px is too small")
            yield picture
    except Image.DecompressionBombError as error:
        raise Unreadable("too large (a decompression bomb?)") from error
    except UnidentifiedImageError as error:
        raise Unreadable("not a picture") from error
    except EshiError:
        raise
    except Exception as error:  # Pillow raises whatever the broken bytes made it stumble over
        said = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        raise Unreadable(f"broken: {said}") from error


def check_file(state: os.stat_result) -> None:
    """Only a regular file of a sane size is read: a pipe would wait for ever, a device never end."""
    if not stat.S_ISREG(state.st_mode):
        raise Unreadable("not a regular file")
    if state.st_size > HEAVIEST:
        raise Unreadable(f"{state.st_size / 1e6:,.0f} MB is too large a file")


def cost(picture: Image.Image, whole: int) -> int:
    """Bytes that decoding takes; `whole` is the number of pixels in the file, of which a JPEG may decode fewer."""
    now = picture.width * picture.height
    if "progressive" in picture.info:  # a JPEG whose coefficients, 2 bytes each, are all held until its end
        return 2 * len(picture.getbands()) * whole + 4 * now
    return BYTES.get(picture.format or "", 8) * now


@contextmanager
def decoding(source: Path | IO[bytes], size: tuple[int, int] | None = None) -> Iterator[Pixels]:
    """`decode`, with its room held for as long as the pixels are worked on."""
    with ExitStack() as held:
        with opened(source) as picture:
            whole = picture.width * picture.height
            if size:  # a JPEG can be decoded at a fraction of its size, at least twice what is wanted here
                picture.draft("RGB", (2 * max(size), 2 * max(size)))
            needed = cost(picture, whole)
            held.enter_context(room.taken(needed))
            ImageOps.exif_transpose(picture, in_place=True)
            pixels = fit(rgb(picture), size) if size else array(picture)
        del picture
        if needed > LARGE:
            give_back()
        yield pixels


def give_back() -> None:
    """What the C library holds for the thread that freed it (glibc only): two threads kept 1.4 GB after packing."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def decode(source: Path | IO[bytes], size: tuple[int, int] | None = None) -> Pixels:
    """An upright RGB picture of any file in FORMATS; with `size` (width, height) fitted to it by `fit`."""
    with decoding(source, size) as pixels:
        return pixels


def array(picture: Image.Image) -> Pixels:
    """(H, W, 3) of any Pillow mode"""
    if picture.width * picture.height <= (4 * BAND if picture.mode == "RGB" else BAND):  # which needs no conversion
        return np.asarray(rgb(picture))
    out = np.empty((picture.height, picture.width, 3), np.uint8)
    for top, band in bands(picture):
        out[top : top + band.height] = np.asarray(band)
    return out


def rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode as RGB; what is transparent lies on white."""
    if picture.mode == "RGB":
        return picture
    if picture.width * picture.height <= BAND:
        return converted(picture, brightest(picture))
    out = Image.new("RGB", picture.size)
    for top, band in bands(picture):
        out.paste(band, (0, top))
    return out


def bands(picture: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """(top, RGB) of one band after the other"""
    rows, top_value = max(1, BAND // picture.width), brightest(picture)
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(picture.height, top + rows)))
        yield top, converted(band, top_value)


def brightest(picture: Image.Image) -> int:
    """What white is in 16 and 32 bit grey, which says so nowhere."""
    if not deep(picture):
        return 255
    rows = max(1, BAND // picture.width)
    parts = [(0, top, picture.width, min(picture.height, top + rows)) for top in range(0, picture.height, rows)]
    most = np.max([np.asarray(picture.crop(part), np.float64).max(initial=0) for part in parts])
    return 255 if most < 256 else 65535


def deep(picture: Image.Image) -> bool:
    return picture.mode.startswith("I") or picture.mode == "F"


def converted(picture: Image.Image, top: int) -> Image.Image:
    if deep(picture):  # which convert() would clip
        grey = np.asarray(picture, np.float64)
        return Image.fromarray((grey.clip(0, top) * (255 / top)).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # which would copy


def fit(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """Short side to the target with antialiasing, then the centre: one resampling of the centred box."""
    (width, height), (to_width, to_height) = picture.size, size
    scale = min(width / to_width, height / to_height)
    box_width, box_height = min(width, to_width * scale), min(height, to_height * scale)  # 660 * (1000 / 660) > 1000
    left, top = (width - box_width) / 2, (height - box_height) / 2
    box = (left, top, left + box_width, top + box_height)
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0))


def unit(pixels: Pixels) -> np.ndarray:
    """uint8 -> float32 in [-1, 1]"""
    return pixels.astype(np.float32) / 127.5 - 1


def pixels(values: np.ndarray) -> Pixels:
    """[-1, 1] -> uint8, rounded to the nearest"""
    return (values.astype(np.float32) * 127.5 + 128).clip(0, 255).astype(np.uint8)


def sheet(images: Pixels, columns: int | None = None, gap: int = 2) -> Pixels:
    """(N, H, W, 3) -> one picture, row by row, white between and around."""
    count, height, width = images.shape[:3]
    columns = min(columns or int(np.ceil(np.sqrt(count))), count)
    rows = -(-count // columns)
    out = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, one in enumerate(images):
        top, left = gap + i // columns * (height + gap), gap + i % columns * (width + gap)
        out[top : top + height, left : left + width] = one
    return out


def encode(image: Pixels, kind: str = "png", **options: object) -> bytes:
    memory = io.BytesIO()
    whole = Image.fromarray(image)
    with drawable(*whole.size, kind):
        whole.save(memory, kind, **options)
    return memory.getvalue()


@contextmanager
def drawable(width: int, height: int, kind: str) -> Iterator[None]:
    """WebP ends at 16,383 px, JPEG and GIF at 65,535."""
    try:
        yield
    except (ValueError, OSError) as error:
        what = f"cannot write {width} x {height} px as {kind}: {error}"
        raise EshiError(what, "name it .png, or make it smaller") from error


def save(image: Pixels, path: Path | str) -> Path:
    """Written under another name first, so that no half picture ever bears the real one."""
    path = Path(path)
    kind = {".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}.get(path.suffix.lower(), "png")
    content = encode(image, kind, **({"compress_level": 3} if kind == "png" else {"quality": 95}))
    return write(path, content, lasting=False)


def animate(frames: Pixels, path: Path | str, seconds: float = 0.1) -> Path:
    """(N, H, W, 3) -> a looping GIF or WebP, by the path's suffix."""
    path = Path(path)
    first, *rest = [Image.fromarray(frame) for frame in frames]
    memory = io.BytesIO()
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("gif", "webp"):
        raise EshiError(f"cannot animate a {path.suffix or 'file without suffix'}", "name it .gif or .webp")
    with drawable(*first.size, kind):
        first.save(memory, kind, save_all=True, append_images=rest, duration=int(1000 * seconds), loop=0)
    return write(path, memory.getvalue(), lasting=False)
