"""Pixels in, pixels out: decoding what people have on their disks, the only resize, sheets, PNG, GIF and WebP."""

import io
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from eshi.ground.errors import EshiError
from eshi.ground.files import write

Pixels = np.ndarray  # (H, W, 3) or (N, H, W, 3), uint8
SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
SMALLEST = 8  # px: the short side below which a file is no picture
LARGEST = 120_000_000  # pixels: more is taken for a decompression bomb

warnings.simplefilter("ignore", Image.DecompressionBombWarning)


class Unreadable(EshiError):
    """A file that is no usable picture; the message is the reason alone, the caller knows the name."""


def decode(source: Path | IO[bytes], size: tuple[int, int] | None = None) -> Pixels:
    """An upright RGB picture of any file Pillow reads; with `size` (width, height) fitted to it by `fit`."""
    try:
        with Image.open(source) as opened:  # reads the header only: a bomb is refused before it goes off
            width, height = opened.size
            if width * height > LARGEST:
                raise Unreadable(f"{width} x {height} px is too large")
            if min(width, height) < SMALLEST:
                raise Unreadable(f"{width} x {height} px is too small")
            if size:  # a JPEG can be decoded at a fraction of its size, at least twice what is wanted here
                opened.draft("RGB", (2 * max(size), 2 * max(size)))
            ImageOps.exif_transpose(opened, in_place=True)
            return fit(rgb(opened), size) if size else np.asarray(rgb(opened))
    except Unreadable:
        raise
    except Image.DecompressionBombError as error:
        raise Unreadable("too large (a decompression bomb?)") from error
    except UnidentifiedImageError as error:
        raise Unreadable("not a picture") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, OverflowError) as error:
        raise Unreadable(f"broken: {str(error).strip() or type(error).__name__}") from error


def rgb(picture: Image.Image) -> Image.Image:
    """Any Pillow mode as RGB; what is transparent lies on white."""
    if picture.mode.startswith("I") or picture.mode == "F":  # 16 and 32 bit grey, which convert() would clip
        grey = np.asarray(picture, np.float64)
        top = 255 if grey.max(initial=0) < 256 else 65535
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
    Image.fromarray(image).save(memory, kind, **options)
    return memory.getvalue()


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
    first.save(memory, kind, save_all=True, append_images=rest, duration=int(1000 * seconds), loop=0)
    return write(path, memory.getvalue(), lasting=False)
