"""The catalogue: cheap and harmless to ask, refused when strange, safe to write."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from eshi.gather import catalogue
from eshi.ground import image
from eshi.ground.errors import EshiError


def test_asking_creates_nothing(tmp_path: Path) -> None:
    assert catalogue.rejected(tmp_path) == set()
    assert catalogue.rows(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_only_verdicts_other_than_keep_reject(tmp_path: Path) -> None:
    with catalogue.opened(tmp_path) as base:
        for file, verdict in (("a/1.png", None), ("2.png", "keep"), ("3.png", "blur"), ("4.png", "near-duplicate")):
            base.execute("insert into faces (file, verdict) values (?, ?)", (file, verdict))
    assert catalogue.rejected(tmp_path) == {"3.png", "4.png"}


def test_a_newer_catalogue_is_refused_and_left_alone(tmp_path: Path) -> None:
    base = sqlite3.connect(tmp_path / catalogue.NAME)
    base.execute(f"pragma user_version = {catalogue.VERSION + 1}")
    base.commit()
    base.close()
    before = (tmp_path / catalogue.NAME).read_bytes()
    for use in (catalogue.rejected, lambda folder: catalogue.opened(folder).__enter__()):
        with pytest.raises(EshiError, match="newer"):
            use(tmp_path)
    assert (tmp_path / catalogue.NAME).read_bytes() == before


def test_what_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    (tmp_path / catalogue.NAME).write_bytes(b"not a data base at all, but long enough to be looked at " * 40)
    with pytest.raises(EshiError, match="not a catalogue"):
        catalogue.rejected(tmp_path)


def test_one_writer_at_a_time_and_the_lock_is_given_back(tmp_path: Path) -> None:
    with catalogue.opened(tmp_path), pytest.raises(EshiError, match="another eshi"), catalogue.opened(tmp_path):
        pass
    with pytest.raises(ZeroDivisionError), catalogue.opened(tmp_path):
        _ = 1 / 0
    with catalogue.opened(tmp_path):
        pass


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    with catalogue.opened(tmp_path) as base:
        catalogue.settle(base, tmp_path, "crop", {"size": 128, "margin": 0.2})
        catalogue.settle(base, tmp_path, "crop", {"size": 128, "margin": 0.2})
        with pytest.raises(EshiError, match=r"size 128 \(now 96\)"):
            catalogue.settle(base, tmp_path, "crop", {"size": 96, "margin": 0.2})


def test_listing_visits_a_loop_once_and_skips_the_hidden(tmp_path: Path) -> None:
    dot = np.zeros((8, 8, 3), np.uint8)
    for name in ("b.png", "a/絵 師.png", "a/😀.png", ".hidden/c.png", ".d.png", "out/e.png"):
        image.save(dot, tmp_path / name)
    (tmp_path / "note.txt").write_text("no picture")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert catalogue.listing(tmp_path, without=tmp_path / "out") == ["a/絵 師.png", "a/😀.png", "b.png"]
