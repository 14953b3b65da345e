"""DCGAN (Radford, Metz, Chintala 2015, arXiv:1511.06434) with the stems, heads and sizes of the five write-ups."""

import itertools
import math
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.ground.schema import Range, Share
from eshi.networks import prior as priors
from eshi.networks.contracts import pair
from eshi.networks.engine import keep
from eshi.networks.shard import Dropout

Init = Literal["normal", "default"]
Width = Annotated[int, Range(1, 512)]  # channels next to the picture; eight times as many away from it
KERNELS = {2: (4, 2, 1), 3: (5, 3, 1)}  # factor -> kernel, stride, padding (the second from write-up B: 32 <-> 96)
GROUP = 4  # pictures that are compared with one another
STEM = range(3, 8)  # px: the short side of the smallest feature map; 4 in the paper, 6 for 96 = 6 x 2^4


def ladder(size: tuple[int, int], factor: int) -> list[tuple[int, int]]:
    """The feature map sizes from the stem to the picture, whose last step is `factor` and all others 2.

    Up, N = (W - 1)S - 2P + K; down, N = (W - K + 2P)/S + 1; with KERNELS both change the size by exactly S.
    """
    steps = climb(size, factor)
    if not reached(steps):
        raise EshiError(unreachable(size, factor, steps), reachable(size, factor))
    return steps


def climb(size: tuple[int, int], factor: int) -> list[tuple[int, int]]:
    steps = [size]
    while len(steps) == 1 or min(steps[0]) > STEM[-1]:
        by = factor if len(steps) == 1 else 2
        if any(side % by for side in steps[0]):
            break
        steps.insert(0, (steps[0][0] // by, steps[0][1] // by))
    return steps


def reached(steps: list[tuple[int, int]]) -> bool:
    return len(steps) > 1 and min(steps[0]) in STEM


def unreachable(size: tuple[int, int], factor: int, steps: list[tuple[int, int]]) -> str:
    kernel, stride, padding = KERNELS[factor if len(steps) == 1 else 2]
    (width, height), by = steps[0], factor if len(steps) == 1 else 2
    odd = next((side for side in (width, height) if side % by), width)
    way = " <- ".join(f"{w}x{h}" for w, h in reversed(steps))
    why = (
        f"no W gives {odd} = (W - 1) x {stride} - 2 x {padding} + {kernel}, since {odd}/{stride} is not whole"
        if odd % by
        else f"{min(steps[0])} px is no stem: it needs {STEM[0]} to {STEM[-1]} px"
    )
    return f"size {size[0]}x{size[1]} cannot be reached: {way}; {why}"


def reachable(size: tuple[int, int], factor: int) -> str:
    """A hint naming what would work."""
    for other in KERNELS:
        if reached(climb(size, other)):
            return f"with a last step of {other} it can: --set generator.last={other} --set discriminator.first={other}"
    if size[0] != size[1]:
        return "both sides must be halved equally often down to 3 to 7 px, as 64x96 = 4x6 times 16"
    sides = {stem * 2**doublings * factor for stem in STEM for doublings in range(8)}
    near = sorted(sides, key=lambda side: abs(side - size[0]))[:4]
    return f"near it: {', '.join(map(str, sorted(near)))}"


def channels(width: int, count: int) -> list[int]:
    """Doubling away from the picture, to at most width x 8: [512, 256, 128, 64] for width 64."""
    return [width * 2 ** min(3, i) for i in reversed(range(count))]


def initialise(network: nn.Module, how: Init) -> None:
    """The paper's section 4: weights from N(0, 0.02), batch norm's from N(1, 0.02)."""
    if how == "default" or next(network.parameters()).is_meta:  # an outline has no weights
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


class ResidualStem(nn.Module):
    """Write-up E: a linear layer to the first feature map, then a residual block of two 3x3 convolutions."""

    def __init__(self, latent: int, count: int, height: int, width: int, momentum: float):
        super().__init__()
        self.project = nn.Sequential(nn.Linear(latent, count * height * width), nn.Unflatten(1, (count, height, width)))
        self.block = nn.Sequential(
            nn.Conv2d(count, count, 3, padding=1, bias=False),
            nn.BatchNorm2d(count, momentum=momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(count, count, 3, padding=1, bias=False),
            nn.BatchNorm2d(count, momentum=momentum),
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.project(z)
        return torch.relu(x + self.block(x))


def make_stem(kind: str, latent: int, count: int, height: int, width: int, momentum: float) -> nn.Module:
    if kind == "residual":
        return ResidualStem(latent, count, height, width, momentum)
    if kind == "linear":
        features = count * height * width
        return nn.Sequential(
            nn.Linear(latent, features, bias=False),
            nn.BatchNorm1d(features, momentum=momentum),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (count, height, width)),
        )
    return nn.Sequential(
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, count, (height, width), bias=False),
        nn.BatchNorm2d(count, momentum=momentum),
        nn.ReLU(inplace=True),
    )


class Reminder(nn.Sequential):
    """(N, latent) -> (N, count, 1, 1), what is added to a layer's maps at all of `places`: next to nothing at first."""

    def __init__(self, latent: int, count: int, places: int):
        layer = nn.Linear(latent, count)
        nn.init.normal_(layer.weight, 0.0, 0.02)
        nn.init.zeros_(layer.bias)
        super().__init__(layer, nn.Unflatten(1, (count, 1, 1)))
        self.places = places


class Even(nn.Parameter):
    """The weight of a transposed layer of kernel 4 and stride 2 that enlarges what is even to what is even.

    Of its 4 x 4 taps each pixel meets 2 x 2, by its place among the four that come of one; these four sums are kept
    equal. Else the same lattice lies upon all that has no detail, cells of two pixels here, of four or eight in the
    picture: no teacher minds, the eye does (docs/LOG.md).
    """

    def keep(self) -> None:
        quarters = [self[:, :, row : row + 2, column : column + 2] for row in (0, 2) for column in (0, 2)]
        first, second, third, fourth = quarters
        sums = first + second + third + fourth
        sums -= sums.mean((2, 3), keepdim=True)
        for quarter in quarters:
            quarter -= sums / 4


@GENERATORS.register("dcgan")
class Generator(nn.Module):
    """(N, latent) -> (N, 3, height, width) in [-1, 1]

    With `remind` no layer has to hand on to the next ones all that the latent asks for: each is told it again, behind
    its batch norm (the added half of self-modulation: Chen et al. 2019, arXiv:1810.01365). With `even` no
    layer that enlarges by two lays a lattice upon its maps.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        latent: Annotated[int, Range(1, 1024)] = 100,
        width: Width = 64,
        stem: Literal["conv", "linear", "residual"] = "conv",
        last: Literal[2, 3] = 2,
        momentum: Share = 0.1,
        prior: priors.Name = "normal",
        init: Init = "normal",
        end: Literal["transposed", "resize"] = "transposed",
        remind: bool = False,
        even: bool = False,
    ):
        super().__init__()
        self.size, self.latent, self.prior = pair(size), latent, priors.PRIORS[prior]
        steps = ladder(self.size, last)
        counts = channels(width, len(steps) - 1)
        layers: list[nn.Module] = [make_stem(stem, latent, counts[0], steps[0][1], steps[0][0], momentum)]
        for before, after in itertools.pairwise(counts):
            layers += [
                nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after, momentum=momentum),
                nn.ReLU(inplace=True),
            ]
        layers += [*make_end(end, counts[-1], last), nn.Tanh()]
        self.layers, self.factor = nn.Sequential(*layers), last if end == "resize" else 0
        initialise(self, init)
        for layer in layers if even else ():
            if isinstance(layer, nn.ConvTranspose2d) and layer.kernel_size == (4, 4):
                layer.weight = Even(layer.weight)
        keep(self.parameters())
        told = zip(counts[1:], map(math.prod, steps[1:-1]), strict=True)
        self.reminders: Any = nn.ModuleList(Reminder(latent, *each) for each in told) if remind else ()

    @staticmethod
    def fits(size: int | tuple[int, int], last: Literal[2, 3] = 2, **others: Any) -> None:
        ladder(pair(size), last)

    def draw(self, count: int, seed: int | None = None) -> Tensor:
        """(count, latent) from the prior; with a seed, row i is the same for every count."""
        return self.prior.draw(count, self.latent, seed, next(self.parameters()).device)

    def forward(self, z: Tensor) -> Tensor:
        layers: list[Any] = list(self.layers)
        end = layers[-3:] if self.factor else layers[-2:]
        told = [reminder(z) for reminder in self.reminders]
        maps: Tensor = layers[0](z)
        for i in range(1, len(layers) - len(end), 3):
            maps = layers[i + 1](layers[i](maps))
            maps = layers[i + 2](maps + told[i // 3] if told else maps)
        if self.training and self.factor:
            return torch.tanh(enlarged(maps, end[1].weight, self.factor))
        for layer in end:
            maps = layer(maps)
        return maps  # (N, 3, H, W)


def make_end(kind: str, count: int, factor: int) -> list[nn.Module]:
    """To three colours at the picture's size. Enlarged first and then filtered, no grid of pixel pairs can appear."""
    if kind == "resize":
        return [nn.Upsample(scale_factor=factor), nn.Conv2d(count, 3, 3, padding=1, bias=False)]
    return [nn.ConvTranspose2d(count, 3, *KERNELS[factor], bias=False)]


def enlarged(maps: Tensor, weight: Tensor, factor: int) -> Tensor:
    """What `make_end` does to maps, before they are enlarged: a pixel's place among those of one cell decides which
    neighbours its 3x3 filter meets, so it is one filter a place. Processors pad three colours to sixteen; factor x
    factor x 3 fill them (docs/LOG.md)."""
    meets = torch.zeros(factor, 3, 3, device=weight.device)  # place, neighbour, tap
    for place, tap in itertools.product(range(factor), range(3)):
        meets[place, (place + tap - 1) // factor + 1, tap] = 1
    with torch.autocast(maps.device.type, enabled=False):
        filters = torch.einsum("pot,qus,cits->cpqiou", meets, meets, weight.float())
    drawn = torch.nn.functional.conv2d(maps, filters.reshape(-1, *weight.shape[1:]), padding=1)
    return torch.nn.functional.pixel_shuffle(drawn, factor)


def make_norm(kind: str, count: int, momentum: float) -> list[nn.Module]:
    if kind == "none":
        return []
    return [nn.BatchNorm2d(count, momentum=momentum) if kind == "batch" else nn.GroupNorm(1, count)]


@DISCRIMINATORS.register("dcgan")
class Discriminator(nn.Module):
    """(N, 3, height, width) -> (N,) logits, higher = more real. Its first layer and its output have no norm, ever.

    With `compare` its head is also told how much the pictures of a batch differ (Karras et al. 2018, arXiv:1710.10196),
    so that drawings all alike betray themselves; a picture that is asked about alone is judged by what it shows.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        width: Width = 64,
        head: Literal["conv", "pool", "softmax"] = "conv",
        first: Literal[2, 3] = 2,
        norm: Literal["batch", "layer", "none"] = "batch",
        momentum: Share = 0.1,
        dropout: Annotated[float, Range(0, below=1)] = 0.0,
        init: Init = "normal",
        compare: bool = False,
    ):
        super().__init__()
        self.size, self.compare = pair(size), compare
        steps = ladder(self.size, first)
        counts = channels(width, len(steps) - 1)[::-1]
        layers: list[nn.Module] = []
        for i, (before, after) in enumerate(zip([3, *counts[:-1]], counts, strict=True)):
            layers.append(nn.Conv2d(before, after, *KERNELS[2 if i else first], bias=bool(i and norm == "none")))
            layers += make_norm(norm, after, momentum) if i else []
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            layers += [Dropout(dropout)] if dropout else []
        self.features = nn.Sequential(*layers)
        self.head = make_head(head, counts[-1] + compare, steps[0])
        initialise(self, init)

    @staticmethod
    def fits(size: int | tuple[int, int], first: Literal[2, 3] = 2, **others: Any) -> None:
        ladder(pair(size), first)

    def forward(self, images: Tensor) -> Tensor:
        return self.read(images)[0]

    def read(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = maps = self.features(images)
        if self.compare:
            maps = torch.cat([maps, differences(maps) if self.training else torch.zeros_like(maps[:, :1])], dim=1)
        out: Tensor = self.head(maps).float()  # (N, 1), or (N, 2) from the softmax head
        # Softmax cross-entropy of two classes sees only the difference of their logits.
        return out[:, 1] - out[:, 0] if out.shape[1] == 2 else out[:, 0], seen.flatten(1)


def differences(maps: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, 1, H, W): the standard deviation among each group of pictures, averaged to one number."""
    count, _, height, width = maps.shape
    group = GROUP if count % GROUP == 0 else count
    groups = maps.float().reshape(group, count // group, -1)
    variance = (groups - groups.mean(dim=0)).square().mean(dim=0)  # torch's own `var` takes ten times as long
    spread = (variance + 1e-8).sqrt().mean(dim=1)
    return spread.repeat(group).view(count, 1, 1, 1).expand(count, 1, height, width).to(maps.dtype)


def make_head(kind: str, count: int, size: tuple[int, int]) -> nn.Module:
    width, height = size
    if kind == "pool":
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(count, 1))
    if kind == "softmax":
        return nn.Sequential(nn.Flatten(), nn.Linear(count * height * width, 2))
    return nn.Sequential(nn.Conv2d(count, 1, (height, width), bias=False), nn.Flatten())
