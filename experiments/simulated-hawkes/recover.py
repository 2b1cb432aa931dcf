"""Fit `etas` to simulated cities of three sizes and set its parameters beside the truth; needs the package.

python3 experiments/simulated-hawkes/recover.py    writes recovery.csv and the table of README.md beside it

A size is fitted in a process of its own, so that its memory is its own. Seconds are those of one processor.
"""

import csv
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
SIZES = (10_000, 30_000, 100_000)
TRUTH = {"offspring": 0.3, "mean_days": 7.0, "metres": 150.0}
COLUMNS = ("events", "name", "truth", "estimate", "standard_error", "relative_error", "seconds", "megabytes")
MARKED = re.compile(r"(<!-- recovery -->\n).*?(<!-- end of recovery -->)", re.DOTALL)


def main(words: list[str]) -> int:
    """Return an exit code, having written the results of all sizes, or printed those of one."""
    if words:
        csv.DictWriter(sys.stdout, COLUMNS).writerows(fitted(int(words[0])))
        return 0
    python = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    interpreter = str(python) if python.exists() else sys.executable
    rows = []
    for size in SIZES:
        command = [interpreter, str(Path(__file__).resolve()), str(size)]
        single = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, env=single, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
        rows += list(csv.DictReader(done.stdout.splitlines(), COLUMNS))
    with (FOLDER / "recovery.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    page = FOLDER / "README.md"
    text = MARKED.sub(lambda found: f"{found[1]}{table(rows)}{found[2]}", page.read_text(encoding="utf-8"))
    page.write_text(text, encoding="utf-8")
    return 0


def fitted(size: int) -> list[dict[str, object]]:
    """Return what was learned from a city with about this many incidents in five years."""
    sys.path.insert(0, str(ROOT))
    from ilp_models.data.simulated import SimulatedCity  # noqa: PLC0415 - the parent process needs only python3
    from ilp_models.data.simulated_rates import SimulatedType  # noqa: PLC0415
    from ilp_models.domain.calendar import Calendar  # noqa: PLC0415
    from ilp_models.domain.history import History  # noqa: PLC0415
    from ilp_models.grid.square import Squares  # noqa: PLC0415
    from ilp_models.model.etas import Etas  # noqa: PLC0415

    kind = SimulatedType(yearly=size / 5, season=0.2, **TRUTH)
    events, _ = SimulatedCity(crime_types={"incident": kind}, reporting_rate=1.0).read()
    history = History.at(events.end, events, Squares(500).build(events), Calendar())
    before = time.process_time()
    model = Etas(background_metres=100, least_delay=0).fit(history)
    seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = []
    for line in model.parameters_.head(len(TRUTH)).to_dict("records"):
        truth = TRUTH[line["name"]]
        values = (truth, line["value"], line["standard_error"], line["value"] / truth - 1, seconds, peak)
        shown = [f"{value:.4g}" for value in values[:4]] + [f"{value:.0f}" for value in values[4:]]
        rows.append(dict(zip(COLUMNS, [len(events), line["name"], *shown], strict=True)))
    return rows


def table(rows: list[dict[str, str]]) -> str:
    """Return the results as Markdown."""
    head = "| events | parameter | truth | estimate (standard error) | relative error | CPU seconds | peak memory |"
    lines = ["", head]
    lines += ["|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = (
            f"{int(row['events']):,}",
            f"`{row['name']}`",
            row["truth"],
            f"{row['estimate']} ({row['standard_error']})",
            f"{float(row['relative_error']):+.1%}",
            row["seconds"],
            f"{row['megabytes']} MB",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
