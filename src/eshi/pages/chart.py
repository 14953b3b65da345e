"""A chart: SVG that stretches and HTML that does not, so the words stay legible at every width."""

from dataclasses import dataclass

from eshi.ground.figures import human, measured
from eshi.pages.curves import Curve, Point, Up, area, numbers, path, percent, scale, steps, tick_words
from eshi.pages.page import Markup, markup, tag

WIDE, HIGH = 1000, 400  # the drawing's own units; the page stretches it
LINE = 0.115  # of a chart's height: the least distance of two labels
STATES = ("learning", "plateau", "D winning", "collapsed", "diverged")


@dataclass
class Chart:
    """A card of curves. `around` is what its height holds at least.

    `positive` values that differ much are drawn on a scale of powers of ten.
    """

    title: str
    note: str
    curves: list[Curve]
    around: tuple[float, float] | None = None
    positive: bool = False
    best: Point | None = None
    said: str = ""  # how to read it, where that is not plain

    @property
    def drawable(self) -> bool:
        """Is there a line to draw? One value makes none."""
        return any(len({p[0] for p in one.points if p}) > 1 for one in self.curves)


@dataclass
class Scene:
    """What lies behind every chart of a page: how far it goes, the guard's states, the best step, the steps back."""

    end: float
    bands: list[tuple[float, float, str]]
    best: float | None
    backs: list[float]


def states(scene: Scene) -> Markup:
    """The legend of what lies behind the curves."""
    there = [state for state in STATES if any(band[2] == state for band in scene.bands)]
    items = [tag("span", tag("i", class_=css(state)), state) for state in there]
    if scene.best is not None:
        items.append(tag("span", tag("i", class_="dash"), "the best step"))
    if scene.backs:
        items.append(tag("span", tag("i", class_="dash back"), "rolled back"))
    return tag("div", *items, class_="states") if items else Markup()


def css(state: str) -> str:
    return state.lower().replace(" ", "-") if state in STATES else "plateau"


def chart(one: Chart, scene: Scene) -> Markup:
    """The card of a chart that is drawable."""
    points = [p for c in one.curves for p in c.extremes + c.points if p]
    up, ticks = scale(points, one.around, one.positive, below=0.2 if one.best else 0.0)
    rules = tag("path", class_="rules", d="".join(f"M0 {HIGH - up(tick) * HIGH:.1f}h{WIDE}" for tick in ticks))
    lines = [drawn(c, scene.end, up) for c in one.curves]
    box = {"viewBox": f"0 0 {WIDE} {HIGH}", "preserveAspectRatio": "none", "role": "img", "aria_label": one.title}
    field = (
        behind(scene, named=one.best is not None),
        tag("svg", rules, *lines, **box),
        best_dot(one, scene.end, up),
        tag("i", tag("em"), class_="cursor"),
    )
    ys = [tag("span", word, style=f"bottom:{percent(up(t))}") for t, word in zip(ticks, tick_words(ticks), strict=True)]
    xs = [tag("span", human(t), style=f"left:{percent(t / scene.end)}") for t in steps(0, scene.end, 5)]
    plot = tag(
        "div",
        tag("div", *ys, class_="ys"),
        tag("div", *field, class_="field"),
        tag("div", *labels(one.curves, up), class_="labels"),
        tag("div"),
        tag("div", *xs, class_="xs"),
        tag("div", "images", class_="unit"),
        class_="plot",
    )
    said = tag("p", one.said) if one.said else ""
    head = tag("h2", one.title, tag("span", one.note))
    return tag("div", head, said, plot, class_="card chart", data_end=f"{scene.end:.0f}")


def in_words(one: Chart) -> Markup:
    """The same as an entry of a list: the last value of each curve."""
    lasts = [(c.name, [p for p in c.points if p][-1]) for c in one.curves]
    values = [markup(tag("span", f"{name} ", tag("b", measured(last[1], last[2]))), " ") for name, last in lasts]
    said = tag("p", one.said) if one.said else ""
    return markup(tag("dt", one.title), tag("dd", *values, tag("small", one.note), said))


def drawn(one: Curve, end: float, up: Up) -> Markup:
    spots, extremes = (
        [p and (WIDE * p[0] / end, HIGH * (1 - up(p[1]))) for p in points] for points in (one.points, one.extremes)
    )
    lines = [tag("path", style=f"stroke:{one.colour}", d=path(spots))]
    if extremes:
        lines.insert(0, tag("path", class_="extremes", style=f"stroke:{one.colour}", d=path(extremes)))
    if any(p and p[2] for p in one.points):
        edges = [p and (HIGH * (1 - up(p[1] + p[2])), HIGH * (1 - up(p[1] - p[2]))) for p in one.points]
        lines.insert(0, tag("path", class_="noise", style=f"fill:{one.colour}", d=area(spots, edges)))
    return markup(*lines)


def behind(scene: Scene, named: bool) -> Markup:
    """The guard's states, the steps back and the best step; states of some width bear their names."""
    parts = []
    for start, end, state in scene.bands:
        place = f"left:{percent(start / scene.end)};width:{percent((end - start) / scene.end)}"
        name = tag("em", state) if named and end - start > 0.17 * scene.end else ""
        parts.append(tag("i", name, class_=f"band {css(state)}", style=place, title=state))
    parts += [tag("i", class_="mark back", style=f"left:{percent(x / scene.end)}") for x in scene.backs]
    if scene.best is not None:
        parts.append(tag("i", class_="mark", style=f"left:{percent(scene.best / scene.end)}"))
    return markup(*parts)


def best_dot(one: Chart, end: float, up: Up) -> Markup:
    if not one.best:
        return Markup()
    across, height = one.best[0] / end, up(one.best[1])
    side = " first" if across < 0.15 else " end" if across > 0.85 else ""
    last = one.curves[0].points[-1] == one.best  # whose value stands beside it
    words = tag("em", "best" if last else f"best: {measured(one.best[1], one.best[2])}")
    place = f"left:{percent(across)};bottom:{percent(height)}"
    return tag("i", words, class_="dot" + " low" * (height < 0.15) + side, style=place)


def labels(curves: list[Curve], up: Up) -> list[Markup]:
    """Each at the height of its curve's end, pushed apart where they would touch."""
    lasts = sorted(((one, [p for p in one.points if p][-1]) for one in curves), key=lambda pair: -pair[1][1])
    tops: list[float] = []
    for _, last in lasts:
        tops.append(max(1 - up(last[1]), tops[-1] + LINE if tops else 0.0))
    limit = 0.94  # the word under it is the axis's
    for i in range(len(tops) - 1, -1, -1):
        tops[i] = min(tops[i], limit)
        limit = tops[i] - LINE
    return [
        tag(
            "span", one.name, tag("b", measured(last[1], last[2])),
            style=f"--c:{one.colour};top:{percent(top)}", data_points=numbers(one.points),
        )
        for (one, last), top in zip(lasts, tops, strict=True)
    ]  # fmt: skip
