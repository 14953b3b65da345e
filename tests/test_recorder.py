"""Steps that are recorded and played back, with a tape that needs no GPU; and batches that are learned part by part."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_train import longer, same

from eshi import recipe
from eshi.gather.faceset import faceset
from eshi.ground.errors import EshiError
from eshi.networks.engine import choose
from eshi.recipe import Recipe
from eshi.training.course import Course
from eshi.training.learn import learn
from eshi.training.loop import train
from eshi.training.losses import Terms
from eshi.training.pupils import Pupils, pupils
from eshi.training.recorder import WARM, Recorder
from eshi.training.start import in_shards

Work = Callable[[], Terms]
Taped = tuple[Callable[[], None], Terms]
CPU = choose("cpu", "fp32")


def steady(work: Work, times: list[int] | None = None) -> Taped:
    """As CUDA's graphs: recording does nothing, playing writes to where the results lie."""
    found: Terms = {}

    def play() -> None:
        for name, term in work().items():
            found.setdefault(name, torch.empty_like(term)).copy_(term)
        if times is not None:
            times.append(1)

    return play, found


def wrong(work: Work) -> Taped:
    play, found = steady(work)

    def askew() -> None:
        play()
        for term in found.values():
            term += 0.1

    return askew, found


def refused(work: Work) -> Taped:
    raise RuntimeError("operation not permitted when stream is capturing\nand much more")


def learned(of: Recipe, faces: Path, steps: int, tape: Any = None, norm: bool = True) -> tuple[Pupils, list[Terms]]:
    who, shown = pupils(of, CPU), faceset(faces, of.width_height)
    for network in () if norm else (who.G, *(teacher.D for teacher in who.teachers)):
        for name, module in list(network.named_modules()):  # type: ignore[attr-defined]
            if isinstance(module, torch.nn.BatchNorm2d):
                above, _, last = name.rpartition(".")
                setattr(network.get_submodule(above), last, torch.nn.Identity())  # type: ignore[attr-defined]
            if "SpectralNorm" in type(module).__name__:
                module.eval()
    if tape:
        who.recorder = Recorder(who.changes, tape)
    return who, [learn(of, CPU, who, shown, step) for step in range(steps)]


def weights(who: Pupils) -> dict[str, torch.Tensor]:
    parts = {name: part.state_dict() for name, part in who.parts().items() if "opt" not in name}
    return {f"{name} {key}": value for name, part in parts.items() for key, value in part.items()}


def assert_same(one: Pupils, other: Pupils) -> None:
    mine, its = weights(one), weights(other)
    assert mine.keys() == its.keys()
    assert all(torch.equal(mine[name], its[name]) for name in mine)


@pytest.mark.parametrize(
    "sets", [["augment.name=diff", "loss.r1=1"], ["d_every=2"], ["loss.name=wgan-gp", "g_every=3"]]
)
def test_what_is_played_back_is_what_is_learned(sets: list[str], faces: Path, tiny: Recipe) -> None:
    of = recipe.parse(tiny.as_dict(), sets)
    played: list[int] = []
    who, found = learned(of, faces, 16, lambda work: steady(work, played))
    plain, its = learned(of, faces, 16)
    assert_same(who, plain)
    assert who.recorder
    kinds = len({(step % of.d_every == 0, step % of.g_every == 0) for step in range(16)})
    assert len(played) == 16 - kinds * WARM
    for mine, other in zip(found, its, strict=True):  # kept, though the tape has written over them since
        assert mine.keys() == other.keys()
        assert all(torch.equal(mine[name], other[name]) for name in mine)


@pytest.mark.parametrize(("tape", "said"), [(wrong, "played back, "), (refused, "operation not permitted when")])
def test_what_cannot_be_recorded_is_made_anew_and_said(
    tape: Any, said: str, faces: Path, tiny: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    who, _ = learned(tiny, faces, 12, tape)
    assert_same(who, learned(tiny, faces, 12)[0])
    err = capsys.readouterr().err
    assert len(re.findall("a step cannot be recorded here", err)) == 1
    assert said in err
    assert "and much more" not in err


def test_after_a_rollback_it_is_recorded_anew(
    faces: Path, dying: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a record of before, D would go on at its old rate, and the state of Adam's would not be that of best.pt."""
    records: list[int] = []

    def tape(work: Work) -> Taped:
        records.append(1)
        return steady(work)

    first = Course.__init__

    def taped(self: Course, run: Any, who: Pupils, *others: Any) -> None:
        first(self, run, who, *others)
        who.recorder = Recorder(who.changes, tape)

    with pytest.raises(EshiError):
        train(faces, dying, tmp_path / "plain")
    monkeypatch.setattr(Course, "__init__", taped)
    with pytest.raises(EshiError):
        train(faces, dying, tmp_path / "taped")
    assert len(records) == 2
    assert same(tmp_path / "plain", tmp_path / "taped")


@pytest.mark.parametrize("sets", [[], ["g_every=2"], ["size=64", "second.discriminator.width=8"]])
def test_parts_learn_what_the_whole_batch_teaches(sets: list[str], faces: Path, tiny: Recipe) -> None:
    """But for batch norm, which knows a part alone, spectral norm, which learns at each call, and augmentations."""
    bare = ["batch=10", "ema=0", "second.augment.name=none"] if "size=64" in sets else ["batch=10", "ema=0"]
    of = recipe.parse(tiny.as_dict(), [*bare, *sets, "g_adam.lr=1e-5", "d_adam.lr=1e-5"])
    whole, found = learned(of, faces, 4, norm=False)
    for count in (2, 3, 10):
        parts, its = learned(recipe.parse(of.as_dict(), [f"engine.parts={count}"]), faces, 4, norm=False)
        for mine, other in zip(found, its, strict=True):
            assert mine.keys() == other.keys()
            assert all(torch.allclose(mine[name], other[name], atol=1e-4) for name in mine)
        mine, other = weights(whole), weights(parts)
        assert all(torch.allclose(mine[name], other[name], atol=1e-4) for name in mine)


def test_no_more_than_a_part_goes_through_a_network(faces: Path, tiny: Recipe) -> None:
    of = recipe.parse(tiny.as_dict(), ["batch=11", "engine.parts=4", "loss.r1=1"])
    who, shown = pupils(of, CPU), faceset(faces, (16, 16))
    seen: list[int] = []
    for network in (who.G, who.D):
        network.register_forward_hook(lambda module, inputs, out: seen.append(len(inputs[0])))  # type: ignore[attr-defined]
    learn(of, CPU, who, shown, 0)
    assert max(seen) == 3
    assert len(seen) == 4 * (1 + 3 + 1 + 1)  # G for D's turn; D on real, on drawn and R1's; G again, D on it


def test_twenty_steps_in_parts_are_nine_and_eleven(faces: Path, tiny: Recipe, tmp_path: Path) -> None:
    of = recipe.parse(tiny.as_dict(), ["engine.parts=3", "augment.name=diff", "discriminator.dropout=0.2"])
    whole = train(faces, of, tmp_path / "whole")
    train(faces, longer(of, "72"), tmp_path / "parts")
    assert same(whole, train(faces, of, tmp_path / "parts"))
    with pytest.raises(EshiError, match=r"another recipe: .*parts"):
        train(faces, recipe.parse(of.as_dict(), ["engine.parts=2"]), tmp_path / "parts")


@pytest.mark.parametrize(
    ("sets", "why"), [(["engine.parts=9"], "9 parts"), (["engine.parts=2", "engine.shards=2"], "2 shards")]
)
def test_parts_that_cannot_be_are_refused(sets: list[str], why: str, tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(EshiError, match=why):
        in_shards(recipe.parse(tiny.as_dict(), sets), tmp_path / "run", CPU)
