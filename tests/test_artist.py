"""An artist at work: what it draws with, whom a name means, what it refuses, on networks that learned nothing."""

import json
import os
import resource
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile import refused
from untrained import kept, made

import eshi
from eshi import explore
from eshi.artist import Artist, draw, stream, typical
from eshi.explore.directions import Directions, save
from eshi.ground import image
from eshi.ground.registry import DISCRIMINATORS
from eshi.networks.build import networks
from eshi.recipe import load


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return kept(made(), tmp_path / "run")


def changed(run: Path, change) -> Path:
    """The run's checkpoint with something else in it."""
    state = torch.load(run / "last.pt", weights_only=True)
    change(state)
    torch.save(state, run / "last.pt")
    return run


def test_it_says_which_step_it_draws_with(run: Path) -> None:
    assert Artist.load(run).step_name == "last step, 0 images"
    changed(run, lambda state: state.update(images=60_000))
    (run / "best.pt").write_bytes((run / "last.pt").read_bytes())
    assert Artist.load(run).step_name == "best step, 60,000 images"
    (run / "best.pt").rename(run / "kept.pt")
    assert Artist.load(run / "kept.pt").step_name == "kept.pt, 60,000 images"
    assert made().step_name == "0 images"
    found = eshi.draw(run / "kept.pt", count=1, out=run / "one.png")
    assert found.text() == f"1 face in {run / 'one.png'} (kept.pt, 60,000 images)"


def test_drawing_needs_no_loss(run: Path) -> None:
    """Whoever gets a checkpoint need not have what it was trained with."""
    same = draw(run, 3).images

    def own(state: dict) -> None:
        state["recipe"] |= {"loss": {"name": "of-my-own", "bite": 3}, "augment": {"name": "of-my-own"}}

    np.testing.assert_array_equal(draw(changed(run, own), 3).images, same)


def test_without_d_it_draws_and_asks_nobody_who_is_not_there(run: Path) -> None:
    same = draw(run, 3).images
    changed(run, lambda state: state.pop("D"))
    np.testing.assert_array_equal(draw(run, 3).images, same)
    refused(lambda: draw(run, 3, search=9, by="D"), "holds no D")
    refused(lambda: draw(run, 3, by="D"), "nothing is searched")
    assert len(draw(run, 3, search=9).scores) == 3
    assert explore.walk(run, [1, 2], 4).measured_by == "pixels at 16x16"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["G", "D", "G_ema"])
def test_weights_that_are_not_finite_are_not_drawn_with(run: Path, name: str, value: float) -> None:
    def spoil(state: dict) -> None:
        state.setdefault(name, {key: array.clone() for key, array in state["G"].items()})
        last = [key for key, array in state[name].items() if array.is_floating_point()][-1]
        state[name][last].view(-1)[0] = value

    error = refused(lambda: draw(changed(run, spoil), 1), f"{name[0]} in {run / 'last.pt'}", "not finite")
    assert error.code == 1


def test_weights_that_do_not_fit_are_named(run: Path) -> None:
    first = "layers.0.1.weight"

    def said(change) -> None:
        before = (run / "last.pt").read_bytes()
        refused(lambda: draw(changed(run, lambda state: change(state["G"])), 1), "G in ", first)
        (run / "last.pt").write_bytes(before)

    said(lambda weights: weights.pop(first))
    said(lambda weights: weights.update({first: weights[first][:, :2]}))
    said(lambda weights: weights.update({first: weights[first].long()}))
    refused(lambda: draw(changed(run, lambda state: state.update(D=[1])), 1), "D in ", "holds no weights")


def test_a_recipe_that_asks_for_too_much_costs_nothing(run: Path) -> None:
    """Its networks are outlined first: of these G alone takes 740 MB."""
    changed(run, lambda state: state["recipe"]["generator"].update(width=512))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(lambda: draw(run, 1), "does not fit", "where the network has")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_random_numbers_of_the_caller_stay_as_they_are(run: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    who = Artist.load(run)
    explore.directions(who, 120)
    explore.project(who, draw(who, 1).images[0], steps=2)
    draw(who, 2, search=5)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_artist_knows_its_home(run: Path) -> None:
    who = Artist.load(run)
    explore.add_favourite(who, 7, "miku")
    assert explore.favourites(run) == explore.favourites(who) == {"miku": 7}
    np.testing.assert_array_equal(explore.mix(who, "miku").image, draw(who, 1, seed=7).images[0])
    np.testing.assert_array_equal(explore.sweep(who, [1], ["miku"]).images, explore.sweep(who, [1], [7]).images)
    found = explore.directions(who, 120)
    np.testing.assert_array_equal(
        explore.edit(who, 1, {"factor1": 2}).images, explore.edit(run, 1, {"factor1": 2}).images
    )
    explore.directions(who, 130, keep=False)
    np.testing.assert_array_equal(
        explore.edit(who, 1, {"factor2": 1}).images, explore.edit(who, 1, {"factor2": 1}, found).images
    )
    explore.drop_favourite(who, "miku")
    assert Artist.load(run / "last.pt").home == run
    refused(lambda: explore.favourites(made()), "no folder")
    refused(lambda: explore.edit(made(), 1, {"hair": 1}), "no folder")


def test_names_and_numbers_are_drawn_alike(run: Path, tmp_path: Path) -> None:
    at = draw(run, 3, seed=7).images
    explore.add_favourite(run, 7, "miku")
    nine = explore.store(Artist.load(run).latent(9), tmp_path / "nine.npy")
    found = draw(run, faces=["miku", 8, nine])
    np.testing.assert_array_equal(found.images, at)
    assert found.numbers == ["miku", 8, str(nine)]
    refused(lambda: draw(run, faces=["mikku"]), "did you mean 'miku'?")
    refused(lambda: draw(run, 1, faces=["miku"], search=10), "search")


def test_a_search_finds_what_d_likes_best_whatever_it_is_cut_into(run: Path) -> None:
    who = Artist.load(run)
    with torch.no_grad():
        scores = {seed: float(who.D(who.G(who.G.draw(1, seed)))) for seed in range(5, 155)}
    found = draw(who, 4, seed=5, search=150, by="D")
    assert found.numbers == sorted(scores, key=lambda seed: -scores[seed])[:4]
    np.testing.assert_allclose(found.scores, sorted(scores.values(), reverse=True)[:4], rtol=1e-4)
    np.testing.assert_array_equal(found.images[1], draw(who, 1, seed=found.numbers[1]).images[0])


def test_what_is_unlike_all_others_is_not_the_best(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many others went wrong, each in its own way, and of any colour."""
    who, well = Artist.load(run), torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1

    def drawn(z: torch.Tensor) -> torch.Tensor:
        wrong = [torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(int(i))) / 2 for i in z[:, 0]]
        hue = torch.rand(len(z), 3, 1, 1, generator=torch.Generator().manual_seed(2))
        good = (z[:, 0] % 5 == 0)[:, None, None, None]
        return torch.where(good, well.mean(1, keepdim=True) * 0.5 + hue - 0.5, torch.stack(wrong)).clamp(-1, 1)

    monkeypatch.setattr(who, "latents", lambda some: torch.tensor([[float(i)] for i in some]))
    monkeypatch.setattr(who, "drawn", drawn)
    for crowd in (1000, 64):  # held against all of them, or against the first
        monkeypatch.setattr(typical, "CROWD", crowd)
        numbers, scores = who.search(30, range(150))
        assert set(numbers) == set(range(0, 150, 5))
        assert scores == sorted(scores, reverse=True)
        assert scores[-1] > 0.9


def test_a_drawing_is_as_typical_whatever_it_is_cut_into(run: Path) -> None:
    who = Artist.load(run)
    drawn = who.drawn(who.latents(range(150)))
    whole = torch.cat(list(typical.likeness([drawn])))
    near = typical.forms(drawn) @ typical.forms(drawn).T
    near.fill_diagonal_(-1)
    assert torch.allclose(whole, near.topk(typical.NEAREST, dim=1).values.mean(dim=1), atol=1e-4)
    for size in (1, 7, 149):
        parts = torch.cat(list(typical.likeness(drawn.split(size))))
        assert torch.allclose(parts, whole, atol=1e-4)
    assert draw(who, 3, search=150).numbers == whole.argsort(descending=True)[:3].tolist()
    assert len(draw(who, 2, search=2).scores) == len(draw(who, 1, search=1).scores) + 1 == 2


def test_a_d_that_looks_in_several_ways_is_asked_for_its_mean() -> None:
    who = made()
    D = who.D
    who.D = lambda images: torch.stack([D(images), 3 * D(images), -D(images)], 1)
    assert draw(who, 3, search=40, by="D").numbers == draw(made(), 3, search=40, by="D").numbers


@pytest.mark.parametrize("name", sorted(DISCRIMINATORS))
def test_every_d_is_loaded_and_asked_without_a_word(tmp_path: Path, name: str) -> None:
    small = ["size=32", "generator.width=4", f"discriminator.name={name}", "discriminator.width=4"]
    chosen = load("dcgan-64", small)
    run = kept(Artist(chosen, 0, *networks(chosen)), tmp_path / "run")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert len(draw(run, 2, search=10, by="D").scores) == 2
    assert said == []


def test_a_stream_is_the_same_drawing_in_parts(run: Path) -> None:
    parts, whole = list(stream(run, 150, seed=3)), draw(run, 150, seed=3)
    assert [len(part.images) for part in parts] == [64, 64, 22]
    np.testing.assert_array_equal(np.concatenate([part.images for part in parts]), whole.images)
    assert [number for part in parts for number in part.numbers] == whole.numbers == list(range(3, 153))


@pytest.mark.parametrize("seed", [-1, np.int64(-1), 2**63, "9" * 5000, "9" * 19])
def test_what_cannot_be_a_seed_is_said(seed: object) -> None:
    refused(lambda: made().latent(seed), "is no seed", "0, 1, 2")


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"seed": -1}, {"seed": 2**63}, {"search": 3}, {"search": -5}, {"std": float("nan")},
              {"mean": float("inf")}],
)  # fmt: skip
def test_what_cannot_be_drawn_is_said(wrong: dict) -> None:
    assert refused(lambda: draw(made(), **({"count": 4} | wrong)), "--").code == 2


def test_a_device_is_chosen_by_name(run: Path) -> None:
    assert Artist.load(run).engine.device.type == "cpu"
    np.testing.assert_array_equal(draw(Artist.load(run, device="cpu"), 2).images, draw(run, 2).images)
    refused(lambda: Artist.load(run, device="cuad"), "no device called 'cuad'", "did you mean 'cuda'?")


def test_a_picture_in_the_place_of_a_run_is_called_one(run: Path, tmp_path: Path) -> None:
    face = image.save(draw(run, 1).images[0], tmp_path / "face.jpg")
    refused(lambda: explore.project(face, run), "face.jpg is a picture", "the run comes first", f"project RUN {face}")
    refused(lambda: draw(face), "face.jpg is a picture", "run folder or a checkpoint")


def numbers(shape: str) -> bytes:
    """A .npy file that declares this shape, and holds eight numbers."""
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    head += " " * (63 - (10 + len(head)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + bytes(32)


ODD = {
    "empty": b"",
    "text": b"nothing",
    "zeros": bytes(1000),
    "cut": numbers("(8,)")[:-5],
    "endless": numbers("(8000000000000,)"),
    "overflow": numbers("(9999999999, 9999999999, 9999999999)"),
    "negative": numbers("(-8,)"),
    "code": numbers("__import__('os').abort()"),
    "unclosed": numbers("((((8,"),
    "deep": numbers("(" * 5000),
    "words": "a.npy",
    "objects": "o.npy",
    "complex": "c.npy",
    "bool": "b.npy",
    "records": "r.npy",
    "dates": "d.npy",
    "text pair": "t.npy",
    "huge": "h.npy",
    "nan": "n.npy",
    "matrix": "m.npy",
    "archive": "z.npz",
}
ARRAYS = {
    "a.npy": np.array(["a"] * 8),
    "o.npy": np.array([print] * 8, object),
    "c.npy": np.ones(8, complex),
    "b.npy": np.ones(8, bool),
    "r.npy": np.zeros(8, [("a", float), ("b", int)]),
    "d.npy": np.zeros(8, "datetime64[s]"),
    "t.npy": np.array(["a", "b"]),
    "h.npy": np.full(8, 1e300),
    "n.npy": np.full(8, np.nan),
    "m.npy": np.ones((8, 8)),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_file_that_is_no_latent_is_refused(run: Path, tmp_path: Path, kind: str) -> None:
    file, content = tmp_path / "odd.npy", ODD[kind]
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content in ARRAYS:
        np.save(file, ARRAYS[content], allow_pickle=content == "o.npy")
    else:
        with file.open("wb") as out:
            np.savez(out, np.ones(8))
    refused(lambda: explore.mix(run, f"'{file}' + 1"), str(file))


FAVOURITES = [
    "", "no", "[]", "7", "null", '{"miku": 7', '{"miku": "7"}', '{"miku": -1}', '{"miku": 1.5}', '{"miku": true}',
    '{"miku": null}', '{"miku": {}}', '{"miku": [1, "2"]}', '{"miku": [[1]]}', '{"miku": [NaN]}', '{"miku": Infinity}',
    '{"miku": [true]}', '{"a b": 7}', '{"": 7}', '{"mean": 7}', '{"miku": ' + "9" * 30 + "}",
    '{"miku": ' + "9" * 5000 + "}",
    '{"miku": [' + "9" * 400 + "]}", "[" * 100_000, '{"a":' * 100_000, "\ufeff{}", '{"' + "x" * 100_000 + '": "y"}',
]  # fmt: skip


@pytest.mark.parametrize("text", FAVOURITES, ids=[text[:16] for text in FAVOURITES])
def test_favourites_that_cannot_be_meant_are_refused(run: Path, text: str) -> None:
    (run / "favourites.json").write_text(text, encoding="utf-8")
    refused(lambda: explore.mix(run, "miku"), str(run / "favourites.json"), "mend it")
    refused(lambda: explore.add_favourite(run, 7, "rin"), str(run / "favourites.json"))
    assert (run / "favourites.json").read_text(encoding="utf-8") == text  # nothing of the user's is lost


def test_favourites_in_another_encoding_or_too_large_are_refused(run: Path) -> None:
    file = run / "favourites.json"
    file.write_bytes('{"初音": 7}'.encode("shift-jis"))
    refused(lambda: explore.favourites(run), "utf-8")
    with file.open("wb") as out:
        out.truncate(2**40)  # bytes that no disk needs to hold
    refused(lambda: explore.favourites(run), "1,099,511,627,776 bytes")


@pytest.mark.parametrize("name", ["favourites.json", "directions.npz", "odd.npy"])
@pytest.mark.parametrize("make", ["folder", "pipe", "circle", "huge"])
def test_what_is_no_file_is_not_waited_for(run: Path, tmp_path: Path, name: str, make: str) -> None:
    file = (tmp_path if name == "odd.npy" else run) / name
    if make == "folder":
        file.mkdir()
    elif make == "pipe":
        os.mkfifo(file)
    elif make == "circle":
        file.symlink_to(file)
    else:
        with file.open("wb") as out:
            out.truncate(2**40)
    ask = {
        "favourites.json": lambda: explore.mix(run, "miku"),
        "directions.npz": lambda: explore.edit(run, 1, {"hair": 1}),
        "odd.npy": lambda: explore.mix(run, f"'{file}'"),
    }[name]
    refused(ask, str(file))


def spoilt(run: Path, **changes: object) -> None:
    """Directions as they are kept, with something else in them."""
    words = [str(number) for number in range(24)]
    vectors, colours = np.eye(24, 8, dtype=np.float32), {"hair": np.eye(3, 8, dtype=np.float32)}
    save(Directions(words, words, vectors, words, [0.5] * 24, colours), run / "directions.npz")
    with np.load(run / "directions.npz") as found:
        arrays = {key: found[key] for key in found.files} | changes
    arrays = {key: value for key, value in arrays.items() if value is not None}
    with (run / "directions.npz").open("wb") as out:
        np.savez(out, **arrays)


@pytest.mark.parametrize(
    "changes",
    [
        {"vectors": None}, {"names": None}, {"images": None}, {"vectors": np.ones(8, np.float32)},
        {"vectors": np.ones((2, 8), np.float32)}, {"vectors": np.full((24, 8), np.nan, np.float32)},
        {"vectors": np.array([print], object)}, {"vectors": np.array("a")}, {"names": np.array("hair")},
        {"names": np.arange(24)}, {"names": np.array([["hair"]])}, {"kinds": np.array(["ica"])},
        {"correlations": np.array("a")}, {"correlations": np.full(24, np.inf)}, {"images": np.array([1, 2])},
        {"images": np.array("many")}, {"colour_hair": np.ones((3, 9), np.float32)}, {"colour_hair": np.array("pink")},
        {"colour_hair": np.full((3, 8), np.nan, np.float32)}, {"padding": np.zeros(3_000_000)},
    ],
    ids=lambda changes: f"{next(iter(changes))} {str(next(iter(changes.values())))[:12]}",
)  # fmt: skip
def test_directions_that_do_not_fit_together_are_refused(run: Path, changes: dict) -> None:
    spoilt(run)
    assert explore.edit(run, 1, {"3": "+2"}).changed
    spoilt(run, **changes)
    refused(lambda: explore.edit(run, 1, {"hair": "pink"}), str(run / "directions.npz"), "find them anew")


def test_directions_in_a_bomb_are_not_unpacked(run: Path) -> None:
    with zipfile.ZipFile(run / "directions.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("vectors.npy", numbers("(5000000,)")[:-32] + bytes(20_000_000))
    assert (run / "directions.npz").stat().st_size < 200_000
    refused(lambda: explore.edit(run, 1, {"hair": "pink"}), "unpacks to more than")


def test_favourites_stay_as_they_were_written(run: Path) -> None:
    """Files of an older eshi are read, and written back as they were."""
    latent = draw(run, 1).images.mean((1, 2, 3)).tolist() * 8
    (run / "favourites.json").write_text(json.dumps({"rin": 3, "初音": latent}, ensure_ascii=False), encoding="utf-8")
    explore.add_favourite(run, 7, "miku")
    assert json.loads((run / "favourites.json").read_text(encoding="utf-8")) == {"miku": 7, "rin": 3, "初音": latent}
