"""What the verbs share: a function a verb, which adds its arguments and returns what runs it.

Heavy imports wait until then, so that `eshi --help` answers at once.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any, NoReturn

from eshi.ground.errors import EshiError

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
