"""Who may ask. A token gets a browser in once, a cookie keeps it in; no other website and no other name reaches it.

A page of the internet could send a browser to 127.0.0.1, or have its own name point there (DNS rebinding). So every
request must name this machine (Host), come from the studio's own pages (Origin, Sec-Fetch-Site), and show the cookie,
which SameSite=Strict keeps from being sent for others. A program shows the token: `Authorization: Bearer TOKEN`.
"""

import hmac
import ipaddress
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from email.message import Message

LOCAL = ("127.0.0.1", "localhost", "[::1]")
SAFE = ("GET", "HEAD")
PAUSE = 0.5  # seconds after a wrong password; they are counted one at a time, so no more than two a second are tried
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # without any, a browser would send the door's password from Origin: null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """With the status of HTTP that says why."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


@dataclass
class Manners:
    host: str
    port: int
    password: str = ""  # what may be typed in place of the token; needed where other machines can come
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self) -> None:
        self.knocking = threading.Lock()

    @property
    def cookie(self) -> str:
        """Cookies know no ports: two studios must not share one."""
        return f"eshi-{self.port}"

    @property
    def local(self) -> bool:
        return self.host in ("127.0.0.1", "localhost", "::1")

    def known_host(self, host: str) -> bool:
        """Does it name this machine? A name from elsewhere never does; an address is no name that could be rebound."""
        name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
        name, port = (name, port) if colon else (host, "80")
        if port != str(self.port):
            return False
        if name in LOCAL:
            return True
        if self.local:
            return False
        if name.lower() in (self.host.lower(), socket.gethostname().lower()):
            return True
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return self.host in ("0.0.0.0", "::") or name.strip("[]") == self.host

    def check(self, method: str, headers: Message, enter: bool = False) -> None:
        """Raises Refused. `enter`: it brings the token in its address, or asks for the door itself."""
        host = headers.get("Host", "")
        if not self.known_host(host):
            raise Refused(421, "this studio is not called that: use the address that eshi studio printed")
        origin = headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            raise Refused(403, "another website may not ask")
        if not enter and headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Refused(403, "another website may not ask")
        if enter:
            return
        if self.is_token(headers.get("Authorization", "").removeprefix("Bearer ")):
            return
        if not self.has_cookie(headers):
            raise Refused(401, "open the address that eshi studio printed")
        if method not in SAFE and origin is None:
            raise Refused(403, "a request that changes something must say where it comes from")

    def is_token(self, text: str) -> bool:
        return same(text, self.token)

    def has_cookie(self, headers: Message) -> bool:
        """Whatever other programs of this machine have set beside it: cookies know no ports."""
        shown = (word.strip().partition("=") for word in headers.get("Cookie", "").split(";"))
        return any(name == self.cookie and same(value, self.session) for name, _, value in shown)

    def is_password(self, text: str) -> bool:
        with self.knocking:
            if right := self.is_token(text) or bool(self.password and same(text, self.password)):
                return right
            time.sleep(PAUSE)
        return False

    def welcome(self) -> str:
        """The Set-Cookie of one who may come in."""
        return f"{self.cookie}={self.session}; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000"


def same(one: str, other: str) -> bool:
    """In the same time wherever they differ."""
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
