"""Exploring, on small untrained artists: what is true of any G is true of theirs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from untrained import kept, made

from eshi.artist import Artist, draw, render
from eshi.explore import add_favourite, drop_favourite, favourites, film, look, mix, project, store, sweep, walk
from eshi.gather.painter import paint
from eshi.ground import image
from eshi.ground.errors import EshiError

torch.set_num_threads(1)  # faster than two for networks this small


@pytest.fixture(params=["normal", "uniform"])
def who(request: pytest.FixtureRequest) -> Artist:
    return made(prior=request.param)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return kept(made(), tmp_path / "run")


def test_a_sweep_moves_one_coordinate_over_the_whole_range(who: Artist) -> None:
    found = sweep(who, [3, 5], [7, 8], steps=5)
    assert found.images.shape == (4, 5, 32, 32, 3)
    assert found.dims == [3, 5, 3, 5]
    z = who.G.draw(2, 7)
    z[1, 5] = float(found.values[2])
    np.testing.assert_array_equal(found.images[3, 2], render(who.G, z)[1])
    ends = (0, 1) if who.G.prior.name == "uniform" else (-2.5, 2.5)
    assert (found.values[0], found.values[-1]) == ends


def test_auto_ranks_the_coordinates_by_what_they_change() -> None:
    who = made()
    with torch.no_grad():
        first = next(who.G.parameters())  # (latent, C, h, w)
        first[2] *= 10
        first[4] = 0
    effects = sweep(who, "auto", steps=2, rows=8).effects
    dims = sweep(who, "auto", steps=2, rows=8).dims
    assert dims[0] == 2
    assert dims[-1] == 4
    assert effects[-1] == 0
    assert effects == sorted(effects, reverse=True)


def test_a_walk_begins_and_ends_at_its_points(who: Artist) -> None:
    found = walk(who, [1, 2, 3], frames=9)
    at = draw(who, 3, seed=1).images
    np.testing.assert_array_equal(found.images[[0, 4, 8]], at)
    loop = walk(who, [1, 2], frames=8, loop=True)
    np.testing.assert_array_equal(loop.images[[0, 4]], at[:2])
    assert len(loop.distances) == 8  # back to the first


def test_a_spherical_walk_keeps_to_the_sphere_and_a_straight_one_to_the_line() -> None:
    who = made(latent=64)
    z = who.G.draw(2, 1)
    middle = walk(who, [1, 2], frames=3).latents[1]
    assert np.linalg.norm(middle) == pytest.approx(float(z.norm(dim=1).mean()), rel=1e-4)
    straight = walk(who, [1, 2], frames=3, spherical=False).latents[1]
    np.testing.assert_allclose(straight, z.mean(0), atol=1e-6)
    np.testing.assert_allclose(walk(who, [z[0], -z[0]], frames=3).latents[1], 0, atol=1e-5)


def test_a_straight_walk_stays_in_the_uniform_prior() -> None:
    found = walk(made(prior="uniform"), [1, 2, 3], frames=20)
    assert found.latents.min() >= 0
    assert found.latents.max() <= 1


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("points", [[1, 2], [3, 4, 5, 6]])
def test_an_even_walk_has_no_jump(who: Artist, points: list[int], loop: bool) -> None:
    with torch.no_grad():
        next(who.G.parameters()).mul_(6)  # a wilder G
    plain, even = walk(who, points, 40, loop=loop), walk(who, points, 40, loop=loop, even=True)
    assert even.smoothness <= 1.5
    assert even.smoothness < plain.smoothness
    assert len(even.images) == 40


def test_without_d_a_walk_is_measured_in_pixels() -> None:
    who = made()
    who.D = None
    found = walk(who, [1, 2], 10, even=True)
    assert found.measured_by == "pixels at 16x16"
    assert found.smoothness <= 1.5


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("3", lambda z: z[3]),
        ("1 + 2 - 3", lambda z: z[1] + z[2] - z[3]),
        ("1 - (2 - 3)", lambda z: z[1] - z[2] + z[3]),
        ("mean(1,2,3) - mean(4, 5) + 6", lambda z: (z[1] + z[2] + z[3]) / 3 - (z[4] + z[5]) / 2 + z[6]),
        ("0.5 * 1 + 2 * 0.25", lambda z: 0.5 * z[1] + 0.25 * z[2]),
        ("-1 + -(2)", lambda z: -z[1] - z[2]),
        ("2 * mean(1, 2) / 4", lambda z: (z[1] + z[2]) / 4),
        ("mean(1 - 2, -3)", lambda z: (z[1] - z[2] - z[3]) / 2),
    ],
)
def test_arithmetic_is_arithmetic(expression: str, value) -> None:
    who = made()
    found = mix(who, expression)
    np.testing.assert_allclose(found.latent, value(who.G.draw(10, 0)), atol=1e-5)
    np.testing.assert_array_equal(found.image, render(who.G, torch.from_numpy(found.latent)[None])[0])
    assert found.sheet().dtype == np.uint8


def test_noise_stands_around_the_result() -> None:
    who = made()
    found = mix(who, "1 + 2", noise=0.25)
    np.testing.assert_array_equal(found.around, mix(who, "1 + 2", noise=0.25).around)
    assert all((found.around[i] != found.image).any() for i in (0, 1, 2, 3, 5, 6, 7, 8))
    assert (mix(who, "1", noise=0).around == draw(who, 1, seed=1).images).all()


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("mean(1,2", "character 9: a [)] is missing", "mean(1,2 >>>"),
        ("maen(1,2)", "character 1: there is no 'maen", "did you mean 'mean'?"),
        ("1 + % 2", "character 5: '%' means nothing", "1 +  >>> % 2"),
        ("1 +", "character 4: it ends too early", "1 + >>>"),
        ("1 2", "character 3: '2' needs a", "1  >>> 2"),
        ("miku + 1", "character 1: no favourite called 'miku'", "mean"),
        ("1 * 2 ", "character 5: which of the two", "2.0"),
        ("(1 + 2) * (3 + 4)", "can only be multiplied", ""),
        ("1.5", "1.5 is no seed", ""),
        ("1 / 0.0", "division by 0", ""),
        ("", "empty", "mean"),
        ("gone.npy + 1", "there is no file gone.npy", "project"),
        ("'a b' + 1", "no favourite called 'a b'", ".npy"),
        ("(" * 5000, "character 51: it is nested too deeply", ""),
        ("-" * 5000 + "1", "nested too deeply", ""),
        ("1 + " * 5000 + "1", "the expression has 20,001 characters", "10,000"),
        (f"{'9' * 400} * 1.5 * 2", "is no seed", ""),
        (f"1 * {'9' * 400}.0", "not finite", "smaller"),
        (f"1 / 0.{'0' * 310}1", "not finite", "smaller"),
        ("__import__('os')", "character 1", ""),
    ],
)
def test_a_typo_is_shown_where_it_is(expression: str, message: str, hint: str) -> None:
    with pytest.raises(EshiError, match=message) as raised:
        mix(made(), expression)
    assert hint in raised.value.hint
    assert "\n" not in f"{raised.value}{raised.value.hint}"


def test_favourites_stand_wherever_a_seed_does(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    who = made()
    file = store(who.G.draw(1, 9)[0], tmp_path / "nine.npy")
    add_favourite(run, 7, "miku")
    add_favourite(run, str(file), "初音")
    assert favourites(run)["miku"] == 7
    at = draw(run, 3, seed=7).images
    np.testing.assert_array_equal(mix(run, "miku").image, at[0])
    np.testing.assert_array_equal(mix(run, "初音").image, at[2])
    np.testing.assert_array_equal(walk(run, ["miku", str(file), 8], frames=3).images, at[[0, 2, 1]])
    np.testing.assert_array_equal(mix(run, f"'{file}'").image, at[2])
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(mix(run, "nine.npy/2 - 0.5*9").latent, 0, atol=1e-6)
    drop_favourite(run, "miku")
    assert list(json.loads((run / "favourites.json").read_text())) == ["初音"]


def test_a_name_is_not_given_twice_and_must_be_a_word(run: Path) -> None:
    add_favourite(run, 7, "miku")
    add_favourite(run, 7, "miku")
    with pytest.raises(EshiError, match="already another face"):
        add_favourite(run, 8, "miku")
    for name in ("7", "a-b", "mean", ""):
        with pytest.raises(EshiError, match="cannot be a name"):
            add_favourite(run, 7, name)
    with pytest.raises(EshiError, match="no favourite called 'mikku'") as raised:
        walk(run, ["mikku", 1])
    assert "did you mean 'miku'?" in raised.value.hint


def test_a_latent_must_fit(tmp_path: Path) -> None:
    who = made()
    np.save(tmp_path / "long.npy", np.zeros(9, np.float32))
    np.save(tmp_path / "nan.npy", np.full(8, np.nan))
    np.save(tmp_path / "words.npy", np.array(["a"]))
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    said = {"long": "holds 9 numbers, but this G takes 8", "nan": "not finite", "words": "no latent",
            "broken": "no latent", "gone": "there is no file"}  # fmt: skip
    for name, what in said.items():
        with pytest.raises(EshiError, match=what):
            who.latent(tmp_path / f"{name}.npy")
    with pytest.raises(EshiError, match="-1 is no seed"):
        who.latent(-1)


def test_a_drawing_finds_its_way_home(who: Artist) -> None:
    images = draw(who, 6, seed=50).images
    between = np.abs(images[:3].astype(float) - images[3:]).mean((1, 2, 3))
    found = [project(who, face, steps=150) for face in images[:3]]
    assert np.median([one.error for one in found]) <= np.median(between) / 10
    np.testing.assert_array_equal(found[0].image, render(who.G, torch.from_numpy(found[0].latent)[None])[0])
    if who.G.prior.name == "uniform":
        assert 0 <= min(one.latent.min() for one in found) <= max(one.latent.max() for one in found) <= 1


def test_projection_takes_a_file_of_any_size_and_is_the_same_again(tmp_path: Path) -> None:
    who = made()
    image.save(np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8), tmp_path / "face.png")
    found, again = (project(who, tmp_path / "face.png", steps=5) for _ in range(2))
    np.testing.assert_array_equal(found.latent, again.latent)
    assert found.sheet().ndim == 3
    (tmp_path / "bad.png").write_bytes(b"no")
    with pytest.raises(EshiError, match=r"bad\.png: not a picture"):
        project(who, tmp_path / "bad.png")


def test_a_face_is_cut_out_of_a_whole_picture(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Of two, the larger; painted pictures say where their faces are."""
    who, folder = made(), paint(tmp_path / "painted", 8, seed=4)
    rows = [json.loads(line) for line in (folder / "attributes.jsonl").read_text().splitlines()]
    rows.sort(key=lambda row: row["face"][2] * row["face"][3])
    small, large = (image.decode(folder / row["file"]) for row in (rows[0], rows[-1]))
    canvas = np.full((max(len(small), len(large)), small.shape[1] + large.shape[1], 3), 255, np.uint8)
    canvas[: len(small), : small.shape[1]] = small
    canvas[: len(large), small.shape[1] :] = large
    file = image.save(canvas, tmp_path / "both.png")
    found = project(who, file, steps=1)
    left, top, side = found.cut
    x, y, w, h = rows[-1]["face"]
    assert left <= x + small.shape[1] + w / 2 <= left + side
    assert top <= y + h / 2 <= top + side
    assert max(w, h) < side < 2 * max(w, h)
    inside = image.fit(Image.fromarray(canvas[top : top + side, left : left + side]), (32, 32))
    np.testing.assert_array_equal(found.target, inside)
    said = capsys.readouterr().err
    assert f"{file} is more than a face: the largest of 2 faces is cut out, {side} px wide at {left}, {top}" in said


@pytest.mark.parametrize("size", [64, 128, 400])
def test_a_face_cut_out_already_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture, size: int) -> None:
    file = paint(tmp_path, 2, seed=3, faces=size) / "00001.png"
    found = project(made(), file, steps=1)
    assert found.cut is None
    np.testing.assert_array_equal(found.target, image.decode(file, (32, 32)))
    assert capsys.readouterr().err == ""


def test_a_picture_without_a_face_is_taken_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    file = image.save(np.full((300, 200, 3), 90, np.uint8), tmp_path / "grey.png")
    found = project(made(), file, steps=1)
    assert found.cut is None
    assert f"no face is found in {file}: it is taken as it is" in capsys.readouterr().err


def test_looking_shows_filters_maps_units_and_what_a_map_draws() -> None:
    who = made()
    found = look(who, [1, 2, 3], units=2)
    assert found.filters.shape == (4, 4, 4, 3)
    assert found.guided.shape == found.dropped.shape == (3, 3, 32, 32, 3)
    assert len(found.maps) == 3
    np.testing.assert_array_equal(found.guided[0], draw(who, 3, seed=1).images)
    assert (found.dropped[1] != found.dropped[0]).any()
    assert all(sheet.ndim == 3 for sheet in found.sheets().values())
    assert all(m.inplace for m in who.D.modules() if isinstance(m, torch.nn.LeakyReLU))  # left as it was


def test_a_dead_map_changes_nothing_when_dropped() -> None:
    who = made()
    last = [m for m in who.G.modules() if isinstance(m, torch.nn.ConvTranspose2d)][-1]
    with torch.no_grad():
        last.weight[1] = 0
    found = look(who, [1], drop=[1, 2], layer=-1)
    assert (found.dropped[1] == found.dropped[0]).all()
    assert (found.dropped[2] != found.dropped[0]).any()
    with pytest.raises(EshiError, match="no map 99"):
        look(who, [1], drop=[99])
    with pytest.raises(EshiError, match="no layer 9"):
        look(who, [1], layer=9)


def test_without_d_there_is_nothing_to_look_through() -> None:
    who = made()
    who.D = None
    with pytest.raises(EshiError, match="holds no D"):
        look(who)


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_film_has_its_frames(tmp_path: Path, suffix: str) -> None:
    frames = walk(made(), [1, 2], 5).images
    with Image.open(film(frames, tmp_path / f"a.{suffix}")) as opened:
        assert opened.n_frames == 5
    with pytest.raises(EshiError, match=r"cannot animate a \.avi"):
        film(frames, tmp_path / "a.avi")


def test_an_mp4_has_its_frames(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="MP4 needs PyAV")
    frames = walk(made(), [1, 2], 5).images
    with av.open(str(film(frames, tmp_path / "a.mp4", 0.1))) as opened:
        shown = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(shown) == 5
    coarse = [np.mean(one[2].reshape(4, 8, 4, 8, 3), axis=(1, 3)) for one in (shown, frames)]
    assert np.abs(coarse[0] - coarse[1]).max() < 12  # single pixels lose colour in yuv420p


@pytest.mark.parametrize(
    "wrong",
    [
        lambda who: sweep(who, [8]),
        lambda who: sweep(who, steps=1),
        lambda who: walk(who, [1]),
        lambda who: walk(who, [1, 2, 3], frames=2),
        lambda who: project(who, np.zeros((3, 3, 3), np.uint8)),
        lambda who: project(who, np.zeros((32, 32, 3), np.uint8), restarts=0),
    ],
)
def test_what_makes_no_sense_is_refused(wrong) -> None:
    with pytest.raises(EshiError) as raised:
        wrong(made())
    assert raised.value.hint
    assert raised.value.code == 2
