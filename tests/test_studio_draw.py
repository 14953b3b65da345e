"""The studio's drawing room over HTTP: the same drawings as the command line's, and nothing read that is no face."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from studio import Client, News, studio, unpacked
from untrained import kept, made

import eshi
from eshi.artist import Artist, draw
from eshi.explore import add_favourite
from eshi.explore.directions import save, saved
from eshi.ground import image


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A run that can draw."""
    home = tmp_path_factory.mktemp("studio")
    kept(made(values="hair=pink,hair=blue,glasses=yes"), home / "asked")
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
    sheet = eshi.draw(root(client) / "run", count=3, seed=5, out=root(client) / "sheet.png").out
    assert sheet is not None
    assert client.get("/api/draw/file", at="run", seed="5", count=3)[1] == sheet.read_bytes()
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


def test_what_a_run_learned_from_labels_is_asked_for(client: Client) -> None:
    who, asked = Artist.load(root(client) / "asked"), "hair=pink,glasses=yes"
    wish = who.toward({"hair": "pink", "glasses": "yes"})
    assert client.get("/api/draw/about", at="asked")[1]["attributes"] == {"hair": ["pink", "blue"], "glasses": ["yes"]}
    _, drawn = pictures(client, "/api/draw", at="asked", seed=5, count=2, asked=asked)
    assert np.array_equal(np.stack(drawn), who.render(who.latents([5, 6]) + wish))
    facts, (face,) = unpacked(client.post("/api/draw/face", at="asked", point="5", asked=asked)[1])
    assert np.allclose(facts["latent"], who.latent(5) + wish)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(face))), drawn[0])
    facts, row = pictures(client, "/api/draw/sweep", at="asked", seed="5", dims="hair", asked=asked)
    assert (facts["attribute"], facts["values"]) == ("hair", ["pink", "blue"])
    assert np.array_equal(row[0], drawn[0])
    _, frames = pictures(client, "/api/draw/walk", at="asked", seeds="1,2", frames=3, asked="hair=blue")
    assert len(frames) == 3
    assert len(pictures(client, "/api/draw/mix", at="asked", expression="1 + 2", asked=asked)[1]) == 9
    sheet = eshi.draw(root(client) / "asked", count=3, labels=[asked], out=root(client) / "asked.png").out
    assert sheet is not None
    assert client.get("/api/draw/file", at="asked", seed="0", count=3, asked=asked)[1] == sheet.read_bytes()
    for wrong in ("hair", "hair=green", "hat=yes", "="):
        status, told = client.get("/api/draw", at="asked", asked=wrong)
        assert (status, bool(told["hint"])) == (400, True)


def test_typical_drawings_are_asked_for_where_a_direction_says_much_of_it(client: Client) -> None:
    kept(made(), root(client) / "typical")
    eshi.directions(root(client) / "typical", count=100)
    found = saved(Artist.load(root(client) / "typical"))
    for r, said in ((0.4, {}), (0.6, {"typical": ["rather", "very"]})):
        found.correlations[found.names.index("typical")] = r
        save(found, root(client) / "typical" / "directions.npz")
        assert client.get("/api/draw/about", at="typical")[1]["wishes"] == said
    who = Artist.load(root(client) / "typical")
    _, drawn = pictures(client, "/api/draw", at="typical", seed=5, count=2, asked="typical=very")
    there = who.latents([5, 6]) + 3 * torch.from_numpy(found.vector("typical"))
    assert np.array_equal(np.stack(drawn), who.render(there))
    assert client.get("/api/draw", at="typical", asked="typical=much")[0] == 400


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
    mine = {"Cookie": client.cookie, "Origin": f"http://{client.host}", "Content-Type": "application/octet-stream"}
    told = mine | {"Content-Length": "20000001"}  # refused for what it says, before anything is read
    assert client.raw("POST", "/api/draw/project?at=run", b"x", told)[0] == 413
