"""Neck, shoulders and what is worn on them."""

from dataclasses import replace

import numpy as np

from eshi.gather.painter.character import Character
from eshi.gather.painter.head import face_outline, skin_line, skin_shade
from eshi.gather.painter.pen import WHITE, Colour, Pen, Point, both_sides, ellipse, mix, spline, times


def neck(pen: Pen, one: Character, head: Pen) -> None:
    wide = 0.4 if one.boyish else 0.34
    right: list[Point] = [(0, 0.6), (wide, 0.6), (wide, 1.3), (wide + 0.06, 1.6), (0.7, 1.78), (0.9, 2.2), (0, 3.0)]
    shape = spline(both_sides(right))
    pen.fill(shape, one.skin, skin_line(one), 0.028, depth=0)
    with pen.within(shape, 0) as inner:
        shadow = carried(head, inner, pen)
        shadow.fill(np.add(face_outline(one), (0.02, 0.26)), skin_shade(one))
    for side in (-1, 1):
        collar_bone = [(side * 0.1, 1.86), (side * 0.3, 1.9), (side * 0.62, 1.82)]
        pen.stroke(collar_bone, (0.0, 0.03, 0.0), skin_shade(one), depth=0)


def carried(head: Pen, inner: Pen, pen: Pen) -> Pen:
    """The head's pen, drawing where `inner` (cut out of `pen`) draws."""
    shift = (inner.at[0] - pen.at[0], inner.at[1] - pen.at[1])
    return replace(head, canvas=inner.canvas, at=(head.at[0] + shift[0], head.at[1] + shift[1]))


def torso(low_neck: float, shoulder: float) -> np.ndarray:
    """From the neck opening over the shoulders and down below any picture's edge."""
    right: list[Point] = [(0, low_neck, 1), (0.4, 1.52, 1), (0.98, 1.74), (shoulder * 0.88, 1.98), (shoulder, 2.4)]
    right += [(shoulder * 1.08, 3.6), (shoulder * 1.12, 5.5), (shoulder * 1.12, 30, 1), (0, 30, 1)]
    return spline(both_sides(right))


def clothes(pen: Pen, one: Character) -> None:
    cloth = one.cloth
    shade, line = times(cloth, (0.82, 0.78, 0.85)), times(cloth, (0.48, 0.42, 0.5))
    shoulder = 1.9 if one.boyish else 1.6
    if one.outfit == "dress":
        dress(pen, one, cloth, line)
        return
    body = torso(1.9, shoulder)
    pen.fill(body, cloth, line, 0.032, depth=0)
    with pen.within(body, 0) as inner:
        for side in (-1, 1):
            arm = side * shoulder
            side_of_chest: list[Point] = [(arm * 0.72, 2.7, 1), (arm * 0.8, 3.4), (arm * 0.84, 30, 1)]
            inner.fill(spline([*side_of_chest, (arm * 0.62, 30, 1), (arm * 0.66, 3.6)]), shade, depth=0)
            sleeve = [(arm * 0.7, 2.62), (arm * 0.8, 3.4), (arm * 0.84, 5.5), (arm * 0.84, 30)]
            inner.stroke(sleeve, (0.0, 0.03, 0.035, 0.035), line, depth=0)
            inner.stroke([(arm * 0.5, 2.0), (arm * 0.58, 2.2), (arm * 0.56, 2.5)], (0.0, 0.03, 0.0), shade, depth=0)
        inner.fill(ellipse(0, 1.45, 0.95, 0.52), shade, depth=0)
    WEAR[one.outfit](pen, one, cloth, shade, line)


def mirrored(pen: Pen, points: list[Point], colour: Colour, line: Colour | None) -> None:
    for side in (-1, 1):
        pen.fill(spline([(side * p[0], *p[1:]) for p in points]), colour, line, depth=0)


def sailor(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    dark = mix(one.accent, (40, 46, 90), 0.55) if sum(cloth) > 500 else WHITE
    collar: list[Point] = [(0.38, 1.48, 1), (0.95, 1.66), (1.3, 1.95, 1), (1.0, 2.4, 1), (0.06, 2.72, 1), (0.28, 2.1)]
    mirrored(pen, collar, dark, times(dark, (0.5, 0.5, 0.55)))
    stripe = WHITE if sum(dark) < 500 else one.accent
    for side in (-1, 1):
        pen.stroke([(side * 1.16, 1.98), (side * 0.9, 2.28), (side * 0.2, 2.52)], (0.045, 0.045), stripe, depth=0)
    bow_tie(pen, one, 2.66, 0.42)


def bow_tie(pen: Pen, one: Character, y: float, size: float) -> None:
    line, dark = times(one.accent, (0.5, 0.42, 0.48)), times(one.accent, (0.78, 0.72, 0.78))
    end: list[Point] = [(0, 0, 1), (0.5, 1), (0.9, 1.7, 1), (0.2, 1.5)]
    wing: list[Point] = [(0, 0, 1), (0.7, -0.5), (1.25, -0.35), (1.2, 0.4), (0.6, 0.35)]
    for shape, colour in ((end, dark), (wing, one.accent)):
        mirrored(pen, [(p[0] * size, y + p[1] * size, *p[2:]) for p in shape], colour, line)
    pen.fill(ellipse(0, y, size * 0.24, size * 0.26), one.accent, line, depth=0)


def shirt_collar(pen: Pen, colour: Colour) -> None:
    mirrored(pen, [(0.36, 1.42, 1), (0.52, 1.6), (0.5, 2.06, 1), (0.02, 1.92, 1), (0.2, 1.72)], colour, (150, 142, 158))


def blazer(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    pen.fill(spline([(-0.5, 1.6, 1), (0.5, 1.6, 1), (0, 3.6, 1)]), (250, 248, 250), depth=0)
    if one.jaw > 0:
        right: list[Point] = [(0, 1.92, 1), (0.1, 1.92, 1), (0.12, 2.08, 1), (0.22, 3.2, 1)]
        tie = both_sides(right)
        pen.fill(spline(tie), one.accent, times(one.accent, (0.5, 0.42, 0.48)), depth=0)
    lapel: list[Point] = [(0.46, 1.56, 1), (0.95, 1.76), (0.92, 2.3, 1), (0.74, 2.36, 1), (0.02, 3.5, 1), (0.3, 2.4)]
    mirrored(pen, lapel, shade, line)
    shirt_collar(pen, (252, 250, 252))
    if one.jaw <= 0:
        bow_tie(pen, one, 2.02, 0.34)


def hoodie(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    hood: list[Point] = [(0.42, 1.3, 1), (0.8, 1.4), (1.12, 1.74), (0.8, 2.02), (0.0, 2.24, 1), (0.3, 1.92)]
    mirrored(pen, hood, mix(cloth, WHITE, 0.12), line)
    for side in (-1, 1):
        cord = [(side * 0.26, 2.06), (side * 0.3, 2.5), (side * 0.27, 2.9)]
        pen.stroke(cord, (0.055, 0.055), mix(one.accent, WHITE, 0.6), depth=0)


def turtleneck(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    roll = spline(both_sides([(0, 1.58), (0.4, 1.46), (0.5, 1.72), (0.46, 1.86), (0, 1.98)]))
    pen.fill(roll, cloth, line, depth=0)
    with pen.within(roll, 0) as inner:
        inner.fill(ellipse(0, 1.43, 0.5, 0.26), shade, depth=0)
        for x in (-0.3, -0.1, 0.1, 0.3):
            inner.stroke([(x, 1.54), (x * 1.08, 1.9)], (0.02, 0.02), shade, depth=0)


def dress(pen: Pen, one: Character, cloth: Colour, line: Colour) -> None:
    """Bare shoulders: the neck's skin goes on to the arms, the cloth begins below."""
    right: list[Point] = [(0, 1.6, 1), (0.42, 1.58, 1), (0.9, 1.76), (1.36, 1.96), (1.56, 2.4), (1.68, 3.6)]
    right += [(1.7, 30, 1), (0, 30, 1)]
    bust = spline(both_sides(right))
    pen.outline(bust, skin_line(one), 0.05, depth=0)
    pen.fill(bust, one.skin, depth=0)
    body: list[Point] = [(0, 2.76, 1), (1.18, 2.72, 1), (1.22, 3.6), (1.3, 5.5), (1.34, 30, 1), (0, 30, 1)]
    for side in (-1, 1):
        pen.stroke([(side * 0.7, 1.69), (side * 0.82, 2.3), (side * 0.84, 2.9)], (0.14, 0.14), cloth, depth=0)
        collar_bone = [(side * 0.16, 1.94), (side * 0.4, 1.98), (side * 0.7, 1.9)]
        pen.stroke(collar_bone, (0.0, 0.035, 0.0), skin_shade(one), depth=0)
    pen.fill(spline(both_sides(body)), cloth, line, depth=0)
    for i in range(7):
        frill = ellipse(-1.2 + 0.4 * i, 2.76 + 0.02 * abs(i - 3), 0.25, 0.15)
        pen.fill(frill, mix(cloth, WHITE, 0.35), line, 0.025, depth=0)
    pen.stroke([(-0.36, 1.42), (0, 1.54), (0.36, 1.42)], (0.09, 0.1, 0.09), one.accent, depth=0)


def kimono(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    under = mix(one.accent, WHITE, 0.55)
    for side, colour in ((1, under), (-1, one.accent)):
        band: list[Point] = [(0.34, 1.4, 1), (0.6, 1.52, 1), (0.2, 2.5), (-0.7, 3.9, 1), (-1.0, 3.8, 1), (-0.06, 2.3)]
        pen.fill(spline([(side * p[0], *p[1:]) for p in band]), colour, times(colour, (0.5, 0.45, 0.5)), depth=0)


def shirt(pen: Pen, one: Character, cloth: Colour, shade: Colour, line: Colour) -> None:
    pen.fill(spline([(-0.42, 1.5, 1), (0.42, 1.5, 1), (0.14, 2.0), (0, 2.2, 1), (-0.14, 2.0)]), one.skin, depth=0)
    shirt_collar(pen, mix(cloth, WHITE, 0.6))
    pen.stroke([(0, 2.1), (0.01, 3.2), (0.0, 30)], (0.03, 0.03), shade, depth=0)


WEAR = {
    "sailor": sailor,
    "blazer": blazer,
    "hoodie": hoodie,
    "turtleneck": turtleneck,
    "kimono": kimono,
    "shirt": shirt,
}
