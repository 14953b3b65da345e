"""What a run was made with and from: the recipe, the machine, the faces and who drew them."""

import csv
import html
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

import yaml

from eshi.ground.figures import human
from eshi.run.logbook import Row, number


def made_of(folder: Path, rows: list[Row]) -> str:
    """What it was made with, and from."""
    return (
        f"<section><div class=grid><div class=card><h2>Recipe</h2>{recipe(folder)}</div>"
        f"<div class='column short'>{machine(rows)}{credited(folder)}</div></div></section>"
    )


def recipe(folder: Path) -> str:
    text, about = (folder / "recipe.yaml").read_text(encoding="utf-8", errors="replace"), ""
    try:
        values = yaml.safe_load(text)
        about = str(values.pop("about", "")).strip()
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    except (yaml.YAMLError, AttributeError):
        pass  # shown as it stands
    title, _, more = html.escape(about).partition("\n")
    keys = re.sub(r"^( *)(\w+):", r"\1<b>\2</b>:", html.escape(text.strip()), flags=re.MULTILINE)
    sections = "".join(f"<span>{section}</span>" for section in re.split(r"\n(?! )", keys))
    return f"<p>{title}</p><p>{more}</p><pre>{sections}</pre>"


def machine(rows: list[Row]) -> str:
    starts = [row for row in rows if row.get("event") == "started"]
    if not starts:
        return ""
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
    items = "".join(f"<dt>{key}</dt><dd>{html.escape(str(value))}</dd>" for key, value in facts.items() if value)
    return f"<div class=card><h2>Machine and faces</h2><dl>{items}</dl></div>"


def credited(folder: Path) -> str:
    title = "<div class=card><h2>Credits of the data</h2>"
    table = folder / "CREDITS.csv"
    if not table.exists():
        return f"{title}<p>None: the faces of this run had no catalogue that says where they came from.</p></div>"
    pictures, faces, artists, sites = tally(table, table.stat().st_mtime_ns)
    shown = artists.most_common(24)
    names = "".join(f"<span>{html.escape(name)} <b>{count:,}</b></span>" for name, count in shown)
    more = f" The {len(shown)} with the most are shown." if len(artists) > len(shown) else ""
    known = f"{len(artists):,} known artist{'s' * (len(artists) != 1)}"
    of = f" of {html.escape(', '.join(sites))}" if sites else ""
    return (
        f"{title}<p>{faces:,} faces from {pictures:,} pictures{of} by {known}. The pictures "
        f"belong to those who drew them.{more}</p><div class=tags>{names}</div>"
        "<p><code>CREDITS.md</code> and <code>CREDITS.csv</code> beside this page name every picture.</p></div>"
    )


@lru_cache(maxsize=4)
def tally(table: Path, changed: int) -> tuple[int, int, Counter[str], list[str]]:
    """Pictures, faces, pictures by artist, sites."""
    with table.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    faces = sum(int(row["faces"]) for row in rows if (row.get("faces") or "").isdigit())
    artists = Counter(row["artist"] for row in rows if row.get("artist"))
    return len(rows), faces, artists, sorted({row["site"] for row in rows if row.get("site")})
