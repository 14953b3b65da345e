"""Directions, edits and transfer on small artists whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from untrained import kept

from eshi import recipe
from eshi.artist import Artist, render
from eshi.explore import directions, edit
from eshi.explore.directions import factorised, intake, learned, ridge, unmixed
from eshi.explore.measures import MEASURES, eye_colour, hair_colour, measured
from eshi.gather.painter import paint
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.registry import GENERATORS
from eshi.networks.build import networks
from eshi.networks.prior import PRIORS

torch.set_num_threads(1)


class Painter(nn.Module):
    """A G whose truth is known: coordinates 0 to 2 are the hair's red, green and blue, 3 to 5 the eyes', 6 the rest."""

    size, latent, prior = (64, 64), 16, PRIORS["normal"]

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16, bias=False)
        nn.init.eye_(self.first.weight)

    def draw(self, count: int, seed: int) -> torch.Tensor:
        rows = [np.random.default_rng(seed + i).standard_normal(16) for i in range(count)]
        return torch.from_numpy(np.array(rows, np.float32))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = 0.4 * self.first(z)
        out = (z[:, 6, None, None, None] * 0.5).expand(-1, 3, 64, 64).clone()
        out[:, :, 4:20, 18:46] = z[:, :3, None, None]
        out[:, :, 28:38, 16:48] = z[:, 3:6, None, None]
        return out.clamp(-1, 1)


@pytest.fixture
def painter() -> Artist:
    return Artist(recipe.load("dcgan-64"), 0, Painter(), None)  # type: ignore[arg-type]


def run_of(folder: Path, *overrides: str) -> Path:
    small = ["size=32", "generator.width=4", "discriminator.width=4", "generator.latent=8"]
    chosen = recipe.load("dcgan-64", [*small, *overrides])
    torch.manual_seed(1)
    return kept(Artist(chosen, 0, *networks(chosen)), folder)


def test_measured_directions_are_the_coordinates_that_do_it(painter: Artist) -> None:
    found = directions(painter, 600)
    hair = np.abs(found.vector("hair"))
    assert np.linalg.norm(hair[:3]) > 0.95  # and not the eyes nor the rest
    assert found.correlations[found.names.index("hair")] > 0.9
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)


def test_an_edit_reaches_a_colour_and_leaves_the_rest(painter: Artist) -> None:
    found = directions(painter, 600)
    for seed in range(5):
        done = edit(painter, seed, {"hair": "#a06040"}, found)
        reached = 255 * hair_colour(done.images[-1:])[0]
        np.testing.assert_allclose(reached, (160, 96, 64), atol=12)
        eyes = 255 * eye_colour(done.images)
        assert np.abs(eyes[-1] - eyes[0]).max() < 12


def test_an_amount_moves_by_so_many_deviations_and_back(painter: Artist) -> None:
    found = directions(painter, 300)
    z = painter.G.draw(1, 3)[0]
    done = edit(painter, 3, {"hair": "+1.5"}, found)
    np.testing.assert_allclose(done.latent, z.numpy() + 1.5 * found.vector("hair"), atol=1e-5)
    back = edit(painter, done.latent, {"hair": -1.5}, found)
    np.testing.assert_allclose(back.latent, z.numpy(), atol=1e-5)
    before, after = done.changed["hair"]
    assert after > before


@pytest.mark.parametrize("name", sorted(GENERATORS))
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_factorised_directions_are_orthonormal_and_sorted_by_what_they_move(name: str, prior: str) -> None:
    torch.manual_seed(3)
    G = GENERATORS.build({"name": name, "latent": 12, "width": 4, "prior": prior}, size=32)
    vectors = factorised(G)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(12), atol=1e-5)
    moved = np.linalg.norm(vectors @ intake(G), axis=1)
    assert (np.diff(moved) <= 1e-6).all()
    random = np.random.default_rng(0).standard_normal((50, 12))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    assert np.linalg.norm(random @ intake(G), axis=1).max() <= moved[0]


def test_what_a_later_layer_is_told_counts_as_often_as_it_has_places_for_it() -> None:
    torch.manual_seed(3)
    G = GENERATORS.build({"name": "dcgan", "latent": 12, "width": 4, "remind": True}, size=32)
    before = intake(G)
    assert before.shape == (12, 16 * 16 + 8 + 4)  # 16 maps of 4 x 4 pixels, then one number for each later map
    with torch.no_grad():
        G.reminders[1][0].weight.zero_()[3, 7] = 1.0  # the last map of 16 x 16 pixels, moved by the seventh alone
    np.testing.assert_allclose(intake(G)[7, -1], 16.0)
    np.testing.assert_allclose(intake(G)[:, :-4], before[:, :-4])
    np.testing.assert_allclose(np.abs(factorised(G)[0]), np.eye(12)[7], atol=0.05)


def test_ridge_finds_a_linear_truth() -> None:
    random = np.random.default_rng(0)
    latents, truth = random.standard_normal((2000, 6)), random.standard_normal(6)
    np.testing.assert_allclose(ridge(latents, latents @ truth + 3), truth, rtol=0.03)


def test_what_varies_by_itself_is_told_apart() -> None:
    random = np.random.default_rng(0)
    alone = np.stack([random.uniform(-1, 1, 4000), random.choice([-1.0, 1.0], 4000), random.laplace(size=4000)], 1)
    alone /= alone.std(0)
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    mixed = (alone - alone.mean(0)) @ turn
    found = mixed @ unmixed(mixed).T
    r = np.abs(np.corrcoef(found.T, alone.T)[:3, 3:])
    assert (r.max(axis=0) > 0.98).all()  # each of them is one of those that were mixed
    assert np.abs(np.corrcoef(mixed.T, alone.T)[:3, 3:]).max() < 0.98


def test_directions_are_kept_with_the_run_and_are_the_same_again(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    with pytest.raises(EshiError, match="no directions yet"):
        edit(run, 1, {"hair": "+1"})
    found, again = directions(run, 120), directions(run, 120)
    np.testing.assert_allclose(found.vectors, again.vectors, atol=1e-6)
    assert (run / "directions.png").exists()
    assert "factor1" in found.names
    assert "ica1" in found.names
    assert found.kinds[found.names.index("typical")] == "measured"
    assert edit(run, 1, {"factor1": 2}).images.shape == (7, 32, 32, 3)


def test_directions_are_the_same_for_every_number_of_threads(painter: Artist) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (120, 32, 32, 3), np.uint8)
    latents, seen = random.standard_normal((120, 16)), torch.from_numpy(random.standard_normal((120, 4096), np.float32))
    found, before = [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(learned(painter, latents, images, seen, None))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[1].vectors, found[0].vectors)
    assert found[1].correlations == found[0].correlations


def test_a_uniform_latent_stays_in_its_prior(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", "generator.prior=uniform")
    directions(run, 120)
    done = edit(run, 1, {"factor1": 30.0})
    assert 0 <= done.latent.min() <= done.latent.max() <= 1


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"hiar": "+1"}, "no direction 'hiar'", "did you mean 'hair'?"),
        ({"hair": "pinc"}, "no colour called 'pinc'", "did you mean 'pink'?"),
        ({"smile": "pink"}, "smile takes an amount", "smile=+2"),
        ({}, "nothing to change", "hair=pink"),
    ],
)
def test_a_wrong_edit_says_what_would_be_right(painter: Artist, changes: dict, message: str, hint: str) -> None:
    found = directions(painter, 300)
    found.names[3:4] = ["smile"]
    with pytest.raises(EshiError, match=message) as raised:
        edit(painter, 1, changes, found)
    assert hint in raised.value.hint


def test_damaged_directions_are_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run")
    (run / "directions.npz").write_bytes(b"no")
    with pytest.raises(EshiError, match=r"cannot read .*directions.npz"):
        edit(run, 1, {"hair": "+1"})


def test_measures_know_painted_faces(tmp_path: Path) -> None:
    """What is measured agrees with what was painted."""
    import json

    folder = paint(tmp_path / "faces", 80, seed=5, faces=64, workers=1)
    rows = [json.loads(line) for line in (folder / "attributes.jsonl").read_text().splitlines()]
    images = np.stack([image.decode(folder / row["file"]) for row in rows])
    hair, eyes = hair_colour(images), eye_colour(images)
    for channel in range(3):
        assert np.corrcoef(hair[:, channel], [row["hair_rgb"][channel] for row in rows])[0, 1] > 0.97
        assert np.corrcoef(eyes[:, channel], [row["eyes_rgb"][channel] for row in rows])[0, 1] > 0.8
    known = measured(images)
    assert np.corrcoef(known["smile"], [row["mouth_open"] for row in rows])[0, 1] > 0.7
    faces = np.array([row["face"] for row in rows])
    assert np.corrcoef(known["across"], faces[:, 0] + faces[:, 2] / 2)[0, 1] > 0.7
    assert np.corrcoef(known["down"], faces[:, 1] + faces[:, 3] / 2)[0, 1] > 0.6


@pytest.mark.parametrize("size", [16, 32, 64, 96])
def test_every_measure_is_one_finite_number_a_face_at_any_size(size: int) -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, size, size, 3), np.uint8)
    images[0] = 128
    for name in MEASURES:
        values = measured(images)[name]
        assert values.shape == (5,)
        assert np.isfinite(values).all()


def test_transfer_tells_classes_apart_and_says_what_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="transfer needs scikit-learn")
    from eshi.explore import transfer

    run, random = run_of(tmp_path / "run"), np.random.default_rng(0)
    for i in range(24):
        for kind, level in (("dark", 60), ("light", 190)):
            image.save(random.integers(level - 50, level + 50, (32, 32, 3), np.uint8), tmp_path / f"set/{kind}/{i}.png")
    found = transfer(run, tmp_path / "set", splits=2)
    assert found.accuracy["raw pixels"] == [1.0, 1.0]
    assert found.features["raw pixels"] == 32 * 32 * 3
    assert found.features["trained D"] == (4 + 8 + 16) * 16
    before = torch.get_rng_state()
    assert found.accuracy == transfer(run, tmp_path / "set", splits=2).accuracy
    assert torch.equal(torch.get_rng_state(), before)  # the random D takes none of its caller's
    with pytest.raises(EshiError, match="no class folders"):
        transfer(run, tmp_path / "set" / "dark")


def test_render_of_the_painter_is_what_the_measures_read(painter: Artist) -> None:
    z = torch.zeros(1, 16)
    z[0, :3] = torch.tensor([1.0, -1.0, 0.5])
    np.testing.assert_allclose(hair_colour(render(painter.G, z))[0] * 2 - 1, [0.4, -0.4, 0.2], atol=0.01)
