"""The runs room: what it tells of a run, and trainings that belong to nobody."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from studio import Client, studio
from untrained import SMALL, kept, made

from eshi.run import logbook
from eshi.run.logbook import trainer
from eshi.studio import trainings

TINY = dict(word.split("=", 1) for word in SMALL) | {"judge.every": 0, "every.save": 1, "every.sample": 800}


@pytest.fixture
def client(tmp_path: Path, faces: Path) -> Iterator[Client]:
    (tmp_path / "faces").mkdir()
    for file in faces.glob("*.png"):
        os.link(file, tmp_path / "faces" / file.name)
    with studio(tmp_path) as client:
        yield client


def waited(there: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_training_is_begun_stopped_and_gone_on_with_and_belongs_to_nobody(client: Client, tmp_path: Path) -> None:
    status, told = client.post(
        "/api/runs/start", faces="faces", recipe="dcgan-64", out="runs/one", images="1M", set=TINY
    )
    assert status == 200, told
    assert told["command"].startswith("eshi train faces -r dcgan-64 -o runs/one --images=1M --set size=16")
    run, number = tmp_path / "runs" / "one", told["process"]
    waited(lambda: trainer(run) == number and logbook.seen(logbook.log(run)) > 0)
    assert os.getsid(number) == number  # a session of its own: what ends the studio does not end it
    _, seen = client.get("/api/run", at="runs/one")
    assert (seen["state"], seen["can_stop"], seen["length"]) == ("training", True, 1_000_000)
    assert client.post("/api/runs/go", at="runs/one")[0] == 400
    assert client.post("/api/runs/stop", at="runs/one") == (200, {"at": "runs/one", "asked": number})
    waited(lambda: not logbook.locked(run))
    stopped = logbook.seen(logbook.log(run))
    _, seen = client.get("/api/run", at="runs/one")
    assert (seen["state"], seen["images"]) == ("stopped", stopped)
    assert "Stopped at" in seen["report"]
    status, told = client.post("/api/runs/go", at="runs/one", images=str(stopped + 160))
    assert status == 200, told
    waited(lambda: client.get("/api/run", at="runs/one")[1]["state"] == "finished")


def test_what_cannot_begin_says_why_in_the_words_of_the_command_line(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "LATE", 300.0)  # a busy machine needs longer to say it

    def refused(**words: object) -> str:
        status, told = client.post("/api/runs/start", **{"faces": "faces", "recipe": "demo"} | words)
        assert status in (400, 404)
        return f"{told['error']} {told['hint']}"

    said = refused(set={"generator.widht": 4})
    assert "did you mean 'width'" in said or "widht" in said
    assert "unknown key" in refused(set={"btach": 4})
    assert "no recipe" in refused(recipe="../mine.yaml")
    assert "no key" in refused(set={"--plugin": "x.py"})
    assert "no key" in refused(set={"plugins": "[x.py]"})
    assert "leads out" in refused(faces="../faces")
    assert "name" in refused(out="../runs/one")
    assert "a length" in refused(images="many")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("*/last.pt"))
    assert client.post("/api/runs/stop", at="faces")[0] == 400


def test_a_strangers_run_starts_nothing_outside(client: Client, tmp_path: Path) -> None:
    run = kept(made(), tmp_path / "strange")
    row = {"step": 0, "images": 0, "event": "started", "faces": "/etc", "length": 100}
    (run / logbook.NAME).write_text(json.dumps(row) + "\n")
    status, told = client.post("/api/runs/go", at="strange")
    assert (status, "do not lie" in told["error"]) == (400, True)
    victim = subprocess.Popen(["sleep", "60"])
    try:
        (run / ".pid").write_text(str(victim.pid))
        assert client.post("/api/runs/stop", at="strange")[0] == 400
        time.sleep(0.2)
        assert victim.poll() is None
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    (run / "recipe.yaml").unlink()
    (run / "recipe.yaml").symlink_to("/etc/hostname")
    assert client.get("/api/run", at="strange")[0] in (400, 404)


def test_a_recipe_is_fields_that_know_what_they_may_be(client: Client) -> None:
    _, told = client.get("/api/recipe", name="eshi-64")
    fields = {field["key"]: field for field in told["fields"]}
    assert (fields["batch"]["kind"], fields["batch"]["least"]) == ("whole", 1)
    assert fields["guard.action"] == {
        "key": "guard.action", "value": "stop", "free": True, "kind": "choice", "choices": ["stop", "rollback", "warn"],
    }  # fmt: skip
    assert "frozen" in fields["second.discriminator.name"]["choices"]
    assert fields["loss.name"]["kind"] == "choice"
    assert fields["data.mirror"]["kind"] == "switch"
    for name in client.get("/api/recipes")[1]["recipes"]:
        assert client.get("/api/recipe", name=name)[0] == 200


def test_the_list_and_scores_over_one_another(client: Client, tmp_path: Path) -> None:
    kept(made(), tmp_path / "runs" / "a")
    kept(made(), tmp_path / "runs" / "deep" / "b")
    _, told = client.get("/api/runs")
    assert {row["at"] for row in told["runs"]} == {"runs/a", "runs/deep/b"}
    _, over = client.get("/api/runs/over", runs="runs/a\nruns/deep/b")
    assert "None of these has been judged" in over["report"]
