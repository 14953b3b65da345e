"""Small real training, on synthetic pictures, on the CPU."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from eshi import recipe
from eshi.ground import image
from eshi.recipe import Recipe

# A shell starts background jobs with Ctrl-C switched off, and what they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Two are no faster with networks this small, and far slower beside a busy program.
torch.set_num_threads(1)
threadpool_limits(1, "blas")


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 coloured discs, 48 px"""
    folder = tmp_path_factory.mktemp("data") / "faces"
    ys, xs = np.mgrid[:48, :48]
    for i in range(150):
        rng = np.random.default_rng(i)
        pixels = np.full((48, 48, 3), rng.integers(180, 256, 3), np.uint8)
        pixels[(ys - rng.integers(16, 32)) ** 2 + (xs - rng.integers(16, 32)) ** 2 < 150] = rng.integers(0, 150, 3)
        image.save(pixels, folder / f"{i}.png")
    return folder


@pytest.fixture
def tiny() -> Recipe:
    """20 steps of it take a second."""
    return recipe.load(
        "dcgan-64",
        ["size=32", "batch=8", "images=160", "generator.width=4", "discriminator.width=4", "generator.latent=8",
         "every.log=32", "every.sample=80", "ema=50", "judge.every=0"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def things(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """What the verbs work on: an untrained run with favourites and directions, pictures, labelled faces."""
    from untrained import kept, made

    import eshi
    from eshi.explore import add_favourite, store

    home = tmp_path_factory.mktemp("things")
    who = made()
    kept(who, home / "run")
    add_favourite(home / "run", 7, "miku")
    store(who.G.draw(1, 9)[0], home / "nine.npy")
    add_favourite(home / "run", str(home / "nine.npy"), "ren")
    eshi.directions(home / "run", count=100)
    eshi.paint(home / "pictures", count=3)
    for i in range(40):
        side = "dark" if i % 2 else "light"
        pixels = np.random.default_rng(i).integers(60 * (i % 2), 120 + 60 * (i % 2), (32, 32, 3), np.uint8)
        image.save(pixels, home / "classes" / side / f"{i}.png")
    eshi.clean(home / "classes", near=0, blur=0, dark=0, flat=0)
    return home
