"""Reports: one self-contained HTML page each, made to be looked at. Pictures lie in the page, nothing is fetched."""

from eshi.pages.faces import faces_report
from eshi.pages.labels import labels_report
from eshi.pages.run import run_report

__all__ = ["faces_report", "labels_report", "run_report"]
