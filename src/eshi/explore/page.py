"""Sheets with words beside the rows or above the columns, and films: GIF, WebP, or MP4 through PyAV."""

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eshi.ground import files, image
from eshi.ground.errors import EshiError

INK, TEXT = (60, 56, 66), 12


def labelled(rows: list[np.ndarray], words: list[str]) -> np.ndarray:
    """Each (N, H, W, 3) is a row; its words stand left of it."""
    most = max(len(row) for row in rows)
    height, width = rows[0].shape[1:3]
    blank = np.full((1, height, width, 3), 255, np.uint8)
    full = [np.concatenate([row, *[blank] * (most - len(row))]) for row in rows]
    picture = image.sheet(np.concatenate(full), most)
    if not any(words):
        return picture
    margin = max(text_width(line) for word in words for line in word.split("\n")) + 12
    out = np.full((picture.shape[0], picture.shape[1] + margin, 3), 255, np.uint8)
    out[:, margin:] = picture
    for i, word in enumerate(words):
        middle = 2 + i * (height + 2) + height // 2
        out = written(out, word, 6, middle - (TEXT + 3) * (word.count("\n") + 1) // 2)
    return out


def text_width(line: str) -> int:
    return int(font().getlength(line)) + 1


def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)


def written(picture: np.ndarray, words: str, left: int, top: int) -> np.ndarray:
    canvas = Image.fromarray(picture)
    ImageDraw.Draw(canvas).text((left, top), words, INK, font(), spacing=3)
    return np.asarray(canvas)


def word(text: str) -> np.ndarray:
    """A small picture of a word, to stand between others."""
    return written(np.full((18, text_width(text) + 4, 3), 255, np.uint8), text, 2, 1)


def beside(blocks: list[np.ndarray], gap: int = 10) -> np.ndarray:
    """Pictures of different sizes in one row, centred on white."""
    height = max(block.shape[0] for block in blocks)
    out = np.full((height, sum(b.shape[1] for b in blocks) + gap * (len(blocks) - 1), 3), 255, np.uint8)
    left = 0
    for block in blocks:
        top = (height - block.shape[0]) // 2
        out[top : top + block.shape[0], left : left + block.shape[1]] = block
        left += block.shape[1] + gap
    return out


def enlarged(images: np.ndarray, times: int) -> np.ndarray:
    return images.repeat(times, -3).repeat(times, -2)


def film(frames: np.ndarray, path: Path, seconds: float = 0.1) -> Path:
    """(N, H, W, 3) as .gif, .webp or .mp4, by the path's suffix; `seconds` is for one frame."""
    path = Path(path)
    if path.suffix.lower() in (".gif", ".webp"):
        return image.animate(frames, path, seconds)
    if path.suffix.lower() != ".mp4":
        raise EshiError(f"cannot animate a {path.suffix or 'file without suffix'}", "name it .gif, .webp or .mp4")
    try:
        import av
    except ImportError:
        raise EshiError("MP4 needs PyAV, which is not installed", "pip install 'eshi[mp4]', or name it .webp") from None
    memory = io.BytesIO()
    frames = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]  # yuv420p halves both sides
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1 / seconds).limit_denominator(1000))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return files.write(path, memory.getvalue())
