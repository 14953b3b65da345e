"""A real browser without a screen, driven over its DevTools protocol: the little that tests of pages need of it."""

import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-port=0",
]  # fmt: skip
PATIENCE = 20.0  # seconds for whatever is waited for: other work may keep the machine busy
KEYS = {"Enter": 13, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Tab": 9}


def program() -> str:
    """The browser, or the test is skipped for want of it."""
    named = os.environ.get("ESHI_CHROMIUM")
    found = next((path for name in ([named] if named else NAMES) if name and (path := shutil.which(name))), None)
    if not found:
        pytest.skip("no chromium on this machine (ESHI_CHROMIUM names one elsewhere)")
    return found


class Socket:
    """A WebSocket as RFC 6455 has it, as far as a DevTools server uses it: text in frames."""

    def __init__(self, address: str):
        place = urlparse(address)
        self.line = socket.create_connection((place.hostname, place.port), timeout=PATIENCE)
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET {place.path} HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        self.line.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self.line.recv(1)
        assert b" 101 " in answer.split(b"\r\n")[0], answer

    def send(self, text: str) -> None:
        content, mask = text.encode(), os.urandom(4)
        size = len(content)
        length = bytes([0x80 | size]) if size < 126 else struct.pack("!BH", 0xFE, size)
        if size > 65535:
            length = struct.pack("!BQ", 0xFF, size)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
        self.line.sendall(b"\x81" + length + mask + masked)

    def read(self) -> str:
        content = b""
        while True:
            first, second = self.exactly(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(self.exactly(2 if size == 126 else 8), "big")
            part = self.exactly(size)
            if first & 15 in (0, 1, 2):
                content += part
                if first & 128:
                    return content.decode()

    def exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.line.recv(min(count, 1 << 20))
            if not part:
                raise ConnectionError("the browser has gone")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


class Tab:
    """One page. `errors` are what its console complained of, `asked` what it wanted from anywhere but itself."""

    def __init__(self, address: str, downloads: Path):
        self.socket, self.number, self.downloads = Socket(address), 0, downloads
        self.errors: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")
        self.do("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.do("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def do(self, method: str, **facts: Any) -> dict[str, Any]:
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": facts}))
        while True:
            message = json.loads(self.socket.read())
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self.hear(message.get("method", ""), message.get("params", {}))

    def hear(self, event: str, facts: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            details = facts["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in facts["args"]))
        elif event == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.errors.append(facts["entry"]["text"])
        elif event == "Network.requestWillBeSent" and not facts["request"]["url"].startswith(
            ("file:", "data:", "blob:")
        ):
            self.asked.append(facts["request"]["url"])

    def open(self, url: str) -> None:
        """Also where only the fragment differs: then it is loaded anew."""
        self.do("Page.navigate", url="about:blank")
        self.do("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def js(self, code: str) -> Any:
        """The value of an expression, once it is there."""
        told = self.do("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"].get("exception", {}).get("description", told)
        return told["result"].get("value")

    def wait(self, code: str, patience: float = PATIENCE) -> Any:
        """The value of an expression, once it is true; also over a reload."""

        def tried() -> Any:
            try:
                return self.js(f"(found => found instanceof Node || found)({code})")
            except AssertionError as error:
                if "navigated or closed" in str(error) or "context was destroyed" in str(error):
                    return None
                raise

        return until(tried, code, patience)

    def click(self, selector: str) -> None:
        """As a mouse does it: in its middle, which must not lie behind something else."""
        place = self.js(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'});"
            "const box = one.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;"
            "const there = document.elementFromPoint(x, y);"
            "return [x, y, one === there || one.contains(there) || one.labels?.[0]?.contains(there)] })()"
        )
        assert place[2], f"{selector} lies behind something else"
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def key(self, key: str, modifiers: int = 0) -> None:
        """A letter, or a key by its name; modifiers: 1 Alt, 2 Control, 8 Shift."""
        code = KEYS.get(key, ord(key[0].upper()))
        text = (
            {"text": {"Enter": "\r"}.get(key, key)} if (len(key) == 1 or key == "Enter") and not modifiers & 3 else {}
        )
        for kind in ("keyDown", "keyUp"):
            down = text if kind == "keyDown" else {}
            self.do(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, modifiers=modifiers, **down
            )

    def screen(self, width: int, height: int, scale: float = 1, mobile: bool = False, dark: bool = False) -> None:
        self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    def tongue(self, languages: str) -> None:
        """What the browser says its user reads, for pages opened from now on."""
        self.do("Emulation.setUserAgentOverride", userAgent=self.js("navigator.userAgent"), acceptLanguage=languages)

    def screenshot(self, file: Path) -> Path:
        file.write_bytes(base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"]))
        return file

    def downloaded(self, suffix: str) -> bytes:
        """The file that came last, once it is whole; it is taken away."""
        file: Path = until(lambda: next(iter(self.downloads.glob(f"*{suffix}")), None), f"a download *{suffix}")
        content = file.read_bytes()
        file.unlink()
        return content


def until(there: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {patience:g} s: {what}")


@contextmanager
def chromium(folder: Path) -> Iterator[Tab]:
    """A browser of its own, whose profile and downloads lie in `folder`, with one tab."""
    profile, downloads = folder / "profile", folder / "downloads"
    downloads.mkdir(parents=True)
    process = subprocess.Popen(
        [program(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        where = profile / "DevToolsActivePort"
        port = until(lambda: where.exists() and where.read_text().split("\n")[0], "the browser's start")
        yield Tab(first_page(int(port)), downloads)
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # its own session: the browser and its helpers, nobody else
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def first_page(port: int) -> str:
    import urllib.request

    def found() -> str | None:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/json") as told:
            return next((str(one["webSocketDebuggerUrl"]) for one in json.load(told) if one["type"] == "page"), None)

    return str(until(found, "a tab"))
