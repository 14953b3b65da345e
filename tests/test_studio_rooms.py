"""What the studio's rooms answer: faces and words about them, news, drawings, jobs. Over HTTP, as a page asks."""

import http.client
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from studio import Client, studio, unpacked
from untrained import kept, made

import eshi
from eshi.artist import draw
from eshi.explore import add_favourite
from eshi.gather import catalogue, verdicts
from eshi.ground import image
from eshi.ground.progress import Progress
from eshi.studio.ask import ROUTES
from eshi.studio.jobs import OVER


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Painted pictures, the faces cut out of them, and a run that can draw."""
    home = tmp_path_factory.mktemp("studio")
    eshi.paint(home / "pictures", count=4, workers=1)
    eshi.crop(home / "pictures", out=home / "faces", workers=1)
    for i in range(8):
        pixels = np.random.default_rng(i % 7).integers(0, 256, (32, 32, 3), np.uint8)
        image.save(pixels, home / "more" / f"{i}.png")  # 7 is a copy of 0
    eshi.clean(home / "more", blur=0, flat=0, near=0, workers=1)
    kept(made(), home / "run")
    add_favourite(home / "run", 7, "miku")
    eshi.directions(home / "run", count=100)
    with studio(home) as client:
        yield client


def root(client: Client) -> Path:
    return client.server.studio.place.root


def pictures(client: Client, path: str, **params: Any) -> tuple[Any, list[np.ndarray]]:
    status, body = client.get(path, **params)
    assert status == 200, body
    facts, parts = unpacked(body)
    return facts, [np.asarray(Image.open(io.BytesIO(part))) for part in parts]


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


def test_all_that_can_be_asked_is_documented() -> None:
    told = (Path(__file__).parent.parent / "docs" / "studio.md").read_text()
    assert [path for _, path in ROUTES if path not in told] == []
    assert "/api/news" in told


def test_what_lies_in_the_folder(client: Client) -> None:
    _, told = client.get("/api/things")
    kinds = {thing["at"]: thing["kind"] for thing in told["things"]}
    assert {at: kinds[at] for at in ("faces", "more", "run")} == {"faces": "faces", "more": "faces", "run": "run"}
    assert not [at for at in kinds if at.startswith(("run/", ".")) or "/." in at]
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


def test_drawings_are_those_of_the_command_line(client: Client) -> None:
    mine = draw(root(client) / "run", count=3, seed=5).images
    facts, drawn = pictures(client, "/api/draw", at="run", seed=5, count=3)
    assert facts["numbers"] == [5, 6, 7]
    assert np.array_equal(np.stack(drawn), mine)
    facts, drawn = pictures(client, "/api/draw", at="run", faces="miku,5")
    assert np.array_equal(drawn[0], mine[2])
    assert np.array_equal(drawn[1], mine[0])
    facts, drawn = pictures(client, "/api/draw", at="run", count=2, search=16)
    assert facts["scores"] == sorted(facts["scores"], reverse=True)
    sheet = np.asarray(Image.open(io.BytesIO(client.get("/api/draw/file", at="run", seed="5", count=3)[1])))
    assert np.array_equal(sheet, image.sheet(mine))
    archive = zipfile.ZipFile(io.BytesIO(client.get("/api/draw/file", at="run", seed="5", count=3, form="zip")[1]))
    assert archive.namelist() == ["000005.png", "000006.png", "000007.png"]


def test_a_slider_moves_the_face_and_nothing_else(client: Client) -> None:
    _, told = client.get("/api/draw/about", at="run")
    name = told["directions"][0]["name"]
    faces = []
    for edits in ({}, {name: 0}, {name: 2.5}):
        status, body = client.post("/api/draw/face", at="run", point="5", edits=edits)
        assert status == 200, body
        faces.append(unpacked(body))
    assert faces[0] == faces[1] != faces[2]
    moved = client.post("/api/draw/face", at="run", latent=faces[2][0]["latent"])
    assert unpacked(moved[1]) == faces[2]
    status, body = client.post("/api/draw/face", at="run", point="5", dims={"3": 1.5})
    assert unpacked(body)[0]["latent"][3] == 1.5
    for odd in (
        {"dims": {"99": 1}},
        {"dims": {"1": "x"}},
        {"edits": {"nothing": 1}},
        {"latent": [1, 2]},
        {"latent": [1e400] * 8},
    ):
        assert client.post("/api/draw/face", at="run", point="5", **odd)[0] == 400


def test_sweeps_walks_and_mixes(client: Client) -> None:
    facts, drawn = pictures(client, "/api/draw/sweep", at="run", seed="miku", dims="1,2", steps=3)
    assert (facts["dims"], len(drawn)) == ([1, 2], 6)
    _, drawn = pictures(client, "/api/draw/walk", at="run", seeds="1,miku", frames=5)
    assert len(drawn) == 5
    facts, drawn = pictures(client, "/api/draw/mix", at="run", expression="mean(1,2) - 3 + miku", noise=0)
    assert (len(facts["latent"]), len(drawn)) == (8, 9)
    short = {"frames": 4, "steps": 3, "dims": "1"}
    for what, form, seed in (
        ("walk", "webp", "1,2"),
        ("walk", "gif", "1,2"),
        ("sweep", "png", "1"),
        ("mix", "png", "1"),
    ):
        status, body = client.get("/api/draw/file", at="run", what=what, form=form, seed=seed, **short)
        assert status == 200, body
        Image.open(io.BytesIO(body)).load()


@pytest.mark.parametrize(
    ("path", "params"),
    [
        *(("", {"count": count}) for count in ("10000", "0", "x")),
        *(("", {"faces": faces}) for faces in ("../../x.npy", "nobody", "1,", "nine.npy")),
        *(("/mix", {"expression": words}) for words in ("/etc/x.npy", "nine.npy", "(" * 300, "")),
        *(("/walk", words) for words in ({"frames": "100000"}, {"seeds": "1"}, {"loop": "perhaps"})),
        *(("/file", words) for words in ({"form": "exe"}, {"what": "x"}, {"what": "walk", "form": "zip"})),
        ("/sweep", {"seed": "a.npy"}), ("", {"seed": "-1"}), ("", {"std": "inf"}),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(client: Client, path: str, params: dict[str, str]) -> None:
    (root(client) / "nine.npy").write_bytes(b"x")
    status, told = client.get(f"/api/draw{path}", at="run", **params)
    assert status == 400, told
    assert told["error"]


def test_names_are_kept_with_the_run(client: Client) -> None:
    assert client.post("/api/draw/favourite", at="run", name="ren", point="9")[1]["favourites"] == ["miku", "ren"]
    assert client.post("/api/draw/favourite", at="run", name="ren", point="8")[0] == 400
    assert client.post("/api/draw/favourite", at="run", name="<script>", point="8")[0] == 400
    assert client.post("/api/draw/favourite", at="run", name="ren", drop=True)[1]["favourites"] == ["miku"]
    _, latent = client.post("/api/draw/npy", latent=[0.5] * 8)
    assert np.load(io.BytesIO(latent)).tolist() == [0.5] * 8


def upload(client: Client, body: bytes, **params: Any) -> tuple[int, Any]:
    mine = {"Cookie": client.cookie, "Origin": f"http://{client.host}", "Content-Type": "application/octet-stream"}
    query = "&".join(f"{key}={value}" for key, value in params.items())
    return client.read(client.raw("POST", f"/api/draw/project?at=run&{query}", body, mine))


def test_an_uploaded_picture_is_projected_in_its_turn(client: Client) -> None:
    news = News(client)
    picture = image.encode(draw(root(client) / "run", count=1, seed=3).images[0])
    status, job = upload(client, picture, steps=5, restarts=1)
    assert status == 200, job
    news.wait(lambda kind, told: kind == "job" and told["job"] == job["job"] and told["state"] == "done", 60)
    facts, drawn = pictures(client, "/api/jobs/result", job=job["job"])
    assert (len(facts["latent"]), facts["cut"]) == (8, None)
    assert len(drawn) >= 3
    for body in (b"no picture", b"", picture[:60], b"%!PS\n"):
        assert upload(client, body)[0] == 400
    assert upload(client, b"\0" * 20_000_001)[0] == 413


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
    for _ in range(30):
        jobs.add("one of many", "/work", lambda: time.sleep(0.5)) if len(jobs.waiting) < 20 else None
    assert client.post("/api/work/paint", out="too/many", count=1)[0] == 503
    for job in list(jobs.waiting):
        client.post("/api/jobs/cancel", job=job.number)


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
