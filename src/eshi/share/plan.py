"""G as a list of steps that are all of one kind, so that a browser needs one routine to draw.

Every layer of a generator is the same thing: output pixel s q + r, of phase r, is a sum over neighbours d of input
pixel j q + d, each through a matrix of its own. A linear layer is that with an input of one pixel, a convolution has
one phase and its stride for j, a transposed one s x s phases, enlarging copies into s x s, and enlarging followed by a
convolution is a step of that kind again. Batch norm goes into the matrices.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from eshi.ground.errors import EshiError

Phase = dict[tuple[int, int], np.ndarray]  # (down, right) of a neighbour -> (inputs, outputs)


class Refused(Exception):
    """What a layer does that no step can do."""


@dataclass
class Step:
    """What it sums is bent: max(x, 0) + slope min(x, 0), and 1 leaves everything as it is. Before, `plus` is added: a
    value of the same size, or of one pixel, which is added to each."""

    source: int  # of the values: 0 is the latent, 1 what the first step gives ...
    size: tuple[int, int]  # height, width of what it gives
    stride: tuple[int, int]  # down, right: from one pixel of a phase to its next
    jump: tuple[int, int]  # the same, in its input
    phases: dict[tuple[int, int], Phase]
    bias: np.ndarray  # (down, right, outputs): each phase has its own
    slope: float = 1.0
    plus: int | None = None

    @property
    def inputs(self) -> int:
        return int(self.matrices()[0].shape[0])

    @property
    def outputs(self) -> int:
        return int(self.matrices()[0].shape[1])

    def count(self, phase: tuple[int, int]) -> tuple[int, int]:
        """Pixels of a phase, down and right."""
        rows, columns = (-(-(side - r) // s) for side, r, s in zip(self.size, phase, self.stride, strict=True))
        return max(0, rows), max(0, columns)

    def matrices(self) -> list[np.ndarray]:
        return [matrix for phase in self.phases.values() for matrix in phase.values()]

    def scaled(self, scale: np.ndarray, shift: np.ndarray) -> None:
        """As if what it gives were multiplied and moved afterwards, channel by channel."""
        for phase in self.phases.values():
            for place in phase:
                phase[place] = phase[place] * scale
        self.bias = self.bias * scale + shift


@dataclass
class Plan:
    latent: int
    size: tuple[int, int]  # width, height
    steps: list[Step] = field(default_factory=list)
    end: str = "none"  # or tanh

    def border(self) -> int:
        """How far beyond a value's edges a neighbour lies, at most: so wide is the border of zeros around each."""
        widest = 0
        for step in self.steps:
            sides = self.steps[step.source - 1].size if step.source else (1, 1)
            for phase, taps in step.phases.items():
                for axis, side in enumerate(sides):
                    beyond = step.jump[axis] * (step.count(phase)[axis] - 1) - (side - 1)
                    widest = max(widest, *(max(-place[axis], beyond + place[axis]) for place in taps))
        return widest

    def draw(self, z: np.ndarray) -> np.ndarray:
        """(N, latent) -> (N, H, W, 3) uint8: what the browser does, in numpy."""
        values, border = [z.astype(np.float32).reshape(len(z), 1, 1, -1)], self.border()
        for step in self.steps:
            (down, right), (rows, columns) = step.stride, step.jump
            around = np.pad(values[step.source], ((0, 0), (border, border), (border, border), (0, 0)))
            out = np.empty((len(z), *step.size, step.outputs), np.float32)
            for (y, x), phase in step.phases.items():
                height, width = step.count((y, x))
                out[:, y::down, x::right] = step.bias[y, x]
                for (dy, dx), matrix in phase.items():
                    seen = around[:, border + dy :: rows, border + dx :: columns][:, :height, :width]
                    out[:, y::down, x::right] += seen @ matrix.astype(np.float32)
            if step.plus is not None:
                out += values[step.plus]
            values.append(np.maximum(out, 0) + np.float32(step.slope) * np.minimum(out, 0))
        drawn = np.tanh(values[-1]) if self.end == "tanh" else values[-1]
        return (drawn * 127.5 + 128).clip(0, 255).astype(np.uint8)

    def macs(self) -> int:
        """Multiplications that a face takes."""
        shares = ((step.count(phase), taps) for step in self.steps for phase, taps in step.phases.items())
        return sum(math.prod(count) * matrix.size for count, taps in shares for matrix in taps.values())


class Reader:
    """Goes through what G does to one latent, and writes the steps down."""

    def __init__(self, G: nn.Module, latent: int, size: tuple[int, int]):
        self.plan = Plan(latent, size)
        self.graph = fx.symbolic_trace(G)
        ShapeProp(self.graph).propagate(torch.zeros(1, latent))
        self.layers = dict(self.graph.named_modules())
        self.values: dict[fx.Node, int] = {}
        self.enlarged: dict[fx.Node, int] = {}  # by nearest neighbours, not done yet: the next convolution may do it
        self.shared: set[int] = set()  # values that are known under several names

    def read(self) -> Plan:
        for node in self.graph.graph.nodes:
            if node.op == "placeholder":
                self.values[node] = 0
            elif node.op == "output":
                self.finish(node.args[0])
            elif "tensor_meta" in node.meta:  # numbers, such as a batch's size, are only used to reshape
                self.values[node] = self.value(node)
        return self.plan

    def finish(self, node: Any) -> None:
        width, height = self.plan.size
        if self.values[node] != len(self.plan.steps) or shape(node) != (3, height, width):
            raise Refused("it does not end with a picture of three colours")

    def value(self, node: fx.Node) -> int:
        layer = self.layers.get(str(node.target)) if node.op == "call_module" else None
        name = type(layer).__name__ if layer is not None else getattr(node.target, "__name__", str(node.target))
        if layer is None and node.op not in ("call_function", "call_method"):
            raise Refused(f"it reads {node.target}, which is no layer")
        if name in ("Identity", "Dropout", "Dropout2d", "contiguous", "float"):
            return self.passed(node)
        if name in ("Unflatten", "Flatten", "flatten", "view", "reshape", "unflatten", "unsqueeze", "getitem"):
            return self.reshaped(node)
        if name.lower().startswith("relu") or name.lower().replace("_", "") == "leakyrelu":
            return self.bent(node, slope_of(node, layer))
        if name.lower() == "tanh":
            return self.ended(node)
        if name in ("add", "iadd", "add_"):
            return self.added(node)
        if self.plan.end != "none":
            raise Refused(f"{name} follows tanh")
        if isinstance(layer, nn.Upsample):
            return self.enlarge(node, layer)
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            return self.normed(node, layer)
        if isinstance(layer, nn.Linear):
            if shape(before(node)) != (layer.in_features,):
                raise Refused(f"a linear layer over {shape(before(node))}")
            return self.step(node, {(0, 0): {(0, 0): array(layer.weight).T}}, layer)
        if isinstance(layer, nn.ConvTranspose2d):
            return self.step(node, transposed(layer, wide(before(node)), wide(node)), layer)
        if isinstance(layer, nn.Conv2d):
            by = self.enlarged.get(before(node), 1) if layer.stride == (1, 1) else 1
            return self.step(node, convolved(layer, by), layer, (layer.stride[0], layer.stride[1]), by > 1)
        raise Refused(f"{name} is no layer that the page knows")

    def step(
        self, node: fx.Node, phases: dict[tuple[int, int], Phase], layer: Any, jump: tuple[int, int] = (1, 1),
        enlarges: bool = False,
    ) -> int:  # fmt: skip
        """What was to be enlarged before this layer is, first, unless the phases do that by themselves."""
        source = before(node)
        if source in self.enlarged and not enlarges:
            self.values[source] = self.copy(source)
            del self.enlarged[source]
        channels, height, width = wide(node)
        stride = max(phases)[0] + 1, max(phases)[1] + 1
        bias = np.zeros((*stride, channels)) + (0 if layer.bias is None else array(layer.bias))
        self.plan.steps.append(Step(self.values[source], (height, width), stride, jump, phases, bias))
        return len(self.plan.steps)

    def own(self, node: fx.Node) -> Step:
        """The step that gave a value which nothing else has seen, so that it may still be changed. If there is none, a
        step that only copies."""
        source = before(node)
        if not self.fresh(source) or self.plan.steps[-1].slope != 1 or self.plan.end != "none":
            self.copy(source)
        return self.plan.steps[-1]

    def fresh(self, node: fx.Node) -> bool:
        """Does it come from the last step, and is nothing else made of it?"""
        index = self.values[node]
        last = index == len(self.plan.steps) > 0 and node not in self.enlarged
        return last and len(node.users) == 1 and index not in self.shared

    def copy(self, source: fx.Node) -> int:
        """A step that gives what it takes, enlarged, where that was still to be done."""
        channels, height, width = wide(source)
        by, one = self.enlarged.get(source, 1), np.eye(channels)
        phases: dict[tuple[int, int], Phase] = {(y, x): {(0, 0): one} for y in range(by) for x in range(by)}
        bias = np.zeros((by, by, channels))
        self.plan.steps.append(Step(self.values[source], (height, width), (by, by), (1, 1), phases, bias))
        return len(self.plan.steps)

    def passed(self, node: fx.Node) -> int:
        source = before(node)
        if source in self.enlarged:
            self.enlarged[node] = self.enlarged[source]
        if len(source.users) > 1:
            self.shared.add(self.values[source])
        return self.values[source]

    def bent(self, node: fx.Node, slope: float) -> int:
        self.own(node).slope = slope
        return len(self.plan.steps)

    def ended(self, node: fx.Node) -> int:
        if not all(user.op == "output" for user in node.users):
            raise Refused("tanh before the end")
        self.own(node)
        self.plan.end = "tanh"
        return len(self.plan.steps)

    def normed(self, node: fx.Node, layer: Any) -> int:
        if layer.running_var is None:
            raise Refused("a batch norm that keeps no averages")
        scale = 1 / np.sqrt(array(layer.running_var) + layer.eps)
        scale = scale if layer.weight is None else scale * array(layer.weight)
        shift = (0 if layer.bias is None else array(layer.bias)) - array(layer.running_mean) * scale
        if self.own(node).plus is not None:  # that would not be scaled with the rest
            self.copy(before(node))
        self.plan.steps[-1].scaled(scale, shift)
        return len(self.plan.steps)

    def enlarge(self, node: fx.Node, layer: nn.Upsample) -> int:
        (_, height, width), (_, tall, broad) = wide(before(node)), wide(node)
        by = tall // height
        if layer.mode != "nearest" or (height * by, width * by) != (tall, broad):
            raise Refused(f"enlarging by {layer.mode} from {height} x {width} to {tall} x {broad}")
        self.enlarged[node] = by * self.enlarged.get(before(node), 1)
        return self.values[before(node)]

    def added(self, node: fx.Node) -> int:
        one, other = node.args[:2]
        if not (isinstance(one, fx.Node) and isinstance(other, fx.Node)):
            raise Refused("adding what is no value")
        if shape(one) == shape(other):
            late, early = (one, other) if self.values[one] > self.values[other] else (other, one)
        else:  # to each pixel of the larger one
            late, early = (one, other) if math.prod(shape(one)) > math.prod(shape(other)) else (other, one)
            if wide(early) != (wide(late)[0], 1, 1):
                raise Refused(f"adding {shape(early)} to {shape(late)}")
        if early in self.enlarged or self.values[early] == 0:
            raise Refused("adding to the latent, or to an enlarged map")
        if not self.fresh(late) or self.plan.steps[-1].slope != 1 or self.plan.steps[-1].plus is not None:
            self.copy(late)
        self.plan.steps[-1].plus = self.values[early]
        return len(self.plan.steps)

    def reshaped(self, node: fx.Node) -> int:
        """Of one pixel's channels a map: the step that made them makes the map at once."""
        source = before(node)
        if source in self.enlarged:
            raise Refused("reshaping an enlarged map")
        if wide(source) == wide(node):
            return self.passed(node)
        index, (channels, height, width) = self.values[source], wide(node)
        if wide(source)[1:] != (1, 1) or not self.fresh(source):
            raise Refused(f"reshaping {shape(source)} to {shape(node)}")
        step = self.plan.steps[-1]
        if step.plus is not None:
            raise Refused("reshaping a sum")
        matrix = step.phases[0, 0][0, 0].reshape(step.inputs, channels, height, width)
        step.size = step.stride = height, width
        step.bias = step.bias.reshape(channels, height, width).transpose(1, 2, 0)
        step.phases = {(y, x): {(0, 0): matrix[:, :, y, x]} for y in range(height) for x in range(width)}
        return index


def compiled(G: Any, latent: int, size: tuple[int, int]) -> Plan:
    """G as steps, or an error that says which layer cannot be one."""
    hint = "the page draws what is made of linear layers, convolutions, batch norm, relu, enlarging and tanh"
    if not isinstance(G, nn.Module):
        raise EshiError("this generator is no torch module: the page cannot take it over", hint)
    try:
        plan = Reader(G, latent, size).read()
    except Refused as error:
        raise EshiError(f"the page cannot draw as this generator does: {error}", hint) from error
    except Exception as error:  # fx raises whatever a generator's own code makes it stumble over
        raise EshiError(f"the page cannot follow this generator: {type(error).__name__}: {error}", hint) from error
    if not all(np.isfinite(numbers).all() for step in plan.steps for numbers in [step.bias, *step.matrices()]):
        raise EshiError("this generator holds numbers that are not finite: it diverged", "try an earlier copy", 1)
    return plan


def before(node: fx.Node) -> fx.Node:
    found = node.args[0]
    if not isinstance(found, fx.Node):
        raise Refused(f"{node.name} takes no value of another layer")
    return found


def shape(node: fx.Node) -> tuple[int, ...]:
    """Of one face's share of a value."""
    return tuple(node.meta["tensor_meta"].shape)[1:]


def wide(node: fx.Node) -> tuple[int, int, int]:
    """(channels, height, width); numbers in a row are the channels of one pixel."""
    found = shape(node)
    if len(found) not in (1, 3):
        raise Refused(f"a value of shape {found}")
    return (found[0], 1, 1) if len(found) == 1 else (found[0], found[1], found[2])


def array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach().double().cpu().numpy())


def slope_of(node: fx.Node, layer: Any) -> float:
    if "leaky" not in (type(layer).__name__ if layer is not None else str(node.target)).lower():
        return 0.0
    if layer is not None:
        return float(layer.negative_slope)
    return float(node.kwargs.get("negative_slope", node.args[1] if len(node.args) > 1 else 0.01))  # type: ignore[arg-type]


def plain(layer: Any) -> None:
    if layer.groups != 1 or set(layer.dilation) != {1} or layer.padding_mode != "zeros":
        raise Refused("a convolution with groups, dilation or other borders than zeros")


def transposed(
    layer: nn.ConvTranspose2d, source: tuple[int, int, int], target: tuple[int, int, int]
) -> dict[tuple[int, int], Phase]:
    """Output o is fed by input i through k = o + padding - s i: with o = s q + r, i = q + d it is r + padding - s d."""
    plain(layer)
    one = source[1:] == (1, 1)  # then there is no q but 0, and every output pixel is a phase
    down, right = target[1:] if one else (layer.stride[0], layer.stride[1])
    weight, top, left = array(layer.weight), int(layer.padding[0]), int(layer.padding[1])  # (inputs, outputs, h, w)
    high, broad = weight.shape[2:]
    phases: dict[tuple[int, int], Phase] = {}
    for y, x in np.ndindex(down, right):
        taps = {
            (dy, dx): weight[:, :, y + top - down * dy, x + left - right * dx]
            for dy in ([0] if one else range(-high, high + top))
            for dx in ([0] if one else range(-broad, broad + left))
            if 0 <= y + top - down * dy < high and 0 <= x + left - right * dx < broad
        }
        phases[y, x] = taps or {(0, 0): np.zeros(weight.shape[:2])}  # a kernel smaller than its stride leaves gaps
    return phases


def convolved(layer: nn.Conv2d, by: int) -> dict[tuple[int, int], Phase]:
    """Of what was enlarged `by` before: enlarged pixel e is pixel e // by, so taps of the kernel that meet add up."""
    plain(layer)
    if isinstance(layer.padding, str):
        raise Refused(f"a convolution with padding={layer.padding}")
    weight, (top, left) = array(layer.weight).transpose(1, 0, 2, 3), layer.padding
    phases: dict[tuple[int, int], Phase] = {}
    for y, x in np.ndindex(by, by):
        phase: Phase = {}
        for ky, kx in np.ndindex(weight.shape[2], weight.shape[3]):
            place = (y + ky - top) // by, (x + kx - left) // by
            phase[place] = phase.get(place, 0) + weight[:, :, ky, kx]
        phases[y, x] = phase
    return phases
