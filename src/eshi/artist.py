"""Drawing with a trained generator: numbered faces, the best of many by D's taste."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.networks.build import networks
from eshi.networks.engine import choose
from eshi.recipe import Recipe
from eshi.run import checkpoint


@dataclass
class Artist:
    """What a checkpoint can do: G draws (its moving average, where the run kept one), D judges."""

    recipe: Recipe
    images: int
    G: Any  # a network with draw(count, seed)
    D: nn.Module

    @classmethod
    def load(cls, path: Path | str) -> "Artist":
        """From a checkpoint file alone, or from a run folder: its best step, where the judge has named one."""
        path = Path(path)
        state: dict[str, Any] = checkpoint.load(path / "best.pt" if (path / "best.pt").exists() else path)
        found = recipe.parse(state["recipe"], where=f"the recipe in {path}").check()
        G, D = networks(found)
        try:
            G.load_state_dict(state.get("G_ema") or state["G"])
            D.load_state_dict(state["D"])
        except RuntimeError as error:
            raise EshiError(f"the weights in {path} do not fit its recipe", str(error).split("\n")[0], 1) from error
        cpu = choose("cpu", "fp32")
        G, D = (cpu.place(network).eval().requires_grad_(False) for network in (G, D))
        return cls(found, state["images"], G, D)


@dataclass
class Drawing:
    """`images` (N, H, W, 3) uint8; `numbers[i]` is the seed that draws image i alone; `scores` are D's, if asked."""

    images: np.ndarray
    numbers: list[int]
    scores: list[float]


def render(G: nn.Module, z: Tensor, batch: int = 64) -> np.ndarray:
    """(N, latent) -> (N, H, W, 3) uint8, as the network draws when it does not learn."""
    training = G.training
    G.eval()
    with torch.inference_mode():
        drawn = [(G(part).float() * 127.5 + 128).clamp_(0, 255).to(torch.uint8) for part in torch.split(z, batch)]
    G.train(training)
    return torch.cat(drawn).permute(0, 2, 3, 1).cpu().numpy()


def draw(
    path: Path | Artist, count: int = 64, seed: int = 0, search: int = 0, mean: float = 0.0, std: float = 1.0
) -> Drawing:
    """The drawings number seed, seed + 1, ...; with `search`, the best `count` of that many by D, best first."""
    if count < 1 or 0 < search < count or seed < 0:
        raise EshiError(
            f"cannot draw {count} faces from seed {seed}" + (f" searching {search}" if search else ""),
            "--count and --seed start at 1 and 0, and --search must be at least --count",
        )
    who = path if isinstance(path, Artist) else Artist.load(path)
    z = mean + std * who.G.draw(search or count, seed)
    if not search:
        return Drawing(render(who.G, z), list(range(seed, seed + count)), [])
    scores = torch.cat([judged(who, part) for part in torch.split(z, 64)])
    best = scores.argsort(descending=True, stable=True)[:count]
    return Drawing(render(who.G, z[best]), [seed + int(i) for i in best], scores[best].tolist())


@torch.inference_mode()
def judged(who: Artist, z: Tensor) -> Tensor:
    scores: Tensor = who.D(who.G(z))
    return scores
