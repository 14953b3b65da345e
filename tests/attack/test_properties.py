"""Truths over what nobody thought of: recipes, checkpoints, logs, favourites and pictures that chance made."""

import io
import json
import math
import shutil
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from untrained import kept, made

from eshi import recipe
from eshi.artist import Artist, draw
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.run import logbook

often = settings(
    max_examples=80, deadline=None, derandomize=True, database=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
rarely = settings(often, max_examples=25)

numbers = some.integers(-(2**70), 2**70) | some.floats() | some.sampled_from([0, -1, 1, 7, 32, 64, 1e-4, 10**400])
plain = some.none() | some.booleans() | numbers | some.text(max_size=12)
values = some.recursive(
    plain, lambda one: some.lists(one, max_size=3) | some.dictionaries(some.text(max_size=6), one), max_leaves=6
)
SECTIONS = {name: hint for name, hint in typing.get_type_hints(Recipe).items() if hasattr(hint, "__dataclass_fields__")}
PARTS = {
    "generator": ("name", "width", "latent", "prior", "stem", "init"), "loss": ("name", "r1"), "augment": ("name",),
    "discriminator": ("name", "width", "head", "norm"),
}  # fmt: skip


@some.composite
def recipes(chance: some.DrawFn) -> dict[str, Any]:
    """A shipped recipe with a few values that are others."""
    found = recipe.load("demo").as_dict()
    for key in chance(some.lists(some.sampled_from(sorted(found)), min_size=1, max_size=3)):
        inside = [*SECTIONS[key].__dataclass_fields__] if key in SECTIONS else PARTS.get(key, ())
        if inside and isinstance(found[key], dict) and chance(some.booleans()):
            found[key][chance(some.sampled_from([*inside, "typo"]))] = chance(values)
        else:
            found[key] = chance(values)
    return found


def refused(call: Callable[[], Any], *codes: int) -> Any:
    """What came of it, or None where it was refused in words."""
    try:
        found = call()
    except EshiError as error:
        said, code = str(error), error.code
    else:
        assert found is not None
        return found
    assert said.strip()
    assert code in (codes or (2,))
    return None


@often
@given(values=recipes())
def test_a_recipe_is_refused_in_words_or_means_the_same_when_written_down(
    values: dict[str, Any], tmp_path: Path
) -> None:
    found = refused(lambda: recipe.parse(values).check())
    if found is None:
        return
    file = tmp_path / "again.yaml"
    file.write_text(found.yaml(), encoding="utf-8")
    assert recipe.load(file) == found
    assert found.length(40) >= 0
    rates = (found.g_adam.lr, found.d_adam.lr, found.every.save, found.judge.budget, found.data.holdout)
    assert all(math.isfinite(rate) and rate >= 0 for rate in rates)
    assert found.batch > 0
    assert min(found.width_height) > 0


@often
@given(
    key=some.sampled_from(["size", "images", "every.log", "g_adam.lr", "loss.name", "a.b.c", "", "name"]),
    value=some.text(max_size=30),
)
def test_an_override_is_refused_in_words_or_taken(key: str, value: str) -> None:
    refused(lambda: recipe.load("demo", [f"{key}={value}"]))


@often
@given(
    content=some.binary(max_size=200) | some.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_file_is_a_recipe_or_refused_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_bytes(content)
    refused(lambda: recipe.load(tmp_path / "odd.yaml"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept(made(), tmp_path_factory.mktemp("artist") / "run")


@pytest.fixture(scope="module")
def who(run: Path) -> Artist:
    return Artist.load(run)


@rarely
@given(flips=some.lists(some.tuples(some.floats(0, 0.999999), some.integers(1, 255)), min_size=1, max_size=8))
def test_a_checkpoint_with_flipped_bytes_is_refused_or_draws_the_same(
    flips: list[tuple[float, int]], run: Path, who: Artist, tmp_path: Path
) -> None:
    content = bytearray((run / "last.pt").read_bytes())
    for place, change in flips:
        content[int(place * len(content))] ^= change
    (tmp_path / "odd.pt").write_bytes(content)
    found = refused(lambda: draw(tmp_path / "odd.pt", 2), 1, 2)
    assert found is None or (found.images == draw(who, 2).images).all()


@rarely
@given(part=some.floats(0, 1))
def test_a_checkpoint_cut_anywhere_is_refused(part: float, run: Path, tmp_path: Path) -> None:
    content = (run / "last.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(content[: int(part * (len(content) - 1))])
    with pytest.raises(EshiError):
        Artist.load(tmp_path / "cut.pt")


rows = some.dictionaries(
    some.sampled_from(
        ["images", "step", "event", "state", "ranked_by", "fd_lite0", "judge_seconds", "length", "seconds", "why"]
    ),
    values | some.sampled_from(["started", "stopped", "finished", "fd_lite0", "learning", "collapsed"]),
)


@often
@given(lines=some.lists(rows.map(json.dumps) | values.map(json.dumps) | some.text(max_size=30), max_size=8))
def test_any_log_gives_a_line_in_the_list_of_runs(lines: list[str], run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(exist_ok=True)
    shutil.copy2(run / "recipe.yaml", folder)
    (folder / "log.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    assert logbook.table(logbook.runs(tmp_path), tmp_path)


@often
@given(
    known=some.dictionaries(
        some.sampled_from(["miku", "rin", "", "7"]), values | some.lists(some.floats(), min_size=8, max_size=8)
    )
)
def test_a_favourite_is_refused_in_words_or_a_latent(known: dict[str, Any], run: Path, who: Artist) -> None:
    (run / "favourites.json").write_text(json.dumps(known))
    found = refused(lambda: who.latent("miku"), 1, 2)
    assert found is None or (found.shape == (8,) and found.isfinite().all())


@often
@given(
    kind=some.sampled_from(["png", "jpeg", "webp", "gif", "bmp", "tiff"]),
    flips=some.lists(some.tuples(some.floats(0, 0.999999), some.integers(1, 255)), max_size=4),
    part=some.floats(0.1, 1),
)
def test_any_bytes_are_a_picture_or_refused_in_words(kind: str, flips: list[tuple[float, int]], part: float) -> None:
    content = bytearray(SOUND.get(kind) or SOUND.setdefault(kind, sound(kind)))
    content = content[: max(1, int(part * len(content)))]
    for place, change in flips:
        content[int(place * len(content))] ^= change
    found = refused(lambda: image.decode(io.BytesIO(content), (32, 32)), 1, 2)
    assert found is None or (found.shape == (32, 32, 3) and found.dtype == "uint8")


SOUND: dict[str, bytes] = {}


def sound(kind: str) -> bytes:
    from attack.bombs import whole

    return whole(kind)
