"""The top of a run's page: in one sentence how it stands, its best step, and what to do next."""

import html
import math
import shlex
from pathlib import Path
from typing import Any

from eshi.ground.figures import clock, human, measured, of
from eshi.run import logbook
from eshi.run.logbook import Row, number


def head(folder: Path, name: str, state: str, rows: list[Row], judged: list[Row], best: Row | None) -> str:
    started = logbook.last_event(rows, "started") or {}
    whole, images = logbook.length(folder, rows), logbook.seen(rows)
    done = f"<b>{of(images, whole)}</b> images"
    training = [row for row in rows if number(row.get("images/s"))]
    sentence = {
        "finished": f"Finished: it has learned from {done}.",
        "training": f"In training: {done}{to_go(images, whole, training)}.",
        "stopped": f"Stopped at {done}, before its end." if images else "Nothing learned yet.",
    }.get(state, f"The guard stopped it at {done}: {html.escape(state.removeprefix('died: '))}.")
    verdict = logbook.last_judged(judged)
    if state == "training" and verdict:
        why = str(verdict.get("why") or "").rstrip(".")
        sentence += f" The guard says: <b>{html.escape(verdict['state'])}</b>{html.escape(f', {why}' * bool(why))}."
    title = f"<h1>{name}</h1><p class=lead>{sentence} Recipe <b>{html.escape(logbook.recipe_name(folder))}</b>"
    faces = started.get("faces")
    title += f", faces <b>{html.escape(str(faces))}</b>.</p>" if faces else ".</p>"
    return title + tiles(rows, training, judged, best, state) + guard(rows, state) + go_on(folder, state, faces, best)


def to_go(images: int, whole: int | None, training: list[Row]) -> str:
    rate = training[-1]["images/s"] if training else 0
    return f", about {clock((whole - images) / rate)} to go" if whole and rate > 0 and whole > images else ""


def tiles(rows: list[Row], training: list[Row], judged: list[Row], best: Row | None, state: str) -> str:
    """The two or three numbers that one looks for first, each with what it was measured on."""
    found = []
    if best:
        last = logbook.scored(judged)[-1]
        against = f" against {html.escape(str(last['against']))}" if "against" in last else ""
        words = f"{html.escape(best['ranked_by'])}{against} at {human(best['images'])} images, the best step"
        found.append(f"<div class=best><b>{text(best)}</b>{words}. Lower is better.</div>")
        if last is not best:
            found.append(f"<div><b>{text(last)}</b>{since(best, last, logbook.seen(rows), state)}</div>")
    elif training:
        found.append("<div><b>not judged</b>no step has a score yet, so none is the best</div>")
    last = training[-1] if training else {}
    if seconds := number(last.get("seconds")):
        share = next((row["judge_share"] for row in reversed(rows) if number(row.get("judge_share"))), None)
        judging = f", {share:.1%} of it judging" if share else ""
        epochs = f", {last['epoch']:.3g} epochs" if number(last.get("epoch")) else ""
        words = f"images/s on average over {clock(seconds)}{judging}{epochs}"
        found.append(f"<div><b>{human(last['images'] / seconds)}</b>{words}</div>")
    return f"<div class=tiles>{''.join(found)}</div>" if found else ""


def text(judgement: Row) -> str:
    return measured(logbook.score(judgement) or 0.0, logbook.noise(judgement))


def since(best: Row, last: Row, images: int, state: str) -> str:
    """What came after the best step; no difference is claimed that the noise could have made."""
    doubt = math.hypot(logbook.noise(best) or 0.0, logbook.noise(last) or 0.0)
    worse = (logbook.score(last) or 0.0) - (logbook.score(best) or 0.0) > 2 * doubt
    ends = {"training": "by now", "finished": "until it was finished", "stopped": "until it was stopped"}
    words = "worse than the best" if worse else "no worse than the best, given the noise"
    after = human(images - best["images"])
    return f"at {human(last['images'])} images: {words}. {after} images after it {ends.get(state, 'until it died')}."


def guard(rows: list[Row], state: str) -> str:
    """Why a run was stopped, and what to try."""
    event = logbook.last_event(rows, "stopped") if state.startswith("died") else None
    if not event:
        return ""
    said = [str(event[key]) for key in ("why", "evidence") if event.get(key)]
    words = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in said)
    if event.get("try"):
        words += f"<p><b>To try:</b> {html.escape(str(event['try']))}</p>"
    return f"<div class=why>{words}</div>" if words else ""


def go_on(folder: Path, state: str, faces: Any, best: Row | None) -> str:
    run, source = shlex.quote(str(folder)), shlex.quote(str(faces)) if faces else "FACES"
    draw = f"draw with it: <code>eshi draw {html.escape(run)}</code>"
    train = f"<code>eshi train {html.escape(source)} -o {html.escape(run)}"
    if state == "training":
        return ""
    if state == "finished":
        words = f"{draw.capitalize()} or make it longer: {train} --images LENGTH</code>"
    elif state == "stopped":
        words = f"To go on: {train}</code>, or {draw}" if (folder / "last.pt").exists() else f"To begin: {train}</code>"
    else:
        words = draw.capitalize()
    if best and (folder / "best.pt").exists():
        words += f". <code>best.pt</code> holds the step of {human(best['images'])} images"
    return f"<p class=go>{words}.</p>"
