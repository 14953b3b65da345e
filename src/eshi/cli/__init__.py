"""The command line: parse, call the verb of that name, show what came out."""

import json
import os
import sys
import traceback
from contextlib import suppress

from eshi import __version__
from eshi.cli.commands import COMMANDS, command, overview
from eshi.cli.parser import parse
from eshi.ground import progress, registry
from eshi.ground.errors import EshiError
from eshi.ground.figures import printable
from eshi.verbs.verb import plain

__all__ = ["COMMANDS", "SPINS", "run"]

SPINS = "20000"  # of libgomp's threads


def run(words: list[str]) -> int:
    """The exit code: 0, 2 for the user's input, 1 for the world, 130 after Ctrl-C."""
    # libgomp's threads spin while they wait for one another; beside another busy program that made training up to 25
    # times slower (docs/LOG.md). So they spin shortly, then sleep. It is read once, when torch is loaded.
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    open_streams()
    quiet = progress.quiet
    try:
        return answer(words)
    except SystemExit as end:  # argparse has shown its help
        return int(end.code or 0)
    except EshiError as error:
        return complain(words, str(error), error.hint, error.code)
    except KeyboardInterrupt:
        return complain(words, "stopped", "to go on: the same command", 130)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return complain(words, f"{error.strerror or error}{where}", "--debug shows where it happened", 1)
    except Exception as error:
        what = f"{type(error).__name__}: {str(error).strip()}".split("\n")[0]
        return complain(words, f"this should not have happened: {what}", "--debug shows where; please report it", 1)
    finally:
        progress.quiet = quiet


def answer(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        say(overview())
        return 0
    if words[0] == "--version":
        say(f"eshi {__version__}")
        return 0
    if words[0].startswith("-"):
        raise EshiError(f"{words[0]} stands before the verb", "first the verb, then its options: eshi help lists them")
    verb = command(words[0])
    arguments, common = parse(verb, words[1:])
    progress.quiet = progress.quiet or common.quiet
    for file in common.plugin:
        registry.plugin(file)
    result = verb.call(**arguments)
    if common.json:
        say(told(plain(result)))
    else:  # names of files and what boorus wrote are in it
        say("\n".join(map(printable, result.text().split("\n"))))
    return int(getattr(result, "code", 0))


def told(result: object) -> str:
    """JSON that the reader's encoding holds: as it is, or with escapes."""
    text = json.dumps(result, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(result)
    return text


def say(text: str) -> None:
    """The result on standard output. That its reader, `head` perhaps, has gone is no fault: the work is done."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        progress.mute(sys.stdout)
    except OSError as error:
        progress.mute(sys.stdout)
        raise EshiError(f"cannot show the result: {error.strerror or error}", "the work itself is done", 1) from error


def complain(words: list[str], what: str, hint: str, code: int) -> int:
    """Two lines; called while the error is being handled, so that --debug can show its traceback."""
    if "--debug" in words:
        progress.say(traceback.format_exc().rstrip())
    progress.say(f"eshi: {what}" + (f"\n      {hint}" if hint else ""))
    return code


def open_streams() -> None:
    """A closed standard stream leads nowhere, so that no file of ours gets its number; and none stumbles over a
    character that its encoding lacks."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            try:
                os.fstat(number)
            except OSError:
                nowhere = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, so usually this one
                if nowhere != number:
                    os.dup2(nowhere, number)
                    os.close(nowhere)
            stream = os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
        elif number:
            with suppress(AttributeError, ValueError):  # a stand-in of a test or a notebook
                getattr(sys, name).reconfigure(errors="replace")
