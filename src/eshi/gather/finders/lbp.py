"""The LBP cascade of the write-ups (nagadomi/lbpcascade_animeface, MIT, 2011), with their settings."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path

import cv2

from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels
from eshi.ground.registry import FINDERS

ADDRESS = "https://raw.githubusercontent.com/nagadomi/lbpcascade_animeface/master/lbpcascade_animeface.xml"
SHA256 = "9376d30ac38db6bda2a68b88b3b76bbd7e6aa33af47f7f5c76bc88ca75f1ce30"
SECONDS = 30  # to wait for the network


@FINDERS.register("lbp")
class Cascade:
    """Equalised grey, a step of 1.1, 5 neighbours, boxes from 48 px: so cropped the write-ups. The score is the sum
    of the last stage's votes: above 2.3 nearly all boxes are faces."""

    def __init__(self, cascade: str | None = None, smallest: int = 48, step: float = 1.1, neighbours: int = 5):
        self.smallest, self.step, self.neighbours = smallest, step, neighbours
        path = Path(cascade) if cascade else fetched()
        if not path.is_file():
            raise EshiError(f"there is no cascade {path}", "leave --cascade out to fetch it")
        try:
            self.cascade = cv2.CascadeClassifier(str(path))
        except (cv2.error, SystemError):  # an XML that is no cascade
            self.cascade = cv2.CascadeClassifier()
        if self.cascade.empty():
            raise EshiError(f"{path} is not a cascade", "it should be lbpcascade_animeface.xml")

    def __call__(self, pixels: Pixels) -> list[tuple[int, int, int, int, float]]:
        if min(pixels.shape[:2]) < self.smallest:
            return []
        grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        least = (self.smallest, self.smallest)
        boxes, _, votes = self.cascade.detectMultiScale3(
            grey, self.step, self.neighbours, minSize=least, outputRejectLevels=True
        )
        found = []
        for (x, y, w, h), vote in zip(boxes, votes, strict=True):
            found.append((int(x), int(y), int(w), int(h), round(float(vote), 3)))
        return sorted(found, key=lambda box: (-box[4], box))  # OpenCV's own order depends on its threads


def fetched() -> Path:
    """The cascade in the user's cache, fetched there once."""
    path = files.cache() / "lbpcascade_animeface.xml"
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
        return path
    hint = f"fetch {ADDRESS} where there is a network and give it with --cascade FILE"
    try:
        request = urllib.request.Request(ADDRESS, headers={"User-Agent": "eshi"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            content = answer.read(10_000_000)
    except (OSError, urllib.error.URLError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise EshiError(f"cannot fetch the face cascade: {reason}", hint, 1) from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise EshiError(f"what came from {ADDRESS} is not the face cascade", hint, 1)
    return files.write(path, content)
