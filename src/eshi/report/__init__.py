"""Reports: one self-contained HTML page each, made to be looked at. Pictures lie in the page, nothing is fetched."""

from eshi.report.faces import faces_report
from eshi.report.run import run_report

__all__ = ["faces_report", "run_report"]
