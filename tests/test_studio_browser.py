"""The studio in a real browser, which reaches nothing but it: curating, watching, drawing, as a person does them.

ESHI_SHOTS names a folder for the pictures of the documentation (painted faces only).
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Tab, chromium, until
from untrained import SMALL, kept, made

import eshi
from eshi.gather import catalogue, verdicts
from eshi.ground import image
from eshi.run import logbook
from eshi.run.logbook import trainer

pytestmark = pytest.mark.slow
MANY = 10_000
OPENS = 2.0  # seconds until the first screen of them is there
FRAMES = 30  # a second, while scrolling
EACH = 25  # words of each kind that the keys say below: 100 in all


def faces(folder: Path, count: int) -> Path:
    """Blots, no two alike; the files are small."""
    folder.mkdir(parents=True)
    for i in range(count):
        rng = np.random.default_rng(i)
        pixels = np.kron(rng.integers(60, 256, (6, 6, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
        (folder / f"{i:05}.jpg").write_bytes(image.encode(pixels, "jpeg", quality=80))
    return folder


class Opened:
    """`eshi studio` as a process of its own."""

    def __init__(self, folder: Path):
        words = [sys.executable, "-m", "eshi", "studio", str(folder), "--port", "0"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout
        found = re.search(r"(http://127\.0\.0\.1:\d+)/\?token=\S+", self.process.stdout.readline())
        assert found
        self.url, self.base = found.group(0), found.group(1)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def studio(folder: Path) -> Iterator[Opened]:
    opened = Opened(folder)
    try:
        yield opened
    finally:
        opened.kill()


@pytest.fixture
def tab(tmp_path: Path) -> Iterator[Tab]:
    with chromium(tmp_path / "browser") as tab:
        online(tab)
        yield tab
        assert tab.errors == []
        assert [url for url in tab.asked if not url.startswith(("http://127.0.0.1:", "about:"))] == []


def online(tab: Tab) -> None:
    """As far as the loopback; any other address would show in `asked`."""
    tab.do("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)
    tab.screen(1280, 800)


def another(tab: Tab, folder: Path) -> Tab:
    """A second window of the same browser."""
    port = tab.socket.line.getpeername()[1]
    number = tab.do("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
    second = Tab(f"ws://127.0.0.1:{port}/devtools/page/{number}", folder)
    online(second)
    return second


def enter(tab: Tab, opened: Opened, path: str, there: str) -> None:
    tab.open(opened.url)
    tab.open(opened.base + path)
    tab.wait(there)


STOPPABLE = "(stop => stop && !stop.hidden && !stop.disabled)(document.querySelector('#stop'))"
SEEN = "document.querySelectorAll('.cell img[src]').length > 40"


def test_ten_thousand_faces_open_at_once_scroll_smoothly_and_are_judged_by_keys(tab: Tab, tmp_path: Path) -> None:
    folder = faces(tmp_path / "home" / "many", MANY)
    with studio(tmp_path / "home") as opened:
        tab.open(opened.url)
        start = time.monotonic()
        tab.open(f"{opened.base}/faces?at=many")
        tab.wait(SEEN)
        took = time.monotonic() - start
        frames = tab.js(
            "new Promise(done => { const box = document.querySelector('#wall'), start = performance.now(); let n = 0;"
            "const turn = now => { n++; box.scrollTop += 60; now - start < 2000 ? requestAnimationFrame(turn)"
            " : done(1000 * n / (now - start)) }; requestAnimationFrame(turn) })"
        )
        print(f"{MANY:,} faces open in {took:.2f} s, {frames:.0f} frames a second while scrolling")
        tab.wait(SEEN)
        tab.key("Home")
        for _ in range(EACH):
            for key in "araa":
                tab.key(key)
        tab.wait("document.querySelector('#counts').textContent.includes('100 by hand')")
        for _ in range(10):
            tab.key("u")
        tab.wait("document.querySelector('#counts').textContent.includes('90 by hand')")
        names = sorted(path.name for path in folder.glob("*.jpg"))
        wanted = {name: "drop" if i % 4 == 1 else "keep" for i, name in enumerate(names[:90])}
        until(lambda: verdicts.verdicts(folder) == wanted, "the words in the journal")
        assert catalogue.rejected(folder) == {name for name, word in wanted.items() if word == "drop"}
        tab.open(f"{opened.base}{tab.js('location.pathname + location.search')}")  # reload keeps the place
        tab.wait(SEEN)
        assert names[90] in tab.js("document.querySelector('#told').textContent")
        assert (took, frames) == (pytest.approx(0, abs=OPENS), pytest.approx(1000, abs=1000 - FRAMES))


def test_copies_are_resolved_and_two_windows_see_each_others_words(tab: Tab, tmp_path: Path) -> None:
    folder = faces(tmp_path / "home" / "some", 60)
    copy = image.decode(folder / "00003.jpg")
    image.save(copy, folder / "00003-again.png")
    eshi.clean(folder, blur=0, flat=0, dark=0, workers=1)
    loser = next(row["file"] for row in catalogue.rows(folder) if row["verdict"] == "near-duplicate")
    with studio(tmp_path / "home") as opened:
        enter(tab, opened, f"/faces?at=some&face={loser}", SEEN)
        tab.key("d")
        tab.wait("document.querySelectorAll('dialog[open] .copy').length === 2")
        wanted = tab.js(f"[...document.querySelectorAll('.copy b')].findIndex(b => b.textContent === '{loser}')")
        tab.key(str(wanted + 1))
        until(lambda: verdicts.verdicts(folder).get(loser) == "keep", "the word")
        assert sorted(verdicts.verdicts(folder).values()) == ["drop", "keep"]
        second = another(tab, tmp_path)
        second.do("Page.bringToFront")
        enter(second, opened, "/faces?at=some&face=00040.jpg", SEEN)
        second.key("r")
        said = "document.querySelector('#counts').textContent.includes('3 by hand')"
        for window in (second, tab):
            window.do("Page.bringToFront")
            window.wait(said)
        assert second.errors == []
        tab.do("Page.bringToFront")
        tab.key("u")
        until(lambda: "00040.jpg" not in verdicts.verdicts(folder), "the other window's word taken back")


def test_odd_names_do_nothing_in_a_page(tab: Tab, tmp_path: Path) -> None:
    folder = faces(tmp_path / "home" / "<img src=x onerror=alert(1)>", 50)
    (folder / "00001.jpg").rename(folder / "<script>alert(1)<b>.jpg")
    with catalogue.opened(folder) as base:
        base.execute(
            "insert into faces (file, tags, artist) values ('00002.jpg', ?, ?)", ('<b>x</b> "><i>', "<script>1")
        )
    with studio(tmp_path / "home") as opened:
        tab.open(opened.url)
        tab.wait("document.querySelectorAll('.thing').length === 1")
        tab.click(".thing")
        tab.wait(SEEN)
        tab.key("Home")
        tab.key("Enter")
        tab.wait("document.querySelector('dialog[open] dl')")
        assert (
            tab.js("document.querySelectorAll('main b > i, main script, img[onerror], dialog i:not(.grip)').length")
            == 0
        )


def test_a_training_lives_longer_than_the_studio(tab: Tab, tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = faces(home / "some", 60)
    small = dict(word.split("=", 1) for word in SMALL) | {"judge.every": "0", "every.save": "1", "every.sample": "400"}
    run = home / "runs" / "one"
    with studio(home) as opened:
        enter(tab, opened, "/runs", "document.querySelector('#lead').textContent.includes('None yet')")
        tab.click("#new")
        tab.wait("document.querySelector('#starting[open] #recipe fieldset')")
        tab.js("document.querySelector('#start details').open = true")
        for key, value in small.items():
            tab.js(
                f"(() => {{ const box = document.querySelector('#recipe label[title={json.dumps(key)}] input');"
                f"box.value = {json.dumps(str(value))}; box.dispatchEvent(new Event('change')) }})()"
            )
        for name, value in (("out", "runs/one"), ("images", "2M")):
            tab.js(f"document.querySelector('#start').{name}.value = '{value}'")
        tab.js("document.querySelector('#start').dispatchEvent(new Event('input'))")
        assert "--set batch=8" in tab.js("document.querySelector('#typed').textContent")
        tab.click("#start button.first")
        tab.wait("document.querySelector('#how')?.textContent.includes('images/s')", 90)
        before = tab.js("document.querySelector('#how').textContent")
        tab.wait(f"document.querySelector('#how').textContent !== {json.dumps(before)}", 60)  # live
        number = trainer(run)
        verdicts.say(folder, "drop", ["00001.jpg"])
        tab.do("Page.navigate", url="about:blank")
        opened.kill()
    seen = logbook.seen(logbook.log(run))
    until(lambda: logbook.seen(logbook.log(run)) > seen, "the training going on", 60)
    assert trainer(run) == number
    with studio(home) as opened:
        try:
            enter(tab, opened, "/runs?at=runs/one", STOPPABLE)
            tab.click("#stop")
            tab.wait("document.querySelector('#report').textContent.includes('Stopped at')", 60)
            tab.click("#go")
            tab.wait(STOPPABLE, 60)
            tab.click("#stop")
            tab.wait("document.querySelector('#report').textContent.includes('Stopped at')", 60)
            assert verdicts.verdicts(folder) == {"00001.jpg": "drop"}
        finally:
            if left := trainer(run):
                os.kill(left, signal.SIGTERM)


def test_sliders_and_a_picture_of_ones_own(tab: Tab, tmp_path: Path) -> None:
    home = tmp_path / "home"
    kept(made(), home / "run")
    found = eshi.directions(home / "run", count=100)
    photo = image.save(eshi.draw(home / "run", count=1, seed=3).images[0], tmp_path / "photo.png")
    with studio(home) as opened:
        enter(tab, opened, "/draw?at=run", "document.querySelectorAll('#faces img').length === 24")
        before = tab.wait("document.querySelector('#face').src")
        name = next(iter(found.kinds))
        tab.js(
            f"(() => {{ const slider = document.querySelector('#sliders [name={json.dumps(name)}]');"
            "slider.value = 3; slider.dispatchEvent(new Event('input')) })()"
        )
        tab.wait(f"document.querySelector('#face').src !== {json.dumps(before)}")
        tab.wait("document.querySelector('#name').textContent === '0, changed'")
        tab.click("#reset")
        tab.wait("document.querySelector('#name').textContent === '0'")
        tab.click("[data-tab=project]")
        tab.do("DOM.enable")
        node = tab.do("DOM.getDocument")["root"]["nodeId"]
        box = tab.do("DOM.querySelector", nodeId=node, selector="[name=picture]")["nodeId"]
        tab.do("DOM.setFileInputFiles", nodeId=box, files=[str(photo)])
        tab.js("document.querySelector('#drop').steps.value = 10")
        tab.click("#drop .first")
        tab.wait("document.querySelectorAll('#project img').length > 2", 90)
        tab.wait("document.querySelector('#name').textContent === 'projected'")
        tab.js("history.back()")
        tab.wait("document.querySelector('[data-tab=faces]').getAttribute('aria-pressed') === 'true'")


def test_what_is_asked_for_is_asked_of_every_drawing(tab: Tab, tmp_path: Path) -> None:
    home = tmp_path / "home"
    kept(made(values="hair=pink,hair=blue,glasses=yes"), home / "run")

    def choose(name: str, value: str) -> None:
        shown = tab.js("document.querySelector('#face').src")
        tab.js(
            f"(() => {{ const select = document.querySelector('#asking [name={name}]');"
            f"select.value = '{value}'; select.dispatchEvent(new Event('change')) }})()"
        )
        tab.wait(f"document.querySelector('#face').src !== '{shown}'")

    name = "document.querySelector('#name')?.textContent"  # none yet while a page loads
    with studio(home) as opened:
        enter(tab, opened, "/draw?at=run", "document.querySelectorAll('#faces img').length === 24")
        first = tab.js("document.querySelector('#faces img').src")
        choose("hair", "pink")
        tab.wait(f"{name} === '0, hair pink'")
        tab.wait(f"document.querySelector('#faces img').src !== '{first}'")
        choose("glasses", "yes")
        tab.wait("location.search.includes('asked=hair%3Dpink%2Cglasses%3Dyes')")
        tab.click("[data-tab=sweep]")
        tab.js("document.querySelector('[data-form=sweep]').dims.value = 'hair'")
        tab.click("[data-form=sweep] .first")
        tab.wait("document.querySelectorAll('#sweep .pick').length === 2")
        tab.click("#sweep .pick:nth-child(2)")
        tab.wait(f"{name} === '0, hair blue, glasses yes'")
        tab.js("location.reload()")
        tab.wait("document.querySelector('#asking [name=hair]')?.value === 'blue'")
        tab.wait(f"{name} === '0, hair blue, glasses yes'")
        choose("hair", "")
        tab.wait(f"{name} === '0, glasses yes'")


CHECK = (Path(__file__).parent / "readable.js").read_text()


def test_every_room_can_be_read_by_everybody_and_is_pictured(tab: Tab, tmp_path: Path) -> None:
    """Names for what can be used, contrast, width: light and dark, a desk's screen and a phone's."""
    home = Path(os.environ.get("ESHI_STUDIO", tmp_path / "home"))
    if not home.exists():
        faces(home / "faces", 60)
        kept(made(values="hair=pink,hair=blue,glasses=yes"), home / "run")
        eshi.directions(home / "run", count=100)
    shots = os.environ.get("ESHI_SHOTS")
    places = {"faces": os.environ.get("ESHI_STUDIO_FACES", "faces"), "run": os.environ.get("ESHI_STUDIO_RUN", "run")}
    rooms = {
        "home": ("/", "document.querySelector('.thing')"),
        "faces": (f"/faces?at={places['faces']}", "document.querySelectorAll('.cell img[src]').length > 10"),
        "runs": ("/runs", "document.querySelectorAll('#rows tr').length"),
        "run": (f"/runs?at={places['run']}", "document.querySelector('#report h1')"),
        "draw": (f"/draw?at={places['run']}", "document.querySelectorAll('#faces img').length >= 24"),
        "work": ("/work", "document.querySelector('[data-work=crop] option')"),
    }
    found: dict[str, Any] = {}
    with studio(home) as opened:
        tab.open(opened.url)
        for dark, (width, height) in (
            (False, (1280, 800)),
            (True, (1280, 800)),
            (True, (390, 844)),
            (False, (390, 844)),
        ):
            tab.screen(width, height, 2 if width < 600 else 1, width < 600, dark)
            for room, (path, there) in rooms.items():
                tab.open(opened.base + path)
                tab.wait(there, 60)
                time.sleep(0.4)
                if wrong := tab.js(CHECK):
                    found[f"{room}, {width} px, {'dark' if dark else 'light'}"] = wrong
                if shots:
                    name = f"studio-{room}{'-phone' if width < 600 else ''}{'-dark' if dark else ''}.png"
                    tab.screenshot(Path(shots) / name)
    assert found == {}
