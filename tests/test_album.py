"""An album: a folder or a zip, the same images in both, and nothing odd is opened or followed."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eshi.gather.album import DEEPEST, Album, left_out
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.image import Unreadable, decode, encode

DOT = np.zeros((8, 8, 3), np.uint8)


def names(path: Path, without: Path | None = None) -> list[str]:
    found, problems = Album(path).look(without)
    assert problems == {}
    return list(found)


def test_a_loop_is_visited_once_and_the_hidden_is_skipped(tmp_path: Path) -> None:
    for name in ("b.png", "a/絵 師.png", "a/😀.png", ".hidden/c.png", ".d.png", "out/e.png"):
        image.save(DOT, tmp_path / name)
    (tmp_path / "note.txt").write_text("no picture")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert names(tmp_path, without=tmp_path / "out") == ["a/絵 師.png", "a/😀.png", "b.png"]


def test_a_zip_holds_what_its_folder_holds(tmp_path: Path) -> None:
    for name in ("b.PNG", "a/絵 師.png", ".hidden/c.png", "a/.d.png", "__MACOSX/a/._b.png", "a/e.txt"):
        image.save(DOT, tmp_path / "in" / name)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in sorted((tmp_path / "in").rglob("*")):
            archive.write(file, file.relative_to(tmp_path / "in").as_posix())
    assert names(tmp_path / "in.zip") == ["a/絵 師.png", "b.PNG"]
    album = Album(tmp_path / "in.zip")
    with album.opened("b.PNG") as source:
        assert decode(source).shape == (8, 8, 3)
    assert album.content("b.PNG") == (tmp_path / "in" / "b.PNG").read_bytes()
    assert album.home == tmp_path / ".in.zip.eshi"
    assert album.beside("report.html") == tmp_path / "in.zip-report.html"


@pytest.mark.skipif(os.name == "nt", reason="such names and files cannot be made there")
def test_what_is_odd_is_named_and_not_opened(tmp_path: Path) -> None:
    image.save(DOT, tmp_path / "good.png")
    image.save(DOT, tmp_path / os.fsdecode("絵師".encode("shift-jis")) / "a.png")
    image.save(DOT, tmp_path / os.fsdecode(b"\xff.png"))
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    (tmp_path / "nowhere").symlink_to(tmp_path / "never")
    (tmp_path / "note.txt").symlink_to("/dev/zero")  # no business of ours
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(20_000_000_000)
    found, problems = Album(tmp_path).look()
    assert list(found) == ["good.png"]
    assert problems == {
        "\\udc8aG\\udc8et": "its name is not UTF-8: rename it",
        "\\udcff.png": "its name is not UTF-8: rename it",
        "device.png": "not a regular file",
        "gone.png": "No such file or directory",
        "pipe.png": "not a regular file",
        "round.png": "Too many levels of symbolic links",
        "sparse.png": "20,000 MB is too large a file",
    }
    assert left_out(problems).endswith("and 4 more")


def test_folders_deeper_than_any_collection_are_named(tmp_path: Path) -> None:
    """Deeper than Python calls functions; taken away again, for pytest's own cleaning could not."""
    image.save(DOT, tmp_path / "a.png")
    before, deep = Path.cwd(), 0
    try:
        os.chdir(tmp_path)
        while deep < 1100:
            os.mkdir("d")
            os.chdir("d")
            deep += 1
        found, problems = Album(tmp_path).look()
    finally:
        for _ in range(deep):
            os.chdir("..")
            os.rmdir("d")
        os.chdir(before)
    assert list(found) == ["a.png"]
    assert list(problems.values()) == [f"more than {DEEPEST} folders deep"]


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "x/../../a.png", "..\\a.png", "C:/a.png", "C:a.png"])
def test_no_name_leads_out_of_a_zip(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, encode(DOT))
        archive.writestr("good.png", encode(DOT))
    found, problems = Album(tmp_path / "a.zip").look()
    assert list(found) == ["good.png"]
    assert list(problems.values()) == ["its name leads out of the zip"]


def test_a_file_broken_in_its_zip_has_its_reason_and_the_rest_can_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("bad.png", encode(DOT))
        archive.writestr("good.png", encode(DOT))
        archive.writestr("huge.png", b"")
        archive.getinfo("huge.png").file_size = 200_000_000  # as its table of contents will say
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.index(b"IHDR") + 5] ^= 255
    (tmp_path / "a.zip").write_bytes(content)
    album = Album(tmp_path / "a.zip")
    for name, reason in (("bad.png", "broken in its zip: Bad CRC-32"), ("huge.png", "200 MB is too large a file")):
        with pytest.raises(Unreadable, match=reason):
            album.content(name)
    assert album.content("good.png") == encode(DOT)


def test_an_error_of_the_reader_is_not_taken_for_one_of_the_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.png", encode(DOT))
    with pytest.raises(ZeroDivisionError), Album(tmp_path / "a.zip").opened("good.png"):
        _ = 1 / 0


def test_what_is_no_album_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.zip").write_text("x")
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("good.png", encode(DOT))
    content = (tmp_path / "cut.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content.replace(b"PK\x01\x02", b"PK\0\0"))  # its table of contents
    for name, message in (("typo", "there is no folder or zip"), ("text.zip", "neither a folder nor a zip")):
        with pytest.raises(EshiError, match=message):
            Album(tmp_path / name)
    with pytest.raises(EshiError, match="damaged zip"):
        Album(tmp_path / "cut.zip").look()
    assert not (tmp_path / "typo").exists()
