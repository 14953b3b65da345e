"""What all rooms of the studio share: the folder, the news, the jobs, and the artists that are loaded."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from eshi.ground.errors import EshiError
from eshi.studio.feed import Feed
from eshi.studio.jobs import Jobs
from eshi.studio.place import Place
from eshi.studio.watch import Watch, stamp
from eshi.verbs.gallery import granted, wishes

if TYPE_CHECKING:
    from eshi.artist import Artist

ARTISTS = 3  # loaded at a time
CROWD = 12  # that may wait for a drawing at once
PATIENCE = 30.0  # seconds that each of them waits


class Studio:
    def __init__(self, place: Place):
        self.place, self.feed = place, Feed()
        self.jobs, self.watch = Jobs(self.feed), Watch(self.feed)
        self.artists: OrderedDict[object, Artist] = OrderedDict()
        self.easel, self.crowd = threading.Lock(), threading.Semaphore(CROWD)

    @contextmanager
    def artist(self, at: str, asked: str = "") -> "Iterator[Artist]":
        """The run's artist, alone with the easel: drawings are made one at a time. They show what is asked for,
        hair=pink,glasses=yes."""
        if not self.crowd.acquire(blocking=False):
            raise EshiError("too many drawings are asked for at once", "ask again in a moment", 1)
        try:
            if not self.easel.acquire(timeout=PATIENCE):
                raise EshiError("another drawing takes long", "ask again in a moment", 1)
            try:
                yield granted(self.loaded(at), wishes([asked], "asked:") if asked else {})
            finally:
                self.easel.release()
        finally:
            self.crowd.release()

    def loaded(self, at: str) -> "Artist":
        """Kept, until the run has learned more."""
        path = self.place.existing(at)
        files = (
            [self.place.held(path / name) for name in ("best.pt", "last.pt", "favourites.json", "directions.npz")]
            if path.is_dir()
            else [path]
        )
        key = (path, stamp(*files[:2]))
        if key not in self.artists:
            from eshi.artist import Artist  # torch

            self.artists[key] = Artist.load(path)
            while len(self.artists) > ARTISTS:
                self.artists.popitem(last=False)
        self.artists.move_to_end(key)
        return self.artists[key]
