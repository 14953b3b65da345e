"""What became of the trainings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from eshi.ground.errors import EshiError
from eshi.verbs.verb import About, verb


@dataclass
class Judged:
    """`rows`, best first: every metric by name, each with its noise. Distances bear the name of their network."""

    against: str
    size: list[int]
    count: int
    ranked_by: str
    rows: list[dict[str, Any]]
    named: list[str]  # of runs whose last step was judged only now: what came of it
    obeys: dict[str, Any]  # of runs that learned from labels: how well they show what they are asked for

    def text(self) -> str:
        from eshi.judging.compare import table

        return table(vars(self))


@verb("judge", "eshi judge runs/one runs/two drawings/ --against faces/")
def judge(
    runs: Annotated[
        Sequence[Path | str] | Path | str,
        About("run folders, checkpoints, folders of images", metavar="RUN", many=True),
    ],
    *,
    against: Annotated[
        Path | str | None, About("real faces to compare with", "those that the first run saw", metavar="FACES")
    ] = None,
    count: Annotated[int, About("drawings of each; compare only equal counts")] = 500,
    features: Annotated[
        str, About("lite0, which is built in, or inception, for FID and KID", metavar="NAME")
    ] = "lite0",
    inception_weights: Annotated[Path | str | None, About("of inception", "downloaded once", metavar="FILE")] = None,
) -> Judged:
    """score runs, checkpoints and folders of images in one table"""
    from eshi.judging.compare import judge

    options = {"weights": str(inception_weights)} if inception_weights else {}
    paths = [runs] if isinstance(runs, Path | str) else list(runs)
    return Judged(**judge(paths, against, "inception" if options else features, count, **options))


@dataclass
class Runs:
    """One row a run, the one that changed last first."""

    runs: list[dict[str, Any]]

    def text(self) -> str:
        from eshi.run.logbook import table

        return table(self.runs)


@verb("judge", "eshi runs")
def runs(
    folders: Annotated[
        Sequence[Path | str] | Path | str, About("where they lie, up to two levels deep", metavar="FOLDER", many=True)
    ] = ("runs", "demo"),
) -> Runs:
    """list the runs with their states, lengths and scores"""
    from eshi.run.logbook import runs

    places = [folders] if isinstance(folders, Path | str) else folders
    rows = {row["run"]: row for place in places for row in runs(place)}
    if not rows:
        where = " or ".join(map(str, places))
        raise EshiError(f"there is no run in {where}", "eshi runs FOLDER looks elsewhere; eshi train FACES makes one")
    return Runs(sorted(rows.values(), key=lambda row: -row["changed"]))


@dataclass
class Reported:
    report: Path

    def text(self) -> str:
        return f"look at {self.report}"


@verb("judge", "eshi report runs/dcgan-64-faces")
def report(run: Annotated[Path | str, About("a run folder")]) -> Reported:
    """write a run's report.html: curves, time-lapse, best against last"""
    from eshi.pages import run_report

    return Reported(run_report(Path(run)))
