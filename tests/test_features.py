"""Features: their cache is looked at again where it is not what was written, and no teacher shares their network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from eshi import recipe
from eshi.ground.errors import EshiError
from eshi.ground.registry import DISCRIMINATORS
from eshi.judging import features
from eshi.judging.features import cached
from eshi.networks.frozen import Frozen
from eshi.networks.lite import Lite
from eshi.training.loop import train

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[:-9],
    "cut to the header": lambda content: content[:40],
    "a flipped bit": lambda content: content[:150] + bytes([content[150] ^ 1]) + content[151:],
    "a flipped bit of the header": lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
    "zeros": lambda content: bytes(len(content)),
    "an archive": lambda content: b"PK\x03\x04" + content,
    "a text": lambda content: b"this is no array, but long enough to be taken for one" * 9,
    "a pickle": lambda content: b"\x80\x04K\x01.",
}


class Mean(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale, self.seen = torch.nn.Parameter(torch.ones(1)), 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen += len(images)
        return (self.scale * images.float().mean(dim=(2, 3))).detach()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_by_name(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = Mean()
    first = cached(IMAGES, "mean", module)
    (file,) = (tmp_path / "eshi" / "features").iterdir()
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    np.testing.assert_array_equal(cached(IMAGES, "mean", module), first)
    assert f"{file} is damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(cached(IMAGES, "mean", module), first)
    assert module.seen == 12
    assert capsys.readouterr().err == ""


def test_where_there_can_be_no_cache_the_features_are_taken_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "eshi").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached(IMAGES, "mean", Mean()).shape == (6, 3)
    monkeypatch.delenv("XDG_CACHE_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert cached(IMAGES, "mean", Mean()).shape == (6, 3)


def test_a_teacher_that_looks_through_the_judges_network_is_refused(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that learned from what ranks it would be ranked too well."""

    class Partial(Frozen):
        def __init__(self, size: tuple[int, int], width: int = 4):
            super().__init__(size, width)
            self.lite = Lite("lite0", Path(features.__file__).with_name("lite0.npz"))

    monkeypatch.setitem(DISCRIMINATORS.fill(), "partial", Partial)
    for key in ("discriminator", "second.discriminator"):
        own = recipe.load("demo", ["size=32", "batch=4", "generator.width=4", f"{key}.name=partial"])
        with pytest.raises(EshiError, match="looks through lite0, the network that ranks runs") as it:
            train(faces, own, tmp_path / "run")
        assert "'frozen' looks through lite1" in it.value.hint
        assert not (tmp_path / "run").exists()
    assert not features.looks_through(Frozen(32))
