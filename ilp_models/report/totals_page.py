"""The page of long horizons: next year, months and days ahead, areas, errors of past origins and level shifts."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from ilp_models.domain.disclaimers import RESEARCH_ONLY, SCOPE
from ilp_models.domain.scores import ALL
from ilp_models.report.formatting import (
    clear_change,
    crime_type_label,
    next_year_text,
    percent,
    percent_interval,
    sentence,
)
from ilp_models.report.page import FigureFile, KeyNumber, write_page
from ilp_models.report.plots import COLOURS, GREY, INK, RED, Figure, escape_math, save_figure, style_axes

_MONTHS_SHOWN: Final = 60
_SHOWN_AREAS: Final = 25
_PANELS: Final = 8
_LEADS: Final = ("all", "1-12 summed")
_DIRECTIONS: Final = {0: "", 1: "up", -1: "down"}
_LARGEST_RATIO: Final = 10.0  # of two errors; few origins can give any number above it
_DONE: Final = {  # about a shift for which nothing was adjusted, by its source
    "declared": "too few months to estimate it",
    "found, as declared": "see the declared break",
    "found, not declared": "nothing: declare it if you know the reason",
}


@dataclass(frozen=True, eq=False)
class TotalsEvidence:
    """Inputs of the page; the tables are documented in ``docs/methods/long_horizons.md``."""

    table: pd.DataFrame
    recorded: pd.DataFrame  # months of the city
    year: pd.DataFrame | None  # next 12 months of each series
    scores: pd.DataFrame
    shifts: pd.DataFrame
    facts: Mapping[str, Any]

    @property
    def crime_types(self) -> list[str]:
        """Crime types of the city, the sum first."""
        kinds = list(self.table.loc[self.table["level"] == "city", "crime_type"].unique())
        return sorted(kinds, key=lambda kind: kind != ALL)


def write_totals_page(folder: Path, name: str, evidence: TotalsEvidence) -> Path:
    """Write the page and its figures, and return the page."""
    figures = _figures(evidence, folder / "figures")
    year = evidence.year
    areas = [] if year is None else _rows(year[year["level"] == "area"], by_size=True)
    write_page(
        folder / name,
        "totals.html.j2",
        evidence=evidence,
        facts=evidence.facts,
        city=evidence.facts["city"] or "The study area",
        headline=_headline(evidence),
        numbers=_key_numbers(evidence),
        year=[] if year is None else _rows(year[year["level"] == "city"]),
        areas=areas[:_SHOWN_AREAS],
        more_areas=areas[_SHOWN_AREAS:],
        figures=figures,
        scores=_scores(evidence.scores),
        shifts=evidence.shifts.to_dict("records"),
        done=_DONE,
        crime_type_label=crime_type_label,
        confidence=percent(evidence.facts["settings"]["bootstrap"]["confidence"], 0),
        research_only=RESEARCH_ONLY,
        scope=sentence(SCOPE),
    )
    return folder / name


def _headline(evidence: TotalsEvidence) -> str:
    """Return the expected crimes of the next year in one sentence."""
    if evidence.year is None:
        first, last = evidence.facts["months"]
        return f"The months {first} to {last} are forecast."
    return next_year_text(evidence.year.iloc[0])


def _rows(table: pd.DataFrame, *, by_size: bool = False) -> list[dict[str, Any]]:
    rows = table.sort_values("next_12_months", ascending=False, kind="stable") if by_size else table
    if by_size and ALL in set(rows["crime_type"]):
        rows = rows[rows["crime_type"] == ALL]
    return [
        {
            "area": str(row["area"]),
            "crime_type": crime_type_label(row["crime_type"]),
            "last": f"{row['last_12_months']:,.0f}",
            "next": f"{row['next_12_months']:,.0f}",
            "interval": f"{row['low']:,.0f} to {row['high']:,.0f}",
            "change": percent(row["change"], 0, sign=True),
            "clear_change": _DIRECTIONS[np.sign(clear_change(row))],
        }
        for row in rows.to_dict("records")
    ]


def _key_numbers(evidence: TotalsEvidence) -> list[KeyNumber]:
    found = []
    for leads, label in (("1-12 summed", "typical error of 12 months summed"), ("all", "typical error of a month")):
        rows = evidence.scores[(evidence.scores["leads"] == leads) & (evidence.scores["crime_type"] == ALL)]
        rows = rows[(rows["period_unit"] == "month") & (rows["level"] == "city")]
        if len(rows):
            row = rows.iloc[0]
            covered = percent(row["coverage"], 0)
            origins = "1 past origin" if row["origins"] == 1 else f"{row['origins']} past origins"
            note = f"{origins}; 90 % intervals covered {covered} of recorded counts"
            found.append(KeyNumber(percent(row["wape"]), label, note))
    return found


def _scores(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the table on past origins, in words."""
    rows = scores[scores["leads"].isin(_LEADS)]
    return [
        {
            "what": f"{'areas' if row['level'] == 'area' else 'city'}, {_lead_label(row)}",
            "crime_type": crime_type_label(row["crime_type"]),
            "origins": f"{row['origins']:,}",
            "wape": percent(row["wape"]),
            "naive": _relative(row, "against_naive"),
            "seasonal": _relative(row, "against_seasonal_naive"),
            "verdict": _verdict(row),
            "coverage": percent(row["coverage"], 0),
        }
        for row in rows.to_dict("records")
    ]


def _lead_label(row: Mapping[Hashable, Any]) -> str:
    return "12 months summed" if row["leads"] == "1-12 summed" else f"each {row['period_unit']}"


def _relative(row: Mapping[Hashable, Any], name: str) -> str:
    if row[name] > _LARGEST_RATIO:
        return f"over {_LARGEST_RATIO:,.0%}".replace("%", "\N{NO-BREAK SPACE}%")
    ends = percent_interval(row[f"{name}_low"], row[f"{name}_high"], 0)
    return f"{percent(row[name], 0)} {ends}".strip()


def _verdict(row: Mapping[Hashable, Any]) -> str:
    """Return whether the error is smaller than that of the seasonal naive forecast, by the interval."""
    low, high = row["against_seasonal_naive_low"], row["against_seasonal_naive_high"]
    if not np.isfinite([low, high]).all():
        return "too few origins"
    return "better" if high < 1 else "worse" if low > 1 else "tie"


def _figures(evidence: TotalsEvidence, folder: Path) -> list[FigureFile]:
    kinds = evidence.crime_types[:_PANELS]
    months = plot_totals(evidence, kinds)
    path = save_figure(months, folder / "months.png", "Recorded and expected crimes by month")
    text = "Crimes by month: recorded (black), expected (blue) with 50 % and 90 % intervals"
    shift = " Red lines: declared breaks." if (evidence.shifts["source"] == "declared").any() else ""
    found = [FigureFile(path, f"{text}. The numbers are in totals.csv.", f"{text}.{shift}")]
    days = evidence.table[evidence.table["period_unit"] == "day"]
    if len(days):
        path = save_figure(_plot_days(days), folder / "days.png", "Expected crimes by day")
        span = f"{days['period'].min()} to {days['period'].max()}"
        text = f"All crimes expected by day, {span}, with 50 % and 90 % intervals"
        found.append(FigureFile(path, f"{text}. The numbers are in totals.csv.", f"{text}."))
    return found


def plot_totals(evidence: TotalsEvidence, crime_types: Sequence[str]) -> Figure:
    """Plot the recorded and expected months of crime types in the city, one panel each."""
    columns = 1 if len(crime_types) == 1 else 2
    rows = -(-len(crime_types) // columns)
    figure = Figure(figsize=(4.8 * columns, 0.4 + 2.2 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    table = evidence.table
    city = table[(table["level"] == "city") & (table["period_unit"] == "month")]
    declared = evidence.shifts[evidence.shifts["source"] == "declared"]
    for axes, kind in zip(panels, crime_types, strict=False):
        recorded = evidence.recorded[evidence.recorded["crime_type"] == kind].tail(_MONTHS_SHOWN)
        axes.plot(pd.to_datetime(recorded["period"]), recorded["recorded"], color=INK, linewidth=1.1)
        _plot_forecast(axes, city[city["crime_type"] == kind])
        for start in declared["start"].unique():
            axes.axvline(pd.Timestamp(start), color=RED, linewidth=0.9, linestyle=(0, (4, 2)))
        axes.set_title(escape_math(crime_type_label(kind)), loc="left", fontsize=10, color=INK)
        _date_axis(axes)
    for axes in panels[len(crime_types) :]:
        axes.set_axis_off()
    return figure


def _plot_days(days: pd.DataFrame) -> Figure:
    kinds = set(days["crime_type"])
    figure = Figure(figsize=(9.6, 2.6), layout="constrained")
    axes = figure.add_subplot()
    _plot_forecast(axes, days[days["crime_type"] == (ALL if ALL in kinds else days["crime_type"].iloc[0])])
    _date_axis(axes)
    return figure


def _plot_forecast(axes: Axes, rows: pd.DataFrame) -> None:
    times = pd.to_datetime(rows["period"])
    for low, high, alpha in (("q05", "q95", 0.2), ("q25", "q75", 0.35)):
        axes.fill_between(times, rows[low], rows[high], color=COLOURS[0], alpha=alpha, linewidth=0)
    axes.plot(times, rows["expected"], color=COLOURS[0], linewidth=1.6)


def _date_axis(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.axhline(0, color=GREY, linewidth=0.8)
    locator = AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    style_axes(axes)
