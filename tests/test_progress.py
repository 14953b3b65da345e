"""The bar tells how it goes now and how long it will take."""

import itertools
import threading

import pytest

from eshi.ground import progress
from eshi.ground.figures import clock
from eshi.ground.progress import WINDOW, Progress, Told, heard_by, note


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


@pytest.fixture
def judged() -> Progress:
    """A training as it stands beside its bar: everything that is told, at once."""
    bar = Progress("training runs/dcgan-64-my-own-faces", 2_500_000, "images", 1_250_000)
    bar.advance(128, epoch="3.20", D="1.21", G="2.34", step="10,001", **{"D(real)": "0.71", "D(fake)": "0.32"})
    bar.keep(fd_lite0="47.9", **{"": "learning"})
    return bar


@pytest.mark.parametrize("width", [240, 120, 80, 60])
def test_a_narrow_line_keeps_the_count_the_score_and_the_state(judged: Progress, width: int) -> None:
    name, bar, text = judged.fitted(width)
    assert len(name) + 1 + bar + 1 + len(text) <= width
    assert text.startswith("1,250,128/2,500,000 images")
    if width >= 80:
        assert "fd_lite0 47.9  learning" in text
        assert "my-own-faces" in name
    if width == 240:
        assert text.endswith("D(fake) 0.32")
        assert (name, bar) == (judged.what, progress.BAR)


def test_who_listens_hears_all_and_the_terminal_nothing(capsys: pytest.CaptureFixture) -> None:
    heard: list[Told | str] = []
    with heard_by(heard.append), Progress("packing", 10, "images") as bar:
        note("two are broken")
        bar.spoken -= 1
        bar.advance(4, broken=2)
        bar.advance(4)  # too soon after
        bar.advance(2)
    note("shown")
    assert heard[0] == "two are broken"
    first, last = heard[1:]
    assert isinstance(first, Told)
    assert isinstance(last, Told)
    assert (first.what, first.done, first.total, first.facts, first.over) == ("packing", 4, 10, {"broken": 2}, False)
    assert (last.done, last.over) == (10, True)
    assert capsys.readouterr() == ("", "shown\n")


def test_a_thread_of_its_own_is_heard_on_its_own() -> None:
    heard: dict[str, list[Told | str]] = {"a": [], "b": []}

    def work(name: str) -> None:
        with heard_by(heard[name].append), Progress(name, 1) as bar:
            bar.advance()

    threads = [threading.Thread(target=work, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: [one.what for one in told if isinstance(one, Told)] for name, told in heard.items()} == {
        "a": ["a"],
        "b": ["b"],
    }
