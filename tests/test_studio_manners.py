"""Who may ask the studio, for what, and how much: no website, no other name, nothing outside the folder, no flood."""

import concurrent.futures
import json
import os
import re
import resource
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from studio import Client, studio, unpacked

from eshi.gather import catalogue, verdicts
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.studio.manners import Manners
from eshi.studio.place import Outside, Place
from eshi.studio.serve import opened

EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with faces, odd files among them, and a secret beside it."""
    home = tmp_path_factory.mktemp("home")
    secret, folder = home / "secret", home / "in"
    for i in range(6):
        pixels = np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8)
        image.save(pixels, folder / "faces" / f"{i}.png")
        image.save(pixels, secret / f"{i}.png")
    if os.name != "nt":
        image.save(pixels, folder / "faces" / "<script>alert(1)<.png")
    (folder / "faces" / "cut.png").write_bytes((folder / "faces" / "0.png").read_bytes()[:90])
    (folder / "faces" / "text.png").write_text("no picture")
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"\0" * 150_000_000)
    (folder / "faces" / "linked.png").symlink_to(secret / "0.png")
    (folder / "linked").symlink_to(secret)
    (folder / "loop").symlink_to(folder / "loop")
    with catalogue.opened(folder / "faces") as base:
        base.execute(
            "insert into faces (file, tags, artist, post_url) values ('0.png', ?, ?, 'javascript:alert(1)')",
            (EVIL, EVIL),
        )
    return home


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[Client]:
    with studio(home / "in") as client:
        yield client


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(client: Client) -> None:
    status, headers, _ = client.raw("GET", f"/?token={client.server.manners.token}")
    assert (status, headers["location"]) == (303, "/")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=Strict" in headers["set-cookie"]
    assert client.server.manners.token not in headers["set-cookie"]
    cookie = headers["set-cookie"].split(";")[0]
    for others in ("", 'theirs={"a": 1}; ', "=; ;; a b; "):
        assert client.raw("GET", "/", headers={"Cookie": others + cookie})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Cookie": "eshi=1"}, {"Cookie": "{"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}],
)
@pytest.mark.parametrize("path", ["/", "/faces", "/api/things", "/api/news", "/static/base.js", "/nowhere"])
def test_without_the_token_nobody_gets_in(client: Client, path: str, headers: dict[str, str]) -> None:
    assert client.raw("GET", path, headers=headers)[0] == 401


def test_a_wrong_token_is_refused_and_slow(client: Client) -> None:
    assert client.raw("GET", "/?token=" + "a" * 32)[0] == 401
    assert client.raw("POST", "/door", b"password=a", {"Origin": f"http://{client.host}"})[0] == 401


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""]
)
def test_another_name_for_this_machine_is_no_name(client: Client, host: str) -> None:
    """DNS rebinding: a website's own name that points to 127.0.0.1."""
    headers = {"Host": host.format(port=client.port), "Cookie": client.cookie}
    assert client.raw("GET", "/api/things", headers=headers)[0] == 421
    assert client.raw("GET", f"/?token={client.server.manners.token}", headers=headers)[0] == 421


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://127.0.0.1:1"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_website_may_not_ask_even_with_the_cookie(client: Client, method: str, headers: dict[str, str]) -> None:
    told = {key: value.format(port=client.port) for key, value in headers.items()}
    told |= {"Cookie": client.cookie, "Content-Type": "application/json"}
    status, answered, _ = client.raw(method, "/api/things", b"{}" if method == "POST" else None, told)
    assert status == 403
    assert not [name for name in answered if name.startswith("access-control")]


def test_what_changes_something_must_say_where_it_comes_from(client: Client) -> None:
    body = json.dumps({"at": "faces", "word": "drop", "files": ["0.png"]}).encode()
    kind = {"Content-Type": "application/json"}
    path = "/api/faces/verdict"
    assert client.raw("POST", path, body, {"Cookie": client.cookie} | kind)[0] == 403
    mine = {"Cookie": client.cookie, "Origin": f"http://{client.host}"}
    for sent in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert client.raw("POST", path, body, mine | {"Content-Type": sent})[0] == 415  # what a form can send
    assert client.raw("GET", path, headers={"Cookie": client.cookie})[0] == 405
    assert verdicts.verdicts(client.server.studio.place.root / "faces") == {}
    token = {"Authorization": f"Bearer {client.server.manners.token}"}
    assert client.raw("POST", "/api/faces/undo", b'{"at": "faces"}', token | kind)[0] == 200  # a program


def test_every_answer_bears_the_strict_headers(client: Client) -> None:
    for path in ("/", "/api/things", "/static/base.js", "/api/nowhere", "/nowhere"):
        _, headers, _ = client.raw("GET", path, headers={"Cookie": client.cookie})
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"  # with no-referrer the door's form has no origin


@pytest.mark.parametrize("room", ["/", "/faces", "/runs", "/draw", "/work"])
def test_pages_hold_no_script_and_no_style_of_their_own(client: Client, room: str) -> None:
    status, page = client.get(room)
    assert status == 200
    text = page.decode()
    assert re.findall(r"<script(?! type=\"module\" src=\"/static/\w+\.js\"></script>)", text) == []
    assert not re.search(r"\sstyle=|\son\w+=|javascript:|https?://", text)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        assert client.get(asset)[0] == 200


PATHS = [
    "..",
    "../secret",
    "faces/../../secret",
    "/etc",
    "C:\\Windows",
    "\\\\host\\share",
    "linked",
    "linked/0.png",
    "loop",
    "a\0b",
    "..\\secret",
    "faces/\0",
    "./../secret",
]


@pytest.mark.parametrize("at", PATHS)
def test_nothing_outside_the_folder_is_reached(client: Client, at: str) -> None:
    for path in ("/api/faces", "/api/run", "/api/draw"):
        assert client.get(path, at=at)[0] in (400, 404), path
    assert client.get("/api/faces/thumb", at="faces", file=at)[0] in (400, 404)
    assert client.get("/api/faces/thumb", at="faces", file=f"{at}/0.png")[0] in (400, 404)
    assert client.post("/api/faces/verdict", at=at, word="drop", files=["0.png"])[0] in (400, 404)


def test_a_linked_face_is_not_shown(client: Client) -> None:
    assert client.get("/api/faces/thumb", at="faces", file="linked.png")[0] in (400, 404)
    _, body = client.post(
        "/api/faces/thumbs", at="faces", files=["0.png", "linked.png", "cut.png", "text.png", "no.png"]
    )
    sizes = [len(part) for part in unpacked(body)[1]]
    assert sizes[0] > 0
    assert sizes[1:] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/",
        "/static/frame.html",
        "//etc/passwd",
        "/static/..%2fserver.py",
    ],
)
def test_only_the_files_of_the_pages_are_served(client: Client, path: str) -> None:
    assert client.raw("GET", path, headers={"Cookie": client.cookie})[0] in (400, 404)


def test_odd_words_stay_words(client: Client) -> None:
    _, told = client.get("/api/faces/about", at="faces", file="0.png")
    assert told["tags"] == EVIL.split()
    assert told["link"] is None  # javascript: is no link
    _, headers, _ = client.raw("GET", "/api/faces/about?at=faces&file=0.png", headers={"Cookie": client.cookie})
    assert headers["content-type"] == "application/json"
    assert client.get("/api/faces", at=f"<script>{EVIL}")[0] in (400, 404)


def test_bombs_and_broken_pictures_are_left_out(client: Client) -> None:
    assert client.get("/api/faces/thumb", at="bomb.zip", file="a.png")[0] in (400, 404)
    status, found = client.get("/api/faces", at="faces")
    assert status == 200
    assert {"cut.png", "text.png"} <= set(found["files"])


@pytest.mark.parametrize(
    ("path", "params"),
    [("/api/faces", {}), ("/api/faces", {"at": "faces", "color": "x"}), ("/api/faces", {"at": "x" * 5000}),
     *(("/api/faces/thumb", {"at": "faces", "file": "0.png", "px": px}) for px in ("99999", "nan", "1e3", "-1")),
     ("/api/jobs/result", {"job": "7"}), ("/api/faces?at=a&at=b", {}), ("/api/faces?at=%ff", {})],
)  # fmt: skip
def test_what_is_not_asked_well_is_an_answer_too(client: Client, path: str, params: dict[str, str]) -> None:
    status, told = client.get(path, **params)
    assert status in (400, 404)
    assert told["error"]


def test_too_much_at_once_is_refused(client: Client) -> None:
    assert client.post("/api/faces/thumbs", at="faces", files=["0.png"] * 10_000)[0] == 400
    assert client.post("/api/faces/verdict", at="faces", word="drop", files=["x"] * 30_000)[0] in (400, 413)
    assert client.post("/api/faces/verdict", at="faces", word="drop", files=[{"a": 1}])[0] == 400
    deep = b'{"at":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    mine = {"Cookie": client.cookie, "Origin": f"http://{client.host}", "Content-Type": "application/json"}
    assert client.raw("POST", "/api/faces/verdict", deep, mine)[0] == 400
    for length in ("100000000", "99999999999999999999", "-1", "1e3", "١"):
        with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
            head = f"POST /api/faces/verdict HTTP/1.1\r\nHost: {client.host}\r\nOrigin: http://{client.host}\r\n"
            line.sendall(
                f"{head}Cookie: {client.cookie}\r\nContent-Type: application/json\r\n".encode()
                + f"Content-Length: {length}\r\n\r\n".encode()
            )
            assert re.match(rb"HTTP/1.1 (400|411|413) ", line.recv(1000))


@pytest.mark.parametrize(
    "words",
    [
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET " + b"a" * 70_000,
    ],
)
def test_what_is_no_request_hurts_nobody(client: Client, words: bytes) -> None:
    with socket.create_connection(("127.0.0.1", client.port), timeout=10) as line:
        line.sendall(words)
        line.shutdown(socket.SHUT_WR)
        assert b" 200 " not in line.recv(300)
    assert client.get("/api/things")[0] == 200


def test_two_hundred_at_once_are_served_or_refused_and_memory_stays(client: Client) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ask = lambda i: client.get("/api/faces/thumb", at="faces", file=f"{i % 6}.png", px=16 + i % 300)[0]  # noqa: E731
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        statuses = list(pool.map(ask, range(200)))
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 100
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB
    assert client.get("/api/things")[0] == 200


def test_other_machines_need_a_password(home: Path) -> None:
    server = opened(home / "in", "0.0.0.0", 0, None)
    try:
        assert len(server.manners.password) >= 12
    finally:
        server.server_close()
    with pytest.raises(EshiError, match="too short"):
        opened(home / "in", "0.0.0.0", 0, "1234")
    with studio(home / "in", "0.0.0.0", "correct horse") as client:
        assert b'name="password"' in client.raw("GET", "/")[2]
        origin = {"Origin": f"http://{client.host}"}
        assert client.raw("POST", "/door", b"password=wrong", origin)[0] == 401
        assert client.raw("POST", "/door", b"password=correct+horse")[0] == 403
        status, headers, _ = client.raw("POST", "/door", b"password=correct+horse", origin)
        assert status == 303
        assert client.raw("GET", "/", headers={"Cookie": headers["set-cookie"].split(";")[0]})[0] == 200


def test_the_folder_itself_is_called_by_a_dot(home: Path) -> None:
    place = Place.of(home / "in" / "faces")
    assert place.things() == {".": "faces"}
    assert place.inside(".") == place.root
    assert Place.of(home / "in").name(home.resolve() / "in" / "faces") == "faces"


def test_which_names_are_ours() -> None:
    mine = Manners("0.0.0.0", 80)
    assert all(mine.known_host(host) for host in ("127.0.0.1", "127.0.0.1:80", "192.168.1.7:80", "[::1]:80"))
    assert not any(
        mine.known_host(host) for host in ("example.com", "example.com:80", "192.168.1.7:81", "1.2.3.4.nip.io:80")
    )
    alone = Manners("127.0.0.1", 8123)
    assert not any(
        alone.known_host(host) for host in ("192.168.1.7:8123", "127.0.0.1.evil:8123", "::1", "[::1", ":8123")
    )


@pytest.mark.parametrize(
    "name", ["", ".", ".hidden", "a/../b", "/a", "a//b", "a/", "-rf", "a\nb", "a/.git", " a", "b."]
)
def test_new_folders_have_plain_names(tmp_path: Path, name: str) -> None:
    place = Place.of(tmp_path)
    with pytest.raises((EshiError, Outside)):
        place.new(name)
    assert place.new("runs/my first (2)") == tmp_path.resolve() / "runs" / "my first (2)"
