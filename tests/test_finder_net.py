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
from eshi.gather.finders.net import CLEAR, CLOSE, FACE, WEIGHTS, WIDEST, again, close, network, scales, second
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


def test_a_second_look_shows_the_box_in_the_middle() -> None:
    pixels = canvas(100, 200)
    pixels[40:68, 130:158] = 90
    frame = close(pixels, np.array([130.0, 40.0, 158.0, 68.0]))
    assert frame.shape == (CLOSE, CLOSE, 3)
    rows, columns = np.nonzero(frame[..., 0] < 110)
    edges = (CLOSE - FACE) / 2, (CLOSE + FACE) / 2 - 1
    assert np.allclose([rows.min(), columns.min()], edges[0], atol=2)
    assert np.allclose([rows.max(), columns.max()], edges[1], atol=2)
    assert (close(pixels, np.array([-20.0, -20.0, 20.0, 20.0]))[:20, :20] == 127).all()  # no picture there


def test_a_second_look_tells_faces_from_what_is_none_and_mends_boxes() -> None:
    pixels, facts = picture(3, SEED)
    x, y, w, h = facts["face"]
    beside = np.array([x + 0.2 * w, y - 0.15 * h, x + 1.1 * w, y + 0.8 * h])
    boxes = np.array([[x, y, x + w, y + h, 0.5], [*beside, 0.5], [2, 2, 2 + w / 2, 2 + h / 2, 0.5]])
    looked = again(network(second(WEIGHTS)), pixels, boxes)
    assert (looked[:2, 4] > 0.65).all()
    assert looked[2, 4] < 0.35
    before, after = ([left, top, right - left, bottom - top] for left, top, right, bottom in (beside, looked[1, :4]))
    assert overlap(before, facts["face"]) < 0.6 < 0.75 < overlap(after, facts["face"])


def test_weights_of_ones_own_bring_their_own_second_look_or_use_the_one_that_comes_along(tmp_path: Path) -> None:
    (tmp_path / "own.onnx").write_bytes(WEIGHTS.read_bytes())
    assert second(tmp_path / "own.onnx") == second(WEIGHTS)
    (tmp_path / "own-second.onnx").write_bytes(b"")
    assert second(tmp_path / "own.onnx") == tmp_path / "own-second.onnx"


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
    assert WEIGHTS.stat().st_size + second(WEIGHTS).stat().st_size <= 1_500_000
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
def test_a_figure_that_was_cut_out_is_pasted_without_its_ground(tmp_path: Path) -> None:
    from scenes import Stock, scene
    from sources import Source, boxed

    figure = np.zeros((90, 60, 4), np.uint8)
    figure[:, 20:40] = 0, 0, 255, 255  # red, upright, on nothing
    cv2.imwrite(str(tmp_path / "figure.png"), figure)
    (tmp_path / "boxes.json").write_text(json.dumps({"figure.png": [[20, 5, 20, 16]]}))
    source = boxed(tmp_path)["figure.png"]
    assert [cover.shape for cover in source.covers] == [pixels.shape[:2] for pixels in source.sizes]
    assert (source.covers[0][:, 20:40] == 255).all()
    assert source.covers[0].mean() == pytest.approx(85)
    drawn = Source.of(canvas(90, 60), source.boxes)
    assert drawn.covers == []
    stock = Stock([source], [], [], [drawn])
    made = [scene(np.random.default_rng(number), stock) for number in range(30)]
    assert sum(len(boxes) for _, boxes in made) > 20


@pytest.mark.usefixtures("tools")
def test_what_the_second_look_learns_from_says_what_it_shows() -> None:
    pytest.importorskip("onnx", reason="the training tools need the package onnx")
    from second import SHAPE, doubts

    faces = np.array([[100.0, 60.0, 50.0, 40.0], [280.0, 100.0, 60.0, 48.0]])  # the other one is cut by the border
    proposed = np.array([[102.0, 58.0, 150.0, 102.0], [10.0, 180.0, 60.0, 220.0], [100.0, 60.0, 120.0, 100.0]])
    for number in range(20):
        found = list(doubts(np.random.default_rng(number), proposed, faces))
        (_, same), (_, other), (_, part) = found[:3]
        assert (same[0], same[5], other[0], other[5]) == (1, 1, 0, 0)
        assert part[0] == -1  # two fifths of it: either answer will do
        assert np.allclose(same[[1, 3]].sum() * np.sqrt(48 * 44), 50, atol=0.1)
        for box, truth in found:
            inside = min(SHAPE[0], box[2]) - max(0, box[0])
            common = [overlap([*box[:2], *(box[2:] - box[:2])], face) for face in faces.tolist()]
            if truth[0] == 1:
                assert max(common) >= 0.5
                assert inside > 0
            if truth[0] == 0:
                assert max(common) < 0.3
        assert sum(truth[0] == 0 for _, truth in found) >= 1


@pytest.mark.usefixtures("tools")
def test_what_was_taken_for_a_face_is_shown_again_only_where_no_face_is_near() -> None:
    from school import alone

    faces = np.array([[100.0, 100.0, 50.0, 40.0]])
    assert alone(np.array([10.0, 10.0, 30.0, 30.0]), faces)
    assert not alone(np.array([60.0, 80.0, 40.0, 40.0]), faces)
    assert alone(np.array([60.0, 80.0, 40.0, 40.0]), np.zeros((0, 4)))


@pytest.mark.usefixtures("tools")
def test_the_second_look_begins_with_what_has_seen_the_world() -> None:
    pytest.importorskip("onnx", reason="the training tools need the package onnx")
    import torch
    from second import Second

    import eshi.judging
    from eshi.networks.lite import Lite

    torch.manual_seed(0)
    look, pixels = Second(), torch.rand(2, 3, 96, 96)
    lite = Lite("lite0", Path(eshi.judging.__file__).with_name("lite0.npz"))
    before = lite(pixels * 255)[3]
    assert torch.allclose(look.seen(pixels * 2 - 1)[:, :, 2:4, 2:4], before[:, :, 2:4, 2:4], atol=0.05 * before.std())
    look(pixels * 2 - 1).square().sum().backward()
    assert all(weight.grad is not None for weight in look.parameters())


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
    last = [str(tmp_path / "net-second.onnx"), "--begin", str(tmp_path / "net.onnx")]
    subprocess.run([*command[:1], str(TOOLS / "second.py"), *command[2:4], *last, *command[5:], "0.05"], check=True)
    assert second(tmp_path / "net.onnx") == tmp_path / "net-second.onnx"
    finder("net", score=0.05, weights=str(tmp_path / "net.onnx"))(canvas(200, 200))
    subprocess.run(
        [*command, "0.05", "-o", str(tmp_path / "further.onnx"), "--begin", str(tmp_path / "net.onnx")], check=True
    )
    told = subprocess.run([*command, "0.08"], check=True, capture_output=True, text=True).stdout
    assert "going on with" in told
