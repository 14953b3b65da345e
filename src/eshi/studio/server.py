"""HTTP: one request in, one answer out, each within its bounds. What is asked for is decided in the rooms."""

import json
import queue
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from eshi import __version__
from eshi.ground import progress
from eshi.ground.errors import EshiError
from eshi.studio import pages
from eshi.studio.ask import ROUTES, Answer, bound
from eshi.studio.feed import written
from eshi.studio.manners import HEADERS, Manners, Refused
from eshi.studio.place import Outside
from eshi.studio.state import Studio
from eshi.verbs.verb import plain

CONNECTIONS = 64
QUEUE = 256  # that the system holds until one of those is free
PATIENCE = 5.0  # seconds that they wait
IDLE = 20.0  # seconds after which a silent connection is closed
BEAT = 15.0  # seconds between two signs of life to a listener
ASKED = 60  # values in one address


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = QUEUE

    def __init__(self, studio: Studio, manners: Manners):
        self.studio, self.manners = studio, manners
        self.room = threading.Semaphore(CONNECTIONS)
        if ":" in manners.host:
            self.address_family = socket.AF_INET6
        super().__init__((manners.host, manners.port), Handler)
        manners.port = self.server_address[1]

    def process_request(self, request: Any, client: Any) -> None:
        if not self.room.acquire(timeout=PATIENCE):
            with suppress(OSError):
                request.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client)
        except RuntimeError:  # no thread could be started
            self.room.release()
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client: Any) -> None:
        try:
            super().process_request_thread(request, client)
        finally:
            self.room.release()

    def handle_error(self, request: Any, client: Any) -> None:
        """A browser that went away is no error."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE
    disable_nagle_algorithm = True
    server_version, sys_version = f"eshi/{__version__}", ""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the library says of a request that it cannot read."""
        self.close_connection = True
        self.command, self.request_version = getattr(self, "command", None) or "GET", "HTTP/1.1"
        self.complain(code, message or "that request cannot be read")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: an address holds names, and at first the token."""

    def answer(self) -> None:
        with self.told_apart():
            if self.request_version not in ("HTTP/1.0", "HTTP/1.1"):
                raise Refused(505, "HTTP/1.1, please")
            where = urlsplit(self.path)
            if self.command == "GET" and (self.headers.get("Content-Length") or self.headers.get("Transfer-Encoding")):
                self.close_connection = True  # what it brings along is not read, and is no next request
            given = in_address(where.query)
            if where.path == "/" and "token" in given:
                self.enter(given["token"])
                return
            if where.path in ("/door", "/static/studio.css"):  # what one who is not yet inside needs
                self.door(where.path)
                return
            self.server.manners.check(self.command, self.headers)
            if where.path == "/api/news" and self.command == "GET":
                self.news()
            elif where.path.startswith("/api"):
                self.asked(where.path, given)
            elif self.command == "GET" and (page := pages.page(where.path)):
                self.send(200, page)
            else:
                raise Refused(404, "there is no such page")

    @contextmanager
    def told_apart(self) -> Iterator[None]:
        """Whatever goes wrong becomes an answer, of the status that fits it."""
        try:
            yield
        except Refused as error:
            if error.status == 401 and self.command == "GET" and not self.path.startswith(("/api", "/static")):
                self.send(401, pages.door(bool(self.server.manners.password)))
            else:
                self.complain(error.status, str(error))
        except Outside as error:
            self.complain(404, str(error), error.hint)
        except EshiError as error:
            self.complain(503 if error.code == 1 else 400, str(error), error.hint)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:
            progress.note(f"the studio stumbled over {self.command} {urlsplit(self.path).path}: {error!r}")
            progress.note(traceback.format_exc().rstrip())
            self.complain(500, f"this should not have happened: {type(error).__name__}")

    def enter(self, token: str) -> None:
        """The address that eshi studio printed: the token becomes a cookie and leaves the address."""
        self.server.manners.check(self.command, self.headers, enter=True)
        if self.command != "GET" or not self.server.manners.is_password(token):
            raise Refused(401, "that is not this studio's address: it prints a new one each time it starts")
        self.send(
            303, Answer(b"", "text/plain", headers={"Location": "/", "Set-Cookie": self.server.manners.welcome()})
        )

    def door(self, path: str) -> None:
        """Where a password may be typed."""
        manners = self.server.manners
        manners.check(self.command, self.headers, enter=True)
        if self.command == "GET":
            self.send(200, pages.page(path) or pages.door(bool(manners.password)))
            return
        if self.headers.get("Origin") is None:
            raise Refused(403, "a request that changes something must say where it comes from")
        words = dict(parse_qsl(self.body(1000).decode("utf-8", "replace"), max_num_fields=4))
        if not manners.is_password(words.get("password", "")):
            raise Refused(401, "that is not it")
        self.send(303, Answer(b"", "text/plain", headers={"Location": "/", "Set-Cookie": manners.welcome()}))

    def asked(self, path: str, given: dict[str, Any]) -> None:
        if (self.command, path) not in ROUTES:
            other = {"GET": "POST", "POST": "GET"}.get(self.command, "")
            raise Refused(
                *((405, f"ask it by {other}") if (other, path) in ROUTES else (404, "nothing is asked there"))
            )
        one = ROUTES[self.command, path]
        if self.command == "POST":
            kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind == "application/json":
                given |= in_body(self.body(one.largest))
            elif kind == "application/octet-stream":
                given["picture"] = self.body(one.largest)
            else:  # what another website could send without asking first is not taken
                raise Refused(415, "send application/json, or a picture as application/octet-stream")
        found = one.call(self.server.studio, **bound(one.call, given))
        self.send(200, found if isinstance(found, Answer) else Answer(told(found), "application/json"))

    def body(self, largest: int) -> bytes:
        lengths = self.headers.get_all("Content-Length") or []
        if (
            self.headers.get("Transfer-Encoding")
            or len(lengths) != 1
            or not lengths[0].isascii()
            or not lengths[0].isdigit()
        ):
            raise Refused(411, "say how long it is")
        length = int(lengths[0]) if len(lengths[0]) < 15 else largest + 1
        if length > largest:
            raise Refused(413, f"at most {largest:,} bytes are taken here")
        found = self.rfile.read(length)
        if len(found) < length:
            raise ConnectionError
        self.read_whole = True
        return found

    def news(self) -> None:
        """Server-sent events, until either side goes."""
        with self.server.studio.feed.heard() as ear:
            self.close_connection = True
            self.send_response(200)
            for name, value in (HEADERS | {"Content-Type": "text/event-stream", "Connection": "close"}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b": hello\n\n")
            while self.server.studio.feed.listening(ear):
                try:
                    told = ear.get(timeout=BEAT)
                except queue.Empty:
                    self.wfile.write(b": still here\n\n")
                    continue
                if told is None:
                    return
                self.wfile.write(written(told))

    def complain(self, status: int, what: str, hint: str = "") -> None:
        self.send(status, Answer(told({"error": what, "hint": hint}), "application/json"))

    def send(self, status: int, answer: Answer) -> None:
        """Once a body was left unread, the connection cannot be used again."""
        if self.command == "POST" and not getattr(self, "read_whole", False):
            self.close_connection = True
        self.read_whole = False
        try:
            self.send_response(status)
            headers = HEADERS | {"Content-Type": answer.kind, "Content-Length": str(len(answer.body))} | answer.headers
            if answer.name:
                safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-+,=") else "-" for c in answer.name)
                headers["Content-Disposition"] = f'attachment; filename="{safe}"'
            if self.close_connection:
                headers["Connection"] = "close"
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)
        except (ConnectionError, TimeoutError):
            self.close_connection = True


def in_address(query: str) -> dict[str, Any]:
    try:
        asked = parse_qsl(query, keep_blank_values=True, max_num_fields=ASKED, errors="strict")
    except ValueError as error:
        raise EshiError("that address cannot be read", "docs/studio.md shows how each is asked") from error
    if len(dict(asked)) < len(asked):
        raise EshiError("something is said twice in the address", "say it once")
    return dict(asked)


def in_body(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise EshiError("that is no JSON", "docs/studio.md shows how each is asked") from error
    if not isinstance(said, dict):
        raise EshiError("a request is a mapping of names to values", "docs/studio.md shows how each is asked")
    return said


def told(value: Any) -> bytes:
    return json.dumps(plain(value), separators=(",", ":")).encode()
