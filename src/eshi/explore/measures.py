"""What can be measured on a drawn face: functions from (N, H, W, 3) uint8 to one number, or one colour, a face.

The regions are shares of a face crop's sides, chosen on painted faces, whose attributes are known: there the hair
colour correlates 0.99 with the truth, eye colour 0.95, mouth 0.84, position 0.85 across and 0.75 down.
"""

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray], np.ndarray]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
COLOURS = {  # sRGB; what people call hair and eye colours
    "black": (52, 47, 60), "brown": (128, 82, 58), "blonde": (244, 208, 120), "orange": (238, 148, 76),
    "red": (200, 64, 60), "pink": (246, 158, 184), "purple": (150, 112, 198), "blue": (80, 124, 216),
    "teal": (92, 200, 196), "cyan": (60, 190, 210), "green": (98, 180, 124), "silver": (180, 184, 200),
    "grey": (122, 132, 154), "white": (242, 240, 242), "amber": (232, 166, 44),
}  # fmt: skip


def part(images: np.ndarray, top: float, bottom: float, left: float, right: float) -> np.ndarray:
    """(N, h, w, 3) in [0, 1]"""
    height, width = images.shape[1:3]
    rows, columns = slice(round(top * height), round(bottom * height)), slice(round(left * width), round(right * width))
    return images[:, rows, columns].astype(np.float32) / 255


def middle(region: np.ndarray) -> np.ndarray:
    """The median colour, (N, 3)."""
    found: np.ndarray = np.median(region.reshape(len(region), -1, 3), axis=1)
    return found


def hair_colour(images: np.ndarray) -> np.ndarray:
    """(N, 3) in [0, 1]: the median of the top of the head."""
    return middle(part(images, 0.08, 0.36, 0.28, 0.72))


def skin_colour(images: np.ndarray) -> np.ndarray:
    return middle(part(images, 0.59, 0.68, 0.4, 0.6))


def eye_colour(images: np.ndarray) -> np.ndarray:
    """(N, 3): where the eyes are, weighted by how far a pixel's tint lies from the skin's; lines and gloss left out."""
    boxes = [part(images, 0.45, 0.6, left, right) for left, right in ((0.27, 0.42), (0.56, 0.72))]
    pixels = np.concatenate([box.reshape(len(images), -1, 3) for box in boxes], axis=1)
    light = pixels @ LUMA
    skin = skin_colour(images)
    tint = (pixels - light[..., None]) - (skin - (skin @ LUMA)[:, None])[:, None]
    weight = (tint**2).sum(-1) * (light > 0.15) * (light < 0.8) + 1e-6
    found: np.ndarray = (pixels * weight[..., None]).sum(1) / weight.sum(1)[:, None]
    return found


def hair_light(images: np.ndarray) -> np.ndarray:
    return np.asarray(hair_colour(images) @ LUMA)


def skin_light(images: np.ndarray) -> np.ndarray:
    return np.asarray(skin_colour(images) @ LUMA)


def eye_light(images: np.ndarray) -> np.ndarray:
    return np.asarray(eye_colour(images) @ LUMA)


def background_light(images: np.ndarray) -> np.ndarray:
    """Of both upper corners."""
    corners = [part(images, 0, 0.35, 0, 0.12), part(images, 0, 0.35, 0.88, 1)]
    return np.asarray(np.concatenate(corners, axis=2).mean((1, 2)) @ LUMA)


def light(images: np.ndarray) -> np.ndarray:
    return np.asarray(part(images, 0, 1, 0, 1).mean((1, 2)) @ LUMA)


def smile(images: np.ndarray) -> np.ndarray:
    """How open the mouth is: how much redder than the skin its reddest part."""
    mouth, skin = part(images, 0.64, 0.75, 0.45, 0.55), skin_colour(images)

    def red(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[..., 0] - values[..., 1:].mean(-1))

    found: np.ndarray = np.quantile((red(mouth) - red(skin)[:, None, None]).reshape(len(images), -1), 0.9, axis=1)
    return found


def across(images: np.ndarray) -> np.ndarray:
    """Where the face's axis of symmetry lies, from left to right in [0, 1]."""
    grey = part(images, 0.44, 0.78, 0, 1) @ LUMA
    width = grey.shape[2]
    reach = np.arange(round(0.27 * width))
    axes = np.arange(round(0.4 * width), round(0.6 * width) + 1)
    cost = np.stack([np.abs(grey[:, :, a - 1 - reach] - grey[:, :, a + reach]).mean((1, 2)) for a in axes])
    spread = cost.std(0) + 1e-6
    weight = np.exp(-(cost - cost.min(0)) / (0.3 * spread))
    return np.asarray((weight * axes[:, None]).sum(0) / weight.sum(0) / width)


def down(images: np.ndarray) -> np.ndarray:
    """The height of the lashes, where dark turns light, from top to bottom in [0, 1]."""
    grey = part(images, 0.31, 0.64, 0.25, 0.75) @ LUMA
    edge = np.diff(grey, axis=1).clip(0).sum(2) ** 2 + 1e-9
    return np.asarray((edge * np.arange(edge.shape[1])).sum(1) / edge.sum(1) / images.shape[1] + 0.31)


MEASURES: dict[str, Measure] = {
    "hair": hair_light,
    "eyes": eye_light,
    "skin": skin_light,
    "smile": smile,
    "background": background_light,
    "light": light,
    "across": across,
    "down": down,
}
COLOURED: dict[str, Measure] = {"hair": hair_colour, "eyes": eye_colour}


def measured(images: np.ndarray, more: dict[str, Measure] | None = None) -> dict[str, np.ndarray]:
    """Every measure of every face, name -> (N,)."""
    return {name: measure(images) for name, measure in (MEASURES | (more or {})).items()}
