"""The curves of a page: thinned, broken, banded, labelled, with ticks that a person would choose."""

import itertools
import re

import numpy as np
import pytest
from test_run_report import judged

from eshi.pages.chart import Chart, Scene, chart
from eshi.pages.curves import MOST, bands, bounds, curve, decades, path, steps, thin, tick_words


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
    curves = [found for key in "abcde" if (found := curve(rows, key, "red", key))]
    card = chart(Chart("title", "", curves, around=(0, 1)), Scene(10.0, [], None, []))
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


@pytest.mark.parametrize(
    "values", [[157.2, 158.1], [158.0], [1e14, 1e14 + 0.02], [0.0], [1e-320, 1e-319], [-3e-9, 2e-9]]
)
def test_no_two_ticks_say_the_same(values: list[float]) -> None:
    low, high = bounds(values)
    assert low < high
    said = tick_words(steps(low, high, 4))
    assert 2 <= len(said) <= 8
    assert len(set(said)) == len(said)


def test_ticks_by_powers_of_ten() -> None:
    assert decades(15, 450) == [20, 50, 100, 200]
    assert decades(0.5, 20_000) == [1, 10, 100, 1_000, 10_000]
