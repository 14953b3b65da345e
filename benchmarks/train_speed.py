"""eshi's training step against the plain PyTorch DCGAN example's, in one process and in turn.

The reference is written afresh after the well-known example: fp32, Adam, two passes of D, BCE, losses read by .item()
every step, and Pillow decoding in DataLoader workers. Both train the same network: 64 px, width 64, batch 128.
"""

import argparse
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.gather.painter import paint
from eshi.networks.build import networks
from eshi.networks.engine import choose, hold_memory
from eshi.training.loop import learn, pupils

Steps = Iterator[None]  # each of them a step of learning
# Two operations a multiply-add: kernel x pixels x channels in x channels out, layer by layer, an image.
G_FLOP = 2 * 16 * (100 * 512 + 16 * 512 * 256 + 64 * 256 * 128 + 256 * 128 * 64 + 1024 * 64 * 3)
D_FLOP = 2 * 16 * (1024 * 3 * 64 + 256 * 64 * 128 + 64 * 128 * 256 + 16 * 256 * 512 + 512)
STEP_FLOP = 3 * G_FLOP + (3 + 3 + 2) * D_FLOP  # forward 1, back to the input 1, to the weights 1 (not in G's turn)


class Folder(Dataset):
    """As in most tutorials: a file is decoded, resized and scaled whenever it is wanted."""

    def __init__(self, folder: Path, size: int):
        self.files, self.size = sorted(folder.glob("*.png")), size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> torch.Tensor:
        picture = Image.open(self.files[index]).convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def reference(faces: Path, batch: int) -> Steps:
    G, D = networks(recipe.load("dcgan-64"))
    loss = nn.BCELoss()
    opt_G = torch.optim.Adam(G.parameters(), 2e-4, (0.5, 0.999))
    opt_D = torch.optim.Adam(D.parameters(), 2e-4, (0.5, 0.999))
    while True:
        for real in DataLoader(Folder(faces, 64), batch, shuffle=True, drop_last=True, num_workers=2):
            D.zero_grad()
            loss_real = loss(torch.sigmoid(D(real)), torch.ones(batch))
            loss_real.backward()
            fake = G(torch.randn(batch, 100))
            loss_fake = loss(torch.sigmoid(D(fake.detach())), torch.zeros(batch))
            loss_fake.backward()
            opt_D.step()
            G.zero_grad()
            loss_g = loss(torch.sigmoid(D(fake)), torch.ones(batch))
            loss_g.backward()
            opt_G.step()
            loss_real.item(), loss_fake.item(), loss_g.item()
            yield


def ours(faces: Path, batch: int) -> Steps:
    chosen = recipe.load("dcgan-64", [f"batch={batch}"])
    engine = choose()
    who, shown = pupils(chosen, engine), faceset(faces, (64, 64), holdout=0)
    step = 0
    while True:
        learn(chosen, engine, who, shown, step)
        step += 1
        yield


def rate(steps: Steps, count: int, batch: int) -> list[float]:
    rates = []
    for _ in range(count):
        start = time.perf_counter()
        next(steps)
        rates.append(batch / (time.perf_counter() - start))
    return rates


def product_rate(dtype: torch.dtype) -> float:
    """FLOP/s of the best of ten 2048 x 2048 matrix products"""
    a, b = torch.randn(2, 2048, 2048).to(dtype)
    return max(2 * 2048**3 / timed(lambda: a @ b) for _ in range(10))


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3, help="steps a round")
    parser.add_argument("--batch", type=int, default=128)
    a = parser.parse_args()
    engine = choose()
    print(f"{platform.machine()}, {engine.describe()}, torch {torch.__version__}, Python {platform.python_version()}")
    dtype = torch.bfloat16 if engine.precision == "bf16" else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        faces = paint(Path(folder) / "faces", 1024, seed=0, faces=64)
        plain, fast = reference(faces, a.batch), ours(faces, a.batch)
        rates: dict[str, list[float]] = {"reference": [], "eshi": []}
        for _ in range(a.rounds):
            for name, steps in (("reference", plain), ("eshi", fast)):
                hold_memory(name == "eshi")  # each as it runs on its own: the allocator setting is eshi's
                next(steps)  # warms up
                rates[name] += rate(steps, a.steps, a.batch)
        medians = {name: statistics.median(found) for name, found in rates.items()}
        peak = product_rate(dtype)
        for name, found in rates.items():
            print(f"{name:<10} {medians[name]:7.1f} images/s  ({min(found):.1f} to {max(found):.1f})")
        print(f"ratio      {medians['eshi'] / medians['reference']:7.2f}")
        share = medians["eshi"] * STEP_FLOP / peak
        print(f"matrix     {peak / 1e9:7.0f} GFLOP/s {engine.precision}: eshi's step uses {share:.0%} of it")
        shown = faceset(faces, (64, 64), holdout=0)
        plain_batches = 400 * a.batch / timed(lambda: [shown.batch(0, s, a.batch) for s in range(400)])
        shown.mirror = True
        mirrored = 400 * a.batch / timed(lambda: [shown.batch(0, s, a.batch) for s in range(400)])
        print(f"batches    {plain_batches:7,.0f} images/s, mirrored {mirrored:,.0f}")
    for words in (["-c", "pass"], ["-c", "import eshi"], ["-m", "eshi", "--help"]):
        seconds = min(timed(lambda: subprocess.run([sys.executable, *words], capture_output=True)) for _ in range(5))  # noqa: B023
        print(f"python {' '.join(words):<20} {seconds:.3f} s")


if __name__ == "__main__":
    main()
