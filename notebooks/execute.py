"""Execute the notebooks and store their outputs.

.venv/bin/python notebooks/execute.py                             all notebooks
.venv/bin/python notebooks/execute.py make_a_weekly_risk_grid     one of them

Figures are stored as PNG images and tables as HTML. Nothing that changes from run to run is stored: no times, no paths.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
QUIET = {"TQDM_DISABLE": "1"}  # a progress bar shows times
TIMEOUT_S = 600


def main(names: list[str]) -> int:
    """Execute the named notebooks, all by default, and write their outputs."""
    for name in names or sorted(path.stem for path in FOLDER.glob("*.ipynb")):
        path = FOLDER / f"{name}.ipynb"
        nbformat.write(execute(path), path)
        print(f"Executed {path.name}")
    return 0


def execute(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with new outputs; it runs in a temporary folder."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder, environment(folder):
        client = NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3", record_timing=False)
        client.execute(cwd=folder)
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
    return notebook


@contextmanager
def environment(folder: str):
    """Set one thread, figures in the notebook, this checkout of the package, and temporary folders of Jupyter."""
    before = dict(os.environ)
    jupyter = {name: f"{folder}/{name}" for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    here = {"PYTHONPATH": str(FOLDER.parent), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    os.environ.update({**ONE_THREAD, **QUIET, **jupyter, **here})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
