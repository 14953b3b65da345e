"""Files that call themselves pictures: cut, flipped, lying about their size, bombs, and other things under such a name.

Each lies among good faces: whatever it is, the good ones are used and the command ends well.
"""

import functools
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from attack.arena import Arena
from attack.bombs import bombs, chunk, jpeg_of, large, lies, png, whole
from attack.case import Case

SHIPPED = ("png", "jpeg", "webp", "gif", "bmp", "tiff", "avif")
VERBS = ("train", "clean", "crop", "faces")
PAIRS = (("train", "clean"), ("clean", "crop"), ("crop", "train"))  # for what costs most
GOOD = 22


def cases(chance: random.Random) -> Iterator[Case]:
    for turn, (name, suffix, content) in enumerate(hostile(chance)):
        heavy = name.startswith(("bomb", "lie", "postscript"))
        yield Case(
            "pictures",
            name,
            among(content, suffix, PAIRS[turn % 3] if heavy else (VERBS[turn % 4],)),
            short=name in FIRST,
        )
    for name, suffix, content in postscript():
        yield Case("pictures", f"{name}-asked", asked(content, suffix))
    for name in ("twenty-bombs", "big-jpeg", "wide-jpeg"):
        yield Case("pictures", name, CROWDS[name], 20 if name.startswith("twenty") else 1, short=name == "twenty-bombs")


FIRST = {"postscript-eps.png", "lie-png-30000x30000", "bomb-png-rgba", "lie-jpeg-30000x30000", "bomb-png-opencv"}


def among(make: Callable[[], bytes], suffix: str, verbs: tuple[str, ...]) -> Callable[[Arena], None]:
    """The file among good ones, and the verbs that meet it."""

    def attack(arena: Arena) -> None:
        content = make()
        arena.copy("tiny.yaml")
        for verb in verbs:
            few = arena.few(4, "pictures", "pictures") if verb == "crop" else arena.few(GOOD)
            (few / f"0hostile{suffix}").write_bytes(content)
            arena.guard(few.name)
            meet(arena, verb, few)

    return attack


def meet(arena: Arena, verb: str, folder: Path, good: int = GOOD) -> None:
    """The verb on the folder: it ends well, and the good ones were used."""
    if verb == "train":
        took = arena.eshi(
            "train", folder, "-r", "tiny.yaml", "-o", "run2", "--images", "8", "--set", "judge.every=0",
            "--set", "data.holdout=0", "--json", "--quiet", ok=[0],
        )  # fmt: skip
        started = [line for line in log(arena.world / "run2") if '"started"' in line]
        if took.code == 0 and started:
            import json

            arena.check(json.loads(started[-1])["train"] >= good, "good faces were left out of the training")
    elif verb == "crop":
        took = arena.eshi("crop", folder, "-o", "cut", "--json", "--quiet", ok=[0])
        if took.code == 0:
            seen = took.json()["pictures"]
            arena.check(seen >= 4, f"crop looked at {seen} pictures of 4 good ones")
    else:
        took = arena.eshi(verb, folder, "--json", "--quiet", ok=[0])
        if verb == "clean" and took.code == 0:
            from attack.kills import table

            found = table(folder / "faces.sqlite", "select file from faces where verdict != 'unreadable'")
            arena.check(len(found) > good, f"clean read {len(found) - 1} of {good} good faces")


def log(run: Path) -> list[str]:
    try:
        return (run / "log.jsonl").read_text().splitlines()
    except OSError:
        return []


def asked(make: Callable[[], bytes], suffix: str) -> Callable[[Arena], None]:
    """The file given by name, where one is asked for."""

    def attack(arena: Arena) -> None:
        arena.copy("run")
        file = arena.world / f"face{suffix}"
        file.write_bytes(make())
        arena.guard(file.name)
        arena.eshi("project", "run", file, "--steps", "2", "--restarts", "1", ok=[2, 1])

    return attack


# ---- the files


def hostile(chance: random.Random) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    yield from postscript()
    yield from bombs()
    yield from lies()
    yield from others(chance)
    yield from named()
    for kind in SHIPPED:
        for part in (0, 1, 20, 45, 97):
            yield f"cut-{kind}-{part}", suffix_of(kind), functools.partial(cut, kind, part)
        for i in range(6):
            yield f"flip-{kind}-{i}", suffix_of(kind), functools.partial(flipped, kind, chance.random())
        yield f"tail-{kind}", suffix_of(kind), functools.partial(lambda k: whole(k) + b"PK\x03\x04" * 999, kind)
    for kind in SHIPPED:
        for other in ("png", "jpeg"):
            if kind != other:
                yield f"head-{kind}-{other}", suffix_of(kind), functools.partial(spliced, kind, other)


def suffix_of(kind: str) -> str:
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")


def cut(kind: str, part: int) -> bytes:
    return whole(kind)[: len(whole(kind)) * part // 100]


def flipped(kind: str, seed: float) -> bytes:
    chance, content = random.Random(seed), bytearray(whole(kind))
    near = 64 if chance.random() < 0.4 else len(content)  # heads are where it hurts
    for _ in range(chance.choice((1, 3, 20))):
        content[chance.randrange(min(near, len(content)))] ^= 1 << chance.randrange(8)
    return bytes(content)


def spliced(kind: str, other: str) -> bytes:
    return whole(kind)[:40] + whole(other)[40:]


def postscript() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """What would make Pillow start Ghostscript; a stand-in on the path leaves word."""
    plain = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\n0 0 64 64 rectfill\nshowpage\n%%EOF\n"
    binary = struct.pack("<IIIIIII", 0xC6D3D0C5, 32, len(plain), 0, 0, 0, 0) + b"\xff\xff\0\0" + plain
    for suffix in (".png", ".jpg", ".gif", ".webp", ".bmp", ".tif", ".avif"):
        yield f"postscript-eps{suffix}", suffix, lambda: plain
    yield "postscript-dos.png", ".png", lambda: binary
    yield "postscript-dos.jpg", ".jpg", lambda: binary


def others(chance: random.Random) -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Anything else under a picture's name."""
    texts = {
        "empty": b"",
        "one-byte": b"\x89",
        "zeros": bytes(100_000),
        "text": b"not a picture\n" * 99,
        "html": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        "pdf": b"%PDF-1.7\n1 0 obj <<>> endobj\n%%EOF",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "elf": b"\x7fELF" + bytes(500),
        "shell": b"#!/bin/sh\ntouch STARTED\n",
        "gzip": b"\x1f\x8b\x08" + bytes(90),
        "sqlite": b"SQLite format 3\0" + bytes(600),
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(90),
        "fits": b"SIMPLE  =  T" * 9,
        "mpo": whole("jpeg") + whole("jpeg"),
        "lock": b"%!PS",
        "pickle": b"cos\nsystem\n(S'touch STARTED'\ntR.",
    }
    for i, (name, content) in enumerate(texts.items()):
        yield f"other-{name}", (".png", ".jpg", ".webp", ".gif")[i % 4], functools.partial(bytes, content)
    for i in range(14):
        yield f"noise-{i}", suffix_of(SHIPPED[i % 7]), functools.partial(noise, chance.random(), SHIPPED[i % 7])
    for i in range(10):
        yield f"exif-{i}", ".jpg", functools.partial(exif, chance.random(), i)
    for i in range(4):
        yield (
            f"icc-{i}",
            ".png",
            functools.partial(
                lambda seed: png(
                    64, 64, more=chunk(b"iCCP", b"a\0\0" + zlib.compress(random.Random(seed).randbytes(4000)))
                ),
                chance.random(),
            ),
        )


def noise(seed: float, kind: str) -> bytes:
    return whole(kind)[:16] + random.Random(seed).randbytes(3000)


def exif(seed: float, number: int) -> bytes:
    """Orientations that are none, directories that point at themselves, sizes out of the world."""
    chance = random.Random(seed)
    entry = struct.pack("<HHII", 0x0112, (3, 4, 99, 2)[number % 4], (1, 2**31, 0, 2**32 - 1)[number // 4], number * 999)
    table = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1 + number % 3) + entry + struct.pack("<I", 8)
    body = b"Exif\0\0" + table + chance.randbytes(60)
    return whole("jpeg")[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + whole("jpeg")[2:]


def named() -> Iterator[tuple[str, str, Callable[[], bytes]]]:
    """Each format under the names of the others, which is no fault at all."""
    for i, kind in enumerate(SHIPPED):
        yield f"named-{kind}", suffix_of(SHIPPED[(i + 3) % 7]), functools.partial(whole, kind)


# ---- many at once


def twenty_bombs(arena: Arena) -> None:
    """One budget for all threads and processes together."""
    arena.copy("tiny.yaml")
    folder = arena.few(GOOD)
    content = png(10900, 10900, colour=6)
    for i in range(20):
        (folder / f"0bomb{i}.png").write_bytes(content + bytes([i]))
    arena.guard("faces")
    for verb in ("clean", "train", "crop"):
        meet(arena, verb, folder)


def big_jpeg(arena: Arena) -> None:
    """30,000 x 30,000 px that are really there, at one bit of work a block."""
    arena.copy("tiny.yaml")
    folder = arena.few(GOOD)
    (folder / "0big.jpg").write_bytes(large("jpeg", "L", {"quality": 1}))
    arena.guard("faces")
    for verb in ("clean", "train"):
        meet(arena, verb, folder)


def wide_jpeg(arena: Arena) -> None:
    arena.copy("tiny.yaml")
    folder = arena.few(GOOD)
    (folder / "0wide.jpg").write_bytes(jpeg_of(65500, 16000))
    (folder / "0long.jpg").write_bytes(jpeg_of(16000, 65500))
    arena.guard("faces")
    for verb in ("clean", "train"):
        meet(arena, verb, folder)


CROWDS = {"twenty-bombs": twenty_bombs, "big-jpeg": big_jpeg, "wide-jpeg": wide_jpeg}
