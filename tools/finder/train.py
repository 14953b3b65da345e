"""Trains the finder `net`: `python tools/finder/train.py PICTURES -o net.onnx`, where PICTURES is a folder or a zip
with a boxes.json. The same command again goes on where it was stopped; it needs torch and the package onnx."""

import argparse
import sys
from collections.abc import Iterator

import numpy as np
import torch
from network import Network, export, load, loss
from scenes import SIDE, Stock, scene, target
from school import gathered, learn, main, ready
from torch.utils.data import IterableDataset


class Scenes(IterableDataset):
    """Batch number `step` is a pure function of seed and step."""

    def __init__(self, stock: Stock, seed: int, batch: int, step: int):
        self.stock, self.seed, self.batch, self.step = stock, seed, batch, step

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            rng = np.random.default_rng([self.seed, self.step])
            made = [scene(rng, self.stock) for _ in range(self.batch)]
            images, truth = [image for image, _ in made], [target(boxes, (SIDE, SIDE)) for _, boxes in made]
            yield torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(truth))
            self.step += 1


def train(given: argparse.Namespace) -> None:
    ready(given)
    network, stock = Network().to(memory_format=torch.channels_last), gathered(given)
    if given.begin and not given.out.with_suffix(".pt").exists():
        images, _ = next(iter(Scenes(stock, given.seed + 1, 4 * given.batch, 0)))
        load(network, given.begin, images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1))
    mean = learn(network, None, lambda step: Scenes(stock, given.seed, given.batch, step), loss, given, "the finder")
    export(mean, given.out, torch.zeros(1, 3, 128, 160), {2: "height", 3: "width"}, {2: "rows", 3: "columns"})
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main(__doc__, train, "an ONNX file to go on from; its mistakes are shown more often"))
