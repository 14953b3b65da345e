"""Collecting, with the real gallery-dl, from a booru on the loopback."""

import importlib.util
import json
from pathlib import Path

import pytest
from booru import PAGE, Booru, Post, make_posts, picture
from collected import check, get, is_fine, needs_gallery_dl, pictures, rows

from eshi.gather import arrivals, sites
from eshi.ground.errors import EshiError
from eshi.verbs.gathering import collect

pytestmark = pytest.mark.usefixtures("no_proxy")


@needs_gallery_dl
def test_collects_safe_pictures_once_and_again_asks_for_none(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=5, unsafe=3, hidden=1, deleted=1)
    with Booru(("moebooru", posts)) as booru:
        first = get(booru, tmp_path, quality="original")
        assert (first.new, first.present, first.unsafe, first.hidden) == (5, 0, 3, 2)
        assert first.bytes == sum(len(post.original) for post in posts if is_fine(post, "moebooru"))
        assert set(booru.asked.values()) == {1}
        assert len(booru.asked) == 5
        assert booru.most_busy == 1
        assert all(agent.startswith("eshi/") for agent in booru.agents)
        check(tmp_path, "moebooru", posts)
        again = get(booru, tmp_path, quality="original")
        assert (again.new, again.present) == (0, 5)
        assert booru.asked.total() == 5
        check(tmp_path, "moebooru", posts)


@needs_gallery_dl
def test_a_dry_run_lists_and_writes_nothing(tmp_path: Path) -> None:
    with Booru(("danbooru", make_posts("danbooru", safe=3, unsafe=2))) as booru:
        seen = get(booru, tmp_path / "new", dry_run=True)
        assert not list(tmp_path.iterdir())
        assert not booru.asked
    assert (seen.new, seen.unsafe, len(seen.listed)) == (3, 2, 3)
    assert all("/data/sample/" in row["file_url"] and row["rating"] == "safe" for row in seen.listed)


@needs_gallery_dl
def test_what_is_no_picture_is_refused_and_named_by_its_true_suffix(tmp_path: Path) -> None:
    posts = make_posts("gelbooru_v02", safe=4)
    jpeg = picture(1, "jpeg", (40, 30))
    posts.append(Post(100, "safe", jpeg, "png"))  # a JPEG that calls itself PNG
    with Booru(("gelbooru_v02", posts)) as booru:
        booru.file_faults[posts[0].id] = ["lie"]
        booru.file_faults[posts[1].id] = ["html"]
        booru.file_faults[posts[2].id] = ["404"]
        found = get(booru, tmp_path, quality="original")
        assert (found.new, found.no_picture.total(), dict(found.failed)) == (2, 2, {"404": 1})
        assert found.code == 0
        assert PAGE not in pictures(tmp_path).values()
        assert (tmp_path / rows(tmp_path)[0]["site"].replace(":", "-") / "100.jpg").read_bytes() == jpeg
        assert get(booru, tmp_path, quality="original").new == 3  # what failed is asked for again
        check(tmp_path, "gelbooru_v02", posts)


@needs_gallery_dl
def test_limit_counts_pictures_of_the_search_and_size_counts_the_folder(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=6, unsafe=3)
    size = len(posts[0].files["sample"])
    with Booru(("moebooru", posts)) as booru:
        assert get(booru, tmp_path, limit=2).new == 2
        again = get(booru, tmp_path, limit=3)
        assert (again.new, again.present) == (1, 2)
        stopped = get(booru, tmp_path, max_bytes=3 * size // 2)
        assert stopped.new == 0
        assert "limit" in stopped.stopped
        with pytest.raises(EshiError, match="collects nothing"):
            get(booru, tmp_path, limit=0)
        full = get(booru, tmp_path, min_free=10**18)
        assert (full.new, full.code) == (0, 1)
        assert "left on the disk" in full.stopped


def test_a_rating_means_what_its_service_means_by_it() -> None:
    assert [sites.rating_of(engine, "s") for engine in ("moebooru", "danbooru", "other")] == [
        "safe",
        "sensitive",
        "sensitive",
    ]
    assert sites.rating_of("danbooru", "g") == sites.rating_of("gelbooru_v02", "general") == "safe"
    assert sites.rating_of("gelbooru", "sensitive") == "sensitive"
    assert sites.rating_of("moebooru", None) == sites.rating_of("moebooru", "x") == ""
    assert "" not in sites.allowed("explicit")
    for low, high in zip(sites.RATINGS, sites.RATINGS[1:], strict=False):
        assert sites.allowed(low) < sites.allowed(high)


def test_addresses_and_their_errors(tmp_path: Path) -> None:
    assert (
        sites.source("konachan", "1girl solo", "safe").url == "https://konachan.com/post?tags=1girl%20solo%20rating%3As"
    )
    assert sites.source("danbooru:http://host", "a", "any").url == "Danbooru:http://host/posts?tags=a"
    whole = "https://yande.re/pool/show/5"
    assert sites.source(whole, "", "safe").url == whole
    for site, tags, said in (("konachn", "", "no site"), (whole, "1girl", "already"), ("https://x.org", "a", "search")):
        with pytest.raises(EshiError, match=said):
            collect(site, tags, out=tmp_path / "none")
    with pytest.raises(EshiError) as error:
        collect("konachn", "1girl", out=tmp_path / "none")
    assert "konachan" in error.value.hint
    with pytest.raises(EshiError, match="--rating: there is no 'saef'"):
        collect("konachan", "1girl", out=tmp_path / "none", rating="saef")
    assert not list(tmp_path.iterdir())


@needs_gallery_dl
def test_an_address_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EshiError, match="cannot read") as error:
        collect("oddbooru:http://127.0.0.1:9/post/list/a/1", "", out=tmp_path, pause=0)
    assert error.value.code == 2


@needs_gallery_dl
def test_the_users_own_file_of_that_name_is_left_alone(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=2)
    with Booru(("moebooru", posts)) as booru:
        own = tmp_path / f"moebooru-127.0.0.1-{booru.root.rpartition(':')[2]}" / "5000.png"
        own.parent.mkdir()
        own.write_bytes(b"mine")
        assert get(booru, tmp_path, quality="original").new == 2
        assert own.read_bytes() == b"mine"
        assert own.parent.name == Path(rows(tmp_path)[0]["file"]).parent.name
        assert sorted(pictures(tmp_path).values()) == sorted([b"mine", *(post.original for post in posts)])


@needs_gallery_dl
def test_an_unsafe_file_that_slips_through_gallery_dl_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sites, "conditions", lambda rating: ["True"])
    posts = make_posts("danbooru", safe=2, unsafe=3)
    with Booru(("danbooru", posts)) as booru:
        get(booru, tmp_path, quality="original")
        assert len(booru.asked) == 5
        check(tmp_path, "danbooru", posts)


@needs_gallery_dl
def test_an_account_file_cannot_loosen_what_is_safe(tmp_path: Path) -> None:
    account = tmp_path / "keys.json"
    loose = {"file-filter": "True", "archive": ""}
    account.write_text(json.dumps(loose | {"extractor": loose | {"moebooru": loose}}))
    with Booru(("moebooru", make_posts("moebooru", safe=2, unsafe=4))) as booru:
        for _ in range(2):
            get(booru, tmp_path / "pictures", account=account)
        assert booru.asked.total() == 2


@needs_gallery_dl
@pytest.mark.parametrize("step", ["examine", "place"])  # before the catalogue knows of it, and after
def test_a_crash_between_any_two_steps_is_mended(step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = make_posts("gelbooru_v02", safe=3)

    def die(*_: object) -> None:
        raise SystemExit("killed here")

    with Booru(("gelbooru_v02", posts)) as booru:
        with monkeypatch.context() as broken:
            broken.setattr(arrivals, step, die)
            with pytest.raises(SystemExit):
                get(booru, tmp_path, quality="original", limit=1)
        assert not pictures(tmp_path)
        (tmp_path / ".collect" / "incoming" / "77.png.part").write_bytes(b"half")
        get(booru, tmp_path, quality="original")
        check(tmp_path, "gelbooru_v02", posts)
        assert max(booru.asked.values()) == 1  # what had arrived whole was not asked for again


def test_without_gallery_dl_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EshiError) as error:
        collect("konachan", "1girl", out=tmp_path / "none")
    assert "pip install 'eshi[collect]'" in error.value.hint
    assert not list(tmp_path.iterdir())


@needs_gallery_dl
def test_folders_and_files_may_be_words(tmp_path: Path) -> None:
    account = tmp_path / "keys.json"
    account.write_text("{}")
    with Booru(("moebooru", make_posts("moebooru", safe=1))) as booru:
        found = collect(booru.site(), "1girl", out=str(tmp_path / "p"), pause=0, min_free=0, account=str(account))
    assert (found.new, found.folder) == (1, tmp_path / "p")
