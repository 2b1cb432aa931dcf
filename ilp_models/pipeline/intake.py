"""The task `intake`: suggest the settings of records in seconds, and write them as an option of ``data``."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from pyproj import Transformer

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.data.label_screening import AreaLabelsError
from ilp_models.data.suggestions.preview import read_preview
from ilp_models.data.suggestions.suggest import suggest_settings
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeError, IntakeReport
from ilp_models.domain.suggestion import SuggestedSettings, Suggestion
from ilp_models.pipeline.outputs import INTAKE, write_json
from ilp_models.report.intake_page import IntakeEvidence, RecordMap, write_intake_page
from ilp_models.report.page import write_text_file

_MAP_CELLS: Final = 60  # along the longer side of the map
_SMALLEST_CELL_M: Final = 250
_ENOUGH_WEEKS: Final = 104  # for the default methods and test periods
_ENOUGH_MONTHS: Final = 60
_DAYS_A_MONTH: Final = 30.44


@dataclass(frozen=True, eq=False)
class TrialRead:
    """What came out when the records were read with suggested settings."""

    suggested: SuggestedSettings
    events: Events | None
    report: IntakeReport | None
    problem: str = ""  # why a run with these settings would stop


def suggest_data_settings(
    path: str | Sequence[str],
    *,
    sheet: str | None = None,
    pattern: str | None = None,
    near: Sequence[float] | None = None,
    **given: Any,
) -> SuggestedSettings:
    """Suggest the settings of records from their column names and values.

    Columns whose names look like personal data are named and never read. Each setting has a confidence and a reason.
    What the values cannot decide is an open question, such as whether the day or the month comes first.

    Parameters
    ----------
    path : str or sequence of str
        A file, a folder, a glob pattern, or a list of these: delimited text, a spreadsheet, Parquet, GeoJSON ...
    sheet : str, optional
        Sheet of a spreadsheet, or layer of a GeoPackage.
    pattern : str, optional
        Which files of a folder to read.
    near : sequence of two numbers, optional
        Latitude and longitude of a place of the records, in degrees. It decides between coordinate systems.
    **given
        Settings of :class:`~ilp_models.data.delimited.DelimitedFiles` that are known, such as ``time_zone`` or
        ``columns``. They are kept as they are.

    Returns
    -------
    SuggestedSettings
        ``.settings()`` is what :class:`~ilp_models.data.delimited.DelimitedFiles` takes, ``.to_yaml()`` an option of
        ``data``, and ``.questions`` lists what is open.

    Raises
    ------
    InputError
        If the files cannot be read, or have no header.

    Examples
    --------
    >>> from importlib.resources import files
    >>> path = files("ilp_models.data").joinpath("bundled", "toronto_mci_2014_2021.parquet")
    >>> suggested = suggest_data_settings(str(path))
    >>> suggested.settings()["columns"]["occurred_at"], suggested.settings()["time_zone"], len(suggested.questions)
    ('occurred_at', 'America/Toronto', 0)
    """
    point = _place(near)
    known = {"sheet": sheet, "pattern": pattern, **given}
    known = {name: value for name, value in known.items() if value is not None}
    preview = read_preview(path, pattern, sheet)
    return suggest_settings(preview, path, known, enforcement_kind, point)


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


def try_settings(suggested: SuggestedSettings) -> TrialRead:
    """Return the events that the settings give; another column of areas is tried where the first holds none."""
    settings = {**suggested.settings(), **_stand_ins(suggested)}
    if any(
        one.confidence == "open" and one.setting not in ("time_formats", "time_zone") for one in suggested.questions
    ):
        return TrialRead(suggested, None, None, "answer the open questions first")
    try:
        source = DelimitedFiles(**{**settings, "max_rejected_share": 1.0})
        events = source.read()
    except IntakeError as error:
        return TrialRead(suggested, None, error.report, str(error))
    except AreaLabelsError as error:
        return try_settings(_next_area(suggested, error))
    except InputError as error:
        return TrialRead(suggested, None, None, str(error))
    report = events.intake
    limit = float(settings.get("max_rejected_share", 0.05))
    problem = ""
    if report is not None and report.rejected_share > limit:
        problem = f"{report.rejected_share:.1%} of the rows would be set aside, more than max_rejected_share={limit:g}"
    return TrialRead(suggested, events, report, problem)


def _stand_ins(suggested: SuggestedSettings) -> dict[str, Any]:
    """Return values of open settings that let the records be looked at; they are not suggested."""
    found: dict[str, Any] = {}
    for one in suggested.questions:
        if one.setting == "time_formats":
            found["time_formats"] = json.loads(one.alternatives[0].replace("'", '"'))
        if one.setting == "time_zone":
            found["time_zone"] = "UTC"
    return found


def _next_area(suggested: SuggestedSettings, error: AreaLabelsError) -> SuggestedSettings:
    """Return the settings with the next column that may hold areas, or without one."""
    kept = []
    for one in suggested.suggestions:
        if one.setting == "columns.area":
            reason = f"{one.value!r} holds no areas: its labels do not divide the map, or look like personal data"
            others = one.alternatives
            if others:
                kept.append(replace(one, value=others[0], confidence="check", reason=reason, alternatives=others[1:]))
            elif one.confidence == "certain":
                raise error
        else:
            kept.append(one)
    return replace(suggested, suggestions=tuple(kept))


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


def _place(near: Sequence[float] | None) -> tuple[float, float] | None:
    if near is None:
        return None
    try:
        latitude, longitude = map(float, near)
    except (TypeError, ValueError) as error:
        msg = f"near={near} must be latitude and longitude of a place, such as 'near=[51.5, -0.1]'."
        raise InputError(msg) from error
    return latitude, longitude
