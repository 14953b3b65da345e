"""A tagger that the user has: an ONNX network of the kind of WD taggers (Apache-2.0), and its list of tags.

It runs through ONNX Runtime where that is installed, else through OpenCV. Nothing is ever fetched.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from eshi.gather.album import Album
from eshi.gather.attributes import Attributes
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress

TAGS = "selected_tags.csv"  # beside the network: a line a tag, with columns name and category
GENERAL = "0"  # the category of tags that are neither artists nor characters nor ratings
SIDE = 448  # px, where the network does not say
LEAST = 0.35  # of a tag's score: as its makers use it


class Tagger:
    def __init__(self, file: Path, known: Attributes):
        self.known, self.names = known, names_of(file)
        self.run, self.side, self.channels_last = opened(file)

    def scores(self, pixels: np.ndarray) -> dict[str, float]:
        """General tag -> score, of a face (H, W, 3): on a white square, as WD taggers were trained (BGR, 0 to 255)."""
        side = max(pixels.shape[:2])
        canvas = Image.new("RGB", (side, side), "white")
        canvas.paste(Image.fromarray(pixels), ((side - pixels.shape[1]) // 2, (side - pixels.shape[0]) // 2))
        square = np.asarray(canvas.resize((self.side, self.side), Image.Resampling.BICUBIC), np.float32)[
            None, :, :, ::-1
        ]
        given = square if self.channels_last else square.transpose(0, 3, 1, 2)
        found = np.asarray(self.run(np.ascontiguousarray(given))).reshape(-1)
        if len(found) != len(self.names):
            raise EshiError(
                f"the tagger gives {len(found):,} scores for {len(self.names):,} tags", f"is it its {TAGS}?"
            )
        return {name: float(score) for name, score in zip(self.names, found, strict=True) if name}

    def rows(self, album: Album, files: list[str]) -> Iterator[tuple[str, str, str, str, float]]:
        """Of each attribute the tag that it is surest of."""
        with Progress("tagging", len(files), "faces") as bar:
            for file in files:
                bar.advance()
                try:
                    scores = self.scores(image.decode(io.BytesIO(album.content(file))))
                except image.Unreadable:
                    continue
                best: dict[str, tuple[float, str]] = {}
                for tag, (attribute, value) in self.known.meaning.items():
                    best[attribute] = max(best.get(attribute, (0.0, "")), (scores.get(tag, 0.0), value))
                for attribute, (score, value) in best.items():
                    if score >= LEAST:
                        yield file, attribute, value, "tagger", round(score, 3)


def names_of(file: Path) -> list[str]:
    """The tags in the order of the scores; "" for those that are not general."""
    path = file.with_name(TAGS)
    if not file.is_file():
        raise EshiError(f"there is no tagger {file}", "give the .onnx of a WD tagger that you have")
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return [row["name"].lower() if row.get("category", GENERAL) == GENERAL else "" for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        hint = f"the list of tags that came with it lies beside it as {TAGS}"
        raise EshiError(f"cannot read {path}: {error}", hint) from error


def opened(file: Path) -> tuple[Any, int, bool]:
    """What runs it, the side that it looks at, and whether its channels come last."""
    try:
        import onnxruntime
    except ImportError:
        return in_opencv(file)
    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        last = given.shape[-1] == 3
        side = given.shape[1 if last else 2]
        return lambda x: session.run(None, {given.name: x})[0], side if isinstance(side, int) else SIDE, last
    except Exception as error:  # it raises classes of its own, of many modules
        raise unreadable(file, error) from error


def in_opencv(file: Path) -> tuple[Any, int, bool]:
    try:
        network = cv2.dnn.readNetFromONNX(str(file))
    except cv2.error as error:
        raise unreadable(file, error) from error

    def run(x: np.ndarray) -> np.ndarray:
        try:
            network.setInput(x)
            return np.asarray(network.forward())
        except cv2.error as error:
            raise unreadable(file, error) from error

    return run, SIDE, True


def unreadable(file: Path, error: Exception) -> EshiError:
    why = " ".join(str(error).split())[:160]
    return EshiError(f"cannot run the tagger {file}: {why}", "pip install onnxruntime reads more networks than OpenCV")
