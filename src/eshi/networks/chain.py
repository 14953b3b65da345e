"""Networks written down layer by layer, for checkpoints from elsewhere: `transposed 256 4/2/1 batch relu`.

A layer is its kind, the maps or numbers that it gives, kernel/stride/padding, and what follows it, in that order. With
no layers written down it is a DCGAN, of the width that is given.
"""

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

from torch import Tensor, nn

from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.ground.schema import Form, Range
from eshi.networks import prior as priors
from eshi.networks.contracts import pair

AFTER = r"(?: (?:bias|batch|relu|leaky|tanh))*"
PATTERN = re.compile(
    rf"(?:(?P<kind>transposed|conv) (?P<maps>[1-9]\d{{0,3}}) (?P<kernel>[1-9])/(?P<stride>[1-4])/(?P<padding>[0-4])"
    rf"|linear (?P<numbers>[1-9]\d{{0,3}})(?:x(?P<height>[1-9])x(?P<width>[1-9]))?)(?P<after>{AFTER})"
)
FORM = "for example transposed 256 4/2/1 batch relu, conv 64 4/2/1 bias leaky, linear 512x4x4 batch relu, linear 1 bias"
Layer = Annotated[str, Form(PATTERN.pattern, "a layer", FORM)]
Shape = tuple[int, int, int]  # maps, height, width
Width = Annotated[int, Range(1, 512)]  # of a DCGAN


@GENERATORS.register("chain")
class Generator(nn.Module):
    """(N, latent) -> (N, 3, height, width) in [-1, 1]"""

    def __init__(
        self,
        size: int | tuple[int, int],
        latent: Annotated[int, Range(1, 1024)] = 100,
        layers: list[Layer] = [],  # noqa: B006
        prior: priors.Name = "normal",
        width: Width = 64,
    ):
        super().__init__()
        self.size, self.latent, self.prior = pair(size), latent, priors.PRIORS[prior]
        self.layers = nn.Sequential(*chain((latent, 1, 1), layers or climbing(self.size, width), flat=True))

    @staticmethod
    def fits(size: int | tuple[int, int], latent: int = 100, layers: Sequence[str] = (), **others: Any) -> None:
        width, height = pair(size)
        found = shapes((latent, 1, 1), layers or climbing((width, height), 1))
        if found[-1] != (3, height, width):
            what = f"the generator's layers end with {told(found[-1])}, not with {told((3, height, width))}"
            raise EshiError(what, "up: N = (W - 1) x stride - 2 x padding + kernel")

    def draw(self, count: int, seed: int | None = None) -> Tensor:
        """(count, latent) from the prior; with a seed, row i is the same for every count."""
        return self.prior.draw(count, self.latent, seed, next(self.parameters()).device)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.layers(z)
        return out


@DISCRIMINATORS.register("chain")
class Discriminator(nn.Module):
    """(N, 3, height, width) -> (N,) logits, or (N, K) of a head that looks in K places"""

    def __init__(self, size: int | tuple[int, int], layers: list[Layer] = [], width: Width = 64):  # noqa: B006
        super().__init__()
        self.size = wide, high = pair(size)
        self.layers = nn.Sequential(*chain((3, high, wide), layers or descending(self.size, width)), nn.Flatten())

    @staticmethod
    def fits(size: int | tuple[int, int], layers: Sequence[str] = (), **others: Any) -> None:
        width, height = pair(size)
        written = layers or descending((width, height), 1)
        shapes((3, height, width), written)
        if re.search(r" (batch|relu|leaky|tanh)", written[-1]):
            raise EshiError(f"nothing may follow D's last layer: '{written[-1]}'", "it gives logits; a loss reads them")

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.layers(images).float()
        if out.shape[1] == 2:  # softmax cross-entropy of two classes sees only the difference of their logits
            return out[:, 1] - out[:, 0]
        return out[:, 0] if out.shape[1] == 1 else out


def chain(start: Shape, layers: Sequence[str], flat: bool = False) -> list[nn.Module]:
    """`flat` says whether what comes in is numbers in a row."""
    built: list[nn.Module] = []
    before = start
    for text, (maps, height, width) in zip(layers, shapes(start, layers), strict=True):
        found = parsed(text)
        after = {"relu": nn.ReLU(inplace=True), "leaky": nn.LeakyReLU(0.2, inplace=True), "tanh": nn.Tanh()}
        bias = " bias" in found["after"]
        if found["kind"]:
            built += [nn.Unflatten(1, before)] if flat else []
            kind = nn.ConvTranspose2d if found["kind"] == "transposed" else nn.Conv2d
            kernel, stride, padding = numbers(found)
            built.append(kind(before[0], maps, kernel, stride, padding, bias=bias))
            after["batch"] = nn.BatchNorm2d(maps)
        else:
            built += [] if flat else [nn.Flatten()]
            built.append(nn.Linear(math.prod(before), maps * height * width, bias=bias))
            after["batch"] = nn.BatchNorm1d(maps * height * width)
        built += [after[word] for word in found["after"].split() if word != "bias"]
        before, flat = (maps, height, width), not found["kind"]
    return built


def numbers(layer: dict[str, str]) -> tuple[int, int, int]:
    return int(layer["kernel"]), int(layer["stride"]), int(layer["padding"])


def shapes(start: Shape, layers: Sequence[str]) -> list[Shape]:
    """What each layer gives; up, N = (W - 1)S - 2P + K; down, N = (W - K + 2P)/S + 1."""
    found = [start]
    for text in layers:
        layer = parsed(text)
        if layer["kind"]:
            kernel, stride, padding = numbers(layer)
            up = layer["kind"] == "transposed"
            height, width = (
                (side - 1) * stride - 2 * padding + kernel if up else (side - kernel + 2 * padding) // stride + 1
                for side in found[-1][1:]
            )
            found.append((int(layer["maps"]), height, width))
        else:
            found.append((int(layer["numbers"]), int(layer["height"] or 1), int(layer["width"] or 1)))
        if min(found[-1]) < 1 or max(found[-1][1:]) > 1024:
            raise EshiError(
                f"'{text}' makes {told(found[-1])} of {told(found[-2])}", "another kernel, stride or padding"
            )
    return found[1:]


def parsed(text: str) -> dict[str, Any]:
    found = PATTERN.fullmatch(text)
    if not found:
        raise EshiError(f"'{text[:60]}' is not a layer", FORM)
    return found.groupdict()


def told(shape: Shape) -> str:
    return f"{shape[0]} maps of {shape[2]}x{shape[1]}"


def climbing(size: tuple[int, int], thin: int) -> list[str]:
    (width, height), maps = stem(size, thin)
    first = f"transposed {maps[-1]} {height}/1/0" if width == height else f"linear {maps[-1]}x{height}x{width}"
    others = (f"transposed {count} 4/2/1" for count in maps[-2::-1])
    return [*(f"{one} batch relu" for one in (first, *others)), "transposed 3 4/2/1 tanh"]


def descending(size: tuple[int, int], thin: int) -> list[str]:
    _, maps = stem(size, thin)
    first, *others = (f"conv {count} 4/2/1" for count in maps)
    return [f"{first} leaky", *(f"{one} batch leaky" for one in others), "linear 1"]


def stem(size: tuple[int, int], thin: int) -> tuple[tuple[int, int], list[int]]:
    """The smallest map, 4 to 7 px where the size allows it, and the maps of each step from the picture to it."""
    width, height = size
    maps: list[int] = []
    while not maps or (min(width, height) > 7 and width % 2 == height % 2 == 0):
        width, height, maps = width // 2, height // 2, [*maps, thin * 2 ** min(3, len(maps))]
    return (width, height), maps
