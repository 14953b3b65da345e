"""The notebook runs from top to bottom, on a run that learned nothing."""

from pathlib import Path

import pytest
from untrained import kept, made

TOUR = Path(__file__).parent.parent / "examples" / "tour.ipynb"


@pytest.mark.slow
def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="the notebook needs nbformat, nbclient and ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="the notebook needs nbformat, nbclient and ipykernel")
    run = kept(made(), tmp_path / "run")
    for name, value in {"ESHI_TOUR": str(run), "ESHI_TOUR_COUNT": "120", "ESHI_TOUR_STEPS": "10"}.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(TOUR, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # kept without its pictures
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pictures = [output for cell in shown for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 8
    assert (run / "walk.webp").exists()
    assert (run / "directions.png").exists()
