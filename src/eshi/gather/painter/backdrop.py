"""What is behind the figure: patterns, soft lights, simple landscapes."""

import cv2
import numpy as np

from eshi.gather.painter.pen import SHIFT, WHITE, Colour, Point, ellipse, fixed, mix, spline
from eshi.ground.image import Pixels

PASTEL: list[Colour] = [
    (250, 226, 232), (224, 236, 250), (230, 246, 236), (252, 242, 218), (236, 228, 248), (246, 246, 244),
]  # fmt: skip
BRIGHT: list[Colour] = [
    (246, 170, 186), (140, 190, 236), (150, 212, 180), (250, 210, 130), (184, 160, 226), (120, 130, 160),
    (240, 150, 110), (96, 168, 176),
]  # fmt: skip
LANDSCAPES = ("sky", "hills", "night", "sunset")


def gradient(height: int, width: int, corners: list[Colour]) -> Pixels:
    """Top left, top right, bottom left, bottom right."""
    small = np.array(corners, np.float32).reshape(2, 2, 3)
    across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    left, right = small[0, 0] * (1 - down) + small[1, 0] * down, small[0, 1] * (1 - down) + small[1, 1] * down
    blended: Pixels = (left + (right - left) * across).astype(np.uint8, order="C")
    return blended


def upright(top: Colour, bottom: Colour, height: int, width: int) -> Pixels:
    return cv2.resize(gradient(height, 1, [top, top, bottom, bottom]), (width, height), interpolation=cv2.INTER_NEAREST)


def disc(canvas: Pixels, x: float, y: float, radius: float, colour: Colour) -> None:
    one = 1 << SHIFT
    cv2.circle(canvas, (round(x * one), round(y * one)), max(1, round(radius * one)), colour, -1, cv2.LINE_AA, SHIFT)


def backdrop(kind: str, height: int, width: int, rng: np.random.Generator) -> Pixels:
    """A whole canvas; a landscape is drawn at half size, for it is soft anyway."""
    if kind in LANDSCAPES:
        small = SCENES[kind](height // 2 + 1, width // 2 + 1, rng)
        return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if kind in SCENES:
        return SCENES[kind](height, width, rng)
    pale, bright = PASTEL[int(rng.integers(len(PASTEL)))], BRIGHT[int(rng.integers(len(BRIGHT)))]
    second = mix(pale, bright, float(rng.uniform(0.12, 0.4)))
    if kind == "plain":
        return np.full((height, width, 3), pale if rng.random() < 0.6 else mix(bright, pale, 0.3), np.uint8)
    if kind == "gradient":
        other = PASTEL[int(rng.integers(len(PASTEL)))]
        return gradient(height, width, [pale, second, mix(bright, pale, 0.25), other])
    if kind == "bokeh":
        return bokeh(height, width, rng, mix(bright, (60, 60, 90), 0.25), mix(bright, pale, 0.5))
    canvas = np.full((height, width, 3), pale, np.uint8)
    pattern(canvas, kind, second, rng)
    return canvas


def pattern(canvas: Pixels, kind: str, colour: Colour, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    step = max(height, width) / float(rng.uniform(8, 14))
    reach = round((height + width) / step) + 2
    if kind == "dots":
        for row in range(-1, reach):
            for column in range(-1, reach):
                x, y = (column + 0.5 * (row % 2)) * step, row * step * 0.9
                if x < width + step and y < height + step:
                    disc(canvas, x, y, step * 0.22, colour)
    elif kind == "stripes":
        lean = height * float(rng.uniform(-0.6, 0.6))
        for i in range(-reach, 2 * reach, 2):
            x = i * step * 0.8
            band = np.array([(x, 0), (x + step * 0.8, 0), (x + step * 0.8 + lean, height), (x + lean, height)])
            cv2.fillPoly(canvas, [fixed(band)], colour, cv2.LINE_AA, SHIFT)
    else:
        lines = (np.arange(height)[:, None] // step + np.arange(width)[None, :] // step) % 2 > 0
        canvas[lines] = colour


def bokeh(height: int, width: int, rng: np.random.Generator, dark: Colour, pale: Colour) -> Pixels:
    small = gradient(height // 4 + 2, width // 4 + 2, [dark, mix(dark, pale, 0.5), mix(dark, pale, 0.4), pale])
    size = max(small.shape)
    for _ in range(int(rng.integers(10, 22))):
        layer = small.copy()
        x, y, radius = rng.uniform(0, small.shape[1]), rng.uniform(0, small.shape[0]), size * rng.uniform(0.03, 0.1)
        disc(layer, float(x), float(y), float(radius), mix(pale, WHITE, float(rng.uniform(0.3, 0.9))))
        cv2.addWeighted(layer, 0.38, small, 0.62, 0, small)
    return cv2.resize(cv2.GaussianBlur(small, (5, 5), 0), (width, height), interpolation=cv2.INTER_LINEAR)


def cloud(canvas: Pixels, x: float, y: float, size: float, colour: Colour, rng: np.random.Generator) -> None:
    for i in range(5):
        right, up = (i - 2) * size * 0.5, float(rng.uniform(0, 0.25)) * size
        disc(canvas, x + right, y - up, size * (0.5 - 0.07 * abs(i - 2)), colour)


def sky(height: int, width: int, rng: np.random.Generator) -> Pixels:
    canvas = upright((104, 176, 236), (214, 238, 252), height, width)
    for _ in range(int(rng.integers(3, 6))):
        size = width * float(rng.uniform(0.06, 0.16))
        x, y = float(rng.uniform(0, width)), float(rng.uniform(0.05, 0.8)) * height
        cloud(canvas, x, y + size * 0.1, size, (224, 238, 250), rng)
        cloud(canvas, x, y, size, (252, 254, 255), rng)
    return canvas


def ridge(canvas: Pixels, level: float, swing: float, colour: Colour, rng: np.random.Generator) -> None:
    height, width = canvas.shape[:2]
    xs = np.linspace(-0.05, 1.05, 6) * width
    top: list[Point] = [(float(x), float(level + rng.uniform(-swing, swing)) * height) for x in xs]
    line = np.concatenate([spline(top, closed=False), [(width * 1.05, height + 4), (-width * 0.05, height + 4)]])
    cv2.fillPoly(canvas, [fixed(line)], colour, cv2.LINE_AA, SHIFT)


def hills(height: int, width: int, rng: np.random.Generator) -> Pixels:
    canvas = sky(height, width, rng)
    for level, colour in ((0.55, (150, 204, 196)), (0.68, (124, 192, 138)), (0.82, (98, 170, 112))):
        ridge(canvas, level, 0.05, colour, rng)
    return canvas


def night(height: int, width: int, rng: np.random.Generator) -> Pixels:
    canvas = upright((34, 40, 84), (108, 98, 158), height, width)
    for x, y, size in rng.random((60, 3)):
        disc(canvas, x * width, y * height, 0.6 + size**3 * width * 0.006, (250, 246, 222))
    disc(canvas, width * float(rng.choice([0.14, 0.86])), height * 0.16, width * 0.07, (252, 242, 206))
    ridge(canvas, 0.8, 0.04, (44, 46, 84), rng)
    return canvas


def sunset(height: int, width: int, rng: np.random.Generator) -> Pixels:
    canvas = upright((246, 142, 112), (254, 222, 158), height, width)
    disc(canvas, width * float(rng.uniform(0.15, 0.85)), height * 0.62, width * 0.13, (255, 244, 206))
    for level, colour in ((0.66, (206, 122, 128)), (0.8, (150, 90, 120))):
        ridge(canvas, level, 0.04, colour, rng)
    return canvas


def petals(height: int, width: int, rng: np.random.Generator) -> Pixels:
    canvas = upright((206, 228, 248), (252, 232, 240), height, width)
    size = max(height, width) * 0.022
    for x, y, angle, big in rng.random((34, 4)):
        shape = ellipse(x * width, y * height, size * (0.6 + big), size * (0.35 + 0.4 * big), angle * 6.3)
        cv2.fillPoly(canvas, [fixed(shape)], mix((250, 188, 208), (255, 224, 232), float(big)), cv2.LINE_AA, SHIFT)
    return canvas


SCENES = {"sky": sky, "hills": hills, "night": night, "sunset": sunset, "petals": petals}
