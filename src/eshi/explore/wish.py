"""Drawings on demand: what a run learned from labels is asked for, all else is gone to along its directions."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from eshi.artist import Artist
from eshi.explore.directions import saved
from eshi.explore.edit import all_wanted, apart, moved


def wish(run: Path | str | Artist, wishes: Mapping[str, str]) -> Artist:
    """An artist all of whose drawings show what is wished for: {"hair": "pink", "smile": "+2"}."""
    who = Artist.of(run)
    asked, others = apart(who, wishes)
    if others:
        found = saved(who)
        amounts = all_wanted(found, others)
        plain = who

        def bend(z: Tensor) -> Tensor:
            return torch.stack([moved(plain, row, found, amounts) for row in z.cpu()]).to(z.device)

        who = replace(who, bend=bend)
    return who.asking(asked)
