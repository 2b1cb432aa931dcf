"""The task `intake`: suggest the settings of records in seconds, and write them as an option of ``data``."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pyproj import Transformer

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.suggestion import SuggestedSettings, Suggestion
from ilp_models.pipeline.data_settings import TrialRead, suggest_data_settings, try_settings
from ilp_models.pipeline.outputs import INTAKE, write_json
from ilp_models.report.intake_page import IntakeEvidence, RecordMap, write_intake_page
from ilp_models.report.page import write_text_file

_MAP_CELLS: Final = 60  # along the longer side of the map
_SMALLEST_CELL_M: Final = 250
_ENOUGH_WEEKS: Final = 104  # for the default methods and test periods
_ENOUGH_MONTHS: Final = 60
_DAYS_A_MONTH: Final = 30.44


def run(
    *,
    path: str | Sequence[str],
    data: Mapping[str, Any],
    near: Sequence[float] | None,
    save_as: str | None,
    config_dir: str,
    folder: Path,
) -> str:
    """Write the suggested settings, the quality report and a page with a map, and return a summary."""
    trial = try_settings(suggest_data_settings(path, near=near, **dict(data)))
    name = option_name(path if isinstance(path, str) else path[0], save_as)
    saved, note = save_settings(trial.suggested, Path(config_dir), name, folder)
    report = trial.report
    if report is not None:
        write_json(folder / INTAKE, report.to_dict())
    command, short = next_command(trial, config_dir, name)
    evidence = IntakeEvidence(
        suggested=trial.suggested,
        report=report,
        problem=trial.problem,
        saved=str(saved),
        next_command=command,
        short=short,
        records=None if trial.events is None else count_squares(trial.events),
    )
    page = write_intake_page(folder, evidence)
    return "\n".join([*summary_lines(evidence), *note, f"Page: {page}"])


def option_name(path: str, save_as: str | None) -> str:
    """Return the name of the option: as given, or from the name of the file."""
    if save_as is not None:
        if not re.fullmatch(r"[A-Za-z]\w*", str(save_as)):
            msg = f"save_as={save_as} cannot be the name of an option. Use letters, digits and underscores."
            raise InputError(msg)
        return str(save_as)
    stem = re.sub(r"\W+", "_", Path(path.rstrip("/*")).name.partition(".")[0].lower()).strip("_")
    return f"my_{stem or 'records'}"


def save_settings(suggested: SuggestedSettings, config_dir: Path, name: str, folder: Path) -> tuple[Path, list[str]]:
    """Write the YAML file into the run folder and into the folder of options.

    A file that an earlier intake wrote is replaced, unless it was changed since.
    """
    text, target = suggested.to_yaml(), config_dir / "data" / f"{name}.yaml"
    earlier = {path.read_text(encoding="utf-8") for path in folder.parent.glob(f"*/{name}.yaml")}
    copy = write_text_file(folder / f"{name}.yaml", text)
    if target.exists() and target.read_text(encoding="utf-8") not in {text, *earlier}:
        return target, [f"{target} was changed by hand, so it stays; the new settings are in {copy}"]
    return write_text_file(target, text), []


def next_command(trial: TrialRead, config_dir: str, name: str) -> tuple[str, str]:
    """Return the command that makes the first grid, and a note where short records need simple methods."""
    words = ["ilp weekly", f"--config-dir {shlex.quote(config_dir)}", f"data={name}"]
    report = trial.report
    if report is None or report.start is None or report.end is None:
        return " ".join(words), ""
    unit, enough, periods = "weeks", _ENOUGH_WEEKS, (report.end - report.start).days // 7
    if report.resolution == "month":
        words.append("experiment=monthly")
        unit, enough, periods = "months", _ENOUGH_MONTHS, round((report.end - report.start).days / _DAYS_A_MONTH)
    if periods >= enough:
        return " ".join(words), ""
    tested = max(periods // 4, 1)
    words += ["'model=[moving_average,ewma]'", "forecaster=ewma", f"backtest.test_periods={tested}"]
    note = (
        f"{periods} {unit} of records are short of {enough}: the command uses simple methods and {tested} test {unit}."
    )
    return " ".join(words), note


def count_squares(events: Events) -> RecordMap:
    """Return the records in squares of one size, for one map of the whole span."""
    x, y = events.table["x"].to_numpy(), events.table["y"].to_numpy()
    reach = max(float(np.ptp(np.quantile(values, [0.01, 0.99]))) for values in (x, y))
    side = max(_SMALLEST_CELL_M, int(np.ceil(reach / _MAP_CELLS / 50) * 50))
    corners, counts = np.unique(np.column_stack([x, y]) // side, axis=0, return_counts=True)
    to_degrees = Transformer.from_crs(events.crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(np.median(x), np.median(y))
    return RecordMap(corners * side, counts, float(side), (float(latitude), float(longitude)))


def summary_lines(evidence: IntakeEvidence) -> list[str]:
    """Return at most 14 lines: the result, the open questions, the guesses to look at, and the next command."""
    suggested, report = evidence.suggested, evidence.report
    questions = suggested.questions
    rows = f"{suggested.rows:,} rows read"
    if report is not None and report.start is not None:
        span = f"{report.start:%Y-%m-%d} to {report.end:%Y-%m-%d}"
        rows = f"{report.rows_kept:,} of {report.rows_read:,} rows can be used, {span}"
    state = {0: "All settings were found", 1: "One question is open"}.get(
        len(questions), f"{len(questions)} questions are open"
    )
    lines = [f"{state}: {rows}."]
    for one in questions[:3]:
        lines.append(f"  OPEN {_where(evidence, one)}: {_short(one.explanation)}")
    if evidence.problem and not questions:
        lines.append(f"  A run would stop: {_short(evidence.problem)}")
    looked = [one for one in suggested.suggestions if one.confidence == "check"]
    for one in looked[:4]:
        lines.append(f"  look at {_where(evidence, one)}: {_short(one.reason)}")
    if len(looked) > 4:
        lines.append(f"  ... and {len(looked) - 4} more marked `check` in the file")
    if evidence.short:
        lines.append(f"  {evidence.short}")
    if suggested.person_columns:
        lines.append(f"  Never read (personal data by name): {_short(', '.join(suggested.person_columns))}")
    verb = "Answer, then run" if questions else "Next"
    return [*lines, f"Settings: {evidence.saved}", f"{verb}: {evidence.next_command}"]


def _where(evidence: IntakeEvidence, one: Suggestion) -> str:
    return f"{one.setting} (line {evidence.suggested.line_of(one.setting)})"


def _short(text: str) -> str:
    return text if len(text) <= 150 else f"{text[:147]}..."
