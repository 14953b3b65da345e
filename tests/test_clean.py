"""Clean: each verdict for its reason, nothing lost, nothing merged that only looks a little alike."""

import dataclasses
import os
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from eshi.gather import catalogue
from eshi.gather.album import Album
from eshi.gather.clean import REASONS, clean
from eshi.gather.duplicates import distances, near_duplicates
from eshi.gather.faceset import faceset
from eshi.gather.measure import MEASURES, jpeg_size, measure, measured
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.image import encode
from eshi.ground.registry import FINDERS
from eshi.recipe import Recipe
from eshi.training.loop import train

SIDE = 96


def doodle(seed: int) -> np.ndarray:
    """Coloured ellipses and lines, no two seeds alike."""
    rng = np.random.default_rng(seed)
    pixels = np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(14):
        centre, axes = rng.integers(0, SIDE, 2).tolist(), rng.integers(5, 34, 2).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        cv2.ellipse(pixels, centre, axes, int(rng.integers(180)), 0, 360, colour, -1, cv2.LINE_AA)
        cv2.ellipse(pixels, centre, axes, int(rng.integers(180)), 0, 360, (20, 20, 30), 1, cv2.LINE_AA)
    return pixels


def copies(pixels: np.ndarray) -> dict[str, bytes]:
    small = Image.fromarray(pixels).resize((77, 77), Image.Resampling.LANCZOS)
    moved = cv2.copyMakeBorder(pixels, 2, 0, 2, 0, cv2.BORDER_REFLECT)[:SIDE, :SIDE]
    return {
        "jpeg": encode(pixels, "jpeg", quality=60),
        "small": encode(np.asarray(small), "jpeg", quality=90),
        "mirrored": encode(pixels[:, ::-1], "webp", quality=90),
        "moved": encode(moved, "png"),
    }


def verdicts(folder: Path) -> dict[str, str]:
    return {row["file"]: row["verdict"] for row in catalogue.rows(folder)}


def stacked(contents: list[bytes]) -> np.ndarray:
    out = np.zeros(len(contents), MEASURES)
    for i, content in enumerate(contents):
        out[i] = measure(content)
    return out


def test_planted_copies_are_found_and_strangers_are_not() -> None:
    originals = [doodle(i) for i in range(250)]
    planted = [copy for pixels in originals[:60] for copy in copies(pixels).values()]
    measures = stacked([encode(p) for p in originals] + planted)
    quality = np.r_[np.full(250, 2.0), np.full(240, 1.0)]
    found = near_duplicates(measures, quality, 0.18)
    right = sum(found.get(250 + i, (-1,))[0] == i // 4 for i in range(240))
    assert right >= 0.98 * 240
    assert not [i for i in found if i < 250]
    assert all(found[250 + i][2] == (i % 4 == 2) for i in range(240) if 250 + i in found)  # knows which are mirrored


def test_a_chain_does_not_merge_what_is_not_alike() -> None:
    """Each doodle slides a little into the next; the ends have nothing in common."""
    ends = doodle(1).astype(float), doodle(2).astype(float)
    steps = [encode((ends[0] * (1 - t) + ends[1] * t).astype(np.uint8)) for t in np.linspace(0, 1, 41)]
    measures = stacked(steps)
    found = near_duplicates(measures, np.linspace(2, 1, 41), 0.18)
    assert 10 < len(found) < 38
    assert 40 not in found or found[40][0] > 20
    for i, (kept, distance, _) in found.items():
        assert kept not in found
        assert distances(measures["luma"][[i]], measures["luma"][[kept]])[0] == pytest.approx(distance, abs=1e-5)


def test_a_crowd_of_one_face_leaves_one() -> None:
    one, rng = doodle(3), np.random.default_rng(0)
    crowd = [encode(np.clip(one + rng.normal(0, 3, one.shape), 0, 255).astype(np.uint8)) for _ in range(300)]
    found = near_duplicates(stacked([*crowd, *(encode(doodle(i)) for i in range(10, 20))]), np.arange(310.0), 0.18)
    assert len(found) == 299
    assert {kept for kept, _, _ in found.values()} == {299}


def test_another_colour_is_another_face() -> None:
    pixels = doodle(5)
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0] + 60) % 180
    other = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    assert near_duplicates(stacked([encode(pixels), encode(other)]), np.array([2.0, 1.0]), 0.18) == {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """20 good doodles, and one or more of everything that is rejected."""
    folder = tmp_path / "faces"
    for i in range(20):
        image.save(doodle(i), folder / f"{i:02}.png")
    (folder / "x").mkdir()
    shutil.copy(folder / "03.png", folder / "x" / "same.png")
    for kind, content in copies(doodle(4)).items():
        (folder / "x" / f"{kind}.jpg").write_bytes(content)
    image.save(cv2.GaussianBlur(doodle(100), (0, 0), 4), folder / "blur.png")
    image.save((doodle(101) * 0.15).astype(np.uint8), folder / "dark.png")
    image.save((doodle(102) * 0.06 + 200).astype(np.uint8), folder / "flat.png")
    image.save(np.repeat(doodle(103).mean(2, keepdims=True), 3, 2).astype(np.uint8), folder / "grey.png")
    (folder / "broken.png").write_bytes((folder / "00.png").read_bytes()[:200])
    return folder


def test_each_reason_has_its_verdict_and_nothing_is_touched(folder: Path) -> None:
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*.[pj][np]g")}
    counts = clean(folder, grey=3)
    said = verdicts(folder)
    for name in ("blur", "dark", "flat", "grey"):
        assert said[f"{name}.png"] == name
    assert said["broken.png"] == "unreadable"
    assert said["x/same.png"] == "duplicate"
    assert [said[f"x/{kind}.jpg"] for kind in ("jpeg", "small", "mirrored", "moved")].count("near-duplicate") >= 3
    assert all(said[f"{i:02}.png"] == "keep" for i in range(20) if i != 4)
    assert counts["keep"] == 20
    assert sum(counts.values()) == len(said) == len(before)
    assert list(counts) == ["keep", *REASONS]
    assert catalogue.rejected(folder) == {file for file, verdict in said.items() if verdict != "keep"}
    rows = {row["file"]: row for row in catalogue.rows(folder)}
    (survivor,) = {file for file in rows if (file == "04.png" or "x/" in file) and said[file] == "keep"}
    twins = {row["twin"] for row in rows.values() if row["verdict"] == "near-duplicate"}
    assert twins == {survivor}
    assert sum("mirrored" in (row["detail"] or "") for row in rows.values()) in (1, 4)
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in before}


def test_again_is_the_same_and_undo_takes_all_back(folder: Path) -> None:
    first = clean(folder)
    assert clean(folder) == first
    assert first["grey"] == 0  # off unless asked for
    assert clean(folder, undo=True) == {"taken back": len(verdicts(folder))}
    assert set(verdicts(folder).values()) == {None}
    assert catalogue.rejected(folder) == set()
    assert clean(folder) == first


def test_other_thresholds_judge_anew(folder: Path) -> None:
    clean(folder)
    off = clean(folder, near=None, blur=None, dark=0, flat=None)
    assert off["keep"] == 28
    assert (off["duplicate"], off["unreadable"]) == (1, 1)
    assert clean(folder, smallest=90)["small"] == 1  # the copy resized to 77 px


def test_the_exact_rule_loses_no_distinct_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = [doodle(i) for i in range(40)]
    for i, kind in enumerate([*range(40), *rng.integers(0, 40, 25)]):
        image.save(kinds[kind], tmp_path / f"{i:03}.png")
    counts = clean(tmp_path, near=None, blur=None, dark=None, flat=None)
    kept = [p for p in tmp_path.glob("*.png") if p.name not in catalogue.rejected(tmp_path)]
    assert counts["duplicate"] == 25
    assert len(kept) == len({p.read_bytes() for p in kept}) == 40


def test_the_largest_source_survives(tmp_path: Path) -> None:
    image.save(doodle(1), tmp_path / "b.png")
    (tmp_path / "a.jpg").write_bytes(copies(doodle(1))["small"])
    clean(tmp_path)
    assert verdicts(tmp_path) == {"a.jpg": "near-duplicate", "b.png": "keep"}
    with catalogue.opened(tmp_path) as base:  # the small file is the larger face: what counts is what it was cut from
        base.execute("update faces set source_size = 500 where file = 'a.jpg'")
    clean(tmp_path)
    assert verdicts(tmp_path) == {"a.jpg": "keep", "b.png": "near-duplicate"}


def test_changed_and_deleted_files_are_noticed(tmp_path: Path) -> None:
    for i in range(3):
        image.save(doodle(i), tmp_path / f"{i}.png")
    assert clean(tmp_path)["keep"] == 3
    image.save(doodle(0), tmp_path / "1.png")
    os.utime(tmp_path / "1.png", ns=(1, 1))
    (tmp_path / "2.png").unlink()
    counts = clean(tmp_path)
    assert (counts["keep"], counts["duplicate"]) == (1, 1)


def test_a_finder_says_what_is_no_face(tmp_path: Path) -> None:
    @FINDERS.register("doubt")
    def doubt(smallest: int = 48) -> object:
        """Sure of bright pictures, unsure of others, blind for dark ones."""
        return lambda pixels: [(0, 0, 9, 9, pixels.mean() / 255)] if pixels.mean() > 60 else []

    try:
        for name, level in (("bright", 150), ("middle", 60), ("dark", 0)):
            image.save((doodle(7) * 0.3 + level).astype(np.uint8), tmp_path / f"{name}.png")
        counts = clean(tmp_path, near=None, blur=None, dark=None, flat=None, finder="doubt", score=0.5, workers=1)
    finally:
        FINDERS.parts.pop("doubt")
    assert counts["not-a-face"] == 2
    details = {row["file"]: row["detail"] for row in catalogue.rows(tmp_path)}
    assert "finds none" in details["dark.png"]
    assert "sure" in details["middle.png"]
    assert details["bright.png"] is None


def test_a_header_that_lies_about_the_size_is_not_believed(tmp_path: Path) -> None:
    """Few bytes that claim to be thousands of megapixels: told by their header, before anything is decoded."""
    image.save(doodle(1), tmp_path / "face.png")
    png, jpeg = encode(doodle(2)), bytearray(encode(doodle(2), "jpeg"))
    header = png[12:16] + struct.pack(">II", 50_000, 50_000) + png[24:29]
    (tmp_path / "huge.png").write_bytes(png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:])
    place = jpeg.index(b"\xff\xc0") + 5
    jpeg[place : place + 4] = struct.pack(">HH", 30_000, 30_000)
    (tmp_path / "huge.jpg").write_bytes(jpeg)
    assert clean(tmp_path)["unreadable"] == 2
    details = {row["file"]: row["detail"] for row in catalogue.rows(tmp_path)}
    assert "too large" in details["huge.png"]
    assert "too large" in details["huge.jpg"]
    assert details["face.png"] is None


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 9000}, {"restart_marker_blocks": 1}])
def test_the_size_of_a_jpeg_is_read_as_its_decoder_does(mode: str, options: dict) -> None:
    content = encode(np.asarray(Image.new(mode, (123, 77))), "jpeg", **options)
    assert jpeg_size(content) == (123, 77)
    for hidden in (b"\xff\xd0", b"\xff\x01", b"junk", b"\xff\xff"):  # a decoder steps over these two bytes or four
        assert jpeg_size(content[:2] + hidden + content[2:]) == (0, 0)
    assert jpeg_size(content[:40]) == jpeg_size(b"") == (0, 0)


@pytest.mark.parametrize("size", [(900, 8), (8, 900), (20_000, 8), (8, 8)])
def test_strips_are_measured_too(size: tuple[int, int]) -> None:
    found = measure(encode(np.zeros((*size, 3), np.uint8)))
    assert found["side"] == 8
    numbers = [found[name] for name in found.dtype.names or () if found.dtype[name].base.kind == "f"]
    assert numbers
    assert all(np.isfinite(number).all() for number in numbers)


def test_a_zip_is_judged_where_it_lies_and_training_honours_it(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*.[pj][np]g"):
            archive.write(file, file.relative_to(folder).as_posix())
    before = path.read_bytes()
    counts = clean(path)
    assert counts == clean(folder)
    kept = {file for file, verdict in verdicts(folder).items() if verdict == "keep"}
    assert set(faceset(path, (32, 32)).files) == kept
    assert verdicts(Album(path).home) == verdicts(folder)
    assert path.read_bytes() == before
    assert clean(path, undo=True) == {"taken back": len(verdicts(folder))}
    assert len(faceset(path, (32, 32)).files) == len(verdicts(folder)) - 1  # the broken one


def test_after_a_killed_clean_the_folder_can_be_trained_on(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    """A kill before the verdicts leaves a catalogue with measures and no rows."""
    shutil.copytree(faces, tmp_path / "faces")
    with catalogue.opened(tmp_path / "faces") as base:
        measured(Album(tmp_path / "faces"), base)
    assert (tmp_path / "faces" / catalogue.NAME).is_file()
    run = train(tmp_path / "faces", dataclasses.replace(tiny, images="8"), tmp_path / "run")
    assert (run / "last.pt").is_file()
    assert not (run / "CREDITS.md").exists()


def test_damaged_measures_are_taken_again(folder: Path) -> None:
    first = clean(folder)
    with catalogue.opened(folder) as base:
        base.execute("update measures set data = x'00' where file = '00.png'")
        base.execute("update measures set data = null where file = '01.png'")
    assert clean(folder) == first


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_what_cannot_be_looked_at_is_named_and_the_rest_is_judged(tmp_path: Path) -> None:
    image.save(doodle(1), tmp_path / "a.png")
    image.save(doodle(2), tmp_path / os.fsdecode("絵".encode("shift-jis")) / "b.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    counts = clean(tmp_path)
    assert (counts["keep"], counts["unreadable"]) == (1, 3)
    details = {row["file"]: row["detail"] for row in catalogue.rows(tmp_path)}
    assert "not UTF-8" in details["\\udc8aG"]
    assert details["pipe.png"] == "not a regular file"


def test_a_finder_gets_strips_and_large_faces_in_a_size_it_can_look_at(tmp_path: Path) -> None:
    seen = []

    @FINDERS.register("blind")
    def blind(smallest: int = 48) -> object:
        return lambda pixels: seen.append(pixels.shape[:2]) or []

    try:
        for name, shape in (("tall", (9000, 8)), ("wide", (8, 9000)), ("large", (2500, 2500)), ("small", (9, 9))):
            image.save(np.full((*shape, 3), 90, np.uint8), tmp_path / f"{name}.png")
        counts = clean(tmp_path, near=None, blur=None, dark=None, flat=None, finder="blind", workers=1)
    finally:
        FINDERS.parts.pop("blind")
    assert counts["not-a-face"] == 4
    assert max(map(max, seen)) <= 2048 * 1.9
    assert min(map(min, seen)) >= 160


def test_nothing_to_clean_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EshiError, match="no folder or zip"):
        clean(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(EshiError, match="no images"):
        clean(tmp_path)


@pytest.mark.slow
def test_real_faces() -> None:
    """ESHI_DATA names a folder with faces-messy64.zip: 1,561 files, 1,250 of them distinct."""
    if not (data := os.environ.get("ESHI_DATA")):
        pytest.skip("set ESHI_DATA to the folder that holds faces-messy64.zip")
    import tempfile
    import zipfile

    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(Path(data) / "faces-messy64.zip") as archive:
        archive.extractall(place)
        counts = clean(Path(place))
        assert counts["duplicate"] == 1561 - 1250
        assert counts["near-duplicate"] <= 0.005 * 1250
        kept = [p.read_bytes() for p in Path(place).glob("*.jpg") if p.name not in catalogue.rejected(Path(place))]
        assert len(kept) == len(set(kept)) == counts["keep"]
