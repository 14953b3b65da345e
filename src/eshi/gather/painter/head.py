"""The face itself: skull and jaw, ears, eyes, brows, nose, mouth, blush, glasses."""

from collections.abc import Callable

import numpy as np

from eshi.gather.painter.character import Character
from eshi.gather.painter.pen import WHITE, Colour, Pen, Point, both_sides, ellipse, mix, spline, times

SKIN_SHADE: Colour = (0.94, 0.79, 0.77)  # warm: shadows on skin go to red, not to grey
SKIN_LINE: Colour = (0.62, 0.42, 0.40)
EYE_X, EYE_Y = 0.475, 0.24
OPEN = {"surprised": 1.06, "neutral": 0.94, "angry": 0.9}  # how far the eyes are open


def skin_shade(one: Character) -> Colour:
    return times(one.skin, SKIN_SHADE)


def skin_line(one: Character) -> Colour:
    return times(one.skin, SKIN_LINE)


def face_outline(one: Character) -> np.ndarray:
    c, j = one.chin, one.jaw
    right: list[Point] = [(0, -1.25), (0.72, -1.0), (1.0, -0.35), (0.985, 0.12), (0.9 + j, 0.46), (0.64 + j, c - 0.36)]
    right += [(0.3 + j / 2, c - 0.1), (0.08, c - 0.005), (0, c)]
    return spline(both_sides(right))


def ears(pen: Pen, one: Character) -> None:
    for side in (-1, 1):
        shape = [(0.93, 0.02), (1.08, -0.06), (1.19, 0.06), (1.15, 0.32), (1.02, 0.5), (0.92, 0.42)]
        pen.fill(spline([(side * x, y) for x, y in shape]), one.skin, skin_line(one), depth=0.6)
        inner = [(1.0, 0.08), (1.11, 0.05), (1.09, 0.24), (1.0, 0.34)]
        pen.fill(spline([(side * x, y) for x, y in inner]), skin_shade(one), depth=0.6)


def skull(pen: Pen, one: Character, fringe: np.ndarray, outline: np.ndarray | None = None) -> None:
    """The bare face; `fringe` is the outline of the front hair, whose shadow falls on the forehead. An `outline` that
    is given is flat: it lies in the picture as it is, however the head is turned."""
    depth = 1.0 if outline is None else 0.0
    outline = face_outline(one) if outline is None else outline
    pen.fill(outline, one.skin, skin_line(one), 0.028, depth)
    with pen.within(outline, depth) as inner:
        inner.fill(np.add(fringe, (0.03, 0.13)), skin_shade(one))
        for side in pen.sides:
            inner.glow(side * 0.6, 0.62, 0.3, 0.17, (250, 112, 112), 0.62 * one.blush)


def nose(pen: Pen, one: Character) -> None:
    lean = 0.03 if pen.turn >= 0 else -0.03
    line = [(0.0, 0.57), (lean, 0.63), (lean * 0.3, 0.66)]
    pen.stroke(line, (0.006, 0.034, 0.02), times(one.skin, (0.8, 0.58, 0.55)))


def open_mouth(pen: Pen, shape: np.ndarray, bottom: float, teeth: bool) -> None:
    pen.fill(shape, (168, 54, 66), (122, 46, 52), 0.024)
    with pen.within(shape) as inner:
        inner.fill(ellipse(0, bottom + 0.02, 0.14, 0.11), (244, 136, 140))
        if teeth:
            inner.fill([(-0.19, 0.5), (0.19, 0.5), (0.19, bottom - 0.17), (-0.19, bottom - 0.17)], (255, 252, 250))


def mouth(pen: Pen, one: Character) -> None:
    y = one.chin - 0.3
    line = mix(times(one.skin, (0.58, 0.3, 0.3)), (110, 40, 46), 0.5)
    lower = times(one.skin, (0.93, 0.7, 0.68))
    lines: dict[str, list[Point]] = {
        "smile": [(-0.22, y - 0.055), (-0.11, y + 0.015), (0, y + 0.032), (0.11, y + 0.015), (0.22, y - 0.055)],
        "neutral": [(-0.14, y - 0.012), (0, y + 0.006), (0.14, y - 0.012)],
        "sad": [(-0.14, y + 0.05), (0, y - 0.01), (0.14, y + 0.05)],
        "angry": [(-0.16, y + 0.05), (-0.06, y), (0.06, y), (0.16, y + 0.04)],
    }
    if one.expression in lines:
        bold = 1.0 if one.expression == "smile" else 0.8
        pen.stroke(lines[one.expression], [bold * width for width in (0.02, 0.05, 0.042, 0.05, 0.02)], line)
        pen.stroke([(-0.06, y + 0.12), (0, y + 0.128), (0.06, y + 0.12)], (0.0, 0.022, 0.0), lower)
    elif one.expression == "surprised":
        open_mouth(pen, ellipse(0, y + 0.02, 0.1, 0.13), y + 0.13, False)
    else:
        wide, deep = (0.26, 0.28) if one.expression == "happy" else (0.24, 0.24)
        points: list[Point] = [(-wide, y - 0.07, 1), (-wide / 2, y - 0.045), (wide / 2, y - 0.045), (wide, y - 0.07, 1)]
        points += [(wide * 0.72, y + deep * 0.45), (0, y + deep * 0.78), (-wide * 0.72, y + deep * 0.45)]
        open_mouth(pen, spline(points), y + deep * 0.72, one.expression != "wink")


def brows(pen: Pen, one: Character, alpha: float) -> None:
    inner, outer, lift = {
        "sad": (-0.1, 0.05, 0.02),
        "angry": (0.1, -0.05, 0.04),
        "surprised": (0, 0, -0.12),
        "happy": (-0.02, 0.02, -0.06),
    }.get(one.expression, (0.0, 0.0, 0.0))
    colour = mix(times(one.hair_rgb, (0.45, 0.4, 0.45)), (80, 50, 50), 0.3)
    y = EYE_Y - one.eye_height - 0.2 + lift
    for side in pen.sides:
        line = [(0.24, y + 0.01 + inner), (0.46, y - 0.06 + (inner + outer) / 3), (0.74, y + 0.03 + outer)]
        pen.stroke([(side * px, py) for px, py in line], (0.024, 0.05, 0.042, 0.008), colour, alpha)


def lash_colour(one: Character) -> Colour:
    return mix(times(one.hair_rgb, (0.22, 0.18, 0.22)), (44, 26, 34), 0.55)


def eye_units(one: Character, side: int) -> Callable[..., Point]:
    """u grows outward, v down, both 1 at the rim of the eye."""
    high = one.eye_height * OPEN.get(one.expression, 1.0)

    def at(u: float, v: float, *sharp: float) -> Point:
        return (side * (EYE_X + one.eye_width * u), EYE_Y + high * v - one.eye_slant * one.eye_width * u, *sharp)

    return at


def eye(pen: Pen, one: Character, side: int) -> None:
    wide, high = one.eye_width, one.eye_height * OPEN.get(one.expression, 1.0)
    at = eye_units(one, side)
    upper = [at(-0.96, 0.06, 1), at(-0.66, -0.66), at(0, -0.92), at(0.64, -0.78), at(1, -0.04, 1)]
    shape = spline([*upper, at(0.8, 0.64), at(0.08, 0.94), at(-0.64, 0.72)])
    pen.fill(shape, (252, 250, 252))
    with pen.within(shape) as inner:
        iris(inner, one, side, wide, high)
    eyelid(pen, one, at)
    highlights(pen, one, side, wide, high)


def pupil(one: Character, side: int, wide: float, high: float) -> tuple[float, float]:
    """The middle of the iris, which hides a little under the lid: a whole visible disc stares."""
    return side * (EYE_X - 0.03 * wide) + one.gaze * wide * 0.8, EYE_Y - 0.05 * high


def iris(pen: Pen, one: Character, side: int, wide: float, high: float) -> None:
    small = 0.8 if one.expression == "surprised" else 1.0
    x, y = pupil(one, side, wide, high)
    rx, ry = 0.76 * wide * small, 1.02 * high * small
    dark = times(one.eyes_rgb, (0.34, 0.3, 0.38))
    pen.fill(ellipse(x, y, rx, ry), dark)
    above, below = times(one.eyes_rgb, (0.62, 0.58, 0.66)), mix(one.eyes_rgb, WHITE, 0.22)
    pen.tint(ellipse(x, y + 0.03 * ry, rx * 0.86, ry * 0.88), above, to=below)
    pen.tint(ellipse(x, y + 0.2 * ry, rx * 0.74, ry * 0.6), one.eyes_rgb, 0.85)
    pen.fill(ellipse(x, y + 0.55 * ry, rx * 0.56, ry * 0.25), mix(one.eyes_rgb, WHITE, 0.5))
    pen.fill(ellipse(x, y + 0.02 * ry, rx * 0.42, ry * 0.44), times(dark, (0.6, 0.55, 0.65)))
    top, low = y - 2 * ry, y - 0.62 * ry
    edge = [(x + 2 * rx, low), (x, y - 0.72 * ry), (x - 2 * rx, low)]
    shadow = spline([(x - 2 * rx, top), (x + 2 * rx, top), *edge])
    pen.tint(shadow, (40, 24, 52), 0.4)


def highlights(pen: Pen, one: Character, side: int, wide: float, high: float) -> None:
    """Over the lashes, and on the same side in both eyes: there is one light."""
    x, y = pupil(one, side, wide, high)
    pen.fill(ellipse(x - 0.26 * wide, y - 0.4 * high, 0.21 * wide, 0.26 * high, -0.15), WHITE)
    pen.fill(ellipse(x + 0.27 * wide, y + 0.42 * high, 0.11 * wide, 0.12 * high), WHITE)


def upper_lash(pen: Pen, one: Character, at: Callable[..., Point], alpha: float = 1.0) -> float:
    thick = 0.08 if one.boyish else 0.105
    line = [at(-0.98, -0.2), at(-0.66, -0.74), at(0, -0.98), at(0.66, -0.86), at(1.12, 0.0)]
    pen.stroke(line, (0.012, thick * 0.75, thick, thick * 1.15, thick * 0.9), lash_colour(one), alpha)
    return thick


def eyelid(pen: Pen, one: Character, at: Callable[..., Point]) -> None:
    lash = lash_colour(one)
    thick = upper_lash(pen, one, at)
    tip = at(1.0, -0.16)
    for u, v in ((1.26, 0.0),) if one.boyish else ((1.34, -0.22), (1.3, 0.14)):
        pen.stroke([at(0.8, -0.5), tip, at(u, v)], (thick * 0.4, thick * 0.6, 0.008), lash)
    pen.stroke([at(1.02, 0.1), at(0.84, 0.66), at(0.3, 0.95), at(-0.3, 0.95)], (0.022, 0.034, 0.028, 0.006), lash, 0.8)
    fold = times(one.skin, (0.7, 0.48, 0.46))
    pen.stroke([at(-0.66, -0.96), at(0, -1.36), at(0.6, -1.18), at(0.98, -0.7)], (0.01, 0.026, 0.026, 0.01), fold)


def closed_eye(pen: Pen, one: Character, side: int) -> None:
    wide, high = one.eye_width, one.eye_height
    line = [(-1.0, 0.42), (-0.5, 0.02), (0.05, -0.12), (0.6, 0.04), (1.12, 0.42)]
    points = [(side * (EYE_X + wide * u), EYE_Y + high * (v + 0.1)) for u, v in line]
    pen.stroke(points, (0.04, 0.1, 0.115, 0.1, 0.06), lash_colour(one))
    for u, v in ((1.25, 0.12), (1.2, 0.62)):
        end = (side * (EYE_X + wide * u), EYE_Y + high * (v + 0.1))
        pen.stroke([points[3], points[4], end], (0.04, 0.05, 0.01), lash_colour(one))


def is_closed(one: Character, side: int) -> bool:
    return one.expression == "happy" or (one.expression == "wink" and side == (1 if one.turn > 0 else -1))


def eyes(pen: Pen, one: Character) -> None:
    for side in pen.sides:
        (closed_eye if is_closed(one, side) else eye)(pen, one, side)


def through_hair(pen: Pen, one: Character) -> None:
    """Brows and lashes show faintly through the fringe, as is the custom: the look is never lost."""
    brows(pen, one, 0.5)
    for side in pen.sides:
        if not is_closed(one, side):
            upper_lash(pen, one, eye_units(one, side), 0.34)


def glasses(pen: Pen, one: Character) -> None:
    if not one.glasses:
        return
    frame = mix(one.accent, (40, 32, 44), 0.7)
    for side in pen.sides:
        x, y, rx, ry = side * 0.49, EYE_Y + 0.06, 0.38, 0.36
        if one.glasses == "round":
            rim = ellipse(x, y, rx, rx)
        else:
            top = [(x - rx, y - ry * 0.75), (x, y - ry * 0.86), (x + rx, y - ry * 0.75)]
            rim = spline([*top, (x + rx * 0.95, y + ry * 0.6), (x, y + ry * 0.86), (x - rx * 0.95, y + ry * 0.6)])
        with pen.within(rim) as inner:
            inner.tint([(x - 0.3, y + 0.5), (x + 0.1, y - 0.5), (x + 0.24, y - 0.5), (x - 0.16, y + 0.5)], WHITE, 0.2)
        pen.outline(rim, frame, 0.036)
        pen.stroke([(side * 0.88, y - 0.06), (side * 1.0, y - 0.1), (side * 1.1, y - 0.08)], (0.045, 0.04), frame)
    pen.stroke([(-0.1, EYE_Y + 0.02), (0, EYE_Y - 0.03), (0.1, EYE_Y + 0.02)], (0.04, 0.04), frame)
