"""The laws of the house: what may import what, what the command line promises, what no file may say."""

import ast
import functools
import re
import subprocess
from pathlib import Path

import pytest

from eshi.ground.registry import AUGMENTATIONS, DISCRIMINATORS, FINDERS, GENERATORS, LOSSES

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "eshi"
# The house, from the ground up: a file imports only from files that stand before it. In a room marked with * the files
# are parts of one kind (networks, finders, verbs ...), found by being there: none imports another, and a new one need
# not be named here.
ORDER = """
ground      errors cores figures files progress interrupt notation schema registry image sheet
recipe
gather      workers painter.pen painter.character painter.head painter.hair painter.ornaments painter.clothes
             painter.backdrop painter.pose painter.worn painter.figure painter.compose painter.medium
             painter.scenes painter.page painter.folder painter album verdicts catalogue finders finders.*
             finders.evaluate sites credits measure colours duplicates arrivals leash hearing collect crop clean survey
             attributes tagger label faceset
networks    contracts shard prior lite engine labels *  build
run         tensorfile checkpoint logbook folder shipped
artist      points typical artist
judging     metrics features judge witness obedience guard watch compare
pages       page curves chart lapse origin headline faces labels run
training    losses augment ranks team turn recorder pupils piece said learn start course loop
explore     film features measures expression directions edit wish *
share       facts wire model safetensors onnx memory foreign intake plan packed * export
verbs       verb gallery * demo
studio      ask manners place feed jobs watch state pages form  home wall trainings easel errands  server serve
cli         completion parser commands
"""


def order() -> dict[str, int]:
    """Module, without `eshi.`, -> its place."""
    places: dict[str, int] = {}
    room = ""
    for line in ORDER.strip().splitlines():
        first, *files = line.split()
        if line[0] == " ":
            files = [first, *files]
        else:
            room = first
        for name in files or [""]:
            places[f"{room}.{name}".rstrip(".")] = len(places)
        places.setdefault(room, len(places))
    for room in {name.split(".")[0] for name in places}:
        places[room] = max(place for name, place in places.items() if name.split(".")[0] == room)
    return places


def name_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text())))


def imports(file: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in nodes(file):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner.removeprefix("eshi.") in MODULES else node.module)
    return found


def files() -> list[Path]:
    return [f for f in SOURCE.rglob("*.py") if f not in (SOURCE / "__init__.py", SOURCE / "__main__.py")]


MODULES = {name_of(file) for file in files()}
PLACES = order()


def place(module: str) -> int:
    """Where a module stands; one that is not named stands where its room's * does."""
    return PLACES[module] if module in PLACES else PLACES[f"{module.rpartition('.')[0]}.*"]


def test_the_order_names_only_what_is_there() -> None:
    assert {name for name in PLACES if not name.endswith("*")} <= MODULES


@pytest.mark.parametrize("file", files(), ids=name_of)
def test_a_file_imports_only_what_stands_before_it(file: Path) -> None:
    mine = name_of(file)
    others = [m.removeprefix("eshi.") for m in imports(file) if m.startswith("eshi.")]
    if file.name == "__init__.py":  # a room's door may name what is inside
        others = [other for other in others if not other.startswith(f"{mine}.")]
    later = [other for other in others if other != mine and place(other) >= place(mine)]
    assert not later, f"{mine} stands before {later}"


@pytest.mark.parametrize("file", files(), ids=name_of)
def test_heavy_libraries_stay_in_their_rooms(file: Path) -> None:
    mine = name_of(file).split(".")[0]
    roots = {name.split(".")[0] for name in imports(file)}
    if mine in ("ground", "recipe", "gather", "verbs", "cli"):
        assert "torch" not in roots
    if mine != "gather":
        assert "cv2" not in roots
    assert not roots & {"torchvision", "gallery_dl"}
    if file.name != "workers.py":  # it speaks with its own processes through pipes, as multiprocessing does
        assert "pickle" not in roots


@pytest.mark.parametrize("file", files(), ids=name_of)
def test_pictures_are_opened_in_one_place_and_by_known_formats_only(file: Path) -> None:
    """For some formats Pillow starts a program of the system; and only `image` knows how much memory there is."""
    mine = name_of(file)
    for call in (node for node in nodes(file) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)
        if re.search(r"\bImage\.open$", called):
            assert mine == "ground.image", f"{mine} opens a picture: use image.opened or image.decode"
            assert "formats" in {word.arg for word in call.keywords}
        assert not re.search(r"(^|\.)(imread|imreadmulti|VideoCapture|ImageGrab)", called)
        assert mine == "gather.measure" or not re.search(r"(^|\.)imdecode", called)
    assert not [name for name in imports(file) if name.startswith("PIL.")], "write: from PIL import Image"


@pytest.mark.parametrize("registry", [GENERATORS, DISCRIMINATORS, LOSSES, AUGMENTATIONS, FINDERS])
def test_every_registry_suggests_the_near_miss(registry) -> None:
    for name in registry:
        with pytest.raises(Exception, match=f"no {registry.noun} called '{name}x'") as raised:
            registry[name + "x"]
        assert name in raised.value.hint


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    texts = [ROOT / t for t in tracked if Path(t).suffix in {".py", ".md", ".yaml", ".toml", ".txt", ""}]
    home = re.compile(r"(?<![\w.:/])/(home|root|work|Users)/\w")
    assert [t.name for t in texts if t.exists() and home.search(t.read_text(errors="ignore"))] == []
