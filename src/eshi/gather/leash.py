"""gallery-dl on a leash: this file is started in its place, bounds what any service may send, and then runs it.

It knows requests, with which gallery-dl asks, and nothing of eshi or of gallery-dl.
"""

import errno
import json
import re
import runpy
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

REFUSALS = TOO_LARGE, TOO_SLOW, ELSEWHERE = "too large", "too slow", "redirected to another port or scheme"
NO_ROOM = "no room on the disk"
HEAD = 100_000  # bytes: what comes before an answer's content is not counted


@dataclass(frozen=True)
class Bounds:
    """Of one answer, from the question to its end. What it says is counted packed and unpacked."""

    file: int = 100_000_000  # bytes
    page: int = 16_000_000  # bytes of anything that is no file: gallery-dl holds it in memory, several times
    grace: float = 60.0  # seconds that any answer has,
    rate: float = 10_000.0  # and then a second more for so many bytes
    free: int = 0  # bytes that the disk keeps


class Enough(Exception):
    """Raised inside requests, which would take an OSError for a lost connection and try again."""


class Refused(OSError):
    """Raised out of requests: at an OSError gallery-dl gives the file up, or the listing, and does not try again."""


class Leash:
    def __init__(self, bounds: Bounds):
        self.bounds = bounds
        self.ask()

    def ask(self, file: bool = False) -> None:
        self.most = self.bounds.file if file else self.bounds.page
        self.start, self.received = time.monotonic(), 0

    def check(self, size: int) -> None:
        if size > self.most:
            raise Enough(TOO_LARGE)
        if time.monotonic() > self.start + self.bounds.grace + self.received / self.bounds.rate:
            raise Enough(TOO_SLOW)

    def hold(self, requests: Any) -> None:
        """Puts itself between requests and the network."""
        Session, Response = requests.Session, requests.Response
        ask, unpack, target = Session.request, Response.iter_content, Session.get_redirect_target
        read = socket.SocketIO.readinto

        def bounded_ask(session: Any, method: str, url: str, **options: Any) -> Any:
            file = bool(options.get("stream"))
            self.ask(file)
            try:
                response = ask(session, method, url, **options)
                told = response.headers.get("Content-Length", "")
                if file and re.fullmatch(r"[0-9]{1,18}", told):
                    self.check(int(told))
            except Enough as reason:
                raise Refused(str(reason)) from None
            return response

        def bounded_read(stream: socket.SocketIO, buffer: Any) -> int | None:
            self.check(self.received - HEAD)
            count = read(stream, buffer)
            self.received += count or 0
            return count

        def bounded_unpack(response: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
            size = 0
            try:
                for chunk in unpack(response, *arguments, **options):
                    size += len(chunk)
                    self.check(size)
                    if self.bounds.free and shutil.disk_usage(".").free < self.bounds.free:
                        raise Refused(errno.ENOSPC, NO_ROOM)  # ends gallery-dl
                    yield chunk
            except Enough as reason:
                response.close()
                raise Refused(str(reason)) from None

        def bounded_target(session: Any, response: Any) -> Any:
            found = target(session, response)
            if found and not same_door(response.url, found):
                raise Refused(f"{ELSEWHERE}: {found}")
            return found

        Session.request, Response.iter_content, Session.get_redirect_target = (
            bounded_ask,
            bounded_unpack,
            bounded_target,
        )
        socket.SocketIO.readinto = bounded_read  # type: ignore[method-assign, assignment]


def same_door(here: str, there: str) -> bool:
    """Whether a redirect keeps to scheme and port; from http to https it may lead."""
    usual = {"http": 80, "https": 443}
    try:
        one, other = [(u.scheme, u.port or usual.get(u.scheme)) for u in map(urlsplit, (here, urljoin(here, there)))]
    except ValueError:  # a port that is no number
        return False
    return one == other or (one, other) == (("http", 80), ("https", 443))


def main() -> None:
    import requests

    Leash(Bounds(**json.loads(sys.argv[1]))).hold(requests)
    sys.argv = ["gallery-dl", *sys.argv[2:]]
    runpy.run_module("gallery_dl", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
