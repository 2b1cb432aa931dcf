"""Write the page of a description: change, hours, near repeats, hot spots and concentration."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.description import DescribedPart, Description
from ilp_models.domain.disclaimers import SCOPE
from ilp_models.report.change_view import change_sentences, change_view
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent, sentence
from ilp_models.report.hot_spot_view import hot_spot_sentences, hot_spots_view, repeat_sentences, repeats_view
from ilp_models.report.page import write_page

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CITY: Final = ""
_CHANCE: Final = 0.05
_SHADES: Final = 6


@dataclass(frozen=True)
class HeatCell:
    """One hour of one day: its shade, and the numbers behind it."""

    shade: int  # 0 lightest
    text: str


def write_description_page(description: Description, path: Path, about: str, notes: Sequence[str] = ()) -> None:
    """Write the page of a description; ``notes`` follow those of its parts."""
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
        headlines=headlines(description.parts),
        change=change_view(parts["change"]) if "change" in parts else None,
        hours=_hours_view(parts["hours"]) if "hours" in parts else None,
        repeats=repeats_view(parts["near_repeats"], data, figures) if "near_repeats" in parts else None,
        hot_spots=hot_spots_view(parts["hot_spots"], data, figures) if "hot_spots" in parts else None,
        concentration=_concentration_view(parts["concentration"]) if "concentration" in parts else None,
        notes=list(dict.fromkeys([*(note for part in description.parts for note in part.notes), *notes])),
        attribution="" if events.intake is None else events.intake.attribution,
        scope=sentence(SCOPE),
    )


def headlines(parts: Sequence[DescribedPart]) -> list[str]:
    """Return the main finding of each part as a sentence."""
    known: dict[str, Callable[[DescribedPart], Iterator[str]]] = {
        "change": change_sentences,
        "hours": _hour_sentences,
        "near_repeats": repeat_sentences,
        "hot_spots": hot_spot_sentences,
        "concentration": _concentration_sentences,
    }
    return [text for part in parts if part.name in known for text in known[part.name](part)]


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
    left = (
        f" Not compared: the hours from {' and '.join(f'{one:02d}:00' for one in doubtful)}, see the notes."
        if doubtful
        else ""
    )
    if float(part.facts["p_even_hours"]) < _CHANCE:
        yield (
            f"The busiest three hours are {start:02d}:00 to {(start + 3) % 24:02d}:00, with "
            f"{percent(three.max() / hour.sum())} of the crimes of {part.facts['weeks']} weeks. Spread "
            f"evenly over the day, it would be {percent(3 / 24)}.{left}"
        )
    else:
        yield "No hour of the day is clearly busier than the others."
    if float(part.facts["p_even_days"]) < _CHANCE:
        yield (
            f"The busiest day is {DAYS[int(day.to_numpy().argmax())]}, with {percent(day.max() / day.sum())} of the "
            f"crimes. Spread evenly over the week, it would be {percent(1 / 7)}."
        )
    else:
        yield "No day of the week is clearly busier than the others."


def _three(start: int) -> list[int]:
    return [hour % 24 for hour in range(start, start + 3)]


def _concentration_sentences(part: DescribedPart) -> Iterator[str]:
    row = part.tables["concentration"].iloc[0]
    if not np.isfinite(row["share_with_half"]):
        return
    yield (
        f"Half of the recorded crimes fell in {row['cells_with_half']:,.0f} of {row['cells']:,} cells "
        f"({percent(row['share_with_half'])}). By chance alone, half would fall in "
        f"{percent(row['chance_share_with_half'])} of the cells."
    )


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
