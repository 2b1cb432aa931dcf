"""Run the benchmarks, print their table and write outputs/bench.json: `python3 tasks.py bench`."""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from ilp_models.pipeline.study import git_commit

ROOT: Final = Path(__file__).resolve().parents[1]
CASES: Final = {
    "start_up": "import and help",
    "features": "feature building against training",
    "fit_memory": "memory of a fit, as shipped and on all units",
    "backtest": "a whole backtest against bare LightGBM",
    "baseline": "the ewma baseline on a large panel",
    "kernel": "kernel methods against loops over events",
    "point_process": "a self-exciting process on a year and on all records",
    "scoring": "scoring and bootstrap",
    "intake": "intake of a million records",
    "large_file": "memory of reading a national file",
    "group_measures": "measures of groups with three intervals",
    "allocation": "allocations under constraints",
    "explaining": "attributions against LightGBM's own",
    "map": "the interactive map in a browser",
    "main_job": "ilp weekly on the bundled records",
    "hot_spots": "hot spots of 50,000 cells in 52 weeks",
    "near_repeats": "near repeats of 100,000 events",
    "field_trial": "power and evaluation of a field trial",
    "nation": "a nation of many jurisdictions",
    "accuracy": "accuracy of experiments/toronto-weekly",
}
_LIBRARIES: Final = ("numpy", "pandas", "xarray", "scipy", "scikit-learn", "lightgbm", "pyarrow")
_AS_THE_PROGRAM: Final = {
    "OMP_WAIT_POLICY": "passive",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MALLOC_MMAP_THRESHOLD_": str(2 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
}


def main(words: list[str]) -> int:
    """Return 0 if every case ran and every checked goal holds, else 1."""
    options = parse(words)
    circumstances = describe(quick=options.quick)
    names = options.only or list(CASES)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(names, start=1):
        print(f"[{place}/{len(names)}] {CASES[name]}", file=sys.stderr, flush=True)
        started = time.monotonic()
        rows.extend({**row, "case": name, **circumstances} for row in run_case(name, quick=options.quick))
        print(f"    {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print(table(rows))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(any(row["holds"] is False for row in rows))


def parse(words: list[str]) -> argparse.Namespace:
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(prog="python3 tasks.py bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, only to see that all runs; judges no goal")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "bench.json", help="where to write the rows")
    return parser.parse_args(words)


def run_case(name: str, *, quick: bool) -> list[dict[str, Any]]:
    """Return the rows of one case, measured in a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "benchmarks.case", name, str(file), *(["--quick"] if quick else [])]
        code = subprocess.call(command, cwd=ROOT, env={**_AS_THE_PROGRAM, **os.environ}, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if "rows" in found:
        return list(found["rows"])
    if "missing" in found:
        return [_empty(name, holds=None, note=f"not measured: {found['missing']}")]
    return [_empty(name, holds=False, note=f"failed with exit code {code}; the reason stands above")]


def _empty(name: str, *, holds: bool | None, note: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("figure", "reference", "ratio"))
    return {"name": CASES[name], **nothing, "goal": "", "holds": holds, "unit": "", "against": "", "n": 0, "note": note}


def describe(*, quick: bool) -> dict[str, Any]:
    """Return time, machine, commit and versions of the measurement."""
    return {
        "measured": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "quick": quick,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_before": round(os.getloadavg()[0], 1),
        "commit": git_commit(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text."""
    head = ("name", "figure", "reference", "ratio", "goal", "holds")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    told = [f"{row['name']}: {_told(row)}" for row in rows]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*shown, "", *told])


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    values = [_number(row["figure"], row["unit"]), _number(row["reference"], row["unit"]), _number(row["ratio"])]
    return row["name"], *values, row["goal"], {True: "yes", False: "NO", None: "-"}[row["holds"]]


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.3g} {unit}".rstrip()


def _told(row: dict[str, Any]) -> str:
    against, size = (f"against {row['against']}" if row["against"] else ""), (f"n = {row['n']}" if row["n"] else "")
    return "; ".join(filter(None, (against, row["note"], size)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
