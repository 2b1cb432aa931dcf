"""The notebooks: short, stored with their outputs, and equal to what the code gives now."""

import importlib.util
import re
from html.parser import HTMLParser

import nbformat
import pytest
from pages import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[+-]?\d+)?")
DIGITS = 2  # significant digits: other processors differ in later ones
PRIVATE = re.compile(r"/(?:home|root|tmp|Users|work)/|\b20(?:2[4-9]|[3-9]\d)-\d\d-\d\d")  # paths and times of the run


class Cells(HTMLParser):
    """Collect the text of an HTML table."""

    def __init__(self, markup):
        super().__init__()
        self.text = []
        self.feed(re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL))

    def handle_data(self, data):
        """Add a piece of text."""
        self.text += data.split()


def load_script():
    spec = importlib.util.spec_from_file_location("execute", ROOT / "notebooks" / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def rounded(text):
    return NUMBER.sub(lambda found: f"{float(found[0]):.{DIGITS - 1}e}", text)


def shown(output):
    """Return the kind of an output and its text, with rounded numbers; figures have no text."""
    data = output.get("data", {})
    if "image/png" in data:
        return "figure", ""
    if "text/html" in data:
        return "table", rounded(" ".join(Cells(data["text/html"]).text))
    return output.output_type, rounded(output.get("text", data.get("text/plain", "")))


def test_there_are_three_notebooks():
    names = ["compare_forecasting_methods", "make_a_weekly_risk_grid", "review_fairness_and_explanation"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_short_and_stored_with_their_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) < 15
    assert notebook.cells[0].source.startswith("# ")
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}  # no warnings
    assert {output.output_type for output in outputs} <= {"stream", "display_data", "execute_result"}
    assert PRIVATE.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_give_their_stored_outputs(path):
    stored, now = nbformat.read(path, as_version=4), load_script().execute(path)
    for number, (before, after) in enumerate(zip(code_cells(stored), code_cells(now), strict=True), 1):
        advice = f"code cell {number} of {path.name}; run .venv/bin/python notebooks/execute.py"
        assert list(map(shown, after.outputs)) == list(map(shown, before.outputs)), advice
