"""What a person may throw at it comes out as upright RGB; what is no picture is refused with its reason."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eshi.ground import image
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


def test_a_picture_that_is_postscript_starts_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow hands EPS to the system's Ghostscript, whatever the file is called."""
    (tmp_path / "bin").mkdir()
    ghostscript = tmp_path / "bin" / "gs"
    ghostscript.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    ghostscript.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    eps = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "face.png").write_text(eps)
    code = "import sys; from pathlib import Path; from eshi.ground.image import decode; decode(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "face.png"], capture_output=True, text=True)
    assert "Unreadable: not a picture" in done.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("kind", ["ppm", "ico", "tga", "pcx", "icns", "dds", "im"])
def test_what_nobody_collects_is_no_picture(kind: str) -> None:
    with pytest.raises(Unreadable, match="not a picture"):
        decode(stored(Image.fromarray(RED).resize((32, 32)), kind))


@pytest.mark.skipif(os.name == "nt", reason="there are no pipes with names there")
def test_only_a_regular_file_of_a_sane_size_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    (tmp_path / "folder.png").mkdir()
    with (tmp_path / "sparse.png").open("wb") as file:
        file.truncate(20_000_000_000)
    said = {"pipe": "regular", "device": "regular", "folder": "regular", "gone": "No such", "round": "symbolic links"}
    for name, reason in {**said, "sparse": "20,000 MB is too large a file"}.items():
        with pytest.raises(Unreadable, match=reason):
            decode(tmp_path / f"{name}.png")


PEAK = """
import sys
from pathlib import Path
from eshi.ground import image
from eshi.ground.image import decode
image.BAND = 200_000
decode(Path(sys.argv[1]), (32, 32))
def most():  # not getrusage, in whose peak a new process begins with that of its parent
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = most()
decode(Path(sys.argv[2]), (32, 32) if sys.argv[3] == "small" else None)
print((most() - before) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is not told here")
@pytest.mark.parametrize(("kind", "way"), [("RGBA", "small"), ("I;16", "whole")])
def test_decoding_takes_eight_bytes_a_pixel_and_not_twenty(kind: str, way: str, tmp_path: Path) -> None:
    """4 million pixels; what is converted, band by band, comes on top."""
    side, rows = 2000, np.arange(2000)
    deep = Image.fromarray((rows[:, None] + rows).astype(np.uint16))
    picture = deep if kind == "I;16" else Image.new(kind, (side, side), 7)
    picture.save(tmp_path / "large.png", compress_level=1)
    picture.crop((0, 0, 50, 50)).save(tmp_path / "little.png")
    command = [sys.executable, "-c", PEAK, tmp_path / "little.png", tmp_path / "large.png", way]
    peak = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert peak < 8 * side * side + 60 * 200_000  # bytes; five versions of it were 80 MB


def test_large_pictures_are_what_they_would_be_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    deep = Image.fromarray(rng.integers(0, 65536, (70, 50), np.uint16))
    clear = Image.fromarray(rng.integers(0, 256, (70, 50, 4), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    files = [stored(deep, "png"), stored(clear, "png", exif=exif), stored(clear.convert("LA"), "png")]
    files += [stored(clear.convert("RGB").quantize(9), "png", transparency=3), stored(deep.convert("F"), "tiff")]
    whole = [(decode(file), decode(file, (20, 20))) for file in files]
    monkeypatch.setattr(image, "BAND", 130)
    for file, (large, small) in zip(files, whole, strict=True):
        np.testing.assert_array_equal(decode(file), large)
        np.testing.assert_array_equal(decode(file, (20, 20)), small)


def test_what_would_take_too_much_is_refused_by_its_format() -> None:
    assert decode(bomb_of("png", 200, 200)).shape == (200, 200, 3)
    for kind, side in (("png", 10_001), ("jpeg", 10_001), ("progressive", 9_000), ("tiff", 8_200), ("webp", 6_400)):
        with pytest.raises(Unreadable, match=f"{side} x {side} px is too large"):
            decode(bomb_of(kind, side, side), (64, 64))


def bomb_of(kind: str, width: int, height: int) -> io.BytesIO:
    """A tiny file whose header claims any size."""
    options = {"progressive": True} if kind == "progressive" else {"lossless": True} if kind == "webp" else {}
    plain = Image.new("RGB", (200, 200))
    content = bytearray(stored(plain, "jpeg" if kind == "progressive" else kind, **options).getvalue())
    if kind == "png":
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    elif kind == "tiff":
        for tag, value in ((256, width), (257, height)):
            place = content.index(struct.pack("<HHI", tag, 4, 1))
            content[place + 8 : place + 12] = struct.pack("<I", value)
    elif kind == "webp":
        place = content.index(b"VP8L") + 9
        bits = int.from_bytes(content[place : place + 4], "little") & ~(2**28 - 1) | (height - 1) << 14 | (width - 1)
        content[place : place + 4] = bits.to_bytes(4, "little")
    else:
        place = content.index(b"\xff\xc2" if kind == "progressive" else b"\xff\xc0") + 5
        content[place : place + 4] = struct.pack(">HH", height, width)
    return io.BytesIO(bytes(content))


def test_threads_never_take_more_room_than_there_is() -> None:
    room, lock, now, most = image.Room(100), threading.Lock(), [0], [0]

    def work(needed: int) -> None:
        for _ in range(20):
            with room.taken(needed):
                with lock:
                    now[0] += min(needed, 100)
                    most[0] = max(most[0], now[0])
                time.sleep(0.0005)
                with lock:
                    now[0] -= min(needed, 100)

    threads = [threading.Thread(target=work, args=(needed,)) for needed in (30, 40, 60, 60, 100, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert 60 < most[0] <= 100
    assert room.left == 100


def test_more_than_all_the_room_is_taken_alone() -> None:
    alone = []

    @contextmanager
    def turn() -> Iterator[None]:
        alone.append("begins")
        yield
        alone.append("ends")

    room = image.Room(100, turn)
    with room.taken(100):
        assert alone == []
    with room.taken(101):
        assert alone == ["begins"]
    assert alone == ["begins", "ends"]


@pytest.mark.filterwarnings("ignore")
def test_every_broken_file_is_unreadable_and_nothing_else(tmp_path: Path) -> None:
    """Bytes overwritten at random, of every format: a picture, or a reason."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(rng.integers(0, 256, (24, 24, 4), np.uint8))
    for kind in ("png", "jpeg", "gif", "bmp", "webp", "tiff", "avif"):
        options = {"exif": exif} if kind not in ("gif", "bmp") else {}
        whole = stored(picture.convert("RGB") if kind == "jpeg" else picture, kind, **options).getvalue()
        for _ in range(150):
            content = np.frombuffer(whole, np.uint8).copy()
            where = rng.integers(0, min(len(content), 400), rng.integers(1, 9))
            content[where] = rng.integers(0, 256, len(where))
            with suppress(Unreadable):
                assert decode(io.BytesIO(content.tobytes()), (16, 16)).shape == (16, 16, 3)
