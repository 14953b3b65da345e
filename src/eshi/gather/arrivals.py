"""A file that arrived becomes a picture: checked, written into pictures.sqlite, then moved to its place.

The order matters. Beside each arrived file lies a note (its metadata) until all three are done, so a crash at any
point leaves a note from which `recover` finishes the work.
"""

import hashlib
import json
import os
import re
import sqlite3
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from eshi.gather import sites
from eshi.ground import image
from eshi.ground.errors import EshiError

SCHEMA = """
create table if not exists pictures (
    key text primary key, file text not null unique, site text not null, post_id text not null, post_url text not null,
    file_url text not null, source text, tags text not null, rating text not null, artist text, md5 text not null,
    original_md5 text, width integer not null, height integer not null, bytes integer not null,
    quality text not null, time text not null
);
create view if not exists archive as select key as entry from pictures;
"""  # md5 is that of the file here, original_md5 what the service says of its original; gallery-dl reads the view
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}  # where Pillow's name of a format is no suffix


def open_catalogue(path: Path) -> sqlite3.Connection:
    try:
        catalogue = sqlite3.connect(path, timeout=60)
        catalogue.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise EshiError(f"cannot use {path}: {error}", "move it away, or choose another folder with -o", 1) from error
    return catalogue


def held(catalogue: sqlite3.Connection) -> int:
    """Bytes of all pictures in the catalogue."""
    return int(catalogue.execute("select coalesce(sum(bytes), 0) from pictures").fetchone()[0])


def admit(catalogue: sqlite3.Connection, folder: Path, note: Path, rating: str) -> tuple[str, int]:
    """What became of one arrived file ("new", "present", "unsafe", "unrated", or why it is no picture); its bytes."""
    arrived = note.with_suffix("")  # 12.png.json -> 12.png
    try:
        post = json.loads(note.read_text(encoding="utf-8"))
        outcome, size = settle(catalogue, folder, arrived, post, rating)
    except ValueError:
        outcome, size = "with unreadable metadata", 0
    arrived.unlink(missing_ok=True)
    note.unlink()
    return outcome, size


def settle(
    catalogue: sqlite3.Connection, folder: Path, arrived: Path, post: dict[str, Any], rating: str
) -> tuple[str, int]:
    known = catalogue.execute("select file from pictures where key = ?", (post["_archive_key"],)).fetchone()
    if known:
        if not (folder / known[0]).exists():  # killed between the catalogue and the move
            place(arrived, folder / known[0])
        return "present", 0
    word = sites.rating_of(post["engine"], post.get("rating"))
    if word not in sites.allowed(rating):
        return ("unsafe" if word else "unrated"), 0
    content = arrived.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    fault, facts = examine(arrived, content)
    original, told = str(post.get("file_url") or ""), str(post.get("md5") or "").lower()
    if not fault and told and original and post["fetched_url"].endswith(original) and md5 != told:
        fault = "other than the service's md5"
    if fault:
        return fault, 0
    suffix, width, height = facts
    row = provenance(post, word) | {"md5": md5, "width": width, "height": height, "bytes": len(content)}
    row["file"] = free_name(catalogue, folder, post, suffix)
    with arrived.open("rb") as file:  # a row must not outlive a power cut that its file did not
        os.fsync(file.fileno())
    with catalogue:
        names = ", ".join(row)
        catalogue.execute(f"insert into pictures ({names}) values (:{names.replace(', ', ', :')})", row)
    place(arrived, folder / row["file"])
    return "new", len(content)


def place(arrived: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(target)


def examine(path: Path, content: bytes) -> tuple[str, tuple[str, int, int]]:
    """Why it is no picture, or ""; its true suffix, width and height."""
    if re.match(rb"\s*<(!doctype|html|head|\?xml)", content[:200], re.IGNORECASE):
        return "an HTML page under a picture's name", ("", 0, 0)
    try:
        height, width = image.decode(path).shape[:2]
        with Image.open(path) as opened:
            kind = opened.format or ""
    except image.Unreadable as error:
        faults = {"broken": "broken or cut short", "small": "too small", "large": "too large"}
        return next((said for word, said in faults.items() if word in str(error)), "not a picture"), ("", 0, 0)
    return "", (SUFFIXES.get(kind, kind.lower()), width, height)


def free_name(catalogue: sqlite3.Connection, folder: Path, post: dict[str, Any], suffix: str) -> str:
    """site/id.suffix, relative to the folder. The user's own file of that name stays untouched."""
    key = post["_archive_key"]
    site, _, name = (re.sub(r"[^\w.\-/]", "-", key)).partition("/")
    name = name.replace("/", "-").lstrip(".")[:150] or "picture"
    stamp = hashlib.sha256(key.encode()).hexdigest()[:8]
    for stem in (name, f"{name}-{stamp}"):
        file = f"{site}/{stem}.{suffix}"
        taken = catalogue.execute("select 1 from pictures where file = ?", (file,)).fetchone()
        if not taken and not (folder / file).exists():
            return file
    raise EshiError(f"{folder / file} is in the way", "move it elsewhere; it is not in pictures.sqlite", 1)


def provenance(post: dict[str, Any], rating: str) -> dict[str, Any]:
    key, call = post["_archive_key"], post["eshi"]
    return {
        "key": key,
        "site": key.partition("/")[0],
        "post_id": str(post.get("id") or key.partition("/")[2]),
        "post_url": sites.post_url(post),
        "file_url": post["fetched_url"],
        "source": str(post.get("source") or "") or None,
        "tags": words(post.get("tags") or post.get("tag_string")),
        "rating": rating or str(post.get("rating") or ""),
        "artist": words(post.get("tags_artist") or post.get("artist")) or None,
        "original_md5": str(post.get("md5") or "").lower() or None,
        "quality": call["quality"],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def words(value: object) -> str:
    if isinstance(value, list):
        value = " ".join(word for word in value if isinstance(word, str))
    return " ".join(value.split()) if isinstance(value, str) else ""


def recover(catalogue: sqlite3.Connection, folder: Path, incoming: Path, rating: str) -> Counter[str]:
    """Finishes what a killed run left behind; half files go. Only while no gallery-dl is at work here."""
    outcomes: Counter[str] = Counter()
    for note in sorted(incoming.glob("*.json")):
        if note.with_suffix("").is_file():
            outcome, size = admit(catalogue, folder, note, rating)
            outcomes[outcome] += 1
            outcomes["bytes"] += size
    for rest in incoming.iterdir():
        rest.unlink()
    return outcomes
