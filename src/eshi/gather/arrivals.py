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

from eshi.gather import sites
from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable

SCHEMA = """
create table if not exists pictures (
    key text primary key, file text not null unique, site text not null, post_id text not null, post_url text not null,
    file_url text not null, source text, tags text not null, rating text not null, artist text, md5 text not null,
    original_md5 text, width integer not null, height integer not null, bytes integer not null,
    quality text not null, time text not null
);
create view if not exists archive as select key as entry from pictures;
"""  # md5 is that of the file here, original_md5 what the service says of its original; gallery-dl reads the view
OVER = "beyond the size limit"
KINDS = {  # how a file begins -> its true suffix
    rb"\xff\xd8\xff": "jpg",
    rb"\x89PNG\r\n\x1a\n": "png",
    rb"GIF8[79]a": "gif",
    rb"RIFF....WEBP": "webp",
    rb"BM": "bmp",
    rb"II[*+]\0|MM\0[*+]": "tif",
    rb"....ftyp": "avif",
}


def open_catalogue(path: Path) -> sqlite3.Connection:
    try:
        catalogue = sqlite3.connect(path, timeout=60)
        catalogue.executescript(SCHEMA)
    except sqlite3.Error as error:
        raise EshiError(f"cannot use {path}: {error}", "move it away, or choose another folder with -o", 1) from error
    return catalogue


class Arrivals:
    """The way of files from `incoming` into the folder. Only pictures of the rating enter, and `max_bytes` of them."""

    def __init__(
        self, catalogue: sqlite3.Connection, folder: Path, incoming: Path, rating: str, max_bytes: int | None = None
    ):
        self.catalogue, self.folder, self.incoming = catalogue, folder, incoming
        self.rating, self.max_bytes = rating, max_bytes
        self.held = int(catalogue.execute("select coalesce(sum(bytes), 0) from pictures").fetchone()[0])

    def admit(self, note: Path) -> tuple[str, int]:
        """What became of a file ("new", "present", "unsafe", "unrated", or why it is no picture); its bytes."""
        arrived = note.with_suffix("")  # 12.png.json -> 12.png
        try:
            outcome, size = self.settle(arrived, json.loads(note.read_text(encoding="utf-8")))
        except (ValueError, KeyError, RecursionError):
            outcome, size = "with unreadable metadata", 0
        self.held += size
        arrived.unlink(missing_ok=True)
        note.unlink()
        return outcome, size

    def settle(self, arrived: Path, post: dict[str, Any]) -> tuple[str, int]:
        key = post["_archive_key"]
        known = self.catalogue.execute("select file from pictures where key = ?", (key,)).fetchone()
        if known:
            if not (self.folder / known[0]).exists():  # killed between the catalogue and the move
                place(arrived, self.folder / known[0])
            return "present", 0
        word = sites.rating_of(post["engine"], post.get("rating"))
        if word not in sites.allowed(self.rating):
            return ("unsafe" if word else "unrated"), 0
        size = arrived.stat().st_size
        if self.max_bytes is not None and self.held + size > self.max_bytes:
            return OVER, 0
        fault, (suffix, width, height) = examine(arrived)
        md5 = digest(arrived)
        original, told = str(post.get("file_url") or ""), str(post.get("md5") or "").lower()
        if not fault and told and original and post["fetched_url"].endswith(original) and md5 != told:
            fault = "other than the service's md5"
        if fault:
            return fault, 0
        row = provenance(post, word) | {"md5": md5, "width": width, "height": height, "bytes": size}
        row["file"] = self.free_name(key, suffix)
        with arrived.open("rb") as file:  # a row must not outlive a power cut that its file did not
            os.fsync(file.fileno())
        with self.catalogue:
            names = ", ".join(row)
            self.catalogue.execute(f"insert into pictures ({names}) values (:{names.replace(', ', ', :')})", row)
        place(arrived, self.folder / row["file"])
        return "new", size

    def free_name(self, key: str, suffix: str) -> str:
        """site/id.suffix, relative to the folder. The user's own file of that name stays untouched."""
        site, _, name = (re.sub(r"[^\w.\-/]", "-", key)).partition("/")
        name = shorten(name.replace("/", "-").lstrip("."), 150) or "picture"
        site = shorten(site.lstrip("."), 200) or "site"
        stamp = hashlib.sha256(key.encode()).hexdigest()[:8]
        for stem in (name, f"{name}-{stamp}"):
            file = f"{site}/{stem}.{suffix}"
            taken = self.catalogue.execute("select 1 from pictures where file = ?", (file,)).fetchone()
            if not taken and not (self.folder / file).exists():
                return file
        raise EshiError(f"{self.folder / file} is in the way", "move it elsewhere; it is not in pictures.sqlite", 1)

    def recover(self) -> Counter[str]:
        """Finishes what a killed run left behind; half files go. Only while no gallery-dl is at work here."""
        outcomes: Counter[str] = Counter()
        for note in sorted(self.incoming.glob("*.json")):
            if note.with_suffix("").is_file():
                outcome, size = self.admit(note)
                outcomes[outcome] += 1
                outcomes["bytes"] += size
        for rest in self.incoming.iterdir():
            rest.unlink()
        return outcomes


def place(arrived: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    arrived.replace(target)


def examine(path: Path) -> tuple[str, tuple[str, int, int]]:
    """Why it is no picture, or ""; its true suffix, width and height."""
    with path.open("rb") as file:
        start = file.read(200)
    if re.match(rb"\s*<(!doctype|html|head|\?xml)", start, re.IGNORECASE):
        return "an HTML page under a picture's name", ("", 0, 0)
    suffix = next((suffix for begins, suffix in KINDS.items() if re.match(begins, start, re.DOTALL)), "")
    if not suffix:
        return "not a picture", ("", 0, 0)
    try:
        height, width = image.decode(path).shape[:2]
    except image.Unreadable as error:
        faults = {"broken": "broken or cut short", "small": "too small", "large": "too large"}
        return next((said for word, said in faults.items() if word in str(error)), "not a picture"), ("", 0, 0)
    return "", (suffix, width, height)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def shorten(name: str, most: int) -> str:
    """To so many bytes: file systems count them, not letters."""
    return name.encode()[:most].decode(errors="ignore")


def provenance(post: dict[str, Any], rating: str) -> dict[str, Any]:
    key, call = post["_archive_key"], post["eshi"]
    return {
        "key": key,
        "site": words(key.partition("/")[0]),
        "post_id": words(str(post.get("id") or key.partition("/")[2])),
        "post_url": sites.post_url(post),
        "file_url": sites.address(post["fetched_url"]),
        "source": words(post.get("source")) or None,
        "tags": words(post.get("tags") or post.get("tag_string")),
        "rating": rating or words(str(post.get("rating") or "")),
        "artist": words(post.get("tags_artist") or post.get("artist")) or None,
        "original_md5": words(post.get("md5")).lower() or None,
        "quality": call["quality"],
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def words(value: object) -> str:
    """What a service wrote, on one line and without control characters."""
    if isinstance(value, list):
        value = " ".join(word for word in value if isinstance(word, str))
    return " ".join(printable(value).split()) if isinstance(value, str) else ""
