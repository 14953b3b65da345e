"""What travels with the weights: the scores with what they were measured against, and whose pictures they come from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eshi.artist import Artist
from eshi.gather.credits import PAGE, TABLE
from eshi.run import logbook
from eshi.run.logbook import Row, number

LONGEST = 1_000_000  # bytes of credits that travel inside a file
LEFT_OUT = ("step", "seconds", "judge_seconds", "judge_price", "gradient_d", "gradient_g")  # of learning, not of faces
NOBODY = "no credits: where the pictures came from is not known here (eshi faces FACES --credits)"


@dataclass
class Facts:
    """`scores` are those of the very step that draws, {} where nobody judged it; `credits` is a page for people, ""
    where there is none, and `files` where it and the table for programs lie."""

    scores: dict[str, Any]
    credits: str
    files: list[Path] = field(default_factory=list)

    @property
    def named(self) -> str:
        """Every export says whose pictures were learned from, or that it cannot."""
        if self.files:
            return f"credits in {self.files[0]}"
        return "its credits came with it" if self.credits else NOBODY

    def as_dict(self) -> dict[str, Any]:
        return {"scores": self.scores, "credits": self.credits}


def facts(artist: Artist) -> Facts:
    """From the run that the artist lives in, or as they came with its file."""
    home = artist.home
    if home is None or not (home / logbook.NAME).is_file():
        scores, credits = artist.shared.get("scores"), artist.shared.get("credits")
        known = dict(scores) if isinstance(scores, dict) and isinstance(scores.get("ranked_by"), str) else {}
        return Facts(known, str(credits or ""), credited(home))
    judged = logbook.scored(logbook.all_judgements(logbook.log(home)))
    own = [row for row in judged if row["images"] == artist.images]
    found = credited(home)
    return Facts(figures(own[-1]) if own else {}, text(found), found)


def figures(row: Row) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if key not in LEFT_OUT and number(value) is not None}
    return kept | {key: row[key] for key in ("ranked_by", "against") if key in row}


def credited(home: Path | None) -> list[Path]:
    return [home / name for name in (PAGE, TABLE) if (home / name).is_file()] if home else []


def text(files: list[Path]) -> str:
    """Whole lines of the page; of a very long one the first."""
    if not files or files[0].name != PAGE:
        return ""
    with files[0].open("rb") as file:
        found = file.read(LONGEST + 1)
    if len(found) > LONGEST:
        found = found[:LONGEST].rpartition(b"\n")[0] + b"\n\nAnd more: the page is longer than travels with a file.\n"
    return found.decode("utf-8", errors="replace")
