"""Draws practice pictures with known attributes: the data set that is always there, with no network and no download."""

from eshi.gather.painter.compose import face, picture
from eshi.gather.painter.folder import paint
from eshi.gather.painter.page import page
from eshi.gather.painter.scenes import scene

__all__ = ["face", "page", "paint", "picture", "scene"]
