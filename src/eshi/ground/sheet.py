"""Pictures hung side by side: enlarged, with words below or beside them, always on white.

The letters are those that come with Pillow, so a sheet looks the same on every machine.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels

INK, TEXT, LINE = (60, 56, 66), 12, 15  # colour, height of the letters and of a line, px
GAP = 2  # px between two pictures, as image.sheet has it
LONGEST = 28  # characters of a word; more is cut
LARGEST_SCALE = 64
LARGEST = 250_000_000  # pixels of an enlarged sheet: 750 MB


@dataclass(frozen=True)
class Style:
    """So many times as large, in crisp squares or `smooth`; `bare`: without words."""

    scale: int = 1
    smooth: bool = False
    bare: bool = False

    def checked(self) -> "Style":
        if not 1 <= self.scale <= LARGEST_SCALE:
            raise EshiError(f"cannot enlarge {self.scale} times", f"--scale goes from 1 to {LARGEST_SCALE}")
        return self

    @property
    def said(self) -> list[str]:
        """What is unusual about it, as it stands in a file's name."""
        return [f"x{self.scale}"] * (self.scale > 1) + ["smooth"] * self.smooth + ["bare"] * self.bare

    def enlarged(self, images: Pixels) -> Pixels:
        """(N, H, W, 3) or (H, W, 3)"""
        if self.checked().scale == 1:
            return images
        if (pixels := images.size // 3 * self.scale**2) > LARGEST:
            most = int((LARGEST * 3 / images.size) ** 0.5)
            other = f"--scale {most} is possible" if most > 1 else "fewer pictures would do"
            raise EshiError(f"that would be {pixels / 1e6:,.0f} million pixels", other)
        if not self.smooth:
            return images.repeat(self.scale, -3).repeat(self.scale, -2)
        height, width = images.shape[-3:-1]
        size, way = (width * self.scale, height * self.scale), Image.Resampling.LANCZOS
        flat = [np.asarray(Image.fromarray(one).resize(size, way)) for one in images.reshape(-1, height, width, 3)]
        return np.stack(flat).reshape(*images.shape[:-3], *size[::-1], 3)


PLAIN = Style()


def sheet(images: Pixels, words: Sequence[str] = (), columns: int | None = None, style: Style = PLAIN) -> Pixels:
    """(N, H, W, 3) row by row, each with its words below it."""
    images = style.enlarged(images)
    return image.sheet(images if style.bare else captioned(images, words), columns, GAP)


def captioned(images: Pixels, words: Sequence[str]) -> Pixels:
    """Each picture with its words on a white strip below it; wider, where the words are."""
    if not any(words):
        return images
    count, height, width = images.shape[:3]
    wide = max(width, *(text_size(word)[0] for word in words))
    out = np.full((count, height + max(text_size(word)[1] for word in words), wide, 3), 255, np.uint8)
    left = (wide - width) // 2
    out[:, :height, left : left + width] = images
    for i, word in enumerate(words):
        out[i] = written(out[i], word, (wide - text_size(word)[0]) // 2, height)
    return out


def table(rows: Sequence[Pixels], beside: Sequence[str], above: Sequence[str] = (), style: Style = PLAIN) -> Pixels:
    """Each (N, H, W, 3) is a row; its words stand left of it, those of the columns above the first."""
    most = max(len(row) for row in rows)
    blank = np.full((1, *rows[0].shape[1:]), 255, np.uint8)
    picture = sheet(np.concatenate([np.concatenate([row, *[blank] * (most - len(row))]) for row in rows]),
                    columns=most, style=style)  # fmt: skip
    if style.bare or not (any(beside) or any(above)):
        return picture
    height, width = (side * style.scale for side in rows[0].shape[1:3])
    left = max((text_size(word)[0] for word in beside), default=0)
    top = max((text_size(word)[1] for word in above), default=0)
    out = np.full((picture.shape[0] + top, picture.shape[1] + left, 3), 255, np.uint8)
    out[top:, left:] = picture
    for i, word in enumerate(beside):
        middle = top + GAP + i * (height + GAP) + height // 2
        out = written(out, word, 0, middle - text_size(word)[1] // 2)
    apart = max((-(-text_size(word)[0] // (width + GAP)) for word in above), default=1)  # columns that a word takes
    for i, word in enumerate(above):
        if i % apart == 0:
            middle = left + GAP + i * (width + GAP) + width // 2
            out = written(out, word, max(left, middle - text_size(word)[0] // 2), 0)
    return out


def word(text: str, style: Style = PLAIN) -> Pixels:
    """A small picture of a word, to stand between others; nothing where there are to be no words."""
    width, height = (1, LINE) if style.bare else text_size(text)
    blank = np.full((height, width, 3), 255, np.uint8)
    return blank if style.bare else written(blank, text, 0, 0)


def in_a_row(blocks: Sequence[Pixels], gap: int = 6) -> Pixels:
    """Pictures of different sizes side by side, centred on white."""
    height = max(block.shape[0] for block in blocks)
    out = np.full((height, sum(b.shape[1] for b in blocks) + gap * (len(blocks) - 1), 3), 255, np.uint8)
    left = 0
    for block in blocks:
        top = (height - block.shape[0]) // 2
        out[top : top + block.shape[0], left : left + block.shape[1]] = block
        left += block.shape[1] + gap
    return out


def text_size(words: str) -> tuple[int, int]:
    """(width, height) in px, with room around."""
    lines = [readable(line) for line in words.split("\n")]
    return int(max(font().getlength(line) for line in lines)) + 7, LINE * len(lines) + 3 if words else 0


def written(picture: Pixels, words: str, left: int, top: int) -> Pixels:
    canvas = Image.fromarray(picture)
    lines = "\n".join(readable(line) for line in words.split("\n"))
    ImageDraw.Draw(canvas).text((left + 3, top + 1), lines, INK, font(), spacing=LINE - TEXT)
    return np.asarray(canvas)


@functools.cache
def font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(TEXT)


@functools.lru_cache(4096)
def readable(line: str) -> str:
    """Short, and with ? for letters that the font lacks."""
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 9]}..{line[-7:]}"
    unknown = bytes(font().getmask("\uffff"))
    return "".join(letter if letter == " " or bytes(font().getmask(letter)) != unknown else "?" for letter in line)
