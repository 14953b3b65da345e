"""The training loop. Time is counted in images."""

from pathlib import Path

from eshi.gather.faceset import faceset
from eshi.ground.interrupt import stoppable
from eshi.networks.engine import choose, hold_memory
from eshi.recipe import Recipe, parse
from eshi.run.folder import Run
from eshi.training.course import Course
from eshi.training.learn import learn
from eshi.training.pupils import pupils
from eshi.training.start import head_start, with_length


def train(
    faces: Path | str, recipe: Recipe, folder: Path | str, images: str | None = None, start: str | None = None,
    faces_changed: bool = False,
) -> Path:  # fmt: skip
    """Train on `faces` in the run `folder`, from wherever that run stands, to the recipe's length.

    `images` is the length, in images, epochs or time (400k, 20epochs, 30min); without it a run that is longer already
    keeps its own. A new run may `start` from the weights of another (RUN, a checkpoint, or RUN:G).
    """
    faces, folder = Path(faces), Path(folder)
    if images:
        recipe = parse(recipe.as_dict(), [f"images={images}"])
    recipe = recipe.check()
    engine = choose(recipe.engine.device, recipe.engine.precision)
    hold_memory(engine.device.type == "cpu")
    shown = faceset(
        faces, recipe.width_height, mirror=recipe.data.mirror, holdout=recipe.data.holdout, need=recipe.batch
    )
    recipe = with_length(recipe, folder, shown, engine, bool(images))
    who = pupils(recipe, engine)
    with Run(folder, recipe) as run, stoppable() as stop:
        begun = head_start(who, start) if start and not run.state else ""
        course = Course(run, who, shown, engine, begun)
        course.same_faces(faces_changed)
        with course:
            while course.step < course.last and not stop.is_set():
                course.after(learn(recipe, engine, who, shown, course.step))
        course.end()
    return folder
