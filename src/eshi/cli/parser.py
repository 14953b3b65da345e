"""An argparse parser made of a verb's signature, which says what was meant where it is misspelt."""

import argparse
import difflib
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from eshi.ground.errors import EshiError
from eshi.verbs.verb import Parameter, Verb


class Parser(argparse.ArgumentParser):
    more: Callable[[], str] | None = None  # made only where the help is shown: the recipes are read for it

    def format_help(self) -> str:
        return super().format_help() + (f"\n{self.more()}\n" if self.more else "")

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"^argument (\S+/)?", "", message)
        message = message.replace("the following arguments are required:", f"{self.prog} needs")
        raise EshiError(message, f"how it is used: eshi help {self.prog.split()[-1]}")


def parser(verb: Verb) -> Parser:
    made = Parser(
        prog=f"eshi {verb.name}",
        description=verb.about,
        epilog=f"example:\n  {verb.example}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=28),
    )
    made.more = verb.more
    for parameter in verb.parameters:
        add(made, parameter)
    common = made.add_argument_group("with every verb")
    common.add_argument("--json", action="store_true", help="the result as JSON")
    common.add_argument("--quiet", action="store_true", help="no progress")
    plugin = "a Python file with parts of your own: losses, networks, finders"
    common.add_argument("--plugin", action="append", default=[], metavar="FILE", help=plugin)
    common.add_argument("--debug", action="store_true", help="a traceback where something breaks")
    return made


def add(made: Parser, parameter: Parameter) -> None:
    standard = f" ({parameter.standard})" if parameter.standard else ""
    options: dict[str, Any] = {"help": f"{parameter.about.text}{standard}".replace("%", "%%")}
    # What is not given is left out, so that the verb's own default holds, which stands in its signature alone.
    options["default"] = argparse.SUPPRESS
    if parameter.kind is bool:
        made.add_argument(*parameter.flags, dest=parameter.name, action="store_true", **options)
        return
    options |= {"metavar": parameter.metavar, "type": READ.get(parameter.kind, str)}
    if parameter.positional:
        if parameter.about.many:
            options["nargs"] = "+" if parameter.required else "*"
        elif not parameter.required:
            options["nargs"] = "?"
        made.add_argument(parameter.name, **options)
    else:
        action = "append" if parameter.about.many else "store"
        if parameter.about.row:
            action, options["nargs"] = "extend", "+"
        made.add_argument(*parameter.flags, dest=parameter.name, action=action, required=parameter.required, **options)


def number(kind: type, words: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            found = kind(text)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise argparse.ArgumentTypeError(f"'{text}' is not {words}")
        return found

    return read


READ = {int: number(int, "a whole number"), float: number(float, "a number")}


def parse(verb: Verb, words: list[str]) -> tuple[dict[str, Any], argparse.Namespace]:
    """The arguments for the verb's function, and what goes with every verb."""
    made = parser(verb)
    given, left = made.parse_known_args(words)
    if left:
        raise EshiError(*unknown(verb, left[0], made))
    names = {parameter.name for parameter in verb.parameters}
    arguments = {name: value for name, value in vars(given).items() if name in names}
    return arguments, given


def unknown(verb: Verb, word: str, made: Parser) -> tuple[str, str]:
    usage = f"how it is used: eshi help {verb.name}"
    if not word.startswith("-"):
        return f"eshi {verb.name} takes no further '{word}'", f"put quotes around words that belong together; {usage}"
    word = word.partition("=")[0]
    options = [option for action in made._actions for option in action.option_strings]
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    return f"eshi {verb.name} has no option {word}", f"did you mean {close[0]}?" if close else usage
