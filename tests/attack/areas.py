"""The areas by name: each gives its cases, in an order and with a chance that the seed fixes."""

import random
from collections.abc import Callable, Iterator

from attack import (
    archives,
    boorus,
    caches,
    checkpoints,
    crowds,
    disks,
    kills,
    names,
    pictures,
    recipes,
    shares,
    shells,
    texts,
)  # fmt: skip
from attack.case import Case

AREAS: dict[str, Callable[[random.Random], Iterator[Case]]] = {
    "kills": kills.cases,
    "crowds": crowds.cases,
    "disks": disks.cases,
    "names": names.cases,
    "pictures": pictures.cases,
    "zips": archives.cases,
    "recipes": recipes.cases,
    "checkpoints": checkpoints.cases,
    "logs": texts.cases,
    "favourites": texts.named,
    "latents": texts.latents,
    "caches": caches.cases,
    "shares": shares.cases,
    "boorus": boorus.cases,
    "shells": shells.cases,
}
