"""The laws of the house: what may import what, what the command line promises, what no file may say."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from eshi import cli
from eshi.registry import AUGMENTATIONS, DISCRIMINATORS, FINDERS, GENERATORS, LOSSES

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "eshi"
FLOORS = [
    ["errors", "progress"],
    ["registry", "image"],
    ["recipe"],
    ["gather", "models", "losses", "augment", "engine"],
    ["run", "logbook", "pupils"],
    ["draw"],
    ["judge"],
    ["train", "life", "report", "explore"],
    ["demo"],
    ["cli"],
    ["__main__"],
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "eshi" and len(parts) > 1 and parts[1] in FLOOR else None


def files() -> list[Path]:
    return [f for f in SOURCE.rglob("*.py") if f != SOURCE / "__init__.py"]


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_lead_downward_only(file: Path) -> None:
    mine = file.relative_to(SOURCE).with_suffix("").parts[0]
    for other in filter(None, map(room, imports(file))):
        lateral = FLOOR[other] == FLOOR[mine] and mine not in ("gather", "models")
        assert other == mine or FLOOR[other] < FLOOR[mine] or lateral, f"{mine} must not import {other}"


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(SOURCE)))
def test_heavy_libraries_stay_in_their_rooms(file: Path) -> None:
    mine = file.relative_to(SOURCE).with_suffix("").parts[0]
    roots = {name.split(".")[0] for name in imports(file)}
    if mine in ("errors", "progress", "registry", "image", "recipe", "gather", "cli"):
        assert "torch" not in roots
    if mine != "gather":
        assert "cv2" not in roots
    assert not roots & {"torchvision", "gallery_dl"}
    if file.name != "workers.py":  # it speaks with its own processes through pipes, as multiprocessing does
        assert "pickle" not in roots


def test_architectures_do_not_import_one_another() -> None:
    shared = {"latent", "__init__"}
    architectures = {f.stem for f in (SOURCE / "models").glob("*.py")} - shared
    for name in architectures:
        others = {m.split(".")[2] for m in imports(SOURCE / "models" / f"{name}.py") if m.startswith("eshi.models.")}
        assert not others & (architectures - {name})


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_help_loads_neither_torch_nor_opencv() -> None:
    code = "import sys; from eshi.cli import run\ntry: run(['--help'])\nexcept SystemExit: pass\n"
    assert fresh(code + "print('torch' in sys.modules, 'cv2' in sys.modules)").endswith("False False")


def test_the_public_names_are_functions_and_classes() -> None:
    code = "import eshi; eshi.draw; eshi.train; import eshi.run; print(callable(eshi.draw), callable(eshi.train))"
    assert fresh(code) == "True True"


@pytest.mark.parametrize("verb", sorted(cli.VERBS))
def test_every_verb_has_help_and_stands_in_the_readme(verb: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        cli.run([verb, "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert cli.VERBS[verb].__doc__ is not None
    assert cli.VERBS[verb].__doc__ in out
    assert f"eshi {verb}" in (ROOT / "README.md").read_text()


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


def test_quiet_means_quiet(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eshi", "recipes", "--quiet", "--json"],
        capture_output=True, text=True, check=True, env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stderr == ""
    assert '"dcgan-64"' in done.stdout
