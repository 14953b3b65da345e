"""Where drawings go: names that say what is in them, none that replaces another, larger and bare on request."""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_verbs import CASES, words_of

import eshi
from eshi.artist import Artist, draw
from eshi.cli import run
from eshi.ground import image
from eshi.verbs import VERBS
from eshi.verbs.gallery import hang, slug


def test_names_say_what_is_in_a_drawing_and_none_replaces_another(things: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(things / "run", run, ignore=shutil.ignore_patterns("drawn"))
    first = eshi.mix(run, "mean(1,2) - 3 + miku").out
    assert first == run / "drawn" / "mix-mean-1,2-3+miku.png"
    assert eshi.mix(run, "mean(1,2) - 3 + miku").out == first  # the same again
    assert eshi.mix(run, "4 + 5").out != first
    other = eshi.mix(run, "mean(1,2) - 3 + miku", seed=1).out
    assert other == run / "drawn" / "mix-mean-1,2-3+miku-2.png"
    assert eshi.edit(run, seed="miku", set=["smile=+2"]).out == run / "drawn" / "edit-miku-smile=+2.png"
    assert eshi.sweep(run, dims=[1, 2], steps=3).out == run / "drawn" / "sweep-seed0-dims1,2.png"
    assert eshi.sweep(run, dims=[1, 2], steps=4).out == run / "drawn" / "sweep-seed0-dims1,2-2.png"
    for light in (60, 200):  # two faces of one name, from two folders
        image.save(np.full((32, 32, 3), light, np.uint8), tmp_path / f"{light}" / "face.png")
    found = [eshi.project(run, tmp_path / f"{light}" / "face.png", steps=2) for light in (60, 200)]
    assert [one.file.name for one in found if one.file] == ["face.npy", "face-2.npy"]
    assert not list((run / "drawn").rglob(".*"))
    mine = image.save(np.zeros((8, 8, 3), np.uint8), tmp_path / "mine.png")
    assert eshi.draw(run, count=1, out=mine).out == tmp_path / "mine-2.png"  # also where its user named the file
    assert not image.decode(mine).any()
    assert eshi.draw(run, count=1, out=mine, force=True).out == mine
    assert image.decode(mine).any()
    with pytest.raises(eshi.EshiError, match="is a folder"):
        eshi.draw(run, count=1, out=tmp_path)


def test_single_files_stay_too(things: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for _ in range(2):  # the same again is the same
        eshi.draw(things / "run", count=2, single=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000000.png", "000001.png"]
    assert capsys.readouterr().err == ""
    eshi.draw(things / "run", count=2, single=tmp_path, scale=2)
    assert sorted(path.name for path in tmp_path.iterdir())[1] == "000000.png"
    assert image.decode(tmp_path / "000001-2.png").shape == (64, 64, 3)
    assert "held other drawings by 2 of these names" in capsys.readouterr().err
    eshi.draw(things / "run", count=2, single=tmp_path, scale=3, force=True)
    assert image.decode(tmp_path / "000001.png").shape == (96, 96, 3)


PICTURED = ["draw", "sweep", "walk", "mix", "directions", "edit", "project", "look"]


@pytest.mark.parametrize("verb", PICTURED)
def test_what_is_drawn_can_be_shown_large_and_bare(verb: str, things: Path, faces: Path, tmp_path: Path) -> None:
    """Twice as large is each picture's every pixel twice; the words do not grow."""
    sizes = {}
    for scale in (1, 2):
        words = words_of(CASES[verb], things, faces, tmp_path)
        bare = [] if verb == "walk" else ["--bare"]
        out = tmp_path / f"{scale}" if verb == "look" else tmp_path / f"{scale}.png"
        assert run([*words, *bare, "--scale", str(scale), "-o", str(out), "--quiet"]) == 0
        sizes[scale] = image.decode(out / "maps.png" if verb == "look" else out)
    small, large = sizes[1].shape, sizes[2].shape
    assert all(1.7 * a <= b <= 2 * a for a, b in zip(small[:2], large[:2], strict=True))
    parts = inspect.signature(VERBS[verb].call).parameters
    assert {"scale", "smooth", "force"} <= set(parts)
    assert verb == "walk" or len(np.unique(sizes[1].reshape(-1, 3), axis=0))


def test_a_face_in_a_large_sheet_is_the_face(things: Path, tmp_path: Path) -> None:
    drawn = eshi.draw(things / "run", count=4, out=tmp_path / "large.png", scale=3)
    sheet = image.decode(tmp_path / "large.png")
    np.testing.assert_array_equal(sheet[2 : 2 + 96 : 3, 2 : 2 + 96 : 3], drawn.images[0])
    assert drawn.images.shape == (4, 32, 32, 3)  # as G draws them
    bare = eshi.draw(things / "run", count=4, bare=True).out
    np.testing.assert_array_equal(image.decode(bare), image.sheet(drawn.images))


def test_what_hangs_there_stays(tmp_path: Path) -> None:
    def write(text: str) -> Callable[[Path], int]:
        return lambda file: file.write_text(text)

    names = [hang(write(text), tmp_path / "a.txt", None) for text in ("one", "two", "one", "three", "two")]
    assert [name.name if name else "" for name in names] == ["a.txt", "a-2.txt", "a.txt", "a-3.txt", "a-2.txt"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.txt": "one",
        "a-2.txt": "two",
        "a-3.txt": "three",
    }


def test_a_long_walk_has_a_name_before_it_is_rendered(things: Path) -> None:
    found = eshi.walk(things / "run", seeds=",".join(map(str, range(1, 91))), frames=90)
    assert found.out
    assert len(found.out.name) < 100
    with Image.open(found.out) as film:
        assert film.n_frames == 90
    assert slug("a" * 300) != slug("a" * 301)
    assert len(slug("初音" * 300).encode()) < 100
    assert slug("../../etc/passwd", "a\\b:c") == "..-..-etc-passwd-a-b-c"


def test_draw_knows_faces_by_name(things: Path, tmp_path: Path) -> None:
    run = things / "run"
    at = draw(Artist.load(run), 3, seed=7).images
    miku = eshi.draw(run, seed="miku")
    assert miku.numbers == ["miku"]
    assert miku.out == run / "drawn" / "faces-miku.png"
    np.testing.assert_array_equal(miku.images, at[:1])
    three = eshi.draw(run, seed=f"ren,8,{things / 'nine.npy'}")
    np.testing.assert_array_equal(three.images, at[[2, 1, 2]])
    assert eshi.draw(run, seed="7", count=3).numbers == [7, 8, 9]
    single = eshi.draw(run, seed="miku,8", single=tmp_path / "single")
    assert sorted(path.name for path in (tmp_path / "single").iterdir()) == ["000008.png", "miku.png"]
    assert (single.numbers, len(single.images)) == (["miku", 8], 0)
    assert "(last step, 0 images)" in single.text()
