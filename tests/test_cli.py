"""The command line: help, mistakes, what goes on around it, completion."""

import inspect
import json
import os
import pty
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from untrained import SETS

from eshi import recipe
from eshi.cli import COMMANDS, run
from eshi.ground import progress
from eshi.ground.errors import EshiError
from eshi.recipe import Recipe
from eshi.verbs import VERBS
from eshi.verbs.gathering import size_in_bytes
from eshi.verbs.verb import GROUPS

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help_an_example_and_stands_in_the_readme(verb: str, capsys: pytest.CaptureFixture) -> None:
    for words in ([verb, "--help"], ["help", verb]):
        assert run(words) == 0
        out = " ".join(capsys.readouterr().out.split())
        one = COMMANDS[verb]
        assert " ".join(one.about.split()) in out
        assert f"example: {one.example}" in out
        for parameter in one.parameters:
            assert parameter.about.text in out
            assert parameter.standard == "" or f"({parameter.standard})" in out
    assert one.about
    assert one.example.removeprefix('eval "$(').startswith(f"eshi {verb}")
    assert f"eshi {verb}" in (ROOT / "README.md").read_text()


def test_every_example_is_understood() -> None:
    import shlex

    from eshi.cli.parser import parse

    for verb in COMMANDS.values():
        words = shlex.split(verb.example.removeprefix('eval "$(').removesuffix(')"').partition(" > ")[0])
        given, _ = parse(verb, words[2:])
        inspect.signature(verb.call).bind(**given)


def test_the_overview_goes_along_the_journey(capsys: pytest.CaptureFixture) -> None:
    for words in ([], ["--help"], ["-h"], ["help"]):
        assert run(words) == 0
        out = capsys.readouterr().out
        places = [out.index(f"\n{group}\n") for group in GROUPS]
        assert places == sorted(places)
        for name, verb in COMMANDS.items():
            assert re.search(rf"^  {name} ", out, re.MULTILINE), name
            assert verb.about.split("\n")[0] in " ".join(out.split())


def test_a_default_is_shown_as_it_stands_in_the_signature() -> None:
    said = {(name, p.name): p.standard for name, verb in VERBS.items() for p in verb.parameters}
    assert said["draw", "count"] == "64"
    assert said["draw", "seed"] == "0"
    assert said["walk", "seeds"] == "1,2,3"
    assert said["runs", "folders"] == "runs demo"
    assert said["collect", "min_free"] == "1GB"
    assert said["crop", "margin"] == "0.2"
    assert said["clean", "grey"] == "off"
    assert said["train", "set"] == said["train", "faces_changed"] == ""
    for verb in COMMANDS.values():
        for parameter in verb.parameters:
            assert not re.search(r" \([^)]*\)$", parameter.about.text), parameter.about.text


def test_the_recipes_stand_under_train(capsys: pytest.CaptureFixture) -> None:
    run(["train", "--help"])
    out = capsys.readouterr().out
    for name, about in recipe.shipped().items():
        assert f"  {name} " in out
        assert about in out


def test_help_loads_nothing_heavy_and_answers_at_once() -> None:
    code = "import sys; from eshi.cli import run; run(sys.argv[1:])\n"
    code += "heavy = {'torch', 'cv2', 'numpy', 'PIL', 'yaml', 'rich'} & set(sys.modules); assert not heavy, heavy"
    for words in (["--help"], ["help", "crop"], ["draw", "--help"], ["crop", "--sise"]):
        subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "eshi", "--help"], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # processor time: a busy machine changes nothing about it
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ("trian faces", "there is no verb 'trian'", "did you mean 'train'?"),
        ("--quiet train faces", "--quiet stands before the verb", "eshi help"),
        ("help trian", "there is no verb 'trian'", "did you mean 'train'?"),
        ("train faces --imgaes 300", "eshi train has no option --imgaes", "did you mean --images?"),
        ("draw run --sed=3", "eshi draw has no option --sed", "did you mean --seed?"),
        ("draw run --xyzzy", "eshi draw has no option --xyzzy", "eshi help draw"),
        ("draw one two", "eshi draw takes no further 'two'", "quotes"),
        ("crop", "eshi crop needs PICTURES", "eshi help crop"),
        ("draw run --count many", "--count: 'many' is not a whole number", "eshi help draw"),
        ("draw run --std nan", "--std: 'nan' is not a number", "eshi help draw"),
        ("draw run --count", "--count: expected one argument", "eshi help draw"),
        ("collect konachan --rating saef", "--rating: there is no 'saef'", "did you mean 'safe'?"),
        ("collect konachan --max-bytes lots", "--max-bytes: 'lots' is not a size", "500MB"),
        ("favourites run ad 7", "there is no 'ad'", "did you mean 'add'?"),
        ("favourites run add --name miku", "add needs a face", "add 7 --name miku"),
        ("favourites run drop", "drop needs a --name", "drop --name miku"),
        ("train faces --images 300 --for 1h", "--images and --for both say how long", "one of them"),
        ("completion tcsh", "there is no 'tcsh'", "did you mean"),
        ("walk {}/run --seeds 1,2 -o film.avi", "cannot make a film of film.avi", ".webp"),
        ("walk {}/run --seeds 1,2 --seconds 0", "a frame cannot last 0 seconds", "0.08"),
        ("edit {}/run --set hair", "--set hair: not of the form what=value", "hair=pink"),
        ("sweep {}/run --dims one", "--dims one: not whole numbers", "3,12,40"),
        ("draw {}/run --seed miku --search 100", "a search looks at numbered faces", "--search"),
        ("draw {}/run --seed nobody", "no favourite called 'nobody'", "miku, ren"),
        ("runs {}/pictures", "there is no run in", "eshi runs FOLDER"),
        ("recipes dcgan-65", "no recipe called 'dcgan-65'", "did you mean 'dcgan-"),
    ],
)
def test_a_mistake_is_named_with_what_was_meant(
    words: str, said: str, hint: str, things: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run(words.replace("{}", str(things)).split()) == 2
    out, told = capsys.readouterr()
    assert out == ""
    first, second = told.rstrip().split("\n")
    assert said in first
    assert hint in second or hint in first


@pytest.mark.parametrize("verb", [name for name, verb in VERBS.items() if any(p.kind is Path for p in verb.parameters)])
def test_an_empty_path_is_never_the_current_folder(verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for parameter in VERBS[verb].parameters:
        if parameter.kind is Path:
            needed = {p.name: "x" for p in VERBS[verb].parameters if p.required}
            with pytest.raises(EshiError, match="is empty"):
                VERBS[verb].call(**needed | {parameter.name: ""})
    assert not list(tmp_path.iterdir())


def test_sizes() -> None:
    assert size_in_bytes("1.5GB", "") == size_in_bytes("1500mb", "") == size_in_bytes(1_500_000_000, "")
    for wrong in ("", "GB", "-1MB", "nan", "inf", "1e30"):
        with pytest.raises(EshiError, match="not a size"):
            size_in_bytes(wrong, "--min-free")


def eshi_(words: list[str], **options: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "eshi", *words], capture_output=True, **options)  # type: ignore[call-overload,no-any-return]


def test_nobody_listens(tmp_path: Path) -> None:
    """`eshi paint ... 2>&1 | head -0`: the work goes on to its end."""
    code = "import sys; from eshi.ground import progress; progress.PLAIN_SECONDS = 0; from eshi.cli import run\n"
    code += "progress.note('hear, hear'); sys.exit(run(sys.argv[1:]))"
    reader, writer = os.pipe()
    os.close(reader)
    words = ["paint", str(tmp_path / "p"), "--count", "12", "--faces", "32"]
    done = subprocess.run([sys.executable, "-c", code, *words], stdout=writer, stderr=writer)
    os.close(writer)
    assert done.returncode == 0
    assert len(list((tmp_path / "p").glob("*.png"))) == 12


@pytest.mark.parametrize("closed", [[1], [2], [0, 1, 2]])
def test_closed_streams(closed: list[int], tmp_path: Path) -> None:
    shut = "".join(f"{number}{'<' if number == 0 else '>'}&- " for number in closed)
    script = f"{sys.executable} -m eshi paint {tmp_path}/p --count 1 {shut}; echo $? > {tmp_path}/code"
    subprocess.run(["sh", "-c", script], check=True)
    assert (tmp_path / "code").read_text() == "0\n"
    with Image.open(tmp_path / "p" / "00000.jpg") as picture:  # no message has got into it
        picture.load()
    shut = shut.replace("0<&- ", "")
    said = subprocess.run(["sh", "-c", f"{sys.executable} -m eshi trian {shut}"], capture_output=True)
    assert said.returncode == 2
    assert said.stdout == b""


def test_names_cannot_command_the_terminal(tiny: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    name = os.fsdecode(b"\x1b[2J[red]\x9b\xff\xe2\x80\xae")  # clears the screen, is no UTF-8, turns text around
    (tmp_path / name).mkdir()
    (tmp_path / name / "recipe.yaml").write_text(tiny.yaml())
    assert run(["runs", str(tmp_path)]) == 0
    assert run(["report", str(tmp_path / name / "nothing")]) == 2
    progress.note(name)
    assert "[red]" in progress.Progress(name).text() + progress.Progress(name).what
    for said in capsys.readouterr():
        assert "[2J[red]" in said
        assert all(c.isprintable() or c == "\n" for c in said)
    assert run(["runs", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["run"] == str(tmp_path / name)


def test_a_full_disk_under_the_result_is_said(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "eshi", "recipes"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "cannot show the result" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_narrow_encoding_loses_no_work_and_no_json(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "初音").mkdir()
    (tmp_path / "初音" / "recipe.yaml").write_text(tiny.yaml())
    narrow = os.environ | {"PYTHONIOENCODING": "latin-1"}
    text, told = (eshi_(["runs", str(tmp_path), *more], env=narrow) for more in ([], ["--json"]))
    assert text.returncode == 0
    assert b"/??  dcgan-64" in text.stdout
    assert json.loads(told.stdout.decode("latin-1"))["runs"][0]["run"] == str(tmp_path / "初音")


def test_a_closed_terminal_saves_and_80_columns_keep_score_and_state(faces: Path, tmp_path: Path) -> None:
    words = ["train", str(faces), "-o", str(tmp_path / "runs" / "a[/rather]long-name"), "--images", "1M", *SETS]
    words += ["--set", "guard.action=warn"]  # this G learns nothing
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(COLUMNS="80", TERM="xterm")
        os.execv(sys.executable, [sys.executable, "-m", "eshi", *words])
    seen, deadline = b"", time.monotonic() + 300
    while seen.count(b"fd_lite0") < 3 and time.monotonic() < deadline:
        seen += os.read(terminal, 65536)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in re.split(r"[\r\n]", seen.decode(errors="replace"))]
    judged = [line for line in lines if "fd_lite0" in line and "images" in line]
    assert judged
    assert all(len(line) <= 80 for line in judged)
    assert any(re.search(r"fd_lite0 [\d.]+  (learning|D winning|collapsed|diverged)", line) for line in judged), judged
    os.close(terminal)  # which sends SIGHUP
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert (tmp_path / "runs" / "a[/rather]long-name" / "last.pt").exists()


STARTS = {  # how each shell is asked what it offers at the end of the words in $@
    "bash": """source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eshi; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """compdef() { }; compadd() { shift; print -l -- "$@" }; _files() { }; source "$0"
              words=("$@"); CURRENT=$#; _eshi""",
    "fish": "source $argv[1]; complete -C (string join ' ' -- $argv[2..]) | cut -f 1",
}


@pytest.mark.parametrize("shell", STARTS)
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("eshi tr", {"train", "transfer"}),
        ("eshi train --im", {"--images"}),
        ("eshi train faces -r dcgan-p", {"dcgan-paper"}),
        ("eshi recipes re", {"residual-96"}),
        ("eshi collect kon", {"konachan"}),
        ("eshi collect konachan --rating s", {"safe", "sensitive"}),
        ("eshi favourites run d", {"drop"}),
        ("eshi completion f", {"fish"}),
        ("eshi crop pictures --finder l", {"lbp"}),
    ],
)
def test_a_shell_completes(
    shell: str, line: str, offered: set[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    assert run(["completion", shell]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    rest = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    arguments = [str(tmp_path / "script"), *line.split()]
    done = subprocess.run([shell, *rest, "-c", STARTS[shell], *arguments], capture_output=True, text=True, cwd=tmp_path)
    words = {word for word in done.stdout.split() if word.startswith(line.split()[-1])}  # zsh filters them itself
    assert words == offered, done.stderr
