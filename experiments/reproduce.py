"""Run the commands of an experiment again and compare its tables with the committed ones; needs only python3.

python3 experiments/reproduce.py feedback-urns
python3 experiments/reproduce.py portland-nij calls.parquet districts.zip
python3 experiments/reproduce.py toronto-weekly --tolerance 1e-4

Files that an experiment needs follow its name, in the order of the names in capitals in its commands. The committed
files stay as they are; the new ones are in outputs/reproduce/<experiment>. The exit code is 1 if a table differs by
more than the tolerance, or if no table was written. A table that the commands did not write is not compared.
"""

import argparse
import csv
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ROOT / "experiments"
TOLERANCE = 1e-6  # relative; other processors round sums in another order
VENV = ".venv/bin/python"
RUN = f"{VENV} experiments/{{}}/run.py"
COMMANDS = {  # of each experiment, in order; words in capitals are files of the user
    "borrowed-strength": tuple(
        f"{RUN.format('borrowed-strength')} {word}" for word in ("PATH", "confirm PATH", "fresh PATH")
    ),
    "chicago-daily": (f"{RUN.format('chicago-daily')} data.path=EVENTS",),
    "cut-city": (RUN.format("cut-city"),),
    "default-forecaster": tuple(
        f"{RUN.format('default-forecaster')} {word}"
        for word in ("PATH", "test", "etas PATH", "zeros PATH", "log PATH", "leads")
    ),
    "feedback-forecasters": (RUN.format("feedback-forecasters"),),
    "feedback-urns": (RUN.format("feedback-urns"),),
    "gate-cases": (f"{RUN.format('gate-cases')} PATH",),
    "group-regression": (f"{RUN.format('group-regression')} PATH",),
    "monitoring-toronto": (f"{RUN.format('monitoring-toronto')} PEOPLE",),
    "oakland-exposure": (f"{RUN.format('oakland-exposure')} PATH",),
    "portland-nij": (f"{RUN.format('portland-nij')} data.path=CALLS grid.area=DISTRICTS",),
    "predpol-markup": (f"{RUN.format('predpol-markup')} PATH",),
    "price-of-equity": (f"{RUN.format('price-of-equity')} EVENTS PEOPLE",),
    "quantile-lightgbm": (RUN.format("quantile-lightgbm"),),
    "real-cities": (f"{RUN.format('real-cities')} PATH",),
    "simulated-city": (
        "python3 tasks.py ilp preregister experiment=simulated-city "
        "rule_choice='top areas, as a plain rule to compare with'",
        "python3 tasks.py weekly experiment=simulated-city",
        "python3 experiments/update_tables.py outputs/weekly/latest",
    ),
    "simulated-hawkes": (
        f"{VENV} experiments/simulated-hawkes/recover.py",
        "python3 tasks.py ilp compare experiment=simulated-hawkes",
        "python3 experiments/update_tables.py outputs/compare/latest",
        f"{VENV} experiments/simulated-hawkes/attained.py",
    ),
    "planted-effects": (RUN.format("planted-effects"),),
    "seattle-dmi": (f"{RUN.format('seattle-dmi')} PATH",),
    "strategic-horizons": (f"{RUN.format('strategic-horizons')} PATH",),
    "toronto-burglary-vs-peers": (RUN.format("toronto-burglary-vs-peers"),),
    "toronto-weekly": (
        "python3 tasks.py ilp compare experiment=toronto-weekly",
        "python3 experiments/update_tables.py outputs/compare/latest",
        f"{VENV} experiments/toronto-weekly/left.py outputs/compare/latest",
    ),
    "trial-power-toronto": (RUN.format("trial-power-toronto"),),
    "wdd-published": (f"{RUN.format('wdd-published')} COUNTS HARM",),
    "zero-inflation": (RUN.format("zero-inflation"),),
}
PLACEHOLDER = re.compile(r"\b[A-Z]{4,}\b")
MEASURED = re.compile(r"seconds|minutes|peak_mb|memory|^when$|^who$|^code$|^run$")  # differ on each machine
RECORD = "trials.csv"  # grows with each run


def main(words: list[str]) -> int:
    """Run an experiment again and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=sorted(COMMANDS))
    parser.add_argument("files", nargs="*", help="files of the user, in the order of the names in capitals")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="largest relative difference")
    options = parser.parse_args(words)
    try:
        commands = fill(COMMANDS[options.experiment], options.files)
    except ValueError as error:
        parser.error(str(error))
    slug = options.experiment
    written = [EXPERIMENTS / slug, ROOT / "README.md", ROOT / "docs" / "images" / f"{slug}.png"]
    new, kept = ROOT / "outputs" / "reproduce" / slug, ROOT / "outputs" / "reproduce" / f".{slug}-committed"
    for folder in (new, kept):
        shutil.rmtree(folder, ignore_errors=True)
    copy(written, kept)
    before = write_times(slug)
    try:
        for command in commands:
            show(f"$ {shlex.join(command)}")
            subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # noqa: S603
        copy([EXPERIMENTS / slug], new.parent)
        old = {name for name, moment in write_times(slug).items() if before.get(name) == moment}
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"reproduce.py: {error}\n")
        return 1
    finally:
        restore(written, kept)
    tables, found = compare(kept / slug, new, options.tolerance, old)
    shutil.rmtree(kept)
    beyond = f"{len(found)} differences beyond {options.tolerance:g}"
    show(*found, *(f"{name}: not compared, because no command wrote it" for name in sorted(old)))
    show(f"{slug}: {tables} tables compared, {beyond}. New files: {new}")
    return 1 if found or (old and not tables) else 0


def show(*lines: str) -> None:
    """Write lines to the terminal at once, before a command writes its own."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def fill(commands: Sequence[str], files: Sequence[str]) -> list[list[str]]:
    """Return commands as words, with the files of the user in them; ValueError if one is missing."""
    names = list(dict.fromkeys(name for command in commands for name in PLACEHOLDER.findall(command)))
    if len(names) != len(files):
        wanted = ", ".join(names) or "no file"
        message = f"this experiment needs {wanted}, and {len(files)} were given"
        raise ValueError(message)
    for file in (file for file in files if not Path(file).exists()):
        message = f"{file} does not exist"
        raise ValueError(message)
    given = dict(zip(names, (str(Path(file).absolute()) for file in files), strict=True))
    python = str(ROOT / VENV) if (ROOT / VENV).exists() else sys.executable
    paths = {VENV: python, "python3": sys.executable}
    return [
        [paths.get(word, PLACEHOLDER.sub(lambda found: given[found[0]], word)) for word in shlex.split(command)]
        for command in commands
    ]


def write_times(slug: str) -> dict[str, int]:
    """Return when each table of an experiment was written: a table that a run leaves alone proves nothing."""
    return {path.name: path.stat().st_mtime_ns for path in (EXPERIMENTS / slug).glob("*.csv") if path.name != RECORD}


def copy(paths: Sequence[Path], into: Path) -> None:
    """Copy files and folders that exist."""
    into.mkdir(parents=True, exist_ok=True)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, into / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file():
            shutil.copyfile(path, into / path.name)


def restore(paths: Sequence[Path], kept: Path) -> None:
    """Put the committed files back, except for the record of trials."""
    for path in paths:
        same = [one for one in (kept / path.name).rglob("*") if one.is_file()] if path.is_dir() else [kept / path.name]
        for one in (one for one in same if one.is_file() and one.name != RECORD):
            shutil.copyfile(one, path / one.relative_to(kept / path.name) if path.is_dir() else path)


def compare(committed: Path, new: Path, tolerance: float, old: Collection[str]) -> tuple[int, list[str]]:
    """Return how many tables were compared, all but the old ones, and a line for each difference."""
    names = sorted(path.name for path in committed.glob("*.csv") if path.name not in {RECORD, *old})
    found: list[str] = []
    for name in names:
        if (new / name).is_file():
            found += differences(name, _rows(committed / name), _rows(new / name), tolerance)
        else:
            found.append(f"{name}: is missing")
    return len(names), found


def differences(name: str, old: list[list[str]], new: list[list[str]], tolerance: float) -> Iterator[str]:
    """Yield a line for each cell that differs: numbers by more than the tolerance, texts at all."""
    if old[:1] != new[:1] or len(old) != len(new):
        yield f"{name}: {len(old)} lines with the columns {old[:1]}, now {len(new)} with {new[:1]}"
        return
    for number, (then, now) in enumerate(zip(old[1:], new[1:], strict=True), start=2):
        for column, one, other in zip(old[0], then, now, strict=False):
            if not MEASURED.search(column) and not is_equal(one, other, tolerance):
                yield f"{name}, line {number}, {column}: {one}, now {other}"


def is_equal(one: str, other: str, tolerance: float) -> bool:
    """Return whether two cells agree: as texts, or as numbers within the tolerance."""
    if one == other:
        return True
    try:
        return math.isclose(float(one), float(other), rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    except ValueError:
        return False


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
