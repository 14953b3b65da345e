"""From a booru's tags to what a face is known to show: the real gallery-dl, finder and verdicts."""

import importlib.util
from pathlib import Path

import pytest
from booru import Booru, Post

import eshi
from eshi.gather.label import label
from eshi.gather.painter import picture
from eshi.ground import image

TAGS = {  # real strings; of the third two persons are said, the fourth says another hair colour than the picture has
    9004: "1girl solo pink_hair blue_eyes smile glasses artist_name hatsune_miku",
    9003: "1girl solo twintails open_mouth red_eyes multicolored_hair pink_hair",
    9002: "1boy 1girl pink_hair long_hair",
    9001: "1girl solo {other}_hair",
}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("gallery_dl") is None, reason="pip install 'eshi[collect]'")
def test_tags_reach_the_faces_of_pictures_with_one_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    posts = []
    for number, (post, tags) in enumerate(TAGS.items()):
        pixels, facts = picture(number, 3)
        other = "green" if facts["hair"] != "green" else "red"
        posts.append(Post(post, "s", image.encode(pixels, "png"), tags=tags.format(other=other)))
    with Booru(("moebooru", posts)) as booru:
        eshi.collect(booru.site(""), "1girl", out=tmp_path / "pictures", pause=0, min_free=0, quality="original")
    eshi.crop(tmp_path / "pictures", out=tmp_path / "faces", size=64)
    eshi.clean(tmp_path / "faces", near=0, blur=0, dark=0, flat=0)
    found = label(tmp_path / "faces")
    said = {  # post -> attribute -> value
        post: {what: told[0] for what, by in found.said.items() for file, told in by.items() if str(post) in file}
        for post in TAGS
    }
    assert found.faces == 4
    assert said[9004] == {"hair": "pink", "eyes": "blue", "smile": "yes", "glasses": "yes"}
    assert said[9003] == {"style": "twintails", "mouth": "open", "eyes": "red"}
    assert said[9002] == {}
    assert list(said[9001]) == ["hair"]
    assert any(
        "9001" in file and what == "hair" and told["tags"] != told["pixels"] for file, what, told in found.conflicts
    )
