"""Verbs that ask a trained run what it knows."""

from pathlib import Path
from typing import Any

from eshi.cli.command import Arguments, Parser, Verb, show, verb
from eshi.ground.errors import EshiError


@verb
def sweep(parser: Parser) -> Verb:
    """move one latent coordinate at a time, a row each"""
    add_run(parser)
    parser.add_argument("--dims", "--dim", default="auto", help="auto, or coordinates: 12 or 3,12,40 (auto)")
    parser.add_argument("--seed", "--seeds", default="0", help="the faces it begins from: 7, 7,8 or names (0)")
    parser.add_argument("--steps", type=int, default=20, help="pictures a row (20)")
    parser.add_argument("--rows", type=int, default=8, help="with auto: so many coordinates (8)")

    def run(a: Arguments) -> None:
        from eshi.explore import sweep

        dims: Any = "auto" if a.dims == "auto" else numbers(a.dims, "--dims")
        found = sweep(a.run, dims, points(a.seed), a.steps, a.rows)
        lines = [f"  {dim:>4}  {effect:5.1f} levels  {label}" for dim, effect, label in labelled(found)]
        finish(a, found.sheet(), "sweep", lines, dims=found.dims, effects=found.effects, labels=found.labels)

    return run


def labelled(found: Any) -> list[tuple[int, float, str]]:
    rows = dict(zip(found.dims, zip(found.effects, found.labels, strict=True), strict=True))
    return [(dim, effect, label) for dim, (effect, label) in rows.items()]


@verb
def walk(parser: Parser) -> Verb:
    """walk through the latent space from face to face: a GIF, WebP or MP4"""
    add_run(parser)
    parser.add_argument("--seeds", default="1,2,3", help="the faces on the way: seeds, names or .npy files (1,2,3)")
    parser.add_argument("--frames", type=int, default=60, help="pictures in all (60)")
    parser.add_argument("--loop", action="store_true", help="back to the first")
    parser.add_argument("--spherical", action="store_true", help="on the sphere (as for every normal prior)")
    parser.add_argument("--even", action="store_true", help="every step looks equally long")
    parser.add_argument("--seconds", type=float, default=0.08, help="a frame (0.08)")

    def run(a: Arguments) -> None:
        from eshi.explore import film, walk
        from eshi.ground import image

        found = walk(a.run, points(a.seeds), a.frames, a.loop, a.spherical or None, a.even)
        out = a.out or drawn(a.run, f"walk-{a.seeds.replace(',', '-')}.webp")
        if out.suffix.lower() == ".png":
            image.save(image.sheet(found.images), out)
        else:
            film(found.images, out, a.seconds)
        step = f"largest step {found.smoothness:.2f} x the mean, by {found.measured_by}"
        text = f"{len(found.images)} frames in {out}\n  {step}"
        show(a, text, out=out, smoothness=found.smoothness)

    return run


@verb
def mix(parser: Parser) -> Verb:
    """vector arithmetic on faces: "mean(1,2,3) - mean(4,5,6) + miku" """
    add_run(parser)
    parser.add_argument("expression", help="seeds, names, .npy files; + - * ( ) and mean(...)")
    parser.add_argument("--noise", type=float, default=0.25, help="around the result, as in the paper (0.25)")
    parser.add_argument("--seed", type=int, default=0, help="of that noise (0)")

    def run(a: Arguments) -> None:
        from eshi.explore import mix

        found = mix(a.run, a.expression, a.noise, a.seed)
        finish(a, found.sheet(), "mix", [], latent=found.latent)

    return run


@verb
def directions(parser: Parser) -> Verb:
    """find directions that mean something: hair, eyes, smile ...; kept with the run"""
    add_run(parser)
    parser.add_argument("--count", type=int, default=2000, help="drawings to learn from (2000)")
    parser.add_argument("--seed", type=int, default=7, help="the face that the sheet shows (7)")

    def run(a: Arguments) -> None:
        from eshi.artist import Artist
        from eshi.explore import directions

        found = directions(a.run, a.count)
        who = Artist.load(a.run)
        rows = zip(found.names, found.kinds, found.attributes, found.correlations, strict=True)
        lines = [f"  {name:<12} {kind:<9} {attribute:<12} r {r:+.2f}" for name, kind, attribute, r in rows]
        correlations = dict(zip(found.names, found.correlations, strict=True))
        finish(a, found.sheet(who, who.G.draw(1, a.seed)), "directions", lines, correlations=correlations)

    return run


@verb
def edit(parser: Parser) -> Verb:
    """change a face along known directions: --set hair=pink --set smile=+2"""
    add_run(parser)
    parser.add_argument("--seed", default="0", help="the face: a seed, a name or a .npy file (0)")
    parser.add_argument("--set", action="append", default=[], metavar="what=value", help="a colour or an amount")
    parser.add_argument("--steps", type=int, default=7, help="pictures from before to after (7)")

    def run(a: Arguments) -> None:
        from eshi.explore import edit

        if wrong := [word for word in a.set if "=" not in word]:
            raise EshiError(f"--set {wrong[0]}: that is no what=value", "for example --set hair=pink --set smile=+2")
        changes: dict[str, Any] = dict(word.split("=", 1) for word in a.set)
        found = edit(a.run, a.seed, changes, steps=a.steps)
        lines = [f"  {name:<12} {before:8.2f} -> {after:8.2f}" for name, (before, after) in found.changed.items()]
        finish(a, found.sheet(), "edit", lines, latent=found.latent, changed=found.changed)

    return run


@verb
def project(parser: Parser) -> Verb:
    """find the latent whose drawing is closest to a given face"""
    add_run(parser)
    parser.add_argument("face", type=Path, help="a picture of a face")
    parser.add_argument("--steps", type=int, default=300, help="of descent (300)")
    parser.add_argument("--restarts", type=int, default=4, help="how many beginnings (4)")
    parser.add_argument("--seed", type=int, default=0, help="of the beginnings (0)")

    def run(a: Arguments) -> None:
        from eshi.explore import project, store

        found = project(a.run, a.face, a.steps, a.restarts, a.seed)
        latent = store(found.latent, drawn(a.run, f"{a.face.stem}.npy"))
        lines = [f"  {found.error:.1f} of 255 levels from it on average", f"  its latent: {latent}"]
        finish(a, found.sheet(), f"project-{a.face.stem}", lines, latent=latent, error=found.error)

    return run


@verb
def favourites(parser: Parser) -> Verb:
    """names for faces, usable wherever a seed is: list, add SEED --name NAME, drop --name NAME"""
    parser.add_argument("run", type=Path, help="a run folder")
    parser.add_argument("what", nargs="?", choices=("list", "add", "drop"), default="list")
    parser.add_argument("face", nargs="?", help="a seed or a .npy file")
    parser.add_argument("--name", help="one word")

    def run(a: Arguments) -> None:
        from eshi.explore import add_favourite, drop_favourite, favourites

        if (a.what != "list" and not a.name) or (a.what == "add" and not a.face):
            raise EshiError(f"{a.what} needs more", "eshi favourites RUN add 7 --name miku; drop --name miku")
        if a.what == "add":
            add_favourite(a.run, a.face, a.name)
        elif a.what == "drop":
            drop_favourite(a.run, a.name)
        known = favourites(a.run)
        lines = [f"{name:<16} {value if isinstance(value, int) else 'a latent'}" for name, value in known.items()]
        show(a, "\n".join(lines) or "no favourites yet", favourites=known)

    return run


@verb
def look(parser: Parser) -> Verb:
    """what the networks see: filters, activation maps, guided backpropagation, dropped maps of G"""
    add_run(parser)
    parser.add_argument("--seeds", default="0,1,2,3,4,5,6,7", help="the faces looked at (0 to 7)")
    parser.add_argument("--units", type=int, default=8, help="how many (8)")
    parser.add_argument("--layer", type=int, default=-2, help="of G, whose maps are dropped (-2)")
    parser.add_argument("--drop", help="maps to drop: 3,17 (those that tell most)")

    def run(a: Arguments) -> None:
        from eshi.explore import look
        from eshi.ground import image

        drop = numbers(a.drop, "--drop") if a.drop else None
        found = look(a.run, points(a.seeds), a.units, a.layer, drop)
        home = a.out or drawn(a.run, "look")
        sheets = [image.save(sheet, home / f"{name}.png") for name, sheet in found.sheets().items()]
        show(a, "\n".join(map(str, sheets)), out=sheets)

    return run


@verb
def transfer(parser: Parser) -> Verb:
    """D's features on labelled images: a linear SVM against raw pixels and a random D"""
    parser.add_argument("run", type=Path, help="a run folder or a checkpoint file")
    parser.add_argument("dataset", type=Path, help="images in class folders, or a zip of them")
    parser.add_argument("--splits", type=int, default=5, help="random splits (5)")
    parser.add_argument("--seed", type=int, default=0, help="of the splits (0)")

    def run(a: Arguments) -> None:
        from eshi.explore import transfer

        found = transfer(a.run, a.dataset, a.splits, seed=a.seed)
        show(a, found.table(), accuracy=found.accuracy)

    return run


def add_run(parser: Parser) -> None:
    parser.add_argument("run", type=Path, help="a run folder or a checkpoint file")
    parser.add_argument("-o", "--out", type=Path, help="where it goes (RUN/drawn/...)")


def points(text: str) -> list[Any]:
    """1,2,miku"""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str, where: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise EshiError(f"{where} {text}: these are no whole numbers", f"for example {where} 3,12,40") from error


def drawn(run: Path, name: str) -> Path:
    return (run if run.is_dir() else run.parent) / "drawn" / name


def finish(a: Arguments, sheet: Any, name: str, lines: list[str], **facts: Any) -> None:
    from eshi.ground import image

    out = image.save(sheet, a.out or drawn(a.run, f"{name}.png"))
    plain = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in facts.items()}
    show(a, "\n".join([str(out), *lines]), out=out, **plain)
