"""What a trained run can be asked: every verb is a function of its own, deterministic by seed."""

from eshi.artist.points import Latent, store
from eshi.explore.directions import Directions, by_labels, directions
from eshi.explore.edit import Edit, edit
from eshi.explore.favourites import add_favourite, drop_favourite, favourites
from eshi.explore.film import film
from eshi.explore.look import Look, look
from eshi.explore.mix import Mix, mix
from eshi.explore.project import Projection, project
from eshi.explore.sweep import Sweep, Values, sweep, values
from eshi.explore.transfer import Transfer, transfer
from eshi.explore.walk import Walk, walk
from eshi.explore.wish import wish

__all__ = [
    "Directions", "Edit", "Latent", "Look", "Mix", "Projection", "Sweep", "Transfer", "Values", "Walk",
    "add_favourite", "by_labels", "directions", "drop_favourite", "edit", "favourites", "film", "look", "mix",
    "project", "store", "sweep", "transfer", "values", "walk", "wish",
]  # fmt: skip
