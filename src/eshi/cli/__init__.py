"""The command line: parse, call the Python function of the same name, show what came out."""

import importlib
import os
import sys

from eshi import __version__
from eshi.cli.command import VERBS, Arguments, Parser
from eshi.ground import progress
from eshi.ground.errors import EshiError, near_miss

for group in ("training", "judging", "gathering", "exploring"):  # fills VERBS, in the order that --help shows
    importlib.import_module(f"eshi.cli.{group}")


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
