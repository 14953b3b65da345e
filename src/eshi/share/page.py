"""A page that draws: one HTML file with G, a runtime and what is known of it, which a double click opens anywhere."""

import base64
import colorsys
import csv
import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np

import eshi
from eshi.artist import Artist, render
from eshi.explore.directions import KEPT, TOLD, TYPICAL, Directions, saved
from eshi.explore.measures import COLOURED, COLOURS
from eshi.gather.credits import TABLE
from eshi.ground import files
from eshi.ground.errors import EshiError
from eshi.ground.figures import measured
from eshi.networks.prior import PRIORS
from eshi.pages.labels import COLOURS as COLOURED_WORDS
from eshi.pages.origin import tally
from eshi.pages.page import escaped
from eshi.run import logbook
from eshi.run.logbook import Row
from eshi.share.facts import facts
from eshi.share.packed import packed
from eshi.share.plan import Plan, compiled

SUFFIX = ".html"
BROWSER = Path(__file__).parent / "browser"
SCRIPTS = (  # each uses those before it
    "store", "words", "numbers", "latent", "wish", "painter", "picture", "gif", "film", "colour", "face",
    "stage", "grid", "wall", "pick", "shape", "asking", "blend", "gallery", "about", "main",
)  # fmt: skip
CHECKED = 32  # latents that must look as torch draws them before the page is written
WITHIN = {16: 2.0, 8: 4.0}  # levels of 255: the largest difference at 16 bits, the mean at 8
NAMED = 2_000  # artists, favourites
WORDS = 200_000  # characters of credits that came as text


def write(artist: Artist, out: Path, bits: Literal[16, 8] = 16, title: str = "") -> str:
    """`bits` of a weight: 8 make the file half as large and the faces a little coarser."""
    G = artist.G
    if G.prior.name not in PRIORS:
        raise EshiError(f"the page knows no prior '{G.prior.name}'", f"there are: {', '.join(PRIORS)}")
    plan = compiled(G, G.latent, G.size)
    told, weights, rounded = packed(plan, bits)
    off, known, found = compared(artist, rounded, bits), facts(artist), learned(artist)
    name = title or called(artist)
    model = {
        "id": identity(plan),
        "file": re.sub(r"[^\w-]+", "-", name).strip("-")[:60] or "face",
        "plan": told | {"macs": plan.macs()},
        "prior": {key: getattr(G.prior, key) for key in ("name", "mean", "deviation", "ends")},
        "about": artist.recipe.about.strip(),
        "recipe": dataclasses.replace(artist.recipe, about="").yaml(),
        "favourites": favourites(artist),
        "facts": {
            "made": f"eshi {eshi.__version__} · {artist.recipe.name} · {artist.step_name}",
            "scores": scores(known.scores),
        },
        "credits": credits(artist.home, known.credits),
        "words": [*words(artist), *likenesses(artist, found)],
        **named(found),
    }
    files.write(out, html(name, model, weights))
    return off


def identity(plan: Plan) -> str:
    """Of the generator, however finely its weights are kept: links and galleries belong to it."""
    known = hashlib.sha256()
    for step in plan.steps:
        for matrix in step.matrices():
            known.update(matrix.astype("<f4").tobytes())
    return known.hexdigest()[:8]


def called(artist: Artist) -> str:
    """By its folder; one that is only called run, as the demo's, by the folder around it."""
    names = [*artist.home.resolve().parts[-2:]][::-1] if artist.home else []
    return next((name for name in names if name not in ("run", "/")), artist.recipe.name)


def compared(artist: Artist, plan: Plan, bits: int) -> str:
    """How far what the page will draw lies from what torch draws. Too far, and there is no page."""
    z = artist.latents(range(CHECKED))
    off = np.abs(plan.draw(z.numpy()).astype(int) - render(artist.G, z))
    found = float(off.max() if bits == 16 else off.mean())
    what = f"{'at most' if bits == 16 else 'on average'} {found:.2g} of 255 levels from torch's"
    if not found <= WITHIN[bits]:
        hint = "16 bits are finer: bits=16" if bits == 8 else "its weights lie too far apart to be rounded; tell us"
        raise EshiError(f"the page's faces would lie {what}", hint, 1)
    return f"{bits} bits, {what}"


def favourites(artist: Artist) -> list[dict[str, Any]]:
    names = list(artist.favourites())[:NAMED]
    return [{"name": name, "z": rows(artist.latent(name).numpy())} for name in names]


def learned(artist: Artist) -> Directions:
    """What the run's folder holds or comes along, or nothing."""
    if artist.home and (artist.shipped or (artist.home / KEPT).is_file()):
        return saved(artist)
    return Directions([], [], np.zeros((0, artist.G.latent), np.float32), [], [])


def named(found: Directions) -> dict[str, Any]:
    """Directions, and how hair and eyes come to a colour."""
    moved = (
        attribute if abs(r) > TOLD else "" for attribute, r in zip(found.attributes, found.correlations, strict=True)
    )
    found_out = zip(found.names, found.kinds, found.vectors, moved, strict=True)
    directions = [one for one in found_out if np.linalg.norm(one[2]) > 0.5]  # one of length 0 moves nothing
    there = COLOURED.keys() & {one[0] for one in directions}
    colours = {name: slope for name, slope in found.colours.items() if name in there}
    return {
        "directions": [
            {"name": name, "kind": kind, "vector": rows(vector), "moves": moves}
            for name, kind, vector, moves in directions
        ],
        "slopes": {name: rows(slope) for name, slope in colours.items()},
        "colours": {name: rows(np.linalg.pinv(slope, rcond=0.05)) for name, slope in colours.items()},
        "palette": dict(sorted(COLOURS.items(), key=lambda one: hue(one[1]))) if colours else {},
    }


def likenesses(artist: Artist, found: Directions) -> list[dict[str, Any]]:
    """How all faces can be asked to be more typical. Sides of a cube stop the command, and a word would not stop."""
    degrees = found.degrees if artist.G.prior.name == "normal" else {}
    return [
        {
            "attribute": TYPICAL, "value": value, "colour": None, "share": 0.0,
            "vector": rows(found.vector(TYPICAL) * amount * artist.G.prior.deviation),
        }
        for value, amount in degrees.items()
    ]  # fmt: skip


def words(artist: Artist) -> list[dict[str, Any]]:
    """What can be asked for: how each word moves a latent, the colour that it names, where it names one, and how often
    it is there by chance."""
    found, labels = [], artist.recipe.labels
    for (word, way), share in zip(artist.ways.items(), labels.chances if labels else (), strict=True):
        attribute, _, value = word.partition("=")
        colour = COLOURED_WORDS.get(value)
        its = {"attribute": attribute, "value": value, "vector": rows(way.numpy()), "colour": colour, "share": share}
        found.append(its)
    return found


def hue(rgb: tuple[int, int, int]) -> tuple[bool, float]:
    """An order for the eye: the rainbow, then what is nearly grey from dark to light."""
    turn, lightness, saturation = colorsys.rgb_to_hls(*(value / 255 for value in rgb))
    grey = saturation < 0.25 or lightness > 0.9
    return grey, lightness if grey else turn


def rows(numbers: np.ndarray) -> list[Any]:
    """Six digits, of which a float has no more."""
    rounded = [float(f"{number:.6g}") for number in numbers.ravel()]
    return list(np.reshape(rounded, numbers.shape).tolist())


def scores(row: Row) -> list[str]:
    """Of the step that draws, and what it was measured against; none where nobody judged it."""
    value = logbook.score(row) if row else None
    if value is None:
        return []
    against = [f"against {row['against']}"] if row.get("against") else []
    return [f"{row['ranked_by']} {measured(value, logbook.noise(row))}", *against]


def credits(home: Path | None, text: str) -> dict[str, Any] | None:
    """The artists by the run's table; by the page of credits alone, where a file came with no more."""
    table = home / TABLE if home else None
    if table is None or not table.is_file():
        return {"text": text[:WORDS]} if text else None
    try:
        pictures, faces, artists, _ = tally(table, table.stat().st_mtime_ns)
    except (OSError, csv.Error) as error:
        raise EshiError(f"cannot read {table}: {error}", "make it anew: eshi faces FACES --credits", 1) from error
    unknown = pictures - sum(artists.values())
    listed = artists.most_common(NAMED) + ([("", unknown)] if unknown > 0 and artists else [])
    return {"faces": faces, "pictures": pictures, "artists": listed}


def html(title: str, model: dict[str, Any], weights: bytes) -> bytes:
    """Nothing but its own scripts can run in it, and nothing at all can be fetched or sent."""
    style, engine = text("page.css"), text("engine.js")
    script = "(() => {\n'use strict';\n" + "\n".join(text(f"{name}.js") for name in SCRIPTS) + "\n})();"
    policy = (
        f"default-src 'none'; script-src {hashed(engine)} {hashed(script)} 'wasm-unsafe-eval'; worker-src blob:; "
        f"style-src {hashed(style)}; img-src data: blob:; media-src blob:; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy, "title": escaped(title), "style": style, "engine": engine, "script": script,
        "model": json.dumps(model, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
        "kernel": base64.b64encode((BROWSER / "kernel.wasm").read_bytes()).decode(),
        "weights": base64.b64encode(weights).decode(),
    }  # fmt: skip
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], text("page.html")).encode()


def text(name: str) -> str:
    return (BROWSER / name).read_text(encoding="utf-8")


def hashed(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
