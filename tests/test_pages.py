"""What all pages promise: words stay words, whoever wrote them, and a page is whole in one file."""

import ast
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from hostile import EVIL, HARMLESS, skeleton

from eshi.gather import catalogue
from eshi.ground import image
from eshi.pages import faces_report, page
from eshi.pages.page import LONGEST, Markup, bars, img, markup, tag

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "src" / "eshi" / "pages"


def test_what_is_not_markup_is_escaped() -> None:
    assert tag("b", "<i>", tag("i", "&"), 3, class_="a\"b'", data_end=5) == (
        '<b class="a&quot;b&#x27;" data-end="5">&lt;i&gt;<i>&amp;</i>3</b>'
    )
    assert markup("a<b", Markup("<br>")) == "a&lt;b<br>"
    assert f"{tag('b', 'x')}" + "<" not in markup(tag("b", "x") + "<")  # joined with a plain text it is one
    assert tag("input", disabled=True, name=None, title=False) == "<input disabled>"


@pytest.mark.parametrize("call", [
    lambda word: tag("p", word), lambda word: tag("p", title=word), lambda word: img("", word),
    lambda word: bars(word, {word: 1}, {}, {}), lambda word: page.page(word, word).decode(),
])  # fmt: skip
def test_no_builder_lets_text_through(call) -> None:
    assert skeleton(call(EVIL)) == skeleton(call(HARMLESS))


def test_characters_that_are_not_seen_are_shown_for_what_they_are() -> None:
    assert markup("a\0b\x1b[31m\u202egnp.exe\ud800") == "a\ufffdb\ufffd[31m\ufffdgnp.exe\ufffd"
    assert markup("絵師\n\ttab ü é 👩‍🎨") == "絵師\n\ttab ü é 👩‍🎨"
    assert tag("p", title="a\x00\u2066b") == '<p title="ab"></p>'
    assert len(markup("x" * 10_000_000)) == LONGEST


def test_no_tag_is_written_by_hand() -> None:
    for file in PAGES.glob("*.py"):
        texts = [node.value for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]
        by_hand = [text for text in texts if isinstance(text, str) and re.search(r"<|&\w+;", text)]
        assert file.name == "page.py" or not by_hand


def test_styles_and_scripts_are_in_the_package() -> None:
    given = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["eshi"]
    for file in PAGES.iterdir():
        if file.is_file() and file.suffix != ".py":
            assert any(fnmatch(str(file.relative_to(PAGES.parent)), pattern) for pattern in given), file


def face(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (64, 64, 3), np.uint8)


def catalogued(folder: Path, word: object, files: int = 6) -> Path:
    """Faces with `word` in every column; the last without a word of its own in `file` and `verdict`."""
    for i in range(files):
        image.save(face(i), folder / f"{i}.png")
    columns = [name for name in catalogue.TEXTS + catalogue.NUMBERS if name != "file"]
    with catalogue.opened(folder) as base:
        for i in range(files):
            row = dict.fromkeys(columns, word) | {"file": f"{i}.png"}
            row |= {"verdict": ["keep", word, "near-duplicate", "blur", "unreadable", None][i % 6]}
            names = ", ".join(row)
            base.execute(f"insert into faces ({names}) values ({', '.join('?' * len(row))})", tuple(row.values()))
        base.execute("insert into faces (file, verdict, twin, detail) values (?, ?, ?, ?)", (word, "keep", word, word))
        base.execute("insert into faces (file, verdict) values (?, 'unreadable')", (f"{word!s}.png",))
    return folder


def test_a_foreign_catalogue_changes_words_only(tmp_path: Path) -> None:
    evil = faces_report(catalogued(tmp_path / EVIL.replace("/", "|"), EVIL)).read_text()
    assert skeleton(evil) == skeleton(faces_report(catalogued(tmp_path / "harmless", HARMLESS)).read_text())
    assert evil.count("alert(1)") > 10


@pytest.mark.parametrize("odd", [b"\xff\xfe", 7, -1e300, 2**62, "", "a\0b", "../../x.png", "x" * 100_000, "\u202e"])
def test_a_page_comes_of_any_catalogue(tmp_path: Path, odd: object) -> None:
    page = faces_report(catalogued(tmp_path, odd)).read_text()
    assert page.endswith("</html>\n")
    assert len(page) < 200_000
    for title in ("kept", "near-duplicate", "blur", "unreadable", "not judged"):
        assert f"<h2>{title}<span>" in page


def test_a_verdict_of_nobody_is_counted(tmp_path: Path) -> None:
    said = faces_report(catalogued(tmp_path, "handsome")).read_text()
    assert "<span>another verdict</span>" in said
    assert "handsome</h2>" not in said


def test_no_picture_from_outside_gets_into_the_page(tmp_path: Path) -> None:
    image.save(face(1), tmp_path / "private.png")
    image.save(face(2), tmp_path / "faces" / "a.png")
    with catalogue.opened(tmp_path / "faces") as base:
        for name in ("../private.png", str(tmp_path / "private.png"), "a.png", "./a.png"):
            base.execute("insert into faces (file, verdict, twin) values (?, 'near-duplicate', ?)", (name, name))
    assert faces_report(tmp_path / "faces").read_text().count("<img") == 2  # a.png beside itself
