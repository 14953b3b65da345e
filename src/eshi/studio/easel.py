"""The drawing room: faces by number, changed by sliders, walked between, mixed, found again from a picture."""

import io
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from eshi.ground import image
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.ground.schema import Form, Range
from eshi.studio.ask import Answer, Changes, Latent, bundle, route
from eshi.studio.state import Studio
from eshi.studio.trainings import run_of
from eshi.verbs import drawing, exploring

if TYPE_CHECKING:
    import torch

    from eshi.artist import Artist

UPLOAD = 20_000_000  # bytes of a picture to project
POINT = re.compile(r"\s*([^\W\d]\w{0,80}|\d{1,19})\s*")  # a favourite's name or a seed; never a file
POINTS = 24
FORMS = {"png": "image/png", "zip": "application/zip", "webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4"}
What = Annotated[str, Form("draw|sweep|walk|mix", "something to keep", "draw, sweep, walk or mix")]
Count = Annotated[int, Range(1, 256)]
Seed = Annotated[int, Range(0, below=2**63)]
Search = Annotated[int, Range(0, 4096)]
Steps = Annotated[int, Range(2, 40)]
Frames = Annotated[int, Range(2, 240)]
Spread = Annotated[float, Range(0, 4)]
Amount = Annotated[float, Range(0, 10)]


def points(text: str) -> list[str]:
    """Seeds and names, separated by commas. A file would be read wherever it lies."""
    found = [POINT.fullmatch(word) for word in text.split(",")]
    if not all(found) or len(found) > POINTS:
        raise EshiError(f"'{printable(text[:80])}' are no faces", f"at most {POINTS} seeds or names: 1,2,miku")
    return [one.group(1) for one in found if one]


def pngs(images: np.ndarray) -> list[bytes]:
    return [image.encode(one, "png", compress_level=1) for one in images]


@route("GET", "/api/draw/about")
def about(studio: Studio, at: str) -> Any:
    """what a run can be asked: its step, size, latent, directions, favourites"""
    run_of(studio, at)
    from eshi.explore.directions import TYPICAL, saved
    from eshi.explore.measures import COLOURS

    with studio.artist(at) as who:
        wishes = dict(who.attributes)
        try:
            found = saved(who)
            rows = zip(found.names, found.kinds, found.attributes, found.correlations, strict=True)
            directions = [
                {"name": n, "kind": k, "attribute": a, "r": round(r, 2), "coloured": n in found.colours}
                for n, k, a, r in rows
            ]
            stale = found.images != who.images
            wishes |= {TYPICAL: list(found.degrees)} if found.degrees else {}
        except EshiError:
            directions, stale = [], False
        return {
            "at": at,
            "step": who.step_name,
            "size": who.recipe.width_height,
            "latent": who.G.latent,
            "ends": who.G.prior.ends,
            "directions": directions,
            "stale": stale,
            "favourites": list(who.favourites()),
            "colours": list(COLOURS),
            "attributes": who.attributes,
            "wishes": wishes,
        }


@route("GET", "/api/draw")
def draw(
    studio: Studio, at: str, seed: Seed = 0, count: Count = 24, search: Search = 0, std: Spread = 1.0,
    faces: str = "", asked: str = "",
) -> Answer:  # fmt: skip
    """drawings by number, or the best of many; faces=1,2,miku draws just these; asked=hair=pink,glasses=yes"""
    run_of(studio, at)
    from eshi.artist import draw

    with studio.artist(at, asked) as who:
        found = draw(who, count, seed, search, 0.0, std, points(faces) if faces else ())
        facts = {"numbers": found.numbers, "scores": found.scores, "step": who.step_name, "kind": "image/png"}
    return bundle(facts, pngs(found.images))


@route("POST", "/api/draw/face")
def face(
    studio: Studio,
    at: str,
    point: str = "0",
    latent: Latent | None = None,
    dims: Changes = {},  # noqa: B006
    edits: Changes = {},  # noqa: B006
    asked: str = "",
) -> Answer:
    """one face: a seed, a name or a latent, with coordinates set (dims), directions gone along (edits), and asked for
    what the run learned from labels; the latent that is told shows all of it"""
    run_of(studio, at)
    with studio.artist(at, asked) as who:
        z = moved(who, point, latent, dims, edits)[None]
        return bundle({"latent": who.wishing(z)[0].tolist(), "kind": "image/png"}, pngs(who.render(z)))


def moved(who: "Artist", point: str, latent: Sequence[float] | None, dims: Changes, edits: Changes) -> "torch.Tensor":
    from eshi.artist.points import fitting
    from eshi.explore.directions import saved
    from eshi.explore.edit import moved as along
    from eshi.explore.edit import wanted

    z = who.latent(points(point)[0]) if latent is None else fitting(np.array(latent), who.G.latent, "the latent")
    z = z.clone()
    for dim, value in dims.items():
        if not (dim.isdecimal() and len(dim) < 6 and int(dim) < len(z)) or isinstance(value, str):
            raise EshiError(f"there is no coordinate {printable(dim)}", f"this G has {len(z)}: 0 to {len(z) - 1}")
        z[int(dim)] = float(value)
    if edits:
        found = saved(who)
        z = along(who, z, found, {name: wanted(found, name, value) for name, value in edits.items()})
    return z


@route("GET", "/api/draw/sweep")
def sweep(
    studio: Studio,
    at: str,
    seed: str = "0",
    dims: str = "auto",
    steps: Steps = 9,
    rows: Annotated[int, Range(1, 16)] = 8,
    asked: str = "",
) -> Answer:
    """one coordinate at a time moved over its range, a row each; dims=3,12 or auto, or hair: through all its values"""
    run_of(studio, at)
    from eshi.explore import sweep, values

    with studio.artist(at, asked) as who:
        point: list[Any] = points(seed)[:1]
        if dims in who.attributes:
            every = values(who, dims, point)
            told = {"attribute": dims, "values": every.values, "kind": "image/png"}
            return bundle(told, pngs(every.images[0, 1:]))
        chosen: Any = "auto" if dims == "auto" else [int(p) for p in points(dims) if p.isdecimal()][:16]
        found = sweep(who, chosen, point, steps, rows)
    facts = {
        "dims": found.dims,
        "labels": found.labels,
        "effects": found.effects,
        "values": found.values.tolist(),
        "kind": "image/png",
    }
    return bundle(facts, pngs(found.images.reshape(-1, *found.images.shape[2:])))


@route("GET", "/api/draw/walk")
def walk(
    studio: Studio, at: str, seeds: str = "1,2,3", frames: Frames = 48, loop: bool = False, even: bool = False,
    asked: str = "",
) -> Answer:  # fmt: skip
    """a film from face to face"""
    run_of(studio, at)
    from eshi.explore import walk

    with studio.artist(at, asked) as who:
        found = walk(who, list(points(seeds)), frames, loop, None, even)
    facts = {"smoothness": found.smoothness, "measured_by": found.measured_by, "kind": "image/jpeg"}
    return bundle(facts, [image.encode(one, "jpeg", quality=90) for one in found.images])


@route("GET", "/api/draw/mix")
def mix(studio: Studio, at: str, expression: str, noise: Amount = 0.25, asked: str = "") -> Answer:
    """arithmetic on faces: mean(1,2,3) - mean(4,5,6) + miku; nine pictures, the result in the middle"""
    run_of(studio, at)
    from eshi.explore import mix

    with studio.artist(at, asked) as who:
        found = mix(who, arithmetic(expression), noise)
    return bundle({"latent": found.latent.tolist(), "kind": "image/png"}, pngs(found.around))


def arithmetic(expression: str) -> str:
    """Without files, which would be read wherever they lie."""
    if re.search(r"[/\\'\"~:]|\.[^\W\d]", expression) or len(expression) > 400:
        raise EshiError("only numbers and names can be mixed here", "for example mean(1,2,3) - mean(4,5,6) + miku")
    return expression


@route("POST", "/api/draw/directions")
def directions(studio: Studio, at: str, count: Annotated[int, Range(100, 10_000)] = 2000) -> Any:
    """find directions that mean something; a job, whose result is kept with the run"""
    folder = run_of(studio, at)

    def work() -> Any:
        from eshi.artist import Artist
        from eshi.explore import directions

        return {"names": directions(Artist.load(folder), count).names}

    return studio.jobs.add(f"directions of {at}", "/draw", work)


@route("POST", "/api/draw/project", largest=UPLOAD)
def project(
    studio: Studio,
    at: str,
    picture: bytes,
    steps: Annotated[int, Range(1, 1000)] = 200,
    restarts: Annotated[int, Range(1, 8)] = 3,
) -> Any:
    """find the latent nearest to an uploaded picture, whose face is found and cropped first; a job, whose result is a
    bundle: the face, what was found, and the way there"""
    folder = run_of(studio, at)
    try:
        with image.opened(io.BytesIO(picture)) as opened:
            opened.load()  # what is no picture shows now, and not in its turn
    except image.Unreadable as error:
        raise EshiError(
            f"that is no picture that can be read: {error}", "a PNG, JPEG or WebP with a face in it"
        ) from error

    def work() -> Answer:
        from eshi.artist import Artist
        from eshi.explore import project

        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "the picture"
            file.write_bytes(picture)
            found = project(Artist.load(folder), file, steps, restarts)
        facts = {"latent": found.latent.tolist(), "error": found.error, "cut": found.cut, "kind": "image/png"}
        return bundle(facts, pngs(np.concatenate([[found.target, found.image], found.path])))

    return studio.jobs.add(f"projection onto {at}", "/draw", work)


@route("POST", "/api/draw/favourite")
def favourite(
    studio: Studio, at: str, name: str, point: str = "", latent: Latent | None = None, drop: bool = False
) -> Any:
    """give a face a name, usable wherever a number is; or drop a name"""
    from eshi.explore import add_favourite, drop_favourite, favourites

    folder = run_of(studio, at)
    if drop:
        drop_favourite(folder, name)
    else:
        with studio.artist(at) as who:
            add_favourite(who, points(point)[0] if latent is None else np.array(latent, np.float32), name)
    return {"favourites": list(favourites(folder))}


@route("GET", "/api/draw/file")
def file(
    studio: Studio,
    at: str,
    what: What = "draw",
    form: str = "png",
    seed: str = "0",
    count: Count = 64,
    search: Search = 0,
    std: Spread = 1.0,
    dims: str = "auto",
    steps: Steps = 12,
    frames: Frames = 60,
    loop: bool = False,
    even: bool = False,
    expression: str = "1",
    asked: str = "",
) -> Answer:
    """a file to keep, as the command of that name writes it: png, zip of single pngs, webp, gif, mp4"""
    if form not in FORMS:
        raise EshiError(f"there is no form {printable(form)}", f"one of: {', '.join(FORMS)}")
    run_of(studio, at)
    with studio.artist(at, asked) as who, tempfile.TemporaryDirectory() as place:
        out = Path(place) / f"{what}.{form}"
        if what == "walk":
            exploring.walk(who, seeds=points(seed), frames=frames, loop=loop, even=even, out=out)
        elif what == "sweep":
            chosen = dims if dims == "auto" else ",".join(points(dims))
            exploring.sweep(who, dims=chosen, seed=points(seed)[0], steps=steps, out=picture_file(out))
        elif what == "mix":
            exploring.mix(who, arithmetic(expression), out=picture_file(out))
        elif form == "zip":
            drawing.draw(
                who, count=count, seed=",".join(points(seed)), search=search, std=std, single=Path(place) / "single"
            )
            out.write_bytes(zipped(Path(place) / "single"))
        else:
            drawing.draw(who, count=count, seed=",".join(points(seed)), search=search, std=std, out=picture_file(out))
        name = f"{Path(at).name}-{what}-{seed if what != 'mix' else expression}.{form}"
        return Answer(out.read_bytes(), FORMS[form], name)


def picture_file(out: Path) -> Path:
    if out.suffix not in (".png", ".webp"):
        raise EshiError(f"a sheet is no {out.suffix.lstrip('.')}", "png or webp; a walk can be a film")
    return out


def zipped(folder: Path) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, one.name)
    return memory.getvalue()


@route("POST", "/api/draw/npy")
def npy(studio: Studio, latent: Latent) -> Answer:
    """a latent as the .npy file that every verb takes for a face"""
    memory = io.BytesIO()
    np.save(memory, np.array(latent, np.float32))
    return Answer(memory.getvalue(), "application/octet-stream", "latent.npy")
