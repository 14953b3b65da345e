"""What a run was made with and from: the recipe, the machine, the faces and who drew them."""

import csv
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

from eshi.gather.credits import PAGE, TABLE
from eshi.ground import notation
from eshi.ground.errors import EshiError
from eshi.ground.figures import human
from eshi.pages.page import Markup, markup, tag
from eshi.run.logbook import Row, number

LONG = 20_000  # characters of a recipe: more is cut, and shown as it stands
ARTISTS, SITES = 24, 12  # named at most


def made_of(folder: Path, rows: list[Row]) -> Markup:
    """What it was made with, and from."""
    beside = tag("div", machine(rows), credited(folder), class_="column short")
    return tag("section", tag("div", recipe(folder), beside, class_="grid"))


def recipe(folder: Path) -> Markup:
    with (folder / "recipe.yaml").open(encoding="utf-8", errors="replace") as file:
        text = file.read(LONG)
    about = ""
    try:
        values = notation.read(text, "recipe.yaml")
        about = values.pop("about", "")
        text = notation.write(values)
    except (EshiError, AttributeError, RecursionError, TypeError, ValueError):
        pass  # shown as it stands
    title, _, more = about.strip().partition("\n") if isinstance(about, str) else ("", "", "")
    sections = [tag("span", *keys(section)) for section in re.split(r"\n(?! )", text.strip())]
    words = [tag("p", paragraph) for paragraph in (title, more) if paragraph]
    return tag("div", tag("h2", "Recipe"), *words, tag("pre", *sections), class_="card")


def keys(section: str) -> list[Markup]:
    """Lines of YAML, their keys set off."""
    lines = []
    for line in section.splitlines(keepends=True):
        key = re.match(r"( *)(\w+)(?=:)", line)
        lines.append(markup(key[1], tag("b", key[2]), line[key.end() :]) if key else markup(line))
    return lines


def machine(rows: list[Row]) -> Markup:
    starts = [row for row in rows if row.get("event") == "started"]
    if not starts:
        return Markup()
    last = starts[-1]
    faces = last.get("faces") and f"{last['faces']}"
    parts = (("train", "to learn from"), ("held_out", "held out"))
    counts = [f"{human(last[key])} {words}" for key, words in parts if number(last.get(key))]
    machines = dict.fromkeys(str(row["machine"]) for row in starts if row.get("machine"))
    facts = {
        "machine": "; then ".join(machines),
        "eshi": last.get("eshi"),
        "torch": last.get("torch"),
        "faces": ": ".join(filter(None, (faces, ", ".join(counts)))),
        "starts": len(starts) if len(starts) > 1 else None,
    }
    items = [markup(tag("dt", key), tag("dd", value)) for key, value in facts.items() if value]
    return tag("div", tag("h2", "Machine and faces"), tag("dl", *items), class_="card")


def credited(folder: Path) -> Markup:
    title, table = tag("h2", "Credits of the data"), folder / TABLE
    if not table.is_file():
        words = "None: the faces of this run had no catalogue that says where they came from."
        return tag("div", title, tag("p", words), class_="card")
    try:
        pictures, faces, artists, sites = tally(table, table.stat().st_mtime_ns)
    except (OSError, csv.Error) as error:
        return tag("div", title, tag("p", f"{TABLE} cannot be read: {error}"), class_="card")
    shown = artists.most_common(ARTISTS)
    names = [tag("span", f"{name} ", tag("b", f"{count:,}")) for name, count in shown]
    known = f"{len(artists):,} known artist{'s' * (len(artists) != 1)}"
    of = f" of {', '.join(sites)}" if sites else ""
    words = f"{faces:,} faces from {pictures:,} pictures{of} by {known}. The pictures belong to those who drew them."
    if len(artists) > len(shown):
        words += f" The {len(shown)} with the most are shown."
    where = tag("p", tag("code", PAGE), " and ", tag("code", TABLE), " beside this page name every picture.")
    return tag("div", title, tag("p", words), tag("div", *names, class_="tags") if names else "", where, class_="card")


@lru_cache(maxsize=4)
def tally(table: Path, changed: int) -> tuple[int, int, Counter[str], list[str]]:
    """Pictures, faces, pictures by artist, sites."""
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    counts = [row.get("faces") or "" for row in rows]
    faces = sum(int(count) for count in counts if re.fullmatch("[0-9]{1,9}", count))
    artists = Counter(row["artist"] for row in rows if row.get("artist"))
    return len(rows), faces, artists, sorted({row["site"] for row in rows if row.get("site")})[:SITES]
