"""Builds the sdist and the wheel, then uses the wheel as a stranger would: in a bare environment, far from the clone.

The wheels of the dependencies are kept in .venv/wheels: the first call needs a package index, the next ones do not.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
WHEELS = ROOT / ".venv" / "wheels"
SMALL = "size=32 batch=8 generator.width=4 discriminator.width=4 generator.latent=8 judge.every=64 judge.drawings=20"
EVERY_NAME = """
import pathlib, sys, eshi
assert pathlib.Path(sys.argv[1]) not in pathlib.Path(eshi.__file__).parents, eshi.__file__
for name in eshi.__all__:
    getattr(eshi, name)
print(f"eshi {eshi.__version__} from {eshi.__file__}: {len(eshi.__all__)} public names")
"""


def main() -> None:
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # setuptools would pack what an older build left there
    run(sys.executable, "-m", "build", "--no-isolation", ROOT, at=ROOT, quiet=True)
    wheel, sdist = next((ROOT / "dist").glob("*.whl")), next((ROOT / "dist").glob("*.tar.gz"))
    with tempfile.TemporaryDirectory(prefix="eshi-dist-") as place:
        home = Path(place)
        run(sys.executable, "-m", "venv", home / "venv", at=home)
        python, eshi = home / "venv" / "bin" / "python", home / "venv" / "bin" / "eshi"
        pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet")
        bound = ("-c", ROOT / "constraints.txt")  # an unbound torch would bring gigabytes of CUDA
        offline = (*pip, "install", "--no-index", "--find-links", WHEELS, *bound, wheel)
        if not tried(*offline, at=home):
            run(*pip, "download", "--dest", WHEELS, *bound, wheel, at=home)
            (WHEELS / wheel.name).unlink(missing_ok=True)
            run(*offline, at=home)
        run(*pip, "check", at=home)
        run(python, "-c", EVERY_NAME, ROOT, at=home)
        sets = [word for key in SMALL.split() for word in ("--set", key)]
        for words in (
            ["--help"],
            ["recipes"],
            ["paint", "pictures", "--count", "4"],
            ["crop", "pictures", "-o", "cut"],
            ["paint", "faces", "--faces", "48", "--count", "40"],
            ["clean", "faces"],
            ["train", "faces", "-r", "dcgan-64", "-o", "run", "--images", "64", *sets],
            ["draw", "run", "--count", "4", "-o", "sheet.png"],
            ["report", "run"],
            ["export", "run", "--to", "page", "-o", "face.html"],
        ):
            run(eshi, *words, at=home, quiet=True)
        for made in ("sheet.png", "run/report.html", "run/last.pt", "faces/report.html", "face.html"):
            assert (home / made).stat().st_size > 100, made
    print(f"{sdist.relative_to(ROOT)} and {wheel.relative_to(ROOT)} ({wheel.stat().st_size / 1e6:.1f} MB) work")


def run(*words: str | Path, at: Path, quiet: bool = False) -> None:
    """What it said is shown where it failed."""
    done = subprocess.run([str(w) for w in words], cwd=at, env=bare(at), text=True, capture_output=quiet)
    if done.returncode:
        sys.exit(f"{done.stdout or ''}{done.stderr or ''}\nfailed: {' '.join(map(str, words))}")


def tried(*words: str | Path, at: Path) -> bool:
    return not subprocess.run([str(w) for w in words], cwd=at, env=bare(at), capture_output=True).returncode


def bare(at: Path) -> dict[str, str]:
    """Without what the clone's shell has set, a PYTHONPATH to its sources above all."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return clean | ({"XDG_CACHE_HOME": str(at / "cache")} if at != ROOT else {})


if __name__ == "__main__":
    main()
