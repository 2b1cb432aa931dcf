"""The next forecast: fitted on everything known, for the periods after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.not_run import convert_errors
from ilp_models.pipeline.study import Study


@dataclass(frozen=True, eq=False)
class NextForecast:
    """A forecast of the periods after the records, and the forecaster that made it.

    Parameters
    ----------
    forecast : RiskForecast
        Named, with its recipe.
    forecaster : Forecaster
        Fitted on all that was known.
    grid : Grid
        Cells active in all that was known.
    periods : PeriodIndex
        The periods forecast.
    """

    forecast: RiskForecast
    forecaster: Forecaster
    grid: Grid
    periods: pd.PeriodIndex


def next_forecast(study: Study, models: Mapping[str, Forecaster], name: str, horizon: int) -> NextForecast:
    """Return the forecast of the first periods after the whole periods of the records."""
    cutoff = study.cutoff
    grid = study.grid_at(cutoff)
    history = History.from_events(cutoff, study.events, grid, study.calendar, study.layers)
    periods = study.calendar.ahead(cutoff, horizon)
    try:
        with convert_errors(cutoff):
            fitted = clone(models[name]).fit(history)
            forecast = fitted.predict(periods)
    except NotRunError as error:
        msg = f"{name} could not run: {error}"
        raise NotRunError(msg) from error
    return NextForecast(forecast.named(name, study.recipes([name])[name]), fitted, grid, periods)


def write_relative_risks(ahead: NextForecast, folder: Path) -> list[Path]:
    """Return the table of relative risks of a method that learns them, written to a folder."""
    table = getattr(ahead.forecaster, "relative_risks_", None)
    if table is None:
        return []
    path = folder / "relative_risks.csv"
    table.to_csv(path, index=False)
    return [path]
