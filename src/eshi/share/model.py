"""An ONNX model: written, read back, and run with torch's own functions, which is how an export is checked.

The field numbers are those of onnx.proto; operators are as opset 14 has them.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

import eshi
from eshi.share import wire

OPSET, VERSION = 14, 7  # of the operators, and of the format that came with them
KINDS = {torch.float32: 1, torch.int64: 7, torch.float16: 10}
FLOAT, INT, TEXT, INTS = 1, 2, 3, 7  # kinds of attributes
INPUT, ASKED, OUTPUT = "latent", "words", "faces"


@dataclass
class Node:
    kind: str
    inputs: list[str]
    output: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Model:
    """(N, latent) -> (N, 3, height, width), for any N; with a row of so many words each, where it can be asked. Who
    gives none asks for nothing."""

    latent: int
    size: tuple[int, int]  # width, height
    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    words: int = 0


def content(model: Model) -> bytes:
    width, height = model.size
    graph = [wire.field(1, node_bytes(node)) for node in model.nodes]
    graph.append(wire.field(2, "eshi"))
    graph += [wire.field(5, tensor_bytes(name, tensor)) for name, tensor in model.weights.items()]
    graph.append(wire.field(11, value_bytes(INPUT, (model.latent,))))
    if model.words:  # an input that is also a weight may be left out
        graph.append(wire.field(5, tensor_bytes(ASKED, torch.zeros(1, model.words))))
        graph.append(wire.field(11, value_bytes(ASKED, (model.words,))))
    graph.append(wire.field(12, value_bytes(OUTPUT, (3, height, width))))
    parts = [wire.field(1, VERSION), wire.field(2, "eshi"), wire.field(3, eshi.__version__)]
    parts += [wire.field(7, b"".join(graph)), wire.field(8, wire.field(1, "") + wire.field(2, OPSET))]
    parts += [wire.field(14, wire.field(1, key) + wire.field(2, word)) for key, word in model.facts.items()]
    return b"".join(parts)


def node_bytes(node: Node) -> bytes:
    parts = [*(wire.field(1, name) for name in node.inputs), wire.field(2, node.output), wire.field(3, node.output)]
    parts.append(wire.field(4, node.kind))
    for name, value in node.options.items():
        if isinstance(value, float):
            told = wire.field(2, value) + wire.field(20, FLOAT)
        elif isinstance(value, int):
            told = wire.field(3, value) + wire.field(20, INT)
        elif isinstance(value, str):
            told = wire.field(4, value) + wire.field(20, TEXT)
        else:
            told = b"".join(wire.field(8, one) for one in value) + wire.field(20, INTS)
        parts.append(wire.field(5, wire.field(1, name) + told))
    return b"".join(parts)


def tensor_bytes(name: str, tensor: Tensor) -> bytes:
    shape = b"".join(wire.field(1, side) for side in tensor.shape)
    numbers = tensor.detach().cpu().contiguous().numpy().tobytes()
    return shape + wire.field(2, KINDS[tensor.dtype]) + wire.field(8, name) + wire.field(9, numbers)


def value_bytes(name: str, shape: tuple[int, ...]) -> bytes:
    sides = wire.field(1, wire.field(2, "N")) + b"".join(wire.field(1, wire.field(1, side)) for side in shape)
    return wire.field(1, name) + wire.field(
        2, wire.field(1, wire.field(1, KINDS[torch.float32]) + wire.field(2, sides))
    )


def read(content: bytes) -> tuple[list[Node], dict[str, Tensor], dict[str, str]]:
    """Nodes, weights and facts of a model; a ValueError where the bytes are none."""
    nodes: list[Node] = []
    weights: dict[str, Tensor] = {}
    facts: dict[str, str] = {}
    for number, value in wire.fields(memoryview(content)):
        if number == 7:
            for inner, part in wire.fields(message(value)):
                if inner == 1:
                    nodes.append(node_of(message(part)))
                elif inner == 5:
                    name, tensor = tensor_of(message(part))
                    weights[name] = tensor
        elif number == 14:
            pair = {inner: text(part) for inner, part in wire.fields(message(value))}
            facts[pair.get(1, "")] = pair.get(2, "")
    return nodes, weights, facts


def node_of(part: memoryview) -> Node:
    node = Node("", [], "")
    for number, value in wire.fields(part):
        if number == 1:
            node.inputs.append(text(value))
        elif number == 2:
            node.output = text(value)
        elif number == 4:
            node.kind = text(value)
        elif number == 5:
            name, told = option(message(value))
            node.options[name] = told
    return node


def option(part: memoryview) -> tuple[str, Any]:
    name, kind, values = "", 0, []
    for number, value in wire.fields(part):
        if number == 1:
            name = text(value)
        elif number in (2, 3, 4, 8):
            values.append(text(value) if number == 4 else value)
        elif number == 20:
            kind = int(str(value))
    if not values:
        raise ValueError("an option of it has no value")
    return name, values if kind == INTS else values[0]


def tensor_of(part: memoryview) -> tuple[str, Tensor]:
    shape: list[int] = []
    kind, name, numbers = 0, "", memoryview(b"")
    for number, value in wire.fields(part):
        if number == 1 and isinstance(value, int):
            shape.append(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number == 8:
            name = text(value)
        elif number == 9:
            numbers = message(value)
    types = {code: dtype for dtype, code in KINDS.items()}
    if kind not in types or len(shape) > 8 or any(not 0 <= side < 2**40 for side in shape):
        raise ValueError("a tensor of it is none that eshi writes")
    if math.prod(shape) * types[kind].itemsize != len(numbers):
        raise ValueError("a tensor of it declares another size than it has")
    if not numbers:
        return name, torch.empty(shape, dtype=types[kind])
    return name, torch.frombuffer(bytearray(numbers), dtype=types[kind]).reshape(shape)


def message(value: object) -> memoryview:
    if not isinstance(value, memoryview):
        raise ValueError("a number stands where a part was expected")
    return value


def text(value: object) -> str:
    return bytes(message(value)).decode("utf-8")


@torch.inference_mode()
def run(content: bytes, z: Tensor, words: Tensor | None = None) -> Tensor:
    """What the file's model draws of latents, asked for what the words say."""
    nodes, weights, _ = read(content)
    values: dict[str, Tensor] = dict(weights) | {INPUT: z} | ({} if words is None else {ASKED: words})
    for node in nodes:
        values[node.output] = OPERATORS[node.kind](node.options, *(values[name] for name in node.inputs if name))
    return values[OUTPUT]


def square(pads: list[int]) -> list[int]:
    assert pads[:2] == pads[2:]
    return pads[:2]


OPERATORS: Mapping[str, Callable[..., Tensor]] = {
    "Relu": lambda o, x: torch.relu(x),
    "LeakyRelu": lambda o, x: functional.leaky_relu(x, o["alpha"]),
    "Tanh": lambda o, x: torch.tanh(x),
    "Add": lambda o, x, y: x + y,
    "Cast": lambda o, x: x.float(),
    "Flatten": lambda o, x: x.flatten(1),
    "Reshape": lambda o, x, shape: x.reshape(shape.tolist()),
    "Gemm": lambda o, x, weight, bias: x @ weight.T + bias,
    "Conv": lambda o, x, w, b: functional.conv2d(x, w, b, o["strides"], square(o["pads"])),
    "ConvTranspose": lambda o, x, w, b: functional.conv_transpose2d(x, w, b, o["strides"], square(o["pads"])),
    "BatchNormalization": lambda o, x, w, b, m, v: functional.batch_norm(x, m, v, w, b, eps=o["epsilon"]),
    "Resize": lambda o, x, scales: functional.interpolate(x, scale_factor=scales[2:].tolist()),
}
