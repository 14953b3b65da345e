"""What gallery-dl says and leaves, line by line and file by file: heard, examined, kept or put away."""

import contextlib
import hashlib
import json
import tracemalloc
from pathlib import Path

import pytest
from booru import picture
from collected import pictures, rows

from eshi.gather import arrivals, sites
from eshi.gather.arrivals import Arrivals
from eshi.gather.hearing import Ear, Summary
from eshi.ground.progress import Progress


@pytest.mark.parametrize(
    "line",
    [
        "", "after", "after ../../etc/passwd", "after x.json", "skip", "error x", "\x00\ufffd", "log\t", "log\ta\tb",
        "{", "{}", "[1]", '{"fetched_url": 7}', '{"fetched_url": "a", "engine": "b", "eshi": 1}', '{"engine": {}}',
        '{"engine": "a", "id": [[]], "extension": {}, "rating": [], "search_count": "\u00b2"}',
        '{"engine": "a", "search_count": "' + "9" * 5000 + '"}', "log\twarning\tx\t\x1b[2J (1/6)",
    ],
)  # fmt: skip
def test_no_line_upsets_the_ear(line: str, tmp_path: Path) -> None:
    summary = Summary("here", tmp_path)
    with arrivals.open_catalogue(tmp_path / "pictures.sqlite") as catalogue:
        arrived = Arrivals(catalogue, tmp_path, tmp_path, "safe")
        ear = Ear(sites.source("konachan", "", "safe"), "safe", summary, arrived, 0, Progress("listening"))
        ear.hear(line)
        assert not ear.full()
        ear.farewell(1)
    assert all(told.isprintable() for told in summary.lines())
    assert ear.bar.text().isprintable()
    assert summary.new == 0


def arrive(folder: Path, content: bytes, **told: object) -> tuple[str, int]:
    """One file and its note, as gallery-dl leaves them, admitted."""
    incoming = folder / ".collect" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    (incoming / "1.png").write_bytes(content)
    call = {"root": "https://host", "url": "https://host/all", "quality": "original"}
    post = {"_archive_key": "site/1", "engine": "other", "rating": "safe", "fetched_url": "https://host/1.png"}
    (incoming / "1.png.json").write_text(json.dumps(post | {"eshi": call} | told))
    catalogue = arrivals.open_catalogue(folder / "pictures.sqlite")
    with contextlib.closing(catalogue):
        return Arrivals(catalogue, folder, incoming, "safe").admit(incoming / "1.png.json")


def test_a_large_file_is_not_read_into_memory(tmp_path: Path) -> None:
    content = picture(1, "png", (64, 48)) + bytes(30_000_000)  # what follows the picture is part of the file
    md5 = hashlib.md5(content).hexdigest()
    (tmp_path / "one").mkdir()
    outcome = arrive(tmp_path / "one", content)
    del content
    assert (outcome[0], rows(tmp_path / "one")[0]["md5"]) == ("new", md5)
    kept = next((tmp_path / "one" / "site").iterdir())
    tracemalloc.start()
    try:
        arrivals.examine(kept)
        assert arrivals.digest(kept) == md5
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_notes_that_make_no_sense_are_put_away(tmp_path: Path) -> None:
    content = picture(1, "png", (64, 48))
    for told in (
        {"_archive_key": "site/" + "絵" * 300},  # longer than a file name may be
        {"_archive_key": "絵" * 300 + "/../../x"},
        {"_archive_key": "..", "id": ["a"], "source": {"a": 1}, "tags": [1, "b"], "artist": 7, "md5": [1]},
    ):
        assert arrive(tmp_path, content, **told) == ("new", len(content))
    assert arrive(tmp_path, content, _archive_key="site/\ud800") == ("with unreadable metadata", 0)
    assert arrive(tmp_path, content, _archive_key="site/2", post_url="javascript:alert(1)")[0] == "new"
    assert len(pictures(tmp_path)) == len(rows(tmp_path)) == 4
    assert not list(tmp_path.parent.glob("x.*"))
    assert {row["post_url"] for row in rows(tmp_path)} == {"https://host/all"}


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp", "tiff", "avif"])
def test_a_picture_is_named_by_what_it_is(kind: str, tmp_path: Path) -> None:
    (tmp_path / "lies.txt").write_bytes(picture(1, kind, (40, 30)))
    suffix = {"jpeg": "jpg", "tiff": "tif"}.get(kind, kind)
    assert arrivals.examine(tmp_path / "lies.txt") == ("", (suffix, 40, 30))
