"""Show the change table on pages: mark clear changes, and draw counts as small lines."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.description import DescribedPart
from ilp_models.report.formatting import crime_type_label, percent

Row = Mapping[Hashable, Any]

_CITY: Final = ""
_CLEAR: Final = ("more", "fewer")
# name in the table: head of the column, the span, the earlier span; {unit} is week, day or month
_COMPARISONS: Final = {
    "previous period": ("Against the {unit} before", "the last {unit}", "the {unit} before"),
    "same period last year": ("Against the same {same} last year", "the last {unit}", "the same {same} last year"),
    "four periods before": ("Four {unit}s against the four before", "the last four {unit}s", "the four {unit}s before"),
    "same four periods last year": (
        "Four {unit}s against last year's",
        "the last four {unit}s",
        "the same four {unit}s last year",
    ),
    "year to date": ("Year to date against last year's", "the year to date", "the same part of last year"),
}
_MOST_SENTENCES: Final = 5
_MOST_AREAS: Final = 20
_LINE: Final = (120.0, 24.0)  # width and height of a sparkline


def change_sentences(part: DescribedPart) -> Iterator[str]:
    """Yield the clear changes of the whole study area, and the areas that have one."""
    table, unit = part.tables["change"], str(part.facts["period_unit"])
    if not len(table):
        yield "No comparison: the records do not reach back far enough."
        return
    confidence = percent(float(part.facts["confidence"]), 0)
    city = table[table["area"] == _CITY]
    clear = city[city["verdict"].isin(_CLEAR)].sort_values("q", kind="stable")
    for row in clear.head(_MOST_SENTENCES).to_dict("records"):
        kind, (_, span, earlier) = crime_type_label(row["crime_type"]), _comparison(row, unit)
        yield (
            f"{kind[:1].upper()}{kind[1:]}: {row['count']:,} recorded in {span}, {row['verdict']} than in {earlier} "
            f"({row['earlier']:,}). Change {_share(row)}; {confidence} interval {_interval(row)} crimes."
        )
    if len(clear) > _MOST_SENTENCES:
        yield f"The table has {len(clear) - _MOST_SENTENCES} more clear changes."
    if not len(clear):
        yield f"No clear change in the whole study area, {part.facts['period']}: all differences may be chance."
    areas = table[(table["area"] != _CITY) & table["verdict"].isin(_CLEAR)]
    if part.facts["areas"]:
        several = int(part.facts.get("levels", 1)) > 1
        named = sorted({_area_label(row, several=several) for row in areas.to_dict("records")})
        shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
        yield f"Areas with a clear change: {shown}." if named else "No area has a clear change."


def change_view(part: DescribedPart) -> dict[str, Any]:
    """Return the rows of the whole study area, and the clear changes of areas, ready for a template."""
    table, periods, unit = part.tables["change"], part.tables["periods"], str(part.facts["period_unit"])
    lines = {
        key: _sparkline(rows["count"].to_numpy(dtype=np.float64))
        for key, rows in periods.groupby(["level", "area", "crime_type"], sort=False)
    }
    shown = [name for name in _COMPARISONS if len(table) and (table["comparison"] == name).any()]
    rows = [] if not len(table) else _change_rows(table[table["area"] == _CITY], shown, lines)
    areas = table[table["area"] != _CITY] if len(table) else table
    clear = areas[areas["verdict"].isin(_CLEAR)].sort_values("q", kind="stable") if len(areas) else areas
    several = bool(len(areas)) and len(set(areas["level"])) > 1
    return {
        "unit": unit,
        "period": part.facts["period"],
        "periods": periods["period"].nunique(),
        "confidence": percent(float(part.facts["confidence"]), 0),
        "rate": percent(float(part.facts["false_discovery_rate"]), 0),
        "tests": f"{part.facts['tests']:,}",
        "heads": [_comparison({"comparison": name}, unit)[0] for name in shown],
        "rows": rows,
        "areas": len(areas[["level", "area"]].drop_duplicates()) if len(areas) else 0,
        "clear_areas": [
            {
                "area": _area_label(row, several=several),
                "crime_type": crime_type_label(row["crime_type"]),
                "comparison": _comparison(row, unit)[0],
                **_change_cell(row),
                "line": lines[row["level"], row["area"], row["crime_type"]],
            }
            for row in clear.head(_MOST_AREAS).to_dict("records")
        ],
        "more": max(0, len(clear) - _MOST_AREAS),
    }


def _area_label(row: Row, *, several: bool) -> str:
    """Return the name of an area, with its level if there are several."""
    return f"{row['area']} ({row['level']})" if several else str(row["area"])


def _change_rows(table: pd.DataFrame, shown: Sequence[str], lines: Mapping[Any, str]) -> list[dict[str, Any]]:
    found = []
    for kind, rows in table.groupby("crime_type", sort=False):
        by_name = {row["comparison"]: row for row in rows.to_dict("records")}
        first = by_name[shown[0]]
        cells = [_change_cell(by_name[name]) for name in shown]
        found.append(
            {
                "crime_type": crime_type_label(kind),
                "count": f"{first['count']:,}",
                "line": lines["", _CITY, kind],
                "cells": cells,
            }
        )
    return found


def _change_cell(row: Row) -> dict[str, str]:
    clear = row["verdict"] if row["verdict"] in _CLEAR else ""
    words = {"more": "\N{BLACK UP-POINTING TRIANGLE} more", "fewer": "\N{BLACK DOWN-POINTING TRIANGLE} fewer"}
    return {
        "counts": f"{row['count']:,} / {row['earlier']:,}",
        "share": _share(row),
        "interval": _interval(row),
        "state": clear,
        "word": words.get(clear, ""),
    }


def _share(row: Row) -> str:
    return percent(row["change_share"], 0, sign=True) if np.isfinite(row["change_share"]) else "none before"


def _interval(row: Row) -> str:
    return f"{row['low']:+,.0f} to {row['high']:+,.0f}"


def _comparison(row: Row, unit: str) -> tuple[str, ...]:
    same = "weekday" if unit == "day" else unit  # 364 days earlier
    return tuple(text.format(unit=unit, same=same) for text in _COMPARISONS[str(row["comparison"])])


def _sparkline(counts: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Return the points of a line of counts from 0, for an SVG polyline."""
    width, height = _LINE
    top = max(counts.max(initial=0.0), 1.0)
    across = np.linspace(0, width, len(counts))
    return " ".join(f"{x:.1f},{height - 1 - (height - 2) * y / top:.1f}" for x, y in zip(across, counts, strict=True))
