"""Crop: what is cut, where it came from, and that a kill changes nothing."""

import http.server
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eshi
from eshi.gather import catalogue
from eshi.gather.clean import clean
from eshi.gather.crop import crop, face_name, square
from eshi.gather.finders import evaluate, finder, lbp
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.registry import FINDERS

BLUE = (0, 0, 255)
FINDER = '''
import time
import cv2
import numpy as np
from eshi.ground.registry import FINDERS

@FINDERS.register("blue")
class Blue:
    """Boxes of pure blue patches."""
    def __init__(self, smallest: int = 48, seconds: float = 0.0):
        self.seconds = seconds
    def __call__(self, pixels):
        time.sleep(self.seconds)
        mask = (pixels == (0, 0, 255)).all(-1).astype(np.uint8)
        found = cv2.connectedComponentsWithStats(mask)[2][1:]
        return [(int(x), int(y), int(w), int(h), 0.9) for x, y, w, h, _ in found]
'''


@pytest.fixture(scope="module", autouse=True)
def blue(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A finder in a module of its own, as a user would write one: workers must be able to import it."""
    place = tmp_path_factory.mktemp("plugin")
    (place / "blue_finder.py").write_text(FINDER)
    sys.path.insert(0, str(place))
    __import__("blue_finder")
    yield place
    sys.path.remove(str(place))
    FINDERS.parts.pop("blue")


def picture(path: Path, boxes: list[tuple[int, int, int, int]], seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 200, (200, 300, 3), np.uint8)
    for x, y, w, h in boxes:
        pixels[y : y + h, x : x + w] = BLUE
    return image.save(pixels, path)


def contents(folder: Path) -> tuple[dict[str, bytes], list[dict]]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.png")}, catalogue.rows(folder)


def test_crops_are_square_inside_and_hold_the_box() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        width, height = rng.integers(20, 400, 2)
        w, h = rng.integers(5, width + 1), rng.integers(5, height + 1)
        x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
        left, top, side = square((x, y, w, h, 1.0), 0.2, int(width), int(height))
        assert 0 <= left <= width - side
        assert 0 <= top <= height - side
        if side >= max(w, h):
            assert left - 1 <= x <= x + w <= left + side + 1
            assert top - 1 <= y <= y + h <= top + side + 1
        assert side in (round(max(w, h) * 1.4), min(width, height))


def test_a_face_is_cut_from_the_original_pixels_and_never_enlarged(tmp_path: Path) -> None:
    path = picture(tmp_path / "in" / "a.png", [(100, 60, 50, 40)])
    counts = crop(tmp_path / "in", tmp_path / "out", "blue", size=128)
    assert counts["faces"] == counts["pictures"] == 1
    original, face = image.decode(path), image.decode(tmp_path / "out" / "a.png-0.png")
    left, top, side = square((100, 60, 50, 40, 1.0), 0.2, 300, 200)
    assert side == 70
    np.testing.assert_array_equal(face, original[top : top + side, left : left + side])


def test_a_large_face_is_reduced_once_and_its_source_size_recorded(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", [(50, 20, 120, 120)])
    crop(tmp_path / "in", tmp_path / "out", "blue", size=64)
    assert image.decode(tmp_path / "out" / "a.png-0.png").shape == (64, 64, 3)
    (row,) = catalogue.rows(tmp_path / "out")
    assert (row["source_size"], row["picture"], row["x"], row["w"], row["score"]) == (168, "a.png", 50, 120, 0.9)
    assert row["verdict"] is None


def test_a_zip_of_pictures_gives_what_its_folder_gives(tmp_path: Path) -> None:
    for i, name in enumerate(["a.png", "x/a.png", *(f"{i}.png" for i in range(10))]):
        picture(tmp_path / "in" / name, [(100, 60, 60 + i, 60)], seed=i)
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in (tmp_path / "in").rglob("*.png"):
            archive.write(file, file.relative_to(tmp_path / "in").as_posix())
        archive.writestr("../../out.png", (tmp_path / "in" / "a.png").read_bytes())
    unpacked = crop(tmp_path / "in", tmp_path / "one", "blue", workers=1)
    found = crop(tmp_path / "in.zip", tmp_path / "two", "blue", workers=2)
    assert found.pop("problems") == unpacked.pop("problems") | {"../../out.png": "its name leads out of the zip"}
    assert found == unpacked
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    again = crop(tmp_path / "in.zip", tmp_path / "two", "blue")
    assert (again["done before"], again["faces"]) == (12, 0)


def test_an_error_of_the_finder_is_not_taken_for_a_broken_picture(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", [(100, 60, 60, 60)])
    with pytest.raises(ValueError, match="sleep length"):
        crop(tmp_path / "in", tmp_path / "out", "blue", seconds=-1.0)


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_what_cannot_be_opened_is_named_and_the_rest_is_cut(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", [(100, 60, 60, 60)])
    picture(tmp_path / "in" / os.fsdecode("絵.png".encode("shift-jis")), [])
    os.mkfifo(tmp_path / "in" / "pipe.png")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in" / "round")
    found = crop(tmp_path / "in", tmp_path / "out", "blue")
    assert found["faces"] == 1
    assert set(found["problems"]) == {"\\udc8aG.png", "pipe.png", "gone.png"}


def test_small_boxes_are_dropped_and_counted(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", [(10, 10, 20, 20), (100, 60, 60, 60)])
    counts = crop(tmp_path / "in", tmp_path / "out", "blue", smallest=48)
    assert (counts["faces"], counts["small"], counts["without a face"]) == (1, 1, 0)


def test_names_stay_apart_and_folders_stay(tmp_path: Path) -> None:
    names = ["x/a.png", "y/a.png", "x/a.webp", "絵師/顔 😀.png", "long" * 50 + ".png"]
    for i, name in enumerate(names):
        picture(tmp_path / "in" / name, [(100, 60, 60, 60), (10, 10, 50, 50)], seed=i)
    Image.open(tmp_path / "in" / "x/a.webp").save(tmp_path / "in" / "x/a.webp", lossless=True)
    picture(tmp_path / "in" / "x/b.png", [])
    counts = crop(tmp_path / "in", tmp_path / "out", "blue")
    files = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.png")}
    assert counts["without a face"] >= 1
    assert {"x/a.png-0.png", "x/a.png-1.png", "y/a.png-0.png", "絵師/顔 😀.png-0.png"} <= files
    assert files == {row["file"] for row in catalogue.rows(tmp_path / "out")}
    assert len(face_name("é" * 120 + ".png", 0).encode()) < 200


def test_broken_pictures_are_named_and_left_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    good = picture(folder / "good.png", [(100, 60, 60, 60)]).read_bytes()
    (folder / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<!doctype html><p>log in")
    header = b"IHDR" + struct.pack(">II", 20_000, 20_000) + good[24:29]
    (folder / "bomb.png").write_bytes(good[:12] + header + struct.pack(">I", zlib.crc32(header)) + good[33:])
    (folder / "png.jpg").write_bytes(good)
    (folder / "loop").symlink_to(folder)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: turn it by 90 degrees to the right
    Image.open(folder / "good.png").rotate(90, expand=True).save(folder / "turned.png", exif=exif)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file()}
    counts = crop(folder, tmp_path / "out", "blue")
    assert set(counts["problems"]) == {"cut.png", "empty.jpg", "page.jpg", "bomb.png"}
    assert all(counts["problems"].values())
    assert counts["faces"] == 3  # good, the PNG named .jpg, the one that must be turned upright
    faces = [image.decode(tmp_path / "out" / f"{n}-0.png") for n in ("good.png", "png.jpg", "turned.png")]
    np.testing.assert_array_equal(faces[0], faces[1])
    np.testing.assert_array_equal(faces[0], faces[2])
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir() if p.is_file()}
    (folder / "cut.png").write_bytes(good)  # repaired: the same command takes it in
    again = crop(folder, tmp_path / "out", "blue")
    assert (again["done before"], again["faces"]) == (3, 1)


def test_processes_give_what_one_gives(tmp_path: Path) -> None:
    for i in range(12):
        picture(tmp_path / "in" / f"{i}.png", [(100, 60, 50 + i, 60)][: i % 4], seed=i)
    one = crop(tmp_path / "in", tmp_path / "one", "blue", workers=1)
    two = crop(tmp_path / "in", tmp_path / "two", "blue", workers=2)
    assert one == two
    assert one["faces"] == 9
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_kill_changes_nothing(tmp_path: Path, blue: Path) -> None:
    for i in range(14):
        picture(tmp_path / "in" / f"{i:02}.png", [(100, 60, 60, 60)], seed=i)
    command = (
        "import sys; sys.path.insert(0, sys.argv[1]); import blue_finder; from pathlib import Path;"
        "from eshi.gather.crop import crop; crop(Path(sys.argv[2]), Path(sys.argv[3]), 'blue', workers=2, seconds=0.08)"
    )
    run = [sys.executable, "-c", command, str(blue), str(tmp_path / "in"), str(tmp_path / "out")]
    killed = subprocess.Popen(run)
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "out").glob("*.png"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    some = len(list((tmp_path / "out").glob("*.png")))
    assert 3 <= some < 14
    subprocess.run(run, check=True)
    crop(tmp_path / "in", tmp_path / "whole", "blue", workers=1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert not list((tmp_path / "out").glob("*.part"))
    assert crop(tmp_path / "in", tmp_path / "out", "blue", seconds=0.08)["done before"] == 14


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png", [(100, 60, 60, 60)])
    crop(tmp_path / "in", tmp_path / "out", "blue", size=64)
    with pytest.raises(EshiError, match=r"size 64 \(now 96\)"):
        crop(tmp_path / "in", tmp_path / "out", "blue", size=96)
    with pytest.raises(EshiError, match="among the pictures"):
        crop(tmp_path / "in", tmp_path / "in", "blue")
    with pytest.raises(EshiError, match="no finder called 'bluee'"):
        crop(tmp_path / "in", tmp_path / "other", "bluee")


def test_two_folders_of_pictures_are_not_mixed_up(tmp_path: Path) -> None:
    picture(tmp_path / "one" / "a.png", [(100, 60, 60, 60)])
    picture(tmp_path / "two" / "a.png", [(100, 60, 70, 60)], seed=1)
    crop(tmp_path / "one", tmp_path / "out", "blue")
    with pytest.raises(EshiError, match="pictures"):  # or the second a.png would count as done
        crop(tmp_path / "two", tmp_path / "out", "blue")


def test_origins_come_along(tmp_path: Path) -> None:
    for name in ("k/1.png", "k/sub/2.png", "other/3.png"):
        picture(tmp_path / "in" / name, [(100, 60, 60, 60)])
    base = sqlite3.connect(tmp_path / "in" / "k" / "pictures.sqlite")
    base.execute("create table pictures (file, site, post_url, file_url, tags, rating, artist)")
    for file in ("1.png", "sub/2.png"):
        row = (file, "konachan", f"https://x/{file}", "https://x/f", "1girl solo", "s", "絵師")
        base.execute("insert into pictures values (?, ?, ?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()
    crop(tmp_path / "in", tmp_path / "out", "blue")
    rows = {row["picture"]: row for row in catalogue.rows(tmp_path / "out")}
    assert rows["k/sub/2.png"]["post_url"] == "https://x/sub/2.png"
    assert [rows["k/1.png"][key] for key in ("artist", "tags", "rating")] == ["絵師", "1girl solo", "s"]
    assert rows["other/3.png"]["site"] is None


def test_the_cascade_is_fetched_once_and_only_if_it_is_the_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a cascade")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(lbp, "ADDRESS", f"http://127.0.0.1:{server.server_port}/x.xml")
    with pytest.raises(EshiError, match="not the face cascade"):
        lbp.fetched()
    assert not list(tmp_path.rglob("*.xml*"))
    monkeypatch.setattr(lbp, "SHA256", lbp.hashlib.sha256(b"a cascade").hexdigest())
    assert lbp.fetched().read_bytes() == b"a cascade"
    assert lbp.fetched().is_file()
    assert len(asked) == 2
    server.shutdown()
    server.server_close()
    lbp.fetched().unlink()
    with pytest.raises(EshiError) as error:
        lbp.fetched()
    assert "--cascade" in error.value.hint
    (tmp_path / "no.xml").write_text("<html/>")
    with pytest.raises(EshiError, match="not a cascade"):
        finder("lbp", cascade=str(tmp_path / "no.xml"))


def test_evaluate_counts_each_face_once(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", [(10, 10, 60, 60), (120, 60, 60, 60)])
    picture(tmp_path / "b.png", [(10, 10, 60, 60)])
    unboxed = {"faces_xywh": [], "visible_faces_without_box": 1}
    known = {"a.png": [[12, 12, 60, 60], [200, 10, 40, 40]], "b.png": unboxed}
    (tmp_path / "boxes.json").write_text(evaluate.json.dumps(known))
    row = evaluate.evaluate(tmp_path / "boxes.json", tmp_path, "blue")
    assert (row["found"], row["wrong"], row["recall"], row["precision"]) == (1, 1, 0.5, 0.5)
    assert evaluate.overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert evaluate.right_ones([[0, 0, 9, 9, 1], [0, 0, 10, 10, 1]], [[0, 0, 10, 10]]) == 1


@pytest.mark.slow
def test_ray_gives_what_processes_give(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'eshi[ray]'")
    for i in range(12):
        picture(tmp_path / "in" / f"{i}.png", [(100, 60, 60 + i, 60)], seed=i)
    (tmp_path / "in" / "broken.png").write_bytes(b"")
    here = crop(tmp_path / "in", tmp_path / "here", "blue", workers=2)
    there = crop(tmp_path / "in", tmp_path / "there", "blue", workers=2, on="ray")
    assert here == there
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    judged = [
        clean(tmp_path / place, finder="blue", workers=2, on=on) for place, on in (("here", "local"), ("there", "ray"))
    ]
    assert judged[0] == judged[1]


def test_how_sure_the_finder_must_be_is_asked_for(tmp_path: Path) -> None:
    eshi.paint(tmp_path / "pictures", count=2)
    assert eshi.crop(tmp_path / "pictures", out=tmp_path / "faces", workers=1).faces == 2
    assert eshi.crop(tmp_path / "pictures", out=tmp_path / "sure", workers=1, score=0.999).faces == 0
    with pytest.raises(EshiError, match=r"no weights .*none\.onnx"):
        eshi.crop(tmp_path / "pictures", out=tmp_path / "other", weights=tmp_path / "none.onnx")
    with pytest.raises(EshiError, match="score"):
        eshi.crop(tmp_path / "pictures", out=tmp_path / "other", finder="lbp", score=0.5)
