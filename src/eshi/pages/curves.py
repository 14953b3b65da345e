"""Curves over images seen, in numbers: from the rows of a log to points, lines, scales and ticks."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from eshi.ground.figures import human
from eshi.run.logbook import Row, number

MOST = 400  # points a curve is drawn with
ROOM = 1e9  # between the largest value and the smallest that is told from 0

Point = tuple[float, float, float]  # images, value, noise
Spot = tuple[float, float]
Up = Callable[[float], float]  # a value -> its share of the height


@dataclass
class Curve:
    name: str
    points: list[Point | None]  # None: the line is broken here, there was no number
    extremes: list[Point | None]  # of a long log, whose points are means; else none
    colour: str


def curve(rows: Iterable[Row], key: str, colour: str, name: str) -> Curve | None:
    points: list[Point | None] = []
    for row in rows:
        value = number(row.get(key))
        if value is not None:
            points.append((float(row["images"]), value, abs(number(row.get(f"{key}_noise")) or 0.0)))
        elif key in row:
            points.append(None)
    if not any(points):
        return None
    return Curve(name, averaged(points), thin(points) if len(points) > MOST else [], colour)


def averaged(points: list[Point | None], most: int = MOST // 2) -> list[Point | None]:
    """A long line without its bristles: the means of so many stretches, and the last point as it is."""
    if len(points) <= MOST:
        return points
    kept: list[Point | None] = []
    for i in range(most):
        stretch = points[len(points) * i // most : len(points) * (i + 1) // most]
        there = [point for point in stretch if point]
        if there:
            x, y, noise = (sum(values) / len(there) for values in zip(*there, strict=True))
            kept.append((x, y, noise))
        if len(there) < len(stretch):
            kept.append(None)
    return kept + points[-1:]


def thin(points: list[Point | None], most: int = MOST) -> list[Point | None]:
    """At most about so many, with every extreme: the lowest and highest of each stretch, and both ends."""
    if len(points) <= most:
        return points
    stretches = (most - 2) // 2
    kept: list[Point | None] = points[:1]
    inner = points[1:-1]
    for i in range(stretches):
        stretch = inner[len(inner) * i // stretches : len(inner) * (i + 1) // stretches]
        numbers = [(j, point) for j, point in enumerate(stretch) if point]
        if numbers:
            ends = {min(numbers, key=lambda n: n[1][1]), max(numbers, key=lambda n: n[1][1])}
            kept += [point for _, point in sorted(ends)]
        if len(numbers) < len(stretch) and kept[-1] is not None:
            kept.append(None)
    return kept + points[-1:]


def bands(judged: Iterable[Row]) -> list[tuple[float, float, str]]:
    """(from, to, state): a judgement speaks for the images since the one before."""
    found: list[tuple[float, float, str]] = []
    last = 0.0
    for row in judged:
        images, state = float(row["images"]), str(row.get("state") or "")
        if state and images > last:
            if found and found[-1][1:] == (last, state):
                found[-1] = (found[-1][0], images, state)
            else:
                found.append((last, images, state))
        last = images
    return found


def path(spots: Iterable[Spot | None]) -> str:
    """A line, lifted where there is no number and where the run went back."""
    words: list[str] = []
    before = None
    for spot in spots:
        if spot:
            words.append(f"{'L' if before and spot[0] >= before[0] else 'M'}{spot[0]:.1f} {spot[1]:.1f}")
            if words[-1][0] == "M":
                words.append("h.1")  # so that a point alone is seen
        before = spot
    return "".join(words)


def area(spots: list[Spot | None], edges: list[Spot | None]) -> str:
    """Along the upper edge and back along the lower, for each stretch that `path` draws in one."""
    words: list[str] = []
    stretch: list[tuple[float, float, float]] = []
    for spot, edge in [*zip(spots, edges, strict=True), (None, None)]:
        if stretch and (spot is None or spot[0] < stretch[-1][0]):
            there = [f"{x:.1f} {top:.1f}" for x, top, _ in stretch]
            back = [f"{x:.1f} {bottom:.1f}" for x, _, bottom in reversed(stretch)]
            words.append("M" + "L".join(there + back) + "Z")
            stretch = []
        if spot and edge:
            stretch.append((spot[0], *edge))
    return "".join(words)


def scale(
    points: list[Point], around: tuple[float, float] | None, positive: bool, below: float = 0.0
) -> tuple[Up, list[float]]:  # fmt: skip
    """Where in a chart's height a value lies, and its ticks. `below`: room for words under the lowest value."""
    values = [point[1] for point in points]
    low, high = min(values), max(values)
    if positive and low > 0 and high > 6 * low:
        low, high = max(low, high / ROOM), high * 1.15
        low /= 1.15 * (high / low) ** below
        return lambda value: math.log(max(value, low) / low) / math.log(high / low), decades(low, high)
    edges = [v for x, y, noise in points for v in (y - noise, y + noise)]
    low, high = bounds([*edges, max(low - below * (high - low), min(low, 0.0))], around)
    return lambda value: (value - low) / (high - low), steps(low, high, 4)


def bounds(values: list[float], around: tuple[float, float] | None = None) -> tuple[float, float]:
    """What the height of a chart holds, with a little air."""
    low, high = min(values), max(values)
    if around:
        low, high = min(low, around[0]), max(high, around[1])
        return low, high if high == around[1] else high + 0.05 * (high - low)
    size = max(abs(low), abs(high))
    if size < 1 / ROOM**2:
        return 0.0, 1.0
    air = 0.06 * (high - low) if high - low > size / ROOM else 0.1 * size
    return (0.0 if 0 <= low < 0.5 * high else low - air), high + air


def steps(low: float, high: float, about: int) -> list[float]:
    """Round numbers between the two: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.75)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def decades(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between the two, or only the powers of ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = (1, 2, 5) if math.log10(high / low) < 2.2 else (1,)
    return [m * 10.0**p for p in powers for m in every if low <= m * 10.0**p <= high]


def tick_words(ticks: list[float]) -> list[str]:
    """Short, or with as many digits as it takes to tell them apart."""
    short = [human(tick) for tick in ticks]
    return short if len(set(short)) == len(short) else [f"{tick:,.9g}" for tick in ticks]


def numbers(points: list[Point | None]) -> str:
    rows = (f"[{p[0]:.0f},{p[1]:.4g}" + (f",{p[2]:.2g}]" if p[2] else "]") for p in points if p)
    return f"[{','.join(rows)}]"


def percent(share: float) -> str:
    return f"{100 * share:.2f}%"
