"""The page of a run: how it learned, which step was its best, what it draws, and from what. Rewritten as it trains."""

import html
import json
import shlex
import time
from pathlib import Path

import eshi
from eshi.ground.errors import EshiError
from eshi.ground.figures import human
from eshi.ground.files import write
from eshi.pages import curves, lapse
from eshi.pages.curves import Curve, Scene, chart, curve
from eshi.pages.headline import head
from eshi.pages.origin import made_of
from eshi.pages.page import page, picture_of
from eshi.run import logbook
from eshi.run.logbook import Row, number

COLOURS = [f"var(--c{i})" for i in range(1, 6)]
TERMS = ("r1", "r2", "gp")  # of a loss, drawn beside the two sums
STYLE = """
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem 2.6rem; margin-top: 1.6rem }
.tiles div { font-size: .85rem; color: var(--soft); max-width: 17rem } .tiles b { display: block; color: var(--ink);
  font-size: 1.5rem; font-weight: 620; letter-spacing: -.015em; line-height: 1.25; font-variant-numeric: tabular-nums }
.tiles .best b { color: var(--accent) }
.why { border-left: .25rem solid var(--c2); padding: .1rem 0 .1rem 1rem; margin-top: 1.6rem }
.why p { color: var(--ink) }
.go { margin-top: 1.4rem } code, pre { font: .86em/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace }
code { background: var(--card); border: 1px solid var(--line); border-radius: .35rem; padding: .1rem .4rem;
  overflow-wrap: anywhere }
pre { margin: .6rem 0 0; columns: 11rem; white-space: pre-wrap; overflow-wrap: anywhere;
  color: var(--soft) } pre b { color: var(--ink); font-weight: 560 } pre span { display: block; break-inside: avoid }
p + .tags { margin: .7rem 0 }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .3rem 1.1rem; font-size: .88rem }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere } .card + .card { margin-top: 0 }
.column { display: grid; gap: 1rem; min-width: 0 } .column.short { align-content: start }
h2 + .three, p + .three { margin-top: .9rem }
.three { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1rem }
.three img, .wide img { aspect-ratio: auto } .three figcaption, .wide figcaption { font-size: .85rem; text-align: left;
  margin-top: .4rem } .wide { max-width: 46rem; margin-top: .9rem } .log { list-style: none; padding: 0 }
.log li { padding: .35rem 0; border-top: 1px solid var(--line) } .log b { color: var(--ink); font-weight: 560 }
"""


def run_report(folder: Path | str) -> Path:
    """report.html in the run's folder, from whatever the run has left there so far."""
    folder = Path(folder)
    if not (folder / "recipe.yaml").exists():
        raise EshiError(f"{folder} holds no recipe.yaml: no run", "eshi runs lists the runs; eshi faces is for faces")
    rows = logbook.log(folder)
    judged = logbook.judgements(rows)
    best = logbook.best_of(judged)
    state = logbook.state(folder, rows)
    scene = Scene(
        end=max((float(row["images"]) for row in rows), default=0.0),
        bands=curves.bands(judged),
        best=best["images"] if best else None,
        backs=[row["images"] for row in rows if row.get("event") == "rolled back"],
    )
    name = html.escape(folder.resolve().name)
    frames = lapse.sheets(folder)
    body = [
        head(folder, name, state, rows, judged, best),
        figures(frames, rows, judged, best, scene),
        lapse.best_and_last(folder, frames, best),
        nearest(folder),
        happened(rows),
        made_of(folder, rows),
        f"<footer>Made by eshi {eshi.__version__} on {time.strftime('%Y-%m-%d at %H:%M')}.",
        " The run goes on: reload this page for the newest." * (state == "training"),
        f"</footer><script>(() => {{{curves.SCRIPT}{lapse.SCRIPT}}})()</script>",
    ]
    return write(folder / "report.html", page(f"{name}: run", body, curves.STYLE + lapse.STYLE + STYLE).encode())


def figures(frames: list[tuple[int, Path]], rows: list[Row], judged: list[Row], best: Row | None, scene: Scene) -> str:
    training = [row for row in rows if "event" not in row and not row.get("ranked_by")]
    key = judged[-1]["ranked_by"] if judged else ""
    spot = (float(best["images"]), logbook.score(best) or 0.0, logbook.noise(best) or 0.0) if best else None
    others = sorted({name[:-6] for row in judged for name in row if name.endswith("_noise")} - {key})
    scores = [curve(judged, key, "var(--accent)", "")]
    opinion = coloured(training, ("D(real)", "D(real)"), ("D(fake)", "D(fake)"))
    varied = coloured(judged, *((name, name) for name in ("precision", "recall", "coverage", "diversity")))
    losses = coloured(training, ("loss_d", "D"), ("loss_g", "G"), *((term, term) for term in TERMS))
    told = coloured(judged, ("separation", "drawn"), ("memory", "held out"))  # areas under ROC curves
    gradients = coloured(judged, ("gradient_d", "D"), ("gradient_g", "G"))
    charts = [
        chart("Score", f"{html.escape(key)}, lower is better", scores, scene, best=spot, positive=True),
        chart("D's opinion", "probability of being real", opinion, scene, (0, 1)),
        chart("Losses", "of D and of G", losses, scene),
        chart("Faithful and varied", "1 at best; diversity against the real faces'", varied, scene, (0, 1)),
        *(chart(html.escape(other), "", coloured(judged, (other, "")), scene, positive=True) for other in others),
        chart("What D tells apart", "0.5 is guessing", told, scene, (0.5, 1)),
        chart("Gradients", "their norms", gradients, scene, positive=True),
        chart("Speed", "images/s", coloured(training, ("images/s", "")), scene),
    ]
    film = lapse.film(frames, judged, best)
    charts = list(filter(None, charts))
    if not film and not charts:
        return "<section><p>No figures yet: the first come with the first lines of log.jsonl.</p></section>"
    beside = f"<div class=column>{''.join(charts[:2])}</div>" if film else "".join(charts[:2])
    return f"<section>{curves.states(scene)}<div class=grid>{film}{beside}{''.join(charts[2:])}</div></section>"


def coloured(rows: list[Row], *named: tuple[str, str]) -> list[Curve | None]:
    """A curve of each key, under the name that stands beside it."""
    return [curve(rows, key, colour, name) for colour, (key, name) in zip(COLOURS, named, strict=False)]


def nearest(folder: Path) -> str:
    title = "<section><h2>Nearest training faces</h2>"
    try:
        found = json.loads((folder / "neighbours.json").read_text(encoding="utf-8"))
        words = html.escape(str(found.get("text") or ""))
    except (OSError, ValueError, AttributeError):
        if not (folder / "last.pt").exists():
            return ""
        run = html.escape(shlex.quote(str(folder)))
        words = f"Does it copy? <code>eshi judge {run}</code> finds the training faces nearest to its drawings."
        return f"{title}<p>{words}</p></section>"
    picture = picture_of(folder / "neighbours.png", "drawings over the training faces nearest to them", 1100, 300_000)
    after = f"After {human(found['images'])} images, the" if number(found.get("images")) else "The"
    note = f"{after} drawings that come nearest to a training face, each over that face."
    shown = f"<figure class=wide>{picture}<figcaption>{note}</figcaption></figure>" if picture else ""
    return f"{title}<p>{words}</p>{shown}</section>"


def happened(rows: list[Row]) -> str:
    """Starts, ends, warnings and steps back, where there is more to tell than one start and one end."""
    told = [row for row in rows if row.get("event") in ("started", "finished", "stopped", "rolled back", "warned")]
    if [row["event"] for row in told] in ([], ["started"], ["started", "finished"], ["started", "stopped"]):
        return ""
    items = []
    for row in told:
        said = [str(row[key]).rstrip(".") for key in ("why", "evidence", "try") if row.get(key)]
        if row["event"] == "started" and number(row.get("length")):
            said.append(f"for {human(row['length'])} images")
        words = html.escape(". ".join(said))
        items.append(f"<li><b>{human(row['images'])} images: {row['event']}</b> {words}</li>")
    return f"<section><h2>What happened</h2><ul class=log>{''.join(items)}</ul></section>"
