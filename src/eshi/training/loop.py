"""The training loop. Time is counted in images."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from eshi.gather.faceset import FaceSet, faceset
from eshi.ground.errors import EshiError
from eshi.ground.interrupt import stoppable
from eshi.networks.engine import Engine, choose, hold_memory
from eshi.recipe import Recipe, parse
from eshi.run.folder import Run
from eshi.training.course import Course
from eshi.training.learn import learn
from eshi.training.pupils import pupils
from eshi.training.ranks import Ranks, company
from eshi.training.said import with_fade, with_values
from eshi.training.start import begun_with, in_shards, with_beginning, with_length


def train(
    faces: Path | str, recipe: Recipe, folder: Path | str, images: str | None = None, start: str | None = None,
    faces_changed: bool = False,
) -> Path:  # fmt: skip
    """Train on `faces` in the run `folder`, from wherever that run stands, to the recipe's length.

    `images` is the length, in images, epochs or time (400k, 20epochs, 30min); without it a run that is longer already
    keeps its own. A new run may `start` from the weights of another (RUN, a checkpoint, or RUN:G). Of several
    processes that torchrun has started, one does all of this, and the others learn with it.
    """
    faces, folder = Path(faces), Path(folder)
    if images:
        recipe = parse(recipe.as_dict(), [f"images={images}"])
    recipe = recipe.check()
    engine = choose(recipe.engine.device, recipe.engine.precision)
    hold_memory(engine.device.type == "cpu")
    recipe = in_shards(recipe, folder, engine)
    with company(engine.device) as ranks:
        if ranks and ranks.rank:
            follow(ranks, faces)
            return folder
        with leading(ranks):
            lead(faces, recipe, folder, engine, ranks, images, start, faces_changed)
    return folder


def lead(
    faces: Path, recipe: Recipe, folder: Path, engine: Engine, ranks: Ranks | None, images: str | None,
    start: str | None, faces_changed: bool,
) -> None:  # fmt: skip
    shown = shown_by(recipe, faces)
    engine.hold(shown)
    recipe = with_values(with_beginning(recipe, folder, start), folder, shown)
    if ranks:
        ranks.tell({"recipe": recipe.as_dict(), "precision": engine.precision, "faces": shown.content})
    recipe = with_fade(with_length(recipe, folder, shown, engine, bool(images), ranks), shown)
    if ranks and recipe.labels:
        ranks.tell({"do": "fade", "recipe": recipe.as_dict()})
    who = pupils(recipe, engine, ranks)
    with Run(folder, recipe) as run, stoppable() as stop:
        begun = "" if run.state else begun_with(who, recipe, start)
        course = Course(run, who, shown, engine, begun)
        course.same_faces(faces_changed)
        with course:
            while course.step < course.last and not stop.is_set():
                course.after(learn(recipe, engine, who, shown, course.step))
        course.end()


@contextmanager
def leading(ranks: Ranks | None) -> Iterator[None]:
    """The others are told when it is over; not amid a step, where they do not listen and end with this process."""
    try:
        yield
    finally:
        if ranks and not ranks.busy:
            with suppress(EshiError):
                ranks.tell({"do": "end"})


def follow(ranks: Ranks, faces: Path) -> None:
    """Learn what the first process learns, from other rows of the batch, until it says that it is over."""
    told, _ = ranks.told()
    if "recipe" not in told:
        return
    recipe = parse(told["recipe"]).check()
    engine = choose(recipe.engine.device, told["precision"])
    hold_memory(engine.device.type == "cpu")
    shown = shown_by(recipe, faces)
    engine.hold(shown)
    ranks.same(shown.content, told["faces"])
    shown.words = shown.said(recipe.labels.values, recipe.labels.sure) if recipe.labels else None
    who = pupils(recipe, engine, ranks)
    while (told := (heard := ranks.told())[0])["do"] != "end":
        if told["do"] == "take":
            who.take(heard[1])
        elif told["do"] == "fade":
            recipe = parse(told["recipe"])
        else:
            learn(recipe, engine, who, shown, told["step"])


def shown_by(recipe: Recipe, faces: Path) -> FaceSet:
    size, data = recipe.width_height, recipe.data
    return faceset(faces, size, mirror=data.mirror, holdout=data.holdout, need=recipe.batch)
