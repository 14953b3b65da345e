"""A studio on the loopback for tests, and a client that says exactly what it is told to."""

import http.client
import json
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from eshi.studio.serve import opened
from eshi.studio.server import Server


class Client:
    def __init__(self, server: Server):
        self.server, self.port = server, server.manners.port
        self.host = f"127.0.0.1:{self.port}"
        self.cookie = f"{server.manners.cookie}={server.manners.session}"

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Exactly these headers, and a Host where none is given."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            line.request(method, path, body, {"Host": self.host} | (headers or {}))
            answer = line.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            line.close()

    def get(self, path: str, **params: Any) -> tuple[int, Any]:
        query = f"?{urlencode(params)}" if params else ""
        return self.read(
            self.raw("GET", path + query, headers={"Cookie": self.cookie, "Sec-Fetch-Site": "same-origin"})
        )

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        mine = {"Cookie": self.cookie, "Origin": f"http://{self.host}", "Content-Type": "application/json"}
        return self.read(self.raw("POST", path, json.dumps(body).encode(), mine))

    def read(self, answer: tuple[int, dict[str, str], bytes]) -> tuple[int, Any]:
        status, headers, body = answer
        return status, json.loads(body) if headers.get("content-type") == "application/json" else body


class News:
    """What a page hears."""

    def __init__(self, client: Client):
        self.told: list[tuple[str, Any]] = []
        self.line = http.client.HTTPConnection("127.0.0.1", client.port, timeout=30)
        self.line.request("GET", "/api/news", headers={"Host": client.host, "Cookie": client.cookie})
        self.answer = self.line.getresponse()
        assert self.answer.getheader("Content-Type") == "text/event-stream"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        kind = ""
        for line in self.answer:
            words = line.decode().strip()
            if words.startswith("event: "):
                kind = words[7:]
            elif words.startswith("data: "):
                self.told.append((kind, json.loads(words[6:])))

    def wait(self, fits: Any, seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := next((told for told in self.told if fits(*told)), None):
                return found[1]
            time.sleep(0.02)
        raise AssertionError(self.told)


def unpacked(bundle: bytes) -> tuple[Any, list[bytes]]:
    length = struct.unpack(">I", bundle[:4])[0]
    head, place, parts = json.loads(bundle[4 : 4 + length]), 4 + length, []
    for size in head["sizes"]:
        parts.append(bundle[place : place + size])
        place += size
    assert place == len(bundle)
    return head["facts"], parts


@contextmanager
def studio(folder: Path, host: str = "127.0.0.1", password: str | None = None) -> Iterator[Client]:
    server = opened(folder, host, 0, password)
    server.studio.watch.start()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Client(server)
    finally:
        server.studio.feed.end()
        server.shutdown()
        server.server_close()
        thread.join()
