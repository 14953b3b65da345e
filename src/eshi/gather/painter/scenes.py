"""Pictures with several heads in many poses, and what is easily taken for a face: for whoever learns to find them."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from eshi.gather.painter import backdrop
from eshi.gather.painter.character import ACCENT, BACKDROPS, CLOTH, Character, character, choose, pick
from eshi.gather.painter.compose import BOX, FINE, NOTHING, describe, finer
from eshi.gather.painter.figure import animal, body_pen, figure, held_pen
from eshi.gather.painter.medium import MEDIA
from eshi.gather.painter.pen import Pen
from eshi.gather.painter.pose import Pose, pose
from eshi.ground.image import Pixels

Box = tuple[float, float, float, float]
Key = tuple[int, ...]
MEDIUM_WEIGHTS = (56, 12, 8, 10, 14)
HIDDEN = 0.35  # the part of a face that what is nearer may hide


@dataclass
class Figure:
    one: Character
    held: Pose
    pen: Pen  # without a canvas: where the head is
    number: int  # of the generator of its shapes

    @property
    def box(self) -> Box:
        return posed_box(self.pen, self.one, self.held)


@dataclass
class Scene:
    size: tuple[int, int]
    backdrop: str
    medium: str
    figures: list[Figure]  # the farthest first
    animals: list[Pen]


def posed_box(pen: Pen, one: Character, held: Pose) -> Box:
    """As `compose.BOX`, which is for faces that look at the viewer: a profile is narrower, a chin higher or lower."""
    turn = float(np.sin(np.radians(held.yaw)))
    chin = {"chibi": 1.06, "grown": 1.36}.get(held.build, one.chin)
    wide, high = (BOX[2] - BOX[0]) * (1 - 0.2 * turn**2), chin + 0.36 - BOX[1]
    place = replace(pen, tilt=held.tilt).place([(0.32 * turn, BOX[1] + high / 2)], 0)[0]
    x, y = float(place[0]), float(place[1] + 0.4 * held.nod * pen.scale)
    return x - wide * pen.scale / 2, y - high * pen.scale / 2, wide * pen.scale, high * pen.scale


def share_hidden(box: Box, nearer: Figure) -> float:
    """How much of a box lies behind a nearer figure, taken as a head and a block of shoulders."""
    x, y, w, h = box
    columns, rows = np.meshgrid(np.linspace(x, x + w, 12), np.linspace(y, y + h, 12))
    s = nearer.pen.scale
    head = ((columns - nearer.pen.at[0]) / (1.5 * s)) ** 2 + ((rows - nearer.pen.at[1]) / (1.7 * s)) ** 2 < 1
    body = body_pen(held_pen(nearer.pen, nearer.held), nearer.held)
    under = (np.abs(columns - body.at[0]) < 1.8 * body.scale) & (rows > body.at[1] + 1.45 * body.scale)
    return float((head | under).mean())


def stands(new: Figure, before: list[Figure], size: tuple[int, int]) -> bool:
    """In the picture, and leaving enough of every face behind it."""
    x, y, w, h = new.box
    inside = x > -0.15 * w and y > -0.15 * h and x + w * 0.85 < size[0] and y + h * 0.85 < size[1]
    return inside and all(share_hidden(other.box, new) <= HIDDEN for other in before if not other.held.behind)


def plan_scene(number: int, seed: int, panel: Key = (), size: tuple[int, int] | None = None) -> Scene:
    """All that is decided before the first stroke. A `panel` of a page has numbers of its own and a given size."""
    who, frame = np.random.default_rng([seed, number, *panel, 1]).spawn(2)
    width, height = size or scene_size(frame)
    count = int(frame.choice([1, 2, 3, 4, 6], p=[0.34, 0.26, 0.2, 0.14, 0.06]))
    largest = min(width, height) * 0.24 / count**0.4
    scales = sorted(float(largest * np.exp(frame.uniform(-0.9, 0.0))) for _ in range(count))
    figures: list[Figure] = []
    for place, scale in enumerate(scales):
        one, held = character(who), pose(who)
        held = replace(held, behind=place < count - 1 and bool(frame.random() < 0.18))
        for _ in range(8):
            at = (float(frame.uniform(0.04, 0.96)) * width, float(frame.uniform(0.12, 0.8)) * height)
            new = Figure(one, held, Pen(NOTHING, at, scale, held.tilt), place)
            if stands(new, figures, (width, height)):
                figures.append(new)
                break
    if not any(not one.held.behind for one in figures):
        at = (width / 2, height * 0.45)
        figures = [Figure(character(who), pose(who), Pen(NOTHING, at, scales[-1]), 0)]
    animals = [
        Pen(NOTHING, (float(frame.uniform(0, width)), float(frame.uniform(0, height))), float(frame.uniform(10, 40)))
        for _ in range(int(frame.choice([0, 1, 3], p=[0.6, 0.28, 0.12])))
    ]
    animals = [pen for pen in animals if all(clear(pen, one) for one in figures)]
    ground, medium = choose(frame, BACKDROPS), choose(frame, tuple(MEDIA), MEDIUM_WEIGHTS)
    return Scene((width, height), ground, medium, figures, animals)


def scene_size(frame: np.random.Generator) -> tuple[int, int]:
    side, aspect = float(frame.uniform(420, 700)), float(np.exp(frame.normal(0.05, 0.22)))
    width, height = (int(np.clip(side * way, 320, 800)) for way in (aspect**0.5, aspect**-0.5))
    return width, height


def clear(pen: Pen, one: Figure) -> bool:
    """An animal lies on no face."""
    x, y, w, h = one.box
    reach, (left, top) = 1.6 * pen.scale, pen.at
    return not (x - reach < left < x + w + reach and y - reach < top < y + h + reach)


def draw_scene(plan: Scene, number: int, seed: int, panel: Key = ()) -> Pixels:
    ground, strokes = np.random.default_rng([seed, number, *panel, 2]).spawn(2)
    fine = float(np.clip(FINE / max(plan.size), 1, 2))
    canvas = backdrop.backdrop(plan.backdrop, round(plan.size[1] * fine), round(plan.size[0] * fine), ground)
    for one in plan.figures:
        shapes = np.random.default_rng([seed, number, *panel, 3, one.number])
        figure(one.one, one.held, shapes, finer(one.pen, canvas, fine))
    for pen in plan.animals:
        tilted = replace(finer(pen, canvas, fine), tilt=float(strokes.normal(0, 15)))
        animal(strokes, tilted, pick(strokes, CLOTH), pick(strokes, ACCENT))
    drawn_with = MEDIA[plan.medium]
    canvas = drawn_with(canvas, strokes) if drawn_with else canvas
    return cv2.resize(canvas, plan.size, interpolation=cv2.INTER_AREA) if fine != 1 else canvas


def inside(box: Box, size: tuple[int, int]) -> list[float]:
    left, top = max(box[0], 0.0), max(box[1], 0.0)
    right, bottom = min(box[0] + box[2], size[0]), min(box[1] + box[3], size[1])
    return [round(side, 1) for side in (left, top, right - left, bottom - top)]


def describe_scene(number: int, seed: int = 0) -> dict[str, Any]:
    return facts(plan_scene(number, seed), number, seed)


def facts(plan: Scene, number: int, seed: int) -> dict[str, Any]:
    faces = []
    for one in plan.figures:
        if not one.held.behind:
            said = describe(one.one, one.pen, plan.size, seed, number)
            said |= {"tilt": round(one.held.tilt, 1), "face": inside(one.box, plan.size)}
            said |= {"yaw": round(one.held.yaw, 1), "build": one.held.build, "hat": one.held.hat,
                     "before": one.held.before}  # fmt: skip
            faces.append({k: v for k, v in said.items() if k not in ("seed", "number", "size", "backdrop")})
    return {
        "seed": seed, "number": number, "kind": "scenes", "size": list(plan.size), "backdrop": plan.backdrop,
        "medium": plan.medium, "faces": faces,
    }  # fmt: skip


def scene(number: int, seed: int = 0) -> tuple[Pixels, dict[str, Any]]:
    """A picture with one to six heads and its attributes, `faces` among them: a pure function of seed and number."""
    plan = plan_scene(number, seed)
    return draw_scene(plan, number, seed), facts(plan, number, seed)
