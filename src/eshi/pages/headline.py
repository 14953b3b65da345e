"""The top of a run's page: in one sentence how it stands, its best step, and what to do next."""

import math
import shlex
from pathlib import Path
from typing import Any

from eshi.ground.figures import clock, human, measured, of
from eshi.pages.page import Markup, markup, tag
from eshi.run import logbook
from eshi.run.logbook import Row, number

YEARS = 1e9  # seconds: what takes longer is no forecast


def head(folder: Path, state: str, rows: list[Row], judged: list[Row], best: Row | None, coming: str) -> Markup:
    """`coming` says what the recipe lets one expect next."""
    started = logbook.last_event(rows, "started") or {}
    training = [row for row in rows if (number(row.get("images/s")) or 0) > 0]
    faces = started.get("faces")
    learned = markup(", faces ", tag("b", faces)) if faces else ""
    began = next((row["from"] for row in rows if row.get("event") == "started" and row.get("from")), "")
    begun = markup(" It began with ", tag("b", str(began)), ".") if began else ""
    recipe = markup(" Recipe ", tag("b", logbook.recipe_name(folder)), learned, ".", begun)
    return markup(
        tag("h1", folder.resolve().name),
        tag("p", standing(folder, state, rows, training, judged), recipe, class_="lead"),
        tiles(rows, training, judged, best, state, coming),
        guard(rows, state),
        go_on(folder, state, faces, best),
    )


def standing(folder: Path, state: str, rows: list[Row], training: list[Row], judged: list[Row]) -> Markup:
    """How the run stands, in a sentence or two."""
    whole, images = logbook.length(folder, rows), logbook.seen(rows)
    done = tag("b", of(images, whole))
    if state == "finished":
        return markup("Finished: it has learned from ", done, " images.")
    if state == "stopped":
        return markup("Stopped at ", done, " images, before its end.") if images else markup("Nothing learned yet.")
    if state != "training":
        return markup("The guard stopped it at ", done, f" images: {state.removeprefix('died: ')}.")
    verdict = logbook.last_judged(judged)
    if not verdict:
        return markup("In training: ", done, f" images{to_go(images, whole, training)}.")
    why = f", {str(verdict['why']).rstrip('.')}" if verdict.get("why") else ""
    says = markup(" The guard says: ", tag("b", verdict["state"]), f"{why}.")
    return markup("In training: ", done, f" images{to_go(images, whole, training)}.", says)


def to_go(images: int, whole: int | None, training: list[Row]) -> str:
    if not whole or not training or whole <= images:
        return ""
    seconds = (whole - images) / training[-1]["images/s"]
    return f", about {clock(seconds)} to go" if seconds < YEARS else ""


def tiles(
    rows: list[Row], training: list[Row], judged: list[Row], best: Row | None, state: str, coming: str
) -> Markup:  # fmt: skip
    """The two or three numbers that one looks for first, each with what it was measured on."""
    found = []
    if best:
        usable = logbook.scored(judged)
        last = usable[-1]
        against = f" against {last['against']}" if "against" in last else ""
        which = "the best step" if len(usable) > 1 else "the only step judged so far"
        words = f"{best['ranked_by']}{against} at {human(best['images'])} images, {which}. Lower is better."
        found.append(tag("div", tag("b", score(best)), words, class_="best"))
        if last is not best:
            found.append(tag("div", tag("b", score(last)), since(best, last, logbook.seen(rows), state)))
    elif training:
        found.append(tag("div", tag("b", "not judged"), f"No step has a score yet, so none is the best. {coming}"))
    last = training[-1] if training else {}
    seconds = number(last.get("seconds")) or 0.0
    if seconds >= 1:
        share = next((row["judge_share"] for row in reversed(rows) if number(row.get("judge_share"))), None)
        judging = f", {share:.1%} of it judging" if share else ""
        epochs = f", {last['epoch']:.3g} epochs" if number(last.get("epoch")) else ""
        words = f"images/s on average over {clock(seconds)}{judging}{epochs}"
        found.append(tag("div", tag("b", human(last["images"] / seconds)), words))
    return tag("div", *found, class_="tiles") if found else Markup()


def score(judgement: Row) -> str:
    return measured(logbook.score(judgement) or 0.0, logbook.noise(judgement))


def since(best: Row, last: Row, images: int, state: str) -> str:
    """What came after the best step; no difference is claimed that the noise could have made."""
    doubt = math.hypot(logbook.noise(best) or 0.0, logbook.noise(last) or 0.0)
    worse = (logbook.score(last) or 0.0) - (logbook.score(best) or 0.0) > 2 * doubt
    ends = {"training": "by now", "finished": "until it was finished", "stopped": "until it was stopped"}
    words = "worse than the best" if worse else "no worse than the best, given the noise"
    after = human(images - best["images"])
    return f"at {human(last['images'])} images: {words}. {after} images after it {ends.get(state, 'until it died')}."


def guard(rows: list[Row], state: str) -> Markup:
    """Why a run was stopped, and what to try."""
    event = logbook.last_event(rows, "stopped") if state.startswith("died") else None
    if not event:
        return Markup()
    said = [tag("p", sentence(event[key])) for key in ("why", "evidence") if event.get(key)]
    if event.get("try"):
        said.append(tag("p", tag("b", "To try: "), sentence(event["try"], capital=False)))
    return tag("div", *said, class_="why") if said else Markup()


def sentence(said: Any, capital: bool = True) -> str:
    """Half a sentence of the log made whole; a name such as fd_lite0 stays as it is."""
    words = str(said).strip().rstrip(".")
    if capital and words.split(" ")[0].isalpha():
        words = words[0].upper() + words[1:]
    return f"{words}."


def go_on(folder: Path, state: str, faces: Any, best: Row | None) -> Markup:
    """The commands that one wants next."""
    run = shlex.quote(str(folder))
    draw = tag("code", f"eshi draw {run}")
    train = f"eshi train {shlex.quote(str(faces)) if faces else 'FACES'} -o {run}"
    if state == "training":
        return Markup()
    if state == "finished":
        said = markup("Draw with it: ", draw, ", or make it longer: ", tag("code", f"{train} --images LENGTH"), ".")
    elif state != "stopped":
        said = markup("Draw with it: ", draw, ".")
    elif (folder / "last.pt").exists():
        said = markup("To go on: ", tag("code", train), ", or draw with it: ", draw, ".")
    else:
        said = markup("To begin: ", tag("code", train), ".")
    holds = Markup()
    if best and (folder / "best.pt").exists():
        holds = markup(" ", tag("code", "best.pt"), f" holds the step of {human(best['images'])} images.")
    return tag("p", said, holds, class_="go")
