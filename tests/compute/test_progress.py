from pathlib import Path
from types import SimpleNamespace

import nbformat
from nbclient import NotebookClient

from ilp_models.compute import progress


def test_without_a_terminal_progress_is_logged(monkeypatch):
    said = []
    monkeypatch.setattr(progress._LOG, "info", lambda text, *parts: said.append(text % parts))
    clock = iter([0.0, 10.0, 31.0, 32.0, 70.0])
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: False, raising=False)
    assert list(progress.show_progress("abcd", 4, "spelling")) == list("abcd")
    assert said == ["spelling: 2 of 4, about 31 s left", "spelling: 4 of 4, about 0 s left"]


def run_cell(code, folder):
    """Return what a cell of a notebook writes to stderr."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(cwd=folder)
    (cell,) = notebook.cells
    return "".join(output.text for output in cell.outputs if output.get("name") == "stderr")


def test_jupyter_shows_a_plain_progress_bar_without_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    shown = run_cell(
        "import ilp_models.explain.trees\n"  # SHAP imports progress bars made of widgets
        "from ilp_models.compute.progress import show_progress\n"
        "assert list(show_progress('ab', 2, 'spelling')) == ['a', 'b']",
        tmp_path,
    )
    assert shown.lstrip("\r").startswith("spelling")
    assert "Warning" not in shown


def test_terminal_shows_a_progress_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress.show_progress("ab", 2, "spelling")) == ["a", "b"]
    assert "spelling" in capsys.readouterr().err
