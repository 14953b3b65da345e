"""Curves over images seen, as SVG that stretches and HTML that does not: the words stay legible at every width."""

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eshi.ground.figures import human, measured
from eshi.run.logbook import Row, number

MOST = 400  # points a curve is drawn with
WIDE, HIGH = 1000, 400  # the drawing's own units; the page stretches it
LINE = 0.115  # of a chart's height: the least distance of two labels

Point = tuple[float, float, float]  # images, value, noise
Spot = tuple[float, float]
Up = Callable[[float], float]  # a value -> its share of the height
STATES = ("learning", "plateau", "D winning", "collapsed", "diverged")

STYLE = """
:root { --c1: #1f6fb2; --c2: #c2570c; --c3: #0b8468; --c4: #8a4a9c; --c5: #6d6a76;
  --learning: rgb(86 180 233 / .12); --plateau: rgb(128 128 138 / .17); --bad: rgb(230 140 0 / .2);
  --worse: rgb(190 80 160 / .2); --worst: rgb(213 70 0 / .26) }
@media (prefers-color-scheme: dark) { :root { --c1: #6cb4f0; --c2: #f39a55; --c3: #4ccaa6; --c4: #d29ae6; --c5: #9a97a5;
  --learning: rgb(86 180 233 / .11); --plateau: rgb(160 160 172 / .17); --bad: rgb(240 160 20 / .2);
  --worse: rgb(225 120 195 / .2); --worst: rgb(255 110 50 / .27) } }
.chart { min-width: 0; display: flex; flex-direction: column }
.plot { display: grid; grid-template: minmax(10rem, 1fr) 1.5rem / 2.5rem 1fr 7.6rem; font-size: .75rem; flex: 1;
  color: var(--soft); font-variant-numeric: tabular-nums; line-height: 1.2 }
.field { position: relative; border-left: 1px solid var(--line); border-bottom: 1px solid var(--line);
  touch-action: pan-y; cursor: crosshair; background: var(--card); z-index: 1 }
.field svg { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; pointer-events: none }
.field path { fill: none; stroke-width: 1.6; vector-effect: non-scaling-stroke; stroke-linejoin: round;
  stroke-linecap: round } .field path.grid { stroke: var(--line); stroke-width: 1 }
.field path.extremes { stroke-width: 1; opacity: .3 }
.field path.noise { stroke: none; opacity: .22 }
.ys, .xs, .labels { position: relative }
.ys span { position: absolute; right: .45rem; transform: translateY(50%) }
.xs span { position: absolute; top: .4rem; transform: translateX(-50%); white-space: nowrap }
.unit { padding: .4rem 0 0 1.5rem }
.labels span { position: absolute; left: .5rem; transform: translateY(-50%); white-space: nowrap }
.labels span::before { content: ""; display: inline-block; width: .7rem; height: .2rem; border-radius: 1rem;
  background: var(--c); margin-right: .35rem; vertical-align: .18rem } .labels b { color: var(--ink);
  font-weight: 560; margin-left: .3em }
.band { position: absolute; top: 0; bottom: 0; z-index: -1; overflow: hidden } .band em { font-style: normal;
  padding: .25rem .4rem; display: block; white-space: nowrap }
.learning { background: var(--learning) } .plateau { background: var(--plateau) }
.d-winning { background: repeating-linear-gradient(45deg, var(--bad) 0 4px, transparent 4px 6px), var(--bad) }
.collapsed { background: repeating-linear-gradient(0deg, var(--worse) 0 3px, transparent 3px 6px), var(--worse) }
.diverged { background: repeating-linear-gradient(135deg, var(--worst) 0 2px, transparent 2px 5px), var(--worst) }
.states { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .8rem; color: var(--soft); margin: .9rem 0 }
.states i { display: inline-block; width: 1.4rem; height: .85rem; border-radius: .2rem; margin-right: .4rem;
  vertical-align: -.08rem; border: 1px solid var(--line) }
.states .dash { border: 0; border-top: 2px dashed var(--soft); height: 0; border-radius: 0; vertical-align: .22rem }
.states .back { border-top: 2px dotted var(--c2) }
.mark { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--soft) }
.mark.back { border-left-style: dotted; border-left-color: var(--c2) }
.dot { position: absolute; width: .75rem; height: .75rem; margin: 0 0 -.375rem -.375rem; border-radius: 50%;
  background: var(--accent); border: 2px solid var(--card) }
.dot em { position: absolute; top: .8rem; left: 50%; transform: translateX(-50%); white-space: nowrap;
  font-style: normal; font-weight: 560; color: var(--ink); background: var(--card); border-radius: .3rem;
  padding: .05rem .3rem }
.dot.low em { top: auto; bottom: .8rem } .dot.first em { left: 0; transform: none }
.dot.end em { left: auto; right: 0; transform: none }
.cursor { position: absolute; top: 0; bottom: 0; border-left: 1px solid var(--ink); pointer-events: none;
  display: none }
.cursor em { position: absolute; top: calc(100% + .3rem); left: 0; transform: translateX(-50%); font-style: normal;
  background: var(--ink); color: var(--paper); border-radius: .25rem; padding: .05rem .3rem; white-space: nowrap;
  z-index: 1 }
@media (max-width: 34rem) { .plot { grid-template: auto 11rem 1.5rem / 2.3rem 1fr }
  .labels { grid-area: 1 / 1 / 2 / 3; display: flex; flex-wrap: wrap; gap: .25rem .9rem; margin-bottom: .6rem }
  .labels span { position: static; transform: none } .unit { display: none }
  .xs { margin-right: .6rem } .field { margin-right: .6rem } }
"""

SCRIPT = """
const charts = [...document.querySelectorAll('.chart')].map(chart => ({
  field: chart.querySelector('.field'), cursor: chart.querySelector('.cursor'), end: +chart.dataset.end,
  labels: [...chart.querySelectorAll('.labels span')].map(span => ({
    value: span.querySelector('b'), rest: span.querySelector('b').textContent,
    points: JSON.parse(span.dataset.points) })) }));
const short = n => n >= 999500 ? +(n / 1e6).toPrecision(3) + 'M' : n >= 999.5 ? +(n / 1e3).toPrecision(3) + 'k' : n;
const figure = (n, noise) => {
  if (!noise) return n >= 1000 ? n.toFixed(0) : +n.toPrecision(3) + '';
  const digits = Math.max(0, -Math.floor(Math.log10(noise) + .022));
  return n.toFixed(digits) + ' ± ' + noise.toFixed(digits) };
function look(images) {
  for (const { cursor, end, labels } of charts) {
    cursor.style.display = images === null ? 'none' : 'block';
    if (images !== null) { cursor.style.left = Math.min(100, 100 * images / end) + '%';
      cursor.firstChild.textContent = short(Math.round(images)) }
    for (const { value, rest, points } of labels) {
      const near = images === null ? null : points.reduce((a, b) =>
        Math.abs(b[0] - images) < Math.abs(a[0] - images) ? b : a);
      value.textContent = near ? figure(near[1], near[2]) : rest } } }
for (const { field, end } of charts) {
  const at = event => { const box = field.getBoundingClientRect();
    look(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * end) };
  field.addEventListener('pointermove', at); field.addEventListener('pointerdown', at);
  field.addEventListener('pointerleave', () => look(null)) }
"""


@dataclass
class Curve:
    name: str
    points: list[Point | None]  # None: the line is broken here, there was no number
    extremes: list[Point | None]  # of a long log, whose points are means; else none
    colour: str


@dataclass
class Scene:
    """What lies behind every chart of a page: how far it goes, the guard's states, the best step, the steps back."""

    end: float
    bands: list[tuple[float, float, str]]
    best: float | None
    backs: list[float]


def curve(rows: Iterable[Row], key: str, colour: str, name: str) -> Curve | None:
    points: list[Point | None] = []
    for row in rows:
        value = number(row.get(key))
        if value is not None:
            points.append((float(row["images"]), value, number(row.get(f"{key}_noise")) or 0.0))
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


def states(scene: Scene) -> str:
    """The legend of what lies behind the curves."""
    there = [state for state in STATES if any(band[2] == state for band in scene.bands)]
    items = [f'<span><i class="{css(state)}"></i>{state}</span>' for state in there]
    items += ["<span><i class=dash></i>the best step</span>"] * (scene.best is not None)
    items += ["<span><i class='dash back'></i>rolled back</span>"] * bool(scene.backs)
    return f"<div class=states>{''.join(items)}</div>" if items else ""


def css(state: str) -> str:
    return state.lower().replace(" ", "-") if state in STATES else "plateau"


def chart(
    title: str, note: str, curves: Sequence[Curve | None], scene: Scene, around: tuple[float, float] | None = None,
    best: Point | None = None, positive: bool = False,
) -> str:  # fmt: skip
    """A card with the curves that there are, or nothing. `around` is what its height holds at least.

    `positive` values that differ much are drawn on a scale of powers of ten.
    """
    there = [one for one in curves if one]
    if not there or scene.end <= 0:
        return ""
    up, ticks = scale([p for one in there for p in one.extremes + one.points if p], around, positive)
    grid = "".join(f"M0 {HIGH - up(tick) * HIGH:.1f}h{WIDE}" for tick in ticks)
    lines = f'<path class=grid d="{grid}"/>' + "".join(drawn(one, scene.end, up) for one in there)
    dot = best_dot(best, best[0] / scene.end, up(best[1])) if best else ""
    ys = "".join(f'<span style="bottom:{percent(up(t))}">{human(t)}</span>' for t in ticks)
    xs = "".join(f'<span style="left:{percent(t / scene.end)}">{human(t)}</span>' for t in steps(0, scene.end, 5))
    return (
        f'<div class="card chart" data-end="{scene.end:.0f}"><h2>{title}<span>{note}</span></h2><div class=plot>'
        f"<div class=ys>{ys}</div><div class=field>{behind(scene, named=best is not None)}"
        f'<svg viewBox="0 0 {WIDE} {HIGH}" preserveAspectRatio=none role=img aria-label="{title}">{lines}</svg>'
        f"{dot}<i class=cursor><em></em></i></div><div class=labels>{labels(there, up)}</div>"
        f"<div></div><div class=xs>{xs}</div><div class=unit>images</div></div></div>"
    )


def scale(points: list[Point], around: tuple[float, float] | None, positive: bool) -> tuple[Up, list[float]]:
    """Where in a chart's height a value lies, and its ticks."""
    values = [point[1] for point in points]
    if positive and min(values) > 0 and max(values) > 6 * min(values):
        low, high = min(values) / 1.15, max(values) * 1.15
        return lambda value: math.log(max(value, low) / low) / math.log(high / low), decades(low, high)
    low, high = bounds([v for x, y, noise in points for v in (y - noise, y + noise)], around)
    return lambda value: (value - low) / (high - low), steps(low, high, 4)


def drawn(one: Curve, end: float, up: Up) -> str:
    spots, extremes = (
        [p and (WIDE * p[0] / end, HIGH * (1 - up(p[1]))) for p in points] for points in (one.points, one.extremes)
    )
    line = f'<path style="stroke:{one.colour}" d="{path(spots)}"/>'
    if extremes:
        line = f'<path class=extremes style="stroke:{one.colour}" d="{path(extremes)}"/>{line}'
    if not any(p and p[2] for p in one.points):
        return line
    edges = [p and (HIGH * (1 - up(p[1] + p[2])), HIGH * (1 - up(p[1] - p[2]))) for p in one.points]
    return f'<path class=noise style="fill:{one.colour}" d="{area(spots, edges)}"/>{line}'


def behind(scene: Scene, named: bool) -> str:
    """The guard's states, the steps back and the best step; states of some width bear their names."""
    parts = []
    for start, end, state in scene.bands:
        place = f"left:{percent(start / scene.end)};width:{percent((end - start) / scene.end)}"
        word = html.escape(state)
        name = f"<em>{word}</em>" if named and end - start > 0.17 * scene.end else ""
        parts.append(f'<i class="band {css(state)}" style="{place}" title="{word}">{name}</i>')
    parts += [f'<i class="mark back" style="left:{percent(x / scene.end)}"></i>' for x in scene.backs]
    if scene.best is not None:
        parts.append(f'<i class=mark style="left:{percent(scene.best / scene.end)}"></i>')
    return "".join(parts)


def best_dot(best: Point, across: float, up: float) -> str:
    side = " first" if across < 0.15 else " end" if across > 0.85 else ""
    words = f"best: {measured(best[1], best[2])}"
    place = f"left:{percent(across)};bottom:{percent(up)}"
    return f'<i class="dot{" low" * (up < 0.15)}{side}" style="{place}"><em>{words}</em></i>'


def labels(curves: list[Curve], up: Up) -> str:
    """Each at the height of its curve's end, pushed apart where they would touch."""
    lasts = sorted(((one, [p for p in one.points if p][-1]) for one in curves), key=lambda pair: -pair[1][1])
    tops: list[float] = []
    for _, last in lasts:
        tops.append(max(1 - up(last[1]), tops[-1] + LINE if tops else 0.0))
    limit = 0.94  # the word under it is the axis's
    for i in range(len(tops) - 1, -1, -1):
        tops[i] = min(tops[i], limit)
        limit = tops[i] - LINE
    return "".join(
        f'<span style="--c:{one.colour};top:{percent(top)}" data-points="{numbers(one.points)}">'
        f"{html.escape(one.name)}<b>{measured(last[1], last[2])}</b></span>"
        for (one, last), top in zip(lasts, tops, strict=True)
    )


def numbers(points: list[Point | None]) -> str:
    rows = (f"[{p[0]:.0f},{p[1]:.4g}" + (f",{p[2]:.2g}]" if p[2] else "]") for p in points if p)
    return f"[{','.join(rows)}]"


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


def bounds(values: list[float], around: tuple[float, float] | None = None) -> tuple[float, float]:
    """What the height of a chart holds, with a little air."""
    low, high = min(values), max(values)
    if around:
        low, high = min(low, around[0]), max(high, around[1])
        return low, high if high == around[1] else high + 0.05 * (high - low)
    air = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
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


def percent(share: float) -> str:
    return f"{100 * share:.2f}%"
