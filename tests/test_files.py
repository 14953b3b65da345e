"""A file is whole or the one before, whoever writes it beside whom and whatever stops them."""

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from eshi.ground import files
from eshi.ground.errors import EshiError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_writers_of_one_file_never_meet(tmp_path: Path) -> None:
    """Each content is one letter, many times: a reader would see a mixture, a half or nothing."""
    path, broken = files.write(tmp_path / "report.html", b"a" * 50_000), []

    def repeat(letter: bytes) -> None:
        try:
            for _ in range(150):
                files.write(path, letter * 50_000, lasting=False)
        except Exception as error:
            broken.append(error)

    writers = [threading.Thread(target=repeat, args=(letter,)) for letter in (b"b", b"c", b"d")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found = path.read_bytes()
        if found != found[:1] * 50_000:
            broken.append(found)
    assert broken == []
    assert names(tmp_path) == ["report.html"]


@pytest.mark.skipif(os.name == "nt", reason="there is no limit on a file's size there")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.bin", b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(EshiError, match=r"cannot write .*a\.bin: File too large") as raised:
            files.write(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.code == 1
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.bin"]


def test_whatever_stops_a_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = files.write(tmp_path / "a.bin", b"before")

    def stopped(by: type[BaseException]) -> None:
        with files.replacing(path) as file:
            file.write(b"half")
            raise by

    for stop in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(stop):
            stopped(stop)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["a.bin"]


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    files.write(tmp_path / "file", b"")
    with pytest.raises(EshiError, match="cannot write"):
        files.write(tmp_path / "file" / "a.bin", b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EshiError, match="cannot write"):
        files.write(tmp_path / "folder", b"")
    assert names(tmp_path) == ["file", "folder"]


def test_the_longest_name_a_disk_takes_can_be_written(tmp_path: Path) -> None:
    for name in ("絵" * 83 + ".png", "x" * 255):
        assert files.write(tmp_path / name, b"face").read_bytes() == b"face"


def test_what_a_killed_writer_left_is_tidied_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    kill = (
        "import os, sys; from pathlib import Path; from eshi.ground import files\n"
        "with files.replacing(Path(sys.argv[1])) as file: file.write(b'half'); file.flush(); os._exit(9)"
    )
    for place in (tmp_path / "deep" / "a.bin", tmp_path / "b.bin"):
        assert subprocess.run([sys.executable, "-c", kill, place]).returncode == 9
    mine = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name[0] for path in mine] == [".", "."]  # hidden: no face, and no stranger in a run's folder
    (tmp_path / "notes.part").write_text("the user's own")
    files.tidy(tmp_path)
    assert all(path.exists() for path in mine)  # they might still be written
    for path in [*mine, tmp_path / "notes.part"]:
        os.utime(path, (time.time() - 2 * files.STALE,) * 2)
    files.tidy(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["notes.part"]


def test_the_cache_moves_and_no_home_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert files.cache() == tmp_path / "eshi"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.cache() == tmp_path / ".cache" / "eshi"


@pytest.mark.skipif(not hasattr(os, "setuid") or os.getuid() != 0, reason="only root can become an unknown user")
def test_a_user_without_a_home_is_told_what_to_set() -> None:
    code = (
        "import os; from eshi.ground import files; from eshi.ground.errors import EshiError\n"
        "os.environ.clear(); os.setuid(54321)\n"
        "try: files.cache()\nexcept EshiError as error: print(error, error.hint)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "XDG_CACHE_HOME" in done.stdout
