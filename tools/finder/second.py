"""Trains the second look of the finder `net`: `python tools/finder/second.py PICTURES -o net-second.onnx`, with the
places that train.py takes. It learns to judge what the first look proposes on composed scenes, and begins with a
network that has seen the world: the first blocks of EfficientNet-Lite0, which come with eshi."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from network import apart, export
from scenes import Stock, scene
from school import gathered, learn, main, ready
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import IterableDataset

import eshi.judging
from eshi.gather.finders.evaluate import overlap
from eshi.gather.finders.net import CLOSE, WEIGHTS, close, network, proposed
from eshi.networks.lite import MEAN, STD, Lite

BLOCKS = 9  # of Lite0: up to 80 channels at a sixteenth of the side
SHAPE = (320, 256)  # px of a scene
SMALLEST = 24  # px: the first look is asked for faces from this size
DOUBT = 0.1  # proposals below are not learned from: the finder does not look at them again
RIGHT, WRONG = 0.5, 0.3  # overlaps with a face from which a proposal is one, and below which it is none


class Second(nn.Module):
    """(N, 3, 96, 96) in [-1, 1] -> (N, 5): logit, log of left, top, right, bottom in faces' sizes from the middle."""

    def __init__(self) -> None:
        super().__init__()
        seen = Lite("lite0", Path(eshi.judging.__file__).with_name("lite0.npz"))
        self.seen = thawed(seen.layers[:BLOCKS])
        mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
        first = self.seen[0].conv
        with torch.no_grad():  # what it was trained on was scaled otherwise
            first.bias += (first.weight * ((0.5 - mean) / std)).sum((1, 2, 3))
            first.weight *= 0.5 / std
        side = CLOSE // 16
        self.widen = nn.Conv2d(80, 128, 1)
        self.place = nn.Conv2d(128, 128, side, groups=128)
        self.mix, self.head = nn.Conv2d(128, 96, 1), nn.Conv2d(96, 5, 1)
        for part in (self.widen, self.place, self.mix):
            nn.init.kaiming_normal_(part.weight)
            nn.init.zeros_(part.bias)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, -0.7)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.widen(self.seen(x)))
        x = functional.relu(self.mix(functional.relu(self.place(x))))
        return self.head(x).flatten(1)


def thawed(network: nn.Module) -> nn.Module:
    """Buffers become weights again."""
    for module in network.modules():
        for name, value in list(module.named_buffers(recurse=False)):
            delattr(module, name)
            module.register_parameter(name, nn.Parameter(value.clone()))
    return network


class Doubts(IterableDataset):
    """Batches of what the first look proposes on scenes, number `step` a pure function of seed and step: frames, and
    (N, 6) is it a face (0 or 1, -1 where either answer will do), left, top, right, bottom, does the box count."""

    def __init__(self, stock: Stock, seed: int, batch: int, step: int, weights: Path):
        self.stock, self.seed, self.batch, self.step, self.weights = stock, seed, batch, step, weights

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        cv2.setNumThreads(1)
        first = network(self.weights)
        while True:
            rng = np.random.default_rng([self.seed, self.step, 2])
            frames: list[np.ndarray] = []
            truths: list[np.ndarray] = []
            while len(frames) < self.batch:
                pixels, faces = scene(rng, self.stock, SHAPE)
                for box, truth in doubts(rng, proposed(first, pixels, SMALLEST, DOUBT)[:, :4], faces):
                    frame = close(pixels, box)
                    if rng.random() < 0.5:
                        frame, truth[[1, 3]] = frame[:, ::-1], truth[[3, 1]]
                    frames.append(frame)
                    truths.append(truth)
            chosen = rng.permutation(len(frames))[: self.batch]
            yield (torch.from_numpy(np.stack([frames[i] for i in chosen])),
                   torch.from_numpy(np.stack([truths[i] for i in chosen])))  # fmt: skip
            self.step += 1


def doubts(rng: np.random.Generator, boxes: np.ndarray, faces: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Boxes (left, top, right, bottom) to look at again, and what is true of each: what was proposed, every face a bit
    beside its place, parts of faces, what is below them (clothes, hands), and one anywhere."""
    corners = np.concatenate([faces[:, :2], faces[:, :2] + faces[:, 2:]], 1)
    moved = [beside(rng, face, 0.12) for face in corners] + [beside(rng, face, 0.6) for face in corners]
    lower = [face + np.tile((face[2:] - face[:2]) * rng.uniform((-0.8, 0.9), (0.8, 3.5)), 2) for face in corners]
    moved += [beside(rng, face, 1.2) for face in lower if rng.random() < 0.7]
    side, at = np.exp(rng.uniform(np.log(20), np.log(120))), rng.random(2) * SHAPE
    moved.append(np.concatenate([at - side / 2, at + side / 2]).astype(np.float32))
    for box in (*boxes[:10], *moved):
        size = np.sqrt(max(np.prod(box[2:] - box[:2]), 1.0))
        if size < 15:
            continue
        truth = np.zeros(6, np.float32)
        if len(corners):
            common = [overlap([*box[:2], *(box[2:] - box[:2])], face) for face in faces]
            best = int(np.argmax(common))
            face, middle = corners[best], (box[:2] + box[2:]) / 2
            within = np.clip(face, 0, [*SHAPE, *SHAPE])
            cut = np.prod(within[2:] - within[:2]) < 0.55 * np.prod(face[2:] - face[:2])
            truth[0] = 1 if common[best] >= RIGHT else -1 if common[best] >= WRONG else 0
            truth[0] = -1 if cut and truth[0] == 1 else truth[0]
            sides = np.concatenate([middle - face[:2], face[2:] - middle]) / size
            truth[1:5], truth[5] = sides, common[best] >= WRONG and sides.min() > 0.03
        yield box, truth


def beside(rng: np.random.Generator, box: np.ndarray, much: float) -> np.ndarray:
    sides = box[2:] - box[:2]
    middle = (box[:2] + box[2:]) / 2 + rng.normal(0, much, 2) * sides
    sides = sides * np.exp(rng.normal(0, 0.08 + much / 3, 2))
    return np.concatenate([middle - sides / 2, middle + sides / 2]).astype(np.float32)


def loss(out: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    counts = (truth[:, 0] >= 0).float()
    told = functional.binary_cross_entropy_with_logits(out[:, 0], truth[:, 0].clamp(0), counts, reduction="sum")
    return told / counts.sum().clamp(min=1), apart(out[:, 1:], truth[:, 1:5], truth[:, 5])


def train(given: argparse.Namespace) -> None:
    ready(given)
    second, stock = Second().to(memory_format=torch.channels_last), gathered(given)
    mean = learn(second, second.seen, lambda step: Doubts(stock, given.seed, given.batch, step, given.begin), loss,
                 given, "the second look")  # fmt: skip
    export(mean, given.out, torch.zeros(1, 3, CLOSE, CLOSE), {0: "boxes"}, {0: "boxes"})
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main(__doc__, train, "the first look, an ONNX file", WEIGHTS))
