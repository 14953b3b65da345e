"""A person's word: it wins, it stays, it can be taken back, and nothing is deleted for it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import eshi
from eshi.cli import run
from eshi.gather import catalogue, verdicts
from eshi.gather.clean import clean
from eshi.gather.faceset import faceset
from eshi.ground import image
from eshi.ground.errors import EshiError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """12 noisy faces; 11 is a copy of 0, 10 is dark."""
    folder = tmp_path / "faces"
    for i in range(12):
        rng = np.random.default_rng(0 if i == 11 else i)
        pixels = np.kron(rng.integers(0, 256, (12, 12, 3), np.uint8), np.ones((4, 4, 1), np.uint8))
        image.save(pixels // 5 if i == 10 else pixels, folder / f"{i:02}.png")
    return folder


def test_the_last_word_holds_and_undo_goes_back_to_the_first(folder: Path) -> None:
    verdicts.say(folder, "drop", ["00.png", "01.png"])
    verdicts.say(folder, "keep", ["01.png"])
    verdicts.say(folder, "clear", ["00.png"])
    assert verdicts.verdicts(folder) == {"01.png": "keep"}
    assert verdicts.undo(folder)[0].word == "clear"
    assert verdicts.verdicts(folder) == {"00.png": "drop", "01.png": "keep"}
    assert [act.word for act in verdicts.undo(folder, 9)] == ["keep", "drop"]
    assert verdicts.verdicts(folder) == {}
    assert verdicts.undo(folder) == []


def test_the_journal_is_only_added_to(folder: Path) -> None:
    before = b""
    for act in (lambda: verdicts.say(folder, "drop", ["00.png"]), lambda: verdicts.undo(folder)):
        act()
        after = (folder / verdicts.NAME).read_bytes()
        assert after.startswith(before)
        assert len(after) > len(before)
        before = after


def test_a_line_that_a_kill_cut_off_costs_only_itself(folder: Path) -> None:
    verdicts.say(folder, "drop", ["00.png"])
    with (folder / verdicts.NAME).open("ab") as journal:
        journal.write(b'{"verdict": "drop", "files": ["01.p')
    verdicts.say(folder, "drop", ["02.png"])
    assert verdicts.verdicts(folder) == {"00.png": "drop", "02.png": "drop"}


@pytest.mark.parametrize(
    "line", ["[]", "5", '{"undo": true}', '{"undo": -3}', '{"verdict": "drop", "files": [1]}', "{" * 999]
)
def test_lines_that_say_nothing_are_passed_over(folder: Path, line: str) -> None:
    verdicts.say(folder, "drop", ["00.png"])
    with (folder / verdicts.NAME).open("a") as journal:
        journal.write(line + "\n")
    assert verdicts.verdicts(folder) == {"00.png": "drop"}


def test_it_wins_over_the_machine_and_survives_it(folder: Path) -> None:
    files = {path: path.read_bytes() for path in folder.glob("*.png")}
    clean(folder, blur=0, flat=0)
    assert catalogue.rejected(folder) == {"10.png", "11.png"}
    verdicts.say(folder, "keep", ["10.png"])
    verdicts.say(folder, "drop", ["05.png"])
    for _ in range(2):
        assert catalogue.rejected(folder) == {"05.png", "11.png"}
        assert set(faceset(folder, (16, 16)).files) == {f"{i:02}.png" for i in range(12)} - {"05.png", "11.png"}
        rows = {row["file"]: row for row in catalogue.rows(folder)}
        assert (rows["10.png"]["verdict"], rows["10.png"]["machine"]) == ("keep", "dark")
        assert (rows["05.png"]["verdict"], rows["05.png"]["machine"]) == (verdicts.REJECTED, "keep")
        counts = clean(folder, blur=0, flat=0)
        assert (counts["keep"], counts["dark"], counts["duplicate"], counts[verdicts.REJECTED]) == (10, 0, 1, 1)
    clean(folder, undo=True)
    assert catalogue.rejected(folder) == {"05.png"}
    assert files == {path: path.read_bytes() for path in folder.glob("*.png")}


def test_of_copies_the_one_that_a_person_kept_survives(folder: Path) -> None:
    image.save(image.decode(folder / "02.png"), folder / "02-again.jpg")
    verdicts.say(folder, "keep", ["11.png"])
    verdicts.say(folder, "drop", ["02.png"])
    clean(folder, blur=0, flat=0, dark=0)
    assert catalogue.rejected(folder) == {"00.png", "02.png"}  # 11 is the copy of 0, 02-again of 2
    said = {row["file"]: row["machine"] for row in catalogue.rows(folder)}
    assert (said["00.png"], said["02.png"], said["02-again.jpg"]) == ("duplicate", "near-duplicate", "keep")


def test_a_folder_without_a_catalogue_and_a_zip_have_a_word_too(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "faces.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.glob("*.png"):
            archive.write(file, file.name)
    for place in (folder, path):
        found = eshi.faces(place, drop=["03.png"])
        assert (found.kept, found.verdicts) == (11, {"not judged": 11, verdicts.REJECTED: 1})
        assert "03.png" not in faceset(place, (16, 16)).files
        assert "Rejected by a person" in found.report.read_text()
    assert not (folder / catalogue.NAME).exists()


def test_from_the_shell(folder: Path, capsys: pytest.CaptureFixture) -> None:
    words = ["faces", str(folder), "--keep", "00.png", str(folder / "01.png"), "--drop", "02.png", "--drop", "03.png"]
    assert run(words) == 0
    assert "keep by hand: 2" in capsys.readouterr().out
    assert verdicts.verdicts(folder) == {"00.png": "keep", "01.png": "keep", "02.png": "drop", "03.png": "drop"}
    assert run(["faces", str(folder), "--undo", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["said"] == ["taken back: drop 2"]
    assert verdicts.verdicts(folder) == {"00.png": "keep", "01.png": "keep"}


def test_a_file_that_is_not_there_says_nothing_about_the_others(folder: Path) -> None:
    for files in (["00.png", "0.png"], ["../secret.png"], ["/etc/passwd"]):
        with pytest.raises(EshiError, match="no image"):
            eshi.faces(folder, drop=files)
    with pytest.raises(EshiError, match="kept and dropped"):
        eshi.faces(folder, keep=["00.png"], drop=["00.png"])
    assert not (folder / verdicts.NAME).exists()
