"""The page of a run: true to the log, whole whatever the log holds, self-contained, and cheap to write again."""

import base64
import csv
import hashlib
import html
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hostile import EVIL, HARMLESS, skeleton

from eshi import recipe
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.pages import run_report
from eshi.pages.lapse import FRAMES, chosen, sheets
from eshi.pages.page import shrunk

START = {
    "step": 0, "images": 0, "event": "started", "machine": "cpu, 2 threads", "eshi": "0.1.0", "torch": "2.13.0",
    "faces": "my-faces", "train": 7600, "held_out": 400, "length": 60_000,
}  # fmt: skip


def judged(images: int, score: float, state: str = "learning", **more: Any) -> dict[str, Any]:
    row = {"step": images // 16, "images": images, "ranked_by": "fd_lite0", "fd_lite0": score, "fd_lite0_noise": 0.8}
    row |= {"state": state, "why": "so it is", "against": "400 held-out faces", "precision": 0.5, "separation": 0.7}
    return row | more


def trained(images: int, **more: Any) -> dict[str, Any]:
    row = {"step": images // 16, "images": images, "seconds": images / 200, "images/s": 200.0, "epoch": 1.5}
    return row | {"loss_d": 1.0, "loss_g": 1.5, "D(real)": 0.7, "D(fake)": 0.3} | more


def make(folder: Path, rows: list[dict[str, Any]], sheets: tuple[int, ...] = (), size: int = 40) -> Path:
    (folder / "samples").mkdir(parents=True)
    told = recipe.load("dcgan-64", ["every.log=1000", "judge.every=4000"])
    (folder / "recipe.yaml").write_text(told.yaml())
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    rng = np.random.default_rng(0)
    for images in sheets:
        image.save(rng.integers(0, 256, (size, size, 3), np.uint8), folder / "samples" / f"{images:09}.png")
    return folder


@pytest.fixture
def died(tmp_path: Path) -> Path:
    """Best at 12k, ended by the guard at 24k."""
    scores = {4_000: 90.0, 8_000: 60.0, 12_000: 41.2, 16_000: 70.0, 20_000: 110.0, 24_000: 200.0}
    rows = [START]
    for images, score in scores.items():
        rows += [trained(images), judged(images, score, "learning" if images <= 12_000 else "D winning")]
    end = {"images": 24_000, "event": "stopped", "why": "D wins <now>", "evidence": "0.998 & more", "try": "r1=5"}
    return make(tmp_path / "died", [*rows, end], (0, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000))


def words(page: str) -> str:
    """What a reader sees, without markup."""
    body = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_a_run_that_died_says_when_why_and_what_to_do(died: Path) -> None:
    said = words(run_report(died).read_text())
    for sentence in (
        "The guard stopped it at 24k of 60k images: D winning.",
        "fd_lite0 against 400 held-out faces at 12k images, the best step",
        "at 24k images: worse than the best. 12k images after it until it died.",
        "D wins &lt;now&gt;", "0.998 &amp; more", "r1=5", "best: 41.2 ± 0.8", "Best: 12k images", "Last: 24k images",
        "cpu, 2 threads", "my-faces: 7.6k to learn from, 400 held out", "had no catalogue",
    ):  # fmt: skip
        assert sentence in said


def test_no_difference_within_the_noise_is_claimed(tmp_path: Path) -> None:
    page = run_report(make(tmp_path / "run", [START, judged(4_000, 41.2), judged(8_000, 42.0)])).read_text()
    assert "no worse than the best, given the noise" in words(page)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [START],
        [trained(4_000)],
        [{"images": 0}, {"event": "share", "judge_share": 0.03}, {"event": "unknown"}],
        [judged(0, 50.0)],
        [judged(4_000, math.nan), trained(4_000, loss_d=math.nan), trained(5_000, loss_d=math.inf, loss_g=-math.inf)],
        [judged(4_000, 50.0, fd_lite0_noise=None, state=None, why=None), trained(5_000, loss_d=1e300)],
        [trained(1_000, loss_d=0.0, loss_g=0.0), trained(2_000, loss_d=-3.0), trained(500)],
        [{"step": 1, "images": None, "ranked_by": ["?"]}, trained(9_000, seconds=0, epoch=None) | {"images/s": "fast"}],
        [judged(4_000, 50.0, ["learning"]), judged(8_000, 60.0, {"state": 1}), START | {"images": 9_000}],
        [judged(4_000, 50.0, why="half a \ud800 character", fd_lite0_noise=1e-300), judged(8_000, 1e-320)],
        [judged(-4_000, 50.0), judged(4_000, 1e-310), judged(8_000, 1e14, precision=-1e14)],
        [trained(4_000, seconds=1e-300, **{"images/s": 1e-300}), trained(-1), START | {"length": 1e14}],
        [
            START | {"faces": 7, "machine": {"a": 1}, "length": [1]},
            {"event": ["started"]},
            {"event": {}, "images": True},
        ],
    ],
)
def test_a_page_comes_of_any_log(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    folder = make(tmp_path / "run", [*rows])
    with (folder / "log.jsonl").open("a") as log:
        log.write("[" * 5_000 + '\n{"images": ' + "9" * 5_000 + '}\n"word"\n[1]\n{"images": 1e999}\n{"cut off')
    page = run_report(folder).read_text()
    assert page.endswith("</html>\n")
    assert "<h1>run</h1>" in page
    assert not re.search(r"\b(nan|inf)\b|\d{30}", re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL).lower())
    assert [file.name for file in folder.glob("*.part")] == []


def test_what_is_no_run_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(EshiError, match=r"no recipe\.yaml"):
        run_report(tmp_path)


def test_the_page_needs_nothing_but_itself(died: Path) -> None:
    page = run_report(died).read_text()
    assert not re.findall(r"""(?:src|href)=(?!"data:|"#)""", page)
    assert "url(" not in page
    assert "://" not in page
    assert "prefers-color-scheme: dark" in page


def test_words_never_become_markup(tmp_path: Path) -> None:
    def page(word: str) -> str:
        folder = make(tmp_path / word.replace("/", "|"), [], (0, 4_000))
        keys = (
            "why",
            "evidence",
            "try",
            "state",
            "against",
            "faces",
            "machine",
            "eshi",
            "torch",
            "content",
            "ranked_by",
        )
        texts = dict.fromkeys(keys, word)
        rows = [
            START | texts, trained(1_000) | {word: 1.0}, trained(2_000),
            judged(4_000, 50.0) | texts | {word: 50.0}, judged(8_000, 60.0) | texts | {word: 60.0, f"{word}_noise": 1},
            {"images": 9_000, "event": "warned"} | texts, {"images": 10_000, "event": "stopped"} | texts,
        ]  # fmt: skip
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / "recipe.yaml").write_text(yaml.safe_dump({"name": [word], "about": word, "size": {"of": word}}))
        with (folder / "CREDITS.csv").open("w") as table:
            csv.writer(table).writerows([("picture", "faces", "artist", "site"), (word, 2, word, word)])
        image.save(np.zeros((20, 40, 3), np.uint8), folder / "neighbours.png")
        (folder / "neighbours.json").write_text(json.dumps({"text": word, "nearest": word, "images": word}))
        return run_report(folder).read_text()

    evil = page(EVIL)
    assert skeleton(evil) == skeleton(page(HARMLESS))
    assert evil.count("alert(1)") > 20  # it is told, as words


def test_no_script_but_the_pages_own_may_run(died: Path) -> None:
    page = run_report(died).read_text()
    (script,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search('http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert set(html.unescape(policy[1]).split("; ")) == {
        "default-src 'none'", "img-src data:", "style-src 'unsafe-inline'", f"script-src 'sha256-{allowed}'",
        "base-uri 'none'",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("neighbours.json", "[" * 100_000), ("neighbours.json", "[]"), ("neighbours.json", '{"text": 3, "of": 0}'),
        ("neighbours.png", "no picture"), ("samples/²000.png", ""), ("samples/" + "9" * 200 + ".png", ""),
        ("CREDITS.csv", "picture,faces\na,²\nb," + "9" * 5_000 + "\n"), ("CREDITS.csv", "a,b\n" + "x" * 200_000),
        ("CREDITS.csv", 'faces\n"1'), ("CREDITS.csv", ""), ("recipe.yaml", "name: {}\nabout: [1]\nimages: null"),
        ("recipe.yaml", "- 1\n- 2"), ("recipe.yaml", "&a [*a]"), ("recipe.yaml", ""), ("recipe.yaml", "\0\1"),
    ],
)  # fmt: skip
def test_no_file_of_a_run_breaks_its_page(died: Path, name: str, content: str) -> None:
    (died / name).write_text(content)
    page = run_report(died).read_text()
    assert "best: 41.2 ± 0.8" in words(page)
    assert len(page) < 400_000


def test_what_no_page_can_be_made_of_is_one_error(died: Path) -> None:
    (died / "recipe.yaml").write_text("a: [" * 3_000)  # nested deeper than Python recurses
    try:
        said = words(run_report(died).read_text())
    except EshiError as error:
        said = f"{error} {error.hint}"
    assert "died" in said


@pytest.mark.parametrize(
    "name", ["log.jsonl", "neighbours.json", "neighbours.png", "CREDITS.csv", "samples/000030000.png"]
)
@pytest.mark.parametrize(
    "make_odd", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)], ids=["pipe", "folder", "loop"]
)
def test_what_is_no_file_does_not_hold_a_page_up(died: Path, name: str, make_odd: Callable[[Path], None]) -> None:
    (died / name).unlink(missing_ok=True)
    make_odd(died / name)
    assert "<h1>died</h1>" in run_report(died).read_text()


def test_one_value_is_told_in_words_not_drawn(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", [START, trained(4_000), judged(4_000, 50.0, precision=0.0, recall=0.0)], (0,))
    page = run_report(folder).read_text()
    assert 'class="card chart"' not in page
    assert 'class="card film"' not in page  # a lone sheet is no film
    said = words(page)
    for sentence in (
        "the only step judged so far", "One value of each so far: a curve needs two.",
        "The recipe asks for a line of figures every 1k images, and a judgement every 4k.",
        "50.0 ± 0.8", "precision 0 recall 0", "D 1 G 1.5", "One sheet so far", "Before it has learned anything",
    ):  # fmt: skip
        assert sentence in said
    more = run_report(make(tmp_path / "more", [START, trained(4_000), trained(8_000), judged(8_000, 50.0)])).read_text()
    assert re.findall('class="card chart" data-end="8000"><h2>(.*?)<span', more) == [
        "D&#x27;s opinion",
        "Losses",
        "Speed",
    ]
    assert "First figures" in words(more)


def test_nothing_yet_says_what_will_come(tmp_path: Path) -> None:
    said = words(run_report(make(tmp_path / "run", [START])).read_text())
    assert "No figures yet. The recipe asks for a line of figures every 1k images, and a judgement every 4k." in said
    unjudged = make(tmp_path / "unjudged", [START, trained(4_000)])
    (unjudged / "recipe.yaml").write_text(recipe.load("demo", ["judge.every=0"]).yaml())
    said = words(run_report(unjudged).read_text())
    assert "No step has a score yet, so none is the best. The recipe asks for no judgements (judge.every is 0)." in said


def test_precision_near_zero_is_explained_until_it_is_not(tmp_path: Path) -> None:
    why = "Near 0 early in training is normal"
    rows = [judged(4_000, 90.0, precision=0.0, recall=0.0), judged(8_000, 60.0, precision=0.01, recall=0.0)]
    assert why in words(run_report(make(tmp_path / "early", rows)).read_text())
    rows.append(judged(12_000, 40.0, precision=0.4, recall=0.2))
    assert why not in words(run_report(make(tmp_path / "later", rows)).read_text())
    bare = [
        {key: value for key, value in row.items() if key != "precision"} for row in (judged(1, 2.0), judged(2, 1.0))
    ]
    assert why not in words(run_report(make(tmp_path / "unknown", bare)).read_text())


def test_without_javascript_the_last_sheet_shows(died: Path) -> None:
    page = run_report(died).read_text()
    frames = re.findall(r'<figure data-images="(\d+)"( class="off")?>', page)
    assert [int(images) for images, _ in frames] == [0, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000]
    assert [bool(off) for _, off in frames] == [True] * 6 + [False]
    assert f'max="{len(frames) - 1}" value="{len(frames) - 1}"' in page


@pytest.mark.parametrize("count", [1, 2, 38, 39, 40, 41, 80, 333, 2_000])
def test_a_film_has_its_first_its_best_and_its_last_frame(count: int) -> None:
    frames = [(i * 4_000, Path(f"{i}.png")) for i in range(count)]
    best = frames[count // 3]
    shown = chosen(frames, {"images": best[0] + 100})
    assert shown == sorted(set(shown))
    assert {frames[0], best, frames[-1]} <= set(shown)
    assert min(count, FRAMES // 2) <= len(shown) <= FRAMES
    more = [*frames, (count * 4_000, Path("new.png"))]
    new = set(chosen(more, {"images": best[0]})) - set(shown)
    assert new <= {more[-1]}  # one sheet more is one picture to encode


def test_a_page_written_again_encodes_no_sheet_anew(died: Path) -> None:
    run_report(died)
    before = shrunk.cache_info().misses
    run_report(died)
    assert shrunk.cache_info().misses == before
    image.save(np.zeros((40, 40, 3), np.uint8), died / "samples" / "000024000.png")
    run_report(died)
    assert shrunk.cache_info().misses == before + 1


def test_a_long_run_has_a_small_page(tmp_path: Path) -> None:
    rows = [
        START,
        *(trained(2_000 * i) for i in range(1, 3_000)),
        *(judged(6_000_000 + i, 50.0 + i) for i in range(600)),
    ]
    folder = make(tmp_path / "run", rows, (0, 1_000), size=500)  # noise is the worst that can be inlined
    for i in range(2, FRAMES // 2 + 2):
        (folder / "samples" / f"{i * 1_000:09}.png").symlink_to(folder / "samples" / f"{i % 2 * 1_000:09}.png")
    page = run_report(folder).read_text()
    sizes = [len(data) for data in re.findall(r'"data:image/webp;base64,([^"]*)"', page)]
    assert len(sizes) >= FRAMES // 2
    assert max(sizes) * (FRAMES + 3) < 5_000_000
    assert len(page) - sum(sizes) < 400_000


@pytest.mark.parametrize("scores", [[190.0, 150.0, 139.0, 148.0], [900.0, 41.0, 90.0], [50.0, 49.9, 50.0]])
def test_there_is_room_under_the_best_for_its_words(tmp_path: Path, scores: list[float]) -> None:
    rows = [judged(4_000 * (i + 1), score) for i, score in enumerate(scores)]
    page = run_report(make(tmp_path / "run", rows)).read_text()
    (place,) = re.findall(r'class="dot" style="left:[\d.]+%;bottom:([\d.]+)%"', page)
    assert float(place) >= 15


def test_credits_are_told_by_artist(died: Path) -> None:
    lines = ["picture,faces,artist,site,rating,post_url,file_url"]
    lines += [f"{i}.jpg,2,{'絵師' if i < 3 else ''},konachan,s,," for i in range(5)]
    (died / "CREDITS.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = words(run_report(died).read_text(encoding="utf-8"))
    assert "10 faces from 5 pictures of konachan by 1 known artist." in said
    assert "絵師 3" in said


def test_neighbours_are_shown_or_said_to_be_missing(died: Path) -> None:
    (died / "last.pt").write_bytes(b"")
    assert "eshi judge" in words(run_report(died).read_text())
    image.save(np.zeros((20, 40, 3), np.uint8), died / "neighbours.png")
    (died / "neighbours.json").write_text(json.dumps({"images": 12_000, "text": "None is a copy."}))
    page = run_report(died).read_text()
    assert "None is a copy." in words(page)
    assert "After 12k images, the drawings that come nearest" in page


def test_what_happened_is_told_where_more_happened_than_a_start(tmp_path: Path) -> None:
    back = {"images": 8_000, "event": "rolled back", "why": "D was winning"}
    folder = make(tmp_path / "run", [START, trained(8_000), back, trained(12_000)])
    said = words(run_report(folder).read_text())
    assert "8k images: rolled back. D was winning." in said
    assert "What happened" not in words(run_report(make(tmp_path / "calm", [START, trained(8_000)])).read_text())


def test_stops_are_told_and_so_is_going_on(tmp_path: Path) -> None:
    paused = {"step": 500, "images": 8_000, "event": "paused"}
    folder = make(tmp_path / "run", [START, trained(8_000), paused])
    assert "What happened 0 images: started. For 60k images. 8k images: paused." in words(
        run_report(folder).read_text()
    )
    again = START | {"images": 8_000}
    folder = make(tmp_path / "again", [START, trained(8_000), paused, again, again | {"length": 90_000}])
    said = words(run_report(folder).read_text())
    assert "8k images: paused. 8k images: went on. 8k images: went on. For 90k images." in said
    often = make(tmp_path / "often", [START, *[paused, again] * 500])
    page = run_report(often).read_text()
    assert "961 earlier events stand in log.jsonl." in words(page)
    assert page.count("<li>") == 41


def test_sheets_are_in_order_of_images_however_many_digits(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", [START], (0, 999_999_999, 1_000_000_000, 20_000_000_000))
    (folder / "samples" / "5000.png").write_bytes((folder / "samples" / "000000000.png").read_bytes())
    assert [images for images, _ in sheets(folder)] == [0, 5_000, 999_999_999, 1_000_000_000, 20_000_000_000]
    assert "Last: 20B images" in words(run_report(folder).read_text())


@pytest.mark.parametrize(
    "facts", [{}, {"nearest": None}, {"nearest": 57152679.83, "text": "57152679.83 times their distance"}]
)
def test_without_unseen_faces_no_ratio_is_made_up(died: Path, facts: dict[str, Any]) -> None:
    (died / "neighbours.json").write_text(json.dumps({"images": 12_000} | facts))
    said = words(run_report(died).read_text())
    assert "Whether it copies cannot be said in figures" in said
    assert "57152679" not in said
    (died / "neighbours.json").write_text(json.dumps({"images": 12_000, "nearest": None, "text": "Too few to say."}))
    assert "Too few to say." in words(run_report(died).read_text())


def test_a_second_teacher_has_its_curves(tmp_path: Path) -> None:
    second = {"second loss_d": 2.25, "second D(real)": 0.8125, "second D(fake)": 0.1875}
    page = run_report(make(tmp_path / "run", [START, *(trained(i) | second for i in (1_000, 2_000))])).read_text()
    for label in ("2nd D<b>2.25", "2nd D(real)<b>0.812", "2nd D(fake)<b>0.188"):
        assert label in page
