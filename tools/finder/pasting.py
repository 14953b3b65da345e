"""What is pasted into a scene besides faces: things that are none, what lies before a face, what spoils one."""

from collections.abc import Callable

import cv2
import numpy as np
from finishing import recolour
from sources import Source, Thing

from eshi.ground.image import Pixels

Ground = Callable[[tuple[int, int]], Pixels]  # draws a background of that width and height


def lay(rng: np.random.Generator, canvas: Pixels, thing: Thing, middle: np.ndarray, size: float) -> None:
    """A thing with its own outline, turned, mirrored and recoloured."""
    colours, cover = thing[..., :3], thing[..., 3]
    if rng.random() < 0.7:
        colours = recolour(rng, np.ascontiguousarray(colours), 1.0)
    scale, angle = size / max(cover.shape), float(rng.normal(0, 0.5))
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos, -sin], [sin, cos]]) @ np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0])
    matrix = np.column_stack([turn, middle - turn @ (np.array(cover.shape[::-1]) / 2)])
    shape = canvas.shape[1::-1]
    out = cv2.warpAffine(np.ascontiguousarray(colours), matrix, shape, borderMode=cv2.BORDER_REPLICATE)
    mask = cv2.warpAffine(np.ascontiguousarray(cover), matrix, shape)[..., None].astype(np.float32) / 255
    canvas[:] = canvas + (out.astype(np.float32) - canvas) * mask


def shuffle(rng: np.random.Generator, ground: Ground, image: Pixels, box: np.ndarray) -> None:
    """A head without a face: the pieces of the face in another order, or something else in their place."""
    x, y = (max(0, int(v)) for v in box[:2])
    part = image[y : int(box[1] + box[3]), x : int(box[0] + box[2])]
    rows, columns = part.shape[0] // 3, part.shape[1] // 3
    if min(rows, columns) < 6:
        return
    if rng.random() < 0.35:
        thing = ground((max(48, part.shape[1]), max(48, part.shape[0])))
        part[rows // 2 :] = thing[: part.shape[0] - rows // 2, : part.shape[1]]
        return
    old, order = part.copy(), rng.permutation(9)
    for place, piece in enumerate(order):
        (i, j), (k, m) = divmod(place, 3), divmod(int(piece), 3)
        other = old[k * rows : (k + 1) * rows, m * columns : (m + 1) * columns]
        part[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns] = other


def occlude(rng: np.random.Generator, ground: Ground, things: list[Thing], canvas: Pixels, box: np.ndarray) -> None:
    """Something before a face that leaves at least half of it: a straight edge, a thing, strands of hair, fingers."""
    kind = rng.random()
    if kind < 0.35 and things:
        for _ in range(int(rng.integers(1, 3))):
            angle = rng.uniform(-0.3, np.pi + 0.3)  # from the sides and from below
            middle = box[:2] + box[2:] * (0.5 + 0.55 * np.array([np.cos(angle), np.sin(angle)]))
            lay(rng, canvas, things[int(rng.integers(len(things)))], middle, float(box[2]) * rng.uniform(0.4, 0.85))
    elif kind < 0.6:
        strands(rng, canvas, box)
    elif kind < 0.75:
        fingers(rng, canvas, box)
    else:
        edge(rng, ground, canvas, box)


def edge(rng: np.random.Generator, ground: Ground, canvas: Pixels, box: np.ndarray) -> None:
    x, y, w, h = box
    part = rng.uniform(0.1, 0.45)
    over = [(x, y + h * (1 - part), x + w, y + h * 1.2), (x - 0.2 * w, y, x + w * part, y + h),
            (x + w * (1 - part), y, x + 1.2 * w, y + h), (x, y - 0.4 * h, x + w, y + h * part * 0.6)]  # fmt: skip
    left, top, right, bottom = over[int(rng.integers(4))]
    left, right = (int(np.clip(v, 0, canvas.shape[1])) for v in (left, right))
    top, bottom = (int(np.clip(v, 0, canvas.shape[0])) for v in (top, bottom))
    if right - left > 2 and bottom - top > 2:
        thing = ground((max(right - left, 48), max(bottom - top, 48)))
        canvas[top:bottom, left:right] = thing[: bottom - top, : right - left]


def strands(rng: np.random.Generator, canvas: Pixels, box: np.ndarray) -> None:
    """Locks that fall over the face from above, in the colour of what is above it or any."""
    x, y, w, h = box
    at = np.clip([x + w / 2, y + 0.02 * h], 0, np.array(canvas.shape[1::-1]) - 1).astype(int)
    colour = canvas[at[1], at[0]].astype(float) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    start, count = rng.uniform(0.1, 0.9), int(rng.integers(1, 4))
    for number in range(count):
        root = x + w * (start + 0.08 * number), y - 0.1 * h
        tip = x + w * (start + rng.normal(0, 0.2)), y + h * rng.uniform(0.5, 1.2)
        bow = (root[0] + tip[0]) / 2 + w * rng.normal(0, 0.08), (root[1] + tip[1]) / 2
        along = np.linspace(0, 1, 10)[:, None]
        curve = (1 - along) ** 2 * np.array(root) + 2 * along * (1 - along) * np.array(bow) + along**2 * np.array(tip)
        half = w * rng.uniform(0.02, 0.07) * (1 - along**2)
        shape = np.concatenate([curve - half * (1, 0), (curve + half * (1, 0))[::-1]])
        points = [np.rint(shape * 16).astype(np.int32)]
        shade = tuple((colour * rng.uniform(0.75, 1.1)).clip(0, 255).tolist())
        cv2.fillPoly(canvas, points, shade, cv2.LINE_AA, 4)
        if rng.random() < 0.6:
            cv2.polylines(canvas, points, True, tuple((colour * 0.4).tolist()), 1, cv2.LINE_AA, 4)


def fingers(rng: np.random.Generator, canvas: Pixels, box: np.ndarray) -> None:
    """A hand in the colour of the cheek, from below or from a side."""
    x, y, w, h = box
    at = np.clip([x + w * 0.4, y + 0.75 * h], 0, np.array(canvas.shape[1::-1]) - 1).astype(int)
    skin = canvas[at[1], at[0]].astype(float) * rng.uniform(0.85, 1.1)
    angle = rng.choice([0.0, np.pi / 2, np.pi]) + rng.normal(0, 0.35)  # where it comes from: right, below, left
    out, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    palm = np.array([x + w / 2, y + h * rng.uniform(0.55, 0.75)]) + out * w * rng.uniform(0.35, 0.5)
    line, thick = tuple((skin * 0.45).clip(0, 255).tolist()), w * rng.uniform(0.08, 0.12)
    ends = [(palm, palm + out * 1.2 * w, 2.6 * thick)]
    for number in range(4):
        root = palm + side * (number - 1.5) * 1.15 * thick
        ends.append((root, root - out * w * rng.uniform(0.15, 0.4) + side * rng.normal(0, 0.04) * w, thick))
    for rim in (1.2, -0.6):
        for first, last, wide in ends:
            shade = line if rim > 0 else tuple(skin.clip(0, 255).tolist())
            size = max(1, round(wide + rim))
            cv2.line(
                canvas, tuple(first.astype(int).tolist()), tuple(last.astype(int).tolist()), shade, size, cv2.LINE_AA
            )


def mined(hard: list[tuple[Source, np.ndarray]], rng: np.random.Generator, side: int) -> Pixels:
    """A square around something that an earlier state took for a face."""
    source, box = hard[int(rng.integers(len(hard)))]
    middle, size = box[:2] + box[2:] / 2, float(box[2:].max()) * rng.uniform(1.2, 2.2)
    image, scale = source.sizes[0], side / size
    matrix = np.array([[scale, 0, side / 2 - scale * middle[0]], [0, scale, side / 2 - scale * middle[1]]])
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT_101)
