"""What is asked of a booru on the loopback, and what must be true of the folder afterwards."""

import contextlib
import hashlib
import importlib.util
import io
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from booru import Booru, Post
from PIL import Image

from eshi.gather import sites
from eshi.gather.hearing import Summary
from eshi.verbs.gathering import collect

ENGINES = ["moebooru", "danbooru", "gelbooru_v02"]
installed = importlib.util.find_spec("gallery_dl") is not None
needs_gallery_dl = pytest.mark.skipif(not installed, reason="gallery-dl is not installed: pip install 'eshi[collect]'")


def get(booru: Booru, folder: Path, engine: str = "", **options: object) -> Summary:
    return collect(booru.site(engine), "1girl", out=folder, **({"pause": 0, "min_free": 0} | options))  # type: ignore[arg-type]


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """What should end by itself must not hold up the others if it does not."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"still at it after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def is_fine(post: Post, engine: str) -> bool:
    safe = sites.rating_of(engine, post.rating) == "safe"
    return safe and not post.hidden and not post.deleted


def rows(folder: Path) -> list[dict]:
    with sqlite3.connect(folder / "pictures.sqlite") as catalogue:
        catalogue.row_factory = sqlite3.Row
        return [dict(row) for row in catalogue.execute("select * from pictures order by key")]


def pictures(folder: Path) -> dict[str, bytes]:
    """Everything in the folder but the catalogue and the hidden state."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".collect" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != "pictures.sqlite"}


def check(folder: Path, engine: str, posts: list[Post], quality: str = "original") -> None:
    """Every safe file once, byte for byte; nothing else; the catalogue says the same; no half file anywhere."""
    expected = {post.id: post.files[quality] for post in posts if is_fine(post, engine)}
    files, told = pictures(folder), rows(folder)
    assert {int(Path(name).stem): content for name, content in files.items()} == expected
    assert len(files) == len(expected)
    assert {row["file"] for row in told} == set(files)
    for row in told:
        content = files[row["file"]]
        with Image.open(io.BytesIO(content)) as opened:
            assert (row["width"], row["height"]) == opened.size
            assert row["file"].endswith({"PNG": ".png", "JPEG": ".jpg"}[opened.format or ""])
        assert (row["bytes"], row["md5"]) == (len(content), hashlib.md5(content).hexdigest())
        assert row["rating"] == "safe"
        assert "1girl" in row["tags"]
        assert row["post_id"] in row["post_url"]
    assert not list((folder / ".collect" / "incoming").iterdir())
