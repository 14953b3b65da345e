"""Collecting from a service that lies: files and listings without end, redirects, words that would steer a terminal."""

import shutil
from pathlib import Path

import pytest
from booru import Booru, make_posts
from collected import check, get, needs_gallery_dl, pictures, rows, within

from eshi.gather import hearing, leash

pytestmark = pytest.mark.usefixtures("no_proxy")


@needs_gallery_dl
def test_a_file_without_end_is_given_up_and_the_others_come(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=5)
    most = sum(len(post.original) for post in posts)
    with Booru(("moebooru", posts)) as booru, within(30):
        for post, fault in zip(posts[1:4], ("endless", "chunked", "bomb"), strict=True):
            booru.file_faults[post.id] = [fault] * 9
        found = get(booru, tmp_path, quality="original", max_bytes=most)
        assert set(booru.asked.values()) == {1}
        assert booru.sent < 30_000_000  # what sockets hold, and no more
    assert (found.new, dict(found.failed), found.code) == (2, {"too large": 3}, 0)
    check(tmp_path, "moebooru", [posts[0], posts[4]])


@needs_gallery_dl
def test_without_a_limit_too_no_file_is_endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eshi.gather.collect.BOUNDS", leash.Bounds(file=2_000_000))
    posts = make_posts("danbooru", safe=2)
    assert leash.Bounds().file == 100_000_000
    with Booru(("danbooru", posts)) as booru, within(30):
        booru.file_faults[posts[0].id] = ["endless"] * 9
        found = get(booru, tmp_path)
    assert (found.new, dict(found.failed)) == (1, {"too large": 1})
    check(tmp_path, "danbooru", posts[1:], "sample")


@needs_gallery_dl
def test_the_disk_keeps_its_room_while_a_file_comes(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=2)
    free = shutil.disk_usage(tmp_path).free
    with Booru(("moebooru", posts)) as booru, within(30):
        booru.file_faults[posts[0].id] = ["endless"] * 9
        found = get(booru, tmp_path, quality="original", min_free=free - 20_000_000)
        assert booru.sent < 90_000_000  # before the file itself would be too large
    assert (found.new, found.code) == (0, 1)
    assert "left on the disk" in found.stopped
    assert not pictures(tmp_path)


@needs_gallery_dl
def test_the_folder_never_holds_more_than_the_limit(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=5)
    sizes = [len(post.original) for post in posts]
    most = sum(sizes[:3]) + sizes[3] // 2
    with Booru(("moebooru", posts)) as booru:
        assert get(booru, tmp_path / "one", quality="original", max_bytes=sizes[0]).new == 1
        found = get(booru, tmp_path, quality="original", max_bytes=most)
        assert (found.new, found.bytes, found.code) == (3, sum(sizes[:3]), 0)
        assert "size limit" in found.stopped
        assert sum(row["bytes"] for row in rows(tmp_path)) <= most
        get(booru, tmp_path, quality="original", max_bytes=most + sum(sizes))
        assert len(rows(tmp_path)) == 5


@needs_gallery_dl
def test_a_slow_sender_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eshi.gather.collect.BOUNDS", leash.Bounds(grace=0.7))
    posts = make_posts("moebooru", safe=4)
    with Booru(("moebooru", posts)) as booru, within(30):
        booru.file_faults |= {posts[0].id: ["slow"] * 9, posts[1].id: ["slow head"] * 9}
        found = get(booru, tmp_path, quality="original")
        assert (found.new, dict(found.failed), found.code) == (2, {"too slow": 2}, 0)
        booru.list_faults = ["slow head"]
        found = get(booru, tmp_path, quality="original")
        assert (found.new, found.code) == (0, 1)
        assert found.stopped.endswith("the listing is too slow")
        check(tmp_path, "moebooru", posts[2:])


@needs_gallery_dl
@pytest.mark.parametrize("fault", ["endless", "bomb"])
def test_a_listing_without_end_is_an_error(fault: str, tmp_path: Path) -> None:
    with Booru(("gelbooru_v02", make_posts("gelbooru_v02", safe=1))) as booru, within(30):
        booru.list_faults = [fault]
        found = get(booru, tmp_path)
        assert booru.sent < 40_000_000
    assert (found.posts, found.code) == (0, 1)
    assert found.stopped.endswith("the listing is too large")


@needs_gallery_dl
def test_a_listing_that_turns_in_circles_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "STALE", 4)
    posts = make_posts("moebooru", safe=3, unsafe=97)
    with Booru(("moebooru", posts)) as booru, within(30):
        booru.circular = True
        found = get(booru, tmp_path)
        assert 4 < booru.pages < 20
    assert (found.new, found.code) == (3, 1)
    assert "turns in circles" in found.stopped


@needs_gallery_dl
def test_a_redirect_leads_to_no_other_port_or_scheme(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=3)
    with Booru(("moebooru", posts)) as other, Booru(("moebooru", posts)) as booru, within(30):
        for address in (other.root + posts[0].path("original"), booru.root.replace("http", "https")):
            booru.elsewhere = address
            booru.file_faults[posts[0].id] = ["elsewhere"] * 9
            found = get(booru, tmp_path, quality="original")
            assert dict(found.failed) == {leash.ELSEWHERE: 1}
            booru.list_faults = ["elsewhere"]
            walled = get(booru, tmp_path, quality="original")
            assert walled.code == 1
            assert f"{leash.ELSEWHERE}: {address}" in walled.stopped
        assert not other.agents
        check(tmp_path, "moebooru", posts[1:])


def test_which_redirects_are_followed() -> None:
    here = "http://host/a"
    for there in ("http://host/b", "http://cdn.other/b", "http://host:80/", "https://host/a", "https://host:443"):
        assert leash.same_door(here, there)
    for there in ("http://host:8080/", "https://host:8443/", "ftp://host/", "file:///etc/passwd", "http://host:x/"):
        assert not leash.same_door(here, there)
    assert not leash.same_door("https://host/", "http://host/")
    assert not leash.same_door("http://host:8080/", "https://host/")


HOSTILE = {
    "id": "7\n[x](javascript:alert(1))\x1b[2J",
    "source": "javascript:alert(1)\x1b]0;owned\x07",
    "tags": "1girl <script>\x1b[31m \u202egnp.exe",
    "author": "=HYPERLINK(1)",
    "artist": "\x9b31m=cmd|x\n# shout",
}


@needs_gallery_dl
def test_no_word_of_a_service_steers_the_terminal_or_becomes_an_address(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=2)
    posts[0].told = HOSTILE
    with Booru(("moebooru", posts)) as booru, within(30):
        seen = get(booru, tmp_path, dry_run=True)
        assert all(line.isprintable() for line in seen.lines())
        assert seen.new == 2
        assert get(booru, tmp_path, quality="original").new == 2
        row = next(row for row in rows(tmp_path) if "script" in row["tags"])
        assert all(value.isprintable() for name, value in row.items() if isinstance(value, str) and name != "key")
        assert row["post_url"].startswith(booru.root + "/post/show/7%0A%5Bx%5D%28")
        booru.list_faults = ["shout"]
        walled = get(booru, tmp_path, quality="original")
        assert "403" in walled.stopped
        assert all(line.isprintable() for line in walled.lines())
