"""What happens to a run between its steps: it begins or goes on, is logged, drawn, judged, saved, rolled back, ends."""

import hashlib
import math
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor

import eshi
from eshi.artist import render
from eshi.gather.album import Album
from eshi.gather.catalogue import any_kept
from eshi.gather.credits import credits
from eshi.gather.faceset import FaceSet
from eshi.ground.errors import EshiError
from eshi.ground.figures import measured
from eshi.ground.progress import Progress, note
from eshi.judging import guard
from eshi.judging.watch import Verdict, Watch
from eshi.networks.engine import Engine
from eshi.networks.labels import latents
from eshi.pages import run_report
from eshi.run import checkpoint
from eshi.run.folder import Run
from eshi.run.logbook import EVENTS, Row, best_of, judgements, last_event, noise
from eshi.training.losses import Terms
from eshi.training.pupils import Pupils

SHEET = 64  # faces on a sheet
EARLY = 15.0  # seconds until the first look at what it draws; then after twice as long each time
SHOWN = {"epoch": "epoch", "loss_d": "D", "loss_g": "G", "D(real)": "D(real)", "D(fake)": "D(fake)"}  # beside the bar


class Course:
    """`step` is where the run stands, `last` where it ends; `with` begins it, `after` is called behind every step."""

    def __init__(self, run: Run, who: Pupils, faces: FaceSet, engine: Engine, begun: str = ""):
        self.run, self.who, self.faces, self.engine, self.recipe = run, who, faces, engine, run.recipe
        self.begun = begun  # whose weights it began with
        self.batch, self.length = self.recipe.batch, self.recipe.length(len(faces))
        self.last = -(-self.length // self.batch)
        state = run.state or {"step": 0, "seconds": 0.0, "rollbacks": []}
        self.step: int = state["step"]
        self.rollbacks: list[int] = list(state["rollbacks"])
        self.start: float = time.monotonic() - state["seconds"]
        self.saved = self.reported = time.monotonic()
        self.look_at = EARLY
        while self.look_at <= state["seconds"]:
            self.look_at *= 2
        self.sheet_of = -1  # step
        self.seen: dict[str, list[Tensor]] = defaultdict(list)
        if run.state:
            for name, part in who.parts().items():
                if run.state.get(name) is None and checkpoint.imported(run.state):
                    continue
                checkpoint.fill(part, run.state.get(name), f"{name} in {run.folder / 'last.pt'}")
            who.brake(len(self.rollbacks))

    @property
    def images(self) -> int:
        return self.step * self.batch

    @property
    def seconds(self) -> float:
        """Spent on this run so far, by all processes."""
        return time.monotonic() - self.start

    def same_faces(self, changed: bool) -> None:
        """Refuses faces from elsewhere, unless they are the same or the change is meant (`changed`)."""
        state = self.run.state
        if not state or state["faces"] == self.faces.content or checkpoint.imported(state):
            return
        before = (last_event(self.run.rows(), "started") or {}).get("faces", "")
        if changed or Path(before) == self.faces.path.resolve():
            note("the face set has changed since this run was last saved; it goes on with what is there now")
            return
        what = f"{self.run.folder} learned from other faces{f': {before}' if before else ''}"
        raise EshiError(what, "give those again, a new run with -o, or --faces-changed to go on with these")

    def __enter__(self) -> Self:
        self.repair()
        rows = self.run.rows()
        stopped = self.stopped(rows)
        if stopped and self.recipe.guard.action == "stop":
            raise died(self.run, stopped)
        before = last_event(rows, "started") or {}
        threads = torch.get_num_threads()
        if (
            self.run.state
            and before.get("threads", threads) != threads
            and self.engine.device.type == "cpu"
            and not self.who.team
        ):
            note(f"it began with {before['threads']} threads and goes on with {threads}: the last bits will differ")
        if self.step < self.last and any_kept(Album(self.faces.path).home):
            credits(self.faces.path, self.run.folder)  # whose pictures a run learned from travels with it
        labels = (
            "" if self.faces.words is None else hashlib.blake2b(self.faces.words.tobytes(), digest_size=8).hexdigest()
        )
        if self.run.state and before.get("labels", labels) != labels:
            note(
                f"the labels of {self.faces.path} have changed since this run went on last; it learns from the new ones"
            )
        self.event(
            "started", machine=self.engine.describe(), threads=threads, shards=self.recipe.engine.shards,
            length=self.length, eshi=eshi.__version__, torch=torch.__version__, faces=str(self.faces.path.resolve()),
            train=len(self.faces), held_out=len(self.faces.held_out), **({"from": self.begun} if self.begun else {}),
            **({"labels": labels} if labels else {}),
        )  # fmt: skip
        with self.who.turn:
            self.watch = Watch(self.recipe, self.faces, self.engine, rows)
        if stopped and self.recipe.guard.action == "rollback":
            self.go_back({key: stopped[key] for key in ("state", "why", "evidence", "try") if key in stopped})
        elif self.unheeded(rows):
            self.heed(self.watch.verdict())
        if not self.step:
            self.run.sheet(self.faces.batch(self.recipe.seed, 0, min(SHEET, len(self.faces))), "real", 0)
            self.sheet()
        self.bar = Progress(f"training {self.run.folder}", self.length, "images", self.images).__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bar.__exit__(kind, error, at)

    def repair(self) -> None:
        """A kill may have come between two writes that belong together: the second is made up for."""
        state = self.run.state
        if not state:
            return
        logged = [row["images"] for row in self.run.rows() if row.get("event") == "rolled back"]
        for images in state["rollbacks"][len(logged) :]:
            self.run.log({"step": self.step, "images": images, "event": "rolled back", "why": "before it was stopped"})
        best = best_of(judgements(self.run.rows()))
        if best and best["images"] == state["images"]:
            kept = self.run.best()
            if not kept or kept["images"] != best["images"]:
                self.run.keep_best()

    def stopped(self, rows: list[Row]) -> Row | None:
        """The guard's word that ended this run, if nothing but starts came after it."""
        last = last_event(rows, *(kind for kind in EVENTS if kind != "started"))
        return last if last and last["event"] == "stopped" else None

    def unheeded(self, rows: list[Row]) -> bool:
        """Was it killed after its last step had been judged, and before anything came of that?"""
        told = (row for row in reversed(rows) if "ranked_by" in row or row.get("event", "started") != "started")
        last = next(told, {})
        return "ranked_by" in last and self.watch.since < last["images"] == self.images and bool(self.watch.rows)

    def after(self, terms: Terms) -> None:
        """A step has been made."""
        for name, term in terms.items():
            self.seen[name].append(term)
        self.step += 1
        every, last, seconds = self.recipe.every, self.step >= self.last, self.seconds
        early = seconds >= self.look_at  # the first sheets come by time: a slow machine shows something, too
        if early:
            self.look_at *= 2
        if last or self.due(every.log):
            self.measure()
        if last or early or self.due(every.sample):
            self.sheet()
        if self.recipe.judge.every and (
            last or (self.watch.affordable(seconds) and (early or self.due(self.recipe.judge.every)))
        ):
            self.judge()
        if not last and time.monotonic() - self.saved > every.save:
            self.save()
        if not last and time.monotonic() - self.reported > every.save:
            self.report()
        self.bar.advance(self.batch, step=f"{self.step:,}")

    def due(self, every: int) -> bool:
        """Did the last step cross a multiple of `every` images?"""
        return bool(every) and self.images // every > (self.images - self.batch) // every

    def measure(self) -> None:
        """What the losses have been since the last time."""
        means = {name: float(torch.stack(terms).mean()) for name, terms in self.seen.items()}
        for name, value in means.items():
            if not math.isfinite(value):
                self.diverged(f"{name} is {value}")
        row = {"seconds": self.seconds, "images/s": self.bar.rate, "epoch": self.images / len(self.faces)}
        row |= {"memory": self.engine.memory()} | means
        self.run.log({"step": self.step, "images": self.images} | row)
        self.bar.advance(0, **{short: f"{row[key]:.2f}" for key, short in SHOWN.items() if key in row})
        self.seen.clear()

    def sheet(self) -> None:
        """The same numbers each time."""
        if self.sheet_of != self.step:
            numbers = range(self.recipe.seed, self.recipe.seed + SHEET)
            with self.who.turn:
                z = latents(self.who.G_ema, self.recipe.labels, self.images, numbers)
                drawn = render(self.who.G_ema, z)
            self.run.sheet(drawn, f"{self.images:09}", self.images)
            self.sheet_of = self.step

    def judge(self) -> None:
        """Score what is drawn, keep the best, and do what the recipe says where the run is dying."""
        with self.who.turn:
            verdict = self.watch.look(self.step, self.who.G_ema, self.who.G, self.who.D)
        self.run.log(verdict.row)
        if verdict.best:
            self.save()
            self.run.keep_best()
        key = verdict.row["ranked_by"]
        self.bar.keep(**{key: f"{verdict.row[key]:.1f}", "": verdict.health.state})
        self.heed(verdict)

    def heed(self, verdict: Verdict) -> None:
        """Act where the run is dying; a warning is given once."""
        if verdict.news or (verdict.dying and self.recipe.guard.action != "warn"):
            self.act(verdict)

    def act(self, verdict: Verdict) -> None:
        """The guard's word is done: warned, rolled back or stopped."""
        recipe, found, way = self.recipe, verdict.health, self.recipe.guard.action
        hint = guard.advice(found.state, recipe.g_adam.lr, recipe.d_adam.lr)
        facts = {"state": found.state, "why": found.why, "evidence": found.evidence, "try": hint}
        if way == "rollback" and (len(self.rollbacks) >= recipe.guard.times or not self.run.best()):
            way = "stop"
        if way == "stop":
            row = self.event("stopped", **facts)
            self.sheet()
            self.save()
            self.report()
            raise died(self.run, row)
        if way == "rollback":
            self.go_back(facts)
        else:
            self.event("warned", **facts)
        done = "rolled back" if way == "rollback" else "warned"
        note(f"{done} at {self.images:,} images: {found.state}: {found.why}\n  {found.evidence}\n  {hint}")

    def go_back(self, facts: dict[str, Any]) -> None:
        """To the best step's weights, with a slower D; the images go on counting. Logged once it is saved."""
        best = self.run.best()
        if not best:
            raise EshiError(f"{self.run.folder} has no best.pt to roll back to", "begin anew with -o", 1)
        for name, part in self.who.parts().items():
            checkpoint.fill(part, best.get(name), f"{name} in {self.run.folder / 'best.pt'}")
        self.who.exchanged()
        self.rollbacks.append(self.images)
        self.who.brake(len(self.rollbacks))
        self.watch.went_back(self.images)
        self.save()
        self.event("rolled back", **facts)

    def save(self) -> None:
        networks = (self.who.G, self.who.D)
        if not all(torch.isfinite(p).all() for network in networks for p in network.parameters()):
            self.diverged("a weight is no longer a finite number")
        state = {name: part.state_dict() for name, part in self.who.parts().items()}
        state |= {"step": self.step, "images": self.images, "seconds": self.seconds, "rollbacks": self.rollbacks}
        self.run.save(state | {"faces": self.faces.content})
        self.saved = time.monotonic()

    def report(self) -> None:
        """A page that cannot be written is no reason to stop learning."""
        self.reported = time.monotonic()
        try:
            run_report(self.run.folder)
        except Exception as error:
            note(f"{self.run.folder / 'report.html'} could not be written: {error}")

    def end(self) -> None:
        """At its length, or where somebody stopped it."""
        if self.step < self.last:
            self.sheet()
            self.event("paused")
            self.save()
            self.report()
            what = f"stopped and saved at {self.images:,} of {self.length:,} images"
            raise EshiError(what, "to go on: the same command", 130)
        if not self.run.state or self.run.state["step"] != self.step:
            self.save()
        if best := self.watch.best:
            key, share = best["ranked_by"], self.watch.seconds / max(self.seconds, 1e-9)
            before = self.images - best["images"]
            which = f"{before:,} images before the end" if before > 0 else "the last"
            why = f"best step {best['images']:,} images, {which}: {key} {measured(best[key], noise(best))}"
            self.event("finished", why=why, judge_share=share)
            count = len(self.watch.rows)
            judged = f"{count} judgement{'' if count == 1 else 's'} took {share:.1%} of the time"
            note(f"{why}; {judged} (budget {self.recipe.judge.budget:.0%})")
        self.report()

    def event(self, kind: str, **facts: Any) -> Row:
        row = {"step": self.step, "images": self.images, "event": kind} | facts
        self.run.log(row)
        return row

    def diverged(self, why: str) -> None:
        state = self.run.state
        kept = f"the last good checkpoint, of {state['images']:,} images, is kept" if state else "nothing was saved"
        what = f"training {self.run.folder} diverged before {self.images:,} images: {why}"
        hint = f"{kept}; try lower rates in a new run: --set d_adam.lr=1e-4 --set g_adam.lr=1e-4 -o NEW"
        raise EshiError(what, hint, 1)


def died(run: Run, row: Row) -> EshiError:
    said = f"{row.get('state')}: {row.get('why')} ({row.get('evidence')})"
    what = f"the guard stopped {run.folder} at {row['images']:,} images: {said}"
    kept = f"its best step is kept and drawn with: eshi draw {run.folder}; in a new run, {row.get('try')}"
    return EshiError(what, f"{kept}; or go on here: the same command with --set guard.action=rollback (or warn)", 1)
