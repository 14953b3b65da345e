"""How both looks of the finder are taught: batches made beside the training, a warm-up and a cosine, averaged weights,
and a checkpoint beside the ONNX file, from which the same command goes on."""

import argparse
import copy
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scenes import Stock
from sources import CROWDED, boxed, painted, places, shown, split
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from eshi.gather.finders import finder
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress
from eshi.networks.engine import hold_memory

SAVE_SECONDS = 60.0
WARM_STEPS = 200
MEMORY = 0.998  # of the averaged weights, which are the ones exported


def main(doc: str | None, train: Callable[[argparse.Namespace], None], begin: str, usual: Path | None = None) -> int:
    """The command line of both."""
    parser = argparse.ArgumentParser(description=doc)
    places(parser)
    parser.add_argument("-o", "--out", type=Path, required=True, help="the ONNX file; its checkpoint lies beside it")
    parser.add_argument("--painted", type=int, default=1000, help="pictures drawn by the painter")
    parser.add_argument("--scenes", nargs="*", type=Path, default=[],
                        help="folders or zips that eshi paint --kind scenes drew")  # fmt: skip
    parser.add_argument("--half", action="store_true", help="multiply in 16 bits: faster where the processor can")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--begin", type=Path, default=usual, help=begin)
    try:
        train(parser.parse_args())
    except EshiError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return error.code
    return 0


def ready(given: argparse.Namespace) -> None:
    hold_memory()
    cv2.setNumThreads(1)  # before any work: a child cannot end the threads of OpenCV that its parent started, and hangs
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)


def gathered(given: argparse.Namespace) -> Stock:
    boxes, tight, empty = split(given, 0)
    stock = Stock(boxes, tight, painted(given.painted, given.seed + 1), empty, things=shown(given, 0))
    stock.crowds = [source for place in given.scenes for source in boxed(place, CROWDED).values()]
    if given.begin:
        search = finder("net", score=0.15, weights=str(given.begin))
        for source in boxes + empty:
            found = [np.array(box[:4], np.float32) for box in search(source.sizes[0])]
            stock.hard += [(source, box) for box in found if alone(box, source.boxes)]
    print(f"{len(boxes)} pictures with boxes, {len(tight)} tight faces, {len(empty)} pictures without a face, "
          f"{len(stock.hard)} boxes in them, {len(stock.things)} things, {len(stock.crowds)} scenes")  # fmt: skip
    return stock


def alone(box: np.ndarray, faces: np.ndarray) -> bool:
    """No face is to be seen in what `mined` may show around that box."""
    middle, reach = box[:2] + box[2:] / 2, 1.1 * box[2:].max()
    return not ((faces[:, :2] < middle + reach) & (faces[:, :2] + faces[:, 2:] > middle - reach)).all(1).any()


def rate(done: float, step: int, peak: float) -> float:
    """A short warm-up, then a cosine down to a hundredth; `done` from 0 to 1."""
    return peak * min(1.0, (step + 1) / WARM_STEPS) * (0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, done))) / 2)


def average(mean: nn.Module, network: nn.Module, step: int) -> None:
    keep = min(MEMORY, (step + 1) / (step + 10))
    with torch.no_grad():
        for old, new in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
            if old.dtype.is_floating_point:
                old.lerp_(new, 1 - keep)


def save(path: Path, **state: Any) -> None:
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    os.replace(temporary, path)


def learn(
    network: nn.Module,
    slow: nn.Module | None,  # a part that knows something already, and learns at a fifth of the rate
    batches: Callable[[int], IterableDataset],  # from a step on
    loss: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],  # is it a face, where is it
    given: argparse.Namespace,
    what: str,
) -> nn.Module:
    """The averaged weights at the end."""
    known = list(slow.parameters()) if slow else []
    rest = [weight for weight in network.parameters() if all(weight is not one for one in known)]
    groups: list[dict[str, Any]] = [{"params": rest, "peak": given.rate}]
    if slow:
        groups.append({"params": known, "peak": given.rate / 5})
    optimizer = torch.optim.AdamW(groups, lr=given.rate, weight_decay=1e-3)
    mean, checkpoint, step, spent = copy.deepcopy(network), given.out.with_suffix(".pt"), 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        mean.load_state_dict(state["mean"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent = state["step"], state["spent"]
        print(f"going on with {checkpoint}: step {step}, {spent / 60:.0f} of {given.minutes:g} minutes")
    made: Iterator[tuple[Tensor, Tensor]] = iter(
        DataLoader(batches(step), batch_size=None, num_workers=1, prefetch_factor=4)
    )
    begun, saved, shown = time.monotonic() - spent, time.monotonic(), [0.0, 0.0]
    with Progress(f"training {what}", None, "pictures") as bar:
        while spent < given.minutes * 60:
            images, truth = next(made)
            pixels = images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)  # channels last as it lies
            for group in optimizer.param_groups:
                group["lr"] = rate(spent / (given.minutes * 60), step, group["peak"])
            with torch.autocast("cpu", torch.bfloat16, enabled=given.half):
                out = network(pixels)
            face, box = loss(out.float(), truth)
            optimizer.zero_grad(set_to_none=True)
            (face + 2 * box).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
            optimizer.step()
            average(mean, network, step)
            step, spent = step + 1, time.monotonic() - begun
            shown = [0.98 * old + 0.02 * new for old, new in zip(shown, (face.item(), box.item()), strict=True)]
            bar.advance(len(images), face=f"{shown[0]:.3f}", box=f"{shown[1]:.3f}", minutes=f"{spent / 60:.1f}")
            if time.monotonic() - saved > SAVE_SECONDS or spent >= given.minutes * 60:
                save(checkpoint, network=network.state_dict(), mean=mean.state_dict(), step=step, spent=spent,
                     optimizer=optimizer.state_dict())  # fmt: skip
                saved = time.monotonic()
    mean.load_state_dict(torch.load(checkpoint, weights_only=True)["mean"])
    return mean
