"""Runs that learn from labels: what is said of a batch, what G is asked, what D is told, what a user can wish for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from untrained import SMALL, made

import eshi
from eshi import recipe
from eshi.artist import Artist
from eshi.explore import Directions, by_labels, directions, edit, values, wish
from eshi.explore.edit import ASKED, all_wanted
from eshi.gather.faceset import faceset
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.judging.obedience import obedience
from eshi.networks.build import networks
from eshi.networks.labels import Told, asked, by_chance, places, spoken, told
from eshi.recipe import Recipe
from eshi.run import checkpoint
from eshi.training import said as said_of_faces
from eshi.training.loop import train
from eshi.training.said import said, spared, with_fade, with_values

COLOURS = {"red": (220, 40, 40), "blue": (40, 40, 220)}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 pictures, red or blue; of every fourth nobody says which."""
    home = tmp_path_factory.mktemp("labelled") / "faces"
    lines = ["file,hair,glasses,tone"]
    for i in range(120):
        colour = ("red", "blue")[i % 2]
        noise = np.random.default_rng(i).integers(-30, 30, (32, 32, 3))
        image.save((np.array(COLOURS[colour]) + noise).clip(0, 255).astype(np.uint8), home / f"{i:03}.png")
        lines.append(f"{i:03}.png,{colour if i % 4 > 1 or i % 8 < 2 else ''},{'yes' if i == 5 else ''},{colour}")
    (home / "labels.csv").write_text("\n".join(lines))
    eshi.label(home)
    return home


@pytest.fixture
def asking(tiny: Recipe) -> Recipe:
    return recipe.parse(tiny.as_dict(), ["labels.use=[hair]", "labels.fade=[0.2,0.4]", "labels.fewest=5"])


def settled(of: Recipe, faces: Path, folder: Path = Path("nowhere")):
    shown = faceset(faces, of.width_height)
    return with_fade(with_values(of, folder, shown), shown), shown


def test_words_fade_in_and_unknown_is_never_said(asking: Recipe, labelled: Path) -> None:
    of, shown = settled(asking, labelled)
    assert of.labels.values == ["hair=blue", "hair=red"]
    assert of.labels.fade == (32.0, 64.0)  # a longer run does not begin anew
    assert said(of, shown, 3) is None
    index, _ = shown.picks(of.seed, 15, of.batch)
    words = said(of, shown, 15)
    assert (words.sum(1) <= 1).all()
    assert words.sum() > 0
    truth = torch.from_numpy(shown.words[index])
    assert (words <= truth).all()
    assert torch.equal(said(of, shown, 15, slice(2, 5)), words[2:5])


def test_words_of_few_faces_fade_in_and_of_many_they_need_not(
    asking: Recipe, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsaid = replace(asking, labels=replace(asking.labels, fade="auto"))
    assert settled(unsaid, labelled)[0].labels.fade == (40.0, 80.0)
    monkeypatch.setattr(said_of_faces, "MANY", 90)  # every fourth of the 120 has no label
    assert settled(unsaid, labelled)[0].labels.fade == (0.0, 0.0)


def test_chance_keeps_back_whole_faces_and_single_attributes(asking: Recipe) -> None:
    of = replace(asking, batch=8000, labels=replace(asking.labels, values=["hair=a", "hair=b", "eyes=c"], drop=0.2))
    kept = spared(of, 0, 1.0)
    assert (kept[:, 0] == kept[:, 1]).all()  # an attribute's values go together
    assert np.isclose(kept[:, 0].mean(), 0.8 * 0.8, atol=0.02)
    assert np.isclose((~kept.any(1)).mean(), 0.2 + 0.8 * 0.04, atol=0.02)
    assert np.isclose(spared(of, 0, 0.5)[:, 2].mean(), 0.5 * 0.8 * 0.8, atol=0.02)


PENALTY = ["loss={name: wgan-gp}", "discriminator.norm=none"]


@pytest.mark.parametrize(
    "also",
    [["engine.shards=2"], pytest.param([], marks=pytest.mark.slow), pytest.param(PENALTY, marks=pytest.mark.slow)],
)
def test_twenty_steps_are_nine_and_eleven(asking: Recipe, labelled: Path, tmp_path: Path, also: list[str]) -> None:
    of = recipe.parse(asking.as_dict(), also)
    train(labelled, of, tmp_path / "whole", "160")
    train(labelled, replace(of, images="72", labels=replace(of.labels, fade=(32, 64))), tmp_path / "parts", "72")
    train(labelled, replace(of, labels=replace(of.labels, fade=(32, 64))), tmp_path / "parts", "160")
    whole, parts = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("whole", "parts"))
    for part in ("G", "D", "G_ema"):
        assert "words.weight" in whole[part]
        for name, value in whole[part].items():
            assert torch.equal(value, parts[part][name]), name


def test_a_run_keeps_its_values_and_says_when_labels_changed(
    asking: Recipe, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(labelled, asking, tmp_path / "run", "80")
    lines = (labelled / "labels.csv").read_text()
    try:
        (labelled / "labels.csv").write_text(lines.replace(",blue,", ",green,"))
        eshi.label(labelled)
        train(labelled, asking, tmp_path / "run", "160")
    finally:
        (labelled / "labels.csv").write_text(lines)
        eshi.label(labelled)
    assert "have changed" in capsys.readouterr().err
    assert Artist.load(tmp_path / "run").attributes == {"hair": ["blue", "red"]}


@pytest.mark.slow
def test_two_shards_learn_the_same(asking: Recipe, labelled: Path, tmp_path: Path) -> None:
    for shards in (1, 2):
        train(
            labelled,
            recipe.parse(asking.as_dict(), [f"engine.shards={shards}", "engine.precision=fp32"]),
            tmp_path / str(shards),
            "120",
        )
    one, two = (torch.load(tmp_path / n / "last.pt", weights_only=True)["G"] for n in ("1", "2"))
    assert max(float((one[name].float() - two[name].float()).abs().max()) for name in one) < 1e-3


@pytest.mark.parametrize("spec", [{"name": "dcgan", "width": 4, "compare": True}, {"name": "frozen", "width": 4}])
def test_a_teacher_is_told_words(asking: Recipe, spec: dict) -> None:
    of = replace(
        asking, size=32, discriminator=spec, labels=replace(asking.labels, values=["hair=a", "hair=b", "eyes=c"])
    )
    D = networks(of)[1].eval()
    images, words = torch.rand(6, 3, 32, 32) * 2 - 1, torch.tensor([[1.0, 0, 1], [0, 1, 0], [0, 0, 0]]).repeat(2, 1)
    assert told(D, None) is D
    with torch.no_grad():
        D.words.weight.data.normal_() if spec["name"] == "dcgan" else None
        plain, judged = D(images), told(D, words)(images)
    assert torch.allclose(judged[2], plain[2])
    assert not torch.allclose(judged[0], plain[0])
    assert torch.allclose(told(D, words)(images[:2]), judged[:2], atol=1e-5)
    taught = Told(D, words)
    taught(images)
    taught.mistaken([slice(0, 2), slice(2, 3)]).backward()
    assert any(
        float(p.grad.abs().sum()) > 0 for name, p in D.named_parameters() if name.startswith("words") or "words" in name
    )


def test_a_discriminator_that_does_not_say_what_it_reads_is_refused(asking: Recipe) -> None:
    of = replace(asking, discriminator={"name": "chain"}, labels=replace(asking.labels, values=["hair=a"]))
    with pytest.raises(EshiError, match="'chain' cannot be told labels"):
        networks(of)


def test_words_move_the_latent_and_nothing_asked_moves_nothing(asking: Recipe) -> None:
    of = replace(asking, labels=replace(asking.labels, values=["hair=a", "eyes=b", "eyes=c"]))
    G = networks(of)[0]
    z = G.draw(3, 0)
    both = asked(G, z, spoken(of.labels.values, {"hair": "a", "eyes": "c"})) - z
    assert torch.allclose(both, (G.words.weight[:, 0] + G.words.weight[:, 2]).expand(3, -1), atol=1e-6)
    assert torch.equal(asked(G, z, torch.zeros(3, 3)), z)
    assert places(of.labels.values) == {"hair": slice(0, 1), "eyes": slice(1, 3)}


def test_a_run_without_labels_is_as_it_was(tiny: Recipe) -> None:
    torch.manual_seed(0)
    plain = networks(tiny)
    torch.manual_seed(0)
    empty = networks(replace(tiny, labels=None))
    assert not any("words" in name for G in plain for name in G.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(plain[0].parameters(), empty[0].parameters(), strict=True))


@pytest.fixture(scope="module")
def learned(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds: enough to tell red from blue."""
    of = recipe.load(
        "dcgan-64",
        ["size=32", "batch=16", "images=8000", "generator.width=8", "discriminator.width=8", "generator.latent=16",
         "generator.init=default", "discriminator.init=default", "discriminator.norm=none", "loss.r1=0.1", "ema=200",
         "g_adam.lr=1e-3", "d_adam.lr=1e-3", "judge.every=0", "labels.use=[hair]", "labels.fade=[0,0.1]"],
    )  # fmt: skip
    return train(labelled, of, tmp_path_factory.mktemp("learned") / "run")


@pytest.mark.slow
def test_it_draws_what_it_is_asked_for(labelled: Path, learned: Path) -> None:
    who = Artist.load(learned)
    asking = [wish(who, {"hair": value}) for value in ("red", "blue")]
    red, blue = (redness(one.render(one.latents(range(50)))) for one in asking)
    assert (red > 0).mean() > 0.9
    assert (blue < 0).mean() > 0.9
    found = obedience(who, faceset(labelled, (32, 32)))
    assert found.right["hair"] == 1
    assert found.obeyed("hair") > 0.9
    assert "hair=blue" in found.text()


def redness(images: np.ndarray) -> np.ndarray:
    return images[..., 0].mean((1, 2)) - images[..., 2].mean((1, 2))


@pytest.fixture(scope="module")
def asked_run(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has hardly learned anything, but its words move latents."""
    small = ["size=32", "batch=8", "images=160", "generator.width=4", "discriminator.width=4", "generator.latent=8",
             "judge.every=0", "labels.use=[hair]", "labels.fade=[0,0]"]  # fmt: skip
    return train(labelled, recipe.load("dcgan-64", small), tmp_path_factory.mktemp("asked") / "run")


def test_every_verb_takes_wishes(asked_run: Path) -> None:
    who = Artist.load(asked_run)
    assert who.recipe.labels.shares == pytest.approx([0.375, 0.375], abs=0.05)  # of a quarter nobody says it
    red, blue = who.toward({"hair": "red"}), who.toward({"hair": "blue"})
    z = who.asking({"hair": "red"}).latents([0, 1])  # without what chance would say of the hair
    drawn = eshi.draw(asked_run, count=2, labels={"hair": "red"})
    assert drawn.out.name.endswith("hair=red.png")
    assert np.array_equal(drawn.images, who.render(z + red))
    assert not np.array_equal(drawn.images, who.render(z))
    for by in ("typical", "D"):
        assert len(eshi.draw(asked_run, count=4, search=8, by=by, labels=["hair=blue"]).scores) == 4
    row = eshi.sweep(asked_run, dims="hair", seed=[0, 1])
    assert row.labels == ["blue", "red"]
    assert row.text().endswith("blue, red")
    for place, latents in enumerate((who.latents([0, 1]), z + blue, z + red)):
        assert np.array_equal(row.images[:, place], who.render(latents))
    walked = eshi.walk(asked_run, seeds=[0, 1], frames=3, labels=["hair=red"])
    assert np.array_equal(walked.images[0], drawn.images[0])
    assert np.array_equal(eshi.mix(asked_run, "1", noise=0, labels=["hair=red"]).image, drawn.images[1])
    changed = eshi.edit(asked_run, seed=1, set={"hair": "red"}, labels={"hair": "blue"}, steps=3)
    assert np.abs(changed.images[-1].astype(int) - drawn.images[1]).max() <= 1
    assert np.array_equal(changed.images[0], who.render(z + blue)[1])


def test_what_is_not_asked_for_is_there_by_chance_as_often_as_the_faces_had_it() -> None:
    who = made(values="hair=red,hair=blue,glasses=yes", shares="0.5,0.3,0.1")
    its = who.recipe.labels
    said = [by_chance(its, number) for number in range(2_000)]
    for place, share in enumerate(its.shares):
        assert np.mean([place in one for one in said]) == pytest.approx(share, abs=0.04)
    assert not any(set(one) >= {0, 1} for one in said)
    ways = [*who.ways.values()]
    wanted = torch.stack([who.G.draw(1, n)[0] + sum(ways[place] for place in said[n]) for n in (7, 8, 9)])
    torch.testing.assert_close(who.latents([7, 8, 9]), wanted)
    assert torch.equal(who.latents(range(7, 10)), who.latents([7, 8, 9]))

    red = said.index([0, 2])
    blue = who.asking({"hair": "blue"})
    assert by_chance(its, red, blue.asked) == [2]
    wanted = who.G.draw(1, red)[0] + ways[1] + ways[2]
    torch.testing.assert_close(blue.wishing(blue.latents([red]))[0], wanted)
    changed = edit(who, red, {"hair": "blue"}, steps=2)
    torch.testing.assert_close(torch.from_numpy(changed.latent), wanted)
    assert np.array_equal(changed.images[0], who.render(who.latents([red]))[0])
    kept = edit(who, who.latent(red), {"hair": "blue"}, steps=2)  # of a latent nobody knows what chance said
    torch.testing.assert_close(torch.from_numpy(kept.latent), who.latent(red) + ways[1])


def test_nothing_is_said_by_chance_before_words_are_learned_or_where_their_shares_are_unknown() -> None:
    for shares, fade in (("", "auto"), ("0.5", "auto"), ("0.5,0.5", (100.0, 200.0))):
        who = made(values="hair=red,hair=blue", shares=shares)
        who = replace(who, images=150, recipe=replace(who.recipe, labels=replace(who.recipe.labels, fade=fade)))
        assert torch.equal(who.latents(range(5)), who.G.draw(5, 0))
    assert not torch.equal(replace(who, images=200).latents(range(5)), who.G.draw(5, 0))


def test_a_wish_that_it_has_not_learned_names_those_it_has(asked_run: Path, things: Path) -> None:
    with pytest.raises(EshiError, match="knows no hair=green") as raised:
        eshi.draw(asked_run, labels={"hair": "green"})
    assert "it knows blue, red" in raised.value.hint
    with pytest.raises(EshiError, match="has no directions yet") as raised:
        eshi.draw(asked_run, labels={"hat": "yes"})
    assert "it has learned hair; for anything else first: eshi directions" in raised.value.hint
    with pytest.raises(EshiError, match="not of the form what=value"):
        eshi.draw(asked_run, labels=["hair"])
    with pytest.raises(EshiError, match="learned without labels"):
        Artist.load(things / "run").asking({"hair": "red"})
    with pytest.raises(EshiError, match="no direction 'hat'"):
        wish(things / "run", {"hat": "yes"})
    with pytest.raises(EshiError, match="has not learned 'eyes'"):
        values(asked_run, "eyes")
    with pytest.raises(EshiError, match="has not learned 'hari'") as raised:
        eshi.sweep(asked_run, dims="hari")
    assert "'hair'" in raised.value.hint


def test_a_run_without_labels_goes_along_its_directions(things: Path) -> None:
    who = Artist.load(things / "run")
    lighter = wish(who, {"light": "+3"})
    z = who.latents([5])
    assert np.array_equal(lighter.render(z)[0], edit(who, 5, {"light": "+3"}, steps=2).images[-1])
    assert np.array_equal(who.render(z), eshi.draw(things / "run", count=1, seed=5).images)


def test_a_labelled_run_can_begin_from_one_without_labels(
    tiny: Recipe, asking: Recipe, labelled: Path, tmp_path: Path
) -> None:
    train(labelled, tiny, tmp_path / "plain", "80")
    train(labelled, asking, tmp_path / "asked", "80", start=str(tmp_path / "plain"))
    assert Artist.load(tmp_path / "asked").attributes == {"hair": ["blue", "red"]}


def test_a_run_takes_the_words_that_it_has_in_common_with_the_one_it_begins_from(
    tiny: Recipe, asking: Recipe, labelled: Path, tmp_path: Path
) -> None:
    train(labelled, asking, tmp_path / "before", "80")
    before = checkpoint.load(tmp_path / "before")
    drawing = checkpoint.drawing(before)
    still = ["g_adam.lr=0", "d_adam.lr=0", "ema=0"]

    def begun(of: Recipe, name: str) -> dict[str, Any]:
        learned = recipe.parse(of.as_dict(), still)
        return checkpoint.load(train(labelled, learned, tmp_path / name, "16", start=str(tmp_path / "before")))

    plain = begun(tiny, "plain")["G"]
    assert "words.weight" not in plain
    assert torch.equal(plain["layers.0.1.weight"], drawing["layers.0.1.weight"])
    both = begun(replace(asking, labels=replace(asking.labels, use=["tone", "hair"])), "both")
    assert both["recipe"]["labels"]["values"] == ["tone=blue", "tone=red", "hair=blue", "hair=red"]
    assert torch.equal(both["G"]["words.weight"][:, 2:], drawing["words.weight"])
    assert not torch.equal(both["G"]["words.weight"][:, :2], drawing["words.weight"])
    assert torch.equal(both["D"]["words.weight"][:, 2:], before["D"]["words.weight"])


def test_a_training_is_told_what_to_learn(labelled: Path, tmp_path: Path) -> None:
    run = eshi.train(labelled, recipe="dcgan-64", labels="hair,tone", images=16, set=SMALL, out=tmp_path / "run").run
    assert Artist.load(run).attributes == {"hair": ["blue", "red"], "tone": ["blue", "red"]}
    with pytest.raises(EshiError, match="nothing is known of 'hat'"):
        eshi.train(labelled, recipe="dcgan-64", labels=["hair", "hat"], images=16, set=SMALL, out=tmp_path / "other")


def test_labels_that_are_too_rare_are_said_so(asking: Recipe, labelled: Path, tmp_path: Path) -> None:
    rare = replace(asking, labels=replace(asking.labels, use=["glasses"]))
    with pytest.raises(EshiError, match="no value of 'glasses' is known of 5 faces"):
        train(labelled, rare, tmp_path / "rare", "16")
    with pytest.raises(EshiError, match="uses none"):
        train(labelled, replace(asking, labels=replace(asking.labels, use=[])), tmp_path / "none", "16")


def test_a_direction_of_a_label_is_asked_for_as_the_label_is() -> None:
    along = np.eye(2, 8, dtype=np.float32)
    found = Directions(["glasses=yes", "smile"], ["label", "measured"], along, ["", ""], [0.9, 0.9])
    assert all_wanted(found, {"glasses": "yes", "smile": "+1"}) == {"glasses=yes": ASKED, "smile": 1.0}
    with pytest.raises(EshiError, match="no direction 'glasses'"):
        all_wanted(found, {"glasses": "no"})


@pytest.mark.slow
def test_directions_are_found_by_labels(labelled: Path, learned: Path) -> None:
    """From drawings of which nothing was asked."""
    who = Artist.load(learned)
    found = directions(who, 400, labels=by_labels(labelled, (32, 32)))
    z = who.latents(range(20))
    to_red, to_blue = (z + ASKED * torch.from_numpy(found.vector(f"tone={value}")) for value in ("red", "blue"))
    assert (redness(who.render(to_red)) > redness(who.render(to_blue)) + 20).mean() > 0.8
