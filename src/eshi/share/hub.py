"""A folder as model hubs have them: the weights, config.json, and a card with a sheet, scores and credits."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from eshi.artist import Artist, draw
from eshi.gather.credits import PAGE, plain
from eshi.ground import files, image
from eshi.ground.errors import EshiError
from eshi.ground.figures import measured
from eshi.run.logbook import number
from eshi.share import safetensors
from eshi.share.facts import NOBODY, Facts, facts

SUFFIX = ""  # a folder
FACES = 25  # on the card
PLACE = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}")
OTHERS = ("precision", "recall", "density", "coverage", "diversity")  # figures beside the one that ranks
CARD = """\
---
library_name: eshi
license: other
license_name: TO BE FILLED IN
pipeline_tag: unconditional-image-generation
tags: [gan, dcgan, anime, faces]
---

# {name}

![{count} faces drawn from the seeds 0 to {last}](sheet.png)

{about}

Draws faces of {width}x{height} px from {latent} numbers (prior: {prior}), after {images:,} images of training.

```
eshi draw model.safetensors --count 64
```

## Scores

{scores}

## Whose pictures it learned from

{credits}

## Licence

**To be filled in**, here and above: what may be done with these weights. The pictures belong to those who drew them.
"""


def write(artist: Artist, out: Path, only_g: bool = False, push: str | None = None) -> str:
    """A card that is there already stays as it is: somebody has filled it in. `push`: OWNER/NAME to upload it to."""
    if push and not PLACE.fullmatch(push):
        raise EshiError(f"'{push[:100]}' is no name on a hub", "for example --push me/my-faces")
    api = pusher() if push else None
    if out.exists() and not out.is_dir():
        raise EshiError(f"{out} is a file", "name a folder with -o")
    known = facts(artist)
    said = [safetensors.write(artist, out / "model.safetensors", only_g)]
    recipe = artist.recipe
    config = {
        "architectures": [recipe.generator["name"]], "model_type": "eshi", "recipe": recipe.as_dict(),
        "latent": artist.G.latent, "prior": str(artist.G.prior), "size": [*artist.G.size], "images": artist.images,
        "scores": known.scores,
    }  # fmt: skip
    files.write(out / "config.json", json.dumps(config, indent=1, ensure_ascii=False).encode())
    image.save(image.sheet(draw(artist, FACES).images), out / "sheet.png")
    for file in known.files:
        if file.resolve() != (out / file.name).resolve():
            shutil.copyfile(file, out / file.name)
    if not known.files and known.credits:
        files.write(out / PAGE, known.credits.encode())
    if (out / "README.md").exists():
        said.append("README.md stays as it is")
    else:
        files.write(out / "README.md", card(artist, known).encode())
        said.append("fill in the licence in README.md")
    if api:
        uploaded(api, out, str(push))
        said.append(f"pushed to {push}")
    return "; ".join(said)


def card(artist: Artist, known: Facts) -> str:
    recipe, (width, height) = artist.recipe, artist.G.size
    about = "\n".join(plain(line) for line in recipe.about.splitlines())
    who = f"[{PAGE}]({PAGE}) names the artists." if known.files or known.credits else f"There are {NOBODY}."
    return CARD.format(
        name=plain(recipe.name), about=about, width=width, height=height, latent=artist.G.latent, count=FACES,
        last=FACES - 1, prior=artist.G.prior, images=artist.images, scores=table(known.scores), credits=who,
    )  # fmt: skip


def table(scores: dict[str, Any]) -> str:
    key = str(scores.get("ranked_by", ""))
    names = [n for n in (key, *OTHERS) if number(scores.get(n)) is not None]
    if key not in names:
        return "Nobody has judged this step: `eshi judge` does, against faces that training never saw."
    against = plain(str(scores.get("against") or "faces that nobody named"))
    lines = [f"{plain(key)} is a distance: lower is better. Against {against}.", "", "| figure | value |", "|---|---|"]
    values = {name: measured(scores[name], number(scores.get(f"{name}_noise"))) for name in names}
    return "\n".join([*lines, *(f"| {plain(name)} | {value} |" for name, value in values.items())])


def pusher() -> Any:
    try:
        from huggingface_hub import HfApi
    except ImportError:
        hint = "pip install 'eshi[hub]'"
        raise EshiError("--push needs huggingface_hub, which is not installed", hint) from None
    return HfApi()


def uploaded(api: Any, folder: Path, name: str) -> None:
    try:
        api.create_repo(name, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=str(folder))
    except Exception as error:  # of a library that is not ours, over a network
        what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        hint = f"{folder} is written and whole; log in as huggingface_hub asks for it, then the same command again"
        raise EshiError(f"cannot push to {name}: {what}", hint, 1) from error
