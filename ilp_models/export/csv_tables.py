"""Write CSV tables for spreadsheets; a JSON file next to each contains its provenance and caveats."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

import geopandas as gpd
import pandas as pd

from ilp_models.domain.disclaimers import SCOPE
from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.text_output import write_table
from ilp_models.export.marking import Marking
from ilp_models.export.table import DEGREES, round_significant

AREAS: Final = "areas.csv"
_NOT_COPIED: Final = ("geometry", "grade", "decision")


def write_csv(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as CSV and its facts as ``.csv.json``."""
    write_rows(table, marking, path)


def write_rows(rows: pd.DataFrame, marking: Marking, path: Path) -> list[Path]:
    """Write a table as CSV and its facts as ``.csv.json``; return both paths.

    Grade and decision are in every row, so that they survive if rows are copied. The caveat is in the first row only.
    """
    facts = marking.facts
    columns = {name: _text_column(column) for name, column in rows.items() if name not in _NOT_COPIED}
    table = pd.DataFrame(columns).assign(grade=facts["grade"], decision=facts["decision"])
    table["caveat"] = [SCOPE, *[None] * (len(table) - 1)][: len(table)]
    write_table(table, path, marking.decimal)
    facts_path(path).write_text(json.dumps(dict(facts), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [path, facts_path(path)]


def write_areas(table: pd.DataFrame, marking: Marking, folder: Path) -> list[Path]:
    """Write the totals per area as ``areas.csv``: one row per level, area, crime type and period."""
    rows = table.astype(dict.fromkeys(QUANTILE_COLUMNS, "Int64"))  # whole counts, or empty
    units = "expected and q05 to q95: crimes per area and period; empty: not available"
    try:
        with tempfile.TemporaryDirectory(prefix=".areas-", dir=folder, ignore_cleanup_errors=True) as temporary:
            marked = replace(marking, facts={**marking.facts, "units": units})
            files = write_rows(rows, marked, Path(temporary, AREAS))
            return [one.replace(folder / one.name) for one in files]
    except OSError as error:
        msg = f"{AREAS} was not written to {folder} ({error.strerror}). Free disk space or choose another folder."
        raise StorageError(msg) from error


def _text_column(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column) and column.name not in DEGREES:
        return round_significant(column)
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.astype(object).fillna("").astype(str)


def facts_path(path: Path) -> Path:
    """Return the path of the JSON file with the facts of a CSV file."""
    return path.with_name(f"{path.name}.json")
