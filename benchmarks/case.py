"""Run one case in a separate process: `python -m benchmarks.case NAME FILE [--quick]` writes its rows to a file."""

import importlib
import json
import sys
from pathlib import Path

from benchmarks.figure import NotMeasuredError


def main(name: str, file: str, *options: str) -> int:
    """Write the rows of a case, or what it needs and does not find, and return 0."""
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
