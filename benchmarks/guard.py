"""Healthy and forced-to-die runs on real faces: what the judge says of each step, and when the guard notices.

    python benchmarks/guard.py train FACES OUT [NAME ...]    64 px, width 16; two at a time, one thread each
    python benchmarks/guard.py table OUT                     what docs/guard.md shows
    python benchmarks/guard.py rollback FACES OUT [NAME ...] the deaths again, with guard.action=rollback
    python benchmarks/guard.py rescued OUT                   what became of them
    python benchmarks/guard.py record OUT FILE               the judgements, for tests/test_guard.py
    python benchmarks/guard.py picture OUT FILE NAME=IMAGES,IMAGES ...    8 drawings of each, side by side

The first run with `guard.action=warn`, so that one sees what would have come after the guard's alarm.
"""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from eshi.ground import image
from eshi.judging import guard
from eshi.run.logbook import judgements, log

NARROW = ["generator.width=16", "discriminator.width=16", "generator.init=default", "discriminator.init=default"]
BARE = [*NARROW, "discriminator.norm=none", "batch=16", "images=40k"]  # batch norm removed from D
RATE = ["g_adam.lr=3e-3", "d_adam.lr=3e-3"]  # A's repository
EVERY = ["judge.every=1600", "judge.budget=0.5", "every.sample=1600"]
TINY = 100  # faces in the tiny set
RUNS = {
    "bare-3e-3": ("dcgan-64", [*BARE, *RATE]),
    "bare-5e-3": ("dcgan-64", [*BARE, "g_adam.lr=5e-3", "d_adam.lr=5e-3", "seed=1"]),
    "bare-d-times-10": ("dcgan-64", [*BARE, "g_adam.lr=3e-4", "d_adam.lr=3e-3"]),
    "bare-least-squares": ("dcgan-64", [*BARE, "loss.name=least-squares", *RATE, "seed=5"]),
    "d-every-20": ("dcgan-64", [*NARROW, "batch=16", "images=40k", "d_every=20", "g_adam.lr=2e-3", "d_adam.lr=2e-3"]),
    "tiny-bare": ("dcgan-64", [*BARE, "images=50k", "ema=3000", "g_adam.lr=1e-3", "d_adam.lr=1e-3"]),
    "tiny-d-times-10": ("dcgan-64", [*BARE, "g_adam.lr=3e-4", "d_adam.lr=3e-3", "seed=2"]),
    "ok-demo": ("demo", ["images=60k"]),
    "ok-batch-norm": ("dcgan-64", [*NARROW, "batch=16", "images=60k", "ema=3000", "g_adam.lr=5e-4", "d_adam.lr=5e-4"]),
    "ok-hinge": ("demo", ["images=60k", "loss.name=hinge", "loss.r1=1", "seed=1"]),
    "ok-least-squares": ("demo", ["images=60k", "loss.name=least-squares", "loss.r1=0.3", "seed=2"]),
    "ok-wgan-gp": ("demo", ["images=45k", "loss.name=wgan-gp", "seed=3"]),
    "ok-batch-32": ("dcgan-64", [*NARROW, "batch=32", "images=60k", "ema=3000", "g_adam.lr=5e-4", "d_adam.lr=5e-4"]),
    # Other seeds, run after the thresholds were set.
    "bare-3e-3-b": ("dcgan-64", [*BARE, *RATE, "seed=7"]),
    "bare-d-times-10-b": ("dcgan-64", [*BARE, "g_adam.lr=3e-4", "d_adam.lr=3e-3", "seed=8"]),
    "bare-least-squares-b": ("dcgan-64", [*BARE, "loss.name=least-squares", *RATE, "seed=9"]),
    "tiny-bare-b": ("dcgan-64", [*BARE, "images=50k", "ema=3000", "g_adam.lr=1e-3", "d_adam.lr=1e-3", "seed=10"]),
    "ok-demo-b": ("demo", ["images=40k", "seed=11"]),
    "ok-hinge-b": ("demo", ["images=40k", "loss.name=hinge", "loss.r1=1", "seed=12"]),
}  # fmt: skip


# images at which a person who looks at the sheets says that something is wrong; set before the guard was asked
ONSET = {
    "bare-3e-3": 24_000,
    "bare-d-times-10": 28_800,
    "bare-least-squares": 4_800,
    "tiny-bare": 25_600,
    "tiny-d-times-10": 14_400,
}
NEVER = ["d-every-20"]  # dead from the start


def train(faces: Path, out: Path, names: list[str], action: str) -> None:
    tiny = out / "tiny"
    if not tiny.exists():
        tiny.mkdir(parents=True)
        pictures = sorted(p for p in faces.rglob("*") if p.suffix in (".jpg", ".png"))
        for picture in pictures[:TINY]:
            shutil.copy(picture, tiny)

    def one(name: str) -> None:
        recipe, options = RUNS[name]
        sets = [f"--set={option}" for option in [*options, *EVERY, f"guard.action={action}"]]
        data = tiny if name.startswith("tiny") else faces
        words = ["-m", "eshi", "train", str(data), "-r", recipe, "-o", str(out / name), *sets]
        done = subprocess.run(
            [sys.executable, *words], env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
        )
        print(f"{name}: exit {done.returncode}\n{done.stderr[-400:]}", flush=True)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, names))


def table(out: Path) -> None:
    print("| run | judged | score first > best > last | rank correlation to the best | best at | alarm at | as |")
    print("|---|---|---|---|---|---|---|")
    for name in RUNS:
        rows = judgements(log(out / name))
        if not rows:
            continue
        key = rows[-1]["ranked_by"]
        states = [guard.health(rows[: i + 1]).state for i in range(len(rows))]  # anew: thresholds may have changed
        alarm = next((i for i in range(len(rows)) if guard.dying(states[: i + 1], 2)), None)
        shown = rows if alarm is None else rows[: alarm + 1]
        best = min(range(len(shown)), key=lambda i: shown[i][key])
        scores = [row[key] for row in rows]
        rank = correlation([row[key] for row in shown[: best + 1]])
        when = "never" if alarm is None else f"{rows[alarm]['images']:,}"
        print(
            f"| {name} | {len(rows)} | {scores[0]:.0f} > {min(scores):.0f} > {scores[-1]:.0f} | {rank:.2f} "
            f"| {shown[best]['images']:,} | {when} | {states[alarm] if alarm is not None else states[-1]} |"
        )


def rescued(out: Path) -> None:
    print("| run | rolled back at | best before | best after | last | ended |")
    print("|---|---|---|---|---|---|")
    for name in [*ONSET, *NEVER]:
        rows = log(out / name)
        back = [row["images"] for row in rows if row.get("event") == "rolled back"]
        scores = [(row["images"], row[row["ranked_by"]]) for row in judgements(rows)]
        if not back:
            continue
        before, after = (
            min((score for images, score in scores if (images > back[0]) == late), default=float("nan"))
            for late in (False, True)
        )
        places, state = ", ".join(f"{place:,}" for place in back), judgements(rows)[-1]["state"]
        print(f"| {name} | {places} | {before:.0f} | {after:.0f} | {scores[-1][1]:.0f} | {state} |")


def record(out: Path, file: Path) -> None:
    keep = ("images", "ranked_by", "fd_lite0", "diversity", "separation")
    found: dict[str, dict] = {"healthy": {}, "dead": {}, "never": {}}
    for name in RUNS:
        rows = [
            {key: round(row[key], 3) if isinstance(row[key], float) else row[key] for key in keep}
            for row in judgements(log(out / name))
        ]
        if name.startswith("ok-"):
            found["healthy"][name] = rows
        elif name in NEVER:
            found["never"][name] = rows
        elif name in ONSET:
            found["dead"][name] = {"onset": ONSET[name], "rows": rows}
    file.write_text(json.dumps(found, indent=0).replace("\n", "") + "\n")


def picture(out: Path, file: Path, rows: list[str]) -> None:
    lines = []
    for row in rows:
        name, steps = row.split("=")
        sheets = [
            image.decode(out / name / "samples" / f"{int(step):09}.png")[2:132, 2:266] for step in steps.split(",")
        ]
        strip = np.concatenate([part for sheet in sheets for part in (sheet, np.full((130, 8, 3), 255, np.uint8))], 1)
        words = Image.new("RGB", (strip.shape[1], 16), "white")
        for i, step in enumerate(steps.split(",")):
            ImageDraw.Draw(words).text((272 * i + 2, 2), f"{name}: {int(step):,} images", fill=(60, 60, 60))
        lines += [np.asarray(words), strip]
    image.save(np.concatenate(lines), file)


def correlation(scores: list[float]) -> float:
    """Spearman's, of the scores with their order."""
    if len(scores) < 3:
        return float("nan")
    ranks = np.argsort(np.argsort(scores))
    return float(np.corrcoef(ranks, np.arange(len(scores)))[0, 1])


if __name__ == "__main__":
    command, *words = sys.argv[1:]
    if command in ("train", "rollback"):
        chosen = words[2:] or list(RUNS if command == "train" else [*ONSET, *NEVER])
        train(Path(words[0]), Path(words[1]), chosen, "warn" if command == "train" else "rollback")
    elif command == "record":
        record(Path(words[0]), Path(words[1]))
    elif command == "picture":
        picture(Path(words[0]), Path(words[1]), words[2:])
    else:
        (table if command == "table" else rescued)(Path(words[0]))
