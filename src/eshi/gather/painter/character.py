"""Who is drawn: every choice about a character, made before the first stroke."""

from dataclasses import dataclass

import numpy as np

from eshi.gather.painter.pen import Colour

HAIR: dict[str, list[Colour]] = {
    "black": [(52, 47, 60), (44, 48, 72), (64, 52, 58)],
    "brown": [(128, 82, 58), (160, 112, 78), (104, 68, 54)],
    "blonde": [(246, 210, 122), (238, 196, 104), (252, 228, 160)],
    "orange": [(236, 142, 70), (244, 166, 96)],
    "red": [(196, 58, 56), (214, 82, 70)],
    "pink": [(248, 166, 190), (242, 138, 172), (252, 194, 208)],
    "purple": [(150, 112, 198), (180, 148, 220), (116, 88, 166)],
    "blue": [(92, 136, 216), (72, 104, 184), (140, 184, 238)],
    "teal": [(84, 190, 192), (112, 210, 200)],
    "green": [(98, 180, 124), (134, 204, 140), (76, 146, 108)],
    "silver": [(184, 188, 206), (168, 170, 190)],
    "white": [(240, 238, 244), (246, 240, 234)],
}
HAIR_WEIGHTS = (14, 15, 14, 6, 7, 10, 8, 10, 5, 5, 5, 3)
EYES: dict[str, Colour] = {
    "brown": (146, 88, 52),
    "amber": (232, 166, 44),
    "red": (214, 52, 62),
    "pink": (230, 98, 150),
    "purple": (150, 92, 210),
    "blue": (58, 124, 226),
    "cyan": (48, 184, 208),
    "green": (62, 168, 96),
    "grey": (122, 132, 154),
}
EYE_WEIGHTS = (15, 11, 12, 7, 12, 20, 9, 13, 4)
SKIN: list[Colour] = [
    (255, 240, 229), (255, 234, 220), (254, 228, 208), (250, 216, 192), (236, 192, 160), (204, 150, 116),
]  # fmt: skip
SKIN_WEIGHTS = (32, 32, 19, 8, 6, 3)
HAIR_STYLES = ("bob", "long", "wavy", "twin tails", "ponytail", "bun", "short", "spiky", "braids")
STYLE_WEIGHTS = (18, 20, 11, 13, 10, 7, 10, 6, 5)
BOYISH = ("short", "spiky")
BANGS = ("straight", "choppy", "swept", "parted", "crossed", "long fringe")
EXPRESSIONS = ("smile", "open smile", "neutral", "sad", "surprised", "angry", "happy", "wink")
EXPRESSION_WEIGHTS = (34, 22, 16, 7, 7, 6, 4, 4)
OUTFITS = ("sailor", "blazer", "hoodie", "turtleneck", "dress", "kimono", "shirt")
BACKDROPS = ("gradient", "dots", "stripes", "checks", "bokeh", "sky", "hills", "night", "sunset", "petals", "plain")
CLOTH: list[Colour] = [
    (62, 74, 122), (44, 52, 84), (250, 248, 248), (214, 78, 88), (240, 150, 160), (248, 206, 110), (112, 168, 216),
    (120, 186, 150), (150, 116, 182), (82, 72, 82), (236, 222, 202), (88, 130, 122), (170, 66, 84), (240, 140, 90),
]  # fmt: skip
ACCENT: list[Colour] = [
    (226, 66, 82), (250, 196, 66), (92, 140, 226), (246, 128, 166), (255, 252, 250), (120, 196, 160), (150, 100, 196),
    (62, 60, 84),
]  # fmt: skip


@dataclass(frozen=True)
class Character:
    hair: str
    hair_rgb: Colour
    hair_style: str
    bangs: str
    side_locks: float  # how far down the cheek they hang
    eyes: str
    eyes_rgb: Colour
    eye_width: float
    eye_height: float
    eye_slant: float
    expression: str
    skin: Colour
    chin: float
    jaw: float
    glasses: str  # "" for none
    bow: str  # hair ornament, "" for none
    blush: float
    outfit: str
    cloth: Colour
    accent: Colour
    backdrop: str
    tilt: float
    turn: float
    nod: float
    gaze: float
    ahoge: bool  # one lock that stands up

    @property
    def boyish(self) -> bool:
        return self.hair_style in BOYISH

    @property
    def knot(self) -> float:
        """The height at which twin tails are tied."""
        return -0.95 + 0.5 * self.side_locks

    @property
    def mouth_open(self) -> bool:
        return self.expression in ("open smile", "surprised", "happy", "wink")


def choose(rng: np.random.Generator, names: tuple[str, ...], weights: tuple[int, ...] | None = None) -> str:
    share = None if weights is None else np.array(weights) / sum(weights)
    return names[int(rng.choice(len(names), p=share))]


def jitter(rng: np.random.Generator, colour: Colour, amount: float, tint: float = 6) -> Colour:
    """Brighter or darker as a whole, and a little off in each channel."""
    value = np.array(colour) * (1 + rng.uniform(-amount, amount)) + rng.uniform(-tint, tint, 3)
    r, g, b = np.rint(value.clip(0, 255)).tolist()
    return (r, g, b)


def pick(rng: np.random.Generator, colours: list[Colour]) -> Colour:
    return colours[int(rng.integers(len(colours)))]


def character(rng: np.random.Generator) -> Character:
    """Bright skin and moderate tilts prevail, for the usual face finder knows little else."""
    style = choose(rng, HAIR_STYLES, STYLE_WEIGHTS)
    boy = style in BOYISH
    hair = choose(rng, tuple(HAIR), HAIR_WEIGHTS)
    eyes = choose(rng, tuple(EYES), EYE_WEIGHTS)
    expression = choose(rng, EXPRESSIONS, EXPRESSION_WEIGHTS)
    turn = float(np.clip(rng.normal(0, 0.13), -0.3, 0.3))
    return Character(
        hair=hair,
        hair_rgb=jitter(rng, pick(rng, HAIR[hair]), 0.04, 3),
        hair_style=style,
        bangs=choose(rng, BANGS, (12, 24, 22, 13, 19, 10)),
        side_locks=float(rng.uniform(0.3, 0.6) if boy else rng.uniform(0.55, 1.35)),
        eyes=eyes,
        eyes_rgb=jitter(rng, EYES[eyes], 0.06),
        eye_width=float(rng.uniform(0.275, 0.315)),
        eye_height=float(rng.uniform(0.24, 0.275) if boy else rng.uniform(0.26, 0.31)),
        eye_slant=float(rng.uniform(-0.08, 0.17)),
        expression=expression,
        skin=jitter(rng, SKIN[int(rng.choice(len(SKIN), p=np.array(SKIN_WEIGHTS) / 100))], 0.01, 2),
        chin=float(rng.uniform(1.2, 1.28) if boy else rng.uniform(1.12, 1.22)),
        jaw=float(rng.uniform(-0.04, 0.05)),
        glasses=choose(rng, ("", "round", "square"), (90, 6, 4)),
        bow=choose(rng, ("", "ribbon", "clips", "headband", "flower"), (94, 0, 4, 1, 1) if boy else (58, 16, 12, 7, 7)),
        blush=float(rng.uniform(0.25, 0.75) if expression != "neutral" else rng.uniform(0.1, 0.45)),
        outfit=choose(rng, OUTFITS, (0, 26, 24, 9, 0, 10, 31) if boy else (24, 17, 13, 7, 14, 9, 16)),
        cloth=jitter(rng, pick(rng, CLOTH), 0.04),
        accent=jitter(rng, pick(rng, ACCENT), 0.04),
        backdrop=choose(rng, BACKDROPS),
        tilt=float(np.clip(rng.normal(0, 6), -20, 20)),
        turn=turn,
        nod=float(np.clip(rng.normal(0.0, 0.05), -0.1, 0.1)),
        gaze=float(np.clip(turn * 0.5 + rng.normal(0, 0.08), -0.2, 0.2)),
        ahoge=bool(rng.random() < 0.22),
    )
