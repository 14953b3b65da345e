"""A page of a run that learned from labels: what is asked for moves faces as `--with` does, and stays asked in all that
is rolled later; links, history and gallery know of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chromium import Tab
from page_opened import room, settled
from untrained import made

from eshi.artist import Artist
from eshi.share import page

pytestmark = pytest.mark.slow

GRID = 1 / 2048
ASKED = "location.hash.split('.').slice(2).join('.')"
PRESSED = "[...document.querySelectorAll('#asked [aria-pressed=true]')].map(one => one.dataset.word)"


@pytest.fixture(scope="module", params=["", "0.3,0.5,0.6,0.2"], ids=["plain", "by-chance"])
def who(request: pytest.FixtureRequest) -> Artist:
    return made(latent=40, values="hair=pink,hair=blue,glasses=no,glasses=yes", shares=request.param)


def full(who: Artist, number: int, wanted: dict[str, str]) -> np.ndarray:
    asking = who.asking(wanted)
    return asking.wishing(asking.latents([number]))[0].numpy()


@pytest.fixture
def asked(tab: Tab, who: Artist, tmp_path: Path) -> Iterator[Tab]:
    page.write(who, tmp_path / "asked.html")
    tab.open((tmp_path / "asked.html").as_uri())
    settled(tab)
    yield tab
    assert tab.errors == []


def ask(tab: Tab, word: str, then: str) -> np.ndarray:
    tab.click(f"[data-word='{word}']")
    tab.wait(f"{ASKED} === '{then}'")
    settled(tab)
    return np.array(tab.js("eshi.face()"), np.float32)


def test_words_move_the_face_and_the_wall_as_the_command_does(asked: Tab, who: Artist) -> None:
    number = int(asked.js("document.getElementById('number').value"))
    asked.wait("!document.querySelector('.coming')")
    pink = ask(asked, "hair=pink", "0")
    assert np.abs(pink - full(who, number, {"hair": "pink"})).max() <= 2 * GRID
    both = ask(asked, "glasses=yes", "0.3")
    assert np.abs(both - full(who, number, {"hair": "pink", "glasses": "yes"})).max() <= 2 * GRID
    blue = ask(asked, "hair=blue", "3.1")
    assert np.abs(blue - full(who, number, {"hair": "blue", "glasses": "yes"})).max() <= 2 * GRID
    assert asked.js(PRESSED) == ["hair=blue", "glasses=yes"]
    assert asked.js("document.getElementById('number').value") == str(number)  # it is still that face
    asked.wait("!document.querySelector('.coming')")
    asked.click("#faces .face:nth-child(5)")
    asked.wait("document.querySelector('#faces .face:nth-child(5)').getAttribute('aria-pressed') === 'true'")
    settled(asked)
    other = int(asked.js("document.getElementById('number').value"))
    wanted = full(who, other, {"hair": "blue", "glasses": "yes"})
    assert np.abs(np.array(asked.js("eshi.face()")) - wanted).max() <= 2 * GRID
    asked.click("#roll")
    asked.wait(f"document.getElementById('number').value !== '{other}'")
    assert asked.js(ASKED) == "3.1"  # stays asked


def test_numbers_are_the_commands(asked: Tab, who: Artist) -> None:
    for number in (0, 7, 123_456, 2**32 + 1, 10**17, *range(1_000, 1_020)):
        assert np.abs(np.array(asked.js(f"eshi.numbered('{number}')")) - full(who, number, {})).max() <= 2 * GRID


def test_of_a_face_without_a_number_it_is_seen_what_chance_said(asked: Tab, who: Artist) -> None:
    for number in range(40, 50):
        nudge = np.full(who.G.latent, 0.01, np.float32)
        moved = (full(who, number, {}) + nudge).tolist()
        asked.js(f"eshi.show(Float32Array.from({moved}))")
        settled(asked)
        assert asked.js("document.getElementById('number').value") == ""
        assert np.abs(ask(asked, "hair=pink", "0") - full(who, number, {"hair": "pink"}) - nudge).max() <= 3 * GRID
        ask(asked, "hair=", "")


def test_sliders_reach_as_far_as_chance_does(asked: Tab, who: Artist) -> None:
    room(asked, "shape")
    asked.js("document.getElementById('coordinates').parentElement.open = true")
    asked.wait("document.querySelector('#coordinates input')")
    for number in range(60, 70):
        asked.js(f"eshi.show(eshi.numbered('{number}'))")
        settled(asked)
        shown = asked.js("[...document.querySelectorAll('#coordinates input')].map(one => +one.value)")
        assert np.abs(np.array(shown) - full(who, number, {})).max() <= 0.05 / 2 + GRID


def test_many_wishes_are_folded_on_a_phone(tab: Tab, tmp_path: Path) -> None:
    for values, folded in (("hair=pink,glasses=yes", False), ("hair=pink,glasses=yes,hat=yes", True)):
        page.write(made(values=values), tmp_path / "asked.html")
        for width in (390, 1280):
            tab.screen(width, 844)
            tab.open((tmp_path / "asked.html").as_uri())
            settled(tab)
            assert tab.js("document.getElementById('asking').open") is not (folded and width < 600)
    assert tab.errors == []


def test_asking_for_nothing_leaves_no_trace(asked: Tab) -> None:
    before = asked.js("eshi.face()")
    ask(asked, "hair=pink", "0")
    ask(asked, "glasses=yes", "0.3")
    ask(asked, "hair=", "3")
    assert ask(asked, "glasses=", "").tolist() == before
    assert asked.js(PRESSED) == ["hair=", "glasses="]


def test_history_links_and_gallery_know_what_was_asked(asked: Tab) -> None:
    ask(asked, "hair=pink", "0")
    link = asked.js("location.href")
    asked.click("#keep")
    ask(asked, "hair=blue", "1")
    asked.click("#undo")
    asked.wait(f"{ASKED} === '0'")
    assert asked.js(PRESSED) == ["hair=pink", "glasses="]
    asked.click("#redo")
    asked.wait(f"{ASKED} === '1'")
    room(asked, "gallery")
    asked.click("#kept .face")
    asked.wait(f"location.href === '{link}'")
    ask(asked, "hair=", "")
    asked.js(f"window.before = true, location.href = '{link}', location.reload()")
    asked.wait("!window.before && window.eshi")
    settled(asked)
    assert asked.js(PRESSED) == ["hair=pink", "glasses="]
    room(asked, "gallery")  # what is kept is still known with its words after a visit
    ask(asked, "hair=", "")
    asked.click("#kept .face")
    asked.wait(f"location.href === '{link}'")


@pytest.mark.parametrize("words", ["9", "0.1", "0.0", "x", "-1", "1.5", "", "1e0"])
def test_words_that_are_none_are_refused(asked: Tab, words: str) -> None:
    address = asked.js("location.hash")
    asked.js(f"location.hash = '{address}.{words}'")
    asked.wait("document.getElementById('says').textContent.startsWith('This link')")
    assert asked.js(PRESSED) == ["hair=", "glasses="]


def test_a_run_without_labels_asks_for_nothing(seen: Tab) -> None:
    assert seen.js("document.getElementById('asking').hidden")
