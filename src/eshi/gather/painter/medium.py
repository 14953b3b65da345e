"""What a finished picture was drawn with: flat colours, ink with screentone or hatching, a pencil, soft paint."""

from collections.abc import Callable

import cv2
import numpy as np

from eshi.ground.image import Pixels

Grey = np.ndarray  # (H, W) float32, 0 black to 255 white
Mask = np.ndarray  # (H, W) bool


def contours(grey: Pixels, thin: float, rng: np.random.Generator) -> Grey:
    """Black lines where two blurs of the picture differ."""
    soft, softer = (cv2.GaussianBlur(grey, (0, 0), wide).astype(np.float32) for wide in (thin, 1.7 * thin))
    lines: Grey = np.clip((soft - softer) * float(rng.uniform(18, 32)) + 250, 0, 255)
    return lines


def levels(grey: Pixels, rng: np.random.Generator) -> tuple[float, float, float]:
    """Below the first all is black, below the second dark, below the third shaded."""
    first, second, third = np.quantile(
        grey[::4, ::4], [0.06, float(rng.uniform(0.2, 0.35)), float(rng.uniform(0.45, 0.7))]
    )
    return min(float(first), 80.0), float(second), float(third)


def on_paper(drawn: Grey, rng: np.random.Generator) -> Pixels:
    paper = np.array((255, 255, 255)) if rng.random() < 0.6 else rng.uniform((236, 226, 205), (255, 252, 246))
    return np.clip(drawn[..., None] / 255 * paper, 0, 255).astype(np.uint8)


def inked(
    grey: Pixels, fine: int, light: Mask, dense: Mask, left: tuple[float, float], rng: np.random.Generator
) -> Pixels:
    """Contours, a pattern for shade and one for dark. Of the paper the patterns leave `left[0]`, black `left[1]`."""
    drawn, (black, dark, shaded) = contours(grey, max(grey.shape) / fine, rng), levels(grey, rng)
    drawn[(grey < shaded) & light] *= left[0]
    drawn[(grey < dark) & dense] *= left[0]
    drawn[grey < black] *= left[1]
    return on_paper(drawn, rng)


def screentone(image: Pixels, rng: np.random.Generator) -> Pixels:
    """A page of a manga."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    step = max(grey.shape) / float(rng.uniform(90, 170))
    dots = np.cos((rows + columns) * np.pi / step) + np.cos((rows - columns) * np.pi / step)  # -2 to 2
    return inked(grey, 900, dots > 1.0, dots > 0.0, (0.25, 0.1), rng)


def hatching(image: Pixels, rng: np.random.Generator) -> Pixels:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float32)
    step, size = max(grey.shape) / float(rng.uniform(90, 160)), grey.shape[1::-1]
    sway = cv2.resize(rng.normal(0, 0.5, (12, 12)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    one = np.cos((rows + 0.6 * columns) * 2 * np.pi / step + 2 * sway)
    other = np.cos((rows - 0.9 * columns) * 2 * np.pi / step - 2 * sway)
    return inked(grey, 1000, one > 0.55, other > 0.4, (0.35, 0.2), rng)


def pencil(image: Pixels, rng: np.random.Generator) -> Pixels:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    soft = cv2.GaussianBlur(grey, (0, 0), max(grey.shape) / 160)
    drawn = (cv2.divide(grey, soft, scale=255).astype(np.float32) - 255) * float(rng.uniform(1.0, 2.2)) + 255
    grain = cv2.GaussianBlur(rng.normal(0, 14, grey.shape[:2]).astype(np.float32), (0, 0), 0.8)
    drawn = drawn * (0.75 + 0.25 * grey / 255) + grain
    return on_paper(np.clip(drawn, 0, 255), rng)


def paint(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Without lines, lit from one side, with the grain of a brush."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    small = cv2.bilateralFilter(cv2.medianBlur(small, 5), 9, float(rng.uniform(40, 80)), 5)
    soft = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    angle, strength = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0.1, 0.5))
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    light = 1 + strength * ((columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle))
    grain = cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 1.5, sigmaY=4)
    soft = soft * (light * (1 + float(rng.uniform(0.05, 0.3)) * grain))[..., None]
    painted: Pixels = np.clip(soft * float(rng.uniform(0.75, 1.02)), 0, 255).astype(np.uint8)
    return painted


MEDIA: dict[str, Callable[[Pixels, np.random.Generator], Pixels] | None] = {
    "colour": None, "screentone": screentone, "hatching": hatching, "pencil": pencil, "paint": paint,
}  # fmt: skip
