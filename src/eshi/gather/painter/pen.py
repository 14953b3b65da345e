"""Curves and brushes: smooth shapes given in units of the head, drawn with OpenCV in pixels."""

import functools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import cv2
import numpy as np

from eshi.ground.image import Pixels

Colour = tuple[float, float, float]
Point = tuple[float, ...]  # (x, y), or (x, y, 1) for a sharp corner
Shape = Sequence[Point] | np.ndarray

SHIFT = 4  # OpenCV's sub-pixel bits
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` 0 is a, 1 is b."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def times(a: Colour, b: Colour) -> Colour:
    """Light `a` through a filter `b` (1 lets all through)."""
    return (min(255.0, a[0] * b[0]), min(255.0, a[1] * b[1]), min(255.0, a[2] * b[2]))


ANGLES = np.linspace(0, 2 * np.pi, 28, endpoint=False)
CIRCLE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def hermite(steps: int) -> np.ndarray:
    t = np.arange(steps)[:, None] / steps
    return np.concatenate([2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t, -2 * t**3 + 3 * t**2, t**3 - t**2], 1)


STEPS = 8
BASIS = hermite(STEPS)  # (steps, 4)


@functools.cache
def ring(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the points before and after each of `count` on a closed line."""
    index = np.arange(count)
    return (index - 1) % count, (index + 1) % count


@functools.cache
def spread(count: int, marks: int) -> tuple[np.ndarray, np.ndarray]:
    return np.linspace(0, 1, count), np.linspace(0, 1, marks)


def smooth(points: Shape, closed: bool) -> np.ndarray:
    """Catmull-Rom, spaced by chord length, in complex numbers: x + iy."""
    count = len(points)
    before, after = ring(count)
    p = np.array([complex(q[0], q[1]) for q in points])
    sharp = [len(q) > 2 for q in points]
    if not closed:
        sharp[0] = sharp[-1] = True
    ahead = p[after] - p
    length = np.maximum(np.abs(ahead), 1e-6)
    direction = ahead / length
    behind = length[before]
    tangent = (direction[before] * length + direction * behind) / (length + behind)
    parts = np.empty((4, count), complex)  # of each segment: start, how it leaves, end, how it arrives
    parts[0], parts[1], parts[2], parts[3] = p, tangent, p[after], tangent[after]
    for i, corner in enumerate(sharp):  # a segment with one sharp end is a parabola, with two a straight line
        if corner:
            j, k = i - 1, (i + 1) % count
            parts[1, i] = direction[i] if sharp[k] else 1.5 * direction[i] - 0.5 * tangent[k]
            parts[3, j] = direction[j] if sharp[j] else 1.5 * direction[j] - 0.5 * tangent[j]
    parts[1] *= length
    parts[3] *= length
    line = (BASIS @ parts).T.ravel()  # STEPS points a segment
    return line if closed else np.append(line[: (count - 1) * STEPS], p[-1])


def plane(line: np.ndarray) -> np.ndarray:
    """Complex numbers as rows of x and y."""
    rows: np.ndarray = line.view(np.float64).reshape(-1, 2)
    return rows


def spline(points: Shape, closed: bool = True) -> np.ndarray:
    """A smooth line through all points, broken at the sharp corners."""
    return plane(smooth(points, closed))


def ribbon(points: Shape, widths: Sequence[float]) -> np.ndarray:
    """The outline of a brush stroke along the points; `widths` are spread evenly along it."""
    line = smooth(points, closed=False)
    along = np.empty_like(line)
    along[1:-1], along[0], along[-1] = line[2:] - line[:-2], line[1] - line[0], line[-1] - line[-2]
    half = np.interp(*spread(len(line), len(widths)), widths) / 2
    offset = along * (1j * half / np.maximum(np.abs(along), 1e-9))
    return plane(np.concatenate([line + offset, (line - offset)[::-1]]))


def ellipse(x: float, y: float, rx: float, ry: float, turned: float = 0.0) -> np.ndarray:
    c, s = math.cos(turned), math.sin(turned)
    rows: np.ndarray = CIRCLE @ np.array([[rx * c, rx * s], [-ry * s, ry * c]]) + (x, y)
    return rows


def both_sides(right: Shape) -> list[Point]:
    """A closed symmetric outline: its right half from top to bottom, then the mirror image back up."""
    left = [(-q[0], *q[1:]) for q in right if q[0] != 0]
    return [tuple(q) for q in right] + left[::-1]


def fixed(points: np.ndarray) -> np.ndarray:
    whole: np.ndarray = np.rint(points * (1 << SHIFT)).astype(np.int32)
    return whole


def blend(region: Pixels, colour: np.ndarray, mask: np.ndarray) -> None:
    """Lays `colour` over `region` where the mask (0..255) says; int16 arithmetic, which is the fast one."""
    weight = ((mask >> 1) + (mask >> 7)).astype(np.int16)[..., None]  # 0..128
    below = region.astype(np.int16)
    region[:] = below + (((colour.astype(np.int16) - below) * weight + 64) >> 7)


@dataclass
class Pen:
    """Draws on `canvas`; `at` is the head's middle in pixels, `scale` the pixels of half a face's width.

    The face is the front of an egg: `turn` and `nod` move each point by its depth, so features shift and far ones
    narrow.
    """

    canvas: Pixels
    at: tuple[float, float]
    scale: float
    tilt: float = 0.0  # degrees, clockwise
    turn: float = 0.0  # sines of the angles
    nod: float = 0.0
    sides = (-1, 1)  # of the face that show

    def place(self, shape: Shape, depth: float = 1.0) -> np.ndarray:
        p = np.asarray(shape, np.float64)
        x, y = p[:, 0], p[:, 1]
        if depth and (self.turn or self.nod):
            z = depth * np.sqrt(np.maximum(1 - (x * (1 / 1.15)) ** 2 - (y * (1 / 1.6) + 0.0625) ** 2, 0))
            x, y = x + self.turn * z, y + self.nod * z
        c, s = self.scale * math.cos(math.radians(self.tilt)), self.scale * math.sin(math.radians(self.tilt))
        out = np.empty((len(p), 2))
        out[:, 0] = c * x - s * y + self.at[0]
        out[:, 1] = s * x + c * y + self.at[1]
        return out

    def fill(
        self, shape: Shape, colour: Colour, line: Colour | None = None, width: float = 0.028, depth: float = 1.0
    ) -> None:
        points = [fixed(self.place(shape, depth))]
        cv2.fillPoly(self.canvas, points, colour, cv2.LINE_AA, SHIFT)
        if line:
            cv2.polylines(self.canvas, points, True, line, max(1, round(width * self.scale)), cv2.LINE_AA, SHIFT)

    def outline(self, shape: Shape, colour: Colour, width: float = 0.028, depth: float = 1.0) -> None:
        points = [fixed(self.place(shape, depth))]
        cv2.polylines(self.canvas, points, True, colour, max(1, round(width * self.scale)), cv2.LINE_AA, SHIFT)

    def stroke(
        self, points: Shape, widths: Sequence[float], colour: Colour, alpha: float = 1.0, depth: float = 1.0
    ) -> None:
        shape = ribbon(points, widths)
        if alpha < 1:
            self.tint(shape, colour, alpha, depth=depth)
        else:
            self.fill(shape, colour, depth=depth)

    def box(self, placed: np.ndarray) -> tuple[int, int, int, int] | None:
        """left, top, right, bottom of what lies on the canvas."""
        height, width = self.canvas.shape[:2]
        left, top = np.maximum(np.floor(placed.min(0)) - 1, 0).astype(int)
        right, bottom = np.minimum(np.ceil(placed.max(0)) + 2, (width, height)).astype(int)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def tint(
        self, shape: Shape, colour: Colour, alpha: float = 1.0, to: Colour | None = None, depth: float = 1.0
    ) -> None:
        """A see-through fill, or with `to` a gradient from the shape's top to its bottom."""
        placed = self.place(shape, depth)
        if not (box := self.box(placed)):
            return
        left, top, right, bottom = box
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [fixed(placed - (left, top))], round(255 * alpha), cv2.LINE_AA, SHIFT)
        fill = np.array(colour)
        if to:
            first, last = placed[:, 1].min(), placed[:, 1].max()
            share = ((np.arange(top, bottom) - first) / max(last - first, 1)).clip(0, 1)
            fill = (fill + (np.array(to) - fill) * share[:, None])[:, None]
        blend(self.canvas[top:bottom, left:right], fill, mask)

    def glow(self, x: float, y: float, rx: float, ry: float, colour: Colour, alpha: float, depth: float = 1.0) -> None:
        """A soft round spot."""
        placed = self.place(ellipse(x, y, rx, ry), depth)
        if not (box := self.box(placed)):
            return
        left, top, right, bottom = box
        middle, radius = placed.mean(0), (placed.max(0) - placed.min(0)) / 2
        across = ((np.arange(left, right) - middle[0]) / radius[0]) ** 2
        down = ((np.arange(top, bottom) - middle[1]) / radius[1]) ** 2
        strength = (1 - across[None, :] - down[:, None]).clip(0) ** 1.3
        blend(self.canvas[top:bottom, left:right], np.array(colour), (255 * alpha * strength).astype(np.uint8))

    @contextmanager
    def within(self, shape: Shape, depth: float = 1.0) -> Iterator["Pen"]:
        """A pen whose strokes show inside `shape` only."""
        placed = self.place(shape, depth)
        box = self.box(placed)
        if not box:
            yield replace(self, canvas=np.zeros((1, 1, 3), np.uint8))
            return
        left, top, right, bottom = box
        region = self.canvas[top:bottom, left:right]
        inner = region.copy()
        yield replace(self, canvas=inner, at=(self.at[0] - left, self.at[1] - top))
        mask = np.zeros(region.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed(placed - (left, top))], 255, cv2.LINE_AA, SHIFT)
        blend(region, inner, mask)
