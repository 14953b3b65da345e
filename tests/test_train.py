"""Training can be stopped anywhere and goes on as if it had not been; what must not happen is refused."""

import dataclasses
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from eshi import recipe
from eshi.artist import Artist, draw
from eshi.gather.clean import clean
from eshi.gather.faceset import faceset
from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS, LOSSES
from eshi.networks.engine import choose
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.run.folder import Run
from eshi.training import course
from eshi.training.loop import learn, train
from eshi.training.pupils import pupils


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state = checkpoint.load(folder)
    flat = {f"{part}.{k}": v for part in ("G", "D", "G_ema") if part in state for k, v in state[part].items()}
    for part in ("opt_G", "opt_D"):
        flat |= {f"{part}.{i}.{k}": v for i, s in state[part]["state"].items() for k, v in s.items()}
    return flat


def same(a: Path, b: Path) -> bool:
    x, y = weights(a), weights(b)
    return x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)


def longer(r: Recipe, images: str) -> Recipe:
    return dataclasses.replace(r, images=images)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_twenty_steps_are_nine_and_eleven_bit_for_bit(
    loss: str, precision: str, faces: Path, tiny: Recipe, tmp_path: Path
) -> None:
    tiny = recipe.parse(tiny.as_dict(), [f"loss.name={loss}", f"engine.precision={precision}", "augment.name=diff"])
    whole = train(faces, tiny, tmp_path / "whole")
    train(faces, longer(tiny, "72"), tmp_path / "parts")
    parts = train(faces, tiny, tmp_path / "parts")
    assert checkpoint.load(parts)["step"] == 20
    assert same(whole, parts)


@pytest.mark.parametrize("turns", [(1, 2), (3, 1), (2, 3)])
def test_turns_resume_too(turns: tuple[int, int], faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    tiny = dataclasses.replace(tiny, d_every=turns[0], g_every=turns[1])
    whole = train(faces, tiny, tmp_path / "whole")
    train(faces, longer(tiny, "72"), tmp_path / "parts")
    assert same(whole, train(faces, tiny, tmp_path / "parts"))


LONG = {"eshi-256": pytest.mark.slow}  # six seconds


@pytest.mark.parametrize("name", [pytest.param(n, marks=LONG.get(n, ())) for n in sorted(recipe.shipped())])
def test_every_shipped_recipe_trains_three_steps_resumes_and_draws(
    name: str, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "SHEET", 4)
    small = [f"{part}.width=4" for part in ("generator", "discriminator")] + ["batch=4", "images=4", "judge.every=0"]
    train(faces, recipe.load(name, small), tmp_path / "run")
    train(faces, recipe.load(name, [*small, "images=12"]), tmp_path / "run")
    side = recipe.load(name).size
    assert checkpoint.load(tmp_path / "run")["step"] == 3
    assert draw(tmp_path / "run", 5).images.shape == (5, side, side, 3)


def test_the_run_folder_tells_what_happened(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    folder = train(faces, tiny, tmp_path / "run")
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "event" not in row and "ranked_by" not in row]
    assert [r["images"] for r in rows] == [32, 64, 96, 128, 160]
    assert {"loss_d", "loss_g", "D(real)", "D(fake)", "epoch", "images/s", "seconds"} <= rows[0].keys()
    assert [p.name for p in sorted((folder / "samples").iterdir())] == [
        "000000000.png", "000000080.png", "000000160.png", "real.png",
    ]  # fmt: skip
    assert recipe.load(folder / "recipe.yaml") == recipe.parse(tiny.as_dict(), ["engine.shards=1"])
    assert list((folder / "tensorboard").glob("events*"))
    assert not list(folder.glob("*.part"))


def test_whose_pictures_it_learned_from_travels_with_the_run(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    shutil.copytree(faces, tmp_path / "faces", ignore=shutil.ignore_patterns(".eshi"))
    clean(tmp_path / "faces", blur=0, flat=0, near=0)
    with sqlite3.connect(tmp_path / "faces" / "faces.sqlite") as base:
        base.execute("update faces set picture = 'a.jpg', artist = 'somebody', post_url = 'https://example.org/1'")
    base.close()
    folder = train(tmp_path / "faces", longer(tiny, "8"), tmp_path / "run")
    assert "somebody" in (folder / "CREDITS.csv").read_text()
    assert not (tmp_path / "faces" / "CREDITS.csv").exists()


def test_the_fixed_latents_are_the_sheet_that_draw_makes(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    from eshi.ground import image

    folder = train(faces, tiny, tmp_path / "run")
    sheet = image.decode(folder / "samples" / "000000160.png")
    assert (sheet == image.sheet(draw(folder, 64, seed=tiny.seed).images)).all()


def test_a_changed_recipe_is_refused_with_the_differences(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    train(faces, longer(tiny, "16"), tmp_path / "run")
    other = recipe.parse(tiny.as_dict(), ["g_adam.lr=1e-3", "loss.name=hinge"])
    with pytest.raises(EshiError, match=r"g_adam.lr: 0.0002 -> 0.001; loss.name: bce -> hinge"):
        train(faces, other, tmp_path / "run")
    with pytest.raises(EshiError, match=r"judge.drawings: 500 -> 100"):  # scores would not be comparable
        train(faces, recipe.parse(tiny.as_dict(), ["judge.drawings=100"]), tmp_path / "run")
    free = ["judge.every=0", "judge.budget=0.1", "guard.action=warn"]
    train(faces, recipe.parse(longer(tiny, "24").as_dict(), free), tmp_path / "run")
    assert checkpoint.load(tmp_path / "run")["images"] == 24


def test_a_folder_that_is_no_run_is_left_alone(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(EshiError, match=r"holds thesis.txt but no recipe.yaml"):
        train(faces, tiny, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_second_process_is_refused(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    with Run(tmp_path / "run", tiny), pytest.raises(EshiError, match="another process is training"):
        train(faces, tiny, tmp_path / "run")


def test_divergence_stops_and_keeps_the_last_good_checkpoint(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    wild = recipe.parse(tiny.as_dict(), ["g_adam.lr=1e30", "ema=0"])
    train(faces, longer(wild, "1"), tmp_path / "run")  # one step, whose losses are still finite
    before = weights(tmp_path / "run")
    with pytest.raises(EshiError, match=r"diverged before \d+ images") as raised:
        train(faces, longer(wild, "160"), tmp_path / "run")
    assert "the last good checkpoint, of 8 images, is kept" in raised.value.hint
    assert weights(tmp_path / "run").keys() == before.keys()
    assert checkpoint.load(tmp_path / "run")["images"] == 8


def test_a_checkpoint_cut_in_half_is_an_error_and_stays(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    folder = train(faces, longer(tiny, "8"), tmp_path / "run")
    half = (folder / "last.pt").read_bytes()[: (folder / "last.pt").stat().st_size // 2]
    (folder / "last.pt").write_bytes(half)
    for use in (lambda: train(faces, tiny, folder), lambda: draw(folder / "last.pt")):
        with pytest.raises(EshiError, match="damaged or cut short"):
            use()
    assert (folder / "last.pt").read_bytes() == half


def test_a_full_disk_keeps_the_checkpoint_before(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    folder = train(faces, longer(tiny, "8"), tmp_path / "run")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((folder / "last.pt").stat().st_size // 2, limits[1]))
    try:
        with pytest.raises(EshiError, match="cannot save") as raised:
            train(faces, tiny, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "the checkpoint of 8 images is still there" in raised.value.hint
    assert checkpoint.load(folder)["images"] == 8


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (os.mkdir, (str(tmp_path / "owned"),))

    torch.save({"recipe": {}, "G": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(EshiError, match="cannot read checkpoint"):
        draw(tmp_path / "evil.pt")
    assert not (tmp_path / "owned").exists()


def test_draw_is_deterministic_and_a_face_has_a_number(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    folder = train(faces, longer(tiny, "16"), tmp_path / "run")
    many, one = draw(folder, 16, seed=7), draw(folder / "last.pt", 1, seed=10)
    assert (draw(folder, 16, seed=7).images == many.images).all()
    assert abs(one.images[0].astype(int) - many.images[3]).max() <= 1
    assert one.numbers == [10] == [many.numbers[3]]


def test_search_keeps_the_best_by_d(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    who = Artist.load(train(faces, longer(tiny, "16"), tmp_path / "run"))
    best = draw(who, 4, seed=5, search=40, by="D")
    everyone = {n: float(who.D(who.G(who.G.draw(1, n)))) for n in range(5, 45)}
    wanted = sorted(everyone, key=everyone.__getitem__, reverse=True)[:4]
    assert best.numbers == wanted
    assert best.scores == sorted(best.scores, reverse=True)


def start(faces: Path, folder: Path, images: int) -> subprocess.Popen:
    options = ["size=32", "batch=8", "generator.width=4", "discriminator.width=4", "every.save=0"]
    words = ["train", str(faces), "-r", "dcgan-64", "-o", str(folder), "--images", str(images)]
    words += [word for option in options for word in ("--set", option)]
    return subprocess.Popen([sys.executable, "-m", "eshi", *words], stderr=subprocess.PIPE, text=True)


def wait_for(file: Path, process: subprocess.Popen) -> None:
    for _ in range(600):
        if file.exists():
            return
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.05)
    raise AssertionError(f"{file} never came")


def test_ctrl_c_saves_and_says_how_to_go_on(faces: Path, tmp_path: Path) -> None:
    process = start(faces, tmp_path / "run", 1_000_000)
    wait_for(tmp_path / "run" / "last.pt", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    said = process.stderr.read() if process.stderr else ""
    assert "stopped and saved at" in said
    assert "the same command" in said
    assert checkpoint.load(tmp_path / "run")["images"] > 0


@pytest.mark.slow
def test_kill_at_ten_moments_never_costs_the_checkpoint(faces: Path, tmp_path: Path) -> None:
    killed, images = tmp_path / "killed", 0
    for moment in range(10):
        process = start(faces, killed, 4_000)
        wait_for(killed / "last.pt", process)
        time.sleep(3.0 + 0.37 * moment)  # past the start, then anywhere in the loop and its saves
        process.kill()
        process.wait()
        state = checkpoint.load(killed)
        assert state["images"] >= images
        images = state["images"]
    assert images > 0
    assert start(faces, killed, 4_000).wait(300) == 0
    assert start(faces, tmp_path / "whole", 4_000).wait(300) == 0
    assert same(killed, tmp_path / "whole")


@pytest.fixture
def taught_twice(tiny: Recipe) -> Recipe:
    return recipe.parse(tiny.as_dict(), ["size=64", "second.discriminator.width=8", "second.weight=0.5", "batch=4"])


def test_two_teachers_resume_too(faces: Path, taught_twice: Recipe, tmp_path: Path) -> None:
    short, whole = longer(taught_twice, "8"), longer(taught_twice, "16")
    train(faces, whole, tmp_path / "whole")
    train(faces, short, tmp_path / "parts")
    train(faces, whole, tmp_path / "parts")
    assert same(tmp_path / "whole", tmp_path / "parts")
    one, two = (checkpoint.load(tmp_path / name) for name in ("whole", "parts"))
    assert all(torch.equal(one["second D"][key], value) for key, value in two["second D"].items())


def test_what_is_frozen_neither_learns_nor_lies_in_the_checkpoint(
    faces: Path, taught_twice: Recipe, tmp_path: Path
) -> None:
    before, engine = DISCRIMINATORS.build({"name": "frozen"}, size=64), choose("cpu", "fp32")
    who, shown = pupils(taught_twice, engine), faceset(faces, (64, 64))
    for step in range(3):
        terms = learn(taught_twice, engine, who, shown, step)
    assert [teacher.frozen_part for teacher in who.teachers] == [False, True]
    assert {"loss_d", "second loss_d", "second g", "loss_g"} <= terms.keys()
    after = who.teachers[1].D
    for name, weight in before.lite.named_buffers():
        assert torch.equal(weight, after.get_submodule("lite").get_buffer(name))
    stored = sum(value.numel() for value in after.state_dict().values())
    assert stored < 0.1 * sum(buffer.numel() for buffer in before.lite.buffers())
