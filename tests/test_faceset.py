"""A face set takes what lies in a folder or zip, packs it once, and gives batches that depend on (seed, step) alone."""

import json
import os
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eshi import gather
from eshi.gather import catalogue
from eshi.gather.album import Album
from eshi.gather.faceset import build_pack, faceset
from eshi.ground import progress
from eshi.ground.errors import EshiError


def picture(number: int, side: int = 20) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "faces"
    for i in range(60):
        place = home / f"deep{i % 3}" / f"er{i % 2}"
        place.mkdir(parents=True, exist_ok=True)
        picture(i).save(place / f"{i}.png")
    return home


def test_any_nesting_and_a_zip_are_the_same_set(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, file.relative_to(folder).as_posix())
    a, b = faceset(folder, (16, 16)), faceset(tmp_path / "faces.zip", (16, 16))
    assert len(a.files) == 60
    assert a.files == b.files
    assert a.content == b.content
    assert (a.images == b.images).all()


def test_every_epoch_shows_every_training_face_once(folder: Path) -> None:
    faces = faceset(folder, (16, 16))
    shown = np.concatenate([faces.picks(3, step, 4)[0] for step in range(len(faces))])
    for epoch in np.split(shown[: 4 * len(faces)], 4):
        assert sorted(epoch) == sorted(faces.train)
    assert not set(shown) & set(faces.held_out)
    assert list(shown[: len(faces)]) != list(shown[len(faces) : 2 * len(faces)])


def test_a_batch_is_a_pure_function_of_seed_and_step(folder: Path) -> None:
    faces = faceset(folder, (16, 16), mirror=True)
    first = faces.batch(1, 5, 8)
    faces.batch(2, 9, 8)
    assert (faceset(folder, (16, 16), mirror=True).batch(1, 5, 8) == first).all()
    assert (faces.batch(2, 5, 8) != first).any()


def test_mirror_turns_about_half_around(folder: Path) -> None:
    faces = faceset(folder, (16, 16), mirror=True)
    index, flips = faces.picks(0, 0, 50)
    assert 10 < flips.sum() < 40
    batch = faces.batch(0, 0, 50)
    for row, i in enumerate(index):
        assert (batch[row] == (faces.images[i][:, ::-1] if flips[row] else faces.images[i])).all()


def test_the_held_out_share_survives_new_pictures_and_keeps_duplicates_together(folder: Path) -> None:
    before = faceset(folder, (16, 16), holdout=0.3)
    held = {before.files[i] for i in before.held_out}
    assert 0.1 < len(held) / 60 < 0.5
    for i in range(60, 90):
        picture(i).save(folder / f"{i}.png")
    for i in range(60):
        picture(i).save(folder / f"copy-of-{i}.png")
    after = faceset(folder, (16, 16), holdout=0.3)
    held_after = {after.files[i] for i in after.held_out}
    assert held <= held_after
    for i in range(60):
        assert (f"copy-of-{i}.png" in held_after) == (f"deep{i % 3}/er{i % 2}/{i}.png" in held)


def test_it_is_packed_once_and_anew_when_a_file_changes(folder: Path) -> None:
    faceset(folder, (16, 16))
    pack = folder / ".eshi" / "16x16" / "images.npy"
    made = pack.stat().st_mtime_ns
    faceset(folder, (16, 16))
    assert pack.stat().st_mtime_ns == made
    picture(1000, 24).save(folder / "deep0" / "er0" / "0.png")
    changed = faceset(folder, (16, 16))
    assert pack.stat().st_mtime_ns > made
    assert len(changed.files) == 60


def test_a_pack_cut_short_by_a_kill_is_made_anew(folder: Path) -> None:
    whole = faceset(folder, (16, 16)).content
    (folder / ".eshi" / "16x16" / "index.json").unlink()
    (folder / ".eshi" / "16x16" / "images.npy.part").write_bytes(b"half")
    assert faceset(folder, (16, 16)).content == whole


DAMAGES = {
    "an empty index": lambda pack: (pack / "index.json").write_bytes(b""),
    "half an index": lambda pack: halve(pack / "index.json"),
    "an index of something else": lambda pack: (pack / "index.json").write_text("[1, 2]"),
    "a flipped digit in a key": lambda pack: flip_key(pack / "index.json"),
    "a name lost": lambda pack: edit(pack / "index.json", lambda found: found["files"].pop()),
    "no images": lambda pack: (pack / "images.npy").unlink(),
    "empty images": lambda pack: (pack / "images.npy").write_bytes(b""),
    "half the images": lambda pack: halve(pack / "images.npy"),
    "images of another size": lambda pack: np.save(pack / "images.npy", np.zeros((60, 8, 8, 3), np.uint8)),
    "images of another kind": lambda pack: np.save(pack / "images.npy", np.zeros((60, 16, 16, 3), np.float32)),
    "too few images": lambda pack: np.save(pack / "images.npy", np.zeros((59, 16, 16, 3), np.uint8)),
    "black images, as a power cut leaves them": lambda pack: blacken(pack / "images.npy"),
    "a broken header": lambda pack: (pack / "images.npy").write_bytes(b"\x93NUMPY\x01\0\xff\xff{'descr'"),
    "an archive": lambda pack: np.savez(pack / "images.npy", a=np.zeros(3)) or rename_npz(pack),
    "objects": lambda pack: np.save(pack / "images.npy", np.array([{}], object), allow_pickle=True),
}


def halve(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def edit(file: Path, change: Callable[[dict], object]) -> None:
    found = json.loads(file.read_text())
    change(found)
    file.write_text(json.dumps(found))


def flip_key(file: Path) -> None:
    edit(file, lambda found: found["keys"].__setitem__(31, found["keys"][31] ^ 1))


def blacken(file: Path) -> None:
    with file.open("r+b") as images:
        images.seek(128)
        images.write(bytes(60 * 16 * 16 * 3))


def rename_npz(pack: Path) -> None:
    (pack / "images.npy.npz").replace(pack / "images.npy")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pack_is_made_anew_by_name(folder: Path, damage: str, capsys: pytest.CaptureFixture) -> None:
    whole = faceset(folder, (16, 16))
    content, images = whole.content, np.array(whole.images)
    assert "damaged" not in capsys.readouterr().err
    DAMAGES[damage](folder / ".eshi" / "16x16")
    again = faceset(folder, (16, 16))
    assert f"the pack in {folder / '.eshi' / '16x16'} is damaged" in capsys.readouterr().err
    assert again.content == content
    np.testing.assert_array_equal(again.images, images)
    faceset(folder, (16, 16))
    assert "damaged" not in capsys.readouterr().err


def test_packing_takes_time_in_proportion_to_the_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on around decoding; counting the broken ones anew at each face made it grow with the square."""
    monkeypatch.setattr(progress, "quiet", True)
    monkeypatch.setattr(gather.faceset, "decode", lambda source, size: 0)
    album = Album(tmp_path)

    def seconds(count: int) -> float:
        start = time.process_time()
        build_pack(album, (1, 1), {f"{i}.png": (0, 0) for i in range(count)}, tmp_path, "source")
        return time.process_time() - start

    few, many = (min(seconds(count) for _ in range(3)) for count in (4000, 16_000))  # other programs only add to it
    assert many < 7 * few


def test_what_cannot_be_opened_is_named_and_skipped(folder: Path) -> None:
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    picture(1).save(folder / os.fsdecode("絵.png".encode("shift-jis")))
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
    faces = faceset(folder, (16, 16))
    assert len(faces.files) == 60
    assert set(faces.skipped) == {"gone.png", "\\udc8aG.png", "pipe.png"}
    folder.rename(folder.with_name(os.fsdecode(b"\xff-faces")))
    assert faceset(folder.with_name(os.fsdecode(b"\xff-faces")), (16, 16)).content == faces.content


def test_where_no_image_can_be_read_the_reasons_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(EshiError, match=r"no image in .* can be read: left out a.png \(not a picture\)"):
        faceset(tmp_path, (16, 16))
    assert not list((tmp_path / ".eshi").rglob("images*"))


def test_a_user_without_a_home_can_pack_beside_the_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise EshiError("there is no home folder")

    monkeypatch.setattr(gather.faceset.files, "cache", homeless)
    assert len(faceset(folder, (16, 16)).files) == 60
    shutil.rmtree(folder / ".eshi")
    (folder / ".eshi").write_text("in the way")
    with pytest.raises(EshiError, match="cannot write a pack in") as raised:
        faceset(folder, (16, 16))
    assert "XDG_CACHE_HOME" in raised.value.hint


def test_broken_files_are_named_and_skipped(folder: Path) -> None:
    (folder / "text.png").write_text("no picture")
    (folder / "half.jpg").write_bytes((folder / "deep0" / "er0" / "0.png").read_bytes()[:300])
    Image.new("RGB", (1, 1)).save(folder / "one.png")
    faces = faceset(folder, (16, 16))
    assert len(faces.files) == 60
    assert set(faces.skipped) == {"text.png", "half.jpg", "one.png"}
    assert faces.images.shape == (60, 16, 16, 3)
    assert (faces.images[-1] == np.asarray(faceset(folder, (16, 16)).images[-1])).all()


def test_class_folders_become_labels(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i in range(3):
            picture(i + 10 * (name == "dog")).save(tmp_path / "set" / name / f"{i}.png")
    faces = faceset(tmp_path / "set", (16, 16))
    assert faces.classes == ["cat", "dog"]
    assert list(faces.labels) == [0, 0, 0, 1, 1, 1]


def test_a_flat_folder_has_no_classes(tmp_path: Path) -> None:
    picture(0).save(tmp_path / "a.png")
    assert faceset(tmp_path, (16, 16), holdout=0).classes == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "missing", "there is no folder or zip"),
        (lambda p: p, "no images in"),
        (lambda p: (p / "a.zip").write_text("x") and p / "a.zip", "neither a folder nor a zip"),
    ],
)
def test_what_is_no_face_set_says_so(tmp_path: Path, make, message: str) -> None:
    with pytest.raises(EshiError, match=message):
        faceset(make(tmp_path))


def test_too_few_images_say_how_many_are_needed(folder: Path) -> None:
    with pytest.raises(EshiError, match=r"only \d+ usable training images.*128 are needed") as raised:
        faceset(folder, (16, 16), need=128)
    assert "--set batch=" in raised.value.hint


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be made read-only there")
def test_beside_a_read_only_folder_the_pack_goes_to_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder / ".eshi").write_text("in the way: no folder can be made here, not even by root")
    faces = faceset(folder, (16, 16))
    assert len(list((tmp_path / "cache" / "eshi").rglob("images.npy"))) == 1
    assert faceset(folder, (16, 16)).content == faces.content


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_rejected_faces_are_left_out(folder: Path, tmp_path: Path, kind: str) -> None:
    path = folder
    if kind == "zip":
        path = tmp_path / "faces.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.rglob("*.png"):
                archive.write(file, file.relative_to(folder).as_posix())
    assert catalogue.rejected(Album(path).home) == set()
    assert not list(tmp_path.rglob("faces.sqlite"))
    whole = faceset(path, (16, 16))
    with catalogue.opened(Album(path).home) as base:
        base.execute("insert into faces (file, verdict) values (?, 'blur'), (?, 'keep')", whole.files[:2])
    assert faceset(path, (16, 16)).files == whole.files[1:]
    with catalogue.opened(Album(path).home) as base:
        base.executemany("insert or replace into faces (file, verdict) values (?, 'blur')", [(f,) for f in whole.files])
    with pytest.raises(EshiError, match=r"no image in .* is kept"):
        faceset(path, (16, 16))
