"""Training scenes: faces pasted at many sizes and tilts onto varied grounds, then finished as pictures are. A pure
function of its generator."""

from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
from finishing import finish, recolour
from pasting import lay, mined, occlude, shuffle
from sources import Source, Thing

from eshi.ground.image import Pixels

SIDE = 192
LEAST, MOST = 12.0, 128.0  # px: the faces that one look of the network should find; the pyramid does the rest
STRIDE = 8
SPOILT = 0.08  # the share of pasted faces whose pieces are shuffled or replaced: none any more


@dataclass
class Stock:
    boxed: list[Source]
    tight: list[Source]
    painted: list[Source]
    empty: list[Source]
    crowds: list[Source] = field(default_factory=list)  # several heads each, every face with its box
    things: list[Thing] = field(default_factory=list)
    hard: list[tuple[Source, np.ndarray]] = field(default_factory=list)  # where a box was found that is no face


def pick(rng: np.random.Generator, sources: list[Source]) -> Source:
    return sources[int(rng.integers(len(sources)))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def placed(
    source: Source, scale: float, angle: float, flip: bool, stretch: float, anchor: np.ndarray, to: np.ndarray,
    shape: tuple[int, int],
) -> tuple[Pixels, np.ndarray, np.ndarray]:  # fmt: skip
    """The source scaled and turned so that its point `anchor` lies at `to`: pixels, where it covers, its boxes."""
    level = int(np.clip(np.floor(-np.log2(max(scale, 1e-3))), 0, len(source.sizes) - 1))
    image = source.sizes[level]
    shrink = np.array([image.shape[1] / source.sizes[0].shape[1], image.shape[0] / source.sizes[0].shape[0]])
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([(-1 if flip else 1) * stretch, 1 / stretch])
    matrix = np.concatenate([turn / shrink, (to - turn @ anchor)[:, None]], 1).astype(np.float32)
    out = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole = source.covers[level] if source.covers else np.full(image.shape[:2], 255, np.uint8)
    cover = cv2.warpAffine(whole, matrix, shape, flags=cv2.INTER_LINEAR)
    middles = (source.boxes[:, :2] + source.boxes[:, 2:] / 2) @ turn.T + (to - turn @ anchor)
    sides = source.boxes[:, 2:] * scale * np.array([stretch, 1 / stretch])
    return out, cover, np.concatenate([middles - sides / 2, sides], 1).astype(np.float32)


def ground(rng: np.random.Generator, stock: Stock, shape: tuple[int, int]) -> Pixels:
    width, height = shape
    kind = rng.random()
    if kind < 0.5 and stock.empty:
        return cutting(rng, pick(rng, stock.empty), shape)
    if kind < 0.68:
        return below(rng, stock, shape)
    if kind < 0.85:
        corners = rng.integers(0, 256, (2, 2, 3)) if rng.random() < 0.6 else np.tile(rng.integers(0, 256, 3), (2, 2, 1))
        if rng.random() < 0.3:
            corners = np.full((2, 2, 3), 255 if rng.random() < 0.7 else rng.integers(0, 60))
        canvas = cv2.resize(corners.astype(np.uint8), shape, interpolation=cv2.INTER_LINEAR)
        return drawing(rng, canvas)
    canvas = cutting(rng, pick(rng, stock.empty), shape) if stock.empty else below(rng, stock, shape)
    for _ in range(int(rng.integers(1, 4))):  # panels of a page
        x, y = int(rng.integers(0, width - 32)), int(rng.integers(0, height - 32))
        w, h = int(rng.integers(32, width + 1 - x)), int(rng.integers(32, height + 1 - y))
        clothed = rng.random() < 0.5 or not stock.empty
        canvas[y : y + h, x : x + w] = (
            below(rng, stock, (w, h)) if clothed else cutting(rng, pick(rng, stock.empty), (w, h))
        )
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x, y), (x + w, y + h), tuple(map(int, rng.choice([0, 255], 1).repeat(3))), 2)
    return canvas


def cutting(rng: np.random.Generator, source: Source, shape: tuple[int, int]) -> Pixels:
    """A random part at a random zoom and turn, mirrored where it ends."""
    width, height = shape
    tall, wide = source.sizes[0].shape[:2]
    zoom = max(width / wide, height / tall) * log_uniform(rng, 0.6, 2.5)
    level = int(np.clip(np.floor(-np.log2(zoom)), 0, len(source.sizes) - 1))
    image = source.sizes[level]
    scale, angle = zoom * wide / image.shape[1], rng.uniform(-0.5, 0.5) if rng.random() < 0.5 else 0.0
    sides = np.array(image.shape[1::-1])
    matrix = cv2.getRotationMatrix2D(tuple(sides * rng.uniform(0.2, 0.8, 2)), np.degrees(angle), scale)
    matrix[:, 2] += np.array([width / 2, height / 2]) - matrix @ np.array([*sides / 2, 1]) * rng.uniform(0.7, 1.1)
    out = cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.ascontiguousarray(out[:, ::-1]) if rng.random() < 0.5 else out


def below(rng: np.random.Generator, stock: Stock, shape: tuple[int, int]) -> Pixels:
    """Clothes and shoulders: what lies under the faces of a picture, enlarged; else a blurred ground."""
    source = pick(rng, stock.boxed)
    image = source.sizes[0]
    floor = int((source.boxes[:, 1] + source.boxes[:, 3]).max()) + 2
    if image.shape[0] - floor < 28:
        return cv2.resize(cv2.GaussianBlur(source.sizes[-1], (0, 0), 6), shape, interpolation=cv2.INTER_LINEAR)
    part = image[floor:]
    wide = min(part.shape[1], max(28, int(part.shape[0] * rng.uniform(0.8, 2.5))))
    left = int(rng.integers(0, part.shape[1] - wide + 1))
    return cv2.resize(part[:, left : left + wide], shape, interpolation=cv2.INTER_LINEAR)


def drawing(rng: np.random.Generator, canvas: Pixels) -> Pixels:
    """Screentone, stripes, letters, noise or loose shapes over a plain ground: none of them is a face."""
    height, width = canvas.shape[:2]
    colour = tuple(map(int, rng.integers(0, 256, 3)))
    kind = int(rng.integers(0, 7))
    if kind == 0:
        step = int(rng.integers(4, 24))
        for y in range(0, height + step, step):
            for x in range(0, width + step, step):
                cv2.circle(canvas, (x + (y // step % 2) * step // 2, y), max(1, step // 4), colour, -1, cv2.LINE_AA)
    elif kind == 1:
        step, lean = int(rng.integers(4, 40)), int(rng.integers(-width, width))
        for x in range(-width, 2 * width, step):
            cv2.line(canvas, (x, 0), (x + lean, height), colour, max(1, step // 3), cv2.LINE_AA)
    elif kind == 2:
        for _ in range(int(rng.integers(1, 8))):
            word = "".join(chr(c) for c in rng.integers(48, 123, int(rng.integers(1, 9))))
            at, size = (int(rng.integers(-20, width)), int(rng.integers(0, height))), float(rng.uniform(0.4, 4))
            cv2.putText(canvas, word, at, int(rng.integers(0, 8)), size, colour, int(rng.integers(1, 7)), cv2.LINE_AA)
    elif kind == 3:
        noise = rng.normal(0, float(rng.uniform(5, 80)), canvas.shape).astype(np.int16)
        return np.clip(canvas + noise, 0, 255).astype(np.uint8)
    elif kind in (4, 5):  # ovals, pairs of dots and strokes: much of what a face is made of
        for _ in range(int(rng.integers(2, 14))):
            shade, middle = tuple(map(int, rng.integers(0, 256, 3))), tuple(map(int, rng.integers(0, width, 2)))
            axes = int(rng.integers(2, 60)), int(rng.integers(2, 60))
            thick = -1 if rng.random() < 0.5 else int(rng.integers(1, 5))
            turn, end = float(rng.uniform(0, 180)), float(rng.choice([180, 360]))
            cv2.ellipse(canvas, middle, axes, turn, 0, end, shade, thick, cv2.LINE_AA)
    return canvas


def soft_mask(rng: np.random.Generator, cover: np.ndarray, box: np.ndarray, tight: bool) -> np.ndarray:
    """Where a pasted face shows: all of its picture, or an oval about the head, hard or soft at the edge; (H, W, 1)."""
    mask = cover.astype(np.float32) / 255
    size = float(np.sqrt(box[2] * box[3]))
    if rng.random() < (0.55 if tight else 0.45):
        oval = np.zeros_like(cover)
        x, y = box[:2] + box[2:] / 2
        grow = rng.uniform(1.0, 1.25) if tight else rng.uniform(1.05, 1.6)
        axes = (int(box[2] * 0.55 * grow), int(box[3] * 0.72 * grow))
        cv2.ellipse(oval, (int(x), int(y - 0.1 * box[3])), axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        if not tight and rng.random() < 0.7:  # the shoulders
            low, wide = int(box[1] + box[3]), int(box[2] * rng.uniform(0.5, 1.2))
            cv2.rectangle(oval, (int(x) - wide, low), (int(x) + wide, oval.shape[0]), 255, -1)
        mask *= oval.astype(np.float32) / 255
    if rng.random() < 0.7:
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, size * rng.uniform(0.01, 0.08))) * (cover > 0)
    return mask[..., None]


def apart(boxes: np.ndarray, others: list[np.ndarray]) -> bool:
    """No box covers more than three tenths of another."""
    for box in boxes:
        for other in others:
            both = np.minimum(box[:2] + box[2:], other[:2] + other[2:]) - np.maximum(box[:2], other[:2])
            if both.min() > 0 and both.prod() > 0.3 * min(box[2:].prod(), other[2:].prod()):
                return False
    return True


def shown(mask: np.ndarray, box: np.ndarray) -> float:
    """How much of a box a mask covers."""
    x, y, w, h = box
    part = mask[max(0, int(y)) : max(0, int(y + h)), max(0, int(x)) : max(0, int(x + w))]
    return float(part.mean()) if part.size else 0.0


def hidden(mask: np.ndarray, boxes: list[np.ndarray]) -> bool:
    """A mask covers too much of an earlier face."""
    return any(shown(mask, box) > 0.3 for box in boxes)


def turned(rng: np.random.Generator, images: list[np.ndarray], box: np.ndarray) -> list[np.ndarray]:
    """A head that looks aside: its features move to one side within an outline that stays."""
    height, width = images[0].shape[:2]
    reach, amount = 0.8 * box[2], rng.uniform(-0.42, 0.42)
    columns = np.arange(width, dtype=np.float32)
    along = np.clip((columns - box[0] - box[2] / 2) / reach, -1, 1)
    moved = columns + (amount * box[2] / 2 * (1 - along**2) ** 2).astype(np.float32)
    rows = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, 1)
    return [cv2.remap(image, np.repeat(moved[None], height, 0), rows, cv2.INTER_LINEAR) for image in images]


def spot(rng: np.random.Generator, boxes: list[np.ndarray], size: float, corner: np.ndarray) -> np.ndarray:
    """Where the next face comes: anywhere, cut by the border, or close to one that is there."""
    kind = rng.random()
    if boxes and kind < 0.4:
        x, y, w, h = boxes[int(rng.integers(len(boxes)))]
        angle = rng.choice([0.0, np.pi]) + rng.normal(0, 0.6)
        reach = (np.sqrt(w * h) + size) / 2 * rng.uniform(0.8, 1.3)
        return np.array([x + w / 2, y + h / 2]) + reach * np.array([np.cos(angle), np.sin(angle)])
    if kind < 0.52:
        return rng.uniform(-0.02, 1.02, 2) * corner
    return size / 2 + rng.random(2) * np.maximum(corner - size, 1)


def scene(rng: np.random.Generator, stock: Stock, shape: tuple[int, int] = (SIDE, SIDE)) -> tuple[Pixels, np.ndarray]:
    """A picture of that width and height, and its boxes (N, 4)."""
    canvas = ground(rng, stock, shape)
    for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.35, 0.25, 0.22, 0.18]))):
        distract(rng, stock, canvas)
    boxes: list[np.ndarray] = []
    corner = np.array(shape, np.float32)
    for number in range(int(rng.choice([0, 1, 2, 3, 5], p=[0.15, 0.42, 0.23, 0.11, 0.09]))):
        source = portrait(rng, stock)
        box = source.boxes[int(rng.integers(len(source.boxes)))]
        size = log_uniform(rng, 14, 75 if number else 150)
        if boxes and rng.random() < 0.5:  # as large as one that is there, give or take
            size = float(np.clip(np.sqrt(boxes[-1][2:].prod()) * rng.uniform(0.7, 1.4), 15, 90))
        size = min(
            size, max(14.0, 2 * float(np.sqrt(box[2:].prod())))
        )  # a small face of a scene only blurs when enlarged
        turn = float(rng.normal(0, 0.25)) if rng.random() < 0.8 else float(rng.uniform(-0.9, 0.9))
        stretch = float(np.exp(rng.normal(0, 0.06)))
        to = spot(rng, boxes, size, corner)
        scale, flip = size / float(np.sqrt(box[2] * box[3])), bool(rng.random() < 0.5)
        out, cover, new = placed(source, scale, turn, flip, stretch, box[:2] + box[2:] / 2, to, shape)
        if not apart(new, boxes):
            continue
        nearest = int(np.argmin(np.abs(new[:, :2] + new[:, 2:] / 2 - to).sum(1)))
        here, rest = new[nearest], np.delete(new, nearest, 0)
        out = recolour(rng, out, 0.9) if rng.random() < 0.5 else out
        if rng.random() < 0.25:
            out, cover = turned(rng, [out, cover], here)
        if not number and (cover > 0).mean() > 0.5 and rng.random() < 0.6:  # its own picture all over
            canvas = out
            boxes += list(new)
        else:
            figure = bool(source.covers) and rng.random() < 0.85
            mask = cover[..., None] / np.float32(255) if figure else soft_mask(rng, cover, here, source.tight)
            others = [box for box in rest if shown(mask, box) > 0.1]
            if hidden(mask, boxes) or any(shown(mask, box) < 0.7 for box in others):
                continue
            spoilt = size > 24 and rng.random() < SPOILT
            if spoilt:
                shuffle(rng, partial(ground, rng, stock), out, here)
            canvas = (canvas + (out.astype(np.float32) - canvas) * mask).astype(np.uint8)
            boxes += others
            if spoilt:
                continue
            boxes.append(here)
        if rng.random() < 0.28:
            occlude(rng, partial(ground, rng, stock), stock.things, canvas, here)
    return finish(rng, canvas), np.array(boxes, np.float32).reshape(-1, 4)


def portrait(rng: np.random.Generator, stock: Stock) -> Source:
    kinds = [(stock.boxed, 0.5), (stock.tight, 0.38), (stock.painted, 0.12), (stock.crowds, 0.35)]
    given = [(sources, share) for sources, share in kinds if sources]
    odds = np.array([share for _, share in given])
    return pick(rng, given[int(rng.choice(len(given), p=odds / odds.sum()))][0])


def distract(rng: np.random.Generator, stock: Stock, canvas: Pixels) -> None:
    """Something pasted as faces are that is none: otherwise the paste itself would be what the network learns."""
    size = log_uniform(rng, 10, 80)
    if stock.things and rng.random() < 0.45:
        thing = stock.things[int(rng.integers(len(stock.things)))]
        lay(rng, canvas, thing, rng.uniform(0, 1, 2) * canvas.shape[1::-1], size * 1.5)
        return
    side = int(size * 2)
    kind = rng.random()
    if stock.hard and kind < 0.3:
        out = mined(stock.hard, rng, side)
    elif stock.empty and kind < 0.7:
        out = cutting(rng, pick(rng, stock.empty), (side, side))
    else:
        out = below(rng, stock, (side, side))
    out = recolour(rng, out, 0.9) if rng.random() < 0.5 else out
    box = np.array([side / 2 - size * 0.55, side / 2 - size * 0.45, size * 1.1, size * 0.9])
    corners = cv2.boxPoints(((side / 2, side / 2), (size * 1.5, size * 1.3), float(rng.normal(0, 20))))
    cover = np.zeros((side, side), np.uint8)
    cv2.fillPoly(cover, [corners.astype(np.int32)], 255, cv2.LINE_AA)
    mask = soft_mask(rng, cover, box, tight=True)
    x, y = (int(rng.integers(-side // 2, edge - side // 2)) for edge in canvas.shape[1::-1])
    there = canvas[max(0, y) : y + side, max(0, x) : x + side]
    inner = slice(max(0, -y), max(0, -y) + there.shape[0]), slice(max(0, -x), max(0, -x) + there.shape[1])
    there[:] = there + (out[inner].astype(np.float32) - there) * mask[inner]


def target(boxes: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """What the network should say: (7, rows, columns) heat, counts, weight of the box, left, top, right, bottom."""
    columns, rows = shape[0] // STRIDE, shape[1] // STRIDE
    out = np.zeros((7, rows, columns), np.float32)
    out[1] = 1
    y, x = np.mgrid[:rows, :columns].astype(np.float32) + 0.5  # middles of the cells
    for left, top, width, height in boxes / STRIDE:
        middle_x, middle_y, size = left + width / 2, top + height / 2, np.sqrt(width * height) * STRIDE
        shown = (min(left + width, columns) - max(left, 0)) / width, (min(top + height, rows) - max(top, 0)) / height
        near = ((x - middle_x) / width) ** 2 + ((y - middle_y) / height) ** 2
        inside = 0 <= middle_x < columns and 0 <= middle_y < rows and min(shown) > 0.55
        if not inside or not LEAST <= size <= MOST:  # a cut face, or one for another look: either answer will do
            out[1] *= near > (0.12 if size > MOST else 0.35)
            continue
        across, down = (x - middle_x) / max(0.13 * width, 0.45), (y - middle_y) / max(0.13 * height, 0.45)
        spread = np.minimum(np.exp(-(across**2 + down**2) / 2), 0.99)
        row, column = int(middle_y), int(middle_x)
        spread[row, column] = 1
        box = np.stack([x - left, y - top, left + width - x, top + height - y])
        mine = (spread > out[2]) & (spread > 0.3) & (box.min(0) > 0.05)
        out[3:, mine], out[2][mine] = box[:, mine], spread[mine]
        out[0] = np.maximum(out[0], spread)
        out[1, row, column] = 1
    return out
