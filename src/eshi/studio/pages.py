"""The pages and what belongs to them: plain files of the package, known by name before anybody asks."""

import html
import string
from functools import cache
from pathlib import Path

from eshi import pages as reports
from eshi.studio.ask import Answer

HERE = Path(__file__).with_name("static")
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
ROOMS = {"/": "home", "/faces": "faces", "/runs": "runs", "/draw": "draw", "/work": "work"}
TITLES = {"home": "Studio", "faces": "Faces", "runs": "Runs", "draw": "Draw", "work": "Collect"}
SHARED = ("page.css", "run.css", "run.js")  # of the reports


@cache
def files() -> dict[str, tuple[Path, str]]:
    mine = [path for path in HERE.iterdir() if path.suffix in KINDS]
    theirs = [Path(reports.__file__).with_name(name) for name in SHARED]
    return {f"/static/{path.name}": (path, f"{KINDS[path.suffix]}; charset=utf-8") for path in (*mine, *theirs)}


def page(path: str) -> Answer | None:
    if path in files():
        file, kind = files()[path]
        return Answer(file.read_bytes(), kind)
    return framed(ROOMS[path]) if path in ROOMS else None


def framed(room: str, status: str = "") -> Answer:
    frame = string.Template((HERE / "frame.html").read_text(encoding="utf-8"))
    body = (HERE / f"{room}.html").read_text(encoding="utf-8")
    links = "".join(
        f'<a href="{path}"{" aria-current=page" if name == room else ""}>{html.escape(TITLES[name])}</a>'
        for path, name in ROOMS.items()
    )
    said = {"title": html.escape(TITLES.get(room, "Studio")), "room": room, "links": links, "body": body}
    return Answer(frame.substitute(said).encode(), "text/html; charset=utf-8")


def door(password: bool) -> Answer:
    """What one sees who has no token: how to get one, or where to type the password."""
    text = (HERE / "door.html").read_text(encoding="utf-8")
    return Answer(
        string.Template(text).substitute(form="" if password else "hidden").encode(), "text/html; charset=utf-8"
    )
