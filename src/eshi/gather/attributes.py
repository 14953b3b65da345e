"""What is said of a face: attributes and their values, and the words by which others say the same.

All of it stands in attributes.yaml; a file of the same form adds to it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eshi.ground import notation
from eshi.ground.errors import EshiError, near_miss

SHIPPED = Path(__file__).with_suffix(".yaml")
SECTIONS = ("tags", "unclear", "people", "words", "painter")
WORD = re.compile(r"[^\W\d][\w-]{0,39}")  # an attribute or a value
Said = dict[str, str]  # attribute -> value


@dataclass(frozen=True)
class Attributes:
    meaning: Mapping[str, tuple[str, str]]  # tag -> attribute, value
    unclear: Mapping[str, str]  # tag -> the attribute of which nothing is known then
    one: frozenset[str]
    more: frozenset[str]
    words: Mapping[str, str]
    painter: Mapping[str, list[str]]

    def of_tags(self, tags: Iterable[str]) -> tuple[Said, bool]:
        """What the tags of a picture say, and whether they speak of one person. An attribute with two values has none.

        A tag that is missing says nothing: unknown is not no.
        """
        found: dict[str, set[str]] = {}
        given = {tag.lower() for tag in tags}
        for tag in given & self.meaning.keys():
            attribute, value = self.meaning[tag]
            found.setdefault(attribute, set()).add(value)
        for tag in given & self.unclear.keys():
            found.pop(self.unclear[tag], None)
        boy_and_girl = {"1girl", "1boy"} <= given
        alone = bool(given & self.one) and not given & self.more and not boy_and_girl
        return {attribute: values.pop() for attribute, values in found.items() if len(values) == 1}, alone

    def value(self, word: object) -> str:
        """A word of others as ours; "" for what is none."""
        text = str(word).strip().lower().replace(" ", "_")
        text = self.words.get(text, text)
        return text if WORD.fullmatch(text) else ""

    def of_painter(self, facts: Mapping[str, Any]) -> Said:
        """The truth, as eshi paint wrote it down."""
        known = {attribute for attribute, _ in self.meaning.values()}
        said = {name: self.value(fact) for name, fact in facts.items() if name in known}
        for name, fact in facts.items():
            told = str(fact).lower() if isinstance(fact, bool) else str(fact)
            said |= dict(pair.split("=", 1) for pair in self.painter.get(f"{name}={told}", []))
        return {attribute: value for attribute, value in said.items() if value}


def attributes(more: Path | None = None) -> Attributes:
    """Those that come along, and what `more` adds to them or says otherwise."""
    files = [SHIPPED, *([more] if more else [])]
    sections: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    meaning: dict[str, tuple[str, str]] = {}
    for file in files:
        found = read(file)
        for attribute, values in found.get("tags", {}).items():
            for value, tags in mapping(values, file, f"tags: {attribute}").items():
                for word in (attribute, value):
                    if not WORD.fullmatch(word):
                        raise EshiError(f"{file}: '{word}' cannot be an attribute or a value", "write one word")
                meaning |= {tag.lower(): (attribute, value) for tag in listed(tags, file)}
        for name in SECTIONS[1:]:
            sections[name] |= found.get(name, {})
    people = {name: frozenset(listed(tags, SHIPPED)) for name, tags in sections["people"].items()}
    unclear = {tag: attribute for attribute, tags in sections["unclear"].items() for tag in listed(tags, SHIPPED)}
    words = {str(theirs): str(ours) for theirs, ours in sections["words"].items()}
    painter = {said: listed(pairs, SHIPPED) for said, pairs in sections["painter"].items()}
    return Attributes(meaning, unclear, people["one"], people["more"], words, painter)


def read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        with file.open("rb") as source:
            found = notation.read(source.read(notation.LONGEST + 1), str(file))
    except OSError as error:
        raise EshiError(f"cannot read {file}: {error.strerror}", "a map of tags is YAML: docs/labels.md") from error
    found = mapping(found, file, "it")
    if wrong := [name for name in found if name not in SECTIONS]:
        raise EshiError(f"{file}: unknown section '{wrong[0]}'", near_miss(wrong[0], SECTIONS))
    return {name: mapping(inside, file, name) for name, inside in found.items()}


def mapping(found: object, file: Path, where: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise EshiError(f"{file}: {where} is not a mapping", "for example  tags: {hair: {pink: [pink_hair]}}")
    return found


def listed(found: object, file: Path) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
        raise EshiError(f"{file}: {str(found)[:40]} is not a list of words", "for example  pink: [pink_hair]")
    return found
