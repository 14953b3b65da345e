"""Collecting all of it: every engine and quality, storms, kills at any moment, two at once."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from booru import Booru, make_posts
from collected import ENGINES, check, get, is_fine, needs_gallery_dl, pictures, rows

from eshi.ground.errors import EshiError

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.mark.slow
@needs_gallery_dl
@pytest.mark.parametrize("quality", ["original", "sample", "preview"])
@pytest.mark.parametrize("engine", ENGINES)
def test_all_pages_of_each_engine_in_each_quality(engine: str, quality: str, tmp_path: Path) -> None:
    posts = make_posts(engine, safe=190, unsafe=40, hidden=6, deleted=4)
    with Booru((engine, posts)) as booru:
        first = get(booru, tmp_path, quality=quality)
        assert (first.new, first.unsafe, first.hidden) == (190, 40, 10)
        assert booru.pages > 1
        check(tmp_path, engine, posts, quality)
        before = booru.asked.copy()
        assert set(before.values()) == {1}
        assert get(booru, tmp_path, quality=quality).present == 190
        assert booru.asked == before
        check(tmp_path, engine, posts, quality)


@pytest.mark.slow
@needs_gallery_dl
def test_two_engines_on_one_port_do_not_mistake_each_other(tmp_path: Path) -> None:
    sides = [(engine, make_posts(engine, safe=4, unsafe=2)) for engine in ENGINES]
    with Booru(*sides) as booru:
        for engine, _ in sides:
            assert get(booru, tmp_path, engine).new == 4
    assert len(pictures(tmp_path)) == len({row["file"] for row in rows(tmp_path)}) == 12


@pytest.mark.slow
@needs_gallery_dl
@pytest.mark.parametrize("engine", ENGINES)
def test_storms_and_cuts_are_sat_out(engine: str, tmp_path: Path) -> None:
    posts = make_posts(engine, safe=12, unsafe=2)
    fine = [post.id for post in posts if is_fine(post, engine)]
    with Booru((engine, posts)) as booru:
        booru.list_faults = ["503", "429", "421"]
        faults = [["429", "429"], ["421"], ["503"], ["cut"], ["no range cut"], ["quiet cut"], ["login"], ["403"]]
        booru.file_faults.update(dict(zip(fine, faults, strict=False)))
        found = get(booru, tmp_path, quality="original")
        # a connection cut where no length was told cannot be noticed but by the picture; 403 and logins are not retried
        assert found.new == 9
        assert found.no_picture == {"other than the service's md5": 1} or found.no_picture == {"broken or cut short": 1}
        assert found.failed.total() == 2
        assert found.failed["403"] == 1
        assert get(booru, tmp_path, quality="original").new == 3
        check(tmp_path, engine, posts)


@pytest.mark.slow
@needs_gallery_dl
def test_a_service_that_will_not_is_left_alone(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=30)
    with Booru(("moebooru", posts)) as booru:
        for post in posts:
            booru.file_faults[post.id] = ["403"]
        refused = get(booru, tmp_path, quality="original")
        assert (refused.code, refused.new, refused.failed["403"]) == (1, 0, 5)
        assert booru.asked.total() == 5
        assert "5 files in a row failed (403)" in refused.stopped
        booru.list_faults = ["403"]
        walled = get(booru, tmp_path)
        assert walled.code == 1
        assert "403" in walled.stopped
        booru.list_faults = ["html"]
        assert get(booru, tmp_path).code == 1


COMMAND = """
import sys; from pathlib import Path; from eshi import collect
site, folder = sys.argv[1:3]
print("\\n".join(collect(site, "1girl", out=Path(folder), quality="original", pause=0, min_free=0).lines()))
"""


def start(booru: Booru, folder: Path) -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND, booru.site(), str(folder)]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@needs_gallery_dl
@pytest.mark.parametrize("engine", ENGINES)
def test_killed_at_any_moment_the_same_command_goes_on(engine: str, tmp_path: Path) -> None:
    posts = make_posts(engine, safe=60, unsafe=10, hidden=2)
    moments = random.Random(engine)
    with Booru((engine, posts), delay=0.01) as booru:
        for round_ in range(8):
            process = start(booru, tmp_path)
            time.sleep(moments.uniform(0.3, 1.3))
            if round_ % 4 == 3:  # the parent alone: gallery-dl is orphaned
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=30)
        assert get(booru, tmp_path, quality="original").code == 0
        check(tmp_path, engine, posts)
        before = booru.asked.total()
        assert get(booru, tmp_path, quality="original").present == 60
        assert booru.asked.total() == before


@pytest.mark.slow
@needs_gallery_dl
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    posts = make_posts("moebooru", safe=40)
    with Booru(("moebooru", posts), delay=0.05) as booru:
        process = start(booru, tmp_path)
        for _ in range(200):
            if booru.asked.total() > 5:
                break
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=30)
        assert "stopped by Ctrl-C" in out
        assert "goes on" in out
        kept = len(rows(tmp_path))
        assert 3 < kept < 40
        assert kept == len(pictures(tmp_path))
        get(booru, tmp_path, quality="original")
        check(tmp_path, "moebooru", posts)


@pytest.mark.slow
@needs_gallery_dl
def test_two_at_once_in_one_folder_is_refused(tmp_path: Path) -> None:
    with Booru(("moebooru", make_posts("moebooru", safe=40)), delay=0.5) as booru:
        process = start(booru, tmp_path)
        for _ in range(200):
            if booru.asked:
                break
            time.sleep(0.05)
        with pytest.raises(EshiError, match="another eshi"):
            get(booru, tmp_path)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
