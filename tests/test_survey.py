"""What a face set says of itself: numbers, credits, and a page that needs nothing but itself."""

import csv
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt  # rich brings it

from eshi.gather import catalogue
from eshi.gather.credits import credits
from eshi.gather.survey import hair_colours, survey, text
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.pages import faces as faces_page
from eshi.pages import faces_report


def face(seed: int, hair: tuple[int, int, int] = (60, 90, 220)) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(60, 200, (64, 64, 3), np.uint8)
    pixels[:24] = hair
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two faces of one picture, one of another artist, one rejected, one pair of near duplicates, one not judged."""
    rows = [
        ("a-0.png", "keep", None, None, "a.jpg", "絵師", "blue_hair smile"),
        ("a-1.png", "keep", None, None, "a.jpg", "絵師", "blue_hair"),
        ("b-0.png", "keep", None, None, "b.jpg", "[x](y)*", "smile"),
        ("c-0.png", "blur", "sharp 0.5, less than 0.9", None, "c.jpg", "lost", "dull"),
        ("d-0.png", "near-duplicate", "distance 0.012, mirrored", "a-0.png", "d.jpg", "twin", ""),
        ("e-0.png", None, None, None, None, None, None),
    ]
    for i, (file, *_) in enumerate(rows):
        image.save(face(i), tmp_path / file)
    with catalogue.opened(tmp_path) as base:
        for file, verdict, detail, twin, picture, artist, tags in rows:
            base.execute(
                "insert into faces (file, verdict, detail, twin, picture, artist, tags, site, post_url, source_size)"
                " values (?, ?, ?, ?, ?, ?, ?, 'konachan', ?, 150)",
                (file, verdict, detail, twin, picture, artist, tags, f"https://k/{picture}" if picture else None),
            )
    return tmp_path


@pytest.mark.parametrize(
    ("name", "colour"),
    [("black", (30, 28, 35)), ("white", (228, 226, 232)), ("grey", (140, 140, 148)), ("brown", (120, 80, 55)),
     ("red", (200, 40, 45)), ("orange", (240, 130, 40)), ("blonde", (240, 205, 95)), ("green", (80, 170, 90)),
     ("aqua", (70, 200, 205)), ("blue", (60, 90, 220)), ("purple", (140, 90, 210)), ("pink", (245, 150, 190))],
)  # fmt: skip
def test_hair_has_the_colour_one_would_say(name: str, colour: tuple[int, int, int]) -> None:
    crown = np.full((1, 6, 12, 3), colour, np.uint8)
    assert hair_colours(crown) == {name: 1}
    crown[:, 4:] = (255, 224, 204)  # skin below
    crown[:, :, :3] = 255  # paper beside
    assert hair_colours(crown) == {name: 1}


def test_survey_counts_what_is_kept(folder: Path) -> None:
    found = survey(folder)
    assert found["verdicts"] == {"keep": 3, "blur": 1, "near-duplicate": 1, "not judged": 1}
    assert (found["faces"], found["kept"], found["pictures"]) == (6, 4, 2)
    assert found["tags"] == {"blue_hair": 2, "smile": 2}  # not those of the rejected
    assert found["artists"] == {"絵師": 2, "[x](y)*": 1}
    assert found["hair"] == {"blue": 4}
    assert found["source sizes"] == {"128 to 191 px": 4}
    said = text(found)
    assert "4 of 6 faces are kept" in said
    assert "blue_hair 2" in said


def test_a_plain_folder_has_a_survey_too(tmp_path: Path) -> None:
    image.save(face(1), tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    found = survey(tmp_path)
    assert found["verdicts"] == {"not judged": 1, "unreadable": 1}
    assert found["sides"] == {"64 px": 1}
    assert faces_report(tmp_path).is_file()


def test_looking_leaves_no_catalogue_behind(tmp_path: Path) -> None:
    """It would be the user's first surprise, and without rows it once forbade training."""
    image.save(face(1), tmp_path / "a.png")
    survey(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    faces_report(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "report.html"]


def test_looking_at_what_is_not_there_makes_no_folder(tmp_path: Path) -> None:
    for look in (survey, faces_report, credits):
        with pytest.raises(EshiError, match="there is no folder or zip"):
            look(tmp_path / "tpyo")
    assert list(tmp_path.iterdir()) == []


def test_a_zip_has_a_survey_a_report_and_credits(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        for file in folder.glob("*.png"):
            archive.write(file, file.name)
    assert survey(tmp_path / "in.zip")["hair"] == {"blue": 6}
    assert not (tmp_path / ".in.zip.eshi").exists()
    (tmp_path / ".in.zip.eshi").mkdir()
    shutil.copy(folder / catalogue.NAME, tmp_path / ".in.zip.eshi")
    found = survey(tmp_path / "in.zip")
    assert found | {"folder": ""} == survey(folder) | {"folder": ""}
    report = faces_report(tmp_path / "in.zip", found=found)
    assert report == tmp_path / "in.zip-report.html"
    assert report.read_text().count("<img") == faces_report(folder).read_text().count("<img")
    assert [path.name for path in credits(tmp_path / "in.zip")] == ["in.zip-CREDITS.csv", "in.zip-CREDITS.md"]


def test_credits_name_every_kept_picture_once(folder: Path) -> None:
    table, words = credits(folder)
    with table.open(newline="") as file:
        rows = {row["picture"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"a.jpg", "b.jpg", "e-0.png"}
    assert (rows["a.jpg"]["faces"], rows["a.jpg"]["artist"], rows["a.jpg"]["site"]) == ("2", "絵師", "konachan")
    assert rows["a.jpg"]["post_url"] == "https://k/a.jpg"
    page = words.read_text()
    assert page.index("## 絵師") < page.index("## Artist not known")
    assert "## \\[x\\](y)\\*" in page  # a name is not markup
    assert "lost" not in page
    with pytest.raises(EshiError, match="no catalogued faces"):
        credits(folder.parent)
    assert not list(folder.parent.glob("*CREDITS*"))


EVIL = [
    "<script>alert(1)</script>", "# shout", "a\n\n# shout", "a\r<img src=x onerror=alert(1)>",
    "![x](javascript:alert(1))",
    "[x](javascript:alert(1))", "- - -", "1. one", "===", "> said", "`code`", "=HYPERLINK(1)", "+1", "-1", "@SUM(1)",
    "\t=1+1", "a\x1b[2J\u202eb", "&#60;b&#62;", "| a | b |", "~~gone~~", "\\", "a\u2028# shout", "絵師", "    code",
]  # fmt: skip


@pytest.mark.parametrize("column", ["artist", "picture", "post_url", "file_url", "site", "rating"])
def test_credits_take_no_word_for_markup_or_a_formula(column: str, folder: Path) -> None:
    for evil in [
        *EVIL,
        *(f"https://host/{evil}" for evil in EVIL),
        "javascript:alert(1)",
        "data:text/html,x",
        7,
        b"\xff",
    ]:
        with catalogue.opened(folder) as base:
            for row in ("a-0.png", "b-0.png", "e-0.png"):
                base.execute(f"update faces set post_url = null, {column} = ? where file = ?", (evil, row))
        table, words = credits(folder)
        with table.open(newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert all(cell.isprintable() and not re.match(r"\s*[=+@-]", cell) for cell in cells), evil
        page = words.read_text()
        assert page.replace("\n", "").isprintable(), evil
        shown = MarkdownIt("gfm-like", {"linkify": False}).render(page)
        links = re.findall(r'(?:href|src)="([^"]*)"', shown)
        assert all(link.startswith("https://") for link in links), evil
        shape = re.sub(r"<a href=[^>]*>|</a>", "", shown)
        assert set(re.findall(r"<[^>]*>", shape)) <= {
            f"<{end}{tag}>" for end in ("", "/") for tag in ("h1", "h2", "p", "ul", "li")
        }
        assert (shape.count("<h1>"), shape.count("<li>")) == (1, page.count("\n- ")), evil


def test_the_report_needs_nothing_but_itself(folder: Path) -> None:
    with catalogue.opened(folder) as base:
        base.execute("update faces set artist = '<script>alert(1)</script>' where file = 'b-0.png'")
    page = faces_report(folder).read_text()
    assert not re.findall(r"""(?:src|href)=(?!"data:|"#)""", page)
    assert "url(" not in page
    assert "<script" not in page
    for title in ("kept", "near-duplicate", "blur", "not judged"):
        assert f"<h2>{title}<span>" in page
    assert page.count("<img") == 3 + 1 + 2 + 1  # the near duplicate stands beside its survivor
    assert "prefers-color-scheme: dark" in page


def test_a_strangers_catalogue_runs_nothing_and_shows_nothing_else(folder: Path, tmp_path_factory) -> None:
    """Verdicts are words of a database that may come from elsewhere, as are names of files that it says are here."""
    secret = image.save(face(9), tmp_path_factory.mktemp("elsewhere") / "secret.png")
    script = "<script>alert(1)</script>"
    with catalogue.opened(folder) as base:
        base.execute("update faces set verdict = ? where file = 'a-0.png'", (script,))
        base.execute("update faces set verdict = '\"><img src=x onerror=alert(1)>' where file = 'a-1.png'")
        base.execute("update faces set twin = ?, detail = ? where file = 'd-0.png'", (str(secret), script))
        base.execute("insert into faces (file, verdict) values (?, 'keep')", (str(secret),))
        base.execute("insert into faces (file, verdict, detail) values ('../up.png', 'unreadable', ?)", (script,))
        base.execute("insert into faces (file, verdict, tags, source_size) values ('f-0.png', 9, x'ff', 'large')")
        base.execute("update faces set tags = '\x1b[2J\x07' where file = 'b-0.png'")
    image.save(face(7), folder / "f-0.png")
    page = faces_report(folder).read_text()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "secret" not in page
    assert "up.png" not in page
    assert (
        page.count("<img") == 1 + 1 + 1 + 1
    )  # b-0, c-0, d-0 without its twin, e-0: a verdict nobody knows has no sheet
    assert "&lt;script&gt;" in page
    assert "\\x1b[2J\\x07" in text(survey(folder))
    assert "\x1b" not in text(survey(folder))


def test_what_is_shown_of_many_comes_evenly_from_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces_page, "SHOWN", {"not judged": 4})
    for i in range(7):
        image.save(face(i), tmp_path / f"{i}.png")
    shown = re.findall(r'title="(\d)', faces_report(tmp_path).read_text())
    assert shown == ["0", "1", "3", "5"]  # and not the first four, which may all be of one site


def test_a_large_report_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(700):  # noise is the worst that can be inlined
        image.save(rng.integers(0, 256, (96, 96, 3), np.uint8), tmp_path / f"{i}.png") if i < 12 else (
            tmp_path / f"{i}.png"
        ).symlink_to(tmp_path / f"{i % 12}.png")
    assert faces_report(tmp_path).stat().st_size < 3_000_000
