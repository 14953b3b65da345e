"""The judge's metrics are what they are called, and its features order faces as a person does."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from eshi import recipe
from eshi.artist import Artist
from eshi.cli import run as command
from eshi.gather.faceset import faceset
from eshi.gather.painter import paint
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.judging import metrics
from eshi.judging.compare import table
from eshi.judging.features import cached, features, network
from eshi.judging.judge import better, judge_of
from eshi.recipe import Recipe
from eshi.training.loop import train
from eshi.verbs.judging import judge


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """(160, 64, 64, 3) painted faces"""
    folder = tmp_path_factory.mktemp("painted")
    paint(folder, 160, 0, faces=64, workers=1)
    return np.asarray(faceset(folder, (64, 64)).images)


def gaussian(count: int, mean: float = 0.0, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return (mean + scale * np.random.default_rng(seed).normal(size=(count, 8))).astype(np.float32)


def test_with_equal_covariance_the_frechet_distance_is_the_squared_distance_of_the_means() -> None:
    x = gaussian(400)
    shift = np.arange(8) / 10
    assert metrics.frechet(x, x + shift.astype(np.float32)) == pytest.approx((shift**2).sum(), rel=1e-4)


def test_with_equal_means_it_is_that_of_the_scales() -> None:
    x = gaussian(400)
    x -= x.mean(axis=0)
    covariance = np.cov(x.astype(np.float64), rowvar=False)
    assert metrics.frechet(x, 3 * x) == pytest.approx(4 * np.trace(covariance), rel=1e-4)  # tr(C + 9C - 2 * 3C)


def test_a_set_is_no_distance_from_itself() -> None:
    x = gaussian(300)
    assert metrics.frechet(x, x) == pytest.approx(0, abs=1e-6)
    assert abs(metrics.kernel(x, gaussian(300, seed=1))) < 4 * metrics.noise(metrics.kernel, x, gaussian(300, seed=1))
    for name in ("precision", "recall", "coverage", "diversity"):
        assert metrics.METRICS[name](x, x) == pytest.approx(1), name


def test_sets_far_apart_share_nothing() -> None:
    near, far = gaussian(200), gaussian(200, mean=50, seed=1)
    for name in ("precision", "recall", "density", "coverage"):
        assert metrics.METRICS[name](near, far) == 0, name


def test_one_outlier_fools_precision_but_not_density() -> None:
    real = np.concatenate([gaussian(200), gaussian(1, mean=30, scale=0)])
    drawn = gaussian(200, mean=15, scale=0.1, seed=1)
    assert metrics.precision(real, drawn) == 1
    assert metrics.density(real, drawn) < 0.25


def test_one_picture_again_and_again_has_no_diversity() -> None:
    assert metrics.diversity(gaussian(100), np.repeat(gaussian(1), 100, axis=0)) == pytest.approx(0, abs=1e-3)


def test_lost_modes_cost_recall_and_not_precision() -> None:
    real = np.concatenate([gaussian(200), gaussian(200, mean=20, seed=1)])
    half = gaussian(400, seed=2)
    assert metrics.precision(real, half) > 0.9
    assert metrics.recall(real, half) < 0.6


@pytest.mark.parametrize("name", ["fd", "kd", "diversity"])
def test_the_noise_is_how_much_other_drawings_would_change_the_figure(name: str) -> None:
    metric, real = metrics.METRICS[name], gaussian(400)
    draws = [gaussian(200, mean=0.3, seed=seed) for seed in range(1, 41)]
    spread = np.std([metric(real, drawn) for drawn in draws])
    said = np.mean([metrics.noise(metric, real, drawn) for drawn in draws])
    assert 0.7 < said / spread < 1.4


def test_memorised_faces_are_found_and_new_ones_are_not() -> None:
    train, held_out = gaussian(500), gaussian(100, seed=1)
    copied = np.concatenate([train[:30] + 1e-3, gaussian(70, seed=2)])
    found = metrics.memorisation(train, held_out, copied)
    assert set(found.order[:30]) == set(range(30))
    assert list(found.nearest[:30]) == list(range(30))
    assert found.copies == pytest.approx(0.3, abs=0.05)
    assert metrics.memorisation(train, held_out, gaussian(100, seed=3)).copies < 0.05
    assert metrics.memorisation(train, held_out, gaussian(100, seed=3)).ratio == pytest.approx(1, abs=0.15)


class Module112(torch.nn.Module):
    """Lite0 as torchmetrics wants it."""

    num_features = 112

    def __init__(self) -> None:
        super().__init__()
        self.lite = network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.lite(images)
        return found


def test_fd_and_kd_are_those_of_torchmetrics(painted: np.ndarray) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance  # here, for importing them takes a second
    from torchmetrics.image.kid import KernelInceptionDistance

    real, other = painted[:40].copy(), np.stack([cv2.GaussianBlur(one, (0, 0), 1) for one in painted[80:120]])
    module = Module112()
    fid = FrechetInceptionDistance(feature=module)
    kid = KernelInceptionDistance(feature=module, subsets=1, subset_size=40)
    for which, images in ((True, real), (False, other)):
        tensor = torch.from_numpy(images).permute(0, 3, 1, 2)
        fid.update(tensor, real=which)
        kid.update(tensor, real=which)
    x, y = features(real, module), features(other, module)
    assert metrics.frechet(x, y) == pytest.approx(float(fid.compute()), rel=1e-4)
    assert metrics.kernel(x, y) == pytest.approx(float(kid.compute()[0]), rel=1e-4)


def test_batches_do_not_matter(painted: np.ndarray) -> None:
    a, b = (features(painted[:50], network(), batch) for batch in (50, 7))
    np.testing.assert_allclose(a, b, atol=1e-4)
    assert metrics.frechet(a, features(painted[50:], network(), 3)) == pytest.approx(
        metrics.frechet(b, features(painted[50:], network(), 64)), rel=1e-4
    )


@pytest.mark.parametrize("damage", ["blur", "noise"])
def test_more_damage_is_farther(painted: np.ndarray, damage: str) -> None:
    real, faces = painted[:80], painted[80:]
    rng = np.random.default_rng(0)
    score = judged(real)
    last = score(faces)
    for strength in (0.5, 1, 2, 4):
        if damage == "blur":
            changed = np.stack([cv2.GaussianBlur(one, (0, 0), strength) for one in faces])
        else:
            changed = (faces + rng.normal(0, 8 * strength, faces.shape)).clip(0, 255).astype(np.uint8)
        assert score(changed) > last
        last = score(changed)
    assert score(rng.integers(0, 256, faces.shape, dtype=np.uint8)) > last


def judged(real: np.ndarray):
    base = features(real, network())
    return lambda images: metrics.frechet(base, features(images, network()))


@pytest.mark.parametrize("size", [(32, 32), (48, 64), (96, 96), (200, 150), (33, 47)])
def test_any_size_has_features_of_length_one_a_number(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    found = features(images, network())
    assert found.shape == (3, 112)
    np.testing.assert_allclose((found**2).mean(axis=1), 1, rtol=1e-4)


def test_faces_are_looked_at_once(painted: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    class Counting(torch.nn.Module):
        seen = 0

        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            Counting.seen += len(images)
            return self.scale * images.float().mean(dim=(2, 3))

    module = Counting()
    first = cached(painted[:20], "counting", module)
    np.testing.assert_array_equal(first, cached(painted[:20], "counting", module))
    assert Counting.seen == 20
    changed = painted[:20].copy()
    changed[3, 5, 5] ^= 1  # one pixel: other content
    cached(changed, "counting", module)
    assert Counting.seen == 40


def test_a_difference_within_its_noise_is_none() -> None:
    a, b = {"fd": 10.0, "fd_noise": 0.5}, {"fd": 11.0, "fd_noise": 0.5}
    assert better(a, b, "fd") is None
    assert better(a, b | {"fd": 12.0}, "fd") is True
    assert better(b | {"fd": 12.0}, a, "fd") is False


def test_too_few_held_out_faces_are_replaced_by_the_training_faces(faces: Path) -> None:
    court = judge_of(faceset(faces, (32, 32)))
    assert "training faces" in court.against
    assert "held-out" in judge_of(faceset(faces, (32, 32), holdout=0.5)).against


@pytest.fixture(scope="module")
def run(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = recipe.load(
        "dcgan-64",
        ["size=32", "batch=8", "images=320", "generator.width=4", "discriminator.width=4", "generator.latent=8",
         "every.sample=80", "judge.every=80", "judge.drawings=40", "judge.budget=1"],
    )  # fmt: skip
    return train(faces, tiny, tmp_path_factory.mktemp("runs") / "run")


def test_one_table_for_runs_checkpoints_and_folders(run: Path, faces: Path) -> None:
    found = vars(judge([run, run / "last.pt", faces], count=60))
    names = [row["name"] for row in found["rows"]]
    assert found["ranked_by"] == "fd_lite0"
    assert any("last.pt" in name for name in names)
    assert names.index(f"{faces} (pictures)") < names.index(f"{run / 'last.pt'} (320 images)")
    scores = [row["fd_lite0"] for row in found["rows"]]
    assert scores == sorted(scores)
    text = table(found)
    assert "lower is better" in text
    assert all(name in text for name in names)
    assert (run / "neighbours.png").exists()
    assert json.loads((run / "neighbours.json").read_text())["of"] == "lite0"


def test_the_same_checkpoint_scores_the_same_twice(run: Path, faces: Path) -> None:
    one, two = (judge([run / "last.pt"], against=faces, count=40).rows for _ in range(2))
    assert [row["fd_lite0"] for row in one] == [row["fd_lite0"] for row in two]


def test_draw_takes_the_best_step(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    best = min((row for row in rows if "ranked_by" in row), key=lambda row: row["fd_lite0"])
    assert Artist.load(run).images == best["images"]
    assert Artist.load(run / "last.pt").images == 320


def test_what_cannot_be_compared_says_why(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    image.save(np.zeros((32, 32, 3), np.uint8), tmp_path / "pictures" / "a.png")
    assert command(["judge", str(tmp_path / "pictures")]) == 2
    assert "--against FACES" in capsys.readouterr().err
    assert command(["judge", str(run), "--features", "incepton"]) == 2
    assert "inception" in capsys.readouterr().err
    assert command(["judge", str(tmp_path / "nothing")]) == 2
    assert "there is no run" in capsys.readouterr().err
    assert command(["judge", str(run.parent)]) == 2
    assert f"eshi judge {run.parent}/*" in capsys.readouterr().err


def test_inception_says_what_to_install(run: Path) -> None:
    try:
        import torch_fidelity  # noqa: F401
    except ImportError:
        with pytest.raises(EshiError, match="torch-fidelity") as raised:
            judge([run], features="inception", count=20)
        assert "eshi[inception]" in raised.value.hint


@pytest.mark.slow
def test_real_faces_are_ordered_as_a_person_orders_them(tmp_path: Path) -> None:
    """Held-out real < slightly blurred or noisy < noise; every planted damage grows with its strength."""
    data = os.environ.get("ESHI_DATA")
    if not data:
        pytest.skip("ESHI_DATA does not name a folder with faces-ntu.zip")
    faces = faceset(Path(data) / "faces-ntu.zip", (64, 64))
    rng = np.random.default_rng(0)
    score, unseen = judged(faces.images[faces.train[:400]]), faces.images[faces.held_out][:300]

    def blur(strength: float) -> np.ndarray:
        return np.stack([cv2.GaussianBlur(one, (0, 0), strength) for one in unseen])

    def noise(strength: float) -> np.ndarray:
        return (unseen + rng.normal(0, 255 * strength, unseen.shape)).clip(0, 255).astype(np.uint8)

    ladders = [
        [score(blur(s)) for s in (0.5, 0.8, 1.2, 1.8, 3)],
        [score(noise(s)) for s in (0.02, 0.05, 0.1, 0.2, 0.4)],
        [score(unseen[rng.integers(0, n, 300)]) for n in (256, 64, 16, 4)],
    ]
    for ladder in ladders:
        assert [score(unseen), *ladder] == sorted([score(unseen), *ladder])
        assert ladder[-1] < score(rng.integers(0, 256, unseen.shape, dtype=np.uint8))


def test_a_recipe_cannot_ask_the_impossible(tiny: Recipe) -> None:
    for bad in ("judge.budget=2", "judge.drawings=3", "guard.patience=0", "guard.action=pray"):
        with pytest.raises(EshiError):
            recipe.parse(tiny.as_dict(), [bad])
