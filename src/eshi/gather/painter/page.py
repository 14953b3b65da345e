"""Pages of a manga: panels with a scene each, mostly in ink, and balloons with words beside the faces."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from eshi.gather.painter.character import choose
from eshi.gather.painter.scenes import Box, Key, Scene, draw_scene, facts, plan_scene
from eshi.ground.image import Pixels

INKS, INK_WEIGHTS = ("screentone", "hatching", "pencil", "colour"), (66, 18, 8, 8)
PANELS = 9  # what tells a panel's numbers from those of a scene
INK = (25, 22, 26)


@dataclass
class Balloon:
    """In pixels of the page."""

    at: tuple[float, float]
    half: tuple[float, float]
    tail: tuple[float, float]  # where it points

    @property
    def box(self) -> Box:
        return self.at[0] - self.half[0], self.at[1] - self.half[1], 2 * self.half[0], 2 * self.half[1]


@dataclass
class Panel:
    box: tuple[int, int, int, int]  # on the page
    scene: Scene
    key: Key
    framed: bool

    @property
    def faces(self) -> list[Box]:
        """On the page."""
        boxes = [one.box for one in self.scene.figures if not one.held.behind]
        return [(x + self.box[0], y + self.box[1], w, h) for x, y, w, h in boxes]


@dataclass
class Page:
    size: tuple[int, int]
    paper: int
    panels: list[Panel]
    balloons: list[Balloon]


def plan_page(number: int, seed: int) -> Page:
    frame = np.random.default_rng([seed, number, PANELS])
    width = int(frame.uniform(560, 860))
    size = (width, int(width * frame.uniform(1.32, 1.5)))
    medium, panels = choose(frame, INKS, INK_WEIGHTS), []
    for place, box in enumerate(layout(frame, size)):
        key = (PANELS, place)
        scene = replace(plan_scene(number, seed, key, box[2:]), medium=medium)
        panels.append(Panel(box, scene, key, bool(frame.random() < 0.93)))
    grey = int(frame.uniform(236, 256))
    return Page(size, grey, panels, balloons(frame, panels))


def layout(frame: np.random.Generator, size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Rows of panels, with gutters between them."""
    width, height = size
    margin, gutter = int(width * frame.uniform(0.02, 0.06)), int(width * frame.uniform(0.008, 0.025))
    found = []
    for top, high in cuts(frame, margin, height - margin, int(frame.choice([2, 3, 4], p=[0.3, 0.45, 0.25])), gutter):
        across = int(frame.choice([1, 2, 3], p=[0.32, 0.46, 0.22]))
        found += [(left, top, wide, high) for left, wide in cuts(frame, margin, width - margin, across, gutter)]
    return found


def cuts(frame: np.random.Generator, start: int, end: int, count: int, gutter: int) -> list[tuple[int, int]]:
    """Begin and length of `count` parts, none less than half as long as another."""
    shares = frame.uniform(1, 2, count)
    ends = start + (end - start) * np.concatenate([[0], np.cumsum(shares / shares.sum())])
    return [(int(a), int(b - a) - gutter) for a, b in pairwise(ends)]


def balloons(frame: np.random.Generator, panels: list[Panel]) -> list[Balloon]:
    """Where they hide no face of the page and no other balloon; each points to a face of its panel."""
    everyone, found = [face for panel in panels for face in panel.faces], list[Balloon]()
    for panel in panels:
        left, top, width, height = panel.box
        for _ in range(int(frame.choice([0, 1, 2, 3], p=[0.25, 0.4, 0.25, 0.1]))):
            half = (float(width * frame.uniform(0.08, 0.17)), float(height * frame.uniform(0.09, 0.2)))
            for _ in range(12):
                at = (left + float(frame.uniform(0.02, 0.98)) * width, top + float(frame.uniform(0.02, 0.9)) * height)
                if not any(covers(at, half, box) for box in [*everyone, *(other.box for other in found)]):
                    x, y, w, h = panel.faces[int(frame.integers(len(panel.faces)))]
                    found.append(Balloon(at, half, (x + w / 2, y + h)))
                    break
    return found


def covers(at: tuple[float, float], half: tuple[float, float], face: Box) -> bool:
    x, y, w, h = face
    return x - half[0] < at[0] < x + w + half[0] and y - half[1] < at[1] < y + h + half[1]


def draw_page(plan: Page, number: int, seed: int) -> Pixels:
    page = np.full((plan.size[1], plan.size[0], 3), plan.paper, np.uint8)
    for panel in plan.panels:
        left, top, width, height = panel.box
        drawn = draw_scene(panel.scene, number, seed, panel.key)
        if panel.scene.medium != "colour":
            drawn = cv2.cvtColor(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        page[top : top + height, left : left + width] = drawn
        if panel.framed:
            cv2.rectangle(page, (left, top), (left + width - 1, top + height - 1), INK, 2 + plan.size[0] // 400)
    letters = np.random.default_rng([seed, number, PANELS, 0])
    for balloon in plan.balloons:
        draw_balloon(page, balloon, letters)
    return page


def draw_balloon(page: Pixels, balloon: Balloon, rng: np.random.Generator) -> None:
    (x, y), (a, b) = balloon.at, balloon.half
    toward = np.subtract(balloon.tail, balloon.at)
    tip = np.add(balloon.at, toward * min(0.6, 1.5 * max(a, b) / max(1.0, float(np.hypot(*toward)))))
    across = np.array([-toward[1], toward[0]]) / max(1.0, float(np.hypot(*toward))) * 0.22 * min(a, b)
    tail = np.round(np.stack([balloon.at + across, tip, balloon.at - across])).astype(np.int32)
    axes = (round(a), round(b))
    line = max(1, page.shape[1] // 400)
    cv2.polylines(page, [tail], True, INK, 2 * line, cv2.LINE_AA)
    cv2.ellipse(page, (round(x), round(y)), axes, 0, 0, 360, INK, 2 * line, cv2.LINE_AA)
    cv2.fillPoly(page, [tail], (255, 255, 255), cv2.LINE_AA)
    cv2.ellipse(page, (round(x), round(y)), axes, 0, 0, 360, (255, 255, 255), -1, cv2.LINE_AA)
    side = float(rng.uniform(0.16, 0.3)) * min(a, b)
    for column in np.arange(-0.55 * a, 0.55 * a, 1.4 * side):
        for row in np.arange(-0.62 * b, float(rng.uniform(0.1, 0.62)) * b, 1.15 * side):
            for _ in range(int(rng.integers(2, 5))):  # of a letter that nobody can read
                ends = np.round(rng.uniform(0, side, (2, 2)) + np.array((x + column, y + row))).astype(int)
                cv2.line(page, ends[0].tolist(), ends[1].tolist(), INK, line, cv2.LINE_AA)


def describe_page(number: int, seed: int = 0) -> dict[str, Any]:
    return page_facts(plan_page(number, seed), number, seed)


def page_facts(plan: Page, number: int, seed: int) -> dict[str, Any]:
    faces = []
    for panel in plan.panels:
        left, top = panel.box[:2]
        for one in facts(panel.scene, number, seed)["faces"]:
            x, y, w, h = one["face"]
            faces.append(one | {"face": [round(x + left, 1), round(y + top, 1), w, h]})
    return {
        "seed": seed, "number": number, "kind": "pages", "size": list(plan.size),
        "medium": plan.panels[0].scene.medium, "panels": [list(panel.box) for panel in plan.panels], "faces": faces,
    }  # fmt: skip


def page(number: int, seed: int = 0) -> tuple[Pixels, dict[str, Any]]:
    """A page of some panels with one to six heads each: a pure function of seed and number."""
    plan = plan_page(number, seed)
    return draw_page(plan, number, seed), page_facts(plan, number, seed)
