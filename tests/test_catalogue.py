"""The catalogue: cheap and harmless to ask, refused when strange, safe to write."""

import sqlite3
from pathlib import Path

import pytest

from eshi.gather import catalogue
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


def test_a_catalogue_without_rows_gives_nobody_credit(tmp_path: Path) -> None:
    assert not catalogue.any_kept(tmp_path)
    with catalogue.opened(tmp_path) as base:
        base.execute("insert into measures values ('a.png', '1-1', null, '')")
    assert not catalogue.any_kept(tmp_path)
    with catalogue.opened(tmp_path) as base:
        base.execute("insert into faces (file, verdict) values ('a.png', 'blur')")
    assert not catalogue.any_kept(tmp_path)
    for verdict in (None, "keep"):
        with catalogue.opened(tmp_path) as base:
            base.execute("update faces set verdict = ?", (verdict,))
        assert catalogue.any_kept(tmp_path)


def test_what_a_stranger_wrote_has_the_types_it_should_have(tmp_path: Path) -> None:
    with catalogue.opened(tmp_path) as base:
        base.execute("insert into faces (file, verdict, tags, artist, x) values (?, 5, x'ff41', x'', 'wide')", (7,))
        base.execute("insert into faces (file, tags) values ('a.png', cast(x'ff41' as text))")
    strange, other = catalogue.rows(tmp_path)
    assert (strange["file"], strange["verdict"], strange["artist"], strange["x"]) == ("7", "5", None, None)
    assert other["tags"] == "\ufffdA"
    assert catalogue.rejected(tmp_path) == {"7"}


def test_a_view_in_place_of_the_table_is_not_asked(tmp_path: Path) -> None:
    """It could go on for ever."""
    base = sqlite3.connect(tmp_path / catalogue.NAME)
    base.execute(
        "create view faces as with recursive n(file) as (select 1 union all select file from n) select * from n"
    )
    base.commit()
    base.close()
    assert catalogue.rows(tmp_path) == []


def test_damaged_settings_are_told(tmp_path: Path) -> None:
    for value in ("{", "[1, 2]", "5"):
        with catalogue.opened(tmp_path) as base:
            base.execute("insert or replace into settings values ('crop', ?)", (value,))
            with pytest.raises(EshiError, match=r"faces\.sqlite is damaged"):
                catalogue.settle(base, tmp_path, "crop", {"size": 128})
