"""Everything that can stand after `eshi`: the verbs, and what only a command line needs."""

import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from eshi.cli import completion as scripts
from eshi.cli.parser import parser
from eshi.ground.errors import EshiError, near_miss
from eshi.verbs import VERBS
from eshi.verbs.verb import GROUPS, About, Verb, verb

COMMANDS: dict[str, Verb] = dict(VERBS)
HERE = "this command"


@dataclass
class Said:
    said: str

    def text(self) -> str:
        return self.said


@verb(HERE, "eshi help crop", into=COMMANDS)
def help(
    verb: Annotated[str | None, About("one of them", "all of them", suggest=lambda: list(VERBS))] = None,
) -> Said:
    """what there is, or how a verb is used"""
    return Said(parser(command(verb)).format_help().rstrip() if verb else overview())


@verb(HERE, 'eval "$(eshi completion bash)"', into=COMMANDS)
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], About("for which shell")],
) -> Said:
    """a script that completes verbs, options and recipes

    bash, in ~/.bashrc: eval "$(eshi completion bash)"
    zsh, in ~/.zshrc, after compinit: eval "$(eshi completion zsh)"
    fish: eshi completion fish > ~/.config/fish/completions/eshi.fish
    """
    return Said(scripts.SHELLS[shell](list(COMMANDS.values())).rstrip())


@verb("start here", "eshi studio", into=COMMANDS)
def studio(
    folder: Annotated[Path | str, About("what lies in it is shown, and nothing else")] = Path(),
    *,
    host: Annotated[str, About("the address it listens on; with another one it asks for a password")] = "127.0.0.1",
    port: Annotated[int | None, About("0 takes any free one", "8123, or a free one")] = None,
    password: Annotated[str | None, About("for other machines", "made up, where one is needed")] = None,
) -> Said:
    """choose faces, watch runs, draw and explore in the browser, on this machine alone"""
    from eshi.studio.serve import serve

    serve(Path(folder), host, port, password)
    return Said("the studio is closed")


def command(name: str) -> Verb:
    if name not in COMMANDS:
        raise EshiError(f"there is no verb '{name}'", near_miss(name, COMMANDS))
    return COMMANDS[name]


def overview() -> str:
    width = min(shutil.get_terminal_size().columns, 120)
    column = max(map(len, COMMANDS)) + 4
    lines = ["usage: eshi VERB ...", "", "learns to draw anime faces from pictures you collect"]
    for group in (*GROUPS, HERE):
        lines += ["", group]
        for one in COMMANDS.values():
            if one.group == group:
                head = f"  {one.name}".ljust(column)
                lines += textwrap.wrap(
                    one.about.split("\n")[0], width, initial_indent=head, subsequent_indent=" " * column
                )
    return "\n".join([*lines, "", "eshi help VERB says more, with an example; eshi --version says which eshi this is"])
