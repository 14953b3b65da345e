"""What may happen to a run besides learning: it begins, goes on, is saved, judged, rolled back, ends or dies."""

import math
from typing import Any

import torch

import eshi
from eshi.gather.credits import credits
from eshi.gather.faceset import FaceSet
from eshi.ground.errors import EshiError
from eshi.ground.progress import note
from eshi.judging import guard
from eshi.pages import run_report
from eshi.run.checkpoint import load
from eshi.run.folder import Run
from eshi.run.logbook import log
from eshi.training.pupils import Pupils
from eshi.training.watch import Watch

SLOWER = 4  # D's rate is divided by it at each rollback: docs/guard.md


def resume(who: Pupils, run: Run, shown: FaceSet) -> tuple[int, float]:
    """The step to go on from and the seconds spent so far."""
    if not run.state:
        return 0, 0.0
    for name, part in who.parts().items():
        part.load_state_dict(run.state[name])
    if run.state["faces"] != shown.content:
        note("the face set has changed since this run was last saved; it goes on with what is there now")
    return run.state["step"], run.state["seconds"]


def begin(run: Run, who: Pupils, shown: FaceSet, watch: Watch, step: int, facts: dict[str, Any]) -> None:
    """Write down what this is; do not go on with what the guard has stopped, unless told to."""
    events = [row for row in log(run.folder) if "event" in row and row["event"] != "started"]
    stopped = events[-1] if events and events[-1]["event"] == "stopped" else None
    if stopped and run.recipe.guard.action == "stop":
        raise died(run, stopped)
    if (shown.path / "faces.sqlite").exists():
        credits(shown.path, run.folder)  # whose pictures a run learned from travels with it
    versions = {"eshi": eshi.__version__, "torch": torch.__version__}
    counts = {"faces": str(shown.path.resolve()), "train": len(shown), "held_out": len(shown.held_out)}
    run.log({"step": step, "images": step * run.recipe.batch, "event": "started"} | facts | versions | counts)
    if stopped and run.recipe.guard.action == "rollback":
        run.log(stopped | {"event": "rolled back"})
        go_back(run, who, shown, watch, step, run.state["seconds"] if run.state else 0.0)


def heed(run: Run, who: Pupils, shown: FaceSet, watch: Watch, step: int, seconds: float) -> dict[str, str]:
    """Judge, keep the best, do what the recipe says when the run is dying; returns what stands beside the bar."""
    verdict = watch.look(who, step)
    if verdict.best:
        save(run, who, shown, step, seconds, "best.pt")
    if verdict.news or (verdict.dying and run.recipe.guard.action != "warn"):
        recipe, found = run.recipe, verdict.health
        way = recipe.guard.action
        if way == "rollback" and watch.rollbacks >= recipe.guard.times:
            way = "stop"
        event = {"stop": "stopped", "rollback": "rolled back", "warn": "warned"}[way]
        hint = guard.advice(found.state, recipe.g_adam.lr, recipe.d_adam.lr)
        row = {"step": step, "images": step * recipe.batch, "event": event, "state": found.state}
        row |= {"why": found.why, "evidence": found.evidence, "try": hint}
        run.log(row)
        if way == "rollback":
            go_back(run, who, shown, watch, step, seconds)
        elif way == "stop":
            save(run, who, shown, step, seconds)
            run_report(run.folder)
            raise died(run, row)
        note(f"{event} at {row['images']:,} images: {found.state}: {found.why}\n  {found.evidence}\n  {hint}")
    return {watch.rows[-1]["ranked_by"]: f"{watch.rows[-1][watch.rows[-1]['ranked_by']]:.1f}", "": verdict.health.state}


def go_back(run: Run, who: Pupils, shown: FaceSet, watch: Watch, step: int, seconds: float) -> None:
    """To the best step's weights, with a slower D; the images go on counting."""
    rate = who.opt_D.param_groups[0]["lr"] / SLOWER
    best = load(run.folder / "best.pt")
    for name, part in who.parts().items():
        part.load_state_dict(best[name])
    for group in who.opt_D.param_groups:
        group["lr"] = rate
    watch.went_back(step * run.recipe.batch)
    save(run, who, shown, step, seconds)


def died(run: Run, row: dict[str, Any]) -> EshiError:
    what = (
        f"the guard stopped {run.folder} at {row['images']:,} images: {row['state']}: {row['why']} ({row['evidence']})"
    )
    kept = f"its best step is kept and drawn with: eshi draw {run.folder}; in a new run, {row['try']}"
    again = "or go on here: the same command with --set guard.action=rollback (or warn)"
    return EshiError(what, f"{kept}; {again}", 1)


def finish(run: Run, who: Pupils, watch: Watch, step: int, seconds: float) -> None:
    """Which step was the best, and what judging cost."""
    if not watch.best:
        return
    best, key, images = watch.best, watch.best["ranked_by"], step * run.recipe.batch
    share = watch.seconds / max(seconds, 1e-9)
    later = f", {images - best['images']:,} images before the end" if best["images"] < images else ", the last"
    why = f"best step {best['images']:,} images{later}: {key} {best[key]:.1f} ± {best[key + '_noise']:.1f}"
    run.log({"step": step, "images": images, "event": "finished", "why": why, "judge_share": share})
    note(f"{why}; {len(watch.rows)} judgements took {share:.1%} of the time (budget {run.recipe.judge.budget:.0%})")


def save(run: Run, who: Pupils, shown: FaceSet, step: int, seconds: float, name: str = "last.pt") -> None:
    images = step * run.recipe.batch
    if not all(torch.isfinite(p).all() for network in (who.G, who.D) for p in network.parameters()):
        diverged(run, images, "a weight is no longer a finite number")
    state = {name: part.state_dict() for name, part in who.parts().items()}
    run.save(state | {"step": step, "images": images, "seconds": seconds, "faces": shown.content}, name)


def check(run: Run, images: int, row: dict[str, float]) -> None:
    for name, value in row.items():
        if not math.isfinite(value):
            diverged(run, images, f"{name} is {value}")


def diverged(run: Run, images: int, why: str) -> None:
    kept = f"the last good checkpoint, of {run.state['images']:,} images, is kept" if run.state else "nothing was saved"
    what = f"training {run.folder} diverged before {images:,} images: {why}"
    raise EshiError(what, f"{kept}; try lower rates in a new run: --set d_adam.lr=1e-4 --set g_adam.lr=1e-4 -o NEW", 1)
