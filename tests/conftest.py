"""Small real training, on synthetic pictures, on the CPU."""

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from chromium import Tab, chromium
from page_opened import settled
from threadpoolctl import threadpool_limits

from eshi import recipe
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.training.loop import train

pytest.register_assert_rewrite("collected")
# A shell starts background jobs with Ctrl-C switched off, nohup what a closed terminal sends; both are inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
# Two are no faster with networks this small, and far slower beside a busy program.
torch.set_num_threads(1)
threadpool_limits(1, "blas")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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
        ["size=16", "batch=8", "images=160", "generator.width=4", "discriminator.width=4", "generator.latent=8",
         "every.log=32", "every.sample=80", "ema=50", "judge.every=0"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def dying() -> Recipe:
    """G never learns, a death that needs no luck: once it goes back, to the best step with a slower D, then it ends."""
    return recipe.load(
        "dcgan-64",
        ["size=16", "batch=8", "images=400", "generator.width=4", "discriminator.width=4", "generator.latent=8",
         "every.log=32", "every.sample=320", "ema=50", "judge.every=16", "judge.drawings=20", "judge.budget=1",
         "g_adam.lr=0", "guard.action=rollback", "guard.times=1"],
    )  # fmt: skip


@pytest.fixture(scope="session")
def dead(tmp_path_factory: pytest.TempPathFactory, faces: Path, dying: Recipe) -> Path:
    """The run of it; whoever changes it takes a copy."""
    folder = tmp_path_factory.mktemp("dead") / "run"
    with pytest.raises(EshiError, match="the guard stopped"):
        train(faces, dying, folder)
    return folder


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


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A browser, or the test is skipped for want of one."""
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        found.screen(1280, 900)
        yield found


@pytest.fixture(scope="session")
def shown_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With named directions and a favourite; what it draws has colours."""
    from untrained import kept, made

    import eshi
    from eshi.explore import add_favourite

    folder = kept(made(latent=40), tmp_path_factory.mktemp("page") / "seen")
    eshi.directions(folder, count=200)
    add_favourite(folder, 7, "miku")
    return folder


@pytest.fixture(scope="session")
def shown_page(shown_run: Path) -> Path:
    from eshi.artist import Artist
    from eshi.share import page

    page.write(Artist.load(shown_run), shown_run / "face.html")
    return shown_run / "face.html"


@pytest.fixture
def seen(tab: Tab, shown_page: Path) -> Iterator[Tab]:
    """The page, opened as if for the first time. Whatever is done with it, the console has no complaints."""
    tab.open(shown_page.as_uri())
    tab.js("localStorage.clear()")
    tab.open(shown_page.as_uri())
    settled(tab)
    tab.errors.clear()
    yield tab
    theirs = "Canvas2D: Multiple readback"  # the tests read the canvas, the page never does
    assert [said for said in tab.errors if not said.startswith(theirs)] == []
    assert tab.asked == []
