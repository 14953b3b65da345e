"""What happens to a whole picture on its way to the web: other colours, ink, paint, darkness, glare, a poor JPEG."""

import cv2
import numpy as np

from eshi.ground.image import Pixels


def recolour(rng: np.random.Generator, image: Pixels, strength: float) -> Pixels:
    """Hue, saturation, gain and gamma."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(rng.normal(0, 12 * strength))) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(1 - 0.6 * strength, 1 + 0.4 * strength), 0, 255)
    image = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    ramp = (np.arange(256)[:, None] / 255) ** np.exp(rng.normal(0, 0.3 * strength))
    ramp = ramp * rng.uniform(1 - 0.35 * strength, 1 + 0.2 * strength, 3) + rng.normal(0, 0.08 * strength, 3)
    return cv2.LUT(image, np.clip(ramp * 255, 0, 255).astype(np.uint8).reshape(256, 1, 3))


def pencil(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Grey divided by its blurred self."""
    drawn = cv2.divide(grey, cv2.GaussianBlur(grey, (0, 0), rng.uniform(1.5, 6)), scale=255).astype(np.float32)
    drawn = np.clip((drawn - 255) * rng.uniform(1.2, 3.5) + 255, 0, 255)
    if rng.random() < 0.4:  # with the flat tones left in, as in a manga
        drawn = drawn * (0.45 + 0.55 * grey / 255)
    return drawn


def ink(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Black and white: lines where two blurs differ, and the dark parts black, hatched or in screentone."""
    thin = float(rng.uniform(0.5, 1.1))
    soft, softer = cv2.GaussianBlur(grey, (0, 0), thin), cv2.GaussianBlur(grey, (0, 0), 1.6 * thin)
    edge = (soft.astype(np.float32) - softer) * rng.uniform(15, 40) + rng.uniform(200, 290)
    drawn = np.clip(edge, 0, 255)
    levels = np.quantile(grey, sorted(rng.uniform(0.02, 0.5, 2)))
    drawn[grey < levels[0]] *= rng.uniform(0, 0.3)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    step = int(rng.integers(3, 6))
    tone = ((rows + columns) % step == 0) if rng.random() < 0.6 else ((rows % step == 0) & (columns % step < 2))
    drawn[(grey >= levels[0]) & (grey < levels[1]) & tone] *= rng.uniform(0, 0.5)
    return drawn


def loose(rng: np.random.Generator, drawn: np.ndarray) -> np.ndarray:
    """Searching lines: the drawing twice, each bent another way."""
    height, width = drawn.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    reach, both = float(rng.uniform(1, 4)), []
    for _ in range(2):
        bend = rng.normal(0, 1, (2, 5, 5)).astype(np.float32) * reach / 2
        across, down = (cv2.resize(way, (width, height), interpolation=cv2.INTER_CUBIC) for way in bend)
        both.append(cv2.remap(drawn, columns + across, rows + down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return both[0] * both[1] / 255 if rng.random() < 0.7 else both[0]


def lines(rng: np.random.Generator, image: Pixels) -> Pixels:
    """As pencil or ink, on paper."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    drawn = pencil(rng, grey) if rng.random() < 0.55 else ink(rng, grey)
    drawn = loose(rng, drawn.astype(np.float32)) if rng.random() < 0.35 else drawn
    paper, dark = rng.uniform(200, 256, 3), rng.uniform(0, 90, 3) if rng.random() < 0.3 else np.zeros(3)
    return (dark + drawn[..., None] / 255 * (paper - dark)).astype(np.uint8)


def paint(rng: np.random.Generator, image: Pixels) -> Pixels:
    """Without lines: flat strokes of a brush, and the grain of canvas."""
    image = cv2.medianBlur(image, int(rng.choice([3, 3, 5])))
    image = cv2.bilateralFilter(image, 5, float(rng.uniform(20, 70)), 3) if rng.random() < 0.6 else image
    grain = cv2.GaussianBlur(rng.normal(0, 1, image.shape[:2]).astype(np.float32), (0, 0), rng.uniform(0.5, 1.5))
    return np.clip(image * (1 + rng.uniform(0, 0.25) * grain[..., None]), 0, 255).astype(np.uint8)


def dim(rng: np.random.Generator, image: Pixels) -> Pixels:
    """Night: darker, with the light's colour, perhaps only on one side."""
    height, width = image.shape[:2]
    light = rng.uniform(0.12, 0.6) * rng.uniform(0.7, 1.3, 3)
    if rng.random() < 0.4:
        angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1)
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        along = (columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle)
        share = np.clip(0.5 + along * 3 * edge, 0, 1)[..., None]
        return (image * (light + (1 - light) * share).clip(0, 1)).astype(np.uint8)
    return (image * light.clip(0, 1) + rng.uniform(0, 25, 3)).clip(0, 255).astype(np.uint8)


def glare(rng: np.random.Generator, image: Pixels) -> Pixels:
    keep = rng.uniform(0.25, 0.6)
    return (image * keep + rng.uniform(180, 255, 3) * (1 - keep)).astype(np.uint8)


def finish(rng: np.random.Generator, image: Pixels) -> Pixels:
    image = recolour(rng, image, rng.uniform(0.2, 0.8)) if rng.random() < 0.7 else image
    style = rng.random()
    if style < 0.18:
        image = lines(rng, image)
    elif style < 0.3:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) / 255
        dark, pale = rng.uniform(0, 110, 3) * (rng.random() < 0.5), 255 - rng.uniform(0, 110, 3) * (rng.random() < 0.5)
        image = (dark + grey * (pale - dark)).astype(np.uint8)
    elif style < 0.4:
        image = paint(rng, image)
    if rng.random() < 0.2:
        image = (dim if rng.random() < 0.7 else glare)(rng, image)
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
