"""The witness: a small network of our own that says what a face shows.

It learned from labelled faces, never from drawings, and how often it is right is known from faces that were held out.
"""

import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, pad

from eshi.gather.faceset import FaceSet
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress
from eshi.networks.engine import borrowed_randomness, scaled
from eshi.networks.labels import attributes, places
from eshi.run import checkpoint, tensorfile

SIDE = 64  # px that it looks at
WIDTHS = (24, 48, 96, 128)
BATCH = 64
LEARNED, EPOCHS = 40_000, 40  # images that it learns from, but not more than so many times the faces
RATE = 3e-3
MOVED = 3  # px by which faces are moved about while it learns
FEW = 50  # labelled faces: from fewer it learns nothing


@dataclass
class Witness:
    values: list[str]  # hair=pink and so on
    network: nn.Module
    right: dict[str, float]  # attribute -> share of the held-out faces of which it says what their label says

    @torch.inference_mode()
    def says(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Of (N, H, W, 3) uint8: attribute -> (N, values), how likely each is."""
        told = torch.cat([self.network(seen(images[i : i + BATCH])) for i in range(0, len(images), BATCH)])
        return {name: told[:, place].softmax(1).numpy() for name, place in places(self.values).items()}

    def evidence(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Of each value, hair=pink and so on, (N,): how much more likely it is than not, as a logarithm."""
        found: dict[str, np.ndarray] = {}
        for attribute, told in self.says(images).items():
            share = told.clip(1e-4, 1 - 1e-4)
            odds = np.log(share / (1 - share)).T
            found |= {f"{attribute}={v}": its for v, its in zip(attributes(self.values)[attribute], odds, strict=True)}
        return found

    def words(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Attribute -> (N,) the likeliest value."""
        known = attributes(self.values)
        return {name: np.array(known[name])[told.argmax(1)] for name, told in self.says(images).items()}


def witness(faces: FaceSet, values: Sequence[str], sure: float = 0.5) -> Witness:
    """One that has learned these values from the faces; kept in the user's cache."""
    words = faces.said(values, sure)
    if (known := int(words[faces.train].any(1).sum())) < FEW:
        raise EshiError(f"only {known} faces in {faces.path} have labels", f"{FEW} are the least to learn from")
    with borrowed_randomness():
        network = make(len(values))
        name = hashlib.blake2b(f"{faces.content} {list(values)}".encode() + words.tobytes(), digest_size=12).hexdigest()
        if not taken(network, f"{name}.safetensors"):
            learn(network, faces, words, places(values))
            keep(network, f"{name}.safetensors")
    found = Witness(list(values), network.eval(), {})
    held_out = faces.held_out[words[faces.held_out].any(1)]
    if len(held_out):
        for attribute, told in found.says(faces.images[held_out]).items():
            truth = words[held_out][:, places(values)[attribute]]
            there = truth.any(1)
            found.right[attribute] = float((told.argmax(1) == truth.argmax(1))[there].mean()) if there.any() else 0.0
    return found


def make(count: int) -> nn.Sequential:
    """(N, 3, SIDE, SIDE) -> (N, count)"""
    layers: list[nn.Module] = []
    for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        if after < WIDTHS[-1]:
            layers += [nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    side = SIDE // 2 ** len(WIDTHS)
    layers += [nn.Dropout(0.3), nn.Flatten(), nn.Linear(WIDTHS[-1] * side * side, count)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def seen(images: np.ndarray) -> Tensor:
    batch = scaled(torch.from_numpy(np.array(images)))
    if batch.shape[2:] == (SIDE, SIDE):
        return batch
    return interpolate(batch, size=(SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def learn(network: nn.Module, faces: FaceSet, words: np.ndarray, groups: dict[str, slice]) -> None:
    known = faces.train[words[faces.train].any(1)]
    steps = min(LEARNED, EPOCHS * len(known)) // BATCH
    opt = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01, fused=True)
    pace = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, total_steps=steps + 1)
    chance = np.random.default_rng(0)
    network.train()
    with Progress("a witness learns what faces show", steps * BATCH, "images") as bar:
        for _ in range(steps):
            picks = chance.choice(known, BATCH)
            batch, truth = moved(seen(faces.images[picks]), chance), torch.from_numpy(words[picks])
            told = network(batch)
            losses = []
            for place in groups.values():
                there = truth[:, place].any(1)
                if there.any() and place.stop - place.start > 1:
                    losses.append(cross_entropy(told[there, place], truth[there, place].argmax(1)))
            if losses:
                opt.zero_grad()
                torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
                opt.step()
            pace.step()
            bar.advance(BATCH)


def moved(batch: Tensor, chance: np.random.Generator) -> Tensor:
    """A little to a side, half of the batches turned around."""
    x, y = chance.integers(0, 2 * MOVED + 1, 2)
    batch = pad(batch, (MOVED,) * 4, mode="replicate")[:, :, y : y + SIDE, x : x + SIDE]
    return batch.flip(3) if chance.random() < 0.5 else batch


def taken(network: nn.Module, name: str) -> bool:
    """Is it in the cache? Whatever is wrong with it there, it is learned anew."""
    with suppress(EshiError, OSError, ValueError):
        state, _ = tensorfile.read(files.cache() / "witnesses" / name)
        checkpoint.fill(network, state, name)
        return True
    return False


def keep(network: nn.Module, name: str) -> None:
    with suppress(EshiError, OSError):
        memory = io.BytesIO()
        tensorfile.write(memory, network.state_dict(), {})
        files.write(files.cache() / "witnesses" / name, memory.getvalue())
