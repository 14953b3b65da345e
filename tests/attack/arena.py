"""Where a case happens: a folder of its own, eshi in processes that are watched, and what must be true of them.

Torch is imported once, in the process that forks the cases; each command of eshi is a fork of that, with a clean
environment, a time limit and an eye on its memory. `apart` starts a fresh Python instead.
"""

import atexit
import importlib
import os
import pkgutil
import random
import re
import resource
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attack.preload import sitecustomize as fatal
from attack.watch import LOOK, Outcome, Process, busy, end, family, manifest, private, read, tail

MEMORY = 1_500_000_000  # bytes, of a command and all that it started
PATIENCE = 60.0  # seconds a command may take where the case says nothing else
NEVER = (
    "Traceback (most recent call last)", "this should not have happened", "Exception ignored", "Segmentation fault",
    "weights_only=False", "RuntimeWarning", "DeprecationWarning", "ResourceWarning",
)  # fmt: skip
HOOKS = Path(__file__).parent / "preload"


def warm() -> None:
    """Everything a command may import, once, before the first fork. Nothing is computed: threads do not survive one."""
    import eshi

    for room in pkgutil.walk_packages(eshi.__path__, "eshi."):
        if not room.name.endswith("__main__"):
            importlib.import_module(room.name)
    for slow in ("torch._dynamo", "torch.utils.tensorboard", "cv2", "PIL.Image", "sqlite3", "multiprocessing.util"):
        try:
            importlib.import_module(slow)
        except ImportError:  # an extra
            pass


def live(words: list[str], files: Path, kill: tuple[str, int, str] | None, count: bool) -> None:
    """The rest of a fork's life is eshi WORDS, killed or counted where that was asked for."""
    sys.stdin, sys.stdout, sys.stderr = (
        open(n, m, encoding="utf-8", errors=e, closefd=False)  # noqa: SIM115
        for n, m, e in ((0, "r", "strict"), (1, "w", "strict"), (2, "w", "backslashreplace"))
    )
    atexit._clear()  # what the suite will do at its own end
    random.seed(0)
    from eshi.__main__ import main

    calls = 0
    if kill or count:
        fatal.arm(*(kill[1:] if kill and kill[0] == "point" else ()))
    if count or (kill and kill[0] == "call"):
        last = kill[1] if kill else 0
        home = str(Path(sys.modules["eshi"].__file__ or "").parent)

        def seen(frame: Any, event: str, _: object) -> None:
            nonlocal calls
            if event == "call" and frame.f_code.co_filename.startswith(home):
                calls += 1
                if calls == last:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(seen)
    sys.argv = ["eshi", *words]
    code: Any = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    sys.setprofile(None)
    if count:
        (files / "counts").write_text(f"{fatal.reached} {calls}")
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


@dataclass
class Arena:
    """One case. `faults` are the sentences about what went wrong; none is a case that held."""

    name: str
    folder: Path
    base: Path  # what all cases copy from
    random: random.Random
    faults: list[str] = field(default_factory=list)
    kills: int = 0
    commands: int = 0
    most: int = 0  # bytes
    guarded: dict[Path, dict[bytes, tuple]] = field(default_factory=dict)
    shells: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in ("home", "tmp", "bin", "w"):
            (self.folder / part).mkdir(parents=True)
        self.world = self.folder / "w"
        self.canary = self.folder / "STARTED"
        for name in ("gs", "gswin32c", "gswin64c"):  # what Pillow would start for PostScript
            fake = self.folder / "bin" / name
            fake.write_text(f"#!/bin/sh\necho $0 $* >> {self.canary}\nexit 1\n")
            fake.chmod(0o755)
        self.env = {
            "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "OMP_NUM_THREADS": "1",
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1", "LANG": "C.UTF-8",
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, os.environ.get("PYTHONPATH", "").split(os.pathsep))),
            "PYTHONHASHSEED": "0", "ATTACKED": str(self.folder),
            "OPENBLAS_NUM_THREADS": "1",
        }  # fmt: skip
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "VIRTUAL_ENV"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    # -- the world

    def remember(self) -> None:
        """The features of the base's faces, so that judging need not look at them again."""
        shutil.copytree(self.base.parent / "making" / "home", self.folder / "home", dirs_exist_ok=True)

    def copy(self, *names: str, packed: bool = False) -> None:
        """`faces`, `pictures`, `run` ... out of what was made once for all; `packed` with eshi's own notes."""
        leave = None if packed else shutil.ignore_patterns(".eshi")
        for name in names:
            source, to = self.base / name, self.world / Path(name).name
            if source.is_dir():
                shutil.copytree(source, to, dirs_exist_ok=True, ignore=leave)
            else:
                shutil.copy2(source, to)

    def few(self, count: int, into: str = "faces", kind: str = "faces") -> Path:
        """The first `count` faces or pictures alone."""
        home = self.world / into
        home.mkdir(exist_ok=True)
        found = sorted(p for p in (self.base / kind).iterdir() if p.suffix in (".png", ".jpg"))[:count]
        assert len(found) == count, f"{kind} has only {len(found)}"
        for file in found:
            shutil.copy2(file, home / file.name)
        return home

    def guard(self, *names: str) -> None:
        """From here on these files and folders, eshi's own notes excepted, must not change."""
        for name in names:
            self.guarded[self.world / name] = manifest(self.world / name)

    def settle(self) -> None:
        """What must be true after every case."""
        for path, before in self.guarded.items():
            after = manifest(path)
            changed = [name for name in before if after.get(name) != before[name]]
            grown = [name for name in after if name not in before]
            if changed or grown:
                self.faults.append(f"originals in {path.name} changed: {[*changed, *grown][:3]!r}")
        if self.canary.exists():
            self.faults.append(f"something was started: {self.canary.read_text().strip()[:200]}")
        strangers = {p.name for p in self.folder.iterdir()} - {"home", "tmp", "bin", "w", "STARTED"}
        if strangers := {name for name in strangers if not name.startswith("command")}:
            self.faults.append(f"written outside: {sorted(strangers)}")

    def check(self, truth: bool, otherwise: str) -> bool:
        if not truth:
            self.faults.append(otherwise)
        return truth

    # -- commands

    def start(
        self, *words: str | Path | bytes, apart: bool = False, kill: tuple[str, int, str] | None = None,
        count: bool = False, env: dict[str, str | None] | None = None, shell: str = "", stdin: int | None = None,
    ) -> Process:  # fmt: skip
        """eshi WORDS, not waited for. `kill` is ("point" or "call", n, "before" or "after")."""
        self.commands += 1
        files = self.folder / f"command{self.commands}"
        files.mkdir()
        told = [w.decode("utf-8", "surrogateescape") if isinstance(w, bytes) else str(w) for w in words]
        around = {k: v for k, v in (self.env | (env or {})).items() if v is not None}
        sys.stdout.flush()
        sys.stderr.flush()
        number = os.fork()
        if not number:
            try:
                self.become(told, files, around, apart, kill, count, shell)
            finally:
                os._exit(99)
        return Process(number, told, files)

    def become(
        self, words: list[str], files: Path, env: dict[str, str], apart: bool, kill: tuple[str, int, str] | None,
        count: bool, shell: str,
    ) -> None:  # fmt: skip
        """The child: it turns into eshi and never returns."""
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(self.world)
        os.environ.clear()
        os.environ.update(env)
        for number, name, how in ((0, os.devnull, os.O_RDONLY), (1, "out", os.O_WRONLY), (2, "err", os.O_WRONLY)):
            path = name if name == os.devnull else files / name
            os.dup2(os.open(path, how | os.O_CREAT, 0o644), number)
        if apart or shell:
            if kill:
                os.environ |= {"ATTACK_KILL": f"{kill[1]}:{kill[2]}"}
                os.environ["PYTHONPATH"] = f"{HOOKS}:{env['PYTHONPATH']}"
            os.closerange(3, 256)
            if shell:
                os.execv("/bin/bash", ["bash", "-c", shell])
            os.execv(sys.executable, [sys.executable, "-m", "eshi", *words])
        live(words, files, kill, count)

    def wait(
        self, process: Process, ok: Iterable[int] = (0, 1, 2), seconds: float = PATIENCE, killed: bool = False,
        clean: bool = True,
    ) -> Outcome:  # fmt: skip
        """Until it ends, is hung, or is too fat. `killed`: it may also end by SIGKILL, which is counted."""
        over, looks = "", 0
        while not process.over():
            looks += 1
            if looks % 4 == 0 or looks < 4:
                process.most = max(process.most, sum(map(private, family(process.number))))
            if process.most > MEMORY:
                over = f"took {process.most / 1e9:.1f} GB"
            elif (waited := time.monotonic() - process.start) > seconds:
                worked = sum(map(busy, family(process.number)))
                if waited > 8 * seconds or worked > seconds or worked < 0.04 * waited:  # else others took the cores
                    over = f"hung: not done after {waited:.0f} s, {worked:.0f} s of work"
            if over:
                end(process.number)
                while not process.over():
                    time.sleep(LOOK)
                break
            time.sleep(LOOK if looks > 10 else LOOK / 4)
        assert process.ended
        status, peak = process.ended
        code = os.waitstatus_to_exitcode(status)
        texts = [read(process.files / name) for name in ("out", "err")]
        counted = read(process.files / "counts").split() or ["0", "0"]
        memory = max(process.most, peak)
        took = Outcome(code, *texts, time.monotonic() - process.start, memory, *map(int, counted), over)
        self.most = max(self.most, memory)
        what = f"`eshi {' '.join(process.words)}`".replace(f"{self.world}/", "")[:150]
        if over:
            self.faults.append(f"{what} {over}; {tail(took)}")
            return took
        if memory > MEMORY:
            self.faults.append(f"{what} took {memory / 1e9:.1f} GB")
        if code == -signal.SIGKILL and killed:
            self.kills += 1
            for orphan in family(process.number)[1:]:
                os.kill(orphan, signal.SIGKILL)
            return took
        said = next((word for word in NEVER if clean and word in took.said), "")
        odd = re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b\udc80-\udcff]", took.said.replace("\r", ""))
        if said or code not in tuple(ok):
            self.faults.append(f"{what} ended with {code}{f', {said!r}' if said else ''}; {tail(took)}")
        elif clean and odd:
            self.faults.append(f"{what}: control character {odd[0]!r} in what it says; {tail(took)}")
        elif clean and code in (1, 2) and "eshi: " not in took.err and not (process.words[0] == "collect" and took.out):
            self.faults.append(f"{what} ended with {code} without saying why; {tail(took)}")
        return took

    def eshi(self, *words: str | Path | bytes, **options: Any) -> Outcome:
        """Started and waited for."""
        waiting = {k: options.pop(k) for k in ("ok", "seconds", "killed", "clean") if k in options}
        return self.wait(self.start(*words, **options), **waiting)
