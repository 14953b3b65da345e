"""What eshi can make again, damaged: packs and features are made anew, to the same bits; catalogues refused."""

import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from attack.arena import Arena
from attack.case import Case
from attack.kills import tensors
from attack.texts import Starts, flipped, headed, npy, npz

Change = Callable[[Path], None]


def cases(chance: random.Random) -> Iterator[Case]:
    for name, change in ARRAYS.items():
        yield Case("caches", f"pack-{name}", pack("images.npy", change), short=name in ("shape", "cut"))
        if name not in SHAPES:  # the features' file is no .npy
            yield Case("caches", f"features-{name}", features(change), short=name == "pickle")
    for name, change in INDEXES.items():
        yield Case("caches", f"index-{name}", pack("index.json", change), short=name == "keys-fewer")
    for i in range(12):
        yield Case("caches", f"index-flip-{i}", pack("index.json", flip(chance.random())))
    for i in range(8):
        yield Case("caches", f"head-flip-{i}", pack("images.npy", flip(chance.random(), 128)))
        yield Case("caches", f"features-flip-{i}", features(flip(chance.random(), 128)))
    for i, (name, change) in enumerate(BASES.items()):
        for verb in ("clean", "faces") if i % 2 else ("train", "crop", "clean"):
            yield Case("caches", f"catalogue-{name}-{verb}", catalogue(change, verb), short=i == 0 and verb == "clean")
    for i in range(12):
        verb = ("clean", "faces", "train")[i % 3]
        yield Case("caches", f"catalogue-flip-{i}", catalogue(flip(chance.random()), verb))


def train(arena: Arena, **options: object) -> str:
    words = ("train", "faces", "-r", "tiny.yaml", "-o", "new", "--images", "16", "--set", "judge.every=16")
    arena.eshi(*words, ok=[0], **options)  # type: ignore[arg-type]
    last = arena.world / "new" / "last.pt"
    return tensors(last) if last.exists() else ""


def sound(arena: Arena) -> str:
    """The bits that an undamaged cache leads to, found once."""
    kept = arena.base.parent / "sound.txt"
    if not kept.exists():
        bits = train(arena)
        part = kept.with_name(f"sound.{os.getpid()}")
        part.write_text(bits)
        part.rename(kept)
        (arena.world / "new").rename(arena.world / "old")
    return kept.read_text()


def pack(name: str, change: Change) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("faces", "tiny.yaml", packed=True)
        arena.remember()
        bits = sound(arena)
        for file in (arena.world / "faces" / ".eshi").glob(f"*/{name}"):
            change(file)
        arena.guard("faces")
        arena.check(train(arena) == bits, "a damaged pack leads to other bits")

    return attack


def features(change: Change) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        arena.copy("faces", "tiny.yaml", packed=True)
        arena.remember()
        bits = sound(arena)
        found = [p for p in (arena.folder / "home").glob(".cache/eshi/features/*") if p.is_file()]
        arena.check(bool(found), "there are no kept features to damage")
        for file in found:
            change(file)
        arena.check(train(arena) == bits, "damaged features lead to other bits")

    return attack


def catalogue(change: Change, verb: str) -> Callable[[Arena], None]:
    """faces.sqlite, or the pictures.sqlite that crop reads."""

    def attack(arena: Arena) -> None:
        arena.copy("tiny.yaml")
        if verb == "crop":
            folder = arena.few(3, "pictures", "pictures")
            with sqlite3.connect(folder / "pictures.sqlite") as base:
                base.execute("create table pictures (key, file, site, post_url, file_url, tags, artist, rating)")
                base.execute("insert into pictures values ('a', '0.png', 's', 'u', 'f', 't', 'a', 'safe')")
            base.close()
            change(folder / "pictures.sqlite")
        else:
            folder = arena.few(22)
            arena.eshi("clean", folder, ok=[0])
            change(folder / "faces.sqlite")
        arena.guard(folder.name)
        words = {
            "clean": ("clean", "faces"),
            "faces": ("faces", "faces", "--credits"),
            "crop": ("crop", "pictures", "-o", "cut"),
            "train": ("train", "faces", "-r", "tiny.yaml", "-o", "run2", "--images", "8", "--set", "judge.every=0"),
        }[verb]
        arena.eshi(*words)

    return attack


def flip(seed: float, within: int = 10**9) -> Change:
    def change(file: Path) -> None:
        content = file.read_bytes()
        file.write_bytes(flipped(content[:within], seed) + content[within:])

    return change


def write(content: bytes) -> Change:
    return lambda file: (file.write_bytes(content) and None) or None


def shorter(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def longer(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(bytes(5000))


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to(f"{file.name}.gone")


def array(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda file: (file.write_bytes(npy(np.ascontiguousarray(change(np.load(file))))) and None) or None


ARRAYS: dict[str, Change] = {
    "empty": write(b""),
    "text": write(b"hello"),
    "cut": shorter,
    "folder": folder,
    "dangling": dangling,
    "pickle": lambda f: (f.write_bytes(npy(np.array([Starts()] * 40, object), True)) and None) or None,
    "shape": array(lambda a: a.reshape(1, -1)),
    "fewer": array(lambda a: a[:3]),
    "more": array(lambda a: np.concatenate([a, a])),
    "type": array(lambda a: a.astype("f8")),
    "words": array(lambda a: np.array(["x"] * len(a))),
    "none": array(lambda a: a[:0]),
    "huge": write(headed("{'descr': '|u1', 'fortran_order': False, 'shape': (4000000000, 32, 32, 3), }\n")),
    "npz": write(npz(a=np.ones(3))),
    "version": write(b"\x93NUMPY\x09\x00" + bytes(90)),
    "head": write(b"\x93NUMPY"),
}


SHAPES = {"shape", "fewer", "more", "type", "words", "none"}


def said(**facts: object) -> Change:
    return lambda file: (file.write_text(json.dumps(json.loads(file.read_text()) | facts)) and None) or None


def less(key: str) -> Change:
    def change(file: Path) -> None:
        found = json.loads(file.read_text())
        found[key] = found[key][:-3]
        file.write_text(json.dumps(found))

    return change


INDEXES: dict[str, Change] = {
    "empty": write(b""),
    "list": write(b"[]"),
    "null": write(b"null"),
    "word": write(b'"x"'),
    "binary": write(bytes(range(256))),
    "cut": shorter,
    "longer": longer,
    "folder": folder,
    "dangling": dangling,
    "deep": write(b"[" * 100_000),
    "source-none": said(source=None),
    "files-none": said(files=None),
    "files-words": said(files="abc"),
    "files-numbers": said(files=[1] * 40),
    "files-fewer": less("files"),
    "keys-fewer": less("keys"),
    "keys-none": said(keys=None),
    "keys-words": said(keys=["x"] * 40),
    "keys-negative": said(keys=[-1] * 40),
    "keys-large": said(keys=[2**70] * 40),
    "keys-float": said(keys=[0.5] * 40),
    "skipped-list": said(skipped=[]),
    "skipped-none": said(skipped=None),
    "skipped-escape": said(skipped={"\x1b[31m": "\x07"}),
}


def query(text: str) -> Change:
    def change(file: Path) -> None:
        with sqlite3.connect(file) as base:
            base.executescript(text)
        base.close()

    return change


NAMES = [
    "file",
    "verdict",
    "detail",
    "twin",
    "picture",
    "x",
    "y",
    "w",
    "h",
    "score",
    "source_size",
    "site",
    "post_url",
    "file_url",
    "tags",
    "artist",
    "rating",
]
BASES: dict[str, Change] = {
    "empty": write(b""),
    "text": write(b"hello"),
    "zeros": write(bytes(8192)),
    "head": write(b"SQLite format 3\0" + bytes(90)),
    "cut": shorter,
    "folder": folder,
    "dangling": dangling,
    "no-tables": query("drop table if exists faces; drop table if exists measures; drop table if exists pictures;"),
    "other-tables": query(
        "drop table if exists faces; create table faces (a); drop table if exists pictures; create table pictures (b);"
    ),
    "view": query(
        "drop table if exists faces; create view faces as select 1 as file;"
        "drop table if exists pictures; create view pictures as select 1 as file;"
    ),
    "endless": query(
        "drop table if exists faces; create view faces as with recursive c(file) as (select 'a' union all "
        "select file || 'a' from c) select file, 'keep' as verdict from c;"
    ),
    "blobs": query(
        "create table if not exists faces (file text primary key, verdict, detail, picture);"
        "create table if not exists pictures (picture);"
        "insert or replace into faces (file, verdict, detail, picture) values (x'ff', x'ff', x'fe', x'fd');"
    ),
    "script": query(
        "create table if not exists faces (file text primary key, verdict, detail, picture, post_url, artist);"
        "create table if not exists pictures (picture);"
        "insert or replace into faces (file, verdict, detail, picture, post_url, artist) values "
        "('<script>alert(1)</script>.png', '<script>alert(1)</script>', '<b>', '../../x', "
        "'javascript:alert(1)', char(27) || '[31m');"
    ),
    "climb": query(
        "create table if not exists faces (file text primary key, verdict);"
        "create table if not exists pictures (picture);"
        "insert or replace into faces (file, verdict) values ('../../../../../../etc/passwd', 'keep');"
    ),
    "version": query("pragma user_version = 99;"),
    "settings": query(
        "create table if not exists settings (name text primary key, value text);"
        "insert or replace into settings values ('crop', 'x');"
    ),
    "trigger": query(
        "create table if not exists faces (file text primary key, verdict, detail, twin);"
        "create trigger mine after insert on faces begin delete from faces; end;"
    ),
    "measures": query(
        "create table if not exists measures (file text primary key, stamp text, data blob, problem text);"
        "update measures set data = x'00';"
    ),
    "measures-none": query(
        "create table if not exists measures (file text primary key, stamp text, data blob, problem text);"
        "update measures set data = null, problem = '';"
    ),
}
