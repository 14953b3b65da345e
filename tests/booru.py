"""A booru on the loopback: speaks Moebooru, Danbooru and Gelbooru 0.2 well enough for the real gallery-dl, and can
misbehave in every way that was seen in the wild. Faults are lists: each request eats one, then all is well."""

import contextlib
import gzip
import hashlib
import io
import json
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

LISTS = {"moebooru": "/post.json", "danbooru": "/posts.json", "gelbooru_v02": "/index.php"}
MOST = {"moebooru": 100, "danbooru": 200, "gelbooru_v02": 1000}  # posts a page, whatever is asked for
SAFE = {"moebooru": ["s"], "danbooru": ["g"], "gelbooru_v02": ["safe", "general"]}
UNSAFE = {"moebooru": ["q", "e"], "danbooru": ["s", "q", "e"], "gelbooru_v02": ["questionable", "explicit"]}
FREE_TAGS = ("rating:", "-rating:", "status:", "id:", "limit:")  # do not count against Danbooru's two
ENDLESS = 150_000_000  # bytes, more than eshi takes of any file: where a test would fill the disk if it failed
PAGE = b"<!DOCTYPE html><html><head><title>Please log in</title></head><body>" + b"x" * 500 + b"</body></html>"


def picture(seed: int, kind: str, size: tuple[int, int]) -> bytes:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
    memory = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(memory, kind)
    return memory.getvalue()


@dataclass
class Post:
    id: int
    rating: str
    original: bytes
    suffix: str = "png"
    tags: str = "1girl solo"
    slipped: bool = False  # comes in answers that asked for another rating
    hidden: bool = False  # no address of the file
    deleted: bool = False
    md5: str = ""
    files: dict[str, bytes] = field(default_factory=dict)  # quality -> content
    told: dict[str, Any] = field(default_factory=dict)  # said of it in the listing, whatever is true

    def __post_init__(self) -> None:
        self.md5 = self.md5 or hashlib.md5(self.original).hexdigest()
        sample, preview = picture(self.id, "jpeg", (48, 36)), picture(self.id, "jpeg", (24, 18))
        self.files = {"original": self.original, "sample": sample, "preview": preview} | self.files

    def path(self, quality: str) -> str:
        return f"/data/{quality}/{self.id}-{self.md5}.{self.suffix if quality == 'original' else 'jpg'}"


def make_posts(engine: str, safe: int, unsafe: int = 0, hidden: int = 0, deleted: int = 0) -> list[Post]:
    """Newest first, the kinds well mixed."""
    kinds = ["safe"] * safe + ["unsafe"] * unsafe + ["hidden"] * hidden + ["deleted"] * deleted
    np.random.default_rng(7).shuffle(kinds)
    posts = []
    for number, kind in enumerate(kinds):
        words = UNSAFE[engine] if kind == "unsafe" else SAFE[engine]
        form = ("png", "jpeg")[number % 2]
        content = picture(1000 + number, form, (64, 48))
        posts.append(
            Post(
                5000 - number,
                words[number % len(words)],
                content,
                {"png": "png", "jpeg": "jpg"}[form],
                slipped=kind == "unsafe",
                hidden=kind == "hidden",
                deleted=kind == "deleted",
            )
        )
    return posts


class Booru:
    """`with Booru("moebooru", posts) as booru: collect(booru.site, "1girl")`"""

    def __init__(self, *sides: tuple[str, list[Post]], delay: float = 0.0):
        self.sides = dict(sides)
        self.delay = delay  # seconds in the middle of each file
        self.list_faults: list[str] = []  # "429", "html" ...
        self.file_faults: dict[int, list[str]] = defaultdict(list)  # post id -> "404", "cut", "lie" ...
        self.circular = False  # every page is the first
        self.elsewhere = ""  # where the fault of that name leads to
        self.sent = 0  # bytes of endless answers
        self.closed = threading.Event()
        self.asked: Counter[str] = Counter()  # requests by file path
        self.pages = 0
        self.agents: set[str] = set()
        self.busy = self.most_busy = 0
        self.lock = threading.Lock()
        booru = self

        class Handler(Answer):
            home = booru

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def site(self, engine: str = "") -> str:
        return f"{engine or next(iter(self.sides))}:{self.root}"

    def search(self, engine: str, tags: list[str]) -> list[Post]:
        ratings = [tag for tag in tags if tag.lstrip("-").startswith("rating:")]
        plain = [tag for tag in tags if not tag.startswith(FREE_TAGS) and tag != "all"]
        found = []
        for post in self.sides[engine]:
            fits = all(self.rated(post.rating, tag) for tag in ratings) or post.slipped
            if fits and all(tag in post.tags.split() for tag in plain):
                found.append(post)
        return found

    @staticmethod
    def rated(rating: str, tag: str) -> bool:
        letters = [word[0] for word in tag.partition(":")[2].split(",")]
        return (rating[0] in letters) != tag.startswith("-")


class Answer(BaseHTTPRequestHandler):
    home: Booru
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # who asked has gone
            super().handle()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        home = self.home
        with home.lock:
            home.busy += 1
            home.most_busy = max(home.most_busy, home.busy)
            home.agents.add(self.headers["User-Agent"])
        try:
            address = urlsplit(self.path)
            asked = {key: values[0] for key, values in parse_qs(address.query).items()}
            if address.path.startswith("/data/"):
                self.give_file(address.path)
            elif engine := next((name for name, path in LISTS.items() if path == address.path), ""):
                self.give_list(engine, asked)
            else:
                self.give(PAGE, "text/html", 404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with home.lock:
                home.busy -= 1

    def give(self, body: bytes, kind: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def lie(self, fault: str, body: bytes, kind: str) -> bool:
        """The faults that files and listings have in common; whether it was one of them."""
        home = self.home
        if fault.isdigit():
            self.give(b"no", "text/plain", int(fault))
        elif fault == "html":
            self.give(PAGE, "text/html")
        elif fault == "elsewhere":
            self.give(b"", "text/plain", 302, {"Location": home.elsewhere})
        elif fault == "shout":  # a reason that clears the screen, on three lines
            self.wfile.write(b"HTTP/1.1 403 no\x1b[2J\rskip\rafter lock\r\nContent-Length: 0\r\n\r\n")
        elif fault == "bomb":
            packed = gzip.compress(body + bytes(ENDLESS // 3), 1)
            self.give(packed, kind, headers={"Content-Encoding": "gzip"})
        elif fault in ("endless", "chunked"):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header(*(("Transfer-Encoding", "chunked") if fault == "chunked" else ("Connection", "close")))
            self.end_headers()
            for piece in [body, *[bytes(100_000)] * (ENDLESS // 100_000)]:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if fault == "chunked" else piece)
                home.sent += len(piece)
            self.close_connection = True
        elif fault in ("slow", "slow head"):
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self.wfile.write(b"Content-Length: %d\r\n\r\n" % len(body) * (fault == "slow"))
            for byte in body if fault == "slow" else b"X-Patience: none\r\n" * 100:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if home.closed.wait(0.1):
                    break
            self.close_connection = True
        else:
            return False
        return True

    def give_list(self, engine: str, asked: dict[str, str]) -> None:
        home = self.home
        home.pages += 1
        fault = home.list_faults.pop(0) if home.list_faults else ""
        if self.lie(fault, b" " * 1000, "text/plain"):
            return None
        tags = asked.get("tags", "").split()
        counted = [tag for tag in tags if not tag.startswith(FREE_TAGS)]
        if engine == "danbooru" and len(counted) > 2:
            return self.give(b'{"success":false,"error":"PostQuery::TagLimitError"}', "application/json", 422)
        posts = home.search(engine, tags)
        limit = min(int(asked.get("limit", 20)), MOST[engine])
        page = asked.get("pid" if engine == "gelbooru_v02" else "page", "0" if engine == "gelbooru_v02" else "1")
        if home.circular:
            shown = posts[:limit]
        elif page.startswith("b"):
            shown = [post for post in posts if post.id < int(page[1:])][:limit]
        else:
            first = (int(page) - (engine != "gelbooru_v02")) * limit
            shown = posts[first : first + limit]
        if engine == "gelbooru_v02":
            body = gelbooru(home.root, shown, len(posts), int(page) * limit)
            return self.give(body, "text/xml", headers={"Connection": "keep-alive"})
        speak = moebooru if engine == "moebooru" else danbooru
        return self.give(json.dumps([speak(home.root, post) for post in shown]).encode(), "application/json")

    def give_file(self, path: str) -> None:
        home = self.home
        with home.lock:
            home.asked[path] += 1
        quality = path.split("/")[2]
        post = next((p for posts in home.sides.values() for p in posts if p.path(quality) == path), None)
        if not post:
            return self.give(b"gone", "text/plain", 404)
        body, kind = post.files[quality], "image/png" if path.endswith("png") else "image/jpeg"
        with home.lock:
            fault = home.file_faults[post.id].pop(0) if home.file_faults[post.id] else ""
        if self.lie(fault, body, kind):
            return None
        if fault == "lie":
            return self.give(PAGE, kind)
        if fault == "login":
            return self.give(b"", "text/html", 302, {"Location": "/login"})
        start = 0
        if (wanted := self.headers["Range"]) and fault != "no range":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", kind)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if fault == "quiet cut":  # no length told, so nobody notices the end came early
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        middle = start + (len(body) - start) // 2
        self.wfile.write(body[start:middle])
        self.wfile.flush()
        if "cut" in fault:
            self.close_connection = True
            return None
        if home.delay:
            time.sleep(home.delay)
        self.wfile.write(body[middle:])
        return None


def moebooru(root: str, post: Post) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": post.id,
        "tags": post.tags,
        "created_at": 1_700_000_000 + post.id,
        "creator_id": 7,
        "author": "uploader",
        "change": post.id,
        "source": f"https://example.org/{post.id}",
        "score": 3,
        "md5": post.md5,
        "file_size": len(post.original),
        "is_shown_in_index": True,
        "rating": post.rating,
        "has_children": False,
        "parent_id": None,
        "status": "deleted" if post.deleted else "active",
        "width": 64,
        "height": 48,
        "preview_url": root + post.path("preview"),
    }
    if not (post.hidden or post.deleted):
        told |= {f"{name}_url": root + post.path(q) for name, q in (("file", "original"), ("sample", "sample"))}
        told["jpeg_url"] = told["file_url"]
    if post.hidden:
        del told["preview_url"]
    return told | post.told


def danbooru(root: str, post: Post) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": post.id,
        "created_at": "2024-06-01T12:00:00.000-04:00",
        "source": f"https://example.org/{post.id}",
        "rating": post.rating,
        "image_width": 64,
        "image_height": 48,
        "file_ext": post.suffix,
        "score": 3,
        "file_size": len(post.original),
        "is_deleted": post.deleted,
        "is_banned": False,
        "parent_id": None,
        "tag_string": f"{post.tags} somebody",
        "tag_string_general": post.tags,
        "tag_string_artist": "somebody",
        "tag_string_character": "",
        "tag_string_copyright": "",
        "tag_string_meta": "",
    }
    if not post.hidden:
        names = {"file_url": "original", "large_file_url": "sample", "preview_file_url": "preview"}
        told |= {name: root + post.path(quality) for name, quality in names.items()} | {"md5": post.md5}
    return told | post.told


def gelbooru(root: str, posts: list[Post], count: int, offset: int) -> bytes:
    lines = [f'<?xml version="1.0" encoding="UTF-8"?>\n<posts count="{count}" offset="{offset}">']
    for post in posts:
        told = {
            "height": 48,
            "width": 64,
            "score": "",
            "rating": post.rating,
            "tags": f" {post.tags} ",
            "id": post.id,
            "parent_id": "",
            "md5": post.md5,
            "change": 1_700_000_000,
            "creator_id": 7,
            "has_children": "false",
            "created_at": "Sat Jun 01 12:00:00 +0000 2024",
            "source": f"https://example.org/?a=1&b={post.id}",
            "status": "deleted" if post.deleted else "active",
            "has_notes": "false",
            "has_comments": "false",
            "preview_url": root + post.path("preview"),
        }
        if not (post.hidden or post.deleted):
            told |= {"file_url": root + post.path("original"), "sample_url": root + post.path("sample")}
        told |= post.told
        lines.append(f"<post {' '.join(f'{name}={quoteattr(str(value))}' for name, value in told.items())}/>")
    return "\n".join([*lines, "</posts>"]).encode()
