"""CSV: one row a crime type, cell and period, with the centre of the cell, for spreadsheets."""

import json
from pathlib import Path

import geopandas as gpd

from ilp_models.domain.caveat import SCOPE
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.marking import Marking
from ilp_models.export.table import significant


def write(table: gpd.GeoDataFrame, marking: Marking, path: Path) -> None:
    """Write a risk grid as CSV (UTF-8, comma, point) beside a ``.json`` of the same name that holds the facts.

    Parameters
    ----------
    table : GeoDataFrame
        The risk grid; its geometry becomes ``lat`` and ``lon`` of the centre, WGS84 degrees.
    marking : Marking
        The scope stands in each row, all facts in the file beside it.
    path : Path
        The file to write; the facts go to ``<path>.json``.
    """
    centres = table.geometry.centroid.to_crs("EPSG:4326")
    rows = table.drop(columns="geometry")
    rows = rows.assign(**{name: rows[name].map(inert) for name in ("cell", "area", "crime_type")})
    rows = rows.assign(**{name: significant(rows[name]) for name in ("expected", *QUANTILE_COLUMNS, "share")})
    before_marks = list(rows.columns).index("grade")
    rows.insert(before_marks, "lat", centres.y.round(6).to_numpy())
    rows.insert(before_marks + 1, "lon", centres.x.round(6).to_numpy())
    rows.insert(before_marks + 2, "caveat", SCOPE)
    rows.to_csv(path, index=False, encoding="utf-8", lineterminator="\n")
    beside(path).write_text(json.dumps(dict(marking.facts), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def inert(label: str) -> str:
    """Return a label that no spreadsheet takes for a formula.

    Parameters
    ----------
    label : str
        A publisher's word, such as the name of an area.

    Returns
    -------
    str
        With an apostrophe before a first character that starts a formula.

    Examples
    --------
    >>> inert("=1+1"), inert("-B3"), inert("Annex")
    ("'=1+1", "'-B3", 'Annex')
    """
    return f"'{label}" if label.startswith(("=", "+", "-", "@", "\t", "\r")) else label


def beside(path: Path) -> Path:
    """Return the name of the file of facts that goes with a CSV.

    Parameters
    ----------
    path : Path
        The CSV.

    Returns
    -------
    Path
        In the same folder.

    Examples
    --------
    >>> beside(Path("grid.csv")).name
    'grid.csv.json'
    """
    return path.with_name(f"{path.name}.json")
