"""Killed at every change of a name on the disk, and anywhere between: the same command ends as if nothing had been."""

import hashlib
import json
import os
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attack.arena import Arena, Outcome
from attack.base import STUCK
from attack.case import Case

Proof = Callable[[Arena], Any]


@dataclass(frozen=True)
class Job:
    """A command that is killed, how often it changes names at least, and what must be the same in the end."""

    words: tuple[str, ...]
    needs: tuple[str, ...]
    points: int  # about so many changes of names: cases beyond the last are not tried
    proof: Proof
    ok: tuple[int, ...] = (0,)
    packed: bool = True
    looks: tuple[tuple[str, ...], ...] = ()  # what a user may ask of the killed state


LITTER = 40_000  # bytes: a half face may stay; a half checkpoint or pack would fill the disk, kill by kill
TRAIN = ("train", "faces", "-r", "tiny.yaml", "-o", "run2")


def tensors(path: Path) -> str:
    """One hash of all numbers in a checkpoint that learning depends on."""
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    total = hashlib.blake2b(digest_size=12)

    def add(key: str, value: Any) -> None:
        if isinstance(value, dict):
            for k in sorted(value, key=str):
                add(f"{key}.{k}", value[k])
        elif isinstance(value, list | tuple):
            for i, one in enumerate(value):
                add(f"{key}.{i}", one)
        elif isinstance(value, torch.Tensor):
            total.update(key.encode() + value.contiguous().numpy().tobytes())
        else:
            total.update(f"{key}={value!r}".encode())

    add("", {k: state[k] for k in ("G", "D", "G_ema", "opt_G", "opt_D", "step", "images") if k in state})
    return total.hexdigest()


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]


def trained(arena: Arena, name: str = "run2") -> dict[str, Any]:
    """What a run amounts to: its weights, its best, its curve, its judgements and what the guard did."""
    run = arena.world / name
    log = rows(run)
    losses = [(r["images"], r["loss_d"]) for r in log if "loss_d" in r]
    judged = [(r["images"], r[r["ranked_by"]], r.get("state")) for r in log if "ranked_by" in r]
    events = [(r["images"], r["event"]) for r in log if r.get("event") in ("rolled back", "stopped", "warned")]
    stored = (run / "recipe.yaml").read_text()
    samples = {p.name: hashlib.md5(p.read_bytes()).hexdigest() for p in (run / "samples").glob("*.png")}
    arena.check((run / "report.html").read_text().rstrip().endswith("</html>"), "report.html is cut off")
    if judged and arena.check((run / "best.pt").exists(), "it was judged, but there is no best.pt"):
        import torch

        lowest = min(judged, key=lambda one: one[1])[0]
        best = torch.load(run / "best.pt", map_location="cpu", weights_only=True)["images"]
        arena.check(best == lowest, f"best.pt is of {best} images, the best judgement of {lowest}")
    return {
        "last": tensors(run / "last.pt"),
        "losses": losses,
        "judged": judged,
        "events": events,
        "finished": any(r.get("event") == "finished" for r in log),
        "samples": sorted(samples.items()),
        "asked": [
            int(n)
            for key in ("judge", "every")
            for n in re.findall(rf"{key}:\n(?:  .*\n)*?  (?:every|sample): (\d+)", stored)
        ],
    }


def table(path: Path, query: str) -> list[tuple]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
        found = base.execute(query).fetchall()
        sound = base.execute("pragma integrity_check").fetchone()[0]
    base.close()
    return [(sound,), *found]


def files(folder: Path) -> dict[str, str]:
    found = (p for p in folder.rglob("*") if p.is_file() and not any(x.startswith(".") for x in p.parts))
    return {
        str(p.relative_to(folder)): hashlib.md5(p.read_bytes()).hexdigest()
        for p in found
        if ".sqlite" not in p.name and p.name != "report.html"
    }


def cleaned(arena: Arena) -> Any:
    return table(arena.world / "faces" / "faces.sqlite", "select file, verdict, detail, twin from faces order by file")


def cropped(arena: Arena) -> Any:
    query = "select file, picture, x, y, w, h, score, source_size from faces order by file"
    base = arena.world / "cut" / "faces.sqlite"
    done = table(base, "select picture, faces, small, problem from pictures order by picture")
    return table(base, query), done, files(arena.world / "cut")


def painted(arena: Arena) -> Any:
    return files(arena.world / "new")


def rolled(arena: Arena) -> Any:
    return trained(arena, "stuck")


JOBS = {
    "train": Job(TRAIN, ("faces", "tiny.yaml"), 40, trained,
                 looks=(("runs", "."), ("report", "run2"), ("draw", "run2", "--count", "2"))),
    "rollback": Job(("train", "faces", *STUCK, "--images", "104"), ("faces", "tiny.yaml", "stuck"), 40, rolled,
                    looks=(("runs", "."), ("report", "stuck"), ("draw", "stuck", "--count", "2"))),
    "pack": Job((*TRAIN, "--images", "8", "--set", "judge.every=0"), ("faces", "tiny.yaml"), 16, trained, packed=False),
    "clean": Job(("clean", "faces"), ("faces",), 6, cleaned, looks=(("faces", "faces"),), packed=False),
    "crop": Job(("crop", "pictures", "-o", "cut"), ("pictures",), 12, cropped, looks=(("faces", "cut"),)),
    "paint": Job(("paint", "new", "--count", "12", "--faces", "48"), (), 14, painted),
}  # fmt: skip


def cases(chance: random.Random) -> Iterator[Case]:
    for name, job in JOBS.items():
        for n in range(1, job.points + 1):
            for when in ("before", "after") if n < 3 else ("before",) if n % 2 else ("after",):
                yield Case("kills", f"{name}-{n}-{when}", struck(job, ("point", n, when)), 0, n == 2)
        for n in range(8 if job.proof in (trained, rolled) else 4):
            share = chance.random()
            yield Case("kills", f"{name}-anywhere-{n}", anywhere(job, share), 0, n == 0)
    yield Case("kills", "train-apart", apart, 0, True)


WHOLE: dict[str, Any] = {}


def unkilled(arena: Arena, job: Job) -> tuple[Any, Outcome]:
    """The same without a kill, elsewhere: computed by whoever comes first, and kept beside the base."""
    kept = arena.base.parent / f"whole-{hashlib.md5(repr(job.words).encode()).hexdigest()}.json"
    if not kept.exists():
        scene = Arena("whole", arena.folder / f"command-whole-{arena.random.random()}", arena.base, random.Random(0))
        scene.copy(*job.needs, packed=job.packed)
        scene.remember()
        took = scene.eshi(*job.words, ok=job.ok, count=True)
        arena.faults += [f"unkilled: {fault}" for fault in scene.faults]
        found = [job.proof(scene), took.points, took.calls, took.seconds]
        part = kept.with_name(f"{kept.name}.{arena.name.replace('/', '-')}")
        part.write_text(json.dumps(found))
        part.rename(kept)
    found = json.loads(kept.read_text())
    return found[0], Outcome(0, "", "", found[3], 0, found[1], found[2])


def struck(job: Job, kill: tuple[str, int, str]) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        whole, facts = unkilled(arena, job)
        if kill[1] > facts.points:
            return  # it does not change so many names
        strike(arena, job, kill, whole)

    return attack


def anywhere(job: Job, share: float) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        whole, facts = unkilled(arena, job)
        strike(arena, job, ("call", 1 + int(share * facts.calls), ""), whole)

    return attack


def strike(arena: Arena, job: Job, kill: tuple[str, int, str], whole: Any) -> None:
    arena.copy(*job.needs, packed=job.packed)
    arena.remember()
    arena.guard(*(name for name in job.needs if name != "stuck"))
    arena.eshi(*job.words, ok=job.ok, kill=kill, killed=True)
    if arena.random.random() < 0.3:
        for look in job.looks:
            arena.eshi(*look)
    for part in arena.world.rglob("*.part"):
        os.utime(part, (0, 0))  # some hours later
    arena.eshi(*job.words, ok=job.ok)
    compare(arena, json.loads(json.dumps(job.proof(arena))), whole)
    parts = [p for p in arena.world.rglob("*.part") if p.stat().st_size > LITTER or job.proof in (trained, rolled)]
    arena.check(not parts, f"half files of the killed process are left: {sorted(p.name for p in parts)}")


def compare(arena: Arena, found: Any, whole: Any) -> None:
    if found == whole:
        return
    if not isinstance(found, dict):
        arena.faults.append(f"it ends otherwise: {str(found)[:250]} instead of {str(whole)[:250]}")
        return
    for key in whole:
        here, there = found.get(key), whole[key]
        if here == there:
            continue
        if key in ("losses", "judged", "samples"):  # when it looks is a matter of time too; what it sees is not
            mine, its = {row[0]: row[1:] for row in here}, {row[0]: row[1:] for row in there}
            other = [at for at in mine.keys() & its.keys() if mine[at][0] != its[at][0]]
            arena.check(len(other) < (2 if key == "losses" else 1), f"{key} differ at {other}")  # one mean began anew
            lost = [at for at in its if at not in mine and (key == "losses" or regular(at, *whole["asked"]))]
            arena.check(not lost, f"{key} lack {lost}")
            arena.check(len(mine) == len(here), f"{key} stand there twice")
        else:
            arena.faults.append(f"{key} differs: {str(here)[:200]} instead of {str(there)[:200]}")


def regular(at: int | str, judge: int, sheet: int) -> bool:
    """Does the recipe ask to look here, at so many images or in the sheet of that name?"""
    return at % judge == 0 if isinstance(at, int) else at == "real.png" or int(at.split(".")[0]) % sheet == 0


def apart(arena: Arena) -> None:
    """In a Python of its own, killed through sitecustomize."""
    job = JOBS["train"]
    whole, _ = unkilled(arena, job)
    arena.copy(*job.needs)
    arena.guard(*job.needs)
    for number in (3, 9):
        arena.eshi(*job.words, ok=job.ok, kill=("point", number, "before"), killed=True, apart=True)
    arena.eshi(*job.words, ok=job.ok, apart=True)
    compare(arena, json.loads(json.dumps(job.proof(arena))), whole)
