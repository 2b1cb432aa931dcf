"""CSV for spreadsheets: marks in each row, all facts in a file beside it."""

import json
from collections.abc import Mapping
from pathlib import Path

import geopandas as gpd
import pandas as pd

from ilp_models.domain.disclaimers import SCOPE
from ilp_models.export.marking import Marking
from ilp_models.export.table import significant


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as CSV (UTF-8, comma, point) beside a ``.json`` of the same name that holds the facts."""
    write_rows(table, marking.facts, path)


def write_rows(rows: pd.DataFrame, facts: Mapping[str, str], path: Path) -> list[Path]:
    """Return a CSV and the facts beside it."""
    plain = {name: _plain(column) for name, column in rows.items() if name not in ("geometry", "grade", "decision")}
    if isinstance(rows, gpd.GeoDataFrame):
        centres = rows.geometry.centroid.to_crs("EPSG:4326")
        plain |= {"lat": centres.y.round(6), "lon": centres.x.round(6)}
    table = pd.DataFrame(plain).assign(caveat=SCOPE, grade=facts["grade"], decision=facts["decision"])
    table.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    beside(path).write_text(json.dumps(dict(facts), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [path, beside(path)]


def _plain(column: pd.Series) -> pd.Series:
    if pd.api.types.is_float_dtype(column):
        return significant(column)
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.fillna("").astype(str).map(escape_formula)


def escape_formula(label: str) -> str:
    """Return a label that no spreadsheet takes for a formula."""
    return f"'{label}" if label.startswith(("=", "+", "-", "@", "\t", "\r")) else label


def beside(path: Path) -> Path:
    """Return the name of the file of facts that goes with a CSV."""
    return path.with_name(f"{path.name}.json")
