"""How a head is held: turned as far as a profile, tilted, bowed; childlike, as in a comic strip or grown up; seen from
behind."""

import math
from dataclasses import dataclass, replace

import numpy as np

from eshi.gather.painter.character import Character, choose
from eshi.gather.painter.pen import Pen, Point, Shape, spline

EGG = 1.02  # half the width of the face's egg, on which its features turn
HAIR = 1.15  # half the width of the hair over it, which stays as wide from every side
PROFILE = 55.0  # degrees from which one eye is hidden and the nose stands out
BUILDS = ("usual", "chibi", "grown")
HATS = ("", "cap", "straw", "beret", "knit", "witch", "hood", "ears", "horns")
BEFORE = ("", "lock", "hand", "peace", "mask", "scarf")


@dataclass(frozen=True)
class Pose:
    yaw: float = 0.0  # degrees to the picture's right: 0 looks at the viewer, 90 is a profile
    tilt: float = 0.0  # degrees, clockwise
    nod: float = 0.0  # the sine of the angle, downwards
    build: str = "usual"
    hat: str = ""
    before: str = ""  # what hides a part of the face
    behind: bool = False  # seen from behind: no face

    @property
    def profile(self) -> bool:
        return abs(self.yaw) >= PROFILE


STRAIGHT = Pose()


def pose(rng: np.random.Generator) -> Pose:
    """Something is special about most: what is rare in pictures is what has to be practised."""
    kind, side = rng.random(), 1 if rng.random() < 0.5 else -1
    yaw = 0.0 if kind < 0.3 else side * float(rng.uniform(18, 44) if kind < 0.72 else rng.uniform(72, 88))
    wide = rng.random() < 0.3
    before = choose(rng, BEFORE, (66, 10, 8, 6, 5, 5))
    return Pose(
        yaw=yaw,
        tilt=float(rng.uniform(-45, 45) if wide else np.clip(rng.normal(0, 10), -30, 30)),
        nod=float(np.clip(rng.normal(0.02, 0.09), -0.2, 0.2)),
        build=choose(rng, BUILDS, (60, 17, 23)),
        hat=choose(rng, HATS, (58, 6, 6, 5, 5, 4, 5, 7, 4)),
        before=""
        if before in ("lock", "hand", "peace") and abs(yaw) >= PROFILE
        else before,  # too little would be left
    )


def built(one: Character, held: Pose) -> Character:
    """The character with the proportions of its build. Who turns aside is asked for nothing that needs both eyes."""
    if held.build == "chibi":
        one = replace(one, eye_width=one.eye_width * 1.16, eye_height=one.eye_height * 1.22, chin=1.06, jaw=0.09)
    if held.build == "grown":
        one = replace(one, eye_width=one.eye_width * 0.8, eye_height=one.eye_height * 0.55, chin=1.36, jaw=0.0,
                      blush=one.blush * 0.3, ahoge=False)  # fmt: skip
    if held.yaw:
        one = replace(one, bow="", glasses="" if held.profile else one.glasses)
    return replace(one, ahoge=one.ahoge and not held.hat)


@dataclass
class Turned(Pen):
    """A pen for a head that looks aside: what has depth turns on an egg, and what goes beyond its rim is hidden."""

    yaw: float = 0.0

    def __post_init__(self) -> None:
        if abs(self.yaw) >= PROFILE:
            self.sides = (-1,) if self.yaw > 0 else (1,)  # type: ignore[assignment]

    def place(self, shape: Shape, depth: float = 1.0) -> np.ndarray:
        points = np.array(shape, np.float64)[:, :2]
        sine = math.sin(math.radians(self.yaw))
        if depth < 0:  # hair behind the head goes the other way, and shows less of its breadth
            points[:, 0] = points[:, 0] * (1 - 0.28 * sine**2) + depth * sine
        elif depth and self.yaw:
            points[:, 0] += depth * (around(points[:, 0], points[:, 1], math.radians(self.yaw)) - points[:, 0])
        return super().place(points, max(depth, 0.0))


def around(x: np.ndarray, y: np.ndarray, yaw: float) -> np.ndarray:
    """Where points of the front of the egg come when it turns; it narrows towards the chin and over the crown."""
    crown = np.sqrt(1 - (np.clip(y, -1.55, 0) / 1.56) ** 2)
    rim, hair = EGG * crown * (1 - 0.2 * np.clip((y - 0.3) / 0.9, 0, 1) ** 2), HAIR * crown
    angle = np.clip(np.arcsin(np.clip(x / rim, -1, 1)) + yaw, -math.pi / 2, math.pi / 2)
    turned: np.ndarray = rim * np.sin(angle)
    beyond = np.clip((np.abs(x) - rim) / (hair - rim), 0, 1)  # from the face's edge to that of the hair
    return np.where(np.abs(x) > hair, x, turned + (np.sign(x) * hair - turned) * beyond)


def hair_edge(outline: np.ndarray, held: Pose) -> np.ndarray:
    """In profile no lock hangs before the nose."""
    if not held.profile:
        return outline
    way, edge = math.copysign(1, held.yaw), outline.copy()
    low = (way * edge[:, 0] > 0.8) & (edge[:, 1] > -0.3)
    edge[low, 1] = -0.3
    return edge


def side_face(one: Character, way: float) -> np.ndarray:
    """A face in profile, which looks to the side `way`."""
    c = one.chin
    front: list[Point] = [(0.0, -1.25), (0.7, -1.05), (1.0, -0.5), (1.03, -0.1), (0.98, 0.2), (1.04, 0.4)]
    front += [(1.19, c - 0.56, 1), (1.06, c - 0.5), (1.02, c - 0.43), (1.08, c - 0.36), (1.02, c - 0.3, 1)]
    front += [(1.06, c - 0.23), (0.99, c - 0.16), (1.0, c - 0.04), (0.86, c + 0.05), (0.5, c - 0.12)]
    back: list[Point] = [(0.02, c - 0.34), (-0.22, 0.3), (-0.6, -0.5)]
    return spline([(way * p[0], *p[1:]) for p in front + back])
