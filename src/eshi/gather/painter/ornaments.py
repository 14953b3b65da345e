"""What is tied or stuck into the hair."""

import numpy as np

from eshi.gather.painter.character import Character
from eshi.gather.painter.pen import Colour, Pen, Point, ellipse, mix, spline, times


def ribbon_bow(pen: Pen, x: float, y: float, size: float, colour: Colour, turned: float = 0.0) -> None:
    line, dark = times(colour, (0.5, 0.42, 0.48)), times(colour, (0.78, 0.72, 0.78))
    c, s = np.cos(turned), np.sin(turned)

    def at(points: list[Point]) -> np.ndarray:
        return spline([(x + size * (c * p[0] - s * p[1]), y + size * (s * p[0] + c * p[1]), *p[2:]) for p in points])

    end: list[Point] = [(0, 0.05), (0.25, 0.5), (0.7, 1.05, 1), (0.55, 0.5), (0.12, 0, 1)]
    wing: list[Point] = [(0, 0, 1), (0.5, -0.52), (1.02, -0.5), (1.08, 0.1), (0.95, 0.5), (0.45, 0.3)]
    hollow: list[Point] = [(0, 0, 1), (0.45, -0.1), (0.72, 0.06), (0.4, 0.12)]
    for way in (-1, 1):
        for shape, fill, edge in ((end, dark, line), (wing, colour, line), (hollow, dark, None)):
            pen.fill(at([(way * p[0], *p[1:]) for p in shape]), fill, edge, depth=0.4)
    pen.fill(at([(-0.2, -0.2), (0.2, -0.2), (0.22, 0.2), (-0.22, 0.2)]), colour, line, depth=0.4)


def ornaments(pen: Pen, one: Character) -> None:
    side = 1 if one.jaw > 0 else -1
    line = times(one.accent, (0.5, 0.42, 0.48))
    if one.hair_style == "twin tails":
        for way in (-1, 1):
            ribbon_bow(pen, way * 1.12, one.knot, 0.26, one.accent, way * 0.5)
    if one.bow == "ribbon":
        if one.side_locks > 1.0:
            ribbon_bow(pen, side * 0.1, -1.5, 0.46, one.accent)
        else:
            ribbon_bow(pen, side * 0.88, -0.98, 0.36, one.accent, side * 0.7)
    elif one.bow == "clips":
        for i in range(2):
            y = -0.55 + 0.17 * i
            pen.stroke([(side * 0.62, y), (side * 0.96, y + 0.1)], (0.085, 0.085), line)
            pen.stroke([(side * 0.64, y + 0.005), (side * 0.94, y + 0.093)], (0.05, 0.05), one.accent)
    elif one.bow == "flower":
        x, y = side * 0.84, -0.72
        for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False) - 0.3:
            pen.fill(ellipse(x + 0.15 * np.cos(angle), y + 0.15 * np.sin(angle), 0.12, 0.12), one.accent, line, 0.025)
        pen.fill(ellipse(x, y, 0.085, 0.085), mix(one.accent, (255, 236, 140), 0.85))
