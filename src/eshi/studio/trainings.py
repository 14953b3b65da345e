"""The runs room: what trains and what was trained, live; and trainings started, stopped and gone on with.

A training is a process of its own, started by the very command line that one could type. The studio only asks it to
stop; closed or killed, it leaves it alone.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

from eshi import recipe
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.schema import Range
from eshi.pages import run as report
from eshi.pages.lapse import sheets
from eshi.run import logbook
from eshi.studio import form
from eshi.studio.ask import Answer, Changes, route
from eshi.studio.state import Studio
from eshi.verbs.training import USUAL, altered

OUTPUT = ".output"  # in a run's folder: what the training says
READ = ("recipe.yaml", "log.jsonl", "last.pt", "best.pt", "samples", "favourites.json", "directions.npz")
TOLD = 4_000  # characters of its end
EARLY, LATE = (
    2.0,
    30.0,
)  # seconds in which a command that cannot work says so; many faces are packed before a run begins
SHEET = 1200  # px


def run_of(studio: Studio, at: str) -> Path:
    folder = studio.place.existing(at)
    if not (folder / "recipe.yaml").is_file():
        raise EshiError(f"{printable(at)} is no run", "a run is a folder that eshi train has made")
    for name in READ:
        studio.place.held(folder / name)
    return folder


@route("GET", "/api/runs")
def runs(studio: Studio) -> Any:
    """every run with its state, length and score, the one that changed last first"""
    found = [(at, studio.place.existing(at)) for at, kind in studio.place.things().items() if kind == "run"]
    for at, folder in found:
        studio.watch.run(at, folder)
    rows = [summary(at, folder) for at, folder in found]
    return {"runs": sorted(rows, key=lambda row: -row["changed"])}


def summary(at: str, folder: Path) -> dict[str, Any]:
    return logbook.summary(folder) | {"at": at, "run": at}


@route("GET", "/api/run")
def run(studio: Studio, at: str) -> Any:
    """one run: state, speed, time to go, sheets, and its report as a piece of HTML"""
    folder = run_of(studio, at)
    studio.watch.run(at, folder)
    rows = logbook.log(folder)
    told = summary(at, folder)
    speed = next((row["images/s"] for row in reversed(rows) if (logbook.number(row.get("images/s")) or 0) > 0), None)
    left = (told["length"] or 0) - told["images"]
    return told | {
        "speed": speed, "left": left / speed if speed and left > 0 and told["state"] == "training" else None,
        "sheets": [images for images, _ in sheets(folder)], "real": (folder / "samples" / "real.png").is_file(),
        "report": report.live(folder), "output": said_last(folder), "can_stop": logbook.trainer(folder) is not None,
        "command": f"eshi {shlex.join(words(studio, at, folder, None))}", "drawable": (folder / "last.pt").is_file(),
    }  # fmt: skip


def said_last(folder: Path) -> str:
    """The end of what the studio's own training of it has said."""
    file = folder / OUTPUT
    if not file.is_file() or file.is_symlink():
        return ""
    with file.open("rb") as output:
        output.seek(max(0, file.stat().st_size - TOLD))
        return "\n".join(map(printable, output.read(TOLD).decode("utf-8", "replace").splitlines()))


@route("GET", "/api/run/sheet")
def sheet(studio: Studio, at: str, images: Annotated[int, Range(-1)]) -> Answer:
    """the drawings of the same latents after so many images; -1: real faces"""
    folder = run_of(studio, at)
    name = "real.png" if images < 0 else next((f.name for n, f in sheets(folder) if n == images), "")
    file = studio.place.held(folder / "samples" / name)
    if not name or not file.is_file():
        raise EshiError(f"there is no sheet of {images:,} images", "the run lists its sheets")
    pixels = image.decode(file)
    return Answer(image.encode(pixels[:SHEET, :SHEET], "webp", quality=90, method=2), "image/webp")


@route("GET", "/api/runs/over")
def over(studio: Studio, runs: str) -> Any:
    """the scores of several runs over one another, a run a line, as a piece of HTML"""
    names = [name for name in dict.fromkeys(runs.splitlines()) if name][:6]
    return {"report": report.over({name: run_of(studio, name) for name in names})}


@route("GET", "/api/recipes")
def recipes(studio: Studio) -> Any:
    """the shipped recipes"""
    return {"recipes": recipe.shipped(), "usual": USUAL}


@route("GET", "/api/recipe")
def one_recipe(studio: Studio, name: str) -> Any:
    """one recipe as fields: key, value, and what it may be"""
    found = recipe.load(shipped(name))
    return {"name": name, "about": found.about, "fields": form.fields(found)}


def shipped(name: str) -> str:
    """A file of one's own would be read wherever it lies; the shell is for that."""
    if name not in recipe.names():
        raise EshiError(f"no recipe is called {printable(name)}", f"there are: {', '.join(recipe.names())}")
    return name


@route("POST", "/api/runs/start")
def start(
    studio: Studio, faces: str, recipe: str = USUAL, out: str | None = None, images: str | None = None,
    time: str | None = None, seed: Annotated[int, Range(0)] | None = None, set: Changes = {},  # noqa: B006
) -> Any:  # fmt: skip
    """begin a training: the command eshi train as a process of its own"""
    shipped(recipe)
    changes = [f"{key}={value}" for key, value in set.items()]
    if odd := [
        change for change in changes if not re.match(r"[a-z]\w*(\.\w+)*=", change) or change.startswith("plugins")
    ]:
        raise EshiError(f"{printable(odd[0])} is no key of a recipe", "GET /api/recipe lists them")
    altered(recipe, changes, images=images or time, seed=seed)  # a typo shows before anything is started
    home = studio.place.existing(faces)
    at = out or f"runs/{recipe}-{home.stem}"
    folder = studio.place.new(at)
    if folder.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise EshiError(f"{at} is there already", "give the run another name, or go on with that one")
    options = ["-r", recipe, "-o", plain(at)]
    for flag, value in (("--images", images), ("--for", None if images else time), ("--seed", seed)):
        options += [f"{flag}={value}"] if value is not None else []
    return begin(studio, at, folder, ["train", plain(faces), *options, *(w for c in changes for w in ("--set", c))])


@route("POST", "/api/runs/go")
def go(studio: Studio, at: str, images: str | None = None) -> Any:
    """go on with a run that was stopped, or make a finished one longer"""
    folder = run_of(studio, at)
    if logbook.locked(folder):
        raise EshiError(f"{printable(at)} trains already", "stop it first, or watch it")
    return begin(studio, at, folder, words(studio, at, folder, images, must=True))


def words(studio: Studio, at: str, folder: Path, images: str | None, must: bool = False) -> list[str]:
    """The command that goes on. Its faces stand in the run's log; they must lie in here, for whoever wrote that log."""
    told = (logbook.last_event(logbook.log(folder), "started") or {}).get("faces")
    try:
        faces = plain(studio.place.name(studio.place.held(Path(told)))) if told else None
    except EshiError:
        faces = None
    if must and not faces:
        hint = f"in a shell: eshi train FACES -o {shlex.quote(at)}"
        raise EshiError(f"the faces of {printable(at)} do not lie in this studio's folder", hint)
    length = [f"--images={images}"] if images else []
    return ["train", faces or told or "FACES", "-o", plain(at), *length]


def plain(at: str) -> str:
    """A path that is no option, whatever it begins with."""
    return f"./{at}" if at.startswith("-") else at


def begin(studio: Studio, at: str, folder: Path, words: list[str]) -> dict[str, Any]:
    """It belongs to nobody: a session of its own, its words in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    with studio.place.held(folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "eshi", *words], cwd=studio.place.root, stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    started, code = time.monotonic(), process.poll()
    while code is None and (past := time.monotonic() - started) < LATE:
        if past > EARLY and (folder / "recipe.yaml").is_file():
            break
        time.sleep(0.1)
        code = process.poll()
    if code is None:
        threading.Thread(target=awaited, args=(studio, at, process), daemon=True).start()
    elif code:
        raise ended(folder, code)
    studio.watch.run(at, folder)
    return {"at": at, "command": f"eshi {shlex.join(words)}", "process": process.pid}


def ended(folder: Path, code: int) -> EshiError:
    """What the command line said, as it said it."""
    lines = said_last(folder).strip().splitlines() or [f"eshi: it ended with code {code}"]
    start = next((i for i, line in enumerate(lines) if line.startswith("eshi: ")), len(lines) - 1)
    what, *rest = lines[start:]
    return EshiError(what.removeprefix("eshi: "), " ".join(line.strip() for line in rest))


def awaited(studio: Studio, at: str, process: subprocess.Popen[bytes]) -> None:
    process.wait()
    studio.feed.tell("run", at=at, changed=time.time())


@route("POST", "/api/runs/stop")
def stop(studio: Studio, at: str) -> Any:
    """ask a training to stop, as Ctrl-C does: it saves, and can go on later"""
    folder = run_of(studio, at)
    process = logbook.trainer(folder)
    if process is None:
        trains = logbook.locked(folder)
        what = "another eshi trains it" if trains else "it does not train"
        raise EshiError(f"{printable(at)}: {what}", "stop it where it was started" if trains else "")
    os.kill(process, signal.SIGINT if os.name != "nt" else signal.SIGTERM)
    return {"at": at, "asked": process}
