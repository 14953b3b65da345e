"""The YAML that eshi reads and writes: plain values, each written out, so that no file can surprise or exhaust anyone.

Anchors, tags and repeated keys are refused. What YAML 1.1 guesses is off: 2e-4 is a number, 010 is ten, 1:30 is text.
"""

import copy
import functools
import re
from typing import Any

import yaml

from eshi.ground.errors import EshiError

LONGEST = 32 * 1024  # bytes; the shipped recipes have about a thousand
DEEPEST = 8  # mappings and lists inside one another
KIND = "tag:yaml.org,2002:"
NUMBERS = {
    "int": re.compile(r"[-+]?[0-9]{1,19}\Z"),
    "float": re.compile(r"([-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)\Z", re.IGNORECASE),
}


class Reader(yaml.SafeLoader):
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        self.refuse(isinstance(event, yaml.AliasEvent) or event.anchor, "anchors (& and *) are not read", event)
        self.refuse(getattr(event, "tag", None), "tags (!) are not read", event)
        self.refuse(self.depth == DEEPEST, "it is nested too deeply", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys: set[str] = set()
        for key, _ in node.value:
            self.refuse(key.tag != f"{KIND}str", "a key has to be a word", key)
            self.refuse(key.value in keys, "this key is there twice", key)
            keys.add(key.value)
        return node

    def refuse(self, doubt: Any, problem: str, at: Any) -> None:
        if doubt:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


class Writer(yaml.SafeDumper):
    """Quotes the words that either reader, this one or YAML 1.1's, would take for something else."""

    def quoted(self, text: str) -> yaml.ScalarNode:
        """Rare line breaks would otherwise be written as they are and read as spaces."""
        rare = not all(line.isprintable() for line in text.split("\n"))
        return self.represent_scalar(f"{KIND}str", text, style='"' if rare else None)


Reader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag in (f"{KIND}bool", f"{KIND}null")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for name, pattern in NUMBERS.items():
    Reader.add_implicit_resolver(KIND + name, pattern, list("-+.0123456789"))
    Writer.add_implicit_resolver(KIND + name, pattern, list("-+.0123456789"))
Writer.add_representer(str, Writer.quoted)
Reader.add_constructor(f"{KIND}int", lambda reader, node: int(node.value))


def read(text: bytes | str, where: str) -> Any:
    """The plain values in `text`, or an EshiError that names the line, whatever the text is."""
    if len(text) > LONGEST:
        raise EshiError(f"{where} is larger than {LONGEST // 1024} kB", "a recipe is a page of YAML: eshi recipes demo")
    try:
        return copy.deepcopy(values_of(text.decode("utf-8-sig") if isinstance(text, bytes) else text))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "it is not text"
        if "'\\t'" in problem:
            problem = "a tab; indent with spaces"
        line = f", line {mark.line + 1}" if mark else ""
        what = f"{where}{line}: this is not YAML that eshi reads: {problem}"
        raise EshiError(what, "eshi recipes demo shows some") from error


@functools.lru_cache(64)
def values_of(text: str) -> Any:
    """A run's recipe is asked for at every turn, and reading YAML takes milliseconds."""
    return yaml.load(text, Reader)


def write(values: Any) -> str:
    return yaml.dump(values, Dumper=Writer, sort_keys=False, allow_unicode=True)
