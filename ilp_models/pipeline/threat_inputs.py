"""Read the files that a user adds to a threat assessment: judgements, indicators, residents and earlier results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.data.personal_data import personal_in_text
from ilp_models.domain.aggregate import NO_AREA, WHOLE_CITY
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.spreadsheet import is_spreadsheet
from ilp_models.domain.text_output import escape_formula
from ilp_models.domain.text_table import read_marked_table
from ilp_models.export.control_strategy import SHEET
from ilp_models.model.long_horizons.hierarchy import area_labels
from ilp_models.pipeline.run_record import read_record
from ilp_models.strategy.threats.comparison import EarlierAssessment
from ilp_models.strategy.threats.control_strategy import FIELDS, ControlStrategy
from ilp_models.strategy.threats.judgements import AREA, Judgements, JudgementScheme

ASSESSMENT: Final = "assessment.json"
INDICATORS: Final = ("crime_type", "indicator", "value", "unit", "source", "date")
_RESIDENTS: Final = ("area", "residents")


def read_previous(folder: str) -> EarlierAssessment:
    """Return the assessment in the folder of an earlier run; InputError if it is not there or not whole."""
    given = Path(folder).expanduser()
    if not given.is_dir():
        msg = f"inputs.previous={folder}: there is no such folder in {Path.cwd()}; check the spelling."
        raise InputError(msg)
    if not folder or not (given / ASSESSMENT).exists():
        msg = (
            f"inputs.previous={folder} has no {ASSESSMENT}, which a run writes last. Give the folder of a complete run "
            "of `ilp assess`."
        )
        raise InputError(msg)
    record = read_record(given, ASSESSMENT)
    return EarlierAssessment.from_dict(record.content, str(record.path))


def read_judgements(
    path: str | None, scheme: JudgementScheme, threats: Sequence[str], areas: Sequence[str] = ()
) -> Judgements:
    """Return the judgements in a table, in which rows may be of an area; all are unknown without one."""
    if path is None:
        return Judgements.unknown(scheme, threats)
    table, mark = read_marked_table(path, "inputs.judgements=")
    if "score" in table and mark != ".":
        table = table.assign(score=table["score"].str.replace(mark, "."))
    table = _with_areas(_with_own_names(table, "threat", threats), areas, path)
    return Judgements.from_table(table, scheme, threats, path)


def read_control_strategy(path: str | None, threats: Sequence[str]) -> ControlStrategy | None:
    """Return the control strategy in a workbook or table, or None without one; InputError if it names a person."""
    if path is None:
        return None
    table, _ = read_marked_table(path, "inputs.control_strategy=", SHEET if is_spreadsheet(Path(path).name) else None)
    for number, row in enumerate(table.reindex(columns=list(FIELDS), fill_value="").to_dict("records"), 2):
        for field, text in row.items():
            if personal := personal_in_text(text):
                msg = (
                    f"{path}, row {number}: {field} holds what looks like {personal}. A report of findings repeats it: "
                    "write what is to be done and which unit leads, and leave persons out."
                )
                raise InputError(msg)
    return ControlStrategy.from_table(_with_own_names(table, "threat", threats), threats, path)


def read_indicators(path: str | None, crime_types: Sequence[str], areas: Sequence[str] = ()) -> pd.DataFrame:
    """Return the indicators of a user, with an empty area for the whole city.

    InputError for unknown columns, types and areas, values that are no numbers, and two values for one area.
    """
    if path is None:
        return pd.DataFrame(columns=[*INDICATORS, AREA])
    table, mark = read_marked_table(path, "inputs.indicators=")
    if set(table.columns) - {AREA} != set(INDICATORS):
        columns = f"{', '.join(INDICATORS)}, for areas also {AREA}"
        msg = f"{path} has the columns {', '.join(table.columns)}. Give exactly {columns}."
        raise InputError(msg)
    table = _with_areas(_with_own_names(table, "crime_type", crime_types), areas, path)
    values = np.array([_number(text, mark) for text in table["value"]])
    for number, texts in enumerate(table[["indicator", "unit", "source", "date"]].itertuples(index=False), 2):
        if personal := next(filter(None, map(personal_in_text, texts)), None):
            msg = f"{path}, row {number} holds what looks like {personal}. Indicators are shown: leave persons out."
            raise InputError(msg)
    for number, (kind, value, text) in enumerate(zip(table["crime_type"], values, table["value"], strict=True), 2):
        if kind not in crime_types:
            msg = f"{path}, row {number}: {kind!r} is not a crime type. Use one of {', '.join(crime_types)}."
            raise InputError(msg)
        if not np.isfinite(value):
            msg = f"{path}, row {number}: value {text!r} is not a number."
            raise InputError(msg)
    _refuse_repeated(table, path)
    return table.assign(value=values)[[*INDICATORS, AREA]]


def read_residents(path: str | None, areas: Sequence[str]) -> Mapping[str, float]:
    """Return residents by area; the whole city is their sum, or the row without an area."""
    if path is None:
        return {}
    table, mark = read_marked_table(path, "inputs.residents=")
    if not set(_RESIDENTS) <= set(table.columns):
        msg = f"{path} has the columns {', '.join(table.columns)}. Give {' and '.join(_RESIDENTS)}."
        raise InputError(msg)
    found: dict[str, float] = {}
    for number, (area, text) in enumerate(table[list(_RESIDENTS)].itertuples(index=False), 2):
        value = _number(text, mark)
        if not np.isfinite(value) or value <= 0:
            msg = (
                f"{path}, row {number}: residents {text!r} must be a number above 0, such as 12500. Leave out areas "
                "where no one lives."
            )
            raise InputError(msg)
        name = area or WHOLE_CITY
        if name in found:
            msg = f"{path}, row {number}: the area {area!r} stands twice. Give each area one row."
            raise InputError(msg)
        found[name] = float(value)
    lacking = [area for area in areas if area not in found]
    if WHOLE_CITY not in found and (lacking or not found):
        what = f"{len(lacking)} of {len(areas)} areas, such as {lacking[0]!r}" if lacking else "any area"
        msg = f"{path} has no residents of {what}. Add them, or one row with an empty area for the whole city."
        raise InputError(msg)
    found.setdefault(WHOLE_CITY, sum(found.values()))
    return found


def area_names(events: Events, merge: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the areas of the records; none if areas are not recorded."""
    if "area" not in events.table:
        return []
    return sorted(set(area_labels(events, merge)) - {NO_AREA})


def _number(text: str, mark: str) -> float:
    """Return a number with a decimal mark; NaN for other text, and for 12.500 where the comma is the mark."""
    try:
        return float("nan") if mark == "," and "." in text else float(text.replace(mark, "."))
    except ValueError:
        return float("nan")


def _refuse_repeated(table: pd.DataFrame, path: str) -> None:
    """Raise InputError for an indicator that is given twice for one area; the city may have one for each date."""
    again = table.duplicated(["crime_type", "indicator", AREA]).to_numpy() & (table[AREA] != "").to_numpy()
    if again.any():
        number = int(again.argmax())
        kind, indicator, area = table.loc[number, ["crime_type", "indicator", AREA]]
        msg = (
            f"{path}, row {number + 2}: {indicator} of {kind} in {area} stands twice. Keep one row, such as the latest."
        )
        raise InputError(msg)


def _with_areas(table: pd.DataFrame, areas: Sequence[str], path: str) -> pd.DataFrame:
    """Return a table with the area of each row, empty for the whole city; InputError for an unknown area."""
    table = _with_own_names(table, AREA, areas) if AREA in table else table.assign(**{AREA: ""})
    for number, area in enumerate(table[AREA], 2):
        if area in ("", *areas):
            continue
        if personal := personal_in_text(area):
            msg = f"{path}, row {number}: area holds what looks like {personal}. Areas are shown: leave persons out."
        elif areas:
            choice = f"one of the {len(areas)} areas, such as {areas[0]!r}"
            msg = f"{path}, row {number}: {area!r} is not an area of the records. Use {choice}, or none for the city."
        else:
            how = "Leave it empty, or set data.columns.area and long_horizons.area_months=12"
            msg = f"{path}, row {number}: area {area!r} cannot be used, because no areas are forecast. {how}."
        raise InputError(msg)
    return table


def _with_own_names(table: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """Return a table in which labels that a CSV file of a run escaped have their own names again."""
    if column not in table:
        return table
    own = {escape_formula(name): name for name in names}
    return table.assign(**{column: [own.get(label, label) for label in table[column]]})
