"""One table for whatever draws or was drawn: runs, checkpoints, folders of images, against the same real faces."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eshi.artist import Artist
from eshi.gather.faceset import FaceSet, faceset
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.figures import measured
from eshi.ground.image import SUFFIXES
from eshi.ground.progress import Progress
from eshi.judging.judge import SEED, better, judge_of, memory, save_memory, spread
from eshi.judging.obedience import Obedience, obedience
from eshi.judging.watch import Watch
from eshi.networks.engine import choose
from eshi.run import logbook
from eshi.run.folder import Run, stored_recipe
from eshi.run.shipped import shipped

Row = dict[str, Any]


@dataclass
class Contender:
    name: str
    images: int | None  # that its network had seen; None for a folder of pictures
    size: tuple[int, int] | None
    home: Path | None  # the run folder of a run's best step
    start: logbook.Row | None  # which faces its run learned from, and the share it held out
    pictures: Callable[[int, tuple[int, int]], np.ndarray]
    who: Artist | None = None  # who can be asked for what the labels say


def judge(
    paths: Sequence[Path | str], against: Path | str | None, kind: str, count: int, **options: Any
) -> dict[str, Any]:
    """Score `paths` with `count` drawings each: {"against", "ranked_by", "rows", "named"}, best first.

    Without `against`, the faces that the first run was trained on, split as it split them. `options` go to the feature
    network. A run whose last step was not judged yet learns here whether that is its best.
    """
    if count < 20:
        raise EshiError(f"{count} drawings say nothing about a generator", "--count 500 is usual")
    named = [said for path in paths if (said := name_best(Path(path)))]
    found = [contender for path in paths for contender in contenders(Path(path))]
    sizes = [c.size for c in found if c.size] or [(64, 64)]
    size = min(sizes, key=lambda s: s[0] * s[1])
    faces, learned = compared_with(found, Path(against) if against else None, size)
    court = judge_of(faces, kind, learned=learned, **options)
    real = faces.images[spread(faces.train, count)]
    rows = [{"name": "training faces (what perfect would be)", "images": None} | court.score(real)] if learned else []
    with Progress("judging", len(found), "contenders") as bar:
        for one in found:
            drawn = one.pictures(count, size)
            row = {"name": one.name, "images": one.images} | court.score(drawn)
            if one.images is not None and learned:
                facts, sheet = memory(faces, court, drawn)
                row |= {key: facts[key] for key in ("nearest", "copies") if facts[key] is not None}
                if one.home:
                    with suppress(EshiError, OSError):  # a run on a disk that cannot be written is judged all the same
                        save_memory(one.home, one.images, facts, sheet)
            rows.append(row)
            bar.advance()
    key = court.ranked_by
    rows.sort(key=lambda row: row[key])
    where = f"{court.against} of {faces.path}"
    found_out = {"against": where, "size": list(size), "count": count, "ranked_by": key, "rows": rows, "named": named}
    return found_out | {"obeys": obeys(found)}


def obeys(found: Sequence[Contender]) -> dict[str, Obedience | str]:
    """Name -> how well it obeys, of those that learned from labels; or why that is not known."""
    told: dict[str, Obedience | str] = {}
    for one in found:
        if one.who and one.who.attributes and one.home and one.start and Path(one.start["faces"]).exists():
            faces = faceset(Path(one.start["faces"]), one.who.recipe.width_height, holdout=one.start["holdout"])
            try:
                told[one.name] = obedience(one.who, faces)
            except EshiError as error:  # its faces may have lost their labels; it is judged all the same
                told[one.name] = f"not known: {error}"
    return told


def compared_with(found: Sequence[Contender], against: Path | None, size: tuple[int, int]) -> tuple[FaceSet, bool]:
    """The real faces, and whether a contender learned from them: then only those held out from it are fair."""
    starts = [one.start for one in found if one.start]
    if against:
        starts = [start for start in starts if Path(start["faces"]).resolve() == against.resolve()]
    elif not starts:
        raise EshiError("nothing here says which faces to compare with", "say which: --against FACES")
    path = against or Path(starts[0]["faces"])
    if not path.exists():
        raise EshiError(f"{path}, which {found[0].name} learned from, is not there", "say where: --against FACES")
    return faceset(path, size, holdout=starts[0]["holdout"] if starts else 0.0), bool(starts)


def name_best(run: Path) -> str:
    """Judge the last step of a run whose log has no judgement of it, as its training would have; what came of it."""
    if not (run / "last.pt").exists() or logbook.locked(run):
        return ""
    try:
        last = Artist.load(run / "last.pt")
        start = logbook.last_event(logbook.log(run), "started") or {}
        judged = {row["images"] for row in logbook.all_judgements(logbook.log(run))}
        known = "faces" in start and Path(start["faces"]).exists()
        if last.images in judged or not last.recipe.judge.every or not known:
            return ""
        recipe = stored_recipe(run) or last.recipe
        faces = faceset(Path(start["faces"]), recipe.width_height, holdout=recipe.data.holdout)
        with Run(run, recipe) as opened:
            if not opened.state or opened.state["faces"] != faces.content:
                return ""
            watch = Watch(recipe, faces, choose("cpu", "fp32"), opened.rows())
            verdict = watch.look(opened.state["step"], last.G, last.G, last.critic)
            opened.log(verdict.row)
            if verdict.best:
                opened.keep_best()
    except (EshiError, OSError):  # what is wrong with it, the table will say; one that cannot be written stays so
        return ""
    key = verdict.row["ranked_by"]
    score = f"{key} {measured(verdict.row[key], verdict.row[f'{key}_noise'])}"
    what = "now its best step" if verdict.best else "not its best step"
    return f"{run}: the last step had not been judged; with {score} it is {what}"


def contenders(path: Path) -> list[Contender]:
    """A run is two: its best step and its last; anything else is one."""
    if shipped(path):
        return [drawer(path, str(path), None)]
    if not path.exists():
        raise EshiError(f"there is no run, checkpoint or folder of images {path}", "eshi runs lists the runs")
    if path.is_dir() and any(path.glob("*/recipe.yaml")):
        raise EshiError(f"{path} holds runs and is none itself", f"eshi judge {path}/*, or eshi runs {path}")
    if path.is_dir() and (path / "recipe.yaml").exists():
        names = [name for name in ("best.pt", "last.pt") if (path / name).exists()]
        if not names:
            raise EshiError(f"{path} holds no checkpoint yet", "train it a little longer")
        homes = [path, None]
        found = [drawer(path / n, f"{path} {n.removesuffix('.pt')}", h) for n, h in zip(names, homes, strict=False)]
        return found[:1] if found[0].images == found[-1].images else found
    if path.is_file() and path.suffix not in (".zip", *SUFFIXES):
        return [drawer(path, str(path), None)]

    def pictures(count: int, size: tuple[int, int]) -> np.ndarray:
        faces = faceset(path, size, holdout=0, need=20)
        picks = np.linspace(0, len(faces.images) - 1, min(count, len(faces.images))).astype(int)
        return np.asarray(faces.images[picks])

    return [Contender(f"{path} (pictures)", None, None, None, None, pictures)]


def drawer(file: Path, name: str, home: Path | None) -> Contender:
    who = Artist.load(file)

    def pictures(count: int, size: tuple[int, int]) -> np.ndarray:
        drawn = who.render(who.latents(range(SEED, SEED + count)))
        return drawn if who.recipe.width_height == size else np.stack([fitted(one, size) for one in drawn])

    started = logbook.last_event(logbook.log(file.parent), "started")
    start = started | {"holdout": who.recipe.data.holdout} if started and "faces" in started else None
    called = f"{name} ({who.images:,} images)"
    return Contender(called, who.images, who.recipe.width_height, home, start, pictures, who)


def fitted(drawing: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return image.fit(Image.fromarray(drawing), size)


def table(found: dict[str, Any]) -> str:
    """For the command line; a score that cannot be told from the one above is marked."""
    key = found["ranked_by"]
    other = next(name for name in found["rows"][0] if name.startswith("k") and not name.endswith("_noise"))
    columns = ["precision", "recall", "density", "coverage", "diversity", "nearest", "copies"]
    wide = max(len(row["name"]) for row in found["rows"])
    lines = [f"{'':{wide}}  {key:>17}  {other:>17}  " + "  ".join(f"{c:>9}" for c in columns)]
    before = None
    for row in found["rows"]:
        same = before is not None and better(before, row, key) is None
        cells = [f"{row[c]:9.2f}" if c in row else " " * 9 for c in columns]
        lines.append(
            f"{row['name']:{wide}}  {pair(row, key)}{'=' if same else ' '} {pair(row, other)}  {'  '.join(cells)}"
        )
        before = row
    size = "x".join(map(str, found["size"]))
    lines.append(f"{found['count']:,} drawings each against {found['against']}, at {size} px")
    lines.append(f"ranked by {key}: lower is better")
    lines += found["named"]
    for name, told in found["obeys"].items():
        said = told if isinstance(told, str) else told.text()
        lines += ["", f"how well {name} shows what it is asked for", said]
    if any("=" in line[wide:] for line in lines[1 : len(found["rows"]) + 1]):
        lines.append("= cannot be told from the line above: the difference is below twice its noise")
    return "\n".join(lines)


def pair(row: Row, key: str) -> str:
    return f"{measured(row[key], row[f'{key}_noise']):>17}"
