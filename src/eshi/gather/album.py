"""A folder or a zip of images, looked at alike: which images there are, and what is in each."""

import difflib
import functools
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.image import HEAVIEST, SUFFIXES, Room, Unreadable, check_file

Images = dict[str, tuple[int, int]]  # name -> (bytes, time of change or checksum)
Problems = dict[str, str]  # name, as it may be shown -> why it is left out
MANY = 2_000  # names among which a misspelt one is looked for
DEEPEST = 100  # folders within one another
unpacked = Room(2 * HEAVIEST)  # bytes of zipped files in memory, of all threads together


@dataclass(frozen=True)
class Album:
    """Travels to other processes: there the path is opened anew."""

    path: Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            if not self.path.exists():
                hint = "name a folder or zip of images; practice faces: eshi paint faces/ --faces 64"
                raise EshiError(f"there is no folder or zip {self.path}", hint)
            if not (self.path.is_file() and zipfile.is_zipfile(self.path)):
                raise EshiError(f"{self.path} is neither a folder nor a zip", "name the folder that holds the images")

    @functools.cached_property
    def zipped(self) -> bool:
        return not self.path.is_dir()

    @property
    def home(self) -> Path:
        """Where eshi keeps what it knows of the images: the folder itself, or a hidden one beside the zip."""
        return self.path.with_name(f".{self.path.name}.eshi") if self.zipped else self.path

    def beside(self, name: str) -> Path:
        """Where a file for people lies: in the folder, or beside the zip with its name in front."""
        return self.path.with_name(f"{self.path.name}-{name}") if self.zipped else self.path / name

    def look(self, without: Path | None = None) -> tuple[Images, Problems]:
        """The images in the order of their names, and what looks like one and is left out. Hidden files and folders
        are neither; what lies in the folder `without` is not looked at."""
        found, problems = in_zip(self.path) if self.zipped else in_folder(self.path, without)
        return dict(sorted(found.items())), problems

    def name_of(self, file: str, known: Images) -> str:
        """An image of the album, by its name there or by the path that a shell completes."""
        inside = os.path.relpath(os.path.abspath(file), self.path.absolute()) if not self.zipped else file
        for name in (file, Path(inside).as_posix()):
            if name in known:
                return name
        close = difflib.get_close_matches(file, list(known)[:MANY], n=1)
        hint = f"did you mean {printable(close[0])}?" if close else "a face is named as its file lies in there"
        raise EshiError(f"there is no image {printable(file)} in {self.path}", hint)

    @contextmanager
    def opened(self, name: str) -> Iterator[Path | io.BytesIO]:
        """What `image.decode` takes."""
        if not self.zipped:
            yield self.path / name
            return
        with ExitStack() as held:
            try:
                entries = archive(self.path, changed(self.path))
                size = entries.getinfo(name).file_size
                if size > HEAVIEST:
                    raise Unreadable(f"{size / 1e6:,.0f} MB is too large a file")
                held.enter_context(unpacked.taken(size))
                content = io.BytesIO(entries.read(name))
            except EshiError:
                raise
            except Exception as error:  # zipfile raises whatever the broken bytes made its decompressors stumble over
                raise Unreadable(f"broken in its zip: {str(error).strip() or type(error).__name__}") from error
            yield content

    def content(self, name: str) -> bytes:
        """The bytes of an image that `look` has found, and so found harmless to open."""
        if self.zipped:
            with self.opened(name) as source:
                return source.getvalue() if isinstance(source, io.BytesIO) else b""
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error

    def carried(self, name: str, on: str) -> str | bytes:
        """What a worker is given: the name, or the bytes, where it may be a machine that does not see this disk."""
        try:
            return self.content(name) if on == "ray" else name
        except Unreadable:
            return name

    def given(self, image: str | bytes) -> AbstractContextManager[Any]:
        """What was carried, opened."""
        return nullcontext(io.BytesIO(image)) if isinstance(image, bytes) else self.opened(image)


def is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES


def changed(path: Path) -> int:
    return path.stat().st_mtime_ns


@functools.lru_cache(maxsize=2)
def archive(path: Path, changed: int) -> zipfile.ZipFile:
    """Opened once in a process: its table of contents is read as a whole. Threads may read from it together."""
    try:
        return zipfile.ZipFile(path)
    except Exception as error:  # whatever a broken table of contents leads to
        raise EshiError(f"{path} is a damaged zip: {error}", "fetch it again, or unpack what can be saved") from error


def in_zip(path: Path) -> tuple[Images, Problems]:
    found: Images = {}
    problems: Problems = {}
    for entry in archive(path, changed(path)).infolist():
        name = entry.filename
        where = PureWindowsPath(name)  # which knows both kinds of separators
        if where.anchor or ".." in where.parts:
            problems[printable(name)] = "its name leads out of the zip"
        elif is_image(name) and not entry.is_dir() and not any(p.startswith((".", "__MACOSX")) for p in where.parts):
            found[name] = (entry.file_size, entry.CRC)
    return found, problems


def in_folder(folder: Path, without: Path | None = None) -> tuple[Images, Problems]:
    """Every folder is visited once, however links lead to it; pipes, devices and links to nothing are not opened."""
    found: Images = {}
    problems: Problems = {}
    seen = {place(without)} if without and without.exists() else set()
    todo = [""]
    while todo:
        prefix = todo.pop()
        try:
            if (here := place(folder / prefix)) in seen:
                continue
            seen.add(here)
            with os.scandir(folder / prefix) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            problems[printable(prefix)] = error.strerror or str(error)
            continue
        below = []
        for entry in sorted(visible, key=lambda entry: entry.name):
            name = prefix + entry.name
            try:
                if is_folder(entry):
                    below.append(checked(name) + "/")
                elif is_image(name):
                    state = entry.stat()
                    check_file(state)
                    found[checked(name)] = (state.st_size, state.st_mtime_ns)
            except Unreadable as error:
                problems[printable(name)] = str(error)
            except OSError as error:
                problems[printable(name)] = error.strerror or str(error)
        todo += reversed(below)
    return found, problems


def is_folder(entry: os.DirEntry[str]) -> bool:
    with suppress(OSError):  # a link that leads to itself
        return entry.is_dir()
    return False


def place(folder: Path) -> tuple[int, int]:
    """The same for all links to one folder."""
    state = folder.stat()
    return state.st_dev, state.st_ino


def checked(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise Unreadable("its name is not UTF-8: rename it") from error
    if name.count("/") > DEEPEST:
        raise Unreadable(f"more than {DEEPEST} folders deep")
    return name


def left_out(problems: Problems) -> str:
    """a.png (why), b.png (why) and 3 more"""
    named = ", ".join(f"{name} ({why})" for name, why in list(problems.items())[:3])
    return f"left out {named}" + (f" and {len(problems) - 3:,} more" if len(problems) > 3 else "")
