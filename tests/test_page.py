"""The page as a file: what is in it, what can never get out of it or into it. tests/test_page_browser.py opens it."""

import base64
import csv
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from untrained import kept, made

from eshi.artist import Artist
from eshi.explore import add_favourite, directions
from eshi.explore.directions import save, saved
from eshi.explore.measures import COLOURS, MEASURES
from eshi.gather.attributes import attributes
from eshi.gather.credits import COLUMNS
from eshi.ground.errors import EshiError
from eshi.share import page

EVIL = "</script><script>evil()</script><img src=x onerror=evil()>{{weights}}\u202e\u2028"


class Elements(HTMLParser):
    """As a browser takes the page apart: every element, and what stands in the scripts."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)

    def holding(self, name: str) -> str:
        return next(text for attributes, text in self.scripts if attributes.get("id") == name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With directions, favourites, and credits that a stranger wrote."""
    folder = kept(made(latent=40), tmp_path_factory.mktemp("page") / "lovely run")
    directions(folder, count=100)
    add_favourite(folder, 7, "miku")
    with (folder / "CREDITS.csv").open("w", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for artist in ("ada", "ada", EVIL, ""):
            rows.writerow({"picture": "1.png", "faces": 2, "artist": artist})
    return folder


@pytest.fixture(scope="module")
def written(run: Path) -> Elements:
    page.write(Artist.load(run), run / "face.html")
    return Elements((run / "face.html").read_text())


def model(written: Elements) -> dict:
    found: dict = json.loads(written.holding("model"))
    return found


def test_it_says_what_was_checked(run: Path, tmp_path: Path) -> None:
    artist = Artist.load(run)
    assert re.fullmatch(r"16 bits, at most [012] of 255 levels from torch's", page.write(artist, tmp_path / "16.html"))
    assert "8 bits, on average" in page.write(artist, tmp_path / "8.html", bits=8)
    assert (tmp_path / "8.html").stat().st_size < (tmp_path / "16.html").stat().st_size
    told = [model(Elements((tmp_path / f"{bits}.html").read_text())) for bits in (16, 8)]
    assert told[0]["id"] == told[1]["id"]  # a link from the one opens in the other


def test_the_same_run_gives_the_same_page(run: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        page.write(Artist.load(run), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_page_that_would_draw_other_faces_is_not_written(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(page.WITHIN, 8, 0.0)
    with pytest.raises(EshiError, match="on average") as raised:
        page.write(Artist.load(run), tmp_path / "face.html", bits=8)
    assert "16 bits" in raised.value.hint
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_none_are_refused(run: Path, tmp_path: Path) -> None:
    artist = Artist.load(run)
    with torch.no_grad():
        next(iter(artist.G.parameters()))[0] = torch.nan
    with pytest.raises(EshiError, match="not finite"):
        page.write(artist, tmp_path / "face.html")


def test_it_fetches_nothing_and_runs_nothing_but_its_own(written: Elements) -> None:
    policy = next(its["content"] for tag, its in written.tags if its.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(
        r"unsafe-inline|unsafe-eval'? |https?:|\*|connect-src", policy.replace("'wasm-unsafe-eval'", "")
    )
    code = [text for its, text in written.scripts if not its.get("type")]
    assert len(code) == 2
    assert all(page.hashed(text) in policy for text in code)
    for tag, its in written.tags:
        assert not any(name.startswith("on") or name == "style" for name in its), (tag, its)
        for name in ("src", "href", "action", "srcset"):
            assert str(its.get(name) or "#").startswith(("#", "data:image/svg+xml,")), (tag, its)
    for text in code:
        assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|\beval\(|new Function", text)


def test_what_strangers_wrote_stays_words(run: Path, tmp_path: Path) -> None:
    artist = Artist.load(run)
    artist.recipe.about = EVIL
    page.write(artist, tmp_path / "face.html", title=EVIL)
    found = Elements((tmp_path / "face.html").read_text())
    assert [tag for tag, _ in found.tags].count("script") == 5
    assert not [its for tag, its in found.tags if tag == "img"]
    credits = model(found)["credits"]
    assert (credits["pictures"], credits["faces"]) == (4, 8)
    assert sorted(map(tuple, credits["artists"])) == sorted([("ada", 2), (EVIL, 1), ("", 1)])
    assert "evil()" in model(found)["about"]
    assert len(gzip.decompress(base64.b64decode(found.holding("weights"))))


def test_a_favourite_that_is_no_name_is_refused(run: Path, tmp_path: Path) -> None:
    home = kept(Artist.load(run), tmp_path / "stranger")
    (home / "favourites.json").write_text(json.dumps({EVIL: 7}))
    with pytest.raises(EshiError, match="cannot be a name"):
        page.write(Artist.load(home), tmp_path / "face.html")
    assert not (tmp_path / "face.html").exists()


def test_what_is_known_of_the_run_comes_along(run: Path, written: Elements) -> None:
    who, told = Artist.load(run), model(written)
    assert [one["name"] for one in told["favourites"]] == ["miku"]
    np.testing.assert_allclose(told["favourites"][0]["z"], who.latent(7).numpy(), rtol=1e-5)
    names = [one["name"] for one in told["directions"]]
    assert {"hair", "light", "factor1"} <= set(names)
    assert all(abs(np.linalg.norm(one["vector"]) - 1) < 1e-3 for one in told["directions"])
    assert set(told["colours"]) == {"hair", "eyes"}
    assert told["file"] == "lovely-run"
    assert "generator:" in told["recipe"]


def test_the_file_holds_the_weights_in_the_order_in_which_they_are_multiplied(run: Path, written: Elements) -> None:
    """Taken apart by hand, for one output pixel of the first step: latent times matrix plus bias."""
    told = model(written)["plan"]
    file = gzip.decompress(base64.b64decode(written.holding("weights")))
    floats = np.frombuffer(file[: 4 * told["floats"]], "<f4")
    low, high = np.frombuffer(file[4 * told["floats"] :], np.uint8).reshape(2, told["weights"])
    whole = high.astype(np.int8).astype(np.int32) * 256 + low.astype(np.int32)
    first, blocks = told["steps"][0], -(-told["steps"][0]["outputs"] // 8)
    count = blocks * told["latent"] * 8
    scale, bias = floats[: 8 * blocks], floats[8 * blocks : 16 * blocks]
    matrix = whole[:count].reshape(blocks, told["latent"], 8).transpose(1, 0, 2).reshape(told["latent"], -1) * scale
    artist = Artist.load(run)
    z = artist.latents([3])
    with torch.no_grad():
        wanted = artist.G.layers[0](z)[0, :, 0, 0].numpy()  # type: ignore[attr-defined]
    outputs = np.maximum(z.numpy()[0] @ matrix + bias, 0)[: first["outputs"]]
    np.testing.assert_allclose(outputs, wanted, atol=2e-3)


def test_the_directions_of_the_generator_that_comes_along_come_along(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # nothing was made of it here
    page.write(Artist.of("painted"), tmp_path / "face.html")
    told = model(Elements((tmp_path / "face.html").read_text()))
    assert {"hair", "smile", "factor1"} <= {one["name"] for one in told["directions"]}
    assert set(told["colours"]) == {"hair", "eyes"}
    assert {"hair", "eyes", "glasses", "style", "mouth"} == {one["attribute"] for one in told["words"]}


def test_typical_can_be_asked_for_where_a_direction_says_much_of_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    who = Artist.of("painted")
    found = saved(who)
    for r, words in ((0.4, set()), (0.6, {"typical=rather", "typical=very"})):
        found.correlations[found.names.index("typical")] = r
        save(found, Path("runs/painted/directions.npz"))
        page.write(who, tmp_path / "face.html")
        told = model(Elements((tmp_path / "face.html").read_text()))
        asked = {f"{one['attribute']}={one['value']}": one["vector"] for one in told["words"]}
        assert {word for word in asked if word.startswith("typical")} == words
    np.testing.assert_allclose(asked["typical=very"], 3 * found.vector("typical"), atol=1e-3)


def test_what_can_be_asked_for_comes_along(tmp_path: Path) -> None:
    artist = made(values="hair=pink,hair=odd,glasses=yes")
    page.write(artist, tmp_path / "face.html")
    words = model(Elements((tmp_path / "face.html").read_text()))["words"]
    assert [one["attribute"] + "=" + one["value"] for one in words] == ["hair=pink", "hair=odd", "glasses=yes"]
    assert [one["colour"] for one in words] == ["#ee8fb4", None, None]
    np.testing.assert_allclose(words[1]["vector"], artist.toward({"hair": "odd"}).numpy(), rtol=1e-5)


def test_a_run_without_any_of_it_has_a_page_too(tmp_path: Path) -> None:
    artist = made(prior="uniform")
    page.write(artist, tmp_path / "face.html")
    told = model(Elements((tmp_path / "face.html").read_text()))
    assert told["prior"]["name"] == "uniform"
    assert told["directions"] == told["favourites"] == told["facts"]["scores"] == told["words"] == []
    assert told["credits"] is None


def test_scores_and_credits_come_along_from_a_single_file(run: Path, tmp_path: Path) -> None:
    """A .safetensors brings both as text; a score says what it was measured against."""
    artist = Artist.load(run)
    artist.home = None
    judged = {"ranked_by": "fd_lite0", "fd_lite0": 17.83, "fd_lite0_noise": 0.1, "against": "faces (held out)"}
    artist.shared = {"scores": judged, "credits": f"# Credits\n{EVIL}"}
    page.write(artist, tmp_path / "face.html")
    told = model(Elements((tmp_path / "face.html").read_text()))
    assert told["facts"]["scores"] == ["fd_lite0 17.8 ± 0.1", "against faces (held out)"]
    assert told["credits"] == {"text": f"# Credits\n{EVIL}"}


def test_all_that_is_said_is_said_in_each_language() -> None:
    words = page.text("words.js")
    blocks = re.findall(r"^  (\w\w): \{\n(.*?)^  \},", words, re.MULTILINE | re.DOTALL)
    keys = {tongue: re.findall(r"(?:^|[ ,{])(\w+): '", block) for tongue, block in blocks}
    assert set(keys) == {"en", "ja", "zh"}
    assert set(keys["en"]) == set(keys["ja"]) == set(keys["zh"])
    assert all(len(set(its)) == len(its) for its in keys.values())  # the second of a name would speak for the first
    facts = {
        tongue: {
            key: set(re.findall(r"\{\d\}", text)) for key, text in re.findall(r"(\w+): '((?:[^'\\]|\\.)*)'", block)
        }
        for tongue, block in blocks
    }
    assert facts["en"] == facts["ja"] == facts["zh"]
    said = set(re.findall(r'data-(?:say|label)="(\w+)"', page.text("page.html")))
    for name in page.SCRIPTS:
        said |= set(re.findall(r"\bsay\('(\w+)'", page.text(f"{name}.js")))
    assert said <= set(keys["en"])
    told = {*COLOURS, *MEASURES, "typical", "rather", "very", "language", "recording"}
    told |= {"yes", "no", "other"} | {word for pair in attributes().meaning.values() for word in pair}
    assert set(keys["en"]) - said <= told  # by names that come from elsewhere
