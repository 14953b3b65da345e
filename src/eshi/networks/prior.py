"""The priors that generators draw their latents from."""

from typing import Literal

import numpy as np
import torch

Prior = Literal["normal", "uniform"]  # uniform in [0, 1], as write-up E has it


def latents(prior: Prior, length: int, count: int, seed: int | None, device: torch.device) -> torch.Tensor:
    """(count, length). With a seed, row i depends on seed + i alone: every drawing has a number of its own."""
    if seed is None:
        draw = torch.randn if prior == "normal" else torch.rand
        return draw(count, length, device=device)
    generators = [np.random.default_rng(seed + i) for i in range(count)]
    rows = [g.standard_normal(length) if prior == "normal" else g.random(length) for g in generators]
    return torch.from_numpy(np.array(rows, np.float32).reshape(count, length)).to(device)
