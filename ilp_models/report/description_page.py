"""The page of a description: what changed, when crimes happen, and how concentrated they are."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.description import DescribedPart, Description
from ilp_models.domain.disclaimers import SCOPE
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent, sentence
from ilp_models.report.hot_spot_view import hot_spot_sentences, hot_spots_view, repeat_sentences, repeats_view
from ilp_models.report.page import write_page

Row = Mapping[Hashable, Any]

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CITY: Final = ""
_CLEAR: Final = ("more", "fewer")
# name in the table: head of the column, the span, the earlier span; {unit} is week, day or month
_COMPARISONS: Final = {
    "previous period": ("Against the {unit} before", "the last {unit}", "the {unit} before"),
    "same period last year": ("Against the same {unit} last year", "the last {unit}", "the same {unit} last year"),
    "four periods before": ("Four {unit}s against the four before", "the last four {unit}s", "the four {unit}s before"),
    "same four periods last year": (
        "Four {unit}s against last year's",
        "the last four {unit}s",
        "the same four {unit}s last year",
    ),
    "year to date": ("Year to date against last year's", "the year to date", "the same part of last year"),
}
_MOST_SENTENCES: Final = 5
_CHANCE: Final = 0.05
_SHADES: Final = 6
_MOST_AREAS: Final = 20
_LINE: Final = (120.0, 24.0)  # width and height of a sparkline


@dataclass(frozen=True)
class HeatCell:
    """One hour of one day: its shade, and the numbers behind it."""

    shade: int  # 0 lightest
    text: str


def write_description_page(description: Description, path: Path, about: str) -> None:
    """Write the page of a description."""
    events = description.data.events
    parts = {part.name: part for part in description.parts}
    data, figures = description.data, path.parent / "figures"
    write_page(
        path,
        "description.html.j2",
        about=about,
        city=events.city or ("" if events.intake is None else events.intake.source) or "The study area",
        span=f"{events.start:%Y-%m-%d} to {events.end - pd.Timedelta(1, 'us'):%Y-%m-%d}",
        events=f"{len(events):,}",
        simulated=events.simulated,
        headlines=headlines(description),
        change=_change_view(parts["change"]) if "change" in parts else None,
        hours=_hours_view(parts["hours"]) if "hours" in parts else None,
        repeats=repeats_view(parts["near_repeats"], data, figures) if "near_repeats" in parts else None,
        hot_spots=hot_spots_view(parts["hot_spots"], data, figures) if "hot_spots" in parts else None,
        concentration=_concentration_view(parts["concentration"]) if "concentration" in parts else None,
        notes=[note for part in description.parts for note in part.notes],
        attribution="" if events.intake is None else events.intake.attribution,
        scope=sentence(SCOPE),
    )


def headlines(description: Description) -> list[str]:
    """Return the main finding of each part as a sentence."""
    known: dict[str, Callable[[DescribedPart], Iterator[str]]] = {
        "change": _change_sentences,
        "hours": _hour_sentences,
        "near_repeats": repeat_sentences,
        "hot_spots": hot_spot_sentences,
        "concentration": _concentration_sentences,
    }
    return [text for part in description.parts if part.name in known for text in known[part.name](part)]


def _change_sentences(part: DescribedPart) -> Iterator[str]:
    table, unit = part.tables["change"], str(part.facts["period_unit"])
    if not len(table):
        yield "No earlier period to compare with: the records are too short."
        return
    city = table[table["area"] == _CITY]
    clear = city[city["verdict"].isin(_CLEAR)].sort_values("q", kind="stable")
    for row in clear.head(_MOST_SENTENCES).to_dict("records"):
        kind, (_, span, earlier) = crime_type_label(row["crime_type"]), _comparison(row, unit)
        yield (
            f"{kind[:1].upper()}{kind[1:]}: {row['count']:,} recorded in {span}, {row['verdict']} than in {earlier} "
            f"({row['earlier']:,}). Change {_share(row)}; interval {_interval(row)} crimes."
        )
    if len(clear) > _MOST_SENTENCES:
        yield f"{len(clear) - _MOST_SENTENCES} more clear changes are in the table."
    if not len(clear):
        yield f"No clear change in the whole study area, {part.facts['period']}: all differences may be chance."
    areas = table[(table["area"] != _CITY) & table["verdict"].isin(_CLEAR)]
    if (table["area"] != _CITY).any():
        named = sorted(set(areas["area"]))
        shown = ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")
        yield f"Areas with a clear change: {shown}." if named else "No area has a clear change."


def _hour_sentences(part: DescribedPart) -> Iterator[str]:
    table = part.tables["hours"]
    if not len(table):
        return
    whole = _first_series(table)
    if whole["events"].sum() <= 0:
        return
    hour = whole.groupby("hour")["events"].sum().to_numpy()
    doubtful = [int(one) for one in str(part.facts["doubtful_hours"]).split()]
    three = np.array([-1.0 if set(doubtful) & set(_three(start)) else hour[_three(start)].sum() for start in range(24)])
    start = int(three.argmax())
    day = whole.groupby("weekday")["events"].sum()
    left = f" Left out: {' and '.join(f'{one:02d}:00' for one in doubtful)}, see the notes." if doubtful else ""
    if float(part.facts["p_even_hours"]) < _CHANCE:
        yield (
            f"The busiest three hours are {start:02d}:00 to {(start + 3) % 24:02d}:00, with "
            f"{percent(three.max() / hour.sum(), 0)} of the crimes of {part.facts['weeks']} weeks; an even day has "
            f"{percent(3 / 24, 0)}.{left}"
        )
    else:
        yield "No hour of the day stands out."
    if float(part.facts["p_even_days"]) < _CHANCE:
        yield (
            f"The busiest day is {DAYS[int(day.to_numpy().argmax())]}, with {percent(day.max() / day.sum(), 0)} of the "
            f"crimes; an even week has {percent(1 / 7, 0)}."
        )
    else:
        yield "No day of the week stands out."


def _three(start: int) -> list[int]:
    return [hour % 24 for hour in range(start, start + 3)]


def _concentration_sentences(part: DescribedPart) -> Iterator[str]:
    row = part.tables["concentration"].iloc[0]
    if not np.isfinite(row["share_with_half"]):
        return
    yield (
        f"Half of the recorded crimes fell in {row['cells_with_half']:,.0f} of {row['cells']:,} cells "
        f"({percent(row['share_with_half'])}). Chance alone: {percent(row['chance_share_with_half'])} of them."
    )


def _change_view(part: DescribedPart) -> dict[str, Any]:
    table, periods, unit = part.tables["change"], part.tables["periods"], str(part.facts["period_unit"])
    lines = {
        key: _sparkline(rows["count"].to_numpy(dtype=np.float64))
        for key, rows in periods.groupby(["area", "crime_type"], sort=False)
    }
    shown = [name for name in _COMPARISONS if len(table) and (table["comparison"] == name).any()]
    rows = [] if not len(table) else _change_rows(table[table["area"] == _CITY], shown, lines)
    areas = table[table["area"] != _CITY] if len(table) else table
    clear = areas[areas["verdict"].isin(_CLEAR)].sort_values("q", kind="stable") if len(areas) else areas
    return {
        "unit": unit,
        "period": part.facts["period"],
        "periods": periods["period"].nunique(),
        "confidence": percent(float(part.facts["confidence"]), 0),
        "rate": percent(float(part.facts["false_discovery_rate"]), 0),
        "tests": f"{part.facts['tests']:,}",
        "heads": [_COMPARISONS[name][0].format(unit=unit) for name in shown],
        "rows": rows,
        "areas": areas["area"].nunique() if len(areas) else 0,
        "clear_areas": [
            {
                "area": row["area"],
                "crime_type": crime_type_label(row["crime_type"]),
                "comparison": _comparison(row, unit)[0],
                **_change_cell(row),
                "line": lines[row["area"], row["crime_type"]],
            }
            for row in clear.head(_MOST_AREAS).to_dict("records")
        ],
        "more": max(0, len(clear) - _MOST_AREAS),
    }


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
                "line": lines[_CITY, kind],
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
    return tuple(text.format(unit=unit) for text in _COMPARISONS[str(row["comparison"])])


def _sparkline(counts: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Return the points of a line of counts from 0, for an SVG polyline."""
    width, height = _LINE
    top = max(counts.max(initial=0.0), 1.0)
    across = np.linspace(0, width, len(counts))
    return " ".join(f"{x:.1f},{height - 1 - (height - 2) * y / top:.1f}" for x, y in zip(across, counts, strict=True))


def _hours_view(part: DescribedPart) -> dict[str, Any] | None:
    table = part.tables["hours"]
    if not len(table):
        return None
    city = table[table["area"] == _CITY]
    kinds = list(city["crime_type"].unique())
    return {
        "weeks": part.facts["weeks"],
        "confidence": percent(float(part.facts["confidence"]), 0),
        "days": DAYS,
        "tables": [
            {"crime_type": crime_type_label(kind), "rows": _heat_rows(city[city["crime_type"] == kind])}
            for kind in kinds
        ],
        "shades": _SHADES,
    }


def _heat_rows(rows: pd.DataFrame) -> list[tuple[str, list[HeatCell]]]:
    """Return a row for each hour, with one cell for each day."""
    top = max(float(rows["events"].max()), 1e-12)
    cells = {
        (row["weekday"], row["hour"]): HeatCell(
            min(_SHADES - 1, int(_SHADES * row["events"] / top)),
            f"{number(row['events'])} ({number(row['low'])} to {number(row['high'])})",
        )
        for row in rows.to_dict("records")
    }
    return [(f"{hour:02d}:00", [cells[day, hour] for day in range(7)]) for hour in range(24)]


def _first_series(table: pd.DataFrame) -> pd.DataFrame:
    city = table[table["area"] == _CITY]
    first: pd.DataFrame = city[city["crime_type"] == city["crime_type"].iloc[0]]
    return first


def _concentration_view(part: DescribedPart) -> dict[str, Any]:
    shares, years = part.tables["cell_shares"], part.tables["years"]
    repeats = part.tables["repeat_places"].set_index("crime_type")
    columns = list(dict.fromkeys(shares["cell_share"]))
    rows = []
    for row in part.tables["concentration"].to_dict("records"):
        kind = row["crime_type"]
        own = shares[shares["crime_type"] == kind].to_dict("records")
        again, last = repeats.loc[kind], years[years["crime_type"] == kind].tail(1).to_dict("records")
        rows.append(
            {
                "crime_type": crime_type_label(kind),
                "events": f"{row['events']:,}",
                "half": _against(row["share_with_half"], row["chance_share_with_half"]),
                "shares": [_against(one["crime_share"], one["chance_crime_share"]) for one in own],
                "gini": f"{number(row['gini'], 2)} ({number(row['chance_gini'], 2)})",
                "repeats": _against(again["share_of_events"], again["chance_share_of_events"]),
                "kept": _against(last[0]["top_cells_kept"], last[0]["chance_kept"]) if last else MISSING,
            }
        )
    return {"cells": f"{part.facts['cells']:,}", "heads": [percent(share, 0) for share in columns], "rows": rows}


def _against(value: float, chance: float) -> str:
    return f"{percent(value, 0 if value >= 0.1 else 1)} ({percent(chance, 0 if chance >= 0.1 else 1)})"
