"""What is on a head or before a face: hats, ears of animals, a hand, a lock of hair, a mask, a scarf."""

from collections.abc import Callable

import numpy as np

from eshi.gather.painter.character import Character
from eshi.gather.painter.hair import tones
from eshi.gather.painter.head import skin_line, skin_shade
from eshi.gather.painter.pen import WHITE, Colour, Pen, Point, both_sides, ellipse, mix, spline, times

DARK: Colour = (0.5, 0.42, 0.48)
FLAT = 0.0  # depth of what is too large to turn with the face


def edged(pen: Pen, shape: np.ndarray, colour: Colour) -> None:
    pen.fill(shape, colour, times(colour, DARK), 0.032, FLAT)


def dome(height: float, wide: float = 1.24, low: float = -0.55) -> np.ndarray:
    """The crown of a hat."""
    return spline(both_sides([(0, -height), (wide * 0.62, -height * 0.9), (wide * 0.97, -1.0), (wide, low, 1)]))


def cap(pen: Pen, one: Character) -> None:
    edged(pen, dome(1.72), one.cloth)
    for side in (-1, 1):
        seam = [(side * 0.1, -1.7), (side * 0.55, -1.2), (side * 0.66, -0.6)]
        pen.stroke(seam, (0.02, 0.03, 0.02), times(one.cloth, DARK), depth=FLAT)
    edged(pen, ellipse(0, -1.71, 0.1, 0.07), one.accent)
    shift = float(pen.place([(0, -0.5)])[0, 0] - pen.place([(0, -0.5)], FLAT)[0, 0]) / pen.scale
    visor: list[Point] = [(-1.02, -0.7, 1), (-0.6, -0.88), (0, -0.94), (0.6, -0.88), (1.02, -0.7, 1), (0.7, -0.5)]
    edged(pen, spline([(p[0] + 0.6 * shift, *p[1:]) for p in [*visor, (0, -0.38), (-0.7, -0.5)]]), one.accent)


def straw(pen: Pen, one: Character) -> None:
    colour = mix((238, 206, 140), one.accent, 0.15)
    brim: list[Point] = [(-2.0, -0.72), (-1.2, -1.06), (0, -1.16), (1.2, -1.06), (2.0, -0.72), (1.1, -0.62), (0, -0.66)]
    edged(pen, dome(1.95, 1.1, -0.8), colour)
    pen.stroke([(-1.1, -1.0), (0, -1.14), (1.1, -1.0)], (0.24, 0.26, 0.24), one.accent, depth=FLAT)
    edged(pen, spline([*brim, (-1.1, -0.62)]), colour)


def beret(pen: Pen, one: Character) -> None:
    side = 1 if one.jaw > 0 else -1
    top: list[Point] = [(-1.2, -0.95), (-1.0, -1.4), (-0.2, -1.78), (0.9, -1.74), (1.5, -1.28), (1.2, -0.92)]
    edged(pen, spline([(side * p[0], p[1]) for p in [*top, (0, -1.08)]]), one.accent)
    pen.stroke([(0, -1.74), (side * 0.06, -1.92)], (0.08, 0.06), times(one.accent, DARK), depth=FLAT)


def knit(pen: Pen, one: Character) -> None:
    edged(pen, ellipse(0, -1.9, 0.3, 0.28), mix(one.accent, WHITE, 0.4))
    edged(pen, dome(1.8, 1.22), one.cloth)
    band = spline([(-1.26, -0.86, 1), (0, -1.06), (1.26, -0.86, 1), (1.24, -0.46, 1), (0, -0.66), (-1.24, -0.46, 1)])
    edged(pen, band, mix(one.cloth, WHITE, 0.25))
    for x in np.linspace(-1.05, 1.05, 8):
        pen.stroke([(x, -1.0 + 0.12 * x * x), (x, -0.66 + 0.12 * x * x)], (0.03, 0.03), one.cloth, depth=FLAT)


def witch(pen: Pen, one: Character) -> None:
    colour = mix(one.cloth, (40, 30, 60), 0.6)
    bend = 0.5 if one.jaw > 0 else -0.5
    cone: list[Point] = [(-1.05, -0.85, 1), (-0.5, -1.9), (bend * 0.4, -2.8), (bend * 1.5, -3.1, 1), (0.5, -2.1)]
    edged(pen, spline([*cone, (1.05, -0.85, 1)]), colour)
    pen.stroke([(-0.98, -1.1), (0, -1.24), (0.98, -1.1)], (0.22, 0.24, 0.22), one.accent, depth=FLAT)
    edged(pen, ellipse(0, -0.86, 2.1, 0.28), colour)


def hood(pen: Pen, one: Character) -> None:
    """A rim around the face: all within the outer line that is not within the inner one."""
    outer: list[Point] = [(0, -1.9), (1.1, -1.55), (1.62, -0.5), (1.6, 0.7), (1.1, 1.62), (0.3, 1.9, 1)]
    inner: list[Point] = [(0.2, 1.5, 1), (0.88, 1.15), (1.22, 0.5), (1.18, -0.4), (0.84, -1.02), (0, -1.2)]
    for side in (-1, 1):
        half = [(side * p[0], *p[1:]) for p in outer + inner]
        pen.fill(spline(half), one.cloth, depth=FLAT)
        for edge in (outer, inner):
            line = [(side * p[0], p[1]) for p in edge]
            pen.stroke(line, (0.035, 0.035), times(one.cloth, DARK), depth=FLAT)


def ears(pen: Pen, one: Character) -> None:
    """Of a cat, or of a rabbit."""
    base, shade, _, line = tones(one)
    high = 2.15 if one.ahoge or one.side_locks < 1.0 else 2.9
    for side in (-1, 1):
        outer: list[Point] = [
            (0.42, -1.3, 1),
            (0.75, -high + 0.2),
            (0.98, -high, 1),
            (1.15, -high + 0.6),
            (1.1, -0.9, 1),
        ]
        for size, colour, edge in ((1.0, base, line), (0.55, mix(shade, (250, 170, 180), 0.7), None)):
            ear = [(side * (0.82 + (p[0] - 0.82) * size), -1.2 + (p[1] + 1.2) * size, *p[2:]) for p in outer]
            pen.fill(spline(ear), colour, edge, depth=0.3)


def horns(pen: Pen, one: Character) -> None:
    colour = mix(one.accent, (60, 50, 60), 0.6)
    for side in (-1, 1):
        horn: list[Point] = [(0.5, -1.3, 1), (0.72, -1.75), (1.1, -2.0), (1.5, -1.95, 1), (1.2, -1.7), (0.95, -1.15, 1)]
        pen.fill(spline([(side * p[0], *p[1:]) for p in horn]), colour, times(colour, DARK), depth=0.3)


def lock(pen: Pen, one: Character) -> None:
    """Hair over one eye."""
    base, shade, _, line = tones(one)
    side = 1 if one.gaze > 0 else -1
    shape: list[Point] = [(0.05, -1.2, 1), (0.1, -0.5), (0.12, 0.2), (0.3, 0.95, 1), (0.62, 0.7), (0.9, 1.1, 1)]
    shape += [(1.02, 0.4), (1.0, -0.4), (0.8, -1.1, 1)]
    placed = spline([(side * p[0], *p[1:]) for p in shape])
    pen.fill(placed, base, line)
    for x in (0.35, 0.68):
        pen.stroke([(side * x * 0.8, -0.9), (side * x, -0.1), (side * x * 1.05, 0.6)], (0.0, 0.07, 0.0), shade)


def finger(pen: Pen, one: Character, root: Point, tip: Point, thick: float) -> None:
    for extra, colour in ((0.05, skin_line(one)), (0.0, one.skin)):
        pen.stroke([root, tip], (thick + extra, thick + extra), colour, depth=FLAT)
        pen.fill(ellipse(tip[0], tip[1], (thick + extra) / 2, (thick + extra) / 2), colour, depth=FLAT)


def hand(pen: Pen, one: Character) -> None:
    """Fingers before the mouth, or at the cheek."""
    side, high = (1 if one.eye_slant > 0.04 else -1), 0.95 + one.jaw
    arm: list[Point] = [(side * 1.9, 3.4), (side * 1.5, 2.2), (side * 0.95, high + 0.25)]
    pen.stroke(arm, (0.75, 0.6, 0.5), times(one.cloth, DARK), depth=FLAT)
    pen.stroke(arm, (0.69, 0.54, 0.44), one.cloth, depth=FLAT)
    edged(pen, ellipse(side * 0.86, high + 0.1, 0.32, 0.36, side * 0.5), one.skin)
    for i in range(4):
        y = high - 0.24 + 0.16 * i
        finger(pen, one, (side * 0.8, y + 0.1), (side * (0.12 + 0.06 * abs(i - 1)), y - 0.12), 0.16)
    pen.fill(ellipse(side * 0.88, high + 0.12, 0.24, 0.26), one.skin, depth=FLAT)
    pen.stroke([(side * 0.75, high + 0.2), (side * 0.95, high + 0.32)], (0.0, 0.03), skin_shade(one), depth=FLAT)


def peace(pen: Pen, one: Character) -> None:
    """Two fingers up beside an eye."""
    side = 1 if one.eye_slant > 0.04 else -1
    arm: list[Point] = [(side * 1.9, 3.2), (side * 1.5, 2.0), (side * 1.0, 1.1)]
    pen.stroke(arm, (0.75, 0.6, 0.48), times(one.cloth, DARK), depth=FLAT)
    pen.stroke(arm, (0.69, 0.54, 0.42), one.cloth, depth=FLAT)
    for way in (-0.28, 0.22):
        finger(pen, one, (side * 0.9, 0.85), (side * (0.86 + way), 0.02), 0.17)
    edged(pen, ellipse(side * 0.92, 0.98, 0.3, 0.32), one.skin)
    for i in range(2):
        finger(pen, one, (side * 1.05, 0.86 + 0.18 * i), (side * 0.8, 0.9 + 0.18 * i), 0.16)


def mask(pen: Pen, one: Character) -> None:
    c = one.chin
    colour = mix(one.accent, WHITE, 0.75)
    right: list[Point] = [(0, 0.5), (0.5, 0.52), (0.9, 0.42, 1), (0.84, c - 0.4, 1), (0.5, c - 0.1), (0, c + 0.02)]
    for side in pen.sides:
        pen.stroke([(side * 0.88, 0.46), (side * 1.02, 0.2)], (0.03, 0.03), times(colour, DARK))
    pen.fill(spline(both_sides(right)), colour, times(colour, (0.6, 0.6, 0.64)))
    for y in (0.68, 0.84):
        pen.stroke([(-0.7, y), (0, y + 0.05), (0.7, y)], (0.0, 0.025, 0.0), times(colour, (0.75, 0.75, 0.8)))


def scarf(pen: Pen, one: Character) -> None:
    c = one.chin - 0.42
    right: list[Point] = [(0, c + 0.06), (0.6, c), (1.08, c + 0.16), (1.2, c + 0.7), (0.8, c + 1.1), (0, c + 1.2)]
    shape = spline(both_sides(right))
    edged(pen, shape, one.accent)
    for y in (0.35, 0.68):
        fold = [(-0.95, c + y), (0, c + y + 0.14), (0.95, c + y - 0.06)]
        pen.stroke(fold, (0.0, 0.05, 0.0), times(one.accent, (0.75, 0.7, 0.75)), depth=FLAT)


Draws = Callable[[Pen, Character], None]
ON_HEAD: dict[str, Draws] = {
    "cap": cap, "straw": straw, "beret": beret, "knit": knit, "witch": witch, "hood": hood, "ears": ears,
    "horns": horns,
}  # fmt: skip
BEFORE_FACE: dict[str, Draws] = {"lock": lock, "hand": hand, "peace": peace, "mask": mask, "scarf": scarf}
