"""Verbs that make pictures and faces."""

import sys
from pathlib import Path
from typing import Any

from eshi.cli.command import Arguments, Parser, Verb, show, verb


@verb
def paint(parser: Parser) -> Verb:
    """draw practice pictures with known attributes, without data or network"""
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--count", type=int, default=1000, help="how many (1000)")
    parser.add_argument("--seed", type=int, default=0, help="other numbers, other pictures (0)")
    parser.add_argument("--faces", type=int, metavar="SIZE", help="square face crops of this size, ready to train on")

    def run(a: Arguments) -> None:
        from eshi.gather.painter import paint

        folder = paint(a.folder, a.count, a.seed, a.faces)
        kind, then = ("faces", f"train {folder} -r demo") if a.faces else ("pictures", f"crop {folder} -o faces/")
        text = f"{a.count:,} {kind} in {folder}, described in {folder / 'attributes.jsonl'}\nnext: eshi {then}"
        show(a, text, folder=folder)

    return run


@verb
def collect(parser: Parser) -> Verb:
    """collect pictures by tags from a booru, with their origin; the same command again goes on"""
    from eshi.gather.sites import QUALITIES, RATINGS, SITES

    parser.add_argument("site", help=f"{', '.join(SITES)}, or any address that gallery-dl knows")
    parser.add_argument("tags", nargs="?", default="", help="for example '1girl solo'")
    parser.add_argument("-o", "--out", type=Path, default=Path("pictures"), help="the folder (pictures)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N pictures")
    parser.add_argument("--rating", choices=RATINGS, default="safe", help="the most that is kept (safe)")
    parser.add_argument("--quality", choices=QUALITIES, default="sample", help="which file of a post (sample)")
    parser.add_argument("--max-bytes", type=size_in_bytes, metavar="SIZE", help="stop after so much: 500MB, 2GB")
    parser.add_argument("--min-free", type=size_in_bytes, metavar="SIZE", default=10**9, help="disk left free (1GB)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two requests (1)")
    parser.add_argument("--artists", action="store_true", help="also ask who drew it: one request more a post")
    parser.add_argument("--account", type=Path, metavar="FILE", help="a gallery-dl settings file with your keys")
    parser.add_argument("--dry-run", action="store_true", help="list what would come")

    def run(a: Arguments) -> None:
        import dataclasses

        from eshi.gather.collect import collect

        options = {k: getattr(a, k) for k in ("limit", "rating", "quality", "dry_run", "max_bytes", "min_free")}
        summary = collect(a.site, a.tags, a.out, pause=a.pause, artists=a.artists, account=a.account, **options)
        show(a, "\n".join(summary.lines()), **dataclasses.asdict(summary))
        if summary.code:
            sys.exit(summary.code)

    return run


@verb
def crop(parser: Parser) -> Verb:
    """cut the faces out of pictures; the same command again goes on"""
    parser.add_argument("pictures", type=Path, help="a folder of pictures, collected or not")
    parser.add_argument("-o", "--out", type=Path, default=Path("faces"), help="the folder of faces (faces)")
    parser.add_argument("--finder", default="net", help="what finds the faces: net, or lbp as in the write-ups (net)")
    parser.add_argument("--size", type=int, default=128, help="px a side; smaller faces stay as they are (128)")
    parser.add_argument("--margin", type=float, default=0.2, help="room around the box, in shares of it (0.2)")
    parser.add_argument("--min", type=int, default=48, help="px: the smallest face that is taken (48)")
    parser.add_argument("--on", choices=("local", "ray"), default="local", help="this machine or a Ray cluster (local)")
    parser.add_argument("--cascade", type=Path, metavar="FILE", help="the lbp finder's cascade, instead of fetching it")

    def run(a: Arguments) -> None:
        from eshi.gather.crop import crop

        options: dict[str, Any] = {"cascade": str(a.cascade)} if a.cascade else {}
        found = crop(a.pictures, a.out, a.finder, a.size, a.margin, a.min, a.on, **options)
        problems = found.pop("problems")
        lines = [f"{a.out}: " + ", ".join(f"{count:,} {what}" for what, count in found.items() if count)]
        lines += [f"  left out {name}: {why}" for name, why in list(problems.items())[:10]]
        lines += [f"  and {len(problems) - 10:,} more"] if len(problems) > 10 else []
        show(a, "\n".join([*lines, f"next: eshi clean {a.out}"]), **found, problems=problems)

    return run


@verb
def clean(parser: Parser) -> Verb:
    """judge faces: duplicates, blur, too dark ...; nothing is deleted, --undo takes it back"""
    parser.add_argument("faces", type=Path, help="a folder of face images")
    parser.add_argument("--undo", action="store_true", help="take all verdicts back")
    for rule, what in RULES.items():
        parser.add_argument(f"--{rule}", type=float, metavar="X", help=f"{what}; 0 turns the rule off")
    parser.add_argument("--min", type=int, metavar="PX", help="too small a source (off)")
    parser.add_argument("--finder", help="not a face, says this finder (off)")
    parser.add_argument("--score", type=float, default=0.0, help="the finder's score that makes a face (0)")
    parser.add_argument("--cascade", type=Path, metavar="FILE", help="the lbp finder's cascade, instead of fetching it")

    def run(a: Arguments) -> None:
        from eshi.gather.clean import clean
        from eshi.pages import faces_report

        options = {rule: getattr(a, rule) for rule in RULES if getattr(a, rule) is not None}
        options |= {"cascade": str(a.cascade)} if a.cascade else {}
        found = clean(a.faces, smallest=a.min, finder=a.finder, score=a.score, undo=a.undo, **options)
        page = faces_report(a.faces)
        counts = ", ".join(f"{count:,} {verdict}" for verdict, count in found.items())
        show(a, f"{a.faces}: {counts}\n  look at {page}", verdicts=found, report=page)

    return run


RULES = {
    "near": "near duplicates: largest distance",
    "blur": "blurred: least sharpness",
    "dark": "too dark: least brightness",
    "flat": "too flat: least contrast",
    "grey": "grey or sketch: least colour (off)",
}


@verb
def faces(parser: Parser) -> Verb:
    """what a folder of faces holds: verdicts, sizes, hair colours, tags; --credits names the artists"""
    parser.add_argument("faces", type=Path, help="a folder of face images")
    parser.add_argument("--credits", action="store_true", help="write CREDITS.csv and CREDITS.md")

    def run(a: Arguments) -> None:
        from eshi.gather.credits import credits
        from eshi.gather.survey import survey, text
        from eshi.pages import faces_report

        found, page = survey(a.faces), faces_report(a.faces)
        written = credits(a.faces) if a.credits else ()
        lines = [text(found), "", f"look at {page}", *(f"credits in {path}" for path in written)]
        show(a, "\n".join(lines), **found, report=page, credits=written)

    return run


def size_in_bytes(text: str) -> int:
    """500MB, 2GB or a plain number"""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = (text[:-2], units[text[-2:].upper()]) if text[-2:].upper() in units else (text, 1)
    return int(float(number) * unit)
