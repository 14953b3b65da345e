"""The verbs of the command line: parse, call the Python function of the same name, show what came out.

Each function below adds a verb's arguments and returns what runs it. Heavy imports wait until then.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from eshi import __version__, progress
from eshi.errors import EshiError, near_miss

Arguments = argparse.Namespace
Verb = Callable[[Arguments], None]
VERBS: dict[str, Callable[["Parser"], Verb]] = {}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise EshiError(message, f"{self.prog} --help shows how it is used")


def verb(add: Callable[[Parser], Verb]) -> Callable[[Parser], Verb]:
    VERBS[add.__name__] = add
    return add


def show(a: Arguments, text: str, **facts: Any) -> None:
    """The result on standard output, for a person or with --json for a program."""
    print(json.dumps(facts, default=str, ensure_ascii=False) if a.json else text)


@verb
def demo(parser: Parser) -> Verb:
    """paint, train and draw in a few minutes, from nothing"""
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="the folder it all goes to (demo)")
    parser.add_argument("--images", default=None, help="train on so many images (the recipe's length)")

    def run(a: Arguments) -> None:
        from eshi.demo import demo

        made = demo(a.out, a.images)
        show(a, made.text, faces=made.faces, run=made.run, sheet=made.sheet)

    return run


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
        kind = "faces" if a.faces else "pictures"
        show(a, f"{a.count:,} {kind} in {folder}, described in {folder / 'attributes.jsonl'}", folder=folder)

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
def recipes(parser: Parser) -> Verb:
    """list the shipped recipes, or show one"""
    parser.add_argument("recipe", nargs="?", help="a shipped recipe or a YAML file")
    add_set(parser)

    def run(a: Arguments) -> None:
        from eshi import recipe

        if a.recipe:
            found = recipe.load(a.recipe, a.set)
            show(a, found.yaml().rstrip(), **found.as_dict())
        else:
            known = recipe.shipped()
            show(a, "\n".join(f"{name:<16}{about}" for name, about in known.items()), **known)

    return run


@verb
def train(parser: Parser) -> Verb:
    """train a recipe on faces; the same command again goes on"""
    parser.add_argument("faces", type=Path, help="a folder or zip of face images")
    parser.add_argument("-r", "--recipe", default=None, help="a shipped recipe or a YAML file (dcgan-64)")
    parser.add_argument("-o", "--out", type=Path, help="the run folder (runs/RECIPE-FACES)")
    parser.add_argument("--images", help="the length: 300, 400k, 2.5M or 20epochs; a longer one goes on")
    parser.add_argument("--seed", type=int, help="of weights, batches and latents (the recipe's)")
    add_set(parser)

    def run(a: Arguments) -> None:
        from eshi import recipe

        before = a.out / "recipe.yaml" if a.out else None
        source = a.recipe or (before if before and before.exists() else "dcgan-64")
        given = {"images": a.images, "seed": a.seed}
        chosen = recipe.load(source, a.set + [f"{key}={value}" for key, value in given.items() if value is not None])
        folder = a.out or Path("runs") / f"{chosen.name}-{a.faces.resolve().stem}"

        from eshi.train import train

        train(a.faces, chosen, folder)
        sheet = max((folder / "samples").glob("0*.png"))
        text = f"trained: {folder}\n  last sheet  {sheet}\n  next        eshi draw {folder}"
        show(a, text, run=folder, sheet=sheet)

    return run


@verb
def draw(parser: Parser) -> Verb:
    """draw faces with a trained run or a checkpoint"""
    parser.add_argument("run", type=Path, help="a run folder or a checkpoint file")
    parser.add_argument("--count", type=int, default=64, help="how many (64)")
    parser.add_argument("--seed", type=int, default=0, help="the number of the first face (0)")
    parser.add_argument("--search", type=int, default=0, metavar="N", help="draw N and keep the best by D")
    parser.add_argument("--mean", type=float, default=0.0, help="added to the latents (0)")
    parser.add_argument("--std", type=float, default=1.0, help="scales the latents; less is tamer (1)")
    parser.add_argument("-o", "--out", type=Path, help="the sheet (RUN/drawn/...png)")
    parser.add_argument("--single", type=Path, metavar="DIR", help="single files, named by number, instead of a sheet")

    def run(a: Arguments) -> None:
        from eshi import image
        from eshi.draw import draw

        drawing = draw(a.run, a.count, a.seed, a.search, a.mean, a.std)
        if a.single:
            for number, face in zip(drawing.numbers, drawing.images, strict=True):
                image.save(face, a.single / f"{number:06}.png")
            where = a.single
        else:
            home = a.run if a.run.is_dir() else a.run.parent
            options = {"from": a.search, "mean": a.mean, "std": a.std if a.std != 1 else 0}
            name = f"{a.count}-seed{a.seed}" + "".join(f"-{key}{value:g}" for key, value in options.items() if value)
            where = image.save(image.sheet(drawing.images), a.out or home / "drawn" / f"{name}.png")
        show(a, f"{len(drawing.numbers)} faces in {where}", out=where, numbers=drawing.numbers, scores=drawing.scores)

    return run


def size_in_bytes(text: str) -> int:
    """500MB, 2GB or a plain number"""
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    number, unit = (text[:-2], units[text[-2:].upper()]) if text[-2:].upper() in units else (text, 1)
    return int(float(number) * unit)


def add_set(parser: Parser) -> None:
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c", help="override a key of the recipe")


def parse(words: list[str]) -> Arguments:
    parser = Parser(prog="eshi", description="learns to draw anime faces from pictures you collect")
    parser.add_argument("--version", action="version", version=f"eshi {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb")
    for name, add in VERBS.items():
        one = verbs.add_parser(name, help=add.__doc__, description=add.__doc__)
        one.set_defaults(run_verb=add(one))
        one.add_argument("--json", action="store_true", help="the result as JSON")
        one.add_argument("--quiet", action="store_true", help="no progress")
        one.add_argument("--debug", action="store_true", help="a traceback where something breaks")
    if words and not words[0].startswith("-") and words[0] not in VERBS:
        raise EshiError(f"there is no verb '{words[0]}'", near_miss(words[0], VERBS))
    if not words:
        parser.print_help()
        parser.exit()
    return parser.parse_args(words)


def run(words: list[str]) -> int:
    """The exit code: 0, 2 for the user's input, 1 for the world, 130 after Ctrl-C."""
    # libgomp's threads spin while they wait for one another; beside another busy program that made training up to 25
    # times slower (docs/LOG.md). So they spin shortly, then sleep. It is read once, when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        a = parse(words)
        progress.quiet = a.quiet
        a.run_verb(a)
        sys.stdout.flush()
    except EshiError as error:
        return complain(words, str(error), error.hint, error.code)
    except KeyboardInterrupt:
        return complain(words, "stopped", "to go on: the same command", 130)
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return complain(words, f"{error.strerror or error}{where}", "--debug shows where it happened", 1)
    except Exception as error:
        what = f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
        return complain(words, f"this should not have happened: {what}", "--debug shows where; please report it", 1)
    return 0


def complain(words: list[str], what: str, hint: str, code: int) -> int:
    """Two lines; called while the error is being handled, so that --debug can show its traceback."""
    if "--debug" in words:
        import traceback

        traceback.print_exc()
    print(f"eshi: {what}" + (f"\n      {hint}" if hint else ""), file=sys.stderr)
    return code
