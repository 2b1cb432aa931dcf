"""One case in a process of its own: `python -m benchmarks.case NAME FILE [--quick]` writes its rows to a file."""

import importlib
import json
import sys
from pathlib import Path

from benchmarks.figure import NotMeasuredError


def main(name: str, file: str, *options: str) -> int:
    """Return 0 after writing the rows of a case, or the word for what it misses.

    Parameters
    ----------
    name : str
        Module of ``benchmarks.cases``.
    file : str
        Where to write them, as JSON.
    *options : str
        ``--quick`` for tiny sizes, on which no goal is judged.

    Returns
    -------
    int
        Exit code.
    """
    quick = "--quick" in options
    try:
        figures = importlib.import_module(f"benchmarks.cases.{name}").measure(quick=quick)
    except NotMeasuredError as error:
        Path(file).write_text(json.dumps({"missing": str(error)}), encoding="utf-8")
        return 0
    rows = [figure.to_dict(judged=not quick) for figure in figures]
    Path(file).write_text(json.dumps({"rows": rows}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
