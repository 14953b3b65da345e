"""The page of a run: how it learned, which step was its best, what it draws, and from what. Rewritten as it trains."""

import json
import shlex
import time
from dataclasses import dataclass
from pathlib import Path

import eshi
from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.figures import human
from eshi.ground.files import write
from eshi.pages import lapse
from eshi.pages.chart import Chart, Scene, chart, in_words, states
from eshi.pages.curves import Curve, bands, curve
from eshi.pages.headline import head, sentence
from eshi.pages.origin import made_of
from eshi.pages.page import Markup, markup, page, picture_of, tag
from eshi.run import logbook
from eshi.run.logbook import Row, number

COLOURS = [f"var(--c{i})" for i in range(1, 7)]
TERMS = ("r1", "r2", "gp")  # of a loss, drawn beside the two sums
VARIED = ("precision", "recall", "coverage", "diversity")
TOLD = 40  # events, the latest
NEAR_ZERO = 0.1  # precision and recall below which a reader needs to know why
ABSURD = 100  # times as far as unseen faces: what was divided by a distance of next to nothing


def run_report(folder: Path | str) -> Path:
    """report.html in the run's folder, from whatever the run has left there so far."""
    folder = Path(folder)
    try:
        content = whole(folder)
    except EshiError:
        raise
    except Exception as error:  # whoever wrote these files: a page never ends what called for it
        what = f"cannot make the page of {folder}: {type(error).__name__}: {error}"
        raise EshiError(what, "a file there is not as eshi writes it; --debug shows where it stumbled", 1) from error
    return write(folder / "report.html", content)


@dataclass
class Story:
    """What a run has left on the disk, read once."""

    folder: Path
    rows: list[Row]
    judged: list[Row]
    best: Row | None
    state: str
    scene: Scene
    coming: str


def story(folder: Path) -> Story:
    if not (folder / "recipe.yaml").is_file():
        raise EshiError(f"{folder} holds no recipe.yaml: no run", "eshi runs lists the runs; eshi faces is for faces")
    rows = [row for row in logbook.log(folder) if row["images"] >= 0]
    judged = logbook.judgements(rows)
    best = logbook.best_of(judged)
    state = logbook.state(folder, rows)
    scene = Scene(
        end=max((float(row["images"]) for row in rows), default=0.0),
        bands=bands(judged),
        best=best["images"] if best else None,
        backs=[row["images"] for row in rows if row.get("event") == "rolled back"],
    )
    return Story(folder, rows, judged, best, state, scene, to_come(folder, state))


def whole(folder: Path) -> bytes:
    told = story(folder)
    rows, best, state = told.rows, told.best, told.state
    frames = lapse.sheets(folder)
    made = f"Made by eshi {eshi.__version__} on {time.strftime('%Y-%m-%d at %H:%M')}."
    again = " The run goes on: reload this page for the newest." if state == "training" else ""
    return page(
        f"{folder.resolve().name}: run",
        head(folder, state, rows, told.judged, best, told.coming),
        figures(lapse.film(frames, told.judged, best), told),
        lapse.best_and_last(folder, frames, best),
        nearest(folder),
        happened(rows),
        made_of(folder, rows),
        tag("footer", made, again),
        styles=("run.css",),
        script="run.js",
    )


def live(folder: Path) -> Markup:
    """What changes while a run trains, for a page that shows the sheets by itself."""
    told = story(folder)
    return markup(
        head(folder, told.state, told.rows, told.judged, told.best, told.coming),
        figures(Markup(), told),
        happened(told.rows),
        made_of(folder, told.rows),
    )


def over(folders: dict[str, Path]) -> Markup:
    """The scores of several runs over one another; those judged otherwise than the first are left out."""
    stories = {name: story(folder) for name, folder in folders.items()}
    first = next((told.judged[-1] for told in stories.values() if told.judged), None)
    if not first:
        return tag("p", "None of these has been judged yet.")
    judged = {name: [row for row in told.judged if logbook.alike(row, first)] for name, told in stories.items()}
    found = [
        curve(rows, first["ranked_by"], COLOURS[i % len(COLOURS)], n) for i, (n, rows) in enumerate(judged.items())
    ]
    one = Chart("Score", f"{first['ranked_by']}, lower is better", [c for c in found if c], positive=True)
    scene = Scene(max((told.scene.end for told in stories.values()), default=0.0), [], None, [])
    others = [name for name, rows in judged.items() if not rows]
    said = tag("p", f"Not judged as the first one was: {', '.join(others)}.") if others else ""
    return markup(chart(one, scene) if one.drawable else in_words(one), said)


def to_come(folder: Path, state: str) -> str:
    """What the recipe lets one expect of a run that has little to show."""
    try:
        found = recipe.load(folder / "recipe.yaml")
    except EshiError:
        return ""
    if not found.judge.every:
        return "The recipe asks for no judgements (judge.every is 0)."
    lines = f"a line of figures every {human(found.every.log)} images, and a judgement every {human(found.judge.every)}"
    return f"The recipe asks for {lines}." if state in ("training", "stopped") else ""


def figures(film: Markup, told: Story) -> Markup:
    """The time-lapse and the charts; what has one value only stands in words."""
    rows, judged, best, scene, coming = told.rows, told.judged, told.best, told.scene, told.coming
    there = [one for one in charts(rows, judged, best) if one.curves]
    lines = [chart(one, scene) for one in there if one.drawable]
    single = [in_words(one) for one in there if not one.drawable]
    if single:
        said = f"One value of each so far: a curve needs two. {coming}".strip()
        lines.append(
            tag("div", tag("h2", "First figures"), tag("p", said), tag("dl", *single, class_="first"), class_="card")
        )
    if not film and not lines:
        return tag("section", tag("p", f"No figures yet. {coming}".strip()))
    beside = [tag("div", *lines[:2], class_="column")] if film else lines[:2]
    return tag("section", states(scene), tag("div", film, *beside, *lines[2:], class_="grid"))


def charts(rows: list[Row], judged: list[Row], best: Row | None) -> list[Chart]:
    training = [row for row in rows if "event" not in row and not row.get("ranked_by")]
    key = judged[-1]["ranked_by"] if judged else ""
    spot = (float(best["images"]), logbook.score(best) or 0.0, logbook.noise(best) or 0.0) if best else None
    scores = curve(judged, key, "var(--accent)", "")
    asked = ("D(real)", "D(fake)", "second D(real)", "second D(fake)")  # of a second teacher, where there is one
    opinion = coloured(training, *((name, name.replace("second", "2nd")) for name in asked))
    named = ("loss_d", "D"), ("loss_g", "G"), ("second loss_d", "2nd D")
    losses = coloured(training, *named, *((term, term) for term in TERMS))
    varied = coloured(judged, *((name, name) for name in VARIED))
    told = coloured(judged, ("separation", "drawn"), ("memory", "held out"))  # areas under ROC curves
    gradients = coloured(judged, ("gradient_d", "D"), ("gradient_g", "G"))
    unlike = "1 at best; diversity against the real faces'"
    return [
        Chart("Score", f"{key}, lower is better", [scores] if scores else [], best=spot, positive=True),
        Chart("D's opinion", "probability of being real", opinion, around=(0, 1)),
        Chart("Losses", "of D and of G", losses),
        Chart("Faithful and varied", unlike, varied, around=(0, 1), said=early(judged)),
        Chart("What D tells apart", "0.5 is guessing", told, around=(0.5, 1)),
        Chart("Gradients", "their norms", gradients, positive=True),
        Chart("Speed", "images/s", coloured(training, ("images/s", ""))),
    ]


def coloured(rows: list[Row], *named: tuple[str, str]) -> list[Curve]:
    """A curve of each key, under the name that stands beside it."""
    found = [curve(rows, key, colour, name) for colour, (key, name) in zip(COLOURS, named, strict=False)]
    return [one for one in found if one]


def early(judged: list[Row]) -> str:
    """Why precision and recall stay near 0, as long as they do."""
    shares = [[number(row.get(name)) for row in judged if name in row] for name in ("precision", "recall")]
    if max((values[-1] or 0.0 for values in shares if values), default=1.0) > NEAR_ZERO:
        return ""
    return (
        "Near 0 early in training is normal: precision, recall and coverage count drawings that lie as near to real "
        "faces as those do to one another. Until some do, only the score shows progress."
    )


def nearest(folder: Path) -> Markup:
    """The drawings that lie nearest to training faces, and whether that means copying."""
    title, file = tag("h2", "Nearest training faces"), folder / "neighbours.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        if not (folder / "last.pt").exists():
            return Markup()
        command = tag("code", f"eshi judge {shlex.quote(str(folder))}")
        return tag(
            "section", title, tag("p", "Does it copy? ", command, " finds the training faces nearest to its drawings.")
        )
    ratio, said = number(found.get("nearest")), found.get("text")
    if not said or (ratio is not None and ratio > ABSURD):
        said = (
            "Whether it copies cannot be said in figures: too few faces were held out to know how near unseen faces "
            "come. Look for yourself."
        )
    picture = picture_of(folder / "neighbours.png", "drawings over the training faces nearest to them", 1100, 300_000)
    images = number(found.get("images"))
    after = "The" if images is None else f"After {human(images)} images, the"
    note = tag("figcaption", f"{after} drawings that come nearest to a training face, each over that face.")
    return tag("section", title, tag("p", said), tag("figure", picture, note, class_="wide") if picture else "")


def happened(rows: list[Row]) -> Markup:
    """Starts, stops, ends, warnings and steps back, where there is more to tell than one start and its end."""
    told = [row for row in rows if row.get("event") in logbook.EVENTS]
    if [row["event"] for row in told] in ([], ["started"], ["started", "finished"]):
        return Markup()
    items, length = [], None
    for place, row in enumerate(told):
        event, said = row["event"], [sentence(row[key]) for key in ("why", "evidence") if row.get(key)]
        if row.get("try"):
            said.append(f"To try: {sentence(row['try'], capital=False)}")
        if event == "started":
            event = "went on" if place else event
            if number(row.get("length")) and row["length"] != length:
                length = row["length"]
                said.append(f"For {human(length)} images.")
        items.append(tag("li", tag("b", f"{human(row['images'])} images: {event}."), " ".join(said)))
    earlier = len(items) - TOLD
    before = tag("li", f"{earlier:,} earlier events stand in log.jsonl.") if earlier > 0 else ""
    return tag("section", tag("h2", "What happened"), tag("ul", before, *items[-TOLD:], class_="log"))
