"""The painter's scenes: what the old pictures keep, what a pose shows, and whether every face is where its box says."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from eshi.gather.painter import backdrop, face, page, paint, picture, scene
from eshi.gather.painter.character import Character, character
from eshi.gather.painter.compose import finer
from eshi.gather.painter.figure import figure
from eshi.gather.painter.medium import MEDIA
from eshi.gather.painter.page import INKS, covers, describe_page, plan_page
from eshi.gather.painter.pen import Pen
from eshi.gather.painter.pose import BEFORE, BUILDS, HATS, Pose
from eshi.gather.painter.scenes import describe_scene, plan_scene, posed_box
from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels

# What `eshi paint` drew before there were scenes, seed 9, each picture and each face of 64 px averaged to one pixel a
# third: a run's practice pictures stay the same.
DRAWN = [
    ([[231, 214, 186], [225, 183, 145], [237, 232, 208], [195, 167, 141], [188, 161, 143], [231, 216, 187],
      [226, 191, 122], [227, 200, 157], [238, 222, 181]],
     [[223, 204, 178], [218, 165, 125], [224, 205, 180], [183, 156, 132], [171, 153, 135], [192, 161, 135],
      [184, 143, 111], [214, 185, 175], [197, 163, 132]]),
    ([[121, 184, 237], [103, 146, 187], [116, 175, 225], [146, 183, 214], [141, 122, 112], [143, 167, 185],
      [178, 160, 175], [171, 135, 133], [182, 156, 169]],
     [[101, 144, 185], [69, 58, 67], [98, 135, 159], [124, 136, 152], [140, 122, 105], [120, 122, 129],
      [187, 208, 225], [200, 164, 152], [182, 198, 213]]),
    ([[229, 244, 235], [200, 205, 214], [224, 239, 230], [202, 209, 214], [142, 121, 143], [192, 197, 205],
      [154, 167, 182], [75, 81, 117], [146, 158, 176]],
     [[196, 199, 212], [125, 99, 165], [173, 176, 187], [172, 165, 185], [169, 157, 154], [165, 160, 176],
      [142, 137, 172], [148, 125, 140], [137, 131, 168]]),
]  # fmt: skip
SIDE = 360


def someone(number: int = 0) -> Character:
    """Looks straight ahead with open eyes of a colour that nothing else has."""
    for attempt in range(number, number + 100):
        one = character(np.random.default_rng(attempt))
        if one.eyes == "green" and one.expression in ("smile", "neutral") and one.hair not in ("green", "teal"):
            return one
    raise AssertionError("nobody has green eyes")


def drawn(one: Character, held: Pose) -> tuple[Pixels, Pen]:
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    pen = Pen(canvas, (SIDE / 2, SIDE / 2), 64.0, held.tilt)
    figure(one, held, np.random.default_rng(0), pen)
    return canvas, pen


def eye_pixels(canvas: Pixels, one: Character) -> np.ndarray:
    """(N, 2) x, y of what has the colour of the eyes."""
    near = np.abs(canvas.astype(float) - one.eyes_rgb).max(-1) < 20
    return np.argwhere(near)[:, ::-1]


def test_what_was_drawn_before_is_drawn_as_before():
    for number, pair in enumerate(DRAWN):
        for pixels, known in zip((picture(number, 9)[0], face(number, 9, 64)[0]), pair, strict=True):
            small = cv2.resize(pixels, (3, 3), interpolation=cv2.INTER_AREA).reshape(-1, 3)
            assert np.abs(small.astype(int) - known).max() <= 1


@pytest.mark.parametrize(("draw", "describe"), [(scene, describe_scene), (page, describe_page)])
def test_same_seed_same_picture(draw, describe):
    first, facts = draw(3, seed=5)
    again, facts_again = draw(3, seed=5)
    assert first.tobytes() == again.tobytes()
    assert facts == facts_again == describe(3, 5)
    assert first.shape == (facts["size"][1], facts["size"][0], 3)
    assert draw(4, seed=5)[1] != facts


def test_the_boxes_of_a_scene_lie_inside():
    for number in range(200):
        facts = describe_scene(number, 1)
        assert 1 <= len(facts["faces"]) <= 6
        for one in facts["faces"]:
            x, y, w, h = one["face"]
            assert 0 <= x < x + w <= facts["size"][0] + 0.2
            assert 0 <= y < y + h <= facts["size"][1] + 0.2


def test_every_choice_of_a_scene_is_met():
    seen: Counter = Counter()
    behind = animals = 0
    for number in range(400):
        facts, plan = describe_scene(number), plan_scene(number, 0)
        seen[facts["medium"]] += 1
        behind += sum(one.held.behind for one in plan.figures)
        animals += len(plan.animals)
        for one in facts["faces"]:
            seen.update((one["build"], f"hat {one['hat']}", f"before {one['before']}"))
            seen["profile" if abs(one["yaw"]) > 60 else "aside" if abs(one["yaw"]) > 15 else "straight"] += 1
            seen["tilted"] += abs(one["tilt"]) > 30
    wanted = [*MEDIA, *BUILDS, *(f"hat {hat}" for hat in HATS), *(f"before {thing}" for thing in BEFORE)]
    for what in [*wanted, "profile", "aside", "straight", "tilted"]:
        assert seen[what] >= 5, what
    assert min(behind, animals) > 20


@pytest.mark.parametrize("way", [-1, 1])
def test_a_head_that_turns_shows_its_eyes_on_that_side_and_in_profile_one(way):
    one = someone()
    canvas, _ = drawn(one, Pose())
    straight, spread = eye_pixels(canvas, one).mean(0)[0], np.ptp(eye_pixels(canvas, one)[:, 0])
    assert abs(straight - SIDE / 2) < 12
    last = 0.0
    for yaw in (25, 40, 80):
        found = eye_pixels(drawn(one, Pose(yaw=way * yaw))[0], one)
        moved = way * (found.mean(0)[0] - SIDE / 2)
        assert moved > last + 2
        last = moved
    assert np.ptp(found[:, 0]) < 0.6 * spread  # one eye, seen from the side


def test_the_eyes_lie_in_the_box_of_every_pose():
    one = someone()
    poses = [Pose(yaw=yaw, tilt=tilt, build=build) for yaw in (0, 35, -80) for tilt in (-45, 0, 40) for build in BUILDS]
    for held in poses:
        canvas, pen = drawn(one, held)
        x, y, w, h = posed_box(pen, one, held)
        found = eye_pixels(canvas, one)
        inside = (found >= (x, y)).all(1) & (found <= (x + w, y + 0.8 * h)).all(1)
        assert len(found) > 20, held
        assert inside.mean() > 0.95, held


def test_from_behind_there_is_no_face():
    one = someone()
    assert len(eye_pixels(drawn(one, Pose())[0], one)) > 50
    assert len(eye_pixels(drawn(one, Pose(behind=True))[0], one)) < 5


@pytest.mark.parametrize("held", [*(Pose(hat=hat) for hat in HATS[1:]), *(Pose(before=thing) for thing in BEFORE[1:])])
def test_what_is_worn_is_seen(held):
    one = someone()
    changed = (drawn(one, Pose())[0] != drawn(one, held)[0]).any(-1)
    assert changed.mean() > 0.005
    middle = np.argwhere(changed)[:, 0].mean()
    assert (middle < SIDE / 2) == (held.hat != "" or held.before == "lock")  # above, or before the lower face


def test_no_face_is_hidden_by_what_is_drawn_after_it():
    """Not by how the plan reckons: by the pixels that change under its box."""
    shares = []
    for number in range(12):
        plan = plan_scene(number, 7)
        canvas = backdrop.backdrop("plain", plan.size[1], plan.size[0], np.random.default_rng(0))
        later = []
        for one in plan.figures:
            before = canvas.copy()
            figure(one.one, one.held, np.random.default_rng(one.number), finer(one.pen, canvas, 1.0))
            later.append((before != canvas).any(-1))
        for place, one in enumerate(plan.figures):
            x, y, w, h = (max(0, round(side)) for side in one.box)
            over = np.any([np.zeros_like(later[0]), *later[place + 1 :]], 0)[y : y + h, x : x + w]
            if not one.held.behind:
                shares.append(over.mean())
    assert len(shares) > 20
    assert max(shares) < 0.55
    assert np.mean(shares) < 0.15


def test_ink_is_black_and_white_and_paint_has_no_lines():
    canvas, _ = drawn(someone(), Pose())
    for name in ("screentone", "hatching", "pencil"):
        inked = MEDIA[name](canvas, np.random.default_rng(0))
        assert inked.shape == canvas.shape
        assert np.ptp(inked.astype(int), -1).mean() < 25, name  # paper may be yellowish, ink has no colour
        assert 30 < inked.std() < 130, name
    painted = MEDIA["paint"](canvas, np.random.default_rng(0))
    edges = [
        cv2.Laplacian(cv2.cvtColor(cv2.blur(p, (3, 3)), cv2.COLOR_RGB2GRAY), cv2.CV_32F) for p in (canvas, painted)
    ]
    assert np.abs(edges[1]).max() < 0.8 * np.abs(edges[0]).max()


def test_a_folder_of_scenes_has_its_boxes_and_grows(tmp_path: Path):
    paint(tmp_path, 2, seed=2, kind="scenes")
    first = (tmp_path / "00001.jpg").read_bytes()
    paint(tmp_path, 3, seed=2, kind="scenes")
    boxes = json.loads((tmp_path / "boxes.json").read_text())
    assert list(boxes) == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert boxes["00002.jpg"] == [one["face"] for one in describe_scene(2, 2)["faces"]]
    assert (tmp_path / "00001.jpg").read_bytes() == first
    paint(tmp_path, 1, seed=2, kind="scenes")
    assert len(json.loads((tmp_path / "boxes.json").read_text())) == 3
    with pytest.raises(EshiError, match="already holds"):
        paint(tmp_path, 3, seed=2)


@pytest.mark.parametrize("wrong", [{"kind": "comics"}, {"kind": "scenes", "faces": 64}])
def test_a_senseless_kind_is_refused(tmp_path: Path, wrong: dict):
    with pytest.raises(EshiError) as error:
        paint(tmp_path / "new", 1, 0, **wrong)
    assert error.value.hint
    assert not (tmp_path / "new").exists()


def test_the_faces_of_a_page_lie_in_its_panels():
    for number in range(60):
        facts = describe_page(number, 1)
        for one in facts["faces"]:
            x, y, w, h = one["face"]
            homes = [
                (left, top)
                for left, top, wide, high in facts["panels"]
                if left - 0.2 <= x < x + w <= left + wide + 0.2 and top - 0.2 <= y < y + h <= top + high + 0.2
            ]
            assert len(homes) == 1


def test_panels_do_not_overlap_and_balloons_hide_no_face():
    balloons, media = 0, set()
    for number in range(60):
        plan = plan_page(number, 2)
        media.add(plan.panels[0].scene.medium)
        painted = np.zeros((plan.size[1], plan.size[0]), int)
        for panel in plan.panels:
            left, top, wide, high = panel.box
            assert min(wide, high) > 70
            painted[top : top + high, left : left + wide] += 1
        assert painted.max() == 1
        assert 0.7 < painted.mean() < 0.98
        balloons += len(plan.balloons)
        for balloon in plan.balloons:
            assert not any(covers(balloon.at, balloon.half, face) for panel in plan.panels for face in panel.faces)
    assert balloons > 60
    assert media == set(INKS)


def test_a_page_shows_its_balloons_in_white_with_words_and_ink_without_colour():
    number = next(
        n for n in range(20) if plan_page(n, 2).balloons and plan_page(n, 2).panels[0].scene.medium != "colour"
    )
    plan, (pixels, _) = plan_page(number, 2), page(number, 2)
    assert np.ptp(pixels.astype(int), axis=2).max() <= 6  # but for the ink of lines
    for balloon in plan.balloons:
        (x, y), (a, b) = (np.round(side).astype(int) for side in (balloon.at, balloon.half))
        middle = pixels[max(0, y - b // 2) : y + b // 2, max(0, x - a // 2) : x + a // 2]
        assert (middle > 250).mean() > 0.35
        assert (middle < 100).mean() > 0.02


def test_pages_are_painted_into_a_folder_with_their_boxes(tmp_path: Path):
    paint(tmp_path, 2, seed=2, kind="pages")
    boxes = json.loads((tmp_path / "boxes.json").read_text())
    assert boxes["00001.jpg"] == [one["face"] for one in describe_page(1, 2)["faces"]]
    with pytest.raises(EshiError, match="no square faces"):
        paint(tmp_path / "more", 2, seed=2, kind="pages", faces=64)
