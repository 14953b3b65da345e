"""Drawings on demand: what a run learned from labels is asked for, all else is gone to along its directions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from eshi.artist import Artist
from eshi.explore.directions import saved
from eshi.explore.edit import apart, moved, wanted
from eshi.ground.errors import EshiError, near_miss


def wish(run: Path | str | Artist, wishes: Mapping[str, str]) -> Artist:
    """An artist all of whose drawings show what is wished for: {"hair": "pink", "smile": "+2"}."""
    who = Artist.of(run)
    asked, others = apart(who, wishes)
    if others:
        found = saved(who)
        if lost := next((name for name in others if name not in found.names), None):
            raise EshiError(
                f"'{lost}' is nothing that this run knows", near_miss(lost, [*who.attributes, *found.names])
            )
        amounts = {name: wanted(found, name, value) for name, value in others.items()}
        plain = who

        def bend(z: Tensor) -> Tensor:
            return torch.stack([moved(plain, row, found, amounts) for row in z.cpu()]).to(z.device)

        who = replace(who, bend=bend)
    return who.asking(asked)
