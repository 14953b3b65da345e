"""The bar tells how it goes now and how long it will take."""

import itertools

import pytest

from eshi.ground import progress
from eshi.ground.figures import clock
from eshi.ground.progress import WINDOW, Progress


def test_the_rate_is_that_of_now_not_of_a_slow_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "quiet", True)
    bar = Progress("training", 10_000, done=500)
    for speed, seconds in ((1, 200), (100, WINDOW + 5)):
        for _ in range(int(seconds)):
            now[0] += 1
            bar.advance(speed)
    assert bar.rate == pytest.approx(100, rel=0.05)
    assert f"ETA {clock((10_000 - bar.done) / bar.rate)}" in bar.text()


def test_a_step_longer_than_the_window_has_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count(step=10 * WINDOW)
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(progress, "quiet", True)
    bar = Progress("packing", 100)
    bar.advance(5)
    bar.advance(5)
    assert 0 < bar.rate < 1
