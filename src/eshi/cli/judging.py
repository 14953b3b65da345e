"""judge, runs, report: what became of the trainings."""

from pathlib import Path

from eshi.cli.command import Arguments, Parser, Verb, show, verb


@verb
def judge(parser: Parser) -> Verb:
    """score runs, checkpoints and folders of images in one table"""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="RUN", help="run folders, checkpoints, folders of images"
    )
    parser.add_argument("--against", type=Path, metavar="FACES", help="real faces (those that the first run saw)")
    parser.add_argument("--count", type=int, default=500, help="drawings of each; compare only equal counts (500)")
    parser.add_argument("--features", default="lite0", help="lite0, which is built in, or inception, for FID and KID")
    parser.add_argument("--inception-weights", metavar="FILE", help="instead of downloading them once")

    def run(a: Arguments) -> None:
        from eshi.judging.compare import judge, table

        options = {"weights": str(a.inception_weights)} if a.inception_weights else {}
        found = judge(a.paths, a.against, "inception" if options else a.features, a.count, **options)
        show(a, table(found), **found)

    return run


@verb
def runs(parser: Parser) -> Verb:
    """list the runs with their states, lengths and scores"""
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"), help="where they lie (runs)")

    def run(a: Arguments) -> None:
        from eshi.run.logbook import runs, table

        found = runs(a.folder)
        show(a, table(found, a.folder), runs=found)

    return run


@verb
def report(parser: Parser) -> Verb:
    """write a run's report.html: curves, time-lapse, best against last"""
    parser.add_argument("run", type=Path, help="a run folder")

    def run(a: Arguments) -> None:
        from eshi.pages import run_report

        page = run_report(a.run)
        show(a, f"look at {page}", report=page)

    return run
