"""What the studio's rooms answer: faces and words about them, news, jobs. Over HTTP, as a page asks."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from studio import Client, News, studio

import eshi
from eshi.gather import catalogue, verdicts
from eshi.ground import image
from eshi.ground.progress import Progress
from eshi.studio.ask import ROUTES
from eshi.studio.feed import LISTENERS
from eshi.studio.jobs import OVER


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Painted pictures, the faces cut out of them, and others; torch is not needed here."""
    home = tmp_path_factory.mktemp("studio")
    eshi.paint(home / "pictures", count=4, workers=1)
    eshi.crop(home / "pictures", out=home / "faces", workers=1)
    for i in range(8):
        pixels = np.random.default_rng(i % 7).integers(0, 256, (32, 32, 3), np.uint8)
        image.save(pixels, home / "more" / f"{i}.png")  # 7 is a copy of 0
    eshi.clean(home / "more", blur=0, flat=0, near=0, workers=1)
    with studio(home) as client:
        yield client


def root(client: Client) -> Path:
    return client.server.studio.place.root


def test_all_that_can_be_asked_is_documented() -> None:
    told = (Path(__file__).parent.parent / "docs" / "studio.md").read_text()
    assert [path for _, path in ROUTES if path not in told] == []
    assert "/api/news" in told


def test_what_lies_in_the_folder(client: Client) -> None:
    _, told = client.get("/api/things")
    kinds = {thing["at"]: thing["kind"] for thing in told["things"]}
    assert {at: kinds[at] for at in ("faces", "more")} == {"faces": "faces", "more": "faces"}
    assert not [at for at in kinds if at.startswith(".") or "/." in at]
    assert {one["path"] for one in client.get("/api")[1]} >= {"/api/faces", "/api/runs", "/api/draw"}


def test_a_word_is_said_undone_and_heard_by_every_other_page(client: Client) -> None:
    home = root(client) / "more"
    _, before = client.get("/api/faces", at="more")
    assert (before["count"], before["hand"], before["depth"]) == (8, [""] * 8, 0)
    assert [before["machine"][i] for i in (0, 7)] == ["keep", "duplicate"]
    assert before["twin"][7] == 0
    one, other = News(client), News(client)
    assert client.post("/api/faces/verdict", at="more", word="drop", files=["1.png"])[0] == 200
    assert client.post("/api/faces/verdict", at="more", word="keep", files=["7.png", "2.png"])[0] == 200
    for news in (one, other):
        told = news.wait(lambda kind, told: kind == "verdicts" and "7.png" in told["changed"])
        assert told["at"] == "more"
    assert catalogue.rejected(home) == {"1.png"}
    assert client.post("/api/faces/undo", at="more")[1]["undone"] == [{"word": "keep", "files": ["7.png", "2.png"]}]
    assert catalogue.rejected(home) == {"1.png", "7.png"}
    one.wait(lambda kind, told: kind == "verdicts" and told["changed"].get("7.png", 0) is None)
    verdicts.say(home, "drop", ["3.png"])  # in a shell
    one.wait(lambda kind, told: kind == "verdicts" and told["changed"] == {"3.png": "drop"})
    assert client.post("/api/faces/undo", at="more", count=50)[1]["depth"] == 0
    assert client.post("/api/faces/verdict", at="more", word="burn", files=["1.png"])[0] == 400
    assert client.post("/api/faces/verdict", at="more", word="keep", files=["1.png", "no.png"])[0] == 400
    assert verdicts.verdicts(home) == {}


def test_a_face_knows_its_original_and_can_be_cut_anew(client: Client) -> None:
    home = root(client) / "faces"
    file = client.get("/api/faces", at="faces")[1]["files"][0]
    _, told = client.get("/api/faces/about", at="faces", file=file)
    assert told["original"]["width"] >= told["cut"]["left"] + told["cut"]["side"]
    shown = np.asarray(Image.open(io.BytesIO(client.get("/api/faces/picture", at="faces", file=file)[1])))
    assert max(shown.shape) <= 1400
    before = (home / file).read_bytes()
    cut = told["cut"] | {"side": told["cut"]["side"] - 20}
    status, new = client.post("/api/faces/recrop", at="faces", file=file, **cut)
    assert status == 200, new
    assert (home / file).read_bytes() == before
    assert verdicts.verdicts(home) == {file: "drop", new["file"]: "keep"}
    pixels = image.decode(root(client) / "pictures" / told["picture"])
    expected = pixels[cut["top"] : cut["top"] + cut["side"], cut["left"] : cut["left"] + cut["side"]]
    made_anew = image.decode(home / new["file"])
    assert made_anew.shape[0] == min(128, cut["side"])
    assert abs(float(made_anew.mean()) - float(expected.mean())) < 2
    _, again = client.get("/api/faces/about", at="faces", file=new["file"])
    assert {key: abs(again["cut"][key] - cut[key]) <= 1 for key in cut} == dict.fromkeys(cut, True)
    assert client.post("/api/faces/recrop", at="faces", file=file, left=0, top=0, side=90_000)[0] == 400


def test_a_queue_tells_its_places_and_each_can_be_called_off(client: Client) -> None:
    jobs = client.server.studio.jobs
    go = threading.Event()

    def work() -> dict[str, int]:
        with Progress("waiting", 1000, "things") as bar:
            while not go.is_set():
                time.sleep(0.01)
                bar.advance(1)
        return {"done": 1}

    first, second, third = (jobs.add(f"job {i}", "/work", work)["job"] for i in range(3))
    time.sleep(0.3)
    states = {job["job"]: (job["state"], job["place"]) for job in client.get("/api/jobs")[1]["jobs"]}
    assert [states[n] for n in (first, second, third)] == [("at work", 0), ("waiting", 1), ("waiting", 2)]
    assert client.post("/api/jobs/cancel", job=second)[1]["state"] == "called off"
    assert client.post("/api/jobs/cancel", job=first)[0] == 200  # at work: it ends at its next step
    end = time.monotonic() + 10
    while jobs.found(first).state != "called off" or jobs.found(third).state != "at work":
        assert time.monotonic() < end
        time.sleep(0.02)
    go.set()
    while jobs.found(third).state != "done":
        assert time.monotonic() < end
        time.sleep(0.02)
    last = threading.Event()
    jobs.add("the first of many", "/work", last.wait)  # and nothing moves until it is over
    while jobs.waiting:
        time.sleep(0.02)
    for _ in range(20):
        jobs.add("one of many", "/work", last.wait)
    assert client.post("/api/work/paint", out="too/many", count=1)[0] == 503
    last.set()
    for job in list(jobs.waiting):
        client.post("/api/jobs/cancel", job=job.number)
    while jobs.waiting:
        time.sleep(0.02)


def test_who_opens_many_pages_is_heard_by_the_newest(client: Client) -> None:
    first, *others = [News(client) for _ in range(LISTENERS + 3)]
    client.server.studio.feed.tell("word", text="hello")
    assert others[-1].wait(lambda kind, _: kind == "word") == {"text": "hello"}
    assert not first.told
    assert len(client.server.studio.feed.ears) == LISTENERS


def test_painting_and_cropping_are_jobs(client: Client) -> None:
    news = News(client)
    asked = [
        ("/api/work/paint", {"out": "new/painted", "count": 2}),
        ("/api/work/crop", {"pictures": "new/painted", "out": "new/faces"}),
        ("/api/work/clean", {"faces": "new/faces", "blur": 0}),
    ]
    for path, body in asked:
        status, job = client.post(path, **body)
        assert status == 200, job
        number = job["job"]
        done = news.wait(lambda kind, told, n=number: kind == "job" and told["job"] == n and told["state"] in OVER, 120)
        assert done["state"] == "done", done
    assert list((root(client) / "new" / "faces").glob("*.png"))
    assert client.post("/api/work/collect", site="http://169.254.169.254/", tags="", out="x")[0] == 400
    assert client.post("/api/work/paint", out="../x", count=1)[0] in (400, 404)
