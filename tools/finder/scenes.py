"""Training scenes: faces pasted at many sizes and tilts onto varied grounds, then recoloured, greyed, blurred, redrawn
as lines. A pure function of its generator."""

from dataclasses import dataclass

import cv2
import numpy as np
from sources import Source

from eshi.ground.image import Pixels

SIDE = 192
LEAST, MOST = 12.0, 128.0  # px: the faces that one look of the network should find; the pyramid does the rest
STRIDE = 8


@dataclass
class Stock:
    boxed: list[Source]
    tight: list[Source]
    painted: list[Source]
    empty: list[Source]


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
    cover = cv2.warpAffine(np.full(image.shape[:2], 255, np.uint8), matrix, shape, flags=cv2.INTER_LINEAR)
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


def recolour(rng: np.random.Generator, image: Pixels, strength: float) -> Pixels:
    """Hue, saturation, gain and gamma."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(rng.normal(0, 12 * strength))) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(1 - 0.6 * strength, 1 + 0.4 * strength), 0, 255)
    image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    ramp = (np.arange(256)[:, None] / 255) ** np.exp(rng.normal(0, 0.3 * strength))
    ramp = ramp * rng.uniform(1 - 0.35 * strength, 1 + 0.2 * strength, 3) + rng.normal(0, 0.08 * strength, 3)
    return cv2.LUT(image, np.clip(ramp * 255, 0, 255).astype(np.uint8).reshape(256, 1, 3))


def lines(rng: np.random.Generator, image: Pixels) -> Pixels:
    """As pencil or ink: grey divided by its blurred self."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    drawn = cv2.divide(grey, cv2.GaussianBlur(grey, (0, 0), rng.uniform(1.5, 6)), scale=255).astype(np.float32)
    drawn = np.clip((drawn - 255) * rng.uniform(1.2, 3.5) + 255, 0, 255)
    if rng.random() < 0.5:  # with the flat tones left in, as in a manga
        drawn = drawn * (0.45 + 0.55 * grey / 255)
    paper, ink = rng.uniform(200, 256, 3), rng.uniform(0, 90, 3) if rng.random() < 0.3 else np.zeros(3)
    return (ink + drawn[..., None] / 255 * (paper - ink)).astype(np.uint8)


def finish(rng: np.random.Generator, image: Pixels) -> Pixels:
    """What happens to a picture on its way to the web."""
    image = recolour(rng, image, rng.uniform(0.2, 0.8)) if rng.random() < 0.7 else image
    style = rng.random()
    if style < 0.13:
        image = lines(rng, image)
    elif style < 0.26:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) / 255
        dark, pale = rng.uniform(0, 110, 3) * (rng.random() < 0.5), 255 - rng.uniform(0, 110, 3) * (rng.random() < 0.5)
        image = (dark + grey * (pale - dark)).astype(np.uint8)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.4))
    elif rng.random() < 0.15:
        image = cv2.addWeighted(image, 1.6, cv2.GaussianBlur(image, (0, 0), 1), -0.6, 0)
    if rng.random() < 0.2:
        image = np.clip(image + rng.normal(0, rng.uniform(2, 16), image.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        done, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR) if done else image
    return image


def apart(boxes: np.ndarray, others: list[np.ndarray]) -> bool:
    """No box covers more than a fifth of another."""
    for box in boxes:
        for other in others:
            both = np.minimum(box[:2] + box[2:], other[:2] + other[2:]) - np.maximum(box[:2], other[:2])
            if both.min() > 0 and both.prod() > 0.2 * min(box[2:].prod(), other[2:].prod()):
                return False
    return True


def scene(rng: np.random.Generator, stock: Stock, shape: tuple[int, int] = (SIDE, SIDE)) -> tuple[Pixels, np.ndarray]:
    """A picture of that width and height, and its boxes (N, 4)."""
    canvas = ground(rng, stock, shape)
    for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.4, 0.25, 0.2, 0.15]))):
        distract(rng, stock, canvas)
    boxes: list[np.ndarray] = []
    corner = np.array(shape, np.float32)
    for number in range(int(rng.choice([0, 1, 2, 3, 5], p=[0.14, 0.48, 0.2, 0.1, 0.08]))):
        kinds = [(stock.boxed, 0.55), (stock.tight, 0.33), (stock.painted, 0.12)]
        sources = [(sources, share) for sources, share in kinds if sources]
        odds = np.array([share for _, share in sources])
        source = pick(rng, sources[int(rng.choice(len(sources), p=odds / odds.sum()))][0])
        box = source.boxes[int(rng.integers(len(source.boxes)))]
        size = log_uniform(rng, 15, 70 if number else 150)
        turn = float(rng.normal(0, 0.22)) if rng.random() < 0.85 else float(rng.uniform(-0.9, 0.9))
        stretch = float(np.exp(rng.normal(0, 0.06)))
        whole = size / 2 + rng.random(2) * np.maximum(corner - size, 1)
        to = rng.uniform(-0.02, 1.02, 2) * corner if rng.random() < 0.15 else whole
        scale, flip = size / float(np.sqrt(box[2] * box[3])), bool(rng.random() < 0.5)
        out, cover, new = placed(source, scale, turn, flip, stretch, box[:2] + box[2:] / 2, to, shape)
        if not apart(new, boxes):
            continue
        if rng.random() < 0.5:
            out = recolour(rng, out, 0.9)
        here = new[int(np.argmin(np.abs(new[:, :2] + new[:, 2:] / 2 - to).sum(1)))]
        if size > 24 and rng.random() < 0.14:
            shuffle(rng, stock, out, here)
            mask = soft_mask(rng, cover, here, source.tight)
            canvas = (canvas + (out.astype(np.float32) - canvas) * mask).astype(np.uint8)
            continue
        if not number and (cover > 0).mean() > 0.5 and rng.random() < 0.7:  # its own picture all over
            canvas = out
        else:
            mask = soft_mask(rng, cover, here, source.tight)
            canvas = (canvas + (out.astype(np.float32) - canvas) * mask).astype(np.uint8)
            new = here[None]
        boxes += list(new)
        if rng.random() < 0.15:
            occlude(rng, stock, canvas, here)
    return finish(rng, canvas), np.array(boxes, np.float32).reshape(-1, 4)


def distract(rng: np.random.Generator, stock: Stock, canvas: Pixels) -> None:
    """Something pasted as faces are that is none: otherwise the paste itself would be what the network learns."""
    size = log_uniform(rng, 10, 80)
    side = int(size * 2)
    empty = stock.empty and rng.random() < 0.6
    out = cutting(rng, pick(rng, stock.empty), (side, side)) if empty else below(rng, stock, (side, side))
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


def shuffle(rng: np.random.Generator, stock: Stock, image: Pixels, box: np.ndarray) -> None:
    """A head without a face: the pieces of the face in another order, or something else in their place."""
    x, y = (max(0, int(v)) for v in box[:2])
    part = image[y : int(box[1] + box[3]), x : int(box[0] + box[2])]
    rows, columns = part.shape[0] // 3, part.shape[1] // 3
    if min(rows, columns) < 6:
        return
    if rng.random() < 0.35:
        thing = ground(rng, stock, (max(48, part.shape[1]), max(48, part.shape[0])))
        part[rows // 2 :] = thing[: part.shape[0] - rows // 2, : part.shape[1]]
        return
    old, order = part.copy(), rng.permutation(9)
    for place, piece in enumerate(order):
        (i, j), (k, m) = divmod(place, 3), divmod(int(piece), 3)
        other = old[k * rows : (k + 1) * rows, m * columns : (m + 1) * columns]
        part[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns] = other


def occlude(rng: np.random.Generator, stock: Stock, canvas: Pixels, box: np.ndarray) -> None:
    """Something in front of the lower part or of one side."""
    x, y, w, h = box
    part = rng.uniform(0.1, 0.35)
    over = [(x, y + h * (1 - part), x + w, y + h * 1.2), (x - 0.2 * w, y, x + w * part, y + h),
            (x + w * (1 - part), y, x + 1.2 * w, y + h), (x, y - 0.4 * h, x + w, y + h * part * 0.7)]  # fmt: skip
    left, top, right, bottom = over[int(rng.integers(4))]
    left, right = (int(np.clip(v, 0, canvas.shape[1])) for v in (left, right))
    top, bottom = (int(np.clip(v, 0, canvas.shape[0])) for v in (top, bottom))
    if right - left > 2 and bottom - top > 2:
        thing = ground(rng, stock, (max(right - left, 48), max(bottom - top, 48)))
        canvas[top:bottom, left:right] = thing[: bottom - top, : right - left]


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
