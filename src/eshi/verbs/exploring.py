"""What a trained run can be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from eshi.ground.errors import EshiError
from eshi.verbs.gallery import (
    PAINTED,
    Bare,
    Face,
    Force,
    Out,
    Pixels,
    Run,
    Scale,
    Smooth,
    With,
    beside,
    granted,
    hang,
    numbers,
    points,
    said,
    sheet,
    style,
    wishes,
)
from eshi.verbs.verb import About, settings, verb


@dataclass
class Swept:
    """`images` (rows, steps, H, W, 3): a row is one of `dims`, moved over its range; `effects` in pixel levels. Of an
    attribute there are no `dims`: a row is a face, and behind the first picture the `labels` are its values."""

    out: Path | None
    dims: list[int]
    effects: list[float]
    labels: list[str]
    images: Pixels
    sheet: Pixels

    def text(self) -> str:
        if not self.dims:
            return f"{self.out or 'not written'}\n  {', '.join(self.labels)}"
        told = dict(zip(self.dims, zip(self.effects, self.labels, strict=True), strict=True))
        lines = [f"  {dim:>4}  {effect:5.1f} levels  {label}" for dim, (effect, label) in told.items()]
        return "\n".join([str(self.out or "not written"), *lines])


@verb("explore", "eshi sweep runs/first --dims 3,12,40")
def sweep(
    run: Run = PAINTED,
    *,
    dims: Annotated[
        int | str | Sequence[int],
        About(
            "coordinates: 12 or 3,12,40; auto: those that change most; hair: a label that it learned",
            flag="--dim --dims",
            metavar="DIMS",
        ),
    ] = "auto",
    seed: Annotated[
        Face | Sequence[Face],
        About("the faces it begins from: 7, 7,8 or names", flag="--seeds --seed", metavar="FACES"),
    ] = 0,
    steps: Annotated[int, About("pictures a row")] = 20,
    rows: Annotated[int, About("with auto: so many coordinates")] = 8,
    labels: With = (),
    out: Out = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Swept:
    """move one latent coordinate at a time, a row each"""
    from eshi.explore import sweep, values

    shown, asked = style(scale, smooth, bare), wishes(labels)
    who = granted(run, asked)
    if isinstance(dims, str) and (dims in who.attributes or (who.attributes and dims.isalpha() and dims != "auto")):
        told = values(who, dims, points(seed))
        where = sheet(
            told.sheet(shown), run, out, "sweep", f"seed{said(seed)}", dims, *settings(asked), style=shown, force=force
        )
        return Swept(where, [], [], told.values, told.images, told.sheet(shown))
    chosen: Any = "auto" if isinstance(dims, str) and dims == "auto" else numbers(dims, "--dims")
    found = sweep(who, chosen, points(seed), steps, rows)
    picture = found.sheet(shown)
    what = "auto" if chosen == "auto" else "dims" + ",".join(map(str, chosen))
    where = sheet(picture, run, out, "sweep", f"seed{said(seed)}", what, *settings(asked), style=shown, force=force)
    return Swept(where, found.dims, found.effects, found.labels, found.images, picture)


@dataclass
class Walked:
    """`smoothness` is the largest step over the mean, in `measured_by`: 1 is even, more is a jump."""

    out: Path | None
    smoothness: float
    measured_by: str
    images: Pixels
    latents: Pixels

    def text(self) -> str:
        step = f"largest step {self.smoothness:.2f} x the mean, by {self.measured_by}"
        return f"{len(self.images)} frames in {self.out or 'memory'}\n  {step}"


@verb("explore", "eshi walk runs/first --seeds 1,2,miku --even -o walk.webp")
def walk(
    run: Run = PAINTED,
    *,
    seeds: Annotated[
        Face | Sequence[Face], About("the faces on the way: seeds, names or .npy files", metavar="FACES")
    ] = (1, 2, 3),
    frames: Annotated[int, About("pictures in all")] = 60,
    loop: Annotated[bool, About("back to the first")] = False,
    spherical: Annotated[bool, About("on the sphere, as for every normal prior")] = False,
    even: Annotated[bool, About("every step looks equally long")] = False,
    seconds: Annotated[float, About("a frame")] = 0.08,
    labels: With = (),
    out: Annotated[
        Path | str | None,
        About("the film: .webp, .gif or .mp4; or a sheet: .png", "RUN/drawn/...webp", "-o --out", "FILE"),
    ] = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    force: Force = False,
) -> Walked:
    """walk through the latent space from face to face: a GIF, WebP or MP4"""
    shown = style(scale, smooth)
    asked = wishes(labels)
    words = ["walk", said(seeds), *["loop"] * loop, *["even"] * even, *settings(asked), *shown.said]
    where = beside(run, out, *words, suffix=".webp")
    if where and where.suffix.lower() not in (".webp", ".gif", ".mp4", ".png"):
        raise EshiError(f"cannot make a film of {where}", "name it .webp, .gif or .mp4; a sheet of its frames: .png")
    if seconds <= 0:
        raise EshiError(f"a frame cannot last {seconds:g} seconds", "--seconds 0.08 is usual")

    from eshi.explore import film, walk
    from eshi.ground import image

    found = walk(granted(run, asked), points(seeds), frames, loop, spherical or None, even)

    def write(file: Path) -> Path:
        if file.suffix.lower() == ".png":
            return image.save(image.sheet(shown.enlarged(found.images)), file)
        return film(shown.enlarged(found.images), file, seconds)

    hung = hang(write, where, force, out is not None)
    return Walked(hung, found.smoothness, found.measured_by, found.images, found.latents)


@dataclass
class Mixed:
    """`image` is drawn by `latent`, which is the result of the expression."""

    out: Path | None
    latent: Pixels
    image: Pixels
    sheet: Pixels

    def text(self) -> str:
        return str(self.out or "not written")


@verb("explore", 'eshi mix runs/first "mean(1,2,3) - mean(4,5,6) + miku"')
def mix(
    run: Run,
    expression: Annotated[str, About("seeds, names, .npy files; + - * ( ) and mean(...)")],
    *,
    noise: Annotated[float, About("around the result, as in the paper")] = 0.25,
    seed: Annotated[int, About("of that noise")] = 0,
    labels: With = (),
    out: Out = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Mixed:
    """vector arithmetic on faces: "mean(1,2,3) - mean(4,5,6) + miku" """
    from eshi.explore import mix

    shown, asked = style(scale, smooth, bare), wishes(labels)
    found = mix(granted(run, asked), expression, noise, seed)
    picture = found.sheet(shown)
    where = sheet(picture, run, out, "mix", expression, *settings(asked), style=shown, force=force)
    return Mixed(where, found.latent, found.image, picture)


@dataclass
class Directed:
    """By a direction's name: its kind, the measure it moves, and how well one tells the other. `vectors` (K, latent)
    in the same order, each of length 1."""

    out: Path | None
    kinds: dict[str, str]
    attributes: dict[str, str]
    correlations: dict[str, float]
    vectors: Pixels
    sheet: Pixels

    def text(self) -> str:
        rows = (
            f"  {name:<12} {self.kinds[name]:<9} {self.attributes[name]:<12} r {r:+.2f}"
            for name, r in self.correlations.items()
        )
        return "\n".join([str(self.out or "not written"), *rows])


@verb("explore", "eshi directions runs/first")
def directions(
    run: Run = PAINTED,
    *,
    count: Annotated[int, About("drawings to learn from")] = 2000,
    labels: Annotated[
        Path | str | None,
        About("faces that eshi label knows: a direction for each value, too", "none", metavar="FACES"),
    ] = None,
    seed: Annotated[Face, About("the face that the sheet shows", metavar="FACE")] = 7,
    out: Out = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Directed:
    """find directions that mean something: hair, eyes, smile ...; kept with the run"""
    from eshi.artist import Artist
    from eshi.explore import by_labels, directions

    shown = style(scale, smooth, bare)
    who = Artist.of(run)
    face = who.latents([seed])  # a name that is none shows before the work
    told = by_labels(labels, who.recipe.width_height) if labels is not None else None
    found = directions(who, count, labels=told)
    picture = found.sheet(who, face, style=shown)
    kinds, attributes = (dict(zip(found.names, words, strict=True)) for words in (found.kinds, found.attributes))
    correlations = dict(zip(found.names, found.correlations, strict=True))
    where = sheet(picture, run, out, "directions", f"seed{said(seed)}", style=shown, force=force)
    return Directed(where, kinds, attributes, correlations, found.vectors, picture)


@dataclass
class Edited:
    """`images` lead from the face as it was to the face as it is; `changed` holds each measure before and after."""

    out: Path | None
    latent: Pixels
    changed: dict[str, tuple[float, float]]
    images: Pixels

    def text(self) -> str:
        rows = (f"  {name:<12} {before:8.2f} -> {after:8.2f}" for name, (before, after) in self.changed.items())
        return "\n".join([str(self.out or "not written"), *rows])


@verb("explore", "eshi edit runs/first --seed miku --set hair=pink --set smile=+2")
def edit(
    run: Run = PAINTED,
    *,
    seed: Annotated[Face, About("the face: a seed, a name or a .npy file", metavar="FACE")] = 0,
    set: Annotated[
        Sequence[str] | Mapping[str, str | float],
        About("a label that it learned, a colour or an amount", metavar="what=value", many=True),
    ] = (),
    labels: With = (),
    steps: Annotated[int, About("pictures from before to after")] = 7,
    out: Out = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Edited:
    """change a face along known directions: --set hair=pink --set smile=+2"""
    from eshi.explore import edit

    shown = style(scale, smooth, bare)
    changes, asked = wishes(set, "--set"), wishes(labels)
    found = edit(granted(run, asked), seed, changes, steps=steps)
    where = sheet(
        found.sheet(shown), run, out, "edit", said(seed), *settings(asked), *settings(changes), style=shown, force=force
    )
    return Edited(where, found.latent, found.changed, found.images)


@dataclass
class Projected:
    """`image` is drawn by `latent`, which is kept in the file `file`; `error` is its mean distance from the face, in
    pixel levels (0 to 255)."""

    out: Path | None
    file: Path | None
    error: float
    latent: Pixels
    image: Pixels
    cut: tuple[int, int, int] | None  # (left, top, side) of the face in a larger picture
    sheet: Pixels

    def text(self) -> str:
        lines = [f"  {self.error:.1f} of 255 levels from it on average"]
        lines += [f"  its latent: {self.file}"] if self.file else []
        return "\n".join([str(self.out or "not written"), *lines])


@verb("explore", "eshi project runs/first photo.png")
def project(
    run: Run,
    face: Annotated[Path | str | Pixels, About("a picture with a face in it")],
    *,
    steps: Annotated[int, About("of descent")] = 300,
    restarts: Annotated[int, About("how many beginnings")] = 4,
    seed: Annotated[int, About("of the beginnings")] = 0,
    out: Out = None,
    scale: Scale = 1,
    smooth: Smooth = False,
    bare: Bare = False,
    force: Force = False,
) -> Projected:
    """find the latent whose drawing is closest to a given face"""
    from eshi.explore import project, store

    shown = style(scale, smooth, bare)
    found = project(run, face, steps, restarts, seed)
    stem = Path(face).stem if isinstance(face, str | Path) else "face"
    latent = hang(lambda file: store(found.latent, file), beside(run, None, stem, suffix=".npy"))
    picture = found.sheet(shown)
    where = sheet(picture, run, out, "project", stem, style=shown, force=force)
    return Projected(where, latent, found.error, found.latent, found.image, found.cut, picture)


@dataclass
class Favourites:
    """Name -> seed or latent."""

    favourites: dict[str, int | list[float]]

    def text(self) -> str:
        known = self.favourites.items()
        lines = [f"{name:<16} {value if isinstance(value, int) else 'a latent'}" for name, value in known]
        return "\n".join(lines) or "no favourites yet"


@verb("explore", "eshi favourites runs/first add 7 --name miku")
def favourites(
    run: Annotated[Path | str, About("a run folder, or painted")] = PAINTED,
    what: Annotated[Literal["list", "add", "drop"], About("what to do with them")] = "list",
    face: Annotated[Face | None, About("to add: a seed or a .npy file")] = None,
    *,
    name: Annotated[str | None, About("one word")] = None,
) -> Favourites:
    """names for faces, usable wherever a seed is: list, add SEED --name NAME, drop --name NAME"""
    from eshi.explore import add_favourite, drop_favourite, favourites

    if what != "list" and not name:
        raise EshiError(f"{what} needs a --name", "eshi favourites RUN add 7 --name miku; drop --name miku")
    if what == "add" and face is None:
        raise EshiError("add needs a face", "a seed or a .npy file: eshi favourites RUN add 7 --name miku")
    if what == "add" and name and face is not None:
        add_favourite(run, face, name)
    elif what == "drop" and name:
        drop_favourite(run, name)
    return Favourites(favourites(run))
