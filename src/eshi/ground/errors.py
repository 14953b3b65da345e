"""The one error a user is meant to see: what happened and where, then what to try."""

import difflib
from collections.abc import Iterable


class EshiError(Exception):
    """`code` is the exit code: 2 for the user's input, 1 for the world (disk, network, a dying run)."""

    def __init__(self, message: str, hint: str = "", code: int = 2):
        super().__init__(message)
        self.hint, self.code = hint, code


def near_miss(word: str, known: Iterable[str]) -> str:
    """The half sentence that ends an error about an unknown name."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known)}"
