"""The network of the finder `net`: one class, centre heatmap plus box, stride 8 (after CenterNet, arXiv:1904.07850, and
the distances to the four sides of FCOS, arXiv:1904.01355)."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8


def convolution(into: int, out: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(convolution(3, 16, 2), convolution(16, 24, 2), convolution(24, 48, 2), Residual(48))
        self.middle = nn.Sequential(convolution(48, 64, 2), Residual(64))
        self.coarse = nn.Sequential(convolution(64, 64, 2), Residual(64))
        self.down_middle, self.down_fine = convolution(64, 64, kernel=1), convolution(64, 48, kernel=1)
        self.join = convolution(48, 56)
        self.head = nn.Conv2d(56, 5, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, 1.0)
        nn.init.constant_(self.head.bias[:1], -4.0)  # so that the many empty cells do not rule the first steps

    def forward(self, x: Tensor) -> Tensor:  # (N, 3, H, W) in [-1, 1], sides a multiple of 32
        fine = self.fine(x)  # (N, 48, H/8, W/8)
        middle = self.middle(fine)  # (N, 64, H/16, W/16)
        coarse = self.coarse(middle)  # (N, 64, H/32, W/32)
        middle = self.down_middle(middle + functional.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        fine = fine + self.down_fine(functional.interpolate(middle, scale_factor=2.0, mode="nearest"))
        return self.head(self.join(fine))  # (N, 5, H/8, W/8): logit, log of left, top, right, bottom in cells


def loss(out: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """`target` (N, 7, h, w): heat, counts, weight of the box, left, top, right, bottom in cells."""
    heat, counts, weight, sides = target[:, 0], target[:, 1], target[:, 2], target[:, 3:]
    chance = out[:, 0].sigmoid().clamp(1e-4, 1 - 1e-4)
    right = (heat > 0.999).float()
    found = right * (1 - chance) ** 2 * chance.log()
    empty = (1 - right) * (1 - heat) ** 4 * chance**2 * (1 - chance).log()
    heat_loss = -((found + empty) * counts).sum() / right.sum().clamp(min=1)
    return heat_loss, apart(out[:, 1:], sides, weight)


def apart(guess: Tensor, sides: Tensor, weight: Tensor) -> Tensor:
    """How little two boxes overlap that are given by their sides (left, top, right, bottom) from one point within, the
    guess by their logarithms: (N, 4, ...)"""
    guess = guess.clamp(-4, 4).exp()
    both = (torch.minimum(guess[:, 0], sides[:, 0]) + torch.minimum(guess[:, 2], sides[:, 2])) * (
        torch.minimum(guess[:, 1], sides[:, 1]) + torch.minimum(guess[:, 3], sides[:, 3])
    )
    area = (guess[:, 0] + guess[:, 2]) * (guess[:, 1] + guess[:, 3])
    true = (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])
    overlap = both / (area + true - both).clamp(min=1e-6)
    return (weight * (1 - overlap)).sum() / weight.sum().clamp(min=1)


def export(network: nn.Module, path: Path, pixels: Tensor, free: dict[int, str], out: dict[int, str]) -> None:
    """ONNX for inputs like `pixels` but for the dimensions that are free, with the batch norms folded into the
    convolutions; the weights of the convolutions are kept in 16 bits, which halves the file."""
    temporary = path.with_suffix(".part.onnx")
    torch.onnx.export(
        network.eval(), (pixels,), str(temporary), dynamo=False, opset_version=13, input_names=["pixels"],
        output_names=["cells"], dynamic_axes={"pixels": free, "cells": out},
    )  # fmt: skip
    model = onnx.load(temporary)
    for kept in [kept for kept in model.graph.initializer if len(kept.dims) == 4]:
        name, values = kept.name, numpy_helper.to_array(kept).astype(np.float16)
        kept.CopyFrom(numpy_helper.from_array(values, f"{name}_half"))
        model.graph.node.insert(0, helper.make_node("Cast", [kept.name], [name], to=TensorProto.FLOAT))
    onnx.save(model, temporary)
    temporary.replace(path)


def layers(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name of a convolution in `Network` -> its weights and biases in an exported file."""
    graph = onnx.load(path).graph
    kept = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity"):
            kept[node.output[0]] = kept[node.input[0]]
        if node.op_type == "Conv":  # "/fine/fine.3/first/first.0/Conv" is fine.3.first.0
            steps = node.name.split("/")[1:-1]
            last = [
                step for step, after in zip(steps, [*steps[1:], ""], strict=True) if not after.startswith(f"{step}.")
            ]
            found[".".join(last)] = tuple(kept[name].astype(np.float32) for name in node.input[1:])
    return found


@torch.no_grad()
def load(network: Network, path: Path, pixels: Tensor) -> None:
    """Begins with an exported file. Its batch norms are gone: they get back what they would remember of `pixels`, and
    undo it, so that the outputs stay as they were. A residual that the file does not have begins by adding next to
    nothing: nothing at all would be the end of a rectifier, where no gradient comes from, and it would never learn."""
    found = layers(path)
    hooks = []

    def remember(norm: nn.BatchNorm2d, given: tuple[Tensor]) -> None:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_var, norm.running_mean = torch.var_mean(given[0], (0, 2, 3))
        norm.weight.mul_((norm.running_var + norm.eps).sqrt())
        norm.bias.add_(norm.running_mean * (norm.weight != 0))

    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d) and name in found:
            part.weight.copy_(torch.from_numpy(found[name][0]))
            if part.bias is not None:
                part.bias.copy_(torch.from_numpy(found[name][1]))
        if isinstance(part, nn.BatchNorm2d):
            before = f"{name[:-1]}0"  # the convolution that it was folded into
            if before in found:
                nn.init.ones_(part.weight)
                part.bias.copy_(torch.from_numpy(found[before][1]))
            hooks.append(part.register_forward_pre_hook(remember))
        if isinstance(part, Residual) and f"{name}.second.0" not in found:
            nn.init.zeros_(part.second[1].weight)
            nn.init.constant_(part.second[1].bias, 1e-3)
    network.eval()(pixels)
    for hook in hooks:
        hook.remove()
    network.train()
