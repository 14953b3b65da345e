"""The page in a real browser, from a file, without a network. ESHI_SHOTS=docs keeps the pictures of ESHI_DEMO's page.

A face is found again by its pixels: what the page draws is asked of it as eshi.draw(latent).
"""

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from chromium import Tab, chromium
from PIL import Image
from test_page_plan import KINDS, built
from untrained import kept, made

from eshi import recipe
from eshi.artist import Artist
from eshi.explore import add_favourite, directions
from eshi.explore.measures import COLOURED
from eshi.ground.figures import human
from eshi.networks.contracts import Generator
from eshi.share import page

pytestmark = pytest.mark.slow
ROOMS = ("wall", "pick", "shape", "blend", "gallery", "about")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with chromium(tmp_path_factory.mktemp("chromium")) as found:
        found.screen(1280, 900)
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Named directions, favourites; what it draws has colours."""
    folder = kept(made(latent=40), tmp_path_factory.mktemp("page") / "seen")
    directions(folder, count=200)
    add_favourite(folder, 7, "miku")
    return folder


@pytest.fixture(scope="module")
def written(run: Path) -> Path:
    page.write(Artist.load(run), run / "face.html")
    return run / "face.html"


@pytest.fixture
def seen(tab: Tab, written: Path) -> Iterator[Tab]:
    """The page, opened as if for the first time. Whatever is done with it, the console has no complaints."""
    tab.open(written.as_uri())
    tab.js("localStorage.clear()")
    tab.open(written.as_uri())
    settled(tab)
    tab.errors.clear()
    yield tab
    assert [
        said for said in tab.errors if not said.startswith("Canvas2D: Multiple readback")
    ] == []  # the tests do that
    assert tab.asked == []


def settled(tab: Tab) -> str:
    """Once the large face has come to rest: the latent in the address, which is the one that is shown."""
    at = "location.hash.split('.')[1]"
    tab.wait(f"document.getElementById('large').dataset.face === {at} && {at} !== undefined")
    return str(tab.js(at))


def pixels(tab: Tab, z: list[float] | None = None) -> np.ndarray:
    """(H, W, 3) as the page draws a latent, or the large face."""
    given = "eshi.face()" if z is None else json.dumps(z)
    found = np.array(tab.js(f"(async () => [...await eshi.draw({given})])()"), np.uint8)
    side = tab.js("[...document.querySelectorAll('#from canvas, .face canvas')].map(one => [one.height, one.width])[0]")
    return found.reshape(*side, 4)[:, :, :3]


def large(tab: Tab) -> np.ndarray:
    """What lies on the canvas."""
    code = "[...document.getElementById('large').getContext('2d').getImageData(0, 0, 448, 448).data]"
    return np.array(tab.js(code), np.uint8).reshape(448, 448, 4)[:, :, :3]


def canvases(tab: Tab, selector: str) -> np.ndarray:
    """(N, 32, 32, 3) of the small faces."""
    data = "one.getContext('2d').getImageData(0, 0, 32, 32).data"
    found = np.array(tab.js(f"[...document.querySelectorAll('{selector}')].map(one => [...{data}])"), np.float32)
    return found.reshape(-1, 32, 32, 4)[..., :3]


def room(tab: Tab, name: str) -> None:
    tab.click(f"#tab-{name}")
    tab.wait(f"!document.getElementById('{name}').hidden")


def off(tab: Tab, G: Generator, z: torch.Tensor) -> np.ndarray:
    """How far the page's pixels lie from torch's."""
    from eshi.artist import render

    drawn = np.stack([pixels(tab, row) for row in z.double().tolist()]).astype(int)
    found: np.ndarray = np.abs(drawn - render(G, z))
    return found


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of pixels: these faces are noise, which no palette and no enlarging leaves quite as it is."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def artist_of(G: Generator, name: str) -> Artist:
    return Artist(recipe.load("dcgan-64", [f"name={name}"]), 0, G, None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_layout_draws_torchs_pixels(tab: Tab, kind: str, tmp_path: Path) -> None:
    G = built(kind)
    page.write(artist_of(G, "layout"), tmp_path / "face.html")
    tab.open((tmp_path / "face.html").as_uri())
    settled(tab)
    assert off(tab, G, G.draw(20, 5)).max() <= 2
    assert tab.errors == []


@pytest.mark.parametrize(("name", "most"), [("dcgan-64", 25), ("eshi-64", 12)])
def test_a_recipe_of_full_width_is_small_quick_and_right(tab: Tab, name: str, most: int, tmp_path: Path) -> None:
    from test_page_plan import trained

    from eshi.networks.build import networks

    torch.manual_seed(1)
    given = recipe.load(name, ["generator.init=default"])
    G = trained(networks(given)[0])
    z = G.draw(100, 9)
    for bits in (16, 8):
        page.write(Artist(given, 0, G, None), tmp_path / "face.html", bits=bits)
        size = (tmp_path / "face.html").stat().st_size
        assert size <= most * 1e6
        tab.open((tmp_path / "face.html").as_uri())
        settled(tab)
        first = tab.js("performance.getEntriesByName('first face')[0].startTime")
        differs = off(tab, G, z)
        assert differs.max() <= 2 if bits == 16 else differs.mean() <= 4
        rate = slid(tab, "#share", "blend")
        print(f"{name}, {bits} bits: {human(size)}B, first face {first:.0f} ms, {rate:.0f} faces/s under a slider")
        assert first <= 2000
        assert rate >= 20
    assert tab.errors == []


def slid(tab: Tab, slider: str, name: str, seconds: float = 1.5) -> float:
    """Large faces a second while a slider moves; the best of three, for other work may come between."""
    room(tab, name)
    tab.wait("!document.querySelector('.coming')")
    code = f"""(async () => {{
      const input = document.querySelector('{slider}'), large = document.getElementById('large');
      const begin = +large.dataset.drawn, start = performance.now();
      for (let i = 0; performance.now() - start < {1000 * seconds}; i++) {{
        input.value = (Math.sin(i / 20) + 1) / 2 * (input.max - input.min) + +input.min;
        input.dispatchEvent(new Event('input', {{ bubbles: true }}));
        await new Promise(requestAnimationFrame);
      }}
      return (large.dataset.drawn - begin) / (performance.now() - start) * 1000;
    }})()"""
    return max(float(tab.js(code)) for _ in range(3))


def test_a_wall_to_choose_from(seen: Tab) -> None:
    assert seen.js("document.querySelectorAll('#faces .face').length") == 24
    seen.wait("!document.querySelector('.coming')")
    before = settled(seen)
    seen.click("#faces .face:nth-child(5)")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    chosen = settled(seen)
    assert seen.js("document.querySelectorAll('#faces .face[aria-pressed=true]').length") == 1
    assert (canvases(seen, "#faces .face[aria-pressed=true] canvas")[0] == pixels(seen)).all()
    shown = seen.js("document.querySelector('#faces .face').getAttribute('aria-label')")
    assert shown == "Face 1 of 24"
    seen.click("#more")
    seen.wait("!document.querySelector('#faces [aria-pressed=true]')")
    assert settled(seen) == chosen

    def spread() -> float:
        seen.wait("!document.querySelector('.coming')")
        walls = canvases(seen, "#faces canvas")
        return float(np.abs(walls - walls.mean(0)).mean())

    wide = spread()
    seen.js("document.getElementById('variety').value = 15")
    seen.js("document.getElementById('variety').dispatchEvent(new Event('change'))")
    assert spread() < wide / 2


def test_one_of_sixteen_again_and_again_comes_nearer(seen: Tab) -> None:
    room(seen, "pick")
    assert seen.js("document.getElementById('round').textContent") == "Round 1"

    def apart() -> float:
        seen.wait("!document.querySelector('.coming')")
        drawn = canvases(seen, "#sixteen canvas")
        return float(np.abs(drawn[1:] - drawn[0]).mean())

    first = apart()
    for number in range(6):
        seen.click(f"#sixteen .face:nth-child({3 if number == 0 else 1})")
        seen.wait(f"document.getElementById('round').textContent === 'Round {number + 2}'")
        settled(seen)
    assert apart() < first / 2
    seen.click("#earlier")
    seen.wait("document.getElementById('round').textContent === 'Round 6'")
    seen.click("#anew")
    seen.wait("document.getElementById('round').textContent === 'Round 1'")


def test_new_faces_and_the_way_back(seen: Tab) -> None:
    first = settled(seen)
    drawn = pixels(seen)
    assert seen.js("document.getElementById('undo').disabled")
    seen.click("#roll")
    seen.wait(f"location.hash.split('.')[1] !== '{first}'")
    second = settled(seen)
    seen.click("#undo")
    seen.wait(f"location.hash.endsWith('{first}')")
    assert settled(seen) == first
    assert (pixels(seen) == drawn).all()
    seen.click("#redo")
    seen.wait(f"location.hash.endsWith('{second}')")
    assert seen.js("document.getElementById('redo').disabled")


def test_a_link_opens_the_very_same_pixels(seen: Tab, written: Path) -> None:
    seen.do("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    seen.click("#roll")
    settled(seen)
    seen.click("#link")
    seen.wait("document.getElementById('says').textContent.includes('ink')")
    address, shown, drawn = seen.js("location.href"), large(seen), pixels(seen)
    assert re.fullmatch(re.escape(written.as_uri()) + r"#face=[0-9a-f]{8}\.[\w-]{107}", address)
    seen.open(address)
    settled(seen)
    assert seen.js("location.href") == address
    assert (pixels(seen) == drawn).all()
    assert (large(seen) == shown).all()
    seen.js(f"location.hash = '{address.split('#')[1][:-2]}AA'")  # another face, in the page that is open
    seen.wait(f"location.href !== '{address}'")
    settled(seen)
    assert (pixels(seen) != drawn).any()


@pytest.mark.parametrize(
    "fragment",
    ["#", "#face=", "#face=00000000.AAAA", "#face={id}.AAAA", "#face={id}." + "A" * 5000, "#face={id}." + "!" * 107,
     "#face={id}.<script>evil()</script>", "#%00%ff%f0", "#face={id}." + "é" * 107, "#other", "#__proto__"],
)  # fmt: skip
def test_garbage_in_the_fragment_is_another_face(seen: Tab, written: Path, fragment: str) -> None:
    found = seen.js("location.hash.slice(6, 14)")
    seen.open(written.as_uri() + fragment.replace("{id}", found))
    assert len(settled(seen)) == 107
    if len(fragment) > 1:
        assert seen.js("document.getElementById('says').textContent").startswith("This link does not fit")
    seen.js(f"location.hash = {json.dumps(fragment.replace('{id}', found))}")
    assert len(settled(seen)) == 107


def test_numbers_at_the_ends_of_a_link_are_drawn(seen: Tab, written: Path) -> None:
    found = seen.js("location.hash.slice(6, 14)")
    for letters in ("_" * 106 + "8", "A" * 107, "f_" * 53 + "8"):
        seen.open(f"{written.as_uri()}#face={found}.{letters}")
        settled(seen)
        assert pixels(seen).shape == (32, 32, 3)


def test_sliders_along_what_was_found(seen: Tab) -> None:
    room(seen, "shape")
    seen.wait("document.querySelectorAll('#named .slide').length > 1")
    before = settled(seen)
    for name, slider in (
        ("named", "#named .slide input"),
        ("unnamed", "#unnamed .slide input"),
        ("coordinates", "#coordinates input"),
    ):
        if name != "named":
            seen.js(f"document.getElementById('{name}').parentElement.open = true")
            seen.wait(f"document.querySelector('{slider}')")
        seen.js(f"(() => {{ const one = document.querySelector('{slider}'); one.focus(); }})()")
        for _ in range(4):
            seen.key("ArrowRight")
        now = seen.wait(f"location.hash.split('.')[1] !== '{before}' && location.hash.split('.')[1]")
        settled(seen)
        before = now
    assert seen.js("document.querySelectorAll('#coordinates input').length") == 40
    value = float(seen.js("document.querySelector('#coordinates input').value"))
    assert abs(value - seen.js("eshi.face()[0]")) < 0.06
    assert not seen.js("document.getElementById('undo').disabled")


def test_what_is_locked_stays(seen: Tab) -> None:
    room(seen, "shape")
    seen.js("document.getElementById('coordinates').parentElement.open = true")
    seen.wait("document.querySelector('#coordinates h4 .lock')")
    before = settled(seen)
    z = seen.js("eshi.face()")
    seen.click("#coordinates h4 .lock")
    seen.click("#rest")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    after = seen.js("eshi.face()")
    assert np.abs(np.subtract(z, after)[:8]).max() <= 1 / 2048
    assert np.abs(np.subtract(z, after)[8:]).mean() > 0.3
    seen.click("#unlock")
    assert seen.js("document.querySelectorAll('.lock[aria-pressed=true]').length") == 0
    seen.click("#named .lock")
    model = json.loads(seen.js("document.getElementById('model').textContent"))
    hair = np.array(model["directions"][0]["vector"])
    seen.click("#roll")
    settled(seen)
    assert abs(hair @ np.subtract(seen.js("eshi.face()"), after)) < 0.01


@pytest.mark.parametrize("name", ["hair", "eyes"])
def test_colours_are_measured_as_eshi_does_and_come_nearer(seen: Tab, name: str) -> None:
    room(seen, "shape")
    settled(seen)
    assert seen.js("document.querySelectorAll('.swatches').length") == 2
    for _ in range(5):
        drawn = pixels(seen)
        told = seen.js(f"(async () => eshi.measures.{name}(await eshi.draw(eshi.face())))()")
        np.testing.assert_allclose(told, COLOURED[name](drawn[None])[0], atol=1e-4)
        before = settled(seen)
        seen.click("#roll")
        seen.wait(f"location.hash.split('.')[1] !== '{before}'")
        settled(seen)
    wanted = np.array(json.loads(seen.js("document.getElementById('model').textContent"))["palette"]["red"]) / 255
    far = np.linalg.norm(COLOURED[name](pixels(seen)[None])[0] - wanted)
    before = settled(seen)
    seen.click(f"[data-colour='{name} red']")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    settled(seen)
    assert np.linalg.norm(COLOURED[name](pixels(seen)[None])[0] - wanted) < far


def test_from_one_face_to_another(seen: Tab) -> None:
    room(seen, "blend")
    start = settled(seen)
    seen.click("#strip .face:last-child")
    seen.wait(f"location.hash.split('.')[1] !== '{start}'")
    end = seen.js("eshi.face()")
    assert seen.js("document.getElementById('share').value") == "1"
    seen.js("document.getElementById('share').focus()")
    seen.key("ArrowLeft")
    settled(seen)
    assert 0 < np.abs(np.subtract(seen.js("eshi.face()"), end)).max() < 0.1
    seen.click("#roll")
    settled(seen)
    here = seen.js("eshi.face()")
    seen.click("#from")
    seen.click("#strip .face:first-child")
    assert seen.js("eshi.face()") == here
    shown = large(seen)
    seen.click("#roll")
    settled(seen)
    there = seen.js("eshi.face()")
    seen.click("#to")
    seen.click("#strip .face:last-child")
    settled(seen)
    assert seen.js("eshi.face()") == there
    seen.click("#play")
    seen.wait("document.getElementById('play').getAttribute('aria-pressed') === 'true'")
    until_changed = "+document.getElementById('large').width > 0"
    seen.wait(until_changed)
    seen.js("new Promise(done => setTimeout(done, 800))")
    assert (large(seen) != shown).any()
    seen.click("#play")
    settled(seen)
    seen.wait("document.getElementById('play').getAttribute('aria-pressed') === 'false'")


def test_films_are_saved(seen: Tab) -> None:
    room(seen, "blend")
    settled(seen)
    seen.js("document.getElementById('seconds').value = '2'")
    seen.click("#gif")
    film = Image.open(io.BytesIO(seen.downloaded(".gif")), formats=["GIF"])
    assert (film.size, getattr(film, "n_frames", 1)) == ((256, 256), 24)
    small = np.asarray(film.convert("RGB").resize((32, 32), Image.Resampling.BOX)).astype(int)
    assert alike(small, pixels(seen)) > 0.8  # the first frame is the face in `from`, in 256 colours
    film.seek(12)
    assert (np.asarray(film.convert("RGB").resize((32, 32), Image.Resampling.BOX)) != small).any()
    for _ in range(2):  # a way through the gallery, and not back
        seen.click("#keep")
        seen.click("#roll")
        settled(seen)
    seen.js("document.getElementById('path').value = 'through'")
    seen.click("#loop")
    seen.wait("!document.getElementById('gif').disabled")
    seen.click("#gif")
    film = Image.open(io.BytesIO(seen.downloaded(".gif")), formats=["GIF"])
    ends = []
    for at in (0, 23):
        film.seek(at)
        ends.append(np.asarray(film.convert("RGB").resize((32, 32), Image.Resampling.BOX)).astype(int))
    kept_faces = canvases(seen, "#kept .face canvas")
    assert [alike(one, other) > 0.8 for one, other in zip(ends, kept_faces[::-1], strict=True)] == [True, True]
    seen.wait("!document.getElementById('webm').disabled")
    seen.click("#webm")
    recorded = seen.downloaded(".webm")
    assert recorded[:4] == bytes([0x1A, 0x45, 0xDF, 0xA3])
    assert len(recorded) > 10_000


def test_four_faces_and_what_lies_between(seen: Tab) -> None:
    room(seen, "blend")
    seen.wait("!document.querySelector('.coming')")
    assert seen.js("document.querySelectorAll('#field .face').length") == 25
    before = settled(seen)
    seen.click("#field .face:nth-child(13)")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    middle = settled(seen)
    seen.click("#others")
    seen.wait("!document.querySelector('#field [aria-pressed=true]')")
    seen.click("[data-corner='0']")
    seen.wait("document.querySelector('#field .face[aria-pressed=true]') === document.querySelector('#field .face')")
    assert settled(seen) == middle


def test_pictures_in_three_sizes(seen: Tab) -> None:
    settled(seen)
    drawn = pixels(seen)
    for times in (1, 4, 8):
        seen.click("#save")
        assert seen.js("document.getElementById('save').getAttribute('aria-expanded')") == "true"
        seen.click(f"[data-times='{times}']")
        saved = np.asarray(Image.open(io.BytesIO(seen.downloaded(".png")), formats=["PNG"]).convert("RGB"))
        assert saved.shape == (32 * times, 32 * times, 3)
        small = saved.reshape(32, times, 32, times, 3).mean((1, 3))
        assert (small == drawn).all() if times == 1 else alike(small, drawn) > 0.8


def test_a_gallery_that_stays_and_travels(seen: Tab, written: Path, tmp_path: Path, run: Path) -> None:
    first = settled(seen)
    z = seen.js("eshi.face()")
    seen.click("#keep")
    room(seen, "gallery")
    assert seen.js("document.querySelectorAll('#kept figure').length") == 1
    seen.js("document.querySelector('#kept input').value = 'lovely one'")
    seen.js("document.querySelector('#kept input').dispatchEvent(new Event('change'))")
    assert seen.js("document.querySelector('#kept input').value") == "lovely_one"
    seen.click("#roll")
    seen.wait(f"location.hash.split('.')[1] !== '{first}'")
    settled(seen)
    seen.open(written.as_uri())
    settled(seen)
    room(seen, "gallery")
    assert seen.js("document.querySelector('#kept input').value") == "lovely_one"
    seen.click("#kept .face")
    seen.wait(f"location.hash.endsWith('{first}')")
    seen.click("#out")
    kept_file = seen.downloaded("favourites.json")
    assert json.loads(kept_file) == {"lovely_one": z}
    home = kept(Artist.load(run), tmp_path / "elsewhere")
    (home / "favourites.json").write_bytes(kept_file)
    assert Artist.load(home).latent("lovely_one").tolist() == z  # eshi draws it by its name
    seen.click("#kept .remove")
    seen.wait("document.querySelectorAll('#kept figure').length === 0")
    seen.do("Page.setInterceptFileChooserDialog", enabled=True)
    seen.click("#in")
    seen.wait("true")
    assert "Page.fileChooserOpened" in seen.events
    seen.do("Page.setInterceptFileChooserDialog", enabled=False)
    chosen(seen, tmp_path / "favourites.json", kept_file)
    seen.wait("document.querySelectorAll('#kept figure').length === 1")
    assert seen.js("document.querySelector('#makers figcaption').textContent") == "miku"
    before = settled(seen)
    seen.click("#makers .face")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    assert np.abs(np.subtract(seen.js("eshi.face()"), Artist.load(run).latent(7))).max() <= 1 / 4096


def chosen(tab: Tab, file: Path, content: bytes) -> None:
    """A file that the user picks."""
    file.write_bytes(content)
    root = tab.do("DOM.getDocument")["root"]["nodeId"]
    node = tab.do("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    tab.do("DOM.setFileInputFiles", nodeId=node, files=[str(file)])


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b"null", b'{"a": 5}', b'{"a": [1, 2]}',
     b'{"<img src=x onerror=evil()>": [' + b"0," * 39 + b"0]}", b'{"a": [' + b"1e999," * 39 + b"0]}",
     b'{"__proto__": null, "mean": [' + b"0," * 39 + b"0]}"],
)  # fmt: skip
def test_a_strangers_gallery_is_refused(seen: Tab, content: bytes, tmp_path: Path) -> None:
    room(seen, "gallery")
    chosen(seen, tmp_path / "favourites.json", content)
    seen.wait("document.getElementById('says').textContent.startsWith('This file holds no faces')")
    assert seen.js("document.querySelectorAll('#kept figure').length") == 0


def test_what_lies_in_the_browser_is_not_trusted(seen: Tab, written: Path) -> None:
    for value in ("{", "[]", '{"<b>": [1]}', "7", '"x"'):
        for key in (f"gallery {seen.js('location.hash.slice(6, 14)')}", "tongue", "theme"):
            seen.js(f"localStorage.setItem('eshi {key}', {json.dumps(value)})")
        seen.open(written.as_uri())
        settled(seen)
        assert seen.js("document.querySelectorAll('#kept figure').length") == 0


def test_strangers_names_are_text(tab: Tab, run: Path, tmp_path: Path) -> None:
    from test_page import EVIL

    artist = Artist.load(run)
    artist.recipe.about = EVIL
    (run / "CREDITS.csv").write_text(f'picture,faces,artist,site\n1.png,1,"{EVIL}",x\n', encoding="utf-8")
    try:
        page.write(artist, tmp_path / "face.html", title=EVIL)
    finally:
        (run / "CREDITS.csv").unlink()
    tab.js("window.evil = undefined")
    tab.open((tmp_path / "face.html").as_uri())
    settled(tab)
    room(tab, "about")
    assert tab.js("document.querySelector('.artists span').textContent").startswith("</script><script>evil()")
    assert tab.js("document.querySelector('h1').textContent").startswith("</script><script>evil()")
    assert tab.js("document.querySelectorAll('img, main script').length") == 0
    assert "evil()" in tab.js("document.getElementById('story').textContent")
    assert tab.errors == []


def test_the_keyboard_alone(seen: Tab) -> None:
    first = settled(seen)
    seen.key("r")
    seen.wait(f"location.hash.split('.')[1] !== '{first}'")
    settled(seen)
    seen.key("z")
    seen.wait(f"location.hash.endsWith('{first}')")
    seen.key("y")
    seen.wait(f"!location.hash.endsWith('{first}')")
    seen.key("k")
    seen.wait("document.querySelectorAll('#kept figure').length === 1")
    seen.key("1")
    at = "document.activeElement.id"
    assert seen.js(at) == "tab-wall"
    for name in (*ROOMS[1:], ROOMS[0]):
        seen.key("ArrowRight")
        assert seen.js(at) == f"tab-{name}"
        assert seen.js(f"document.getElementById('{name}').hidden") is False
    seen.key("Tab")
    assert seen.js("document.activeElement.matches('#faces .face:nth-child(1)')")
    seen.key("ArrowRight")
    seen.key("ArrowDown")
    assert seen.js("document.activeElement.matches('#faces .face:nth-child(8)')")
    before = settled(seen)
    seen.key("Enter")
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    seen.key("Tab")
    assert seen.js(at) == "more"  # a wall is one stop
    reached = set()
    for _ in range(40):
        seen.key("Tab")
        reached.add(seen.js(at))
    assert {"roll", "undo", "keep", "save", "link", "tongue", "theme", "variety", "tab-wall"} <= reached
    seen.key("s")
    assert seen.js("document.activeElement.dataset.times") == "1"
    seen.key("Escape")
    assert seen.js("document.getElementById('sizes').hidden")


def test_everything_has_a_name(seen: Tab) -> None:
    """As a screen reader has it."""
    roles = {"button", "slider", "tab", "combobox", "checkbox", "textbox", "image", "img", "progressbar", "tabpanel"}
    seen.do("Accessibility.enable")
    for name in ROOMS:
        room(seen, name)
        seen.js("for (const one of document.querySelectorAll('details')) one.open = true")
        nodes = [one for one in seen.do("Accessibility.getFullAXTree")["nodes"] if not one["ignored"]]
        met = [(one["role"]["value"], one.get("name", {}).get("value")) for one in nodes if "role" in one]
        assert sum(role in roles for role, _ in met) > 15
        assert [role for role, its in met if role in roles and not its] == [], name


@pytest.mark.parametrize(
    ("languages", "tongue", "said"),
    [("de,fr", "en", "New face"), ("ja-JP,en", "ja", "新しい顔"), ("fr,zh-TW", "zh", "新面孔")],
)
def test_it_speaks_as_the_browser_does(seen: Tab, written: Path, languages: str, tongue: str, said: str) -> None:
    seen.tongue(languages)
    try:
        seen.open(written.as_uri())
        settled(seen)
        assert seen.js("[document.documentElement.lang, document.querySelector('#roll span').textContent]") == [
            tongue,
            said,
        ]
        assert seen.js("[...document.querySelectorAll('[data-say]')].filter(one => !one.textContent).length") == 0
        before = settled(seen)
        seen.js("document.getElementById('tongue').value = 'en'")
        seen.js("document.getElementById('tongue').dispatchEvent(new Event('change'))")
        seen.wait("document.documentElement?.lang === 'en'")
        assert settled(seen) == before
    finally:
        seen.tongue("en")


def test_light_and_dark(seen: Tab) -> None:
    shade = "getComputedStyle(document.body).backgroundColor"
    light = seen.js(shade)
    seen.screen(1280, 900, dark=True)
    dark = seen.js(shade)
    assert light != dark
    seen.click("#theme")
    assert seen.js(shade) == light
    seen.click("#theme")
    assert seen.js(shade) == dark
    seen.screen(1280, 900)


def test_a_narrow_screen(seen: Tab) -> None:
    seen.screen(390, 844, 2, mobile=True)
    for name in ROOMS:
        room(seen, name)
        seen.js("for (const one of document.querySelectorAll('details')) one.open = true")
        assert seen.js("document.documentElement.scrollWidth") == 390, name
        shown = (
            "[...document.querySelectorAll('main *')].filter(one => one.offsetParent && !one.closest('[role=tablist]'))"
        )
        assert seen.js(f"{shown}.filter(one => one.getBoundingClientRect().right > 391).length") == 0, name
    small = (
        "[...document.querySelectorAll('button, select, input:not([type=checkbox], [hidden])')]"
        ".filter(one => one.offsetParent && Math.min(one.offsetHeight, one.offsetWidth) < 24).map(one => one.outerHTML)"
    )
    room(seen, "shape")
    assert seen.js(small) == []
    before = settled(seen)
    box = seen.js("document.getElementById('roll').getBoundingClientRect().toJSON()")
    touch = {"x": box["x"] + 20, "y": box["y"] + 20}
    seen.do("Input.dispatchTouchEvent", type="touchStart", touchPoints=[touch])
    seen.do("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    seen.wait(f"location.hash.split('.')[1] !== '{before}'")
    seen.screen(1280, 900)


def test_without_a_worker_it_draws_in_the_page(tab: Tab, written: Path) -> None:
    told = tab.do(
        "Page.addScriptToEvaluateOnNewDocument", source="window.Worker = class { constructor() { throw Error() } }"
    )
    try:
        tab.open(written.as_uri())
        settled(tab)
        assert pixels(tab).std() > 5
    finally:
        tab.do("Page.removeScriptToEvaluateOnNewDocument", identifier=told["identifier"])


def test_pictures_for_the_docs(tab: Tab, tmp_path: Path) -> None:
    """Painted faces only: the page of the demo's own run."""
    demo = os.environ.get("ESHI_DEMO")
    if not demo:
        pytest.skip("no trained run: ESHI_DEMO names one that learned from painted faces")
    out = Path(os.environ.get("ESHI_SHOTS", tmp_path))
    page.write(Artist.load(demo), tmp_path / "face.html", title="Painted faces")
    for name, shown, width, height, dark in (
        ("page", "wall", 1280, 820, False), ("page-shape", "shape", 1280, 820, True),
        ("page-blend", "blend", 1280, 1240, False), ("page-phone", "pick", 390, 844, False),
    ):  # fmt: skip
        tab.screen(width, height, 2 if width < 600 else 1, mobile=width < 600, dark=dark)
        tab.open((tmp_path / "face.html").as_uri())
        for _ in range(6):
            before = settled(tab)
            tab.click("#roll")
            tab.wait(f"location.hash.split('.')[1] !== '{before}'")
        room(tab, shown)
        settled(tab)
        tab.wait("!document.querySelector('.coming')")
        tab.js("scrollTo(0, 0)")
        tab.js("document.activeElement.blur()")
        tab.js("new Promise(done => setTimeout(done, 500))")  # what fades in has come
        assert tab.screenshot(out / f"{name}.webp").stat().st_size > 10_000
    tab.screen(1280, 900)
    assert tab.errors == []
