"""The tour, executed as a notebook on a small run of a simulated city."""

import json

import jupytext
import pytest
from nbclient import NotebookClient
from pages import ROOT

TOUR = ROOT / "notebooks" / "tour.py"


@pytest.mark.slow
def test_the_tour_shows_what_is_in_the_files(run, tmp_path, monkeypatch):
    monkeypatch.setenv("ILP_RUN", str(run))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    for variable in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    notebook = jupytext.read(TOUR)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute(cwd=str(tmp_path))
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    words = "".join(output.get("text", "") for output in shown)
    decision = json.loads((run / "decision.json").read_text())
    assert "WITHHELD" in words
    assert all(reason in words for reason in decision["reasons"])
    assert "Decided on this forecast: True" in words
    assert sum("image/png" in output.get("data", {}) for output in shown) == 3
    assert [output for output in shown if output.output_type == "stream" and output.name == "stderr"] == []


def test_the_tour_reads_and_does_not_forecast():
    code = "\n".join(cell.source for cell in jupytext.read(TOUR).cells if cell.cell_type == "code")
    assert "def " not in code
    assert not any(name in code for name in (".fit(", ".predict(", "ilp_models.pipeline", "ilp_models.model"))
