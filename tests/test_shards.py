"""A batch in parts: the same learning, the same bits on any number of cores."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from test_train import longer, same

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.networks.engine import choose
from eshi.networks.shard import HERE, Dropout, Shard
from eshi.recipe import Recipe
from eshi.training.augment import DiffAugment
from eshi.training.learn import learn
from eshi.training.loop import train
from eshi.training.pupils import Pupils, pupils


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


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_number_of_cores_changes_no_bit(precision: str, tiny: Recipe, faces: Path, tmp_path: Path) -> None:
    sets = [f"engine.precision={precision}", "engine.shards=3", "augment.name=diff", "discriminator.dropout=0.2"]
    of = recipe.parse(tiny.as_dict(), [*sets, "loss.r1=1"])
    whole = train(faces, of, tmp_path / "1")
    for count in (2, 4):
        torch.set_num_threads(count)
        train(faces, longer(of, "72"), tmp_path / str(count))
        torch.set_num_threads(1 + count % 4)  # and it may go on with another
        assert same(whole, train(faces, of, tmp_path / str(count)))


def test_a_shard_draws_its_rows_of_what_the_batch_draws() -> None:
    images, augment = torch.rand(18, 3, 32, 32), DiffAugment()
    torch.manual_seed(5)
    whole, parts = augment(images), []
    try:
        for rows in (slice(0, 7), slice(7, 18)):
            chance = torch.Generator().manual_seed(5)
            HERE.shard = Shard(0, 2, rows, 18, list, chance, torch.Generator())
            parts.append(augment(images[rows]))
            kept = Dropout(0.25)(torch.ones(len(parts[-1]), 1000))
            assert 0.2 < (kept == 0).float().mean() < 0.3
            assert abs(kept.mean() - 1) < 0.1
    finally:
        HERE.shard = None
    assert torch.equal(torch.cat(parts), whole)


def test_what_fails_in_one_shard_ends_all_of_them(tiny: Recipe, faces: Path) -> None:
    of = recipe.parse(tiny.as_dict(), ["engine.shards=4"])
    who, shown = pupils(of, choose("cpu", "fp32")), faceset(faces, (32, 32))
    who.twins[2].teachers[0].loss = None  # which no shard can learn by
    for _ in range(2):  # a team is not worn out by it
        with pytest.raises(AttributeError):
            learn(of, choose("cpu", "fp32"), who, shown, 0)
