"""What surrounds a command: closed and narrow streams, no home, odd words; each in a Python of its own."""

import random
from collections.abc import Callable, Iterator

from attack.arena import Arena
from attack.case import Case

SMALL = "--images 16 --set judge.every=0"


def cases(chance: random.Random) -> Iterator[Case]:
    for name, line in SHELLS.items():
        yield Case("shells", name, typed(line), short=name == "head")
    for i, words in enumerate(WORDS):
        yield Case("shells", f"words-{i}", given(words))


def typed(line: tuple[str, tuple[int, ...]]) -> Callable[[Arena], None]:
    """`eshi` in the line is this Python's; after it, the same training ends well."""

    def attack(arena: Arena) -> None:
        import sys

        arena.copy("faces", "tiny.yaml", "run", packed=True)
        shell = f'eshi() {{ {sys.executable} -m eshi "$@"; }}; {line[0]}'
        arena.eshi("(shell)", line[0], shell=shell, ok=line[1], clean="latin" not in line[0] and "ascii" not in line[0])
        arena.eshi("train", "faces", "-r", "tiny.yaml", "-o", "r", *SMALL.split(), ok=[0])

    return attack


T = f"eshi train faces -r tiny.yaml -o r {SMALL}"
SHELLS: dict[str, tuple[str, tuple[int, ...]]] = {
    # whatever the reader of a pipe does, the training ends, or its exit code says that it did not
    "head": (f"set -o pipefail; {T} | head -c 1 >/dev/null; test -f r/last.pt", (0,)),
    "head-none": (f"set -o pipefail; {T} | true; code=$?; test -f r/last.pt || test $code -ne 0", (0,)),
    "head-progress": (f"{T} 2>&1 | head -1 >/dev/null; test ${{PIPESTATUS[0]}} -ne 0 || test -f r/last.pt", (0,)),
    "no-stdout": (f"{T} >&-", (0, 1)),
    "no-stderr": (f"{T} 2>&-", (0,)),
    "no-streams": (f"{T} <&- >&- 2>&-", (0, 1)),
    "full-stdout": (f"{T} >/dev/full", (0, 1)),
    "full-stderr": (f"{T} 2>/dev/full", (0,)),
    "latin": (
        "export PYTHONIOENCODING=latin-1; mkdir 絵; cp -r faces 絵/faces; "
        f"eshi train 絵/faces -r tiny.yaml -o r2 {SMALL}",
        (0,),
    ),
    "ascii": ("export PYTHONIOENCODING=ascii; mkdir 絵; cp faces/* 絵/ 2>/dev/null; eshi clean 絵", (0,)),
    "c-locale": (
        "export LC_ALL=C LANG=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0; mkdir 絵; "
        "cp faces/* 絵/ 2>/dev/null; eshi clean 絵",
        (0,),
    ),
    "no-home": (f"unset HOME; {T}", (0,)),
    "no-passwd": (
        "unset HOME; exec setpriv --reuid 54321 --regid 54321 --clear-groups $(which python3) -m eshi recipes",
        (0, 1, 127),
    ),
    "home-file": (f"export HOME=$PWD/tiny.yaml; {T} --set judge.every=16", (0,)),
    "home-nowhere": (f"export HOME=/proc/nowhere; {T} --set judge.every=16", (0,)),
    "cache-nowhere": (f"export XDG_CACHE_HOME=/proc/nowhere; {T} --set judge.every=16", (0,)),
    "no-tmp": (f"export TMPDIR=/proc/nowhere; {T}", (0,)),
    "few-files": (f"ulimit -n 40; {T}", (0, 1)),
    "columns": (f"export COLUMNS=1 LINES=1; {T}", (0,)),
    "dumb": (f"export TERM=dumb NO_COLOR=1; {T}", (0,)),
    "gone-folder": ("mkdir gone; cd gone; rmdir ../gone; eshi runs", (1, 2)),
    "empty-faces": ("eshi train '' -r tiny.yaml -o r2", (2,)),
    "optimised": ("export PYTHONOPTIMIZE=2; eshi --help >/dev/null && eshi draw run --count 1 -o x.png", (0,)),
    "read-only-cwd": ("cd /proc && eshi recipes >/dev/null", (0,)),
}
WORDS: list[tuple[str, ...]] = [
    (),
    ("",),
    ("nope",),
    ("--nope",),
    ("train",),
    ("train", ""),
    ("train", "\udcff"),
    ("train", "faces", "--images", ""),
    ("train", "faces", "--images", "-5"),
    ("train", "faces", "--images", "1e9"),
    ("train", "faces", "--seed", "x"),
    ("train", "faces", "--seed", "-1"),
    ("train", "faces", "--set", ""),
    ("train", "faces", "--set", "="),
    ("train", "faces", "--set", "a"),
    ("train", "faces", "--set", ".=1"),
    ("train", "faces", "--set", "a.b.c=1"),
    ("train", "faces", "--set", "size=[[["),
    ("train", "faces", "--set", "size=!!python/name:os.system"),
    ("train", "faces", "-o", "faces"),
    ("train", "faces", "-o", ""),
    ("train", "faces", "-o", "/dev/null"),
    ("train", "faces", "-o", "/proc/x"),
    ("train", "faces", "-o", "tiny.yaml"),
    ("train", "faces", "-r", ""),
    ("train", "faces", "-r", "../tiny"),
    ("train", "faces", "-r", "x" * 5000),
    ("train", "run"),
    ("train", "nowhere"),
    ("draw", "run", "--count", "0"),
    ("draw", "run", "--count", "-1"),
    ("draw", "run", "--seed", "-1"),
    ("draw", "run", "--seed", str(2**70)),
    ("draw", "run", "--mean", "nan"),
    ("draw", "run", "--std", "inf"),
    ("draw", "run", "--search", "-3"),
    ("draw", "run", "--std", "-1"),
    ("draw", "faces"),
    ("draw", "tiny.yaml"),
    ("draw", "run", "-o", "/proc/x.png"),
    ("draw", "run", "-o", "run"),
    ("draw", "run", "--single", "tiny.yaml"),
    ("sweep", "run", "--dims", "x"),
    ("sweep", "run", "--dims", "999"),
    ("sweep", "run", "--dims", "-1"),
    ("sweep", "run", "--dims", ""),
    ("sweep", "run", "--steps", "0"),
    ("sweep", "run", "--steps", "-4"),
    ("sweep", "run", "--rows", "0"),
    ("sweep", "run", "--seed", ""),
    ("walk", "run", "--seeds", ""),
    ("walk", "run", "--seeds", ",".join(map(str, range(1, 91))), "--frames", "91"),
    ("walk", "run", "--frames", "0"),
    ("walk", "run", "--frames", "-1"),
    ("walk", "run", "--seconds", "nan"),
    ("walk", "run", "--seconds", "-1"),
    ("walk", "run", "-o", "x.exe"),
    ("walk", "run", "--seeds", "1", "-o", "x.gif"),
    ("mix", "run", ""),
    ("mix", "run", "("),
    ("mix", "run", "1" * 5000),
    ("mix", "run", "(" * 3000 + "1" + ")" * 3000),
    ("mix", "run", "1 - " * 3000 + "1"),
    ("mix", "run", "1 / 0"),
    ("mix", "run", "1e999 * 2"),
    ("mix", "run", "__import__('os').system('touch STARTED')"),
    ("mix", "run", "mean()"),
    ("mix", "run", "9**9**9"),
    ("mix", "run", "-" * 5000 + "1"),
    ("mix", "run", "'" + "a" * 5000 + ".npy'"),
    ("mix", "run", "1", "--noise", "nan"),
    ("mix", "run", "1", "--noise", "-1"),
    ("mix", "run", "\x1b[31m"),
    ("mix", "run", "٣ + 1"),
    ("edit", "run"),
    ("edit", "run", "--set", "smile"),
    ("edit", "run", "--set", "smile=nan"),
    ("edit", "run", "--set", "smile=1e400"),
    ("edit", "run", "--set", "=1"),
    ("edit", "run", "--set", "hair=\x1b"),
    ("edit", "run", "--set", "smile=1", "--steps", "0"),
    ("directions", "run", "--count", "0"),
    ("directions", "run", "--count", "-9"),
    ("project", "run", "run"),
    ("project", "run", "nowhere.png"),
    ("project", "faces/x", "run"),
    ("project", "run", "tiny.yaml", "--steps", "0"),
    ("look", "run", "--units", "0"),
    ("look", "run", "--layer", "99"),
    ("look", "run", "--drop", "999"),
    ("look", "run", "--drop", ""),
    ("look", "run", "--seeds", ""),
    ("transfer", "run", "faces"),
    ("transfer", "run", "nowhere"),
    ("favourites", "run", "add"),
    ("favourites", "run", "add", "7"),
    ("favourites", "run", "add", "7", "--name", ""),
    ("favourites", "run", "add", "7", "--name", "../x"),
    ("favourites", "run", "add", "x", "--name", "y"),
    ("favourites", "run", "drop", "--name", "z"),
    ("favourites", "nowhere"),
    ("judge", "nowhere"),
    ("judge", "."),
    ("judge", "run", "--count", "0"),
    ("judge", "run", "--count", "-1"),
    ("judge", "run", "--features", "x"),
    ("judge", "run", "--against", "nowhere"),
    ("judge", "run", "--against", "run"),
    ("judge", "faces"),
    ("report", "nowhere"),
    ("report", "faces"),
    ("report", "tiny.yaml"),
    ("runs", "nowhere"),
    ("runs", "tiny.yaml"),
    ("runs", ""),
    ("recipes", "nope"),
    ("recipes", ""),
    ("recipes", "faces"),
    ("recipes", "tiny.yaml", "--set", "typo=1"),
    ("recipes", "nowhere.yaml"),
    ("clean", "nowhere"),
    ("clean", "tiny.yaml"),
    ("clean", "run"),
    ("clean", "faces", "--near", "nan"),
    ("clean", "faces", "--blur", "inf"),
    ("clean", "faces", "--min", "-1"),
    ("clean", "faces", "--finder", "x"),
    ("clean", "faces", "--finder", "lbp", "--cascade", "tiny.yaml"),
    ("crop", "nowhere"),
    ("crop", "faces", "-o", "faces"),
    ("crop", "faces", "--size", "0"),
    ("crop", "faces", "--size", "-1"),
    ("crop", "faces", "--margin", "nan"),
    ("crop", "faces", "--margin", "1e300"),
    ("crop", "faces", "--min", "0"),
    ("crop", "faces", "--finder", "x"),
    ("crop", "faces", "--finder", "lbp", "--cascade", "tiny.yaml"),
    ("crop", "faces", "-o", "tiny.yaml"),
    ("crop", "faces", "-o", "/proc/x"),
    ("faces", "nowhere"),
    ("faces", "run"),
    ("faces", "tpyo"),
    ("paint", "tiny.yaml"),
    ("paint", "p", "--count", "-1"),
    ("paint", "p", "--count", "0"),
    ("paint", "p", "--count", "1", "--faces", "0"),
    ("paint", "p", "--count", "1", "--faces", "-5"),
    ("paint", "p", "--count", "1", "--seed", "-1"),
    ("paint", "p", "--count", "1", "--seed", str(2**80)),
    ("paint", "/proc/x", "--count", "1"),
    ("collect",),
    ("collect", ""),
    ("collect", "nope", "a"),
    ("collect", "file:///etc/passwd", "-o", "c"),
    ("collect", "konachan", "--limit", "0"),
    ("collect", "konachan", "--max-bytes", "x"),
    ("collect", "konachan", "--account", "nowhere"),
    ("collect", "-o"),
    ("demo", "--images", "-1", "-o", "d"),
    ("demo", "-o", "tiny.yaml"),
]


def given(words: tuple[str, ...]) -> Callable[[Arena], None]:
    """An answer in words; what was there stays as it is."""

    def attack(arena: Arena) -> None:
        arena.copy("faces", "tiny.yaml", "run", packed=True)
        arena.remember()
        arena.guard("faces", "tiny.yaml")
        (arena.world / "tpyo").rmdir() if (arena.world / "tpyo").exists() else None
        words_ = [w.encode("utf-8", "surrogateescape") if "\udcff" in w else w for w in words]
        if words[:1] == ("train",) and "--images" not in words:
            words_ += ["--images", "8"]
        elif words[:1] == ("directions",) or words[:1] == ("project",):
            words_ += [] if "--count" in words or "--steps" in words else ["--steps", "2"]
        arena.eshi(*words_, seconds=90)
        arena.check(not (arena.world / "tpyo").exists(), "a folder was made of a typing error")

    return attack
