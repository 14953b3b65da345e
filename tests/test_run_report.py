"""The page of a run: true to the log, whole whatever the log holds, self-contained, and cheap to write again."""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eshi import recipe
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.pages import run_report
from eshi.pages.curves import MOST, Scene, bands, chart, curve, decades, path, steps, thin
from eshi.pages.lapse import FRAMES, chosen
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
    (folder / "recipe.yaml").write_text(recipe.load("demo").yaml())
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
    ],
)
def test_a_page_comes_of_any_log(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    folder = make(tmp_path / "run", rows)
    page = run_report(folder).read_text()
    assert page.endswith("</html>\n")
    assert "<h1>run</h1>" in page
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL).lower())
    assert [file.name for file in folder.glob("*.part")] == []


def test_what_is_no_run_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(EshiError, match=r"no recipe\.yaml"):
        run_report(tmp_path)


def test_the_page_needs_nothing_but_itself(died: Path) -> None:
    page = run_report(died).read_text()
    assert not re.findall(r"""(?:src|href)=(?!"data:|"#)""", page)
    assert "url(" not in page
    assert "http" not in page
    assert "prefers-color-scheme: dark" in page


def test_names_are_not_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    start = START | {"faces": evil, "machine": evil}
    rows = [start, trained(1_000), judged(4_000, 50.0, evil, why=evil), judged(8_000, 60.0, evil)]
    folder = make(tmp_path / "run", [*rows, {"event": "warned", "why": evil}], (0,))
    (folder / "CREDITS.csv").write_text(f"picture,faces,artist,site\na.jpg,2,{evil},{evil}\n")
    (folder / "neighbours.json").write_text(json.dumps({"text": evil}))
    assert evil not in run_report(folder).read_text()


def test_without_javascript_the_last_sheet_shows(died: Path) -> None:
    page = run_report(died).read_text()
    frames = re.findall(r"<figure data-images=(\d+)( class=off)?>", page)
    assert [int(images) for images, _ in frames] == [0, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000]
    assert [bool(off) for _, off in frames] == [True] * 6 + [False]
    assert f"max={len(frames) - 1} value={len(frames) - 1}" in page


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
    for i in range(2, 60):
        (folder / "samples" / f"{i * 1_000:09}.png").symlink_to(folder / "samples" / f"{i % 2 * 1_000:09}.png")
    page = run_report(folder).read_text()
    sizes = [len(data) for data in re.findall(r'"data:image/webp;base64,([^"]*)"', page)]
    assert len(sizes) >= FRAMES // 2
    assert max(sizes) * (FRAMES + 3) < 5_000_000
    assert len(page) - sum(sizes) < 400_000


def test_a_thinned_curve_keeps_its_extremes_and_ends() -> None:
    rng = np.random.default_rng(1)
    points: list[tuple[float, float, float] | None] = [(float(i), float(rng.normal()), 0.0) for i in range(10_000)]
    points[777], points[5_003], points[8_000] = (777.0, 50.0, 0.0), (5_003.0, -50.0, 0.0), None
    kept = thin(points)
    assert len(kept) <= MOST + 2
    assert {points[0], points[777], points[5_003], points[-1]} <= set(kept)
    there = [point for point in kept if point]
    assert there == sorted(there)
    gap = kept.index(None)
    assert kept[gap - 1][0] <= 8_000 + 60  # type: ignore[index]
    assert kept[gap + 1][0] > 8_000  # type: ignore[index]
    assert thin(points[:MOST]) == points[:MOST]


def test_a_long_curve_is_drawn_by_its_means_and_read_at_its_last() -> None:
    rows = [{"images": i, "loss": float(i % 2)} for i in range(2_001)]
    found = curve(rows, "loss", "red", "loss")
    assert found
    assert found.points[-1] == (2_000.0, 0.0, 0.0)
    assert all(p and 0.4 < p[1] < 0.6 for p in found.points[:-1])
    assert {p[1] for p in found.extremes if p} == {0.0, 1.0}


def test_a_line_breaks_where_there_is_no_number_and_where_the_run_went_back() -> None:
    assert path([(0, 0), (10, 1), None, (20, 2), (30, 3), (15, 4), (20, 5)]).count("M") == 3
    assert path([(0, 0), (10, 1), (20, 2)]).count("M") == 1


def test_a_band_reaches_from_one_judgement_to_the_next() -> None:
    rows = [judged(4, 1, "learning"), judged(8, 1, "learning"), judged(12, 1, "collapsed"), judged(10, 1, "learning")]
    assert bands(rows) == [(0, 8, "learning"), (8, 12, "collapsed")]


def test_labels_do_not_touch() -> None:
    rows = [{"images": 10, "a": 0.5, "b": 0.5, "c": 0.51, "d": 0.0, "e": 0.01}]
    card = chart("title", "", [curve(rows, key, "red", key) for key in "abcde"], Scene(10.0, [], None, []), (0, 1))
    tops = [float(top) for top in re.findall(r"top:([\d.]+)%", card)]
    assert len(tops) == 5
    assert all(b - a > 11 for a, b in itertools.pairwise(tops))
    assert 0 <= min(tops) <= max(tops) < 100


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 80_000), (0, 25e6), (-3, 7), (0.661, 0.742), (1e-7, 3e-7)])
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    ticks = steps(low, high, 5)
    assert 3 <= len(ticks) <= 8
    assert low <= min(ticks) <= max(ticks) <= high * (1 + 1e-9)
    for tick in ticks:
        assert float(f"{tick:.3g}") == pytest.approx(tick)


def test_ticks_by_powers_of_ten() -> None:
    assert decades(15, 450) == [20, 50, 100, 200]
    assert decades(0.5, 20_000) == [1, 10, 100, 1_000, 10_000]


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
    assert "8k images: rolled back D was winning" in said
    assert "What happened" not in words(run_report(make(tmp_path / "calm", [START, trained(8_000)])).read_text())
