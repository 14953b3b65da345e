"""A GPU's figures: the plain loop as written against eshi's step at 64 and 128 px, the share of the matrix rate, the
score of a short run. One JSON and a table in Markdown. With --device cpu it runs anywhere, for trying."""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from train_speed import Folder, Steps

import eshi
from eshi import recipe
from eshi.gather.faceset import FaceSet, faceset
from eshi.gather.painter import paint
from eshi.networks.build import networks
from eshi.networks.engine import Engine, choose
from eshi.recipe import Recipe
from eshi.training.loop import learn, pupils


def ready(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def plain(chosen: Recipe, faces: Path, device: torch.device) -> Steps:
    """As its author wrote it: fp32, pictures decoded by two workers, losses read every step."""
    G, D = (network.to(device) for network in networks(chosen))
    loss, batch = nn.BCEWithLogitsLoss(), chosen.batch
    opt_G, opt_D = (torch.optim.Adam(network.parameters(), 2e-4, (0.5, 0.999)) for network in (G, D))
    yes, no = torch.ones(batch, device=device), torch.zeros(batch, device=device)
    while True:
        for real in DataLoader(Folder(faces, chosen.width_height[0]), batch, True, drop_last=True, num_workers=2):
            D.zero_grad()
            on_real = loss(D(real.to(device)), yes)
            on_real.backward()
            fake = G(torch.randn(batch, G.latent, device=device))
            on_fake = loss(D(fake.detach()), no)
            on_fake.backward()
            opt_D.step()
            G.zero_grad()
            on_drawn = loss(D(fake), yes)
            on_drawn.backward()
            opt_G.step()
            on_real.item(), on_fake.item(), on_drawn.item()
            yield


def ours(chosen: Recipe, shown: FaceSet, engine: Engine) -> Steps:
    who, step = pupils(chosen, engine), 0
    while True:
        learn(chosen, engine, who, shown, step)
        step += 1
        yield


def rate(steps: Steps, batch: int, seconds: float, device: torch.device) -> float:
    """Images a second, over so many seconds behind two steps that warm up."""
    for _ in range(2):
        next(steps)
    ready(device)
    start, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - start < seconds:
        next(steps)
        count += 1
        if count % 10 == 0:
            ready(device)
    ready(device)
    return count * batch / (time.perf_counter() - start)


def matrix(engine: Engine) -> float:
    """FLOP/s of large matrix products in the precision that eshi takes there."""
    side = 8192 if engine.device.type == "cuda" else 1024
    dtype = torch.bfloat16 if engine.precision == "bf16" else torch.float32
    a, b = torch.randn(2, side, side, device=engine.device).to(dtype)
    found = []
    for _ in range(10):
        ready(engine.device)
        start = time.perf_counter()
        a @ b
        ready(engine.device)
        found.append(2 * side**3 / (time.perf_counter() - start))
    return max(found)


def speed(px: int, faces: Path, engine: Engine, width: int, seconds: float, rounds: int) -> dict[str, Any]:
    sets = [f"size={px}", f"generator.width={width}", f"discriminator.width={width}", "engine.shards=1"]
    chosen = recipe.load("dcgan-64", sets)
    shown = faceset(faces, (px, px), holdout=0)
    engine.hold(shown)
    anew = recipe.parse(chosen.as_dict(), ["engine.graphs=false"])
    ways = {
        "plain": plain(chosen, faces, engine.device), "eshi": ours(chosen, shown, engine),
        "without graphs": ours(anew, shown, engine),
    }  # fmt: skip
    with FlopCounterMode(display=False) as counted:
        next(ways["eshi"])
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, steps in ways.items():
            rates[way].append(rate(steps, chosen.batch, seconds, engine.device))
    found = {way: statistics.median(its) for way, its in rates.items()}
    flop = counted.get_total_flops() / chosen.batch
    return {
        "px": px, "width": width, "batch": chosen.batch, "plain": found["plain"], "eshi": found["eshi"],
        "without graphs": found["without graphs"],
        "ratio": found["eshi"] / found["plain"], "share": found["eshi"] * flop / matrix(engine),
        "megabytes": engine.memory(),
    }  # fmt: skip


def difference(faces: Path, engine: Engine, steps: int = 30) -> dict[str, float]:
    """How far losses of recorded steps are from those of steps made anew: the largest in each third of the steps."""
    lines = []
    for graphs in (True, False):
        chosen = recipe.load("eshi-64", [f"engine.graphs={str(graphs).lower()}", "engine.shards=1"])
        who, shown = pupils(chosen, engine), faceset(faces, (64, 64), holdout=0)
        lines.append([float(learn(chosen, engine, who, shown, step)["loss_g"]) for step in range(steps)])
    far = [abs(a - b) for a, b in zip(*lines, strict=True)]
    return {f"to step {end}": max(far[end - steps // 3 : end]) for end in range(steps // 3, steps + 1, steps // 3)}


def quality(faces: Path, folder: Path, device: str, length: str) -> dict[str, Any]:
    start = time.monotonic()
    eshi.train(faces, recipe="eshi-64", out=folder, images=length, set={"engine.device": device, "judge.budget": 1})
    row = next(row for row in eshi.judge(folder).rows if row["images"] is not None)
    return {"recipe": "eshi-64", "length": length, "seconds": time.monotonic() - start} | dict(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--tests", default="not run")
    parser.add_argument("--pictures", type=int, default=1024, help="painted ones to learn from")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--length", default="60s", help="of the run whose quality is looked at")
    a = parser.parse_args()
    engine = choose(a.device)
    found: dict[str, Any] = {
        "machine": engine.describe(), "processor": platform.machine(), "torch": torch.__version__, "tests": a.tests,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        faces = paint(Path(folder) / "faces", a.pictures, seed=0, faces=128)
        found["speed"] = [speed(px, faces, engine, a.width, a.seconds, a.rounds) for px in (64, 128)]
        found["loss_g, graphs against none"] = difference(faces, engine)
        found["quality"] = quality(faces, Path(folder) / "run", engine.device.type, a.length)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "gpu.json").write_text(json.dumps(found, indent=1, default=str))
    (a.out / "gpu.md").write_text(table(found))
    print(table(found))


def table(found: dict[str, Any]) -> str:
    lines = [
        f"{found['machine']}, torch {found['torch']}; tests {found['tests']}", "",
        "| px | width | plain, images/s | eshi | no graphs | ratio | of the matrix rate | MB |",
        "|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [
        f"| {s['px']} | {s['width']} | {s['plain']:,.0f} | {s['eshi']:,.0f} | {s['without graphs']:,.0f} "
        f"| {s['ratio']:.1f} | {s['share']:.0%} | {s['megabytes']:,.0f} |"
        for s in found["speed"]
    ]
    q = found["quality"]
    scores = ", ".join(f"{key} {value:.3g}" for key, value in q.items() if isinstance(value, float))
    far = ", ".join(f"{end} {value:.2g}" for end, value in found["loss_g, graphs against none"].items())
    lines += ["", f"loss_g with graphs against none, the largest difference: {far}"]
    return "\n".join([*lines, "", f"{q['recipe']}, {q['length']}: {scores}", ""])


if __name__ == "__main__":
    main()
