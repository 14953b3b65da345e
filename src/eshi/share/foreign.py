"""Checkpoints of other programs: names and shapes tell the layers, the layers become a recipe and our own state."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.registry import DISCRIMINATORS, GENERATORS
from eshi.ground.schema import BRIEF, show
from eshi.share.memory import remembered

LEAVES = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
ROLES = re.compile(r"(net|model)?_?(g|d|gen|dis|disc|generator|discriminator|netg|netd)", re.IGNORECASE)
# Kernel -> stride, padding: the weights do not tell them, the write-ups and the examples do.
TRANSPOSED = {2: (2, 0), 4: (2, 1), 5: (3, 1), 6: (2, 2)}
SAME = {1: (1, 0), 3: (1, 1), 5: (1, 2), 7: (1, 3)}
DOWN = {2: (2, 0), 3: (2, 1), 4: (2, 1), 5: (3, 1), 6: (2, 2)}
STEM = range(2, 10)  # px of the first map
LEAST, MOST = 16, 1024  # px of a picture
DOUBTED = 0.3  # a trained one remembers to 0.01
DEEPEST = 4  # dicts inside one another
EXPECTED = (
    "eshi knows chains of (transposed) convolutions, linear layers and batch norms, up from a latent or down to D's"
)
State = Mapping[str, Tensor]


class Misfit(Exception):
    """The first thing that does not fit, and what was expected."""


@dataclass
class Layer:
    """A layer with weights, and the batch norm behind it."""

    name: str
    weight: Tensor
    bias: Tensor | None
    norm: dict[str, Tensor] = field(default_factory=dict)
    bent_first: bool = False  # the activation comes before the norm
    text: str = ""  # as networks/chain.py writes it, once that is known

    @property
    def outs(self) -> int | None:
        """How many maps or numbers it gives, where something beside the weight tells."""
        told = self.norm.get("running_mean", self.bias)
        return None if told is None else len(told)

    @property
    def after(self) -> str:
        return " bias" if self.bias is not None else ""

    def words(self, activation: str) -> str:
        both = ["batch", activation] if self.norm else [activation]
        return self.after + "".join(f" {word}" for word in (both[::-1] if self.bent_first else both) if word)


@dataclass
class Found:
    """A network in a file: its part of a recipe, and its weights as that part names them."""

    size: int
    part: dict[str, Any]
    state: dict[str, Tensor]
    name: str  # where in the file
    doubt: float = 0.0  # how far its batch norms' memory lies from what they are shown

    @property
    def layout(self) -> str:
        words = [self.part["name"], f"{self.size} px", f"prior {self.part['prior']}" if "prior" in self.part else ""]
        if self.doubt > DOUBTED:
            words.append("though its batch norms remember other maps: a layer may be another than it seems")
        return ", ".join(filter(None, words)) + (f" ({self.name})" if self.name else "")


def networks_in(raw: Any, prior: str = "") -> tuple[Found | None, Found | None]:
    """The generator and the discriminator that stand in what a file holds; without `prior`, the one that fits it."""
    G: Found | None = None
    critics: list[tuple[str, list[Layer]]] = []
    seen = list(states(raw))
    if not seen:
        raise EshiError("there are no weights in it, as torch names them", EXPECTED)
    for name, state in seen:
        try:
            found = layers(state)
            if draws(found) and G is None:
                G = generator(found, name, prior)
            elif judges(found):
                critics.append((name, found))
            elif not draws(found):
                first, last = (f"{one.name} is {shape(one.weight)}" for one in (found[0], found[-1]))
                raise Misfit(f"{first} and {last}: neither draws three colours nor looks at them")
        except Misfit as error:
            raise EshiError(f"{f'{name}: ' if name else ''}{error}", EXPECTED) from error
    try:
        D = discriminator(critics[0][1], critics[0][0], G.size if G else 0) if critics else None
    except Misfit as error:
        raise EshiError(f"{critics[0][0] or 'the discriminator'}: {error}", EXPECTED) from error
    return G, D


def states(value: Any, name: str = "", depth: int = 0, met: set[int] | None = None) -> Iterator[tuple[str, State]]:
    """Every state dict in it, however it is called and nested; each once, however often it is named."""
    met = set() if met is None else met
    if not isinstance(value, Mapping) or depth > DEEPEST or id(value) in met:
        return
    met.add(id(value))
    words = {key: one for key, one in value.items() if isinstance(key, str)}
    weights = {key: one for key, one in words.items() if isinstance(one, Tensor) and "." in key}
    if any(key.endswith(".weight") for key in weights):
        for part, state in separated(weights):
            yield printable(f"{name}.{part}".strip("."))[:BRIEF], state
        return
    for key, one in words.items():
        yield from states(one, f"{name}.{key}".strip("."), depth + 1, met)


def separated(state: State) -> list[tuple[str, State]]:
    """netG.* and netD.* of one dict are two."""
    plain = {key.removeprefix("_orig_mod.").removeprefix("module."): one for key, one in state.items()}
    heads = list(dict.fromkeys(key.partition(".")[0] for key in plain))
    if len(heads) > 1 and all(ROLES.fullmatch(head) for head in heads):
        return [(h, {k: one for k, one in plain.items() if k.partition(".")[0] == h}) for h in heads]
    return [("", plain)]


def layers(state: State) -> list[Layer]:
    """In the order in which they stand, which is that in which they were made."""
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in state.items():
        name, _, leaf = key.rpartition(".")
        if leaf not in LEAVES:
            raise Misfit(f"{show(key)} is nothing that these layers have: {', '.join(LEAVES)}")
        if not tensor.is_floating_point() and leaf != LEAVES[-1]:
            raise Misfit(f"{show(key)} holds {tensor.dtype}, where numbers with a point were expected")
        groups.setdefault(name, {})[leaf] = tensor
    found: list[Layer] = []
    before = ""  # the name of the layer that a norm would belong to
    for name, its in groups.items():
        if "running_mean" in its or "running_var" in its:
            if not found or found[-1].norm or not its.keys() >= {"running_mean", "running_var"}:
                raise Misfit(f"the batch norm {show(name)} stands behind no layer of its own")
            count = its["running_mean"].numel() if "running_mean" in its else 0
            if any(one.shape != (count,) for leaf, one in its.items() if leaf != LEAVES[-1]):
                raise Misfit(f"the batch norm {show(name)} has parts of different lengths")
            usual = {"weight": torch.ones(count), "bias": torch.zeros(count)}  # of one that learns none
            found[-1].norm = usual | {leaf: its[leaf] for leaf in LEAVES[:4] if leaf in its}
            found[-1].bent_first = gap(before, name) > 1
        elif "weight" not in its or its["weight"].ndim not in (2, 4):
            told = shape(its["weight"]) if "weight" in its else "missing"
            raise Misfit(
                f"the weight of {show(name)} is {told}: expected a convolution, a linear layer or a batch norm"
            )
        else:
            bias = its.get("bias")
            before = name
            if bias is not None and bias.ndim != 1:
                raise Misfit(f"the bias of {show(name)} is {shape(bias)}, where one number a map was expected")
            found.append(Layer(printable(name)[:BRIEF], its["weight"], bias))
    if len(found) < 2:
        raise Misfit(f"it has {len(found)} layers, where two or more were expected")
    return found


def gap(name: str, after: str) -> int:
    """How far two numbered modules of one list lie apart: what has no weights lies between. 1 where nobody knows."""
    (home, _, one), (other, _, two) = name.rpartition("."), after.rpartition(".")
    return int(two) - int(one) if home == other and one.isdecimal() and two.isdecimal() and len(one + two) < 9 else 1


def draws(found: Sequence[Layer]) -> bool:
    last = found[-1].weight
    return last.ndim == 4 and 3 in last.shape[:2] and not judges(found)


def judges(found: Sequence[Layer]) -> bool:
    first, last = found[0].weight, found[-1].weight
    return first.ndim == 4 and first.shape[1] == 3 and last.shape[0] in (1, 2)


def generator(found: list[Layer], name: str, prior: str) -> Found:
    """From a latent of one pixel up to three colours."""
    side, maps = 1, 0
    for before, layer in zip([None, *found], found, strict=False):
        maps, side = (first if before is None else next_up)(layer, found, maps, side)
    if maps != 3:
        raise Misfit(f"{found[-1].name} gives {maps} maps, where three colours were expected")
    if not LEAST <= side <= MOST:
        raise Misfit(f"its layers lead from 1 px to {side} px: {', '.join(one.text for one in found)}")
    weight = found[0].weight
    latent = weight.shape[1] if weight.ndim == 2 else weight.shape[0]
    count = found[-1].weight.shape[0] if found[-1].text.startswith("transposed") else found[-1].weight.shape[1]
    texts = [one.text for one in found]
    chain = {"name": "chain", "latent": latent, "prior": prior or "normal", "layers": texts}
    known, doubt = fitted(GENERATORS, [chain], found, side, name), 0.0
    if any(layer.norm for layer in found):
        prior, words, doubt = remembered(known.part, known.state, side, prior)
        word = iter(words)
        chain |= {"prior": prior, "layers": [re.sub(" relu", lambda _: f" {next(word)}".rstrip(), t) for t in texts]}
    usual = {"name": "dcgan", "latent": latent, "width": count, "prior": chain["prior"]}
    own = [usual | {"stem": stem, "last": last} for stem in ("conv", "linear") for last in (2, 3)]
    known = fitted(GENERATORS, [*(own if chain["layers"] == texts else []), chain], found, side, name)
    known.doubt = doubt
    return known


def first(layer: Layer, found: list[Layer], maps: int, side: int) -> tuple[int, int]:
    weight = layer.weight
    if weight.ndim == 2:
        follower = found[1].weight
        for maps in sorted({layer.outs or 0, *follower.shape[:2]}, key=lambda count: count != layer.outs):
            side = round((len(weight) / maps) ** 0.5) if maps else 0
            if maps in follower.shape[:2] and side in STEM and maps * side**2 == len(weight):
                if layer.norm and layer.outs != len(weight):
                    raise Misfit(f"the norm behind {layer.name} has {layer.outs} numbers, {len(weight)} were expected")
                layer.text = f"linear {maps}x{side}x{side}{layer.words('relu')}"
                return maps, side
        raise Misfit(f"{layer.name} gives {len(weight)} numbers, no square map that {found[1].name} takes")
    maps, high, wide = weight.shape[1:]
    if high != wide or high not in STEM or layer.outs not in (None, maps):
        raise Misfit(f"{layer.name} is {shape(weight)}, where latent x maps x 4 x 4 was expected")
    layer.text = f"transposed {maps} {high}/1/0{layer.words('relu')}"
    return maps, high


def next_up(layer: Layer, found: list[Layer], maps: int, side: int) -> tuple[int, int]:
    weight, last = layer.weight, layer is found[-1]
    if weight.ndim != 4 or weight.shape[2] != weight.shape[3]:
        raise Misfit(f"{layer.name} is {shape(weight)}, where a square convolution was expected")
    one, other, kernel = weight.shape[:3]
    up = one == maps and layer.outs in (None, other) and kernel in TRANSPOSED
    flat = other == maps and layer.outs in (None, one) and kernel in SAME
    if up and flat:  # as many maps as before: an even kernel enlarges, an odd one does not, but the last 5 of 96 px
        up = kernel % 2 == 0
    if not up and not flat:
        want = f"{maps} x N or N x {maps} with a kernel of {', '.join(map(str, sorted({*TRANSPOSED, *SAME})))}"
        raise Misfit(f"{layer.name} is {shape(weight)}, where {want} was expected")
    kind, (stride, padding) = ("transposed", TRANSPOSED[kernel]) if up else ("conv", SAME[kernel])
    outs = other if up else one
    layer.text = f"{kind} {outs} {kernel}/{stride}/{padding}{layer.words('tanh' if last else 'relu')}"
    return outs, (side - 1) * stride - 2 * padding + kernel if up else side


def discriminator(found: list[Layer], name: str, size: int) -> Found:
    """From three colours down to one logit or two; its size follows from the head, or from the generator's."""
    head, body = found[-1], found[:-1]
    maps, shrunk = 3, 1
    for layer in body:
        weight = layer.weight
        if weight.ndim != 4 or weight.shape[1] != maps or weight.shape[2] != weight.shape[3]:
            raise Misfit(f"{layer.name} is {shape(weight)}, where a square convolution of {maps} maps was expected")
        if weight.shape[2] not in DOWN or layer.outs not in (None, len(weight)):
            raise Misfit(f"{layer.name} is {shape(weight)}, where a kernel of {', '.join(map(str, DOWN))} was expected")
        maps, (stride, padding) = len(weight), DOWN[weight.shape[2]]
        layer.text = f"conv {maps} {weight.shape[2]}/{stride}/{padding}{layer.words('leaky')}"
        shrunk *= stride
    if head.norm:
        raise Misfit(f"a batch norm follows {head.name}, which gives the verdict: such a D learns nothing")
    side = head.weight.shape[2] if head.weight.ndim == 4 else round((head.weight.shape[1] / maps) ** 0.5)
    pooled = head.weight.ndim == 2 and side == 1
    if head.weight.shape[1] != maps * (1 if head.weight.ndim == 4 else side**2):
        raise Misfit(f"{head.name} is {shape(head.weight)}, where it is fed by {maps} maps")
    if pooled and not size:
        raise Misfit(
            f"{head.name} looks at means over a map of any size: only a generator beside it could tell the size"
        )
    own = size if pooled else side * shrunk
    if size not in (0, own):
        raise Misfit(f"it looks at {own} px, where the generator draws {size} px")
    kernel = f"conv {len(head.weight)} {side}/1/0" if head.weight.ndim == 4 else f"linear {len(head.weight)}"
    head.text = f"{kernel}{head.after}"
    usual = {"name": "dcgan", "width": len(found[0].weight)}
    heads = ("pool",) if pooled else ("conv", "softmax")
    candidates = [usual | {"head": one, "first": by} for one in heads for by in (2, 3)]
    if not pooled:
        candidates.append({"name": "chain", "layers": [one.text for one in found]})
    return fitted(DISCRIMINATORS, candidates, found, own, name)


def fitted(registry: Any, candidates: list[dict[str, Any]], found: list[Layer], size: int, name: str) -> Found:
    """The first of the candidates that has the same weights in the same order: a family of eshi's own, or a chain."""
    tensors = [
        tensor
        for layer in found
        for tensor in (layer.weight, layer.bias, *(layer.norm[leaf] for leaf in LEAVES[:4] if layer.norm))
        if tensor is not None
    ]
    why = ""
    if any(layer.bent_first for layer in found):  # as eshi's own families never have it
        candidates = candidates[-1:]
    for part in candidates:
        try:
            with torch.device("meta"):
                outline = registry.build(part, size=(size, size)).state_dict()
        except EshiError as error:  # that family has no network of this size
            why = str(error)
            continue
        names = [key for key in outline if not key.endswith(LEAVES[-1])]
        if [outline[key].shape for key in names] == [one.shape for one in tensors]:
            counts = {key: torch.zeros((), dtype=torch.int64) for key in outline if key not in names}
            state = dict(zip(names, (one.detach().float() for one in tensors), strict=True)) | counts
            return Found(size, part, {key: state[key] for key in outline}, name)
    raise Misfit(f"no network of eshi's fits its layers: {why or ', '.join(one.text for one in found)}")


def shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "1"
