"""Fit point processes to simulated cities of three sizes and compare parameters with the truth.

.venv/bin/python experiments/simulated-hawkes/recover.py    writes recovery.csv and the table of README.md

Each fit has a process of its own, so that its memory is its own. Seconds are those of one processor.
"""

import csv
import itertools
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import ilp_models as ilp
from ilp_models.data.simulated.rates import SimulatedType

FOLDER = Path(__file__).resolve().parent
SIZES = (10_000, 30_000, 100_000)
METHODS = ("etas", "self_exciting")
CITIES = {"uneven": {}, "even": {"centres": 0, "roughness": 0.0, "composition_risk": 0.0}}
TRUTH = {"offspring": 0.3, "mean_days": 7.0, "metres": 150.0}
SAME = {"offspring": "offspring", "mean_days": "mean_delay_days", "metres": "spread_m"}  # names of self_exciting
COLUMNS = (
    "method",
    "city",
    "events",
    "name",
    "truth",
    "estimate",
    "standard_error",
    "relative_error",
    "seconds",
    "megabytes",
)
MARKED = re.compile(r"(<!-- recovery -->\n).*?(<!-- end of recovery -->)", re.DOTALL)


def main(words: list[str]) -> int:
    """Return an exit code, having written the results of all fits, or printed those of one."""
    if words:
        csv.DictWriter(sys.stdout, COLUMNS).writerows(fitted(words[0], words[1], int(words[2])))
        return 0
    rows = []
    for method, city, size in itertools.product(METHODS, CITIES, SIZES):
        command = [sys.executable, str(Path(__file__).resolve()), method, city, str(size)]
        single = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, env=single, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
        rows += list(csv.DictReader(done.stdout.splitlines(), COLUMNS))
        sys.stderr.write(f"{method}, {city} city, {size:,} incidents\n")
    with (FOLDER / "recovery.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: f"{found[1]}{table(rows)}{found[2]}", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")
    return 0


def fitted(method: str, city: str, size: int) -> list[dict[str, object]]:
    """Return what a method learned from a city with about this many incidents in five years."""
    kind = SimulatedType(yearly=size / 5, season=0.2, **TRUTH)
    events = ilp.SimulatedCity(crime_types={"incident": kind}, reporting_rate=1.0, **CITIES[city]).read()
    history = ilp.History.from_events(events.end, events, ilp.SquareGrid(500).build(events), ilp.Calendar())
    learn = {"etas": _etas, "self_exciting": _self_exciting}[method]
    before = time.process_time()
    learned = learn(history)
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = []
    for name, truth in TRUTH.items():
        value, error = learned[name]
        shown = [f"{number:.4g}" for number in (truth, value, error, value / truth - 1)]
        shown += [f"{number:.0f}" for number in (seconds, peak)]
        rows.append(dict(zip(COLUMNS, [method, city, len(events), name, *shown], strict=True)))
    return rows


def _etas(history: ilp.History) -> dict[str, tuple[float, float]]:
    model = ilp.ETAS(background_metres=100, least_delay=0, holdout=1).fit(history)
    lines = model.parameters_.head(len(TRUTH)).to_dict("records")
    return {line["name"]: (line["value"], line["standard_error"]) for line in lines}


def _self_exciting(history: ilp.History) -> dict[str, tuple[float, float]]:
    model = ilp.SelfExciting(least_delay="0 days", holdout=1).fit(history)
    line = model.parameters_.iloc[0]
    return {name: (line[same], float("nan")) for name, same in SAME.items()}


def table(rows: list[dict[str, str]]) -> str:
    """Return the results as Markdown."""
    names = (
        "method",
        "city",
        "events",
        "parameter",
        "truth",
        "estimate",
        "relative error",
        "CPU seconds",
        "peak memory",
    )
    lines = ["", f"| {' | '.join(names)} |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        error = "" if row["standard_error"] == "nan" else f" ({row['standard_error']})"
        cells = (
            f"`{row['method']}`",
            row["city"],
            f"{int(row['events']):,}",
            f"`{row['name']}`",
            row["truth"],
            f"{row['estimate']}{error}",
            f"{float(row['relative_error']):+.1%}",
            row["seconds"],
            f"{row['megabytes']} MB",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
