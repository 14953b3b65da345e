"""One picture or one face: who, where in the frame, and drawn from back to front."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from eshi.gather.painter import backdrop
from eshi.gather.painter.character import Character, character
from eshi.gather.painter.figure import posed
from eshi.gather.painter.pen import Pen
from eshi.gather.painter.pose import STRAIGHT
from eshi.ground.image import Pixels

# Left, top, right, bottom of a face in head units: from the middle of the fringe to below the chin, as wide as the
# hair beside the cheeks. So do people box drawn faces, and the anime cascade's boxes lie on it (mean IoU 0.87).
BOX = (-1.3, -0.8, 1.3, 1.58)
FACE_MARGIN = 1.35  # a crop's side over the box's: hair and chin are inside
FINE = 900  # px: the longer side while drawing
NOTHING = np.zeros((1, 1, 3), np.uint8)


def face_box(pen: Pen) -> tuple[float, float, float, float]:
    left, top, right, bottom = BOX
    middle = pen.place([((left + right) / 2, (top + bottom) / 2)], 0.5)[0]
    width, height = (right - left) * pen.scale, (bottom - top) * pen.scale
    return float(middle[0] - width / 2), float(middle[1] - height / 2), width, height


def render(one: Character, shape: np.random.Generator, size: tuple[int, int], pen: Pen) -> Pixels:
    """Drawn larger and averaged, which is the antialiasing of the thin lines."""
    fine = float(np.clip(FINE / max(size), 1, 3 if max(size) < 96 else 2))
    width, height = round(size[0] * fine), round(size[1] * fine)
    canvas = backdrop.backdrop(one.backdrop, height, width, shape)
    posed(one, STRAIGHT, shape, finer(pen, canvas, fine))
    return cv2.resize(canvas, size, interpolation=cv2.INTER_AREA) if fine != 1 else canvas


def finer(pen: Pen, canvas: Pixels, fine: float) -> Pen:
    return replace(pen, canvas=canvas, at=(pen.at[0] * fine, pen.at[1] * fine), scale=pen.scale * fine)


def describe(one: Character, pen: Pen, size: tuple[int, int], seed: int, number: int) -> dict[str, Any]:
    x, y, width, height = face_box(pen)
    return {
        "seed": seed,
        "number": number,
        "hair": one.hair,
        "hair_rgb": [round(v) for v in one.hair_rgb],
        "hair_style": one.hair_style,
        "bangs": one.bangs,
        "eyes": one.eyes,
        "eyes_rgb": [round(v) for v in one.eyes_rgb],
        "expression": one.expression,
        "mouth_open": one.mouth_open,
        "glasses": bool(one.glasses),
        "bow": one.bow == "ribbon" or one.hair_style == "twin tails",
        "ornament": one.bow,
        "outfit": one.outfit,
        "backdrop": one.backdrop,
        "tilt": round(one.tilt, 1),
        "face": [round(x, 1), round(y, 1), round(width, 1), round(height, 1)],
        "size": list(size),
    }


Frame = tuple[Character, np.random.Generator, Pen, tuple[int, int]]


def frame_picture(number: int, seed: int) -> Frame:
    """The character, the generator of its shapes, where it stands, and the size of the picture."""
    who, shape, frame = np.random.default_rng([seed, number]).spawn(3)
    one = character(who)
    side, aspect = float(frame.uniform(330, 600)), float(np.exp(frame.normal(-0.08, 0.24)))
    width, height = (int(np.clip(side * way, 256, 768)) for way in (aspect**0.5, aspect**-0.5))
    scale = min(width, height) * float(frame.uniform(0.155, 0.25))
    x = width / 2 + float(frame.uniform(-0.8, 0.8)) * max(0.0, width / 2 - 1.5 * scale)
    y = height * 0.45 + float(frame.uniform(-0.8, 0.8)) * max(0.0, height * 0.45 - 1.6 * scale)
    pen = Pen(NOTHING, (x, max(y, 1.55 * scale)), scale, one.tilt, one.turn, one.nod)
    return one, shape, pen, (width, height)


def frame_face(number: int, seed: int, size: int) -> Frame:
    who, shape, frame = np.random.default_rng([seed, number]).spawn(3)
    one = character(who)
    scale = size / (FACE_MARGIN * (BOX[2] - BOX[0])) * float(frame.uniform(0.94, 1.05))
    x, y = frame.uniform(-0.04, 0.04, 2)
    pen = Pen(NOTHING, (0.0, 0.0), scale, one.tilt, one.turn, one.nod)
    left, top, width, height = face_box(pen)
    pen.at = (size * (0.5 + float(x)) - left - width / 2, size * (0.53 + float(y)) - top - height / 2)
    return one, shape, pen, (size, size)


def describe_picture(number: int, seed: int = 0) -> dict[str, Any]:
    one, _, pen, size = frame_picture(number, seed)
    return describe(one, pen, size, seed, number)


def describe_face(number: int, seed: int = 0, size: int = 96) -> dict[str, Any]:
    one, _, pen, sides = frame_face(number, seed, size)
    return describe(one, pen, sides, seed, number)


def picture(number: int, seed: int = 0) -> tuple[Pixels, dict[str, Any]]:
    """A practice picture and its attributes: a pure function of seed and number."""
    one, shape, pen, size = frame_picture(number, seed)
    return render(one, shape, size, pen), describe(one, pen, size, seed, number)


def face(number: int, seed: int = 0, size: int = 96) -> tuple[Pixels, dict[str, Any]]:
    """The same character as a square crop, drawn at that size."""
    one, shape, pen, sides = frame_face(number, seed, size)
    return render(one, shape, sides, pen), describe(one, pen, sides, seed, number)
