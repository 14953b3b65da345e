"""From the world, or from nothing, to a folder of judged faces."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from eshi.gather.sites import SITES, Quality, Rating
from eshi.ground.errors import EshiError
from eshi.verbs.verb import About, verb

if TYPE_CHECKING:
    from eshi.gather.hearing import Summary

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
On = Annotated[Literal["local", "ray"], About("this machine, or a Ray cluster")]
Workers = Annotated[int | None, About("processes at work", "one a core")]
Cascade = Annotated[Path | str | None, About("the lbp finder's cascade", "fetched once", metavar="FILE")]


def finders() -> list[str]:
    from eshi.ground.registry import FINDERS

    return list(FINDERS)


@dataclass
class Painted:
    folder: Path
    count: int
    faces: int | None  # px a side, where they are faces
    kind: str = "portraits"

    def text(self) -> str:
        kind, then = ("faces", "train {} -r demo") if self.faces else ("pictures", "crop {} -o faces/")
        where = f"{self.count:,} {kind} in {self.folder}, described in {self.folder / 'attributes.jsonl'}"
        where += f", faces in {self.folder / 'boxes.json'}" if self.kind != "portraits" else ""
        return f"{where}\nnext: eshi {then.format(self.folder)}"


@verb("gather", "eshi paint pictures/ --count 2000")
def paint(
    folder: Annotated[Path | str, About("where the pictures go")],
    *,
    count: Annotated[int, About("how many")] = 1000,
    seed: Annotated[int, About("other numbers, other pictures")] = 0,
    faces: Annotated[int | None, About("square faces of this size, ready to train on", metavar="PX")] = None,
    kind: Annotated[
        Literal["portraits", "scenes", "pages"],
        About("one face each, or several heads in many poses, or manga pages of them, with boxes.json"),
    ] = "portraits",
    workers: Workers = None,
) -> Painted:
    """draw practice pictures with known attributes, without data or network"""
    from eshi.gather.painter import paint

    return Painted(paint(Path(folder), count, seed, faces, workers, kind), count, faces, kind)


@verb("gather", 'eshi collect konachan "1girl solo" --limit 2000 -o pictures/')
def collect(
    site: Annotated[
        str, About(f"{', '.join(SITES)}, or any address that gallery-dl knows", suggest=lambda: list(SITES))
    ],
    tags: Annotated[str, About("for example '1girl solo'", "all")] = "",
    *,
    out: Annotated[Path | str, About("the folder", flag="-o --out", metavar="DIR")] = Path("pictures"),
    limit: Annotated[int | None, About("at most so many pictures")] = None,
    rating: Annotated[Rating, About("the most that is kept")] = "safe",
    quality: Annotated[Quality, About("which file of a post")] = "sample",
    max_bytes: Annotated[int | str | None, About("stop after so much: 500MB, 2GB", metavar="SIZE")] = None,
    min_free: Annotated[int | str, About("what the disk keeps free", metavar="SIZE")] = "1GB",
    pause: Annotated[float, About("seconds between two requests")] = 1.0,
    artists: Annotated[bool, About("also ask who drew it: one request more a post")] = False,
    account: Annotated[Path | str | None, About("a gallery-dl settings file with your keys", metavar="FILE")] = None,
    dry_run: Annotated[bool, About("list what would come")] = False,
) -> "Summary":
    """collect pictures by tags from a booru, with their origin; the same command again goes on"""
    from eshi.gather.collect import collect

    most = None if max_bytes is None else size_in_bytes(max_bytes, "--max-bytes")
    return collect(
        site, tags, Path(out), limit, rating, quality, dry_run, most, size_in_bytes(min_free, "--min-free"), pause,
        artists, Path(account) if account else None,
    )  # fmt: skip


def size_in_bytes(size: int | str, flag: str) -> int:
    """500MB, 2GB or a plain number"""
    words = str(size).strip().upper()
    number, unit = (words[:-2], UNITS[words[-2:]]) if words[-2:] in UNITS else (words, 1)
    try:
        found = float(number) * unit
        if not 0 <= found < 1e24:
            raise ValueError
    except ValueError:
        raise EshiError(f"{flag}: '{size}' is not a size", "for example 500MB, 2GB or a number of bytes") from None
    return int(found)


@dataclass
class Cropped:
    out: Path
    done_before: int  # pictures, by earlier calls
    pictures: int
    faces: int
    without_a_face: int
    small: int
    problems: dict[str, str]  # picture -> why it was left out

    def text(self) -> str:
        counts = {
            "done before": self.done_before, "pictures": self.pictures, "faces": self.faces,
            "without a face": self.without_a_face, "small": self.small,
        }  # fmt: skip
        lines = [f"{self.out}: " + ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)]
        lines += [f"  left out {name}: {why}" for name, why in list(self.problems.items())[:10]]
        lines += [f"  and {len(self.problems) - 10:,} more"] if len(self.problems) > 10 else []
        return "\n".join([*lines, f"next: eshi clean {self.out}"])


@verb("gather", "eshi crop pictures/ -o faces/")
def crop(
    pictures: Annotated[Path | str, About("a folder or zip of pictures, collected or not")],
    *,
    out: Annotated[Path | str, About("the folder of faces", flag="-o --out", metavar="DIR")] = Path("faces"),
    finder: Annotated[
        str, About("what finds the faces: net, or lbp as in the write-ups", metavar="NAME", suggest=finders)
    ] = "net",
    size: Annotated[int, About("px a side; smaller faces stay as they are", metavar="PX")] = 128,
    margin: Annotated[float, About("room around the box, in shares of it")] = 0.2,
    smallest: Annotated[int, About("the smallest face that is taken", flag="--min", metavar="PX")] = 48,
    on: On = "local",
    score: Annotated[float | None, About("the least certainty of a face, 0 to 1", "the finder's own")] = None,
    weights: Annotated[Path | str | None, About("another network for net", "eshi's own", metavar="FILE")] = None,
    cascade: Cascade = None,
    workers: Workers = None,
) -> Cropped:
    """cut the faces out of pictures; the same command again goes on"""
    from eshi.gather.crop import crop

    asked = {"score": score, "weights": weights, "cascade": cascade}
    options = {key: value for key, value in asked.items() if value is not None}
    found = crop(Path(pictures), Path(out), finder, size, margin, smallest, on, workers, **options)
    return Cropped(Path(out), **{what.replace(" ", "_"): value for what, value in found.items()})


@dataclass
class Cleaned:
    faces: Path
    verdicts: dict[str, int]
    report: Path

    def text(self) -> str:
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in self.verdicts.items())
        return f"{self.faces}: {counts}\n  look at {self.report}"


@verb("gather", "eshi clean faces/ --blur 1.1")
def clean(
    faces: Annotated[Path | str, About("a folder or zip of face images")],
    *,
    near: Annotated[float, About("near duplicates: the largest distance; 0 turns a rule off")] = 0.18,
    blur: Annotated[float, About("blurred: the least sharpness")] = 0.9,
    dark: Annotated[float, About("too dark: the least brightness")] = 75.0,
    flat: Annotated[float, About("too flat: the least contrast")] = 14.0,
    grey: Annotated[float | None, About("grey or sketch: the least colour", "off")] = None,
    smallest: Annotated[int | None, About("cut from too few pixels", "off", "--min", "PX")] = None,
    finder: Annotated[str | None, About("not a face, says this finder", "off", metavar="NAME", suggest=finders)] = None,
    score: Annotated[float, About("the finder's score that makes a face")] = 0.0,
    cascade: Cascade = None,
    undo: Annotated[bool, About("take all verdicts back but those of a person")] = False,
    on: On = "local",
    workers: Workers = None,
) -> Cleaned:
    """judge faces: duplicates, blur, too dark ...; nothing is deleted, --undo takes it back"""
    from eshi.gather.clean import clean
    from eshi.pages import faces_report

    options: dict[str, Any] = {"cascade": str(cascade)} if cascade else {}
    found = clean(
        Path(faces), near=near, blur=blur, dark=dark, flat=flat, grey=grey, smallest=smallest, finder=finder,
        score=score, undo=undo, workers=workers, on=on, **options,
    )  # fmt: skip
    return Cleaned(Path(faces), found, faces_report(Path(faces)))


@dataclass
class Surveyed:
    """Counts; what stands below `kept` is of the faces that are kept."""

    folder: str
    faces: int
    kept: int
    verdicts: dict[str, int]
    sides: dict[str, int]
    source_sizes: dict[str, int]
    hair: dict[str, int]
    tags: dict[str, int]
    artists: dict[str, int]
    sites: dict[str, int]
    ratings: dict[str, int]
    pictures: int
    report: Path
    credits: tuple[Path, ...]
    said: list[str]  # what was kept, dropped or taken back by hand just now

    def text(self) -> str:
        from eshi.gather.survey import text

        said = text({key.replace("_", " "): value for key, value in vars(self).items()})
        lines = [said, "", *self.said, f"look at {self.report}", *(f"credits in {path}" for path in self.credits)]
        return "\n".join(lines)


Files = Sequence[str]


@verb("gather", "eshi faces faces/ --keep a.jpg-0.png b.jpg-1.png --drop c.jpg-0.png")
def faces(
    faces: Annotated[Path | str, About("a folder or zip of face images")],
    *,
    keep: Annotated[
        Files, About("your word: these stay, whatever clean says", metavar="FILE", many=True, row=True)
    ] = (),
    drop: Annotated[Files, About("your word: these go; no file is deleted", metavar="FILE", many=True, row=True)] = (),
    undo: Annotated[int, About("take back your last so many words", metavar="N")] = 0,
    credits: Annotated[bool, About("write CREDITS.csv and CREDITS.md: who drew the originals")] = False,
    workers: Workers = None,
) -> Surveyed:
    """what a folder of faces holds: verdicts, sizes, hair colours, tags; --credits names the artists"""
    from eshi.gather.credits import credits as write_credits
    from eshi.gather.survey import survey
    from eshi.pages import faces_report

    said = by_hand(Path(faces), keep, drop, undo)
    found = survey(Path(faces), workers)
    page = faces_report(Path(faces), workers, found)
    written = write_credits(Path(faces)) if credits else ()
    counts = {key.replace(" ", "_"): value for key, value in found.items()}
    return Surveyed(**counts, report=page, credits=written, said=said)


def by_hand(faces: Path, keep: Files, drop: Files, undo: int) -> list[str]:
    """Writes a person's words into the journal; a line for each."""
    if not (keep or drop or undo):
        return []
    from eshi.gather import verdicts
    from eshi.gather.album import Album

    album = Album(faces)
    if undo < 0:
        raise EshiError(f"--undo {undo}: that is no number of words", "--undo 1 takes the last one back")
    if both := {*keep} & {*drop}:
        raise EshiError(f"{min(both)} cannot be kept and dropped", "name it once")
    known = album.look()[0] if keep or drop else {}
    kept, dropped = ([album.name_of(file, known) for file in some] for some in (keep, drop))  # all, before one is said
    words = [f"taken back: {act.word} {len(act.files):,}" for act in verdicts.undo(album.home, undo)]
    for word, some in (("keep", kept), ("drop", dropped)):
        if some:
            words.append(f"{word} by hand: {len(verdicts.say(album.home, word, some).files):,}")
    return words


@dataclass
class Labelled:
    """`counts[attribute][value]` faces are known to have it, `known_from[source]` words count; the rest is unknown."""

    faces: int
    counts: dict[str, dict[str, int]]
    known_from: dict[str, int]
    conflicts: int
    unmatched: dict[str, int]
    file: Path
    report: Path

    def text(self) -> str:
        lines = [f"{self.faces:,} faces; of these is known"]
        for attribute, values in self.counts.items():
            told = ", ".join(f"{value} {count:,}" for value, count in values.items())
            lines.append(f"  {attribute:<8} of {sum(values.values()):,}: {told}")
        lines += ["  nothing: no list, no tags, and what was measured is not sure enough"] if not self.counts else []
        lines += [f"{count:,} names in the {source} are no face here" for source, count in self.unmatched.items()]
        lines += [f"{self.conflicts:,} conflicts between sources"] if self.conflicts else []
        return "\n".join([*lines, f"all that was said in {self.file}", f"look at {self.report}"])


@verb("gather", "eshi label faces/")
def label(
    faces: Annotated[Path | str, About("a folder or zip of face images")],
    *,
    map: Annotated[
        Path | str | None, About("more tags and words of your own, as YAML", flag="--map", metavar="FILE")
    ] = None,
    tagger: Annotated[Path | str | None, About("a tagger that you have: its .onnx", "none", "--with", "FILE")] = None,
    sure: Annotated[float, About("the certainty from which on a word counts; 0.25 takes measured hair, too")] = 0.5,
    workers: Workers = None,
) -> Labelled:
    """what each face shows: hair, eyes, glasses ...; from tags, lists, the painter, pixels, a tagger"""
    from eshi.gather.label import label
    from eshi.pages import labels_report

    found = label(Path(faces), Path(map) if map else None, Path(tagger) if tagger else None, sure, workers)
    counts = {
        attribute: dict(Counter(value for value, _ in said.values()).most_common())
        for attribute, said in found.said.items()
    }
    sources = Counter(source for said in found.said.values() for _, source in said.values())
    page = labels_report(Path(faces), found)
    return Labelled(found.faces, counts, dict(sources), len(found.conflicts), found.unmatched, found.file, page)
