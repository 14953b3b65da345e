"""A figure in any pose, from back to front; a head without a face; an animal. For pictures with several of them."""

import math

import numpy as np

from eshi.gather.painter import clothes, hair, head, ornaments, worn
from eshi.gather.painter.character import Character
from eshi.gather.painter.pen import BLACK, WHITE, Colour, Pen, Point, both_sides, ellipse, mix, spline, times
from eshi.gather.painter.pose import Pose, Turned, built, hair_edge, side_face

SMALL_BODY = 0.6  # of a chibi, for its head


def held_pen(pen: Pen, held: Pose) -> Turned:
    return Turned(pen.canvas, pen.at, pen.scale, held.tilt, 0.0, held.nod, held.yaw)


def body_pen(pen: Pen, held: Pose) -> Pen:
    """Where the shoulders are: they tilt less, and the neck joins them to the head."""
    size = SMALL_BODY if held.build == "chibi" else 1.0
    body = Pen(pen.canvas, pen.at, pen.scale * size, pen.tilt * 0.3)
    joint = [(-0.3 * math.sin(math.radians(held.yaw)), 0.9)]
    shift = (pen.place(joint, 0) - body.place([(0.0, 0.9)], 0))[0]
    body.at = (pen.at[0] + float(shift[0]), pen.at[1] + float(shift[1]))
    return body


def figure(one: Character, held: Pose, rng: np.random.Generator, pen: Pen) -> None:
    posed(built(one, held), held, rng, held_pen(pen, held))


def posed(one: Character, held: Pose, rng: np.random.Generator, pen: Pen) -> None:
    """From back to front, with the pen of a head that is held so."""
    body = body_pen(pen, held)
    outline, locks = hair.front_outline(one, rng)
    hair.back(pen, one, rng)
    clothes.neck(body, one, pen)
    clothes.clothes(body, one)
    if held.behind:
        nape(pen, one)
    else:
        face(one, held, rng, pen, hair_edge(outline, held), locks)
    if held.hat:
        worn.ON_HEAD[held.hat](pen, one)


def face(
    one: Character, held: Pose, rng: np.random.Generator, pen: Pen, outline: np.ndarray, locks: list[hair.Lock]
) -> None:
    way = math.copysign(1, held.yaw)
    head.ears(pen, one)
    head.skull(pen, one, outline, side_face(one, way) if held.profile else None)
    if held.build == "grown":
        shaded(pen, one, held)
    if held.profile:
        side_mouth(pen, one, way)
    else:
        (long_nose if held.build == "grown" or held.yaw else head.nose)(pen, one)
        head.mouth(pen, one)
    head.eyes(pen, one)
    head.glasses(pen, one)
    if held.before not in ("", "lock"):
        worn.BEFORE_FACE[held.before](pen, one)
    hair.over_shoulders(pen, one, rng)
    hair.front(pen, one, rng, outline, locks)
    head.through_hair(pen, one)
    if held.before == "lock":
        worn.BEFORE_FACE["lock"](pen, one)
    ornaments.ornaments(pen, one)


def long_nose(pen: Pen, one: Character) -> None:
    """With its ridge, as a nose shows that is turned or drawn from life."""
    shade = times(one.skin, (0.8, 0.58, 0.55))
    y, aside = one.chin - 0.56, 0.1 if getattr(pen, "yaw", 0.0) >= 0 else -0.1
    pen.stroke(
        [(aside * 0.3, y - 0.3), (aside * 0.6, y - 0.1), (aside, y), (0, y + 0.05)], (0.0, 0.02, 0.04, 0.01), shade
    )


def shaded(pen: Pen, one: Character, held: Pose) -> None:
    """Light from one side, a socket for each eye, lips: a face drawn from life."""
    dark, side = times(one.skin, (0.84, 0.66, 0.62)), -1 if one.gaze > 0 else 1
    outline = side_face(one, math.copysign(1, held.yaw)) if held.profile else head.face_outline(one)
    with pen.within(outline, 0.0 if held.profile else 1.0) as inner:
        cheek: list[Point] = [(0.12, -1.2), (0.5, 0.2), (0.3, 0.6), (0.55, 0.9), (0.1, 1.5), (1.4, 1.5), (1.4, -1.2)]
        inner.tint(spline([(side * p[0], p[1]) for p in cheek]), dark, 0.45)
        for eye in pen.sides:
            inner.glow(eye * 0.45, 0.12, 0.36, 0.3, dark, 0.6)
        inner.glow(0, one.chin - 0.5, 0.2, 0.14, dark, 0.5)
        if not held.profile:
            lips = ellipse(0, one.chin - 0.27, 0.2, 0.075)
            inner.tint(lips, times(one.skin, (0.8, 0.45, 0.45)), 0.8)


def side_mouth(pen: Pen, one: Character, way: float) -> None:
    y, line = one.chin - 0.3, mix(times(one.skin, (0.58, 0.3, 0.3)), (110, 40, 46), 0.5)
    up = {"smile": 0.07, "sad": -0.07, "angry": -0.05}.get(one.expression, 0.02)
    corner = (way * 0.7, y - up)
    if one.mouth_open:
        wedge: list[Point] = [(*corner, 1), (way * 1.02, y - 0.02, 1), (way * 0.98, y + 0.16), (way * 0.8, y + 0.12)]
        pen.fill(spline(wedge), (168, 54, 66), (122, 46, 52), 0.024, depth=0)
    else:
        pen.stroke([corner, (way * 0.86, y + 0.02), (way * 1.02, y)], (0.01, 0.045, 0.03), line, depth=0)


def nape(pen: Pen, one: Character) -> None:
    """The head from behind: hair all over."""
    base, shade, light, line = hair.tones(one)
    low = min(one.side_locks, 1.2)
    right: list[Point] = [(0, -1.52), (0.54, -1.4), (0.98, -1.0), (1.17, -0.42), (1.14, 0.3), (1.0, low, 1)]
    shape = spline(both_sides([*right, (0.5, low + 0.12), (0.3, low - 0.05, 1), (0, low + 0.16)]))
    pen.fill(shape, base, depth=0)
    with pen.within(shape, 0) as inner:
        inner.tint([(-1.4, 0), (1.4, 0), (1.4, 1.6), (-1.4, 1.6)], base, 0.5, to=shade, depth=0)
        for x in np.linspace(-0.9, 0.9, 7):
            strand = [(x * 0.2, -1.3), (x * 0.9, -0.4), (x, low)]
            inner.stroke(strand, (0.0, 0.04, 0.02), shade, depth=0)
        inner.stroke([(-0.8, -0.5), (0, -0.75), (0.8, -0.5)], (0.0, 0.1, 0.0), light, depth=0)
    pen.outline(shape, line, depth=0)


def animal(rng: np.random.Generator, pen: Pen, colour: Colour, other: Colour) -> None:
    """A head of a cat, bear, rabbit or the like, as mascots and emblems show it: two eyes and a mouth, and no face."""
    line, kind, wide = times(colour, (0.4, 0.36, 0.4)), int(rng.integers(4)), float(rng.uniform(0.95, 1.25))
    pale = mix(colour, WHITE, 0.6)
    for side in (-1, 1):
        ear: list[list[Point]] = [
            [(0.2, -0.8, 1), (0.75, -1.5, 1), (1.0, -0.4, 1)],
            [tuple(p) for p in ellipse(0.75, -0.8, 0.36, 0.36)[::4]],
            [(0.15, -0.8, 1), (0.3, -2.1), (0.62, -2.1), (0.75, -0.7, 1)],
            [(0.7, -0.7, 1), (1.3, -0.4), (1.25, 0.6), (0.9, 0.3, 1)],
        ]
        pen.fill(spline([(side * p[0] * wide, *p[1:]) for p in ear[kind]]), colour, line, 0.05, depth=0)
    pen.fill(ellipse(0, 0, wide, 0.92), colour, line, 0.05, depth=0)
    if rng.random() < 0.6:
        pen.fill(ellipse(0, 0.36, 0.46 * wide, 0.36), pale, depth=0)
    apart, size = float(rng.uniform(0.32, 0.55)), float(rng.uniform(0.07, 0.2))
    for side in (-1, 1):
        pen.fill(ellipse(side * apart, -0.08, size, size * float(rng.uniform(1.0, 1.6))), BLACK, depth=0)
        pen.fill(ellipse(side * apart - 0.3 * size, -0.14, size * 0.3, size * 0.3), WHITE, depth=0)
        if rng.random() < 0.5:
            for y in (0.25, 0.42):
                pen.stroke([(side * 0.6, y), (side * 1.25, y - 0.1)], (0.03, 0.02), line, depth=0)
        pen.stroke([(0, 0.36), (side * 0.1, 0.5), (side * 0.25, 0.44)], (0.05, 0.05, 0.03), line, depth=0)
    pen.fill(ellipse(0, 0.28, 0.12, 0.08), other, depth=0)
