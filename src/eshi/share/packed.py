"""A plan's weights as whole numbers in a file, in the order in which the browser multiplies them."""

import dataclasses
import gzip
from typing import Any

import numpy as np

from eshi.share.plan import Plan

BLOCK = 8  # outputs that the browser computes at once: two vectors of four
MOST = {16: 32767, 8: 127}  # of a whole number


def packed(plan: Plan, bits: int) -> tuple[dict[str, Any], bytes, Plan]:
    """What the browser must know of the plan, the file, and the plan as it is after rounding."""
    floats: list[np.ndarray] = []
    whole: list[np.ndarray] = []
    rounded = Plan(plan.latent, plan.size, [], plan.end)
    for step in plan.steps:
        scale = np.max([np.abs(matrix).max(0) for matrix in step.matrices()], axis=0) / MOST[bits]
        scale = np.where(scale > 0, scale, 1).astype(np.float32)
        floats += [padded(scale), padded(np.concatenate([step.bias[place] for place in step.phases]), step.outputs)]
        near = {place: {d: nearest(m, scale) for d, m in phase.items()} for place, phase in step.phases.items()}
        whole += [ordered(phase) for phase in near.values()]
        back = {place: {d: (m * scale).astype(np.float32) for d, m in phase.items()} for place, phase in near.items()}
        rounded.steps.append(dataclasses.replace(step, phases=back))
    numbers, weights = np.concatenate(floats).astype("<f4"), np.concatenate(whole)
    planes = (
        [weights.astype(np.int8)] if bits == 8 else [(weights & 255).astype(np.uint8), (weights >> 8).astype(np.int8)]
    )
    file = gzip.compress(b"".join([numbers.tobytes(), *(plane.tobytes() for plane in planes)]), 9, mtime=0)
    return told(plan, bits, len(numbers), len(weights)), file, rounded


def nearest(matrix: np.ndarray, scale: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.rint(matrix / scale).astype(np.int32)
    return found


def ordered(phase: dict[tuple[int, int], np.ndarray]) -> np.ndarray:
    """Block, tap, input, output; the last block is filled up with zeros."""
    stacked = np.stack(list(phase.values()))  # (taps, inputs, outputs)
    taps, inputs, outputs = stacked.shape
    blocks = -(-outputs // BLOCK)
    wide = np.zeros((taps, inputs, blocks * BLOCK), np.int32)
    wide[:, :, :outputs] = stacked
    return wide.reshape(taps, inputs, blocks, BLOCK).transpose(2, 0, 1, 3).ravel()


def padded(values: np.ndarray, outputs: int = 0) -> np.ndarray:
    rows = values.reshape(-1, outputs or len(values))
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % BLOCK))).astype(np.float32).ravel()


def told(plan: Plan, bits: int, floats: int, weights: int) -> dict[str, Any]:
    steps = [
        {
            "from": step.source, "size": step.size, "stride": step.stride, "jump": step.jump, "inputs": step.inputs,
            "outputs": step.outputs, "slope": step.slope, "plus": step.plus,
            "phases": [[place, step.count(place), list(taps)] for place, taps in step.phases.items()],
        }
        for step in plan.steps
    ]  # fmt: skip
    return {
        "latent": plan.latent, "width": plan.size[0], "height": plan.size[1], "end": plan.end, "border": plan.border(),
        "bits": bits, "floats": floats, "weights": weights, "steps": steps,
    }  # fmt: skip
