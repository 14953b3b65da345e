"""Zips from strangers: names that climb, bombs, passwords, twins, lies about sizes, cuts. Good pictures lie in each."""

import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator

from attack.arena import Arena
from attack.bombs import png, whole
from attack.case import Case

Maker = Callable[[zipfile.ZipFile], None]
GOOD = 22


def cases(chance: random.Random) -> Iterator[Case]:
    for i, (name, (make, well)) in enumerate(sorted(MAKERS.items())):
        yield Case("zips", f"{name}-train", packed(make, None, "train", well), short=name in ("slip", "bomb-picture"))
        verb = ("clean", "crop", "faces", "judge")[i % 4]
        yield Case("zips", f"{name}-{verb}", packed(make, None, verb, False))
    for i in range(30):
        yield Case("zips", f"flip-{i}", packed(None, flip(chance.random()), "train", False), short=i == 0)
    for part in (0, 3, 20, 50, 90, 97, 99):
        yield Case("zips", f"cut-{part}", packed(None, lambda b, p=part: b[: len(b) * p // 100], "train", False))
    for name, change in CHANGES.items():
        yield Case("zips", f"{name}-train", packed(None, change, "train", False))


def flip(seed: float) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        chance, out = random.Random(seed), bytearray(content)
        start = len(out) - 3000 if chance.random() < 0.6 else 0  # the directory stands at the end
        for _ in range(chance.choice((1, 4, 40))):
            out[chance.randrange(start, len(out))] = chance.randrange(256)
        return bytes(out)

    return change


def packed(
    make: Maker | None, change: Callable[[bytes], bytes] | None, verb: str, well: bool
) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("tiny.yaml", "run")
        arena.few(GOOD)
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for file in sorted((arena.world / "faces").glob("*.png")):
                archive.write(file, f"faces/{file.name}")
            if make:
                make(archive)
        content = memory.getvalue()
        file = arena.world / "data.zip"
        file.write_bytes(change(content) if change else content)
        arena.guard("data.zip", "faces")
        before = {p.name for p in arena.world.iterdir()}
        words: dict[str, tuple[str, ...]] = {
            "train": ("train", "data.zip", "-r", "tiny.yaml", "-o", "run2", "--images", "8", "--set", "judge.every=0"),
            "clean": ("clean", "data.zip"), "faces": ("faces", "data.zip"), "crop": ("crop", "data.zip", "-o", "cut"),
            "judge": ("judge", "run", "--against", "data.zip", "--count", "20"),
        }  # fmt: skip
        arena.eshi(*words[verb], ok=[0] if well else [0, 1, 2])
        new = {p.name for p in arena.world.iterdir()} - before
        new = {name for name in new if name not in ("run2", "cut") and not name.lstrip(".").startswith("data.zip")}
        arena.check(not new, f"appeared beside it: {new}")

    return attack


def each(*names: str, content: bytes | None = None) -> Maker:
    def make(archive: zipfile.ZipFile) -> None:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), whole("png") if content is None else content)

    return make


def deflated(name: str, content: Callable[[], bytes]) -> Maker:
    return lambda archive: archive.writestr(name, content(), zipfile.ZIP_DEFLATED, 9)


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("link.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    archive.writestr(info, "/etc/passwd")


def nested(archive: zipfile.ZipFile) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as small:
        small.writestr("a.png", bytes(50_000_000))
    archive.writestr("b.png", inner.getvalue())
    archive.writestr("b.zip", inner.getvalue())


def crowd(archive: zipfile.ZipFile) -> None:
    for i in range(20_000):
        archive.writestr(f"n/{i}.txt", b"")


MAKERS: dict[str, tuple[Maker, bool]] = {  # and whether the good ones must be trained on all the same
    "slip": (each("../../slipped.png", "../slipped.png", "faces/../../slipped.png"), True),
    "root": (each("/tmp/slipped.png", "//slipped.png", "C:\\slipped.png", "..\\slipped.png"), True),
    "slip-note": (each("../.eshi/32x32/index.json", ".eshi/32x32/images.npy", "../../home/.bashrc"), True),
    "escapes": (each("a\x1b[31m.png", "a\nb.png", "a\x07.png", content=b"broken"), True),
    "long": (each("x" * 60_000 + ".png"), True),
    "deep": (each("/".join("d" * 20_000) + "/x.png"), True),
    "twins": (each("faces/twin.png", "faces/twin.png", "faces/TWIN.png", "faces/twin.png/in.png"), True),
    "twins-of-good": (each("faces/000000.png", content=b"broken"), True),
    "bomb-picture": (deflated("bomb.png", lambda: png(10900, 10900, colour=6)), True),
    "bomb-zeros": (deflated("zeros.png", lambda: bytes(900_000_000)), True),
    "bomb-text": (deflated("zeros.txt", lambda: bytes(300_000_000)), True),
    "bomb-twice": (deflated("again.png", lambda: png(9000, 9000)), True),
    "nested": (nested, True),
    "link": (link, True),
    "crowd": (crowd, True),
    "script": (each("<script>alert(1)</script>.png", content=b"broken"), True),
    "postscript": (each("a.png", content=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), True),
    "empty-names": (each(".png", "/", "//", "./.png", "..", " "), True),
    "hidden": (each(".eshi/x.png", "__MACOSX/._x.png", ".DS_Store"), True),
}


def directory(content: bytes) -> int:
    return content.index(b"PK\x01\x02")


def all_entries(content: bytes, offset: int, value: bytes) -> bytes:
    """One field of every entry of the directory."""
    out, at = bytearray(content), directory(content)
    while out[at : at + 4] == b"PK\x01\x02":
        out[at + offset : at + offset + len(value)] = value
        lengths = struct.unpack("<HHH", out[at + 28 : at + 34])
        at += 46 + sum(lengths)
    return bytes(out)


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "encrypted": lambda c: all_entries(c, 8, b"\x01\x00"),
    "encrypted-strong": lambda c: all_entries(c, 8, b"\x41\x00"),
    "method-99": lambda c: all_entries(c, 10, b"\x63\x00"),
    "method-lzma": lambda c: all_entries(c, 10, b"\x0e\x00"),
    "method-bzip2": lambda c: all_entries(c, 10, b"\x0c\x00"),
    "size-huge": lambda c: all_entries(c, 24, b"\xf0\xff\xff\xff"),
    "packed-huge": lambda c: all_entries(c, 20, b"\xf0\xff\xff\xff"),
    "size-zero": lambda c: all_entries(c, 24, bytes(4)),
    "crc-zero": lambda c: all_entries(c, 16, bytes(4)),
    "overlap": lambda c: all_entries(c, 42, bytes(4)),
    "beyond": lambda c: all_entries(c, 42, b"\xff\xff\xff\x7f"),
    "version": lambda c: all_entries(c, 6, b"\xff\x00"),
    "utf8-lie": lambda c: all_entries(c, 8, b"\x00\x08").replace(b"faces/0", b"faces\xff0"),
    "nul-name": lambda c: c.replace(b"faces/0", b"face\x00/0"),
    "before": lambda c: b"#!/bin/sh\n" * 99 + c,
    "after": lambda c: c + bytes(70_000),
    "comment": lambda c: c[:-2] + b"\xff\xff" + b"x" * 65_535,
    "count": lambda c: c[:-14] + b"\xff\xff\xff\xff" + c[-10:],
    "gap": lambda c: c[: directory(c)] + bytes(5000) + c[directory(c) :],
    "twice": lambda c: c + c,
    "not": lambda c: b"PK\x03\x04" + bytes(500),
    "zip64": lambda c: c[:-22] + b"PK\x06\x07" + struct.pack("<IQI", 0, 2**62, 1) + c[-22:],
}
