"""What a person may throw at it comes out as upright RGB; what is no picture is refused with its reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eshi.ground.image import Unreadable, animate, decode, fit, pixels, sheet, unit

RED = np.zeros((20, 30, 3), np.uint8) + np.array([200, 30, 40], np.uint8)


def stored(picture: Image.Image, kind: str, **options: object) -> io.BytesIO:
    memory = io.BytesIO()
    picture.save(memory, kind, **options)
    memory.seek(0)
    return memory


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif", "bmp", "tiff"])
def test_kinds_of_files(kind: str) -> None:
    out = decode(stored(Image.fromarray(RED), kind))
    assert out.shape == (20, 30, 3)
    assert np.abs(out.astype(int) - RED).max() < 12


def test_modes() -> None:
    rgb = Image.fromarray(RED)
    assert np.abs(decode(stored(rgb.convert("CMYK"), "jpeg", quality=95)).astype(int) - RED).max() < 12
    assert np.abs(decode(stored(rgb.quantize(4), "png")).astype(int) - RED).max() < 12
    grey = decode(stored(rgb.convert("L"), "png"))
    assert (grey[..., 0] == grey[..., 2]).all()


def test_sixteen_bit_grey_keeps_its_range() -> None:
    ramp = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    out = decode(stored(Image.fromarray(ramp), "png"))[..., 0]
    assert np.abs(out.astype(float) - ramp / 257).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_lies_on_white(mode: str) -> None:
    clear = Image.new(mode, (12, 12), 0)
    assert (decode(stored(clear, "png")) == 255).all()


def test_palette_transparency_lies_on_white() -> None:
    picture = Image.new("P", (12, 12), 0)
    picture.putpalette([10, 20, 30] * 256)
    assert (decode(stored(picture, "png", transparency=0)) == 255).all()


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    upright = decode(stored(Image.fromarray(RED), "jpeg", exif=exif))
    assert upright.shape == (30, 20, 3)


def test_only_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = np.stack([RED, 255 - RED])
    out = decode(animate(frames, tmp_path / "two.gif"))
    assert np.abs(out.astype(int) - RED).max() < 12


def test_the_content_counts_not_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(stored(Image.fromarray(RED), "jpeg").getvalue())
    assert decode(tmp_path / "a.png").shape == (20, 30, 3)


def bomb(side: int) -> io.BytesIO:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))


def half_a_jpeg() -> io.BytesIO:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8))
    return io.BytesIO(stored(noise, "jpeg").getvalue()[:2000])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (io.BytesIO(b"this is a text file"), "not a picture"),
        (io.BytesIO(b""), "not a picture"),
        (stored(Image.new("RGB", (1, 1)), "png"), "1 x 1 px is too small"),
        (half_a_jpeg(), "broken"),
        (bomb(30_000), "too large"),
        (bomb(11_500), "too large"),
    ],
)
def test_what_is_no_picture_says_why(content: io.BytesIO, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content, (64, 64))


def test_fit_takes_the_centre_and_does_not_stretch() -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = 255  # the centred square
    assert (fit(Image.fromarray(wide), (20, 20))[:, 2:-2] > 250).all()


def test_fit_takes_a_whole_side_however_it_rounds() -> None:
    plain = np.full((1000, 1000, 3), 200, np.uint8)
    assert (fit(Image.fromarray(plain), (660, 660)) == 200).all()  # 660 * (1000 / 660) is more than 1000


def test_fit_averages_what_it_shrinks() -> None:
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert np.abs(fit(Image.fromarray(board), (16, 16)).astype(int) - 127).max() <= 3  # aliasing would show 0 or 255


def test_unit_and_back_is_exact() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert (pixels(unit(every)) == every).all()
    assert unit(every)[0] == -1
    assert unit(every)[-1] == 1


def test_sheet_holds_every_image_once() -> None:
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] + np.zeros((5, 4, 4, 3), np.uint8)
    out = sheet(images, gap=1)
    assert out.shape == (2 * 5 + 1, 3 * 5 + 1, 3)
    assert [(out[..., 0] == i).sum() for i in range(5)] == [16] * 5
