"""Scripts that let a shell complete verbs, options and known words; where none is known, it completes files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eshi.verbs.verb import Parameter, Verb

COMMON = ("--json", "--quiet", "--plugin", "--debug", "--help")


@dataclass
class Known:
    """What can follow a verb: its options, the words for an option's value, the words for its n-th argument."""

    options: list[str]
    values: dict[str, list[str]]
    places: dict[int, list[str]]


def known(verb: Verb) -> Known:
    named = [one for one in verb.parameters if not one.positional]
    placed = [one for one in verb.parameters if one.positional]
    values = {flag: words(one) for one in named if words(one) for flag in one.flags}
    places = {place: words(one) for place, one in enumerate(placed) if words(one)}
    return Known([flag for one in named for flag in one.flags] + [*COMMON], values, places)


def words(parameter: Parameter) -> list[str]:
    return list(parameter.choices) or list(parameter.about.suggest() if parameter.about.suggest else [])


def cases(verbs: Sequence[Verb], say: Callable[[Sequence[str]], str]) -> tuple[str, str, str]:
    """For bash and zsh alike: branches on `VERB --option`, on `VERB place`, and on `VERB`."""
    values, places, options = [], [], []
    for verb in verbs:
        found = known(verb)
        values += [f'    "{verb.name} {flag}") {say(these)} ;;' for flag, these in found.values.items()]
        places += [f'    "{verb.name} {place}") {say(these)} ;;' for place, these in found.places.items()]
        options.append(f"    {verb.name}) {say(found.options)} ;;")
    return "\n".join(values), "\n".join(places), "\n".join(options)


def bash(verbs: Sequence[Verb]) -> str:
    values, places, options = cases(verbs, lambda these: f'words="{" ".join(these)}"')
    return f"""\
_eshi() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" verb="${{COMP_WORDS[1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{" ".join(verb.name for verb in verbs)} --version --help"
  else
    case "$verb $before" in
{values}
    *) case "$word" in
      -*) case "$verb" in
{options}
        esac ;;
      *) case "$verb $((COMP_CWORD - 2))" in
{places}
        esac ;;
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o bashdefault -o default -F _eshi eshi
"""


def zsh(verbs: Sequence[Verb]) -> str:
    values, places, options = cases(verbs, lambda these: f"known=({' '.join(these)})")
    return f"""\
#compdef eshi
_eshi() {{
  local word="${{words[CURRENT]}}" before="${{words[CURRENT-1]}}" verb="${{words[2]}}"
  local -a known
  if (( CURRENT == 2 )); then
    known=({" ".join(verb.name for verb in verbs)} --version --help)
  else
    case "$verb $before" in
{values}
    *) case "$word" in
      -*) case "$verb" in
{options}
        esac ;;
      *) case "$verb $((CURRENT - 3))" in
{places}
        esac ;;
      esac ;;
    esac
  fi
  if (( $#known )); then compadd -- $known; else _files; fi
}}
compdef _eshi eshi
"""


def fish(verbs: Sequence[Verb]) -> str:
    lines = ["complete -c eshi -e"]
    for verb in verbs:
        about = verb.about.split("\n")[0]
        lines.append(f"complete -c eshi -n __fish_use_subcommand -f -a {verb.name} -d {quoted(about)}")
        here = f"complete -c eshi -n '__fish_seen_subcommand_from {verb.name}'"
        for one in verb.parameters:
            these = f" -f -a {quoted(' '.join(words(one)))}" if words(one) else ""
            if one.positional:
                lines += [f"{here}{these}"] if these else []
                continue
            flags = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in one.flags)
            wanted = "" if one.kind is bool else " -r"
            lines.append(f"{here} {flags}{wanted}{these} -d {quoted(one.about.text)}")
        lines += [f"{here} -l {flag[2:]}" for flag in COMMON]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """In single quotes as fish reads them."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
