"""A batch in parts: the same learning, the same bits on any number of cores."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from test_train import longer, same, wait_for

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.ground.cores import cores, quota
from eshi.networks.engine import choose
from eshi.networks.shard import HERE, Dropout, Shard
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.training.augment import DiffAugment
from eshi.training.learn import learn
from eshi.training.loop import train
from eshi.training.pupils import Pupils, pupils
from eshi.training.start import in_shards


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    torch.set_num_threads(1)


def learned(of: Recipe, faces: Path, shards: int, steps: int) -> Pupils:
    of = recipe.parse(of.as_dict(), [f"engine.shards={shards}"])
    who, shown = pupils(of, choose("cpu", of.engine.precision)), faceset(faces, of.width_height)
    for step in range(steps):
        learn(of, choose("cpu", of.engine.precision), who, shown, step)
    return who


def gradient(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])


CASES = {
    "batch norm": ["batch=17"],
    "a gradient of the gradient": ["batch=16", "loss.name=wgan-gp"],
    "two teachers": ["size=64", "batch=8", "second.discriminator.width=8"],
}


@pytest.mark.parametrize("case", CASES)
def test_shards_learn_what_the_whole_batch_teaches(case: str, tiny: Recipe, faces: Path) -> None:
    of = recipe.parse(tiny.as_dict(), [*CASES[case], "engine.precision=fp32", "d_adam.lr=0"])
    whole = learned(of, faces, 1, 1)
    for shards in (2, 3):
        parts = learned(of, faces, shards, 1)
        teachers = zip(whole.teachers[:1], parts.teachers[:1], strict=True)  # the frozen one's kinks magnify rounding
        for mine, its in ((whole.G, parts.G), *((a.D, b.D) for a, b in teachers)):
            assert (gradient(mine) - gradient(its)).norm() < 1e-3 * gradient(mine).norm()
            for name, value in mine.state_dict().items():
                if "running" in name:
                    assert torch.allclose(value, its.state_dict()[name], rtol=1e-3, atol=1e-5), name


@pytest.mark.parametrize("precision", ["bf16", pytest.param("fp32", marks=pytest.mark.slow)])
def test_the_number_of_cores_changes_no_bit(precision: str, tiny: Recipe, faces: Path, tmp_path: Path) -> None:
    sets = [f"engine.precision={precision}", "engine.shards=3", "augment.name=diff", "discriminator.dropout=0.2"]
    of = recipe.parse(tiny.as_dict(), [*sets, "loss.r1=1", "images=40"])
    whole = train(faces, of, tmp_path / "1")
    for count in (2, 4):
        torch.set_num_threads(count)
        train(faces, longer(of, "24"), tmp_path / str(count))
        torch.set_num_threads(1 + count % 4)  # and it may go on with another
        assert same(whole, train(faces, of, tmp_path / str(count)))


def test_a_shard_draws_its_rows_of_what_the_batch_draws() -> None:
    images, augment = torch.rand(18, 3, 32, 32), DiffAugment()
    torch.manual_seed(5)
    whole, parts = augment(images), []
    try:
        for rows in (slice(0, 7), slice(7, 18)):
            chance = torch.Generator().manual_seed(5)
            HERE.shard = Shard(0, rows, 18, list, chance, torch.Generator())
            parts.append(augment(images[rows]))
            kept = Dropout(0.25)(torch.ones(len(parts[-1]), 1000))
            assert 0.2 < (kept == 0).float().mean() < 0.3
            assert abs(kept.mean() - 1) < 0.1
    finally:
        HERE.shard = None
    assert torch.equal(torch.cat(parts), whole)


def test_what_fails_in_one_shard_ends_all_of_them(tiny: Recipe, faces: Path) -> None:
    of = recipe.parse(tiny.as_dict(), ["engine.shards=4"])
    who, shown = pupils(of, choose("cpu", "fp32")), faceset(faces, (16, 16))
    who.twins[2].teachers[0].loss = None  # which no shard can learn by
    for _ in range(2):  # a team is not worn out by it
        with pytest.raises(AttributeError):
            learn(of, choose("cpu", "fp32"), who, shown, 0)


def test_a_new_run_takes_shards_by_its_cores_and_an_old_one_keeps_what_it_has(tmp_path: Path) -> None:
    engine, folder = choose("cpu", "fp32"), tmp_path / "run"
    torch.set_num_threads(4)

    def shards(*sets: str) -> object:
        return in_shards(recipe.load("dcgan-64", sets), folder, engine).engine.shards

    assert shards() == 4
    assert shards("batch=64") == 2
    assert shards("batch=8") == 1
    assert shards("plugins=[mine.py]") == 1  # it may draw random numbers that the shards know nothing of
    assert shards("engine.shards=3") == 3
    folder.mkdir()
    (folder / "recipe.yaml").write_text(recipe.load("dcgan-64", ["engine.shards=2"]).yaml())
    assert shards() == 2
    (folder / "recipe.yaml").write_text("batch: 128\n")  # as written before there were shards
    assert shards() == 1


def test_cores_are_no_more_than_a_container_may_use(tmp_path: Path) -> None:
    groups = tmp_path / "cgroup"
    groups.write_text("1:cpu:/inner\n0::/outer/inner\n")
    assert quota(groups, tmp_path) == math.inf
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "cpu.max").write_text("max 100000\n")
    assert quota(groups, tmp_path) == math.inf
    (tmp_path / "outer" / "cpu.max").write_text("250000 100000\n")
    assert quota(groups, tmp_path) == 2.5
    (tmp_path / "cpu" / "inner").mkdir(parents=True)
    (tmp_path / "cpu" / "inner" / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu" / "inner" / "cpu.cfs_period_us").write_text("100000\n")
    assert quota(groups, tmp_path) == 1.5
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_one_thread_is_one(tiny: Recipe) -> None:
    torch.set_num_threads(1)
    assert "1 thread," in choose("cpu", "fp32").describe()


def torchrun(ranks: int, faces: Path, folder: Path, images: int, *sets: str) -> None:
    options = ["size=32", "batch=8", "generator.width=4", "discriminator.width=4", "engine.precision=fp32", *sets]
    words = ["-m", "eshi", "train", str(faces), "-r", "dcgan-64", "-o", str(folder), "--images", str(images)]
    words += [word for option in options for word in ("--set", option)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(ranks), "--standalone"]
    subprocess.run([*(launcher if ranks > 1 else [sys.executable]), *words], check=True, capture_output=True)


@pytest.mark.slow
def test_two_processes_are_one_and_go_on_as_one(faces: Path, tmp_path: Path) -> None:
    for name, ranks in (("one", 1), ("two", 2)):
        torchrun(ranks, faces, tmp_path / name, 80, "engine.shards=2")
    torchrun(1, faces, tmp_path / "two", 160, "engine.shards=2")
    torchrun(1, faces, tmp_path / "one", 160, "engine.shards=2")
    assert same(tmp_path / "one", tmp_path / "two")  # asked: within 1e-4


@pytest.mark.slow
def test_one_ctrl_c_ends_all_processes(faces: Path, tmp_path: Path) -> None:
    words = ["--nproc-per-node", "2", "--standalone", "-m", "eshi", "train", str(faces), "-o", str(tmp_path / "run")]
    words += ["--set", "size=32", "--set", "batch=8", "--set", "generator.width=4", "--set", "every.save=0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words], stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    wait_for(tmp_path / "run" / "last.pt", process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    said = process.communicate(timeout=60)[1]
    assert "stopped and saved at" in said
    assert not subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True).stdout
    assert checkpoint.load(tmp_path / "run")["images"] > 0


def test_faces_that_lie_on_the_device_give_the_same_batches(faces: Path) -> None:
    shown, here, there = faceset(faces, (32, 24), mirror=True), choose("cpu", "fp32"), choose("cpu", "fp32")
    there.take(shown)
    for step in range(3):
        rows = slice(3 * step, 20)
        assert torch.equal(here.batch(shown, 0, step, 20, rows), there.batch(shown, 0, step, 20, rows))
    other = faceset(faces, (32, 24), holdout=0.5)
    assert torch.equal(here.batch(other, 0, 0, 20), there.batch(other, 0, 0, 20))  # which do not lie there
