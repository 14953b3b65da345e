"""The colours of hair and eyes, as people call them, measured on face crops."""

import cv2
import numpy as np

HAIR = ("black", "grey", "white", "brown", "red", "orange", "blonde", "green", "aqua", "blue", "purple", "pink")


def hair_votes(crowns: np.ndarray) -> np.ndarray:
    """(N, len(HAIR)): how many pixels of each crown (N, 6, 12, 3) have each colour, skin and paper left out where there
    is more."""
    hsv = cv2.cvtColor(np.ascontiguousarray(crowns).reshape(-1, crowns.shape[2], 3), cv2.COLOR_RGB2HSV)
    hue, saturation, value = np.moveaxis(hsv.reshape(len(crowns), -1, 3).astype(int), 2, 0)
    hue = hue * 2  # OpenCV halves the degrees
    tone = np.full(hue.shape, HAIR.index("red"))
    for least, name in ((16, "orange"), (38, "blonde"), (66, "green"), (160, "aqua"), (200, "blue"), (255, "purple")):
        tone[hue >= least] = HAIR.index(name)
    tone[(hue >= 300) & (hue < 345)] = HAIR.index("pink")
    tone[hue >= 345] = HAIR.index("red")
    warm = (hue < 50) | (hue >= 345)
    tone[(hue >= 16) & (hue < 38) & (saturation < 140) & (value > 180)] = HAIR.index("blonde")
    tone[((hue < 12) | (hue >= 345)) & (value > 190) & (saturation < 130)] = HAIR.index("pink")
    tone[warm & (value < 175) & (saturation < 170)] = HAIR.index("brown")
    pale = saturation < 34
    tone[pale] = HAIR.index("grey")
    tone[pale & (value > 195)] = HAIR.index("white")
    tone[value < 70] = HAIR.index("black")
    skin = (hue >= 8) & (hue < 44) & (saturation < 95) & (saturation >= 14) & (value > 205)
    paper = pale & (value > 247)
    votes = np.stack([((tone == i) & ~skin & ~paper).sum(1) for i in range(len(HAIR))], 1)
    votes[:, HAIR.index("white")] += np.where(votes.sum(1) < 0.1 * hue.shape[1], paper.sum(1), 0)
    return votes


def clearest(votes: np.ndarray, names: tuple[str, ...]) -> list[tuple[str, float]]:
    """Of each row of votes the name with most of them, and its share."""
    shares = votes.max(1, initial=0) / np.maximum(votes.sum(1), 1e-6)
    return [(names[best], share) for best, share in zip(votes.argmax(1).tolist(), shares.tolist(), strict=True)]


def hair(crowns: np.ndarray) -> list[str]:
    """The commonest colour of each crown."""
    return [name for name, _ in clearest(hair_votes(crowns), HAIR)] if len(crowns) else []


EYES = ("black", "grey", "brown", "red", "orange", "yellow", "green", "aqua", "blue", "purple", "pink")
EYE_BOXES = ((0.25, 0.45), (0.55, 0.75))  # from left to right, in shares of the side
EYE_ROWS = (0.42, 0.62)
SKIN = (0.59, 0.68, 0.4, 0.6)  # top, bottom, left, right: between mouth and eyes


def eye_votes(images: np.ndarray) -> np.ndarray:
    """(N, len(EYES)): each pixel votes with how far its tint lies from the skin's."""
    height, width = images.shape[1:3]

    def part(top: float, bottom: float, left: float, right: float) -> np.ndarray:
        inside = images[:, round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        return inside.reshape(len(images), -1, 3)

    pixels = np.concatenate([part(*EYE_ROWS, *box) for box in EYE_BOXES], axis=1)
    skin = np.median(part(*SKIN), axis=1).astype(np.float32)
    light = pixels.max(-1).astype(np.float32)
    tint = pixels.astype(np.float32) - pixels.mean(-1, keepdims=True) - (skin - skin.mean(-1, keepdims=True))[:, None]
    weight = np.linalg.norm(tint, axis=-1) / 255
    weight *= (light > 50) & (pixels.min(-1) < 225)
    hsv = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2HSV).astype(int)
    hue, saturation = 2 * hsv[..., 0], hsv[..., 1]
    tone = np.full(hue.shape, EYES.index("red"))
    for least, name in ((16, "orange"), (38, "yellow"), (70, "green"), (165, "aqua"), (203, "blue"), (250, "purple"),
                        (300, "pink"), (345, "red")):  # fmt: skip
        tone[hue >= least] = EYES.index(name)
    tone[((hue < 42) | (hue >= 350)) & (light < 175) & (saturation < 175)] = EYES.index("brown")
    tone[saturation < 50] = EYES.index("grey")
    return np.stack([(weight * (tone == i)).sum(1) for i in range(len(EYES))], 1)
