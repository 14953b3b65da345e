"""Names for faces, usable wherever a seed is; they are kept with the run."""

from pathlib import Path

from torch import Tensor

from eshi.artist import Artist, Latent, points
from eshi.ground.errors import EshiError
from eshi.run.shipped import home, shipped


def home_of(run: Path | str | Artist) -> Path:
    """Where a run's favourites lie; its networks are not loaded for it."""
    if isinstance(run, Artist):
        if run.home is None:
            raise EshiError("this artist has no folder to keep favourites in", "load one: eshi.Artist.load(RUN)")
        return run.home
    if not (shipped(run) or Path(run).exists()):
        raise EshiError(f"there is no run or checkpoint {run}", "a run gets one from: eshi train FACES -o RUN")
    return home(run)


def favourites(run: Path | str | Artist) -> points.Favourites:
    """Name -> seed or latent, as kept in the run's favourites.json."""
    return points.favourites(home_of(run))


def add_favourite(run: Path | str | Artist, point: Latent, name: str) -> Tensor:
    """Keep a seed, a file's numbers or a latent under a name; a name is never silently given to another face."""
    place, who = home_of(run), Artist.of(run)
    latent, seed = who.latent(point), points.seed(point)
    points.add(place, name, latent.tolist() if seed is None else seed)
    return latent


def drop_favourite(run: Path | str | Artist, name: str) -> None:
    points.drop(home_of(run), name)
