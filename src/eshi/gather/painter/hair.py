"""Hair: the back of it, the front of it with its fringe, its light and shadow."""

from itertools import pairwise

import numpy as np

from eshi.gather.painter.character import Character
from eshi.gather.painter.pen import WHITE, Colour, Pen, Point, ellipse, mix, spline, times

Lock = tuple[float, float, float]  # tip x, tip y, and the height of the gap that follows

BEHIND = -0.4  # depth of what hangs behind the head: it goes against the turn
CAP: list[Point] = [(-1.12, 0.0), (-1.17, -0.42), (-0.98, -1.0), (-0.54, -1.4), (0, -1.52)]  # over the crown
CAP += [(-x, y) for x, y in CAP[-2::-1]]


def tones(one: Character) -> tuple[Colour, Colour, Colour, Colour]:
    """base, shade, light, line. Shadows turn to violet and light to the sky's side, which keeps colours clean."""
    base = one.hair_rgb
    brightness = sum(base) / 765
    shade = times(base, (0.74, 0.69, 0.8))
    light = mix(base, WHITE, 0.3 + 0.35 * brightness)
    line = times(base, (0.40, 0.34, 0.42)) if brightness > 0.3 else times(base, (0.5, 0.48, 0.52))
    return base, shade, light, line


def locks_edge(start: Point, locks: list[Lock], end: Point, lean: float) -> list[Point]:
    """A lower edge of pointed locks from `start` to `end`: each tip is sharp, its sides are bowed."""
    line: list[Point] = [(*start[:2], 1)]
    for i, (x, y, gap) in enumerate(locks):
        before = line[-1]
        following = locks[i + 1][0] if i + 1 < len(locks) else end[0]
        toward = (following - before[0]) * 0.12 if i + 1 < len(locks) else 0.0
        bulge = float(np.clip((x - before[0]) * 0.25, -0.06, 0.06))
        line.append(((before[0] + x) / 2 + lean - bulge, (before[1] + y) / 2 + abs(bulge)))
        line.append((x, y, 1))
        if i + 1 < len(locks):
            valley = ((x + following) / 2 + toward, gap)
            line.append(((x + valley[0]) / 2 + lean * 0.5, (y + gap) / 2))
            line.append((*valley, 1))
    line.append((*end[:2], 1))
    return line


def fringe_locks(one: Character, rng: np.random.Generator) -> tuple[list[Lock], float]:
    """The fringe from right to left, and how far its locks lean."""
    n = rng.uniform
    if one.bangs == "straight":
        xs = np.linspace(0.72, -0.72, 7)
        return [(float(x + n(-0.03, 0.03)), float(n(-0.1, -0.03)), float(n(-0.24, -0.18))) for x in xs], 0.0
    if one.bangs == "choppy":
        xs = np.linspace(0.76, -0.76, 6)
        locks = [(float(x + n(-0.05, 0.05)), float(n(-0.12, 0.06)), float(n(-0.52, -0.36))) for x in xs]
        return locks, float(n(-0.05, 0.05))
    if one.bangs == "swept":
        side = 1 if one.gaze > 0 else -1
        tips = [0.7, 0.43, -0.02, -0.44, -0.86]
        ys = [-0.35, -0.3, -0.12, 0.02, 0.14]
        gaps = [-0.62, -0.6, -0.46, -0.3, -0.2]
        locks = [(x, y + float(n(-0.03, 0.03)), g) for x, y, g in zip(tips, ys, gaps, strict=True)]
        if side < 0:
            gaps = gaps[-2::-1] + gaps[-1:]
            locks = [(-x, y, g) for (x, y, _), g in zip(locks[::-1], gaps, strict=True)]
        return locks, -0.07 * side
    if one.bangs == "parted":
        part = float(n(-0.15, 0.15))
        return [(0.86, 0.12, -0.28), (0.58, -0.06, -0.86), (part - 0.62, -0.06, -0.28), (-0.86, 0.12, -0.3)], 0.0
    if one.bangs == "crossed":
        lean = float(n(-0.08, 0.08))
        left = [(-0.26, 0.02, -0.5), (-0.5, -0.08, -0.36), (-0.78, 0.02, -0.3)]
        return [(0.74, 0.0, -0.36), (0.44, -0.06, -0.44), (0.04 + lean, 0.34, -0.42), *left], lean * 0.4
    left = [(-0.34, 0.02, -0.36), (-0.74, 0.12, -0.3)]
    return [(0.78, 0.1, -0.3), (0.42, 0.04, -0.36), (0.03, 0.14, -0.34), *left], 0.03


def front_outline(one: Character, rng: np.random.Generator) -> tuple[np.ndarray, list[Lock]]:
    """The front hair: the cap over the skull, side locks, and the fringe between them."""
    locks, lean = fringe_locks(one, rng)
    hang = one.side_locks
    inner = -0.16 if one.bangs in ("straight", "long fringe") else -0.3
    edge = locks_edge((0.86, inner), locks, (-0.86, inner), lean)
    inset = rng.uniform(0.0, 0.08, 2)
    right: list[Point] = [(1.15, hang * 0.45), (1.03 - inset[0], hang, 1), (0.94, hang * 0.4)]
    left: list[Point] = [(-0.94, hang * 0.4), (-1.03 + inset[1], hang, 1), (-1.15, hang * 0.45)]
    cap: list[Point] = [(x + (rng.uniform(-0.015, 0.015) if x else 0.0), y) for x, y in CAP]
    if one.boyish:
        cap = ruffled(cap, rng, 0.16 if one.hair_style == "spiky" else 0.07)
    return spline([*cap, *right, *edge, *left]), locks


def ruffled(cap: list[Point], rng: np.random.Generator, height: float) -> list[Point]:
    """Tufts that flow away from the crown to both sides."""
    line = spline(cap, closed=False)
    tufts: list[Point] = []
    marks = np.linspace(6, len(line) - 7, 9).astype(int)
    for first, last in pairwise(marks):
        a, b = line[first], line[last]
        left = a[0] + b[0] < 0.1
        end, start = (a, b) if left else (b, a)  # the tip lies beyond the end that is farther from the crown
        tip = end + (end - start) * 0.1 + end / np.hypot(*end) * height * rng.uniform(0.6, 1.3)
        bow = (start + tip) / 2 + (start + end) / 2 / np.hypot(*(start + end)) * height * 0.7
        tufts += [(*tip, 1), tuple(bow), (*start, 1)] if left else [(*start, 1), tuple(bow), (*tip, 1)]
    return [tuple(line[0]), *tufts, tuple(line[-1])]


def shine(rng: np.random.Generator) -> np.ndarray:
    """The gloss: a band that follows the crown, its edges broken by the strands."""
    xs = np.linspace(-0.86, 0.86, 11)
    arc = -1.0 + 0.42 * xs**2
    thin = 1 - 0.75 * (xs / 0.86) ** 2
    upper = [(float(x), float(y - t * rng.uniform(0.04, 0.1))) for x, y, t in zip(xs, arc, thin, strict=True)]
    lower: list[Point] = []
    for x, y, t in zip(xs[::-1], arc[::-1], thin[::-1], strict=True):
        lower += [(float(x + 0.05), float(y + 0.02), 1), (float(x), float(y + t * rng.uniform(0.08, 0.24)), 1)]
    return spline([(*upper[0], 1), *upper[1:-1], (*upper[-1], 1), *lower])


def strands(pen: Pen, rng: np.random.Generator, locks: list[Lock], shade: Colour, line: Colour) -> None:
    """The dark side of each lock, and the lines between them."""
    for (x, y, gap), (previous, *_) in zip(locks, [(1.0, 0.0, 0.0), *locks[:-1]], strict=True):
        root, top = (previous + x) / 2, max(gap, y - 0.5)
        middle = (top + y) / 2
        side: list[Point] = [(root, top - 0.16, 1), (x + (root - x) * 0.75, middle), (x, y + 0.02, 1)]
        pen.fill(spline([*side, (x + (root - x) * 0.3, middle - 0.06)]), shade)
        if rng.random() < 0.6:
            pen.stroke([(x * 0.35, -1.36), (x * 0.85, -0.95), (x * 1.02, middle - 0.2)], (0.0, 0.034, 0.0), shade)
    for (x, _, gap), (after, *_) in pairwise(locks):
        valley, long = (x + after) / 2, rng.uniform(0.12, 0.45)
        if gap > -0.7:  # no parting
            points = [(valley * 0.84, gap - long), (valley * 0.95, gap - long / 2), (valley, gap)]
            pen.stroke(points, (0.0, 0.014, 0.028), line)
    for way in (-1, 1):
        pen.stroke([(way * 0.9, -0.75), (way * 0.99, -0.3), (way * 0.95, 0.2)], (0.0, 0.02, 0.0), line)


def front(pen: Pen, one: Character, rng: np.random.Generator, outline: np.ndarray, locks: list[Lock]) -> None:
    base, shade, light, line = tones(one)
    if one.ahoge and one.bow != "headband":
        way = 1 if one.gaze > 0 else -1
        sprout: list[Point] = [(-0.1, -1.46, 1), (-0.02, -1.8), (0.3, -1.98), (0.62, -1.78, 1)]
        sprout += [(0.3, -1.82), (0.12, -1.68), (0.1, -1.45, 1)]
        pen.fill(spline([(way * q[0], *q[1:]) for q in sprout]), base, line)
    pen.fill(outline, base)
    with pen.within(outline) as inner:
        inner.tint([(-1.4, -0.35), (1.4, -0.35), (1.4, 1.6), (-1.4, 1.6)], base, 0.5, to=shade)
        strands(inner, rng, locks, shade, line)
        inner.fill(shine(rng), light)
        if one.bow == "headband":
            band: list[Point] = [(float(x), float(-1.3 + 0.6 * x**2)) for x in np.linspace(-1.3, 1.3, 7)]
            inner.stroke(band, (0.18, 0.18), times(one.accent, (0.5, 0.42, 0.48)))
            inner.stroke(band, (0.125, 0.125), one.accent)
    pen.outline(outline, line)


def hanging(
    pen: Pen, one: Character, points: list[Point], strokes: list[list[Point]], shadow: list[Point] | None = None
) -> None:
    """A mass of hair behind the head, with shaded strands; `shadow` is what lies in the dark behind the neck."""
    base, shade, _, line = tones(one)
    shape = spline(points)
    pen.fill(shape, base, depth=BEHIND)
    with pen.within(shape, BEHIND) as inner:
        for stroke in strokes:
            inner.stroke(stroke, (0.02, 0.13, 0.1, 0.0), shade, depth=BEHIND)
        if shadow:
            inner.fill(spline(shadow), times(shade, (0.84, 0.8, 0.88)), depth=0)
    pen.outline(shape, line, depth=BEHIND)


def curtain(rng: np.random.Generator, wide: float, long: float, tips: int, wave: float, pointed: float) -> list[Point]:
    """Hair falling from the crown on both sides to a row of tips."""
    down = np.linspace(0.0, 1.0, 5)[1:-1]
    right: list[Point] = [
        (1.2 + (wide - 1.2) * d + wave * (-1) ** i, -0.4 + (long + 0.4) * d) for i, d in enumerate(down)
    ]
    left: list[Point] = [(-x + float(rng.uniform(-0.05, 0.05)), y) for x, y in right[::-1]]
    bottom: list[Point] = []
    xs = np.linspace(wide, -wide, tips)
    for i, x in enumerate(xs):
        bottom.append((float(x * 0.97), long + float(rng.uniform(-0.06, 0.08)), 1))
        if i + 1 < tips:
            middle = (x + xs[i + 1]) / 2
            bottom += [(float(middle + 0.07), long - pointed * 0.55), (float(middle), long - pointed, 1)]
    cap: list[Point] = [(-1.2, -0.4), (-0.98, -1.05), (-0.54, -1.42), (0, -1.54)]
    cap += [(0.54, -1.42), (0.98, -1.05), (1.2, -0.4)]
    return [*cap, *right, *bottom, *left]


def tail(side: int, root: tuple[float, float], out: float, long: float, thick: float, wave: float) -> list[Point]:
    """Hair tied at `root`: swings `out`, falls `long`, ends in a point."""
    x, y = root
    right: list[Point] = [
        (x, y - 0.12),
        (x + out * 0.55, y - 0.1),
        (x + out * 0.95 + thick * 0.4, y + long * 0.35),
        (x + out + thick * 0.3 + wave, y + long * 0.7),
        (x + out * 1.05, y + long, 1),
        (x + out * 0.8 - thick * 0.2, y + long * 0.8),
        (x + out * 0.72 - thick * 0.35 - wave, y + long * 0.5),
        (x + out * 0.3, y + long * 0.2),
        (x - 0.05, y + 0.12),
    ]
    return [(side * q[0], *q[1:]) for q in right]


def tail_strands(points: list[Point]) -> list[list[Point]]:
    outer, inner = points[1:5], points[8:4:-1]
    return [
        [((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in zip(outer, inner, strict=True)]
        for t in (0.35, 0.75)
    ]


def back(pen: Pen, one: Character, rng: np.random.Generator) -> None:
    """All hair that lies behind the head and the shoulders."""
    n, style = rng.uniform, one.hair_style
    if style == "twin tails":
        out, long, thick, wave, knot = n(0.6, 0.85), n(1.9, 2.7), n(0.4, 0.6), n(-0.08, 0.1), one.knot
        for side in (-1, 1):
            points = tail(side, (1.08, knot), out, long, thick, wave)
            hanging(pen, one, points, tail_strands(points))
    elif style == "ponytail":
        side = -1 if one.turn > 0 else 1
        points = tail(side, (0.55, -1.25), n(0.95, 1.2), n(2.2, 3.0), 0.6, n(0, 0.1))
        hanging(pen, one, points, tail_strands(points))
    elif style == "bun":
        for x in (-0.86, 0.86) if n() < 0.55 else (0.12,):
            y = -1.36 if abs(x) > 0.5 else -1.62
            curl: list[Point] = [(x - 0.2, y + 0.16), (x - 0.1, y - 0.16), (x + 0.16, y - 0.12), (x + 0.2, y + 0.12)]
            hanging(pen, one, [tuple(p) for p in ellipse(x, y, 0.42, 0.4)[::4]], [curl])
    wide, long, tips, wave, pointed = {
        "bob": (n(1.16, 1.36), n(0.95, 1.45), 5, 0.03, 0.16),
        "long": (n(1.3, 1.55), n(2.6, 4.2), 6, 0.0, 0.4),
        "wavy": (n(1.5, 1.75), n(2.2, 3.4), 6, 0.12, 0.35),
        "short": (n(0.84, 0.92), n(0.95, 1.15), 5, 0.0, 0.16),
        "spiky": (n(0.95, 1.1), n(0.95, 1.2), 6, 0.0, 0.34),
        "braids": (1.12, 1.0, 4, 0.0, 0.1),
    }.get(style, (1.1, n(0.7, 0.9), 4, 0.0, 0.1))
    points = curtain(rng, wide, long, tips, wave, pointed)
    strokes: list[list[Point]] = [
        [(x * 1.1, 0.0), (x * (1.1 + wide) / 2, long * 0.4), (x * wide, long * 0.75), (x * wide, long)]
        for x in (-0.92, -0.8, 0.8, 0.92)
    ]
    inside = min(1.0, wide * 0.75)
    shadow: list[Point] = [(-0.98, -0.2), (0.98, -0.2), (inside, 1.2), (wide * 0.62, long + 0.3)]
    hanging(pen, one, points, strokes, [*shadow, (-wide * 0.62, long + 0.3), (-inside, 1.2)])


def over_shoulders(pen: Pen, one: Character, rng: np.random.Generator) -> None:
    """Braids, and long locks that fall in front of the body."""
    base, shade, _, line = tones(one)
    if one.hair_style == "braids":
        for side in (-1, 1):
            for i in range(7):
                y, x = 0.95 + i * 0.27, side * (1.02 + 0.07 * i - 0.012 * i * i)
                size = 0.235 - 0.012 * i
                for way in (1, -1):
                    lobe = ellipse(x + way * 0.1, y, size * 0.62, size, way * 0.6)
                    pen.fill(lobe, base if way * side < 0 else shade, line, 0.03, depth=0)
            pen.fill(ellipse(x, y + 0.26, 0.13, 0.09), one.accent, times(one.accent, (0.5, 0.45, 0.5)), depth=0)
            tuft: list[Point] = [(x - 0.09, y + 0.3), (x - 0.16, y + 0.52), (x, y + 0.72, 1)]
            tuft += [(x + 0.16, y + 0.5), (x + 0.09, y + 0.3)]
            pen.fill(spline(tuft), base, line, depth=0)
    elif one.hair_style in ("long", "wavy") and rng.random() < 0.5:
        for side in (-1, 1):
            long, wave = rng.uniform(1.7, 2.6), 0.1 if one.hair_style == "wavy" else 0.02
            lock: list[Point] = [(0.98, 0.0), (1.2, 0.3), (1.22 + wave, long * 0.5), (1.16 - wave, long * 0.78)]
            lock += [(1.08, long, 1), (0.9 - wave, long * 0.75), (0.84 + wave, long * 0.5), (0.92, 0.3)]
            shape = spline([(side * p[0], *p[1:]) for p in lock])
            pen.fill(shape, base, depth=0.2)
            with pen.within(shape, 0.2) as inner:
                middle = [(side * 1.12, 0.1), (side * 1.14, long * 0.5), (side * 1.04, long)]
                inner.stroke(middle, (0.1, 0.12, 0.05), shade, depth=0.2)
            pen.outline(shape, line, depth=0.2)
