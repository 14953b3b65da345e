"""The painter: same seed, same pixels; what the attributes say is what is drawn; a killed run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from eshi.gather.painter import character, compose, face, paint, picture
from eshi.gather.painter.pen import Pen, ribbon, spline
from eshi.ground import image
from eshi.ground.errors import EshiError

PAINT = (
    "import sys; from eshi.gather.painter import paint; paint(sys.argv[1], int(sys.argv[2]), 0, faces=32, workers=2)"
)


def attributes(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "attributes.jsonl").read_text().splitlines()]


def near(pixels: np.ndarray, colour: list[int], distance: float) -> np.ndarray:
    return np.abs(pixels.astype(float) - colour).max(-1) <= distance


def inside(pixels: np.ndarray, facts: dict, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """A part of the picture in shares of the face box."""
    x, y, width, height = facts["face"]
    rows = slice(max(0, round(y + top * height)), round(y + bottom * height))
    return pixels[rows, max(0, round(x + left * width)) : round(x + right * width)]


def some(what: str, values: tuple) -> list[int]:
    """One number for each value of an attribute."""
    found: dict = {}
    for number in range(2000):
        found.setdefault(compose.describe_picture(number)[what], number)
        if len(found) == len(values):
            break
    assert set(found) == set(values)
    return list(found.values())


def test_same_seed_same_pixels_and_another_number_or_seed_is_another_picture():
    first, facts = picture(3, seed=5)
    again, facts_again = picture(3, seed=5)
    assert first.tobytes() == again.tobytes()
    assert facts == facts_again
    assert face(3, 5, 64)[0].tobytes() == face(3, 5, 64)[0].tobytes()
    others = [face(4, 5, 64)[0], face(3, 6, 64)[0]]
    assert all(np.abs(face(3, 5, 64)[0].astype(int) - other).mean() > 5 for other in others)


def test_sizes_are_in_range_and_the_face_box_lies_in_the_picture():
    ratios = []
    for number in range(300):
        facts = compose.describe_picture(number, seed=1)
        (width, height), (x, y, w, h) = facts["size"], facts["face"]
        assert 256 <= width <= 768
        assert 256 <= height <= 768
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height  # noqa: PT018
        assert min(w, h) > 60
        assert abs(facts["tilt"]) <= 20
        ratios.append(width / height)
    assert min(ratios) < 0.75
    assert max(ratios) > 1.25
    pixels, facts = picture(0)
    assert pixels.shape == (facts["size"][1], facts["size"][0], 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("size", [16, 48, 64, 96, 200])
def test_a_face_is_a_square_of_the_asked_size_and_fills_it(size):
    pixels, facts = face(2, size=size)
    assert pixels.shape == (size, size, 3)
    assert facts["size"] == [size, size]
    assert 0.65 < facts["face"][2] / size < 0.8


def test_every_choice_is_met():
    seen = Counter()
    for number in range(600):
        facts = compose.describe_face(number)
        seen.update((name, value) for name, value in facts.items() if isinstance(value, str | bool))
    for name, values in {
        "hair": character.HAIR,
        "eyes": character.EYES,
        "hair_style": character.HAIR_STYLES,
        "bangs": character.BANGS,
        "expression": character.EXPRESSIONS,
        "outfit": character.OUTFITS,
        "backdrop": character.BACKDROPS,
        "glasses": (True, False),
        "bow": (True, False),
        "mouth_open": (True, False),
    }.items():
        assert all(seen[name, value] for value in values), name
        assert sum(seen[name, value] for value in values) == 600


def test_all_outfits_and_backdrops_can_be_drawn():
    for number in some("outfit", character.OUTFITS) + some("backdrop", character.BACKDROPS):
        assert face(number, size=48)[0].std() > 10


def test_a_face_is_the_same_character_as_its_picture():
    for number in range(50):
        small, large = compose.describe_face(number, 7), compose.describe_picture(number, 7)
        frame = {"face", "size"}
        assert {k: v for k, v in small.items() if k not in frame} == {k: v for k, v in large.items() if k not in frame}


def test_the_crown_has_the_colour_of_the_hair():
    for number in some("hair", tuple(character.HAIR)):
        pixels, facts = picture(number)
        if facts["ornament"] not in ("headband", "ribbon"):
            crown = inside(pixels, facts, 0.3, -0.15, 0.7, 0.15).reshape(-1, 3)
            assert np.abs(np.median(crown, 0) - facts["hair_rgb"]).max() < 45, (number, facts["hair"])


def test_the_eyes_colour_is_in_the_box():
    drawn = 0
    for number in some("eyes", tuple(character.EYES)):
        pixels, facts = picture(number)
        if facts["expression"] != "happy":
            eyes = inside(pixels, facts, 0.1, 0.25, 0.9, 0.65)
            assert near(eyes, facts["eyes_rgb"], 24).sum() > 0.003 * eyes.shape[0] * eyes.shape[1], (number, facts)
            drawn += 1
    assert drawn > 5


def test_an_open_mouth_is_dark_red_and_a_closed_one_is_not():
    shares: dict[bool, list[float]] = {True: [], False: []}
    for number in range(30):
        facts = compose.describe_picture(number)
        if abs(facts["tilt"]) < 8:
            mouth = inside(picture(number)[0], facts, 0.38, 0.62, 0.62, 0.82)
            shares[facts["mouth_open"]].append(float(near(mouth, [172, 58, 70], 24).mean()))
    assert min(shares[True]) > 0.03
    assert max(shares[False]) < 0.03


def test_a_curve_goes_through_its_points_and_is_straight_between_two_corners():
    points = [(0, 0, 1), (4, 0, 1), (4, 3), (0, 3)]
    line = spline(points)
    for point in points:
        assert np.abs(line - point[:2]).sum(1).min() < 1e-9
    assert np.abs(line[:8, 1]).max() < 1e-9
    stroke = ribbon([(0, 0), (5, 0), (10, 0)], (2, 2))
    assert stroke[:, 1].max() == pytest.approx(1)
    assert stroke[:, 1].min() == pytest.approx(-1)


def test_a_pen_within_a_shape_leaves_the_rest_alone():
    canvas = np.zeros((40, 40, 3), np.uint8)
    pen = Pen(canvas, (20.0, 20.0), 10.0)
    with pen.within([(-1, -1), (1, -1), (1, 1), (-1, 1)]) as inner:
        inner.fill([(-9, -9), (9, -9), (9, 9), (-9, 9)], (200, 100, 50))
    assert canvas[20, 20].tolist() == [200, 100, 50]
    assert canvas[:8].max() == canvas[:, 33:].max() == 0
    with pen.within([(50, 50), (60, 50), (60, 60)]) as outside:  # nothing of it is on the canvas
        outside.fill([(-9, -9), (9, -9), (9, 9)], (255, 255, 255))
    assert canvas[:8].max() == 0


def test_painting_fills_the_folder_and_goes_on_where_it_was(tmp_path):
    paint(tmp_path, 4, seed=2)
    assert [facts["file"] for facts in attributes(tmp_path)] == ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"]
    assert attributes(tmp_path)[1] == {"file": "00001.jpg"} | picture(1, 2)[1]
    first = {path: path.read_bytes() for path in tmp_path.glob("*.jpg")}
    drawn = image.decode(tmp_path / "00001.jpg")
    assert np.abs(drawn.astype(int) - picture(1, 2)[0]).mean() < 4
    (tmp_path / "00002.jpg").unlink()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.jpg")}
    paint(tmp_path, 5, seed=2)
    assert {path: path.stat().st_mtime_ns for path in before} == before  # none is drawn again
    assert {path: path.read_bytes() for path in first} == first  # the lost one is as it was
    assert len(attributes(tmp_path)) == len(list(tmp_path.glob("*.jpg"))) == 5
    paint(tmp_path, 2, seed=2)  # fewer: nothing is lost
    assert len(attributes(tmp_path)) == 5


def test_several_processes_draw_the_same(tmp_path):
    paint(tmp_path, 40, seed=3, faces=32, workers=2)
    assert len(attributes(tmp_path)) == len(list(tmp_path.glob("*.png"))) == 40
    for number in (0, 17, 39):
        assert (image.decode(tmp_path / f"{number:05}.png") == face(number, 3, 32)[0]).all()


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_ends_at_once_and_the_next_one_completes_it(tmp_path, kind):
    command = [sys.executable, "-c", PAINT, str(tmp_path), "2000"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("*.png")) and time.monotonic() < deadline:
        time.sleep(0.02)
    if kind == signal.SIGINT:
        os.killpg(process.pid, kind)  # as a terminal does: all processes hear it
    else:
        process.kill()
    said = process.communicate(timeout=5)[1]
    if kind == signal.SIGINT:
        assert said.count("Traceback") == said.count("KeyboardInterrupt") == 1  # the parent's own, none of the workers'
    time.sleep(0.2)
    left = sorted(tmp_path.glob("*.png"))
    assert 0 < len(left) < 2000
    time.sleep(0.2)
    assert sorted(tmp_path.glob("*.png")) == left  # no worker lives on
    count = len(left) + 5
    paint(tmp_path, count, 0, faces=32)
    assert [facts["number"] for facts in attributes(tmp_path)] == list(range(2000))
    for number in range(count):
        assert image.decode(tmp_path / f"{number:05}.png").shape == (32, 32, 3)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": -1}, {"seed": -1}, {"faces": 4}, {"faces": 5000}])
def test_senseless_wishes_are_refused(tmp_path, wrong):
    with pytest.raises(EshiError) as error:
        paint(tmp_path / "new", **{"count": 1, "seed": 0} | wrong)
    assert error.value.hint
    assert not (tmp_path / "new").exists()


def test_a_folder_with_other_pictures_is_left_alone(tmp_path):
    paint(tmp_path, 1, seed=1, faces=32)
    before = (tmp_path / "attributes.jsonl").read_bytes()
    for other in ({"seed": 2, "faces": 32}, {"seed": 1, "faces": 48}, {"seed": 1}):
        with pytest.raises(EshiError, match="already holds"):
            paint(tmp_path, 2, **other)
    assert (tmp_path / "attributes.jsonl").read_bytes() == before
    (tmp_path / "mine").mkdir()
    image.save(np.zeros((9, 9, 3), np.uint8), tmp_path / "mine" / "00000.jpg")
    with pytest.raises(EshiError, match="did not paint"):
        paint(tmp_path / "mine", 1, 0)


@pytest.mark.slow
def test_the_usual_anime_face_finder_finds_the_faces():
    import cv2

    path = Path(os.environ.get("ESHI_DATA", "")) / "lbpcascade_animeface.xml"
    if not path.is_file():
        pytest.skip("set ESHI_DATA to a folder that holds lbpcascade_animeface.xml")
    cascade = cv2.CascadeClassifier(str(path))
    found = 0
    for number in range(500):
        pixels, facts = picture(number)
        grey = cv2.equalizeHist(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
        x, y, w, h = facts["face"]
        for left, top, width, height in cascade.detectMultiScale(grey, 1.1, 5, minSize=(48, 48)):
            across = min(x + w, left + width) - max(x, left)
            down = min(y + h, top + height) - max(y, top)
            common = max(0.0, across) * max(0.0, down)
            if common / (w * h + width * height - common) >= 0.4:
                found += 1
                break
    assert found >= 0.85 * 500
