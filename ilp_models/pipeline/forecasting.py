"""Forecast the next periods with one forecaster, explain the forecast, and write it to files."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from sklearn.base import clone

from ilp_models.audit.register.register import Register
from ilp_models.data.gaps import recorded_until
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, NotRunError, convert_errors
from ilp_models.domain.events import Events
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid, GridSpec
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layers
from ilp_models.domain.overused_points import overused_by_cell
from ilp_models.domain.place_names import place_names
from ilp_models.domain.reason_words import reason_table
from ilp_models.domain.recent_counts import RecentCounts
from ilp_models.domain.timing import Timing
from ilp_models.explain.explain import Explain
from ilp_models.export.marking import Provenance, mark
from ilp_models.export.table import CellTable, risk_table
from ilp_models.export.writers import FILE_NAMES, Export
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.registration import REGISTER, release
from ilp_models.pipeline.study import Study, next_cutoff, open_study
from ilp_models.report.maps import plot_forecast
from ilp_models.report.plots import Figure

_NOT_SCORED = "not scored: made without a backtest"


@dataclass(frozen=True, eq=False, repr=False)
class NextForecast:
    """The forecast of the periods after the records, with the fitted forecaster and the cells.

    Attributes
    ----------
    forecast : RiskForecast
        Expected counts and quantiles by crime type, cell and period.
    forecaster : Forecaster
        Fitted on everything that was known at the cutoff.
    grid : Grid
        The cells active in everything that was known.
    study : Study
        Events, calendar, grid and layers that it was made from.
    recent : RecentCounts
        Recorded counts of the cells before the forecast.
    """

    forecast: RiskForecast
    forecaster: Forecaster
    grid: Grid
    study: Study
    recent: RecentCounts

    @property
    def name(self) -> str:
        """The name of the forecaster."""
        return self.forecast.forecaster

    @property
    def periods(self) -> pd.PeriodIndex:
        """The periods that are forecast."""
        return self.forecast.periods

    @property
    def timing(self) -> Timing:
        """The end of the complete records and the span that is forecast."""
        events, calendar = self.study.events, self.study.calendar
        gapless = recorded_until(
            events.table["occurred_at"], events.start, events.end, monthly=self.study.resolution == "month"
        )
        day = events.as_of_day or (next_cutoff(events, calendar) if events.as_of else None)
        known = [events.end, gapless, *([] if day is None else [day])]
        return Timing(
            time_zone=events.time_zone,
            records_end=min(known) - events.settles_after,
            starts=self.periods[0].start_time,
            ends=(self.periods[-1] + 1).start_time,
            record_lag=self.study.record_lag,
            as_of="" if day is None else day.date().isoformat(),
            simulated=events.simulated,
        )

    def renamed(self, name: str) -> "NextForecast":
        """Return the same forecast under another name of its forecaster."""
        return replace(self, forecast=self.forecast.named(name, self.forecast.recipe))

    def provenance(self, protocol: str = _NOT_SCORED) -> Provenance:
        """Return where the forecast came from, in plain text."""
        return Provenance(
            recipe=self.forecast.recipe,
            data=self.study.events.digest(),
            code=self.study.code,
            created=now().isoformat(),
            attribution=self.study.attribution,
            protocol=protocol,
        )

    @cached_property
    def places(self) -> CellTable:
        """The cells with their parent areas, their recent counts and the share of records at over-used points."""
        return CellTable.from_grid(self.grid, overused_by_cell(self.study.events, self.grid), self.recent)

    @cached_property
    def place_names(self) -> npt.NDArray[np.object_]:
        """Name of the place of each cell, from the named layers of the study or the parent area."""
        return place_names(self.grid, self.study.layers.known)

    @cached_property
    def reasons(self) -> pd.DataFrame:
        """Why each cell has its forecast: known counts, and events by family of reasons, in fields and in words.

        One row for each crime type, cell and period, with the columns of
        :data:`~ilp_models.domain.reason_words.REASON_TABLE`.
        """
        return reason_table(self.forecaster.reasons(self.periods), self.forecaster.history_)

    def to_frame(self) -> pd.DataFrame:
        """Return the risk grid as a table: one row for each crime type, cell and period."""
        marking = mark(self.forecast, self.provenance(), None, "research")
        return pd.DataFrame(risk_table(self.forecast, self.places, marking)).drop(columns="geometry")

    def to_xarray(self) -> xr.DataArray:
        """Return the expected counts as an array with the dimensions crime type, cell and period."""
        return self.forecast.expected.copy()

    def to_file(
        self, path: str | Path, *, decision: Decision | None = None, register: str | Path | Register = REGISTER
    ) -> Path:
        """Write the risk grid to one file, marked with the highest grade that a decision allows.

        Without an admitting decision on this very forecast the file is marked *research only*. With one, the decision
        is recorded in the register before the file appears, and the file may be used for resource allocation.

        Parameters
        ----------
        path : str or Path
            A file that ends in ``.gpkg``, ``.geojson``, ``.csv``, ``.xlsx``, ``.tif`` or ``.parquet``.
        decision : Decision, optional
            The decision on this forecast.
        register : str, Path or Register, default "outputs/register.jsonl"
            The register of decisions.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InputError
            If the ending names no format.
        StorageError
            If the file cannot be written.
        """
        path = Path(path)
        endings = {Path(name).suffix: form for form, name in FILE_NAMES.items()}
        form = endings.get(path.suffix.lower())
        if form is None:
            msg = f"{path} ends in no known format. Use one of {', '.join(endings)}."
            raise InputError(msg)
        cells, grade = self.places, "research"
        if decision is not None:
            grade = release(self.forecast, cells.area, decision, path.name, Register.from_path(register))
        export = Export((form,), grade)
        export.write(self.forecast, cells, self.provenance(), decision, path.parent, {form: path.name})
        return path

    def plot(self, crime_type: str | None = None) -> Figure:
        """Return a map of the expected counts of one crime type, the first by default."""
        return plot_forecast(
            self.forecast, self.grid, crime_type or str(self.forecast.expected.indexes["crime_type"][0])
        )

    def totals(self) -> pd.Series:
        """Return the expected count of each crime type over all cells and periods."""
        sums = self.forecast.expected.sum(("cell", "period"))
        return pd.Series(sums.values, index=list(map(str, sums.indexes["crime_type"])), name="expected")

    def __repr__(self) -> str:
        """Return forecaster, periods and expected totals."""
        first, last = self.periods[0].start_time.date(), self.periods[-1].end_time.date()
        lines = [f"  {kind:<24}{total:>10.1f} expected" for kind, total in self.totals().items()]
        return "\n".join([f"Forecast by {self.name}, {first} to {last}, {len(self.grid):,} cells", *lines])

    def _repr_html_(self) -> str:
        first, last = self.periods[0].start_time.date(), self.periods[-1].end_time.date()
        head = (
            f"<p>Forecast by {self.name}, {first} to {last}, {len(self.grid):,} cells. Research only until decided.</p>"
        )
        return head + self.totals().to_frame().to_html(float_format="{:.1f}".format)


def make_forecast(  # noqa: PLR0913 - the settings of a forecast, each with a default
    model: Forecaster,
    events: Events,
    grid: GridSpec,
    *,
    calendar: Calendar | None = None,
    layers: Layers | Mapping[str, Any] | None = None,
    horizon: int = 1,
    record_lag: int = 0,
    name: str | None = None,
) -> NextForecast:
    """Fit a forecaster on all that is known and forecast the next periods.

    Parameters
    ----------
    model : Forecaster
        Unfitted; a copy is fitted.
    events : Events
        All events; the cutoff is the end of their last whole period.
    grid : GridSpec
        How space is cut into cells.
    calendar : Calendar, optional
        How time is cut into periods; by default weeks from Monday.
    layers : Layers or mapping, optional
        Context layers, or their settings by name.
    horizon : int, default 1
        How many periods to forecast.
    record_lag : int, default 0
        Whole periods between the records and the first forecast. By default the period after the records is forecast.
        The backtest that is audited must have the same lag.
    name : str, optional
        Name of the forecaster in files and reports; by default that of its class.

    Returns
    -------
    NextForecast
        The forecast with the fitted forecaster.

    Raises
    ------
    InputError
        If the records do not cover one whole period, or the horizon is below 1.
    NotRunError
        If the forecaster cannot run on these records.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=30).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(500))
    >>> print(forecast)
    Forecast by MovingAverage, 2019-08-05 to 2019-08-11, 16 cells
      assault                      120.2 expected
      burglary                      65.0 expected
      robbery                       38.0 expected
      vehicle_theft                 72.0 expected
    """
    if horizon < 1:
        msg = f"horizon={horizon} must be at least 1."
        raise InputError(msg)
    study = open_study(events, grid, calendar=calendar, layers=layers, first_cutoff="next", record_lag=record_lag)
    cutoff = study.cutoff
    cells = study.grid_at(cutoff)
    history = History.from_events(cutoff, study.events, cells, study.calendar, study.layers, study.record_lag)
    name = type(model).__name__ if name is None else name
    try:
        with convert_errors(cutoff):
            fitted = clone(model).fit(history)
            forecast = fitted.predict(study.calendar.next_periods(cutoff, horizon))
    except NotRunError as error:
        msg = f"{name} could not run: {error}"
        raise NotRunError(msg) from error
    recent = RecentCounts.from_history(history, forecast.periods)
    return NextForecast(forecast.named(name, study.recipe(model)), fitted, cells, study, recent)


def explain_forecast(forecast: NextForecast, *, explain: Explain | None = None) -> Explanation:
    """Explain why each cell has its forecast, by additive attributions to features (SHAP where trees are used).

    Parameters
    ----------
    forecast : NextForecast
        Its first period is explained.
    explain : Explain, optional
        How many units are sampled, and how often the forecaster is refitted to test the explanation.

    Returns
    -------
    Explanation
        Attributions on the logarithm of the expected count.

    Raises
    ------
    InputError
        If the forecaster, or one that it combines, cannot be explained.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=30).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(500))
    >>> ilp.explain_forecast(forecast)
    <Explanation of MovingAverage at 2019-08-05 by level and share: 64 units, 2 features>
    """
    return (explain or Explain()).run(forecast.forecaster, forecast.periods[:1], forecast.name)
