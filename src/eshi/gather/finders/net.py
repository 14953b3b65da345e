"""eshi's own finder: two small networks, one that finds places and one that looks at each again, trained by
tools/finder and run by OpenCV (docs/finder.md)."""

import functools
import math
from pathlib import Path

import cv2
import numpy as np

from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels
from eshi.ground.registry import FINDERS

WEIGHTS = Path(__file__).with_name("net.onnx")  # of the first look; those of the second lie beside it: net-second.onnx
STRIDE = 8  # px of the network's input for a cell of its output
BLOCK = 32  # its input's sides are multiples of this
CLEAR = 22.0  # px: the finest look shows the smallest face this large; trained from 12 px, it is sure from about 20
WIDEST = 2048  # px: the longer side of the finest look, which bounds time and memory for huge pictures
COARSEST = 160  # px: about the size of the last look; a face filling it is 128 px, the largest of training
EDGE = 8  # px of grey around, so that a face filling the frame has a border
FAINT = 0.1  # peaks below are not looked at any further
MANY = 400  # peaks of a look at most: a crowd, and a bound for what is compared pair by pair
SUPPORT = 0.25  # the part of the certainty that comes from the other looks; chosen on composed scenes held out
SAME = 0.35  # boxes that overlap this much (intersection over union) are one face
INSIDE = 0.7  # a box that lies this far inside a better one is a part of it
SECOND = 0.4  # the part of the certainty that comes from the second look; chosen on held-out scenes, pages and art
CLOSE, FACE = 96, 44.0  # px: the second look, and the face in it
MOST = 100  # second looks of a picture at most: 4 ms each


@functools.lru_cache(maxsize=4)
def network(weights: Path) -> "cv2.dnn.Net":
    """Once in a process, when the first picture comes: a network cannot travel to workers, its path can."""
    try:
        return cv2.dnn.readNetFromONNX(str(weights))
    except cv2.error as error:
        raise EshiError(f"cannot read the weights {weights}", "train them anew: docs/finder.md") from error


@FINDERS.register("net")
class Net:
    """Looks at the picture at several sizes, each half of the last. The score is the network's certainty, 0 to 1."""

    def __init__(self, smallest: int = 48, score: float = 0.7, weights: str | None = None):
        self.smallest, self.score = smallest, score
        self.weights = Path(weights) if weights else WEIGHTS
        if not self.weights.is_file():
            raise EshiError(f"there are no weights {self.weights}", "leave weights out for those that come with eshi")
        if smallest < 1 or not 0 < score < 1:
            raise EshiError(f"cannot look for faces of {smallest} px with score {score}", "try 48 px and 0.7")

    def __call__(self, pixels: Pixels) -> list[tuple[int, int, int, int, float]]:
        height, width = pixels.shape[:2]
        if max(height, width) < self.smallest:
            return []
        least = (self.score - SECOND) / (1 - SECOND)  # what may still be sure enough after a second look
        boxes, found = proposed(network(self.weights), pixels, self.smallest, least), []
        for left, top, right, bottom, score in distinct(again(network(second(self.weights)), pixels, boxes)):
            if score < self.score:
                continue
            x, y = max(0, round(float(left))), max(0, round(float(top)))
            w, h = min(width, round(float(right))) - x, min(height, round(float(bottom))) - y
            if max(w, h) >= self.smallest and min(w, h) > 0:
                found.append((x, y, w, h, round(float(score), 3)))
        return sorted(found, key=lambda box: (-box[4], box))


def proposed(net: "cv2.dnn.Net", pixels: Pixels, smallest: int, least: float) -> np.ndarray:
    """(N, 5) left, top, right, bottom, score of all looks at the picture, each face once, best first."""
    height, width = pixels.shape[:2]
    small, looks = pixels, []
    for scale in scales(width, height, smallest):
        small = resized(small, max(1, round(width * scale)), max(1, round(height * scale)))
        looks.append(look(net, small, (width, height)))
    boxes = agreed(looks)
    return distinct(boxes[boxes[:, 4] >= least])


def scales(width: int, height: int, smallest: int) -> list[float]:
    """Of the looks, finest first."""
    longest = max(width, height)
    finest = min(max(longest * CLEAR / smallest, COARSEST), WIDEST)
    count = 1 + max(1, math.ceil(math.log2(finest / COARSEST) - 0.25))
    return [finest / longest / 2**i for i in range(count)]


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Each look is made of the one before: the picture itself is gone through once."""
    smaller = width < pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def look(net: "cv2.dnn.Net", small: Pixels, shape: tuple[int, int]) -> np.ndarray:
    """(N, 5) left, top, right, bottom, score of the cells that are peaks, in pixels of the picture, which is `shape`
    wide and high."""
    height, width = small.shape[:2]
    across, down = width / shape[0], height / shape[1]
    room_x, room_y = (-(side + 2 * EDGE) % BLOCK for side in (width, height))
    left, top = EDGE + room_x // 2, EDGE + room_y // 2
    right, bottom = 2 * EDGE + room_x - left, 2 * EDGE + room_y - top
    framed = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    net.setInput(cv2.dnn.blobFromImage(framed, 1 / 127.5, mean=(127.5, 127.5, 127.5)))
    cells = net.forward()[0]  # (5, rows, columns)
    certain = 1 / (1 + np.exp(-cells[0]))
    peaks = (certain >= FAINT) & (certain >= cv2.dilate(certain, np.ones((3, 3), np.uint8)))
    rows, columns = np.nonzero(peaks)
    best = np.argsort(-certain[rows, columns], kind="stable")[:MANY]
    rows, columns = rows[best], columns[best]
    sides = np.exp(np.clip(cells[1:, rows, columns], -4, 4)) * STRIDE
    x, y = (columns + 0.5) * STRIDE - left, (rows + 0.5) * STRIDE - top
    corners = [(x - sides[0]) / across, (y - sides[1]) / down, (x + sides[2]) / across, (y + sides[3]) / down]
    return np.stack([*corners, certain[rows, columns]], 1)


def agreed(looks: list[np.ndarray]) -> np.ndarray:
    """All boxes, each with a part of its certainty from the best box of another look on the same face: what shows at
    one size only, as small clutter does, is less likely a face."""
    everything = np.concatenate(looks)
    source = np.repeat(np.arange(len(looks)), [len(boxes) for boxes in looks])
    elsewhere = same(everything, everything) & (source[:, None] != source)
    support = np.where(elsewhere, everything[:, 4], 0).max(1, initial=0)
    return np.column_stack([everything[:, :4], (1 - SUPPORT) * everything[:, 4] + SUPPORT * support])


def second(weights: Path) -> Path:
    """The weights of the second look: those beside the first one's, otherwise those that come with eshi."""
    own = weights.with_name(f"{weights.stem}-second.onnx")
    return own if own.is_file() else WEIGHTS.with_name(f"{WEIGHTS.stem}-second.onnx")


def again(net: "cv2.dnn.Net", pixels: Pixels, boxes: np.ndarray) -> np.ndarray:
    """The best boxes after a second look, by a network that has seen more of the world and sees one box at a time: it
    says again whether there is a face, and where."""
    boxes, cells = boxes[:MOST], np.zeros((min(len(boxes), MOST), 5), np.float32)
    for number, box in enumerate(boxes):
        net.setInput(cv2.dnn.blobFromImage(close(pixels, box), 1 / 127.5, mean=(127.5, 127.5, 127.5)))
        cells[number] = net.forward()[0]
    sizes = np.sqrt(np.prod(boxes[:, 2:4] - boxes[:, :2], 1, keepdims=True))
    middles, sides = (boxes[:, :2] + boxes[:, 2:4]) / 2, np.exp(np.clip(cells[:, 1:], -4, 2)) * sizes
    certain = (1 - SECOND) * boxes[:, 4] + SECOND / (1 + np.exp(-cells[:, 0]))
    return np.column_stack([middles - sides[:, :2], middles + sides[:, 2:], certain])


def close(pixels: Pixels, box: np.ndarray) -> Pixels:
    """The box in the middle of a square frame, grey where the picture ends."""
    side = max(1, round(CLOSE / FACE * math.sqrt((box[2] - box[0]) * (box[3] - box[1]))))
    left, top = (round(float(box[i] + box[i + 2] - side) / 2) for i in (0, 1))
    height, width = pixels.shape[:2]
    part = pixels[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    around = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    framed = cv2.copyMakeBorder(part, *around, cv2.BORDER_CONSTANT, value=(127, 127, 127))
    return resized(framed, CLOSE, CLOSE)


def distinct(boxes: np.ndarray) -> np.ndarray:
    """The best of every group of boxes on one face, best first."""
    boxes = boxes[np.lexsort((*boxes.T[:4], -boxes[:, 4]))]
    alike, kept = same(boxes, boxes), np.zeros(len(boxes), bool)
    for number in range(len(boxes)):
        kept[number] = not alike[number, kept].any()
    return boxes[kept]


def same(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, M): which of them are on the same face."""
    one, other = boxes[:, None], others[None]
    sides = np.minimum(one[..., 2:4], other[..., 2:4]) - np.maximum(one[..., :2], other[..., :2])
    both = sides.clip(0).prod(-1)
    area, another = ((b[..., 2:4] - b[..., :2]).prod(-1) for b in (one, other))
    alike: np.ndarray = (both > SAME * (area + another - both)) | (both > INSIDE * np.minimum(area, another))
    return alike
