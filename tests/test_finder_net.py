"""The finder `net`: what it finds, what it leaves alone, and what it may cost."""

import itertools
import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from eshi.gather.finders import finder
from eshi.gather.finders.evaluate import overlap, right_ones
from eshi.gather.finders.net import CLEAR, FACE, FRAME, SURE, WEIGHTS, WIDEST, doubted, mirrored, network, scales
from eshi.gather.painter import face, picture, scene
from eshi.ground.errors import EshiError
from eshi.ground.image import Pixels

TOOLS = Path(__file__).parent.parent / "tools" / "finder"
SEED = 4242  # never painted for training


def canvas(height: int, width: int, colour: int = 200) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


def test_painted_faces_are_found() -> None:
    search, drawn = finder("net"), [picture(number, SEED) for number in range(25)]
    found = [search(pixels) for pixels, _ in drawn]
    assert sum(right_ones(boxes, [facts["face"]]) for boxes, (_, facts) in zip(found, drawn, strict=True)) == 25
    assert sum(map(len, found)) == 25  # and no head twice


def test_faces_in_many_poses_are_found() -> None:
    search, drawn = finder("net", smallest=24), [scene(number, SEED) for number in range(16)]
    true = [[one["face"] for one in facts["faces"] if max(one["face"][2:]) >= 24] for _, facts in drawn]
    found = [search(pixels) for pixels, _ in drawn]
    right = sum(right_ones(boxes, faces) for boxes, faces in zip(found, true, strict=True))
    assert right >= 0.85 * sum(map(len, true))
    assert right >= 0.95 * sum(map(len, found))


def test_a_second_look_is_mirrored_and_shows_the_box_in_the_middle() -> None:
    pixels = canvas(100, 200)
    pixels[40:68, 130:158], pixels[40:68, 150:158] = 90, 20
    frame = mirrored(pixels, np.array([130.0, 40.0, 158.0, 68.0]))
    assert frame.shape == (FRAME, FRAME, 3)
    rows, columns = np.nonzero(frame[..., 0] < 110)
    edges = (FRAME - FACE) / 2, (FRAME + FACE) / 2 - 1
    assert np.allclose([rows.min(), columns.min()], edges[0], atol=2)
    assert np.allclose([rows.max(), columns.max()], edges[1], atol=2)
    assert frame[64, 40, 0] < 40 < 80 < frame[64, 80, 0]  # the dark side of it lies left now
    assert (mirrored(pixels, np.array([-20.0, -20.0, 20.0, 20.0]))[:20, -20:] == 127).all()  # no picture there


def test_a_second_look_tells_faces_from_what_is_none() -> None:
    pixels, _ = picture(3, SEED)
    x, y, w, h, _ = finder("net")(pixels)[0]
    boxes = np.array([[x, y, x + w, y + h, 0.5], [2, 2, 2 + w / 2, 2 + h / 2, 0.5], [x, y, x + w, y + h, SURE]])
    face_score, corner, sure = doubted(network(WEIGHTS), pixels, boxes)[:, 4]
    assert face_score > 0.55
    assert corner < 0.4
    assert sure == SURE


def test_every_face_of_a_picture_is_found_once() -> None:
    pixels, places = canvas(400, 700), [(40, 60), (280, 200), (520, 30)]
    for number, (x, y) in enumerate(places):
        pixels[y : y + 150, x : x + 150] = face(number, SEED, 150)[0]
    boxes = finder("net")(pixels)
    assert len(boxes) == 3
    middles = sorted((x + w / 2, y + h / 2) for x, y, w, h, _ in boxes)
    assert np.allclose(middles, [(x + 75, y + 75) for x, y in places], atol=25)


def test_a_face_that_fills_the_picture_is_found() -> None:
    assert sum(len(finder("net")(face(number, SEED, 128)[0])) == 1 for number in range(10)) >= 9


@pytest.mark.parametrize("kind", ["plain", "black", "noise", "stripes", "checks", "gradient"])
def test_nothing_is_found_where_nothing_is(kind: str) -> None:
    rows, columns = np.mgrid[:360, :480]
    noise = np.random.default_rng(0).integers(0, 256, (360, 480))
    grey = {"plain": 230 + 0 * rows, "black": 0 * rows, "noise": noise, "stripes": columns // 12 % 2 * 255,
            "checks": (rows // 30 + columns // 30) % 2 * 200, "gradient": rows * 255 // 359}[kind]  # fmt: skip
    assert finder("net")(np.repeat(grey.astype(np.uint8)[..., None], 3, 2)) == []


def test_boxes_grow_with_the_picture() -> None:
    pixels, _ = picture(3, SEED)
    small, large = finder("net")(pixels)[0], finder("net")(cv2.resize(pixels, None, fx=2, fy=2))[0]
    assert overlap([2 * side for side in small[:4]], large[:4]) > 0.8


def test_smaller_faces_are_left_out_and_the_better_box_comes_first() -> None:
    pixels = canvas(300, 500)
    pixels[20:180, 20:180], pixels[200:250, 400:450] = face(1, SEED, 160)[0], face(2, SEED, 50)[0]
    boxes = finder("net", smallest=24)(pixels)
    assert len(boxes) == 2
    assert boxes[0][4] >= boxes[1][4]
    assert [max(w, h) >= 60 for _, _, w, h, _ in finder("net", smallest=60)(pixels)] == [True]


def test_boxes_lie_inside_the_picture_and_come_out_the_same_again() -> None:
    pixels = face(5, SEED, 200)[0][:150, 30:]
    first = finder("net")(pixels)
    assert first
    assert all(x >= 0 and y >= 0 and x + w <= 170 and y + h <= 150 for x, y, w, h, _ in first)
    assert finder("net")(pixels) == first


@pytest.mark.parametrize(("height", "width"), [(1, 1), (30, 30), (48, 48), (20, 3000), (2500, 3), (1, 400)])
def test_odd_sizes_are_looked_at_without_a_fuss(height: int, width: int) -> None:
    assert finder("net")(canvas(height, width)) == []


def test_the_finest_look_shows_the_smallest_face_and_is_bounded() -> None:
    assert scales(1000, 800, 48)[0] == pytest.approx(CLEAR / 48)
    assert 8000 * scales(8000, 8000, 24)[0] == pytest.approx(WIDEST)
    looks = scales(1000, 800, 48)
    assert all(fine == pytest.approx(2 * coarse) for fine, coarse in itertools.pairwise(looks))


def test_a_finder_travels_to_another_process() -> None:
    pixels = picture(3, SEED)[0]
    assert pickle.loads(pickle.dumps(finder("net")))(pixels) == finder("net")(pixels)


def test_the_weights_are_small_and_torch_stays_away() -> None:
    assert WEIGHTS.stat().st_size <= 1_500_000
    code = "import sys, numpy; from eshi.gather.finders import finder\n"
    code += "finder('net')(numpy.zeros((64, 64, 3), numpy.uint8)); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_wrong_weights_are_named() -> None:
    with pytest.raises(EshiError, match=r"there are no weights nowhere\.onnx"):
        finder("net", weights="nowhere.onnx")
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "broken.onnx"
        path.write_bytes(b"no network")
        with pytest.raises(EshiError, match="cannot read the weights"):
            finder("net", weights=str(path))(canvas(64, 64))


@pytest.fixture
def tools() -> Iterator[None]:
    sys.path.insert(0, str(TOOLS))
    yield
    sys.path.remove(str(TOOLS))


@pytest.mark.usefixtures("tools")
def test_training_scenes_say_where_their_faces_are() -> None:
    from scenes import STRIDE, Stock, scene, target
    from sources import crowds, painted

    stock = Stock([], [], painted(4, SEED), [])
    stock.boxed = stock.painted  # clothes and grounds come from these
    pixels, boxes = scene(np.random.default_rng(1), stock, (192, 160))
    again, same = scene(np.random.default_rng(1), stock, (192, 160))
    assert pixels.shape == (160, 192, 3)
    assert np.array_equal(pixels, again)
    assert np.array_equal(boxes, same)
    busy = Stock(stock.boxed, [], [], [], things=[np.full((40, 40, 4), 255, np.uint8)])
    busy.hard = [(stock.boxed[0], stock.boxed[0].boxes[0])]
    shown = [scene(np.random.default_rng(number), busy) for number in range(12)]
    assert any(len(boxes) > 1 for _, boxes in shown)
    assert all(drawn.shape == (192, 192, 3) and boxes.shape == (len(boxes), 4) for drawn, boxes in shown)
    crowd = Stock(stock.boxed, [], [], [], crowds=crowds(3, SEED))
    many = [len(scene(np.random.default_rng(number), crowd)[1]) for number in range(30)]
    assert max(many) > 2
    truth = target(np.array([[40.0, 56.0, 48.0, 40.0]]), (192, 160))  # the middle, (64, 76), lies in cell (8, 9)
    assert truth.shape == (7, 160 // STRIDE, 192 // STRIDE)
    assert np.argwhere(truth[0] == 1).tolist() == [[9, 8]]
    left, top, right, bottom = truth[3:, 9, 8] * STRIDE
    assert (left + right, top + bottom) == (48, 40)


@pytest.mark.usefixtures("tools")
def test_training_begins_with_what_an_exported_file_says() -> None:
    pytest.importorskip("onnx", reason="reading weights to train on needs the package onnx")
    import torch
    from network import Network, load

    network, pixels = Network(), torch.rand(2, 3, 64, 96) * 2 - 1
    load(network, WEIGHTS, pixels)
    net = cv2.dnn.readNetFromONNX(str(WEIGHTS))
    net.setInput(pixels.numpy())
    with torch.no_grad():  # as it would draw, and as it learns: the batch norms remember these very pixels
        assert np.allclose(network.eval()(pixels), net.forward(), atol=1e-3)
        assert np.allclose(network.train()(pixels), net.forward(), atol=0.05)


@pytest.mark.usefixtures("tools")
def test_a_residual_that_is_new_changes_little_and_learns() -> None:
    pytest.importorskip("onnx", reason="reading weights to train on needs the package onnx")
    import torch
    from network import Network, Residual, load

    pixels, network = torch.rand(2, 3, 64, 96) * 2 - 1, Network()
    load(network, WEIGHTS, pixels)
    larger = Network()
    larger.coarse.append(Residual(64))
    load(larger, WEIGHTS, pixels)
    assert torch.allclose(larger.eval()(pixels), network.eval()(pixels), atol=0.05)
    larger.train()(pixels)[:, 0].square().sum().backward()
    assert all(
        weight.grad is not None and weight.grad.abs().max() > 0 for weight in [larger.coarse[2].second[1].weight]
    )


def test_no_weights_lie_idle() -> None:
    """A convolution of nothing but zeros costs its time and its bytes, and adds nothing."""
    onnx = pytest.importorskip("onnx", reason="reading the weights needs the package onnx")
    for kept in onnx.load(WEIGHTS).graph.initializer:
        assert np.abs(onnx.numpy_helper.to_array(kept).astype(np.float32)).max() > 0, kept.name


@pytest.mark.slow
def test_one_command_trains_on_boxes_of_ones_own_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the export of weights needs the package onnx")
    boxes = {}
    for number in range(6):
        pixels, facts = picture(number, SEED)
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels[..., ::-1])
        boxes[f"{number}.png"] = [facts["face"]]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    command = [sys.executable, str(TOOLS / "train.py"), str(tmp_path), "-o", str(tmp_path / "net.onnx"), "--batch", "4"]
    command += ["--painted", "2", "--minutes"]
    subprocess.run([*command, "0.05"], check=True)
    finder("net", weights=str(tmp_path / "net.onnx"))(canvas(200, 200))
    subprocess.run(
        [*command, "0.05", "-o", str(tmp_path / "further.onnx"), "--begin", str(tmp_path / "net.onnx")], check=True
    )
    told = subprocess.run([*command, "0.08"], check=True, capture_output=True, text=True).stdout
    assert "going on with" in told
