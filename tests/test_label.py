"""Labels: what was said of a face, by whom, and how sure that is; what nobody said is not no."""

import csv
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from eshi.cli import run as command
from eshi.gather import catalogue
from eshi.gather.attributes import attributes
from eshi.gather.crop import crop
from eshi.gather.faceset import faceset
from eshi.gather.label import label, settle, stored
from eshi.gather.painter import paint
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.pages import labels_report


def plain_faces(folder: Path, count: int, colour: tuple[int, int, int] = (240, 150, 180)) -> Path:
    for i in range(count):
        pixels = np.full((32, 32, 3), colour, np.uint8)
        pixels[16:, :, 0] = 200 + i
        image.save(pixels, folder / f"{i}.png")
    return folder


def tagged(folder: Path, tags: dict[str, str], picture: str = "") -> Path:
    """Faces as crop leaves them: each of a picture with tags."""
    plain_faces(folder, len(tags))
    with catalogue.opened(folder) as base:
        for i, (name, words) in enumerate(tags.items()):
            base.execute(
                "insert into faces (file, picture, tags) values (?, ?, ?)", (f"{i}.png", picture or name, words)
            )
    return folder


@pytest.mark.parametrize(
    ("tags", "said", "alone"),
    [
        ("1girl solo pink_hair blue_eyes", {"hair": "pink", "eyes": "blue"}, True),
        ("1girl PINK_HAIR long_hair twintails", {"hair": "pink", "length": "long", "style": "twintails"}, True),
        ("solo silver_hair glasses grin", {"hair": "grey", "glasses": "yes", "smile": "yes"}, True),
        ("1boy open_mouth", {"mouth": "open"}, True),
        ("2girls pink_hair", {"hair": "pink"}, False),
        ("1girl 1boy pink_hair", {"hair": "pink"}, False),
        ("pink_hair", {"hair": "pink"}, False),  # nobody says how many there are
        ("1girl pink_hair blue_hair", {}, True),
        ("1girl pink_hair multicolored_hair green_eyes", {"eyes": "green"}, True),
        ("1girl blue_eyes heterochromia", {}, True),
        ("1girl hatsune_miku some_artist pink_background", {}, True),  # who it is and who drew it is no attribute
    ],
)  # fmt: skip
def test_tags_say_what_they_say(tags: str, said: dict[str, str], alone: bool) -> None:
    assert attributes().of_tags(tags.split()) == (said, alone)


def test_only_a_picture_of_one_is_sure(tmp_path: Path) -> None:
    tags = {"a": "1girl pink_hair", "b": "2girls pink_hair", "c": "1girl glasses", "d": ""}
    found = label(tagged(tmp_path / "faces", tags))
    assert {file: value for file, (value, _) in found.said["hair"].items()} == {"0.png": "pink"}
    assert found.said["glasses"] == {"2.png": ("yes", "tags")}  # the others are not without: nobody said so
    several = dict.fromkeys("ab", "1girl pink_hair")
    assert "hair" not in label(tagged(tmp_path / "two", several, "one.jpg")).said  # of which two faces were cut


def test_the_painter_knows(tmp_path: Path) -> None:
    folder = paint(tmp_path / "faces", 40, seed=3, faces=32, workers=1)
    label(folder)
    rows = [json.loads(line) for line in (folder / "attributes.jsonl").read_text().splitlines()]
    known = faceset(folder, (32, 32), holdout=0).attributes(["hair", "eyes", "glasses", "mouth"])
    ours = {"silver": "grey", "teal": "aqua", "cyan": "aqua", "amber": "yellow"}
    assert known.values["glasses"] == ["no", "yes"]
    assert known.codes.shape == (40, 4)
    for facts, code in zip(rows, known.codes, strict=True):
        said = [known.values[name][number] for name, number in zip(known.values, code, strict=True)]
        glasses, mouth = ("yes" if facts["glasses"] else "no"), ("open" if facts["mouth_open"] else "closed")
        assert said == [ours.get(facts["hair"], facts["hair"]), ours.get(facts["eyes"], facts["eyes"]), glasses, mouth]


def test_the_painters_word_follows_a_face_out_of_its_picture(tmp_path: Path) -> None:
    pictures = paint(tmp_path / "pictures", 4, seed=4, workers=1)
    crop(pictures, tmp_path / "faces", size=64, workers=1)
    found = label(tmp_path / "faces")
    facts = {row["file"]: row for row in map(json.loads, (pictures / "attributes.jsonl").read_text().splitlines())}
    assert found.said["hair"]
    for file, (value, source) in found.said["hair"].items():
        told = facts[file.removesuffix("-0.png")]["hair"]
        assert (attributes().value(told), source) == (value, "painter")


def test_a_list_of_ones_own_is_read_and_never_written(tmp_path: Path) -> None:
    folder = plain_faces(tmp_path / "faces", 6)
    own = "file,hair,eyes,mood\n0.png,gray,blue,sleepy\n1.png,pink,,\n2.png,Pink,unknown,\ngone.png,red,red,\n"
    (folder / "labels.csv").write_text(own)
    found = label(folder)
    assert (folder / "labels.csv").read_text() == own
    assert found.file == folder / "labels-found.csv"
    assert {file: value for file, (value, _) in found.said["hair"].items()} == {
        "0.png": "grey", "1.png": "pink", "2.png": "pink",
    }  # fmt: skip
    assert found.said["mood"] == {"0.png": ("sleepy", "list")}
    assert found.unmatched == {"list": 1}
    known = faceset(folder, (32, 32), holdout=0).attributes(["hair", "eyes"])
    assert known.values == {"hair": ["grey", "pink"], "eyes": ["blue"]}
    assert known.codes.tolist() == [[0, 0], [1, -1], [1, -1], [-1, -1], [-1, -1], [-1, -1]]


def test_a_zip_is_labelled_alike(tmp_path: Path) -> None:
    folder = plain_faces(tmp_path / "faces", 3)
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for file in sorted(folder.glob("*.png")):
            archive.write(file, f"faces/{file.name}")
        archive.writestr("labels.csv", "file,hair\nfaces/1.png,pink\n")
    found = label(tmp_path / "faces.zip")
    assert found.said["hair"] == {"faces/1.png": ("pink", "list")}
    assert found.file == tmp_path / "faces.zip-labels.csv"
    assert faceset(tmp_path / "faces.zip", (32, 32), holdout=0).attributes(["hair"]).codes.T.tolist() == [[-1, 0, -1]]


def test_ones_own_word_counts_most_and_stays(tmp_path: Path) -> None:
    folder = tagged(tmp_path / "faces", {"a": "1girl blue_hair", "b": "1girl pink_hair"})
    file = label(folder).file
    assert file == folder / "labels.csv"
    with file.open("a") as more:
        more.write("0.png,hair,green,hand,1\n")
    for _ in range(2):
        found = label(folder)
        assert found.said["hair"] == {"0.png": ("green", "hand"), "1.png": ("pink", "tags")}
        told = {(row["source"], row["value"]) for row in csv.DictReader(file.open()) if row["file"] == "0.png"}
        assert {("hand", "green"), ("tags", "blue")} <= told
    assert ("0.png", "hair") in {(file, attribute) for file, attribute, _ in found.conflicts}


def test_what_was_measured_speaks_against_tags_and_counts_only_if_asked(tmp_path: Path) -> None:
    folder = tagged(tmp_path / "faces", {"a": "1girl green_hair", "b": "1girl", "c": ""})  # all of them are pink
    found = label(folder)
    assert found.said["hair"] == {"0.png": ("green", "tags")}
    assert [(file, told) for file, name, told in found.conflicts if name == "hair"] == [
        ("0.png", {"pixels": "pink", "tags": "green"})
    ]
    lower = settle(stored(folder), sure=0.3)["hair"]
    assert lower == {"0.png": ("green", "tags"), "1.png": ("pink", "pixels"), "2.png": ("pink", "pixels")}
    page = labels_report(folder, found).read_text()
    assert "conflicts" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_map_of_ones_own_adds_to_what_is_known(tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text("tags: {hair: {pink: [momo_hair]}, ears: {cat: [cat_ears, nekomimi]}}\nwords: {ruby: red}\n")
    more = attributes(own)
    assert more.of_tags(["1girl", "momo_hair", "nekomimi"])[0] == {"hair": "pink", "ears": "cat"}
    assert more.of_tags(["1girl", "blue_hair"])[0] == {"hair": "blue"}
    assert more.value("Ruby") == "red"
    for text, said in (
        ("tag: {}", "unknown section 'tag'"),
        ("tags: [a]", "is not a mapping"),
        ("tags: {hair: {pink: momo}}", "not a list of words"),
        ("tags: {'a b': {pink: [momo]}}", "cannot be an attribute"),
    ):
        own.write_text(text)
        with pytest.raises(EshiError, match=said):
            attributes(own)


def test_rare_values_become_one_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = plain_faces(tmp_path / "faces", 12)
    words = ["pink"] * 6 + ["red", "red", "blue", "green"]
    (folder / "labels.csv").write_text("file,hair\n" + "".join(f"{i}.png,{word}\n" for i, word in enumerate(words)))
    label(folder)
    faces = faceset(folder, (32, 32), holdout=0)
    assert faces.attributes(["hair"]).values["hair"] == ["blue", "green", "pink", "red"]
    known = faces.attributes(["hair"], fewest=3)
    assert known.values["hair"] == ["other", "pink"]
    assert "blue 1, green 1, red 2" in capsys.readouterr().err
    by_file = dict(zip(faces.files, known.codes[:, 0].tolist(), strict=True))
    assert [by_file[f"{i}.png"] for i in range(12)] == [1] * 6 + [0] * 4 + [-1] * 2
    assert faces.attributes(["hair"], fewest=5).values["hair"] == ["pink"]  # four together are rare, too


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    folder = plain_faces(tmp_path / "faces", 3)
    faces = faceset(folder, (32, 32), holdout=0)
    with pytest.raises(EshiError, match="has no labels") as raised:
        faces.attributes(["hair"])
    assert raised.value.hint == f"first: eshi label {folder}"
    (folder / "labels.csv").write_text("file,hair\n0.png,pink\n")
    label(folder)
    with pytest.raises(EshiError, match="nothing is known of 'hiar'") as raised:
        faces.attributes(["hiar"])
    assert "did you mean 'hair'?" in raised.value.hint


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("labels.csv", "name,hair\n0.png,pink\n", "no column 'file'"),
        ("attributes.jsonl", "{", "line 1: it is not JSON"),
    ],
)
def test_a_broken_list_says_where(name: str, text: str, said: str, tmp_path: Path) -> None:
    folder = plain_faces(tmp_path / "faces", 1)
    (folder / name).write_text(text)
    with pytest.raises(EshiError, match=said):
        label(folder)


def test_a_tagger_of_ones_own_is_asked(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="making a tagger needs onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Transpose", ["input"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("GlobalAveragePool", ["first"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Mul", ["flat", "scale"], ["output"]),
    ]
    scale = onnx.numpy_helper.from_array(np.full((1, 3), 1 / 255, np.float32), "scale")
    given = helper.make_tensor_value_info("input", kind, [1, 448, 448, 3])
    out = helper.make_tensor_value_info("output", kind, [1, 3])
    graph = helper.make_graph(nodes, "tagger", [given], [out], [scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(tmp_path / "tagger.onnx"))
    folder = plain_faces(tmp_path / "faces", 2, (230, 40, 20))
    with pytest.raises(EshiError, match=r"cannot read .*selected_tags\.csv"):
        label(folder, tagger=tmp_path / "tagger.onnx")
    tags = "tag_id,name,category,count\n1,glasses,0,9\n2,hatsune_miku,4,9\n3,red_hair,0,9\n"  # blue, green, red
    (tmp_path / "selected_tags.csv").write_text(tags)
    found = label(folder, tagger=tmp_path / "tagger.onnx")
    assert found.said == {"hair": {"0.png": ("red", "tagger"), "1.png": ("red", "tagger")}}
    (tmp_path / "selected_tags.csv").write_text("tag_id,name,category,count\n1,glasses,0,9\n")
    with pytest.raises(EshiError, match="gives 3 scores"):
        label(folder, tagger=tmp_path / "tagger.onnx")


def test_the_command_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = tagged(tmp_path / "faces", {"a": "1girl pink_hair", "b": "1girl red_hair smile"})
    assert command(["label", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "2 faces; of these is known" in said
    assert "hair     of 2: pink 1, red 1" in said
    assert "smile    of 1: yes 1" in said
    assert command(["label", str(folder), "--sure", "0"]) == 2
