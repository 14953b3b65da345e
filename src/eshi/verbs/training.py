"""A recipe and faces become a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from eshi.ground.errors import EshiError
from eshi.verbs.verb import About, settings, verb

if TYPE_CHECKING:
    from eshi.recipe import Recipe

    Named: TypeAlias = "str | Path | Recipe"
else:
    Named = str

USUAL = "dcgan-64"
Changes = Annotated[
    Sequence[str] | Mapping[str, object], About("change a key of the recipe", metavar="a.b=c", many=True)
]


def shipped() -> list[str]:
    from eshi.recipe import names

    return names()


def listed() -> str:
    """The shipped recipes, a line each."""
    from eshi import recipe

    known = recipe.shipped()
    width = max(map(len, known)) + 2
    return "\n".join(f"{name:<{width}}{about}" for name, about in known.items())


def more() -> str:
    lines = "\n".join(f"  {line}" for line in listed().splitlines())
    return f"recipes, shown by eshi recipes NAME:\n{lines}"


@dataclass
class Recipes:
    """Name -> its first line, or the one that was asked for."""

    recipes: dict[str, str]
    recipe: "Recipe | None" = None

    def text(self) -> str:
        return self.recipe.yaml().rstrip() if self.recipe else listed()


@verb("train", "eshi recipes dcgan-64 > mine.yaml")
def recipes(
    recipe: Annotated[
        Named | None, About("a shipped recipe or a YAML file", "a list of all", metavar="NAME", suggest=shipped)
    ] = None,
    *,
    set: Changes = (),
) -> Recipes:
    """list the shipped recipes, or show one"""
    from eshi.recipe import names, shipped

    found = altered(recipe, set) if recipe else None
    if found and (set or recipe not in names()):  # eshi's own need no torch to be checked
        found = found.check()
    return Recipes(shipped(), found)


@dataclass
class Trained:
    run: Path
    sheet: Path  # the newest of the fixed latents

    def text(self) -> str:
        return "\n".join([
            f"trained: {self.run}",
            f"  last sheet  {self.sheet}",
            f"  next        eshi draw {self.run}",
            f"  neater      eshi directions {self.run} && eshi draw {self.run} --with typical=very",
        ])  # fmt: skip


@verb("train", "eshi train faces/ -r dcgan-64 -o runs/first --images 400k", more)
def train(
    faces: Annotated[Path | str, About("a folder or zip of face images")],
    *,
    recipe: Annotated[
        Named | None,
        About(
            "a shipped recipe or a YAML file",
            f"the run's own, in a new run {USUAL}",
            "-r --recipe",
            "NAME",
            suggest=shipped,
        ),
    ] = None,
    out: Annotated[Path | str | None, About("the run folder", "runs/RECIPE-FACES", "-o --out", "RUN")] = None,
    images: Annotated[
        int | str | None,
        About(
            "the length: 300, 400k, 2.5M or 20epochs; a longer one goes on",
            "the run's own, or the recipe's",
            metavar="LENGTH",
        ),
    ] = None,
    time: Annotated[
        str | None, About("or the length as a time on this machine: 30min, 2h, 1h30", flag="--for", metavar="TIME")
    ] = None,
    start: Annotated[
        Path | str | None,
        About(
            "begin with the weights of a run, a checkpoint, painted or nothing; RUN:G takes its generator alone",
            "the recipe's",
            flag="--from",
            metavar="RUN",
        ),
    ] = None,
    labels: Annotated[
        str | Sequence[str],
        About("attributes to learn from the labels of the faces, to be asked for later: hair,eyes", metavar="NAMES"),
    ] = (),
    seed: Annotated[int | None, About("of weights, batches and latents", "the recipe's")] = None,
    set: Changes = (),
    faces_changed: Annotated[bool, About("let a run go on with other faces than it began with")] = False,
) -> Trained:
    """train a recipe on faces; the same command again goes on"""
    own = Path(out) / "recipe.yaml" if out else None  # a run that stands there goes on with its own
    if images is not None and time is not None:
        raise EshiError("--images and --for both say how long", "give one of them")
    images = time if images is None else images
    words = ",".join([labels] if isinstance(labels, str) else labels)
    use = {"labels.use": f"[{words}]"} if words else {}
    chosen = altered(recipe or (own if own and own.exists() else USUAL), set, images=images, seed=seed, **use)
    asked = chosen.images if images is not None or any(word.startswith("images=") for word in settings(set)) else None
    home = Path(out) if out else Path("runs") / f"{chosen.name}-{Path(faces).resolve().stem}"

    from eshi.run.folder import sheets  # torch is loaded only now, so that a typo shows at once
    from eshi.training.loop import train

    folder = train(faces, chosen, home, asked, str(start) if start else None, faces_changed)
    return Trained(folder, sheets(folder)[-1])


def altered(source: Named, changes: Sequence[str] | Mapping[str, object] = (), **given: object) -> "Recipe":
    from eshi.recipe import Recipe, load, parse

    sets = settings(changes) + [f"{key}={value}" for key, value in given.items() if value is not None]
    return parse(source.as_dict(), sets) if isinstance(source, Recipe) else load(source, sets)
