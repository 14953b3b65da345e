"""Work spread over processes: what one gives, and never two large pictures at once."""

import os
import time

import pytest

from eshi.gather.workers import SHARE, spread
from eshi.ground import image
from eshi.ground.errors import EshiError


def double(number: int) -> int:
    if number == 7:
        raise EshiError("seven", "try eight", 1)
    return 2 * number


def decode_for_a_while(needed: int) -> tuple[int, float, float]:
    """Which process it was, and from when to when it held the room."""
    with image.room.taken(needed):
        start = time.monotonic()
        time.sleep(0.1)
        return os.getpid(), start, time.monotonic()


def test_processes_answer_what_one_would() -> None:
    assert dict(spread(double, ((i, i) for i in range(7)), 2)) == {i: 2 * i for i in range(7)}


def test_an_error_comes_back_with_its_hint() -> None:
    with pytest.raises(EshiError, match="seven") as raised:
        list(spread(double, ((i, i) for i in range(9)), 2))
    assert (raised.value.hint, raised.value.code) == ("try eight", 1)


@pytest.mark.skipif(os.name == "nt", reason="processes do not wait for one another there")
def test_only_one_process_at_a_time_decodes_what_is_large() -> None:
    def held(needed: int) -> tuple[set[int], bool]:
        done = [result for _, result in spread(decode_for_a_while, ((i, needed) for i in range(6)), 2)]
        spans = sorted((start, end) for _, start, end in done)
        return {who for who, _, _ in done}, any(spans[i][1] > spans[i + 1][0] for i in range(5))

    small, large = held(SHARE), held(SHARE + 1)
    assert len(small[0]) == len(large[0]) == 2
    assert small[1]
    assert not large[1]
