"""Sheets: what is shown of pictures stays what it is, and the words stand beside it."""

import numpy as np
import pytest

from eshi.ground import image, sheet
from eshi.ground.errors import EshiError
from eshi.ground.sheet import GAP, Style

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 20, 24, 3), np.uint8)


def ink(pixels: np.ndarray) -> int:
    """Pixels as dark as the words."""
    return int((pixels.max(-1) < 100).sum())


def test_crisp_is_each_pixel_as_a_square() -> None:
    large = Style(3).enlarged(RANDOM)
    assert large.shape == (6, 60, 72, 3)
    for row, column in ((0, 0), (1, 2), (2, 1)):
        np.testing.assert_array_equal(large[:, row::3, column::3], RANDOM)


def test_smooth_has_the_same_size_and_colour_and_no_squares() -> None:
    smooth = Style(4, smooth=True).enlarged(RANDOM)
    assert smooth.shape == Style(4).enlarged(RANDOM).shape
    assert abs(smooth.mean() - RANDOM.mean()) < 2
    assert (smooth[:, :, 1:] == smooth[:, :, :-1]).mean() < 0.2  # of squares it would be three quarters
    np.testing.assert_array_equal(Style(4, smooth=True).enlarged(RANDOM[0]), smooth[0])


@pytest.mark.parametrize("scale", [0, -1, 65])
def test_a_scale_that_is_none_is_refused(scale: int) -> None:
    with pytest.raises(EshiError, match="cannot enlarge"):
        Style(scale).enlarged(RANDOM)


def test_what_would_be_too_large_names_what_would_not() -> None:
    many = np.broadcast_to(np.zeros(1, np.uint8), (2000, 64, 64, 3))
    with pytest.raises(EshiError, match="million pixels") as raised:
        Style(64).enlarged(many)
    assert raised.value.hint == "--scale 5 is possible"


def test_pictures_with_words_are_the_same_pictures() -> None:
    for scale in (1, 2):
        shown = sheet.sheet(RANDOM, list("abcdef"), 3, Style(scale))
        large = Style(scale).enlarged(RANDOM)
        height, width = large.shape[1:3]
        below = shown.shape[0] // 2 - height
        assert below > 10  # room for a line
        for i, one in enumerate(large):
            top, left = GAP + i // 3 * (shown.shape[0] - GAP) // 2, GAP + i % 3 * (width + GAP)
            np.testing.assert_array_equal(shown[top : top + height, left : left + width], one)
            assert ink(shown[top + height : top + height + below - GAP, left : left + width])


def test_a_long_word_widens_its_picture_and_an_endless_one_is_cut() -> None:
    plain, named = sheet.sheet(RANDOM), sheet.sheet(RANDOM, ["1234567890123"] * 6)
    assert named.shape[1] > 2 * plain.shape[1]
    assert sheet.sheet(RANDOM, ["1" * 1000] * 6).shape[1] < 10 * plain.shape[1]
    assert sheet.readable("a" * 1000).endswith("aaa")


def test_bare_is_without_words() -> None:
    words = list("abcdef")
    np.testing.assert_array_equal(sheet.sheet(RANDOM, words, style=Style(bare=True)), image.sheet(RANDOM))
    rows = [RANDOM[:3], RANDOM[3:]]
    bare = sheet.table(rows, ["one", "two"], ["a", "b", "c"], Style(bare=True))
    np.testing.assert_array_equal(bare, image.sheet(RANDOM, 3))


def test_a_table_has_words_beside_its_rows_and_above_its_columns() -> None:
    white = [np.full((4, 40, 40, 3), 255, np.uint8)] * 2
    table = sheet.table(white, ["one", "two\nlines"], ["-1", "0", "+1", "+2"])
    left, top = table.shape[1] - 4 * 42 - GAP, table.shape[0] - 2 * 42 - GAP
    assert ink(table[top : top + 42, :left])
    assert ink(table[top + 42 :, :left])
    assert all(ink(table[:top, left + 42 * i : left + 42 * (i + 1)]) for i in range(4))
    assert not ink(table[top:, left:])
    narrow = [np.full((9, 16, 16, 3), 255, np.uint8)]
    words = ["+1.25", "", ""] * 3  # those that do not fit are left out, not written over one another
    np.testing.assert_array_equal(sheet.table(narrow, [""], ["+1.25"] * 9), sheet.table(narrow, [""], words))


def test_rows_of_different_lengths_are_filled_with_white() -> None:
    table = sheet.table([RANDOM[:3], RANDOM[3:4]], ["", ""])
    assert (table[-20 - GAP :, 24 + 2 * GAP :] == 255).all()


def test_letters_that_the_font_lacks_are_said_to_be_missing() -> None:
    assert sheet.readable("miku 初音 +1.5") == "miku ?? +1.5"


def test_a_format_that_cannot_hold_it_is_named(tmp_path) -> None:
    with pytest.raises(EshiError, match="cannot write 20000 x 8 px as webp"):
        image.save(np.zeros((8, 20000, 3), np.uint8), tmp_path / "wide.webp")
    assert not list(tmp_path.iterdir())
