"""Fills a folder with practice pictures: in parallel, resumable, the attributes written before the first stroke."""

import json
from functools import partial
from pathlib import Path
from typing import Literal

from eshi.gather.painter.compose import describe_face, describe_picture, face, picture
from eshi.gather.painter.page import describe_page, page
from eshi.gather.painter.scenes import describe_scene, scene
from eshi.gather.workers import spread
from eshi.ground import files, image
from eshi.ground.cores import cores
from eshi.ground.errors import EshiError
from eshi.ground.progress import Progress

ATTRIBUTES = "attributes.jsonl"
BOXES = "boxes.json"  # of scenes and pages: picture -> [[x, y, w, h], ...], as the finder's tools read it
Kind = Literal["portraits", "scenes", "pages"]
KINDS = {"portraits": (picture, describe_picture), "scenes": (scene, describe_scene), "pages": (page, describe_page)}
CHUNK = 8  # pictures a worker draws at a time
ALONE = 32  # below this, starting workers takes longer than drawing
SMALLEST, LARGEST = 16, 1024  # px, of a face


def paint(
    folder: Path, count: int, seed: int, faces: int | None = None, workers: int | None = None, kind: Kind | None = None
) -> Path:
    """Draws pictures 0..count-1 of `seed` into `folder`: portraits of one face, unless scenes with up to six heads in
    many poses or pages of such panels are wanted; `faces` is the side of square faces, drawn instead."""
    if count < 1:
        raise EshiError(f"cannot paint {count} pictures", "give a count of at least 1")
    if seed < 0:
        raise EshiError(f"the seed {seed} is negative", "give a seed of 0 or more")
    if faces is not None and not SMALLEST <= faces <= LARGEST:
        raise EshiError(f"cannot paint faces of {faces} px", f"give a size of {SMALLEST} to {LARGEST}")
    kind = kind or "portraits"  # the verb's default
    if kind not in KINDS:
        raise EshiError(f"there is no kind {kind} of pictures", ", ".join(KINDS))
    if faces is not None and kind != "portraits":
        raise EshiError(f"{kind} are no square faces", f"leave out the size of faces, or the kind {kind}")
    folder = Path(folder)
    files.tidy(folder)
    plan(folder, count, seed, faces, kind)
    todo = [number for number in range(count) if not (folder / name_of(number, faces)).exists()]
    jobs = [(number, todo[number : number + CHUNK]) for number in range(0, len(todo), CHUNK)]
    work = partial(draw, folder=folder, seed=seed, faces=faces, kind=kind)
    crew = 1 if len(todo) < ALONE else min(workers or cores(), len(jobs))
    with Progress("painting", count, "pictures", done=count - len(todo)) as bar:
        for _, done in spread(work, jobs, crew):
            bar.advance(done)
    return folder


def name_of(number: int, faces: int | None) -> str:
    return f"{number:05}.{'png' if faces else 'jpg'}"


def plan(folder: Path, count: int, seed: int, faces: int | None, kind: Kind) -> None:
    """Writes the attributes of all pictures; they depend on seed and number alone, so a killed run loses nothing."""
    path = folder / ATTRIBUTES
    lines = path.read_text().splitlines() if path.exists() else []
    if lines and lines[0] != line(0, seed, faces, kind):
        problem = f"{folder} already holds other pictures (another seed, size, kind or version)"
        raise EshiError(problem, "choose another folder, or delete this one first")
    if not lines and (folder / name_of(0, faces)).exists():
        raise EshiError(f"{folder} holds pictures that eshi did not paint", "choose another folder")
    if len(lines) < count:
        lines += [line(number, seed, faces, kind) for number in range(len(lines), count)]
        files.write(path, ("\n".join(lines) + "\n").encode())
    if kind != "portraits":
        boxes = {facts["file"]: [one["face"] for one in facts["faces"]] for facts in map(json.loads, lines)}
        files.write(folder / BOXES, (json.dumps(boxes, indent=0) + "\n").encode())


def line(number: int, seed: int, faces: int | None, kind: Kind) -> str:
    facts = describe_face(number, seed, faces) if faces else KINDS[kind][1](number, seed)
    return json.dumps({"file": name_of(number, faces)} | facts)


def draw(numbers: list[int], folder: Path, seed: int, faces: int | None, kind: Kind) -> int:
    for number in numbers:
        pixels, _ = face(number, seed, faces) if faces else KINDS[kind][0](number, seed)
        image.save(pixels, folder / name_of(number, faces))
    return len(numbers)
