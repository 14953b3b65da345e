"""Small artists that learned nothing, but draw more than grey."""

from pathlib import Path

import torch

from eshi.artist import Artist
from eshi.networks.build import networks
from eshi.recipe import load
from eshi.run.folder import Run

SMALL = ["size=16", "batch=8", "generator.width=4", "discriminator.width=4", "generator.latent=8", "every.log=16",
         "judge.every=16", "judge.drawings=20", "judge.budget=1"]  # fmt: skip
SETS = [word for key in SMALL for word in ("--set", key)]  # a step takes milliseconds


def made(latent: int = 8, prior: str = "normal", values: str = "", shares: str = "") -> Artist:
    """`values` and their shares as a recipe has them: hair=red,hair=blue and 0.5,0.25"""
    small = ["size=32", "generator.width=4", "discriminator.width=4", "generator.init=default"]
    words = [f"labels.values=[{values}]", f"labels.shares=[{shares}]"] if values else []
    recipe = load("dcgan-64", [*small, f"generator.latent={latent}", f"generator.prior={prior}", *words])
    torch.manual_seed(1)
    G, D = networks(recipe)
    for norm in (m for m in G.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.momentum = None  # what one batch shows, so that it draws more than grey
    with torch.no_grad():
        list(G.parameters())[-1].mul_(4)
        G.train()(G.draw(64, 0))
    return Artist(recipe, 0, G.eval().requires_grad_(False), D.eval().requires_grad_(False))


def kept(who: Artist, folder: Path) -> Path:
    with Run(folder, who.recipe) as run:
        facts = {"step": 0, "images": 0, "seconds": 0.0, "faces": "", "rollbacks": []}
        run.save({"G": who.G.state_dict(), "D": who.D.state_dict()} | facts)
    return folder
