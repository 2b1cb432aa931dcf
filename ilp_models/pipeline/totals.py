"""Forecast whole cities, their areas and crime types months and days ahead, and write the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.aggregate import WHOLE_CITY
from ilp_models.domain.compute import Compute
from ilp_models.domain.disclaimers import RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.events import Events, check_events
from ilp_models.domain.recipe import describe, make_recipe
from ilp_models.domain.scores import ALL
from ilp_models.domain.text_output import write_table
from ilp_models.model.long_horizons.hierarchy import CITY, Hierarchy
from ilp_models.model.long_horizons.horizons import (
    DAY,
    MONTH,
    LongHorizons,
    OriginForecast,
    forecast_origin,
    hierarchies,
    whole_months,
)
from ilp_models.model.long_horizons.methods import SeriesMean
from ilp_models.model.long_horizons.past_origins import score_origins
from ilp_models.model.long_horizons.series import SeriesForecaster
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import plain_rows, write_json
from ilp_models.pipeline.study import describe_code
from ilp_models.report.plots import Figure
from ilp_models.report.totals_page import TotalsEvidence, plot_totals, write_totals_page
from ilp_models.stats.level_shift import estimate_shift, largest_shift

PAGE: Final = "totals.html"
TOTALS: Final = "totals.json"
_SIGNIFICANT: Final = 0.05  # family-wise, over the series of a city
_NEAR: Final = 3  # months between a shift that is found and one that is declared


@dataclass(frozen=True, eq=False, repr=False)
class TotalsForecast:
    """Forecasts of a city, its areas and crime types that add up, and how good earlier ones were.

    Attributes
    ----------
    months : OriginForecast
        The forecast by month, of the city and its areas.
    days : OriginForecast, optional
        The forecast by day, of the city.
    scores : DataFrame
        Errors of forecasts from past origins, relative to naive ones, and coverage of the 90 % intervals.
    shifts : DataFrame
        Changes of the recorded level: declared ones with their size, and those that a test found.
    facts : mapping
        Method, settings, data digest, code and time.
    """

    months: OriginForecast
    days: OriginForecast | None
    scores: pd.DataFrame
    shifts: pd.DataFrame
    facts: Mapping[str, Any]
    recorded: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return expected counts and quantiles: one row for each level, area, crime type and period."""
        area_months = int(self.facts["settings"]["area_months"])
        table = self.months.to_frame()
        parts = [table[(table["level"] == CITY) | (table["lead"] <= area_months)]]
        parts += [] if self.days is None else [self.days.to_frame()]
        return pd.concat(parts, ignore_index=True)

    def next_year(self) -> pd.DataFrame:
        """Return recorded counts of the last 12 months and expected ones of the next 12, with 90 % intervals.

        Raises
        ------
        InputError
            If fewer than 12 months are forecast.
        """
        if len(self.months.periods) < 12:
            msg = f"Only {len(self.months.periods)} months are forecast. Set long_horizons.city_months=12 or more."
            raise InputError(msg)
        table = self.months.next_year()
        before = table["last_12_months"].to_numpy()
        change = np.full(len(table), np.nan)
        np.divide(table["next_12_months"].to_numpy() - before, before, out=change, where=before > 0)
        return table.assign(change=change)

    def plot(self, crime_type: str = ALL) -> Figure:
        """Return a chart of the months of a crime type in the city, recorded and expected."""
        return plot_totals(self.evidence, [crime_type])

    @cached_property
    def evidence(self) -> TotalsEvidence:
        """What the page shows."""
        year = self.next_year() if len(self.months.periods) >= 12 else None
        return TotalsEvidence(self.to_frame(), self.recorded, year, self.scores, self.shifts, self.facts)

    def write(self, folder: Path, decimal: str = "point") -> list[Path]:
        """Write the tables, the facts and the page; return the files."""
        tables = {"totals.csv": self.to_frame(), "origins.csv": self.scores, "shifts.csv": self.shifts}
        if self.evidence.year is not None:
            tables["next_12_months.csv"] = self.evidence.year
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, table in tables.items():
                write_table(table, folder / name, decimal)
        except OSError as error:
            msg = (
                f"The tables were not written to {folder} ({error.strerror}). Free disk space or choose another folder."
            )
            raise StorageError(msg) from error
        page = write_totals_page(folder, PAGE, self.evidence)
        return [*(folder / name for name in tables), page, write_json(folder / TOTALS, self.to_dict())]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts with the next 12 months of the city, the errors of past origins and the level shifts."""
        year = pd.DataFrame() if self.evidence.year is None else self.evidence.year
        city = year[year["level"] == CITY] if len(year) else year
        tables = {"next_12_months": city, "origins": self.scores, "shifts": self.shifts}
        return {**self.facts, **{name: plain_rows(table) for name, table in tables.items()}}

    def to_html(self, path: str | Path) -> Path:
        """Write the page to a file, and return its path."""
        path = Path(path)
        return write_totals_page(path.parent, path.name, self.evidence)

    def __repr__(self) -> str:
        """Return periods, number of series and the expected counts of the first year."""
        labels, periods = self.months.hierarchy.labels, self.months.periods
        areas = labels.loc[labels["area"] != WHOLE_CITY, "area"].nunique()
        extent = f"city and {areas} areas" if areas else "city"
        head = f"Forecast of {periods[0]} to {periods[-1]} by {self.facts['method']}, {extent}"
        if self.evidence.year is None:
            return head
        city = self.evidence.year[self.evidence.year["level"] == CITY]
        rows = city[["crime_type", "last_12_months", "next_12_months", "low", "high"]]
        return f"{head}\n{rows.to_string(index=False, float_format='{:,.0f}'.format)}"


def forecast_totals(
    events: Events,
    model: SeriesForecaster | None = None,
    *,
    long_horizons: LongHorizons | None = None,
    compute: Compute | None = None,
) -> TotalsForecast:
    """Forecast recorded crimes of a city, its areas and crime types, months and days ahead.

    City, areas and crime types add up exactly: each series is forecast alone, then minimum trace reconciliation
    (Wickramasuriya, Athanasopoulos and Hyndman 2019) moves the forecasts as little as needed. The same is done from
    past origins, with what was known then, so that the errors are those of real forecasts.

    Parameters
    ----------
    events : Events
        All events; their ``area`` column names the areas. The forecast starts after their last whole month.
    model : SeriesForecaster, optional
        The method for single series; by default :class:`SeriesMean`.
    long_horizons : LongHorizons, optional
        How far ahead, from how many past origins, and breaks that are known.
    compute : Compute, optional
        Where the series are forecast; by default in processes of this machine.

    Returns
    -------
    TotalsForecast
        Forecast, errors of past origins and level shifts.

    Raises
    ------
    InputError
        If an area appears or ends within the records, or settings do not fit.
    NotRunError
        If the records are shorter than the method needs (36 months by default).

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=120).read()
    >>> year = ilp.LongHorizons(city_months=12, area_months=0, city_days=0, origins=0)
    >>> mean, one = ilp.SeriesMean(train_periods=24), ilp.LocalProcesses(1)
    >>> totals = ilp.forecast_totals(events, mean, long_horizons=year, compute=one)
    >>> f"{totals.next_year()['next_12_months'].max():,.0f} crimes are expected in the next 12 months"
    '16,524 crimes are expected in the next 12 months'
    """
    model, settings = model or SeriesMean(), long_horizons or LongHorizons()
    compute = compute or LocalProcesses()
    if not isinstance(model, SeriesForecaster):
        msg = f"{type(model).__name__} does not forecast single series. Choose a method such as series_mean or ets."
        raise InputError(msg)
    check_events(events)
    months = whole_months(events)
    if not len(months):
        msg = f"The records ({events.start.date()} to {events.end.date()}) hold no whole month. Give longer records."
        raise InputError(msg)
    by_unit = hierarchies(events, settings)
    made = forecast_origin(events, months[-1] + 1, by_unit[MONTH], model, settings, compute)
    days = None
    if settings.city_days:
        first_day = pd.Period(made.periods[0].start_time, freq="D")
        days = forecast_origin(events, first_day, by_unit[DAY], model, settings, compute)
    scores = score_origins(events, by_unit, model, settings, compute)
    recorded = _recorded(events, by_unit[DAY], months)
    recipe = make_recipe(events, model=model, long_horizons=settings)
    facts = {
        "use": RESEARCH_ONLY,
        "scope": SCOPE,
        "city": events.city,
        "method": type(model).__name__,
        "model": describe(model),
        "settings": describe(settings),
        "records": [str(events.start.date()), str(events.end.date())],
        "months": [str(made.periods[0]), str(made.periods[-1])],
        "recipe": recipe.fingerprint,
        "data": events.digest(),
        "code": describe_code(),
        "simulated": events.simulated,
        "attribution": "" if events.intake is None else events.intake.attribution,
        "made": now().isoformat(),
    }
    return TotalsForecast(made, days, scores, _shifts(made, recorded), facts, recorded)


def _recorded(events: Events, city: Hierarchy, months: pd.PeriodIndex) -> pd.DataFrame:
    """Return the recorded months of the city: one row for each crime type, and the sum, and month."""
    counts = city.with_sums(city.count(events, months, {}))
    kinds = city.labels["crime_type"].to_numpy()
    columns = {"crime_type": np.repeat(kinds, len(months)), "period": np.tile(months.astype(str), len(kinds))}
    return pd.DataFrame(columns | {"recorded": counts.ravel()})


def _shifts(made: OriginForecast, recorded: pd.DataFrame) -> pd.DataFrame:
    """Return the declared breaks with their effects, and the largest shift of each series that a test finds."""
    rows: list[dict[str, object]] = [
        {
            "crime_type": effect.crime_type,
            "start": str(effect.declared.months[0]),
            "end": "" if effect.declared.end is None else str(effect.declared.months[1]),
            "source": "declared",
            "why": effect.declared.why,
            "factor": effect.estimate.factor,
            "low": effect.estimate.low,
            "high": effect.estimate.high,
            "p_adjusted": float("nan"),
            "adjusted": effect.adjusted,
        }
        for effect in made.effects
    ]
    found = []
    for kind, part in recorded.groupby("crime_type", sort=False):
        counts = part["recorded"].to_numpy(dtype=np.float64)
        shift = largest_shift(counts, 12)
        if shift is not None:
            estimate = estimate_shift(counts, np.arange(len(counts)) >= shift.position, 12)
            found.append((str(kind), str(part["period"].iloc[shift.position]), shift.p_value, estimate))
    adjusted = multipletests([one[2] for one in found], method="holm")[1] if found else []
    known = [(effect.crime_type, effect.declared.months[0]) for effect in made.effects]
    for (kind, month, _, estimate), p_value in zip(found, adjusted, strict=True):
        near = any(kind in (other, ALL) and abs((pd.Period(month, "M") - start).n) <= _NEAR for other, start in known)
        if p_value <= _SIGNIFICANT:
            rows.append(
                {
                    "crime_type": kind,
                    "start": month,
                    "end": "",
                    "source": "found, as declared" if near else "found, not declared",
                    "why": "",
                    "factor": estimate.factor,
                    "low": estimate.low,
                    "high": estimate.high,
                    "p_adjusted": float(p_value),
                    "adjusted": False,
                }
            )
    columns = ["crime_type", "start", "end", "source", "why", "factor", "low", "high", "p_adjusted", "adjusted"]
    return pd.DataFrame(rows, columns=columns)
