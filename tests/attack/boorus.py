"""A booru that lies: endless files, bombs, slow words, endless listings, names that climb. Only on the loopback."""

import functools
import gzip
import importlib.util
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attack.arena import Arena
from attack.bombs import png
from attack.case import Case

sys.path.insert(0, str(Path(__file__).parent.parent))
from booru import Answer, Booru, Post, make_posts, moebooru, picture

POSTS = 6  # good ones beside the lie


def cases(chance: random.Random) -> Iterator[Case]:
    if importlib.util.find_spec("gallery_dl") is None:
        return
    for name in FILES:
        yield Case("boorus", f"file-{name}", lied(name, ""), short=name in ("endless", "postscript"), seconds=400)
    for name in LISTS:
        yield Case("boorus", f"list-{name}", lied("", name), short=name == "rows-odd", seconds=400)
    for name in ROWS:
        yield Case("boorus", f"row-{name}", lied("", f"row-{name}"), short=name == "script", seconds=400)
    for n in range(1, 11):
        for when in ("before", "after") if n < 4 else ("before",) if n % 2 else ("after",):
            yield Case("boorus", f"kill-{n}-{when}", killed(("point", n, when)), 0, n == 5)
    for i in range(5):
        yield Case("boorus", f"kill-anywhere-{i}", killed(("call", 0, "")), 0)


class Liar(Booru):
    """`file` and `list` name the lie told about the first post, or in the listing."""

    def __init__(self, file: str, listing: str):
        posts = make_posts("moebooru", safe=POSTS + 1)
        super().__init__(("moebooru", posts))
        self.file, self.listing, self.first = file, listing, posts[0]
        self.server.RequestHandlerClass = functools.partial(Lies)  # type: ignore[assignment]
        Lies.home = self


class Lies(Answer):
    home: Liar

    def give_list(self, engine: str, asked: dict[str, str]) -> None:
        lie = LISTS.get(self.home.listing)
        if lie:
            lie(self, asked)
            return
        posts = self.home.sides["moebooru"] if int(asked.get("page", "1")) == 1 else []
        told = [moebooru(self.home.root, post) for post in posts]
        if told and self.home.listing.startswith("row-"):
            told[0] |= ROWS[self.home.listing[4:]](self.home.root, posts[0])
        self.give(json.dumps(told).encode(), "application/json")

    def give_file(self, path: str) -> None:
        if self.home.file and f"{self.home.first.id}-" in path:
            FILES[self.home.file](self)
        else:
            super().give_file(path)

    def head(self, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for key, value in ({"Content-Type": "image/png"} | headers).items():
            self.send_header(key, value)
        self.end_headers()

    def stream(self, block: bytes, times: int, pause: float = 0.0) -> None:
        for _ in range(times):
            self.wfile.write(block)
            self.wfile.flush()
            time.sleep(pause)


def endless(at: Lies, head: bytes = b"", length: str | None = None) -> None:
    at.head({"Connection": "close"} | ({"Content-Length": length} if length else {}))
    at.wfile.write(head)
    at.stream(bytes(1_000_000), 3000)  # an end all the same: nobody should get so far
    at.close_connection = True


def packed(at: Lies) -> None:
    content = gzip.compress(bytes(400_000_000), 9)
    at.head({"Content-Encoding": "gzip", "Content-Length": str(len(content))})
    at.wfile.write(content)


def moved(at: Lies, to: str) -> None:
    at.head({"Location": to, "Content-Length": "0"}, 302)


def content(at: Lies, body: bytes, **headers: str) -> None:
    at.head({"Content-Length": str(len(body))} | {k.replace("_", "-"): v for k, v in headers.items()})
    at.wfile.write(body)


GOOD = picture(1, "png", (64, 48))
FILES: dict[str, Callable[[Lies], object]] = {
    "endless": endless,
    "endless-picture": lambda at: endless(at, GOOD),
    "endless-told": lambda at: endless(at, GOOD, str(10**13)),
    "gzip-bomb": packed,
    "length-negative": lambda at: at.head({"Content-Length": "-5"}),
    "length-word": lambda at: content(at, GOOD, Content_Length="many"),
    "length-short": lambda at: content(at, GOOD, Content_Length="10"),
    "length-long": lambda at: (
        (content(at, GOOD, Content_Length="99999", Connection="close"), setattr(at, "close_connection", True))
    ),
    "slow": lambda at: (at.head({"Content-Length": "5000"}), at.stream(b"\x89P", 400, 1.0)),
    "slow-head": lambda at: (at.wfile.write(b"HTTP/1.1 200 OK\r\n"), at.stream(b"X", 400, 1.0)),
    "many-heads": lambda at: (at.wfile.write(b"HTTP/1.1 200 OK\r\n"), at.stream(b"X-A: b\r\n" * 1000, 2000)),
    "long-head": lambda at: (at.wfile.write(b"HTTP/1.1 200 OK\r\nX: "), at.stream(b"x" * 100_000, 300)),
    "redirect-file": lambda at: moved(at, "file:///etc/passwd"),
    "redirect-port": lambda at: moved(at, "http://127.0.0.1:9/x.png"),
    "redirect-loop": lambda at: moved(at, at.path),
    "redirect-scheme": lambda at: moved(at, "gopher://127.0.0.1/x"),
    "redirect-data": lambda at: moved(at, "data:image/png;base64,AAAA"),
    "postscript": lambda at: content(
        at, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n"
    ),
    "bomb": lambda at: content(at, png(10900, 10900, colour=6)),
    "lie-size": lambda at: content(at, png(30000, 30000, rows=2)),
    "empty": lambda at: content(at, b""),
    "chunks": lambda at: ((at.head({"Transfer-Encoding": "chunked"}), at.wfile.write(b"ffffffffffff\r\nxx\r\n"))),
    "chunks-word": lambda at: (at.head({"Transfer-Encoding": "chunked"}), at.wfile.write(b"zz\r\nxx\r\n")),
    "name": lambda at: content(at, GOOD, Content_Disposition='attachment; filename="../../../climbed.png"'),
    "cookie": lambda at: content(at, GOOD, Set_Cookie="a=" + "b" * 8000),
    "status": lambda at: at.wfile.write(b"HTTP/1.1 999 \x1b[31mRED\r\nContent-Length: 0\r\n\r\n"),
    "garbage": lambda at: (at.wfile.write(os.urandom(500)), setattr(at, "close_connection", True)),
    "hang-up": lambda at: setattr(at, "close_connection", True),
}


def rows(at: Lies, told: Any) -> None:
    at.give(json.dumps(told).encode() if not isinstance(told, bytes) else told, "application/json")


def again(at: Lies, asked: dict[str, str]) -> None:
    """The same page for ever."""
    rows(at, [moebooru(at.home.root, post) for post in at.home.sides["moebooru"]])


def forever(at: Lies, asked: dict[str, str]) -> None:
    """New posts for ever, each hidden: nothing is ever collected."""
    page = int(asked.get("page", "1"))
    posts = [Post(10**6 - 100 * page - i, "s", b"x", hidden=True) for i in range(100)]
    rows(at, [moebooru(at.home.root, post) for post in posts])


LISTS: dict[str, Callable[[Lies, dict[str, str]], object]] = {
    "again": again,
    "forever": forever,
    "empty": lambda at, asked: rows(at, b""),
    "word": lambda at, asked: rows(at, b'"x"'),
    "null": lambda at, asked: rows(at, None),
    "map": lambda at, asked: rows(at, {"a": 1}),
    "deep": lambda at, asked: rows(at, b"[" * 100_000),
    "binary": lambda at, asked: rows(at, bytes(range(256)) * 50),
    "rows-odd": lambda at, asked: rows(
        at, [1, None, "x", [], {}, {"id": None}] if asked.get("page", "1") == "1" else []
    ),
    "large": lambda at, asked: rows(at, b'[{"x": "' + b"y" * 30_000_000 + b'"}]'),
    "endless": lambda at, asked: (at.head({"Connection": "close"}), at.stream(b'[{"id": 1}, ' * 50_000, 3000)),
    "slow": lambda at, asked: (at.head({"Content-Length": "5000"}), at.stream(b"[ ", 400, 1.0)),
    "redirect": lambda at, asked: moved(at, "file:///etc/passwd"),
    "redirect-port": lambda at, asked: moved(at, "http://127.0.0.1:9/post.json"),
    "html": lambda at, asked: at.give(b"<script>alert(1)</script>", "text/html"),
    "500": lambda at, asked: at.give(b"", "text/plain", 500),
    "escape": lambda at, asked: at.give(b"\x1b[31mred\x07", "text/plain", 403),
}
ROWS: dict[str, Callable[[str, Post], dict[str, Any]]] = {
    "script": lambda root, post: {
        "tags": "<script>alert(1)</script> 1girl",
        "source": "javascript:alert(1)",
        "author": "<img src=x>",
    },
    "formula": lambda root, post: {"source": "=HYPERLINK(1)", "tags": "=cmd|' /C calc'!A0 1girl", "author": "@SUM(1)"},
    "newline": lambda root, post: {"source": "a\nb\r\n# c", "tags": "a\nb\n1girl"},
    "escape": lambda root, post: {"source": "\x1b[31m\x07", "tags": "\x1b]0;x\x07 1girl", "rating": "s"},
    "id-climb": lambda root, post: {"id": "../../../climbed"},
    "id-none": lambda root, post: {"id": None},
    "id-list": lambda root, post: {"id": [1, 2]},
    "id-huge": lambda root, post: {"id": 10**300},
    "id-negative": lambda root, post: {"id": -1},
    "id-long": lambda root, post: {"id": "x" * 5000},
    "id-nul": lambda root, post: {"id": "a\0b"},
    "md5-climb": lambda root, post: {"md5": "../../climbed"},
    "md5-wrong": lambda root, post: {"md5": "0" * 32},
    "md5-list": lambda root, post: {"md5": [1]},
    "rating-none": lambda root, post: {"rating": None},
    "rating-list": lambda root, post: {"rating": ["s"]},
    "rating-number": lambda root, post: {"rating": 7},
    "rating-long": lambda root, post: {"rating": "s" * 90_000},
    "tags-list": lambda root, post: {"tags": [1, None]},
    "tags-none": lambda root, post: {"tags": None},
    "tags-long": lambda root, post: {"tags": "1girl " * 300_000},
    "tags-surrogate": lambda root, post: {"tags": "1girl \ud800"},
    "url-file": lambda root, post: {"file_url": "file:///etc/passwd", "sample_url": "file:///etc/passwd"},
    "url-none": lambda root, post: {"file_url": None, "sample_url": None},
    "url-list": lambda root, post: {"file_url": [1], "sample_url": [1]},
    "url-port": lambda root, post: {"file_url": "http://127.0.0.1:9/x.png", "sample_url": "http://127.0.0.1:9/x.png"},
    "url-option": lambda root, post: {"file_url": "--exec=touch STARTED", "sample_url": "-o x"},
    "url-ytdl": lambda root, post: {"file_url": "ytdl:http://127.0.0.1:9/", "sample_url": "ytdl:http://127.0.0.1:9/"},
    "suffix-exe": lambda root, post: dict.fromkeys(("file_url", "sample_url"), f"{root}/data/original/x.exe"),
    "suffix-climb": lambda root, post: dict.fromkeys(("file_url", "sample_url"), f"{root}/data/a/..%2f..%2fx.png"),
    "suffix-json": lambda root, post: {k: root + post.path("sample") + ".json" for k in ("file_url", "sample_url")},
    "own-keys": lambda root, post: {
        "_archive_key": "../../x",
        "eshi": {"quality": "x"},
        "fetched_url": "x",
        "note": "../../x",
    },
    "own-http": lambda root, post: {
        "_http_headers": {"X": "y"},
        "_fallback": ["file:///etc/passwd"],
        "_ytdl_manifest": "x",
    },
    "width-word": lambda root, post: {"width": "wide", "height": None, "file_size": -1, "created_at": "never"},
    "engine": lambda root, post: {"engine": "other", "category": "../..", "subcategory": None, "extension": "../x"},
    "deep": lambda root, post: {"deep": json.loads("[" * 500 + "]" * 500)},
}


@contextmanager
def liar(file: str, listing: str) -> Iterator[str]:
    """In a process of its own, so that the arena may fork without threads; the site's name for `eshi collect`."""
    out, into = os.pipe()
    number = os.fork()
    if not number:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        signal.alarm(600)
        with Liar(file, listing) as booru:
            os.write(into, f"{booru.site()}\n".encode())
            signal.pause()
        os._exit(0)
    try:
        yield os.read(out, 200).decode().strip()
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        os.close(out)
        os.close(into)


def collect(site: str, *more: str) -> tuple[str, ...]:
    few = ("--pause", "0", "--min-free", "0", "--max-bytes", "10MB", "--quality", "original")
    return "collect", site, "1girl", "-o", "got", *few, *more


def lied(file: str, listing: str) -> Callable[[Arena], None]:
    def attack(arena: Arena) -> None:
        with liar(file, listing) as site:
            arena.eshi(*collect(site), seconds=240)
        got = arena.world / "got"
        held = sum(p.lstat().st_size for p in got.rglob("*") if p.is_file())
        arena.check(held < 12_000_000, f"{held / 1e6:.0f} MB lie in a folder limited to 10 MB")
        files = [p for p in got.rglob("*") if p.is_file() and ".collect" not in p.parts and ".sqlite" not in p.name]
        odd = [p.name for p in files if p.suffix not in (".png", ".jpg")]
        arena.check(not odd, f"collected {odd}")
        if (got / "pictures.sqlite").exists():
            told = told_of(got)
            arena.check({str(p.relative_to(got)) for p in files} == set(told), "the catalogue and the folder disagree")
        if listing in ("", *(f"row-{name}" for name in ROWS)):
            arena.check(len(files) >= POSTS - 1, f"only {len(files)} of {POSTS} good pictures came")  # patience may end
        if len(files) >= 4:
            arena.eshi("crop", "got", "-o", "cut", ok=[0, 2])
            arena.eshi("clean", "cut")
            arena.eshi("faces", "cut", "--credits")
            for page in (arena.world / "cut").glob("CREDITS.*"):
                text = page.read_text()
                bad = [w for w in ("<script>", "(javascript:", "<javascript:", ",=HYPERLINK", "\x1b") if w in text]
                arena.check(not bad, f"{page.name} holds {bad}")

    return attack


def told_of(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "pictures.sqlite") as base:
        found = [row[0] for row in base.execute("select file from pictures order by file")]
    base.close()
    return found


def killed(kill: tuple[str, int, str]) -> Callable[[Arena], None]:
    """The same command goes on, and ends with every picture once."""

    def attack(arena: Arena) -> None:
        with liar("", "") as site:
            if kill[0] == "call":
                plain = arena.eshi(*collect(site), count=True, ok=[0])
                arena.world.joinpath("got").rename(arena.world / "whole")
                struck = ("call", 1 + int(arena.random.random() * plain.calls), "")
            else:
                struck = kill
            arena.eshi(*collect(site), kill=struck, killed=True, ok=[0])
            time.sleep(0.3)
            arena.eshi(*collect(site), ok=[0])
        got = arena.world / "got"
        files = sorted(str(p.relative_to(got)) for p in got.rglob("*") if p.suffix in (".png", ".jpg"))
        arena.check(len(files) == POSTS + 1, f"{len(files)} of {POSTS + 1} pictures after a kill")
        arena.check(files == told_of(got), "the catalogue and the folder disagree")
        left = [p.name for p in (got / ".collect" / "incoming").iterdir()]
        arena.check(not left, f"half files are left: {left[:3]}")

    return attack
