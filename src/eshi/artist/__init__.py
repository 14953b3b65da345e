"""A trained generator at work: where it lives, which face a word means to it, drawing and searching."""

from eshi.artist.artist import Artist, Drawing, draw, render, stream
from eshi.artist.points import Latent

__all__ = ["Artist", "Drawing", "Latent", "draw", "render", "stream"]
