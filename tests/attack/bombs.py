"""Small files that become large pictures, and heads that tell another size than the pixels have."""

import functools
import io
import random
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator


@functools.cache
def whole(kind: str) -> bytes:
    """A good picture of 64 x 64 px."""
    from PIL import Image

    fine = random.Random(5).randbytes(16 * 16 * 3)
    memory = io.BytesIO()
    Image.frombytes("RGB", (16, 16), fine).resize((64, 64)).save(memory, kind)
    return memory.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int = 8, colour: int = 2, rows: int | None = None, more: bytes = b"") -> bytes:
    """A PNG whose pixels are all 0; `rows` of them, whatever the head says."""
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    line = 1 + (width * depth * samples + 7) // 8
    squeeze, data, left = zlib.compressobj(9), b"", (height if rows is None else rows)
    block = bytes(line * max(1, min(left or 1, 4_000_000 // line)))
    while left > 0:
        step = min(left, len(block) // line)
        data += squeeze.compress(block[: step * line])
        left -= step
    data += squeeze.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    palette = chunk(b"PLTE", b"\x10\x20\x30") if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + head + more + palette + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def lies() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """A head that tells another size than the pixels have."""
    sizes = ((30000, 30000), (65500, 16000), (65535, 65535), (10900, 10900), (1, 65000), (0, 0))
    for width, height in sizes:
        at = f"{width}x{height}"
        yield f"lie-png-{at}", ".png", functools.partial(png, width, height, rows=4)
        yield f"lie-jpeg-{at}", ".jpg", functools.partial(jpeg_of, width, height)
        yield f"lie-gif-{at}", ".gif", functools.partial(gif_of, width, height)
        yield f"lie-bmp-{at}", ".bmp", functools.partial(bmp_of, width, height)
        yield f"lie-tiff-{at}", ".tif", functools.partial(tiff_of, width, height)
        yield f"lie-webp-{at}", ".webp", functools.partial(webp_of, min(width, 16384), min(height, 16384))
    yield "lie-png-2G", ".png", functools.partial(png, 2**31 - 1, 2**31 - 1, rows=0)
    yield "lie-bmp-negative", ".bmp", functools.partial(bmp_of, 64, -30000)
    yield "lie-png-chunk", ".png", lambda: whole("png")[:33] + struct.pack(">I", 2**31 - 1) + whole("png")[37:]


def jpeg_of(width: int, height: int) -> bytes:
    content = bytearray(whole("jpeg"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height & 0xFFFF, width & 0xFFFF)
    return bytes(content)


def gif_of(width: int, height: int) -> bytes:
    content = bytearray(whole("gif"))
    content[6:10] = struct.pack("<HH", width & 0xFFFF, height & 0xFFFF)
    at = content.index(b"\x2c", 13 + 3 * 2 ** ((content[10] & 7) + 1))
    content[at + 5 : at + 9] = content[6:10]
    return bytes(content)


def bmp_of(width: int, height: int) -> bytes:
    content = bytearray(whole("bmp"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def tiff_of(width: int, height: int) -> bytes:
    content = bytearray(whole("tiff"))
    start = struct.unpack("<I", content[4:8])[0]
    for i in range(struct.unpack("<H", content[start : start + 2])[0]):
        at = start + 2 + 12 * i
        tag = struct.unpack("<H", content[at : at + 2])[0]
        if tag in (256, 257):
            content[at + 2 : at + 12] = struct.pack("<HIHH", 4, 1, (width, height)[tag - 256] & 0xFFFF, 0)
    return bytes(content)


def webp_of(width: int, height: int) -> bytes:
    content = bytearray(whole("webp"))
    at = content.index(b"\x9d\x01\x2a") + 3 if b"\x9d\x01\x2a" in content else 26
    content[at : at + 4] = struct.pack("<HH", max(width - 1, 0) & 0x3FFF, max(height - 1, 0) & 0x3FFF)
    return bytes(content)


def bombs() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Small files that become large pictures."""
    yield "bomb-png-rgba", ".png", functools.partial(png, 10900, 10900, colour=6)
    yield "bomb-png-grey16", ".png", functools.partial(png, 10900, 10900, depth=16, colour=0)
    yield "bomb-png-bits", ".png", functools.partial(png, 10900, 10900, depth=1, colour=0)
    yield "bomb-png-palette", ".png", functools.partial(png, 10900, 10900, depth=1, colour=3)
    yield "bomb-png-opencv", ".png", functools.partial(png, 60000, 60000, rows=30)
    yield "bomb-png-wide", ".png", functools.partial(png, 1_000_000, 100)
    yield "bomb-png-long", ".png", functools.partial(png, 8, 12_000_000)
    yield "bomb-png-text", ".png", functools.partial(text_bomb, b"zTXt", b"a\0\0")
    yield "bomb-png-itxt", ".png", functools.partial(text_bomb, b"iTXt", b"a\0\1\0\0\0")
    yield "bomb-png-icc", ".png", functools.partial(text_bomb, b"iCCP", b"a\0\0")
    yield (
        "bomb-png-many-texts",
        ".png",
        functools.partial(png, 64, 64, more=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(900_000), 9)) * 90),
    )
    yield "bomb-gif-frames", ".gif", frames
    yield "bomb-jpeg-scans", ".jpg", scans
    for kind, suffix, mode, options in (
        ("gif", ".gif", "P", {}), ("tiff", ".tif", "L", {"compression": "tiff_deflate"}),
        ("tiff", ".tiff", "RGBA", {"compression": "tiff_lzw"}), ("jpeg", ".jpg", "L", {"quality": 5}),
        ("webp", ".webp", "RGB", {"lossless": True, "quality": 0, "method": 0}), ("bmp", ".bmp", "1", {}),
    ):  # fmt: skip
        yield f"bomb-{kind}-{mode}", suffix, functools.partial(large, kind, mode, options)
    for kind in ("ppm", "tga", "pcx", "sgi", "jpeg2000", "ico", "icns", "dds", "psd", "im", "msp", "xbm", "qoi", "sun"):
        yield f"bomb-{kind}", ".png", functools.partial(bomb_of, kind)


def text_bomb(kind: bytes, head: bytes) -> bytes:
    return png(64, 64, more=chunk(kind, head + zlib.compress(bytes(400_000_000), 9)))


def large(kind: str, mode: str, options: dict[str, object]) -> bytes:
    from PIL import Image

    size = (16000, 7000) if kind == "webp" else (10900, 10900) if mode != "RGBA" else (9000, 9000)
    memory = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Image.new(mode, size).save(memory, kind, **options)
    return memory.getvalue()


def bomb_of(kind: str) -> bytes:
    """Formats that nobody collects, 10,900 x 10,900 px by their heads."""
    from PIL import Image

    side = 10900
    heads: dict[str, bytes] = {
        "ppm": b"P6\n%d %d\n255\n" % (side, side),
        "tga": struct.pack("<BBBHHBHHHHBB", 0, 0, 10, 0, 0, 0, 0, 0, side, side, 32, 8) + b"\xff\0\0\0\0" * 9000,
        "pcx": struct.pack("<BBBBHHHH", 10, 5, 1, 8, 0, 0, side, side) + bytes(116) + b"\xff\0" * 9000,
        "sgi": struct.pack(">HBBHHHH", 474, 1, 1, 3, side, side, 4) + bytes(500),
        "dds": b"DDS "
        + struct.pack("<7I", 124, 0x1007, side, side, 0, 0, 0)
        + bytes(44)
        + struct.pack("<2I4s5I", 32, 4, b"DXT1", 0, 0, 0, 0, 0)
        + bytes(2000),
        "psd": b"8BPS" + struct.pack(">H6xHIIHH", 1, 4, side, side, 8, 3) + struct.pack(">III", 0, 0, 0) + b"\0\1",
        "im": b"Image type: RGB\r\nImage size (x*y): %d*%d\r\n" % (side, side) + bytes(400) + b"\x1a" + bytes(600),
        "msp": b"DanM" + struct.pack("<HH", side, side) + bytes(24) + bytes(999),
        "xbm": b"#define a_width %d\n#define a_height %d\nstatic char a_bits[] = {0x00," % (side, side),
        "qoi": b"qoif" + struct.pack(">IIBB", side, side, 4, 0) + b"\xfd" * 900,
        "sun": struct.pack(">8I", 0x59A66A95, side, side, 24, 0, 2, 0, 0) + b"\x80\xff\0" * 900,
    }
    if kind in heads:
        return heads[kind]
    memory = io.BytesIO()
    if kind in ("ico", "icns"):
        inner = png(side, side, colour=6)
        if kind == "ico":
            return struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22) + inner
        part = b"ic10" + struct.pack(">I", len(inner) + 8) + inner
        return b"icns" + struct.pack(">I", len(part) + 8) + part
    try:
        Image.new("L", (64, 64)).save(memory, kind)
    except (KeyError, OSError):  # this Pillow cannot write it
        return whole("png")[:50]
    content = bytearray(memory.getvalue())
    at = content.find(b"\xff\x51")
    content[at + 6 : at + 14] = struct.pack(">II", side, side)
    return bytes(content)


def frames() -> bytes:
    from PIL import Image

    first = Image.new("P", (400, 400))
    memory = io.BytesIO()
    rest = [Image.new("P", (400, 400), i % 7) for i in range(1, 400)]
    first.save(memory, "gif", save_all=True, append_images=rest)
    return memory.getvalue()


def scans() -> bytes:
    """A progressive JPEG whose last scan comes 3,000 times."""
    from PIL import Image

    memory = io.BytesIO()
    Image.frombytes("L", (1500, 1500), random.Random(1).randbytes(2_250_000)).save(memory, "jpeg", progressive=True)
    content = memory.getvalue()
    last = content.rindex(b"\xff\xda")
    scan = content[last : min(last + 600, len(content) - 2)]
    return content[:-2] + scan * 3000 + b"\xff\xd9"
