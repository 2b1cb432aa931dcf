"""Conformance checks of forecasters.

``check_forecaster(forecaster, case)`` runs all checks on an unfitted forecaster; use it for your own methods.
"""

import pickle
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.events import Events
from ilp_models.domain.family_reasons import FAMILY_KEYS
from ilp_models.domain.forecaster import NotFittedError
from ilp_models.domain.grid import Grid
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layers
from ilp_models.domain.panel import DIMS
from ilp_models.model.hindcast import HindcastForecaster


@dataclass(frozen=True, eq=False)
class ConformanceCase:
    """Records from before and after a cutoff, some of them reported late."""

    events: Events
    grid: Grid
    cutoff: pd.Timestamp
    leads: int = 2
    calendar: Calendar = field(default_factory=Calendar)
    layers: Layers = field(default_factory=Layers)
    cached_fit: dict = field(default_factory=dict, repr=False)  # by forecaster

    def known(self, cutoff=None, **changes):
        """Return the history at the cutoff (or another), with these events and cells or others."""
        events, grid = changes.get("events", self.events), changes.get("grid", self.grid)
        return History.from_events(cutoff or self.cutoff, events, grid, self.calendar, self.layers)

    def ahead(self, cutoff=None):
        return self.calendar.next_periods(cutoff or self.cutoff, self.leads)

    def with_table(self, table):
        return replace(self.events, table=table)


def settings_of(thing):
    """Return the settings of an estimator, nested, as plain values."""
    if isinstance(thing, BaseEstimator):
        params = thing.get_params(deep=False)
        return type(thing), {name: settings_of(value) for name, value in params.items()}
    if isinstance(thing, (list, tuple)):
        return [settings_of(one) for one in thing]
    if isinstance(thing, dict):
        return {name: settings_of(one) for name, one in thing.items()}
    return thing


def forecast_of_clone(forecaster, history, periods):
    """Return the forecast of a new clone."""
    return clone(forecaster).fit(history).predict(periods)


def cached_fit(forecaster, case):
    """Return a clone fitted at the cutoff and its forecast, both cached in the case."""
    key = pickle.dumps(forecaster)
    if key not in case.cached_fit:
        fitted = clone(forecaster).fit(case.known())
        case.cached_fit[key] = fitted, fitted.predict(case.ahead())
    return case.cached_fit[key]


def assert_equal_forecasts(one, other):
    np.testing.assert_array_equal(one.expected.values, other.expected.values)
    np.testing.assert_array_equal(one.quantiles.values, other.quantiles.values)
    np.testing.assert_array_equal(one.dispersion.values, other.dispersion.values)


def settings_are_stored_and_cloned(forecaster, case):
    params = forecaster.get_params(deep=False)
    assert all(getattr(forecaster, name) is value for name, value in params.items())
    copy = clone(forecaster)
    assert copy is not forecaster
    assert settings_of(copy) == settings_of(forecaster)
    assert settings_of(type(forecaster)(**params)) == settings_of(forecaster)


def fit_returns_itself_and_changes_nothing_else(forecaster, case):
    history, fitted = case.known(), clone(forecaster)
    facts = [history.events.digest(), history.grid.digest(), history.panel.values.tobytes(), settings_of(fitted)]
    counts = history.panel.by_period.copy()
    assert fitted.fit(history) is fitted
    fitted.predict(case.ahead())
    assert facts == [
        history.events.digest(),
        history.grid.digest(),
        history.panel.values.tobytes(),
        settings_of(fitted),
    ]
    assert (history.panel.by_period == counts).all()
    assert not [name for name in vars(forecaster) if name.endswith("_")]


def predict_before_fit_is_refused(forecaster, case):
    with pytest.raises(NotFittedError, match="call fit first"):
        clone(forecaster).predict(case.ahead())
    with pytest.raises(NotFittedError, match="call fit first"):
        clone(forecaster).update(case.known())


def forecasts_are_complete_counts(forecaster, case):
    _, forecast = cached_fit(forecaster, case)
    assert forecast.expected.indexes["crime_type"].tolist() == list(case.events.crime_types)
    assert forecast.expected.indexes["cell"].equals(case.grid.cells)
    assert forecast.periods.equals(case.ahead())
    assert forecast.cutoff == case.cutoff
    for values in (forecast.expected.values, forecast.quantiles.values, forecast.dispersion.values):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert (np.diff(forecast.quantiles.values, axis=0) >= 0).all()
    assert forecast.expected.values.sum() > 0


def reasons_add_up_to_the_forecast(forecaster, case):
    fitted, forecast = cached_fit(forecaster, case)
    reasons = fitted.reasons(case.ahead())
    np.testing.assert_array_equal(reasons.expected.values, forecast.expected.values)
    assert reasons.additivity_error <= 1e-6
    table = reasons.to_frame()
    parts = table["reference"] + table[list(FAMILY_KEYS.values())].sum(axis=1)
    np.testing.assert_allclose(parts, table["expected"], atol=1e-6)
    assert (table.groupby(["crime_type", "period"])["reference"].agg(np.ptp) == 0).all()
    again = fitted.reasons(case.ahead()[:1])
    np.testing.assert_allclose(again.reference.values[:, 0], reasons.reference.values[:, 0])


def fits_repeat_to_the_bit(forecaster, case):
    fitted = clone(forecaster).fit(case.known())
    first = fitted.predict(case.ahead())
    assert_equal_forecasts(fitted.predict(case.ahead()), first)
    assert_equal_forecasts(fitted.fit(case.known()).predict(case.ahead()), first)
    assert_equal_forecasts(cached_fit(forecaster, case)[1], first)


def leads_do_not_depend_on_other_leads(forecaster, case):
    fitted, forecast = cached_fit(forecaster, case)
    together = forecast.expected.values
    for lead in range(case.leads):
        alone = fitted.predict(case.ahead()[[lead]]).expected.values
        np.testing.assert_allclose(alone[..., 0], together[..., lead], rtol=1e-6)


def an_update_reads_newer_counts(forecaster, case):
    later = case.cutoff + pd.Timedelta(weeks=3)
    fitted = clone(forecaster).fit(case.known())
    before = fitted.predict(case.ahead())
    assert_equal_forecasts(fitted.update(case.known()).predict(case.ahead()), before)
    history, periods = case.known(later), case.ahead(later)
    forecast = fitted.update(history).predict(periods)
    assert forecast.cutoff == later
    assert not np.array_equal(forecast.expected.values, before.expected.values)
    if isinstance(forecaster, HindcastForecaster):
        for lead in range(case.leads):
            fresh = fitted.hindcast(history, periods[[lead]], history.first_step + lead)[0]
            np.testing.assert_array_equal(forecast.expected.values[..., lead], fresh)
    with pytest.raises(InputError, match="was seen already"):
        fitted.update(case.known())


def reports_after_the_cutoff_change_nothing(forecaster, case):
    table = case.events.table
    later = table["reported_at"] >= case.cutoff
    assert later.sum() > 20
    rng = np.random.default_rng(0)
    other = table.copy()
    for name in ("x", "y", "crime_type"):
        other.loc[later, name] = rng.permutation(other.loc[later, name].to_numpy())
    wave = table[later].assign(x=table["x"].iloc[0], y=table["y"].iloc[0])
    more = pd.concat([other, *[wave] * 20], ignore_index=True)
    _, known = cached_fit(forecaster, case)
    for changed in (more, table[~later]):
        assert_equal_forecasts(
            forecast_of_clone(forecaster, case.known(events=case.with_table(changed)), case.ahead()), known
        )


def a_late_report_counts_only_after_it_arrived(forecaster, case):
    one = case.events.table.iloc[:1]
    days = case.known().panel.periods[-60:].start_time + pd.Timedelta(days=1)  # some use only the last year
    wave = pd.concat(
        [one.assign(occurred_at=day, reported_at=case.cutoff) for day in days.append(days[-1:].repeat(200))]
    )
    _, known = cached_fit(forecaster, case)
    late = case.with_table(pd.concat([case.events.table, wave], ignore_index=True))
    assert_equal_forecasts(forecast_of_clone(forecaster, case.known(events=late), case.ahead()), known)
    in_time = wave.assign(reported_at=case.cutoff - pd.Timedelta(seconds=1))
    early = case.with_table(pd.concat([case.events.table, in_time], ignore_index=True))
    later = forecast_of_clone(forecaster, case.known(events=early), case.ahead())
    assert not np.array_equal(later.expected.values, known.expected.values)


def the_order_of_events_does_not_matter(forecaster, case):
    shuffled = case.events.table.sample(frac=1.0, random_state=0)
    mixed = case.known(events=case.with_table(shuffled))
    assert_equal_forecasts(forecast_of_clone(forecaster, mixed, case.ahead()), cached_fit(forecaster, case)[1])


def names_and_order_of_cells_do_not_matter(forecaster, case):
    grid = case.grid
    order = np.random.default_rng(1).permutation(len(grid))
    turned = replace(
        grid,
        cells=pd.Index([f"other {cell}" for cell in grid.cells[order]]),
        geometry=grid.geometry[order],
        area_m2=grid.area_m2[order],
        neighbours=grid.neighbours[order][:, order].tocsr(),
        locator_cells=grid.locator_cells[order],
        parents=grid.parents if grid.parents.empty else grid.parents.iloc[order],
    )
    _, known = cached_fit(forecaster, case)
    other = forecast_of_clone(forecaster, case.known(grid=turned), case.ahead())
    np.testing.assert_allclose(other.expected.values, known.expected.values[:, order], rtol=1e-4, atol=1e-6)
    spreads = [one.dispersion.broadcast_like(one.expected).transpose(*DIMS).values for one in (other, known)]
    np.testing.assert_allclose(spreads[0], spreads[1][:, order], rtol=1e-2, atol=1e-3)


def the_past_is_not_forecast(forecaster, case):
    fitted, _ = cached_fit(forecaster, case)
    for periods in (case.ahead() - 1, pd.period_range(case.cutoff, periods=1, freq="D")):
        with pytest.raises(InputError, match=r"must be W-SUN and start at or after"):
            fitted.predict(periods)


def a_fitted_forecaster_can_be_pickled(forecaster, case):
    fitted, forecast = cached_fit(forecaster, case)
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own bytes
    assert_equal_forecasts(copy.predict(case.ahead()), forecast)


def too_short_a_past_is_not_run(forecaster, case):
    soon = case.events.start + pd.Timedelta(case.events.settles_after) + pd.Timedelta(weeks=2)
    unfitted = clone(forecaster)
    with pytest.raises(NotRunError, match="Give more data") as error:
        unfitted.fit(case.known(soon))
    assert "\n" not in str(error.value)
    with pytest.raises(NotFittedError):
        unfitted.predict(case.ahead(soon))


def a_type_without_events_gets_a_forecast(forecaster, case):
    table = case.events.table
    quiet = case.events.crime_types[-1]
    history = case.known(events=case.with_table(table[table["crime_type"] != quiet]))
    forecast = forecast_of_clone(forecaster, history, case.ahead())
    assert forecast.expected.sel(crime_type=quiet).values.max() < 0.05
    assert forecast.expected.values.sum() > 0


def one_cell_is_enough(forecaster, case):
    grid = case.grid.subset(np.arange(len(case.grid)) == 3)
    forecast = forecast_of_clone(forecaster, case.known(grid=grid), case.ahead())
    assert forecast.expected.shape == (len(case.events.crime_types), 1, case.leads)


CHECKS = (
    settings_are_stored_and_cloned,
    fit_returns_itself_and_changes_nothing_else,
    predict_before_fit_is_refused,
    forecasts_are_complete_counts,
    reasons_add_up_to_the_forecast,
    fits_repeat_to_the_bit,
    leads_do_not_depend_on_other_leads,
    an_update_reads_newer_counts,
    reports_after_the_cutoff_change_nothing,
    a_late_report_counts_only_after_it_arrived,
    the_order_of_events_does_not_matter,
    names_and_order_of_cells_do_not_matter,
    the_past_is_not_forecast,
    a_fitted_forecaster_can_be_pickled,
    too_short_a_past_is_not_run,
    a_type_without_events_gets_a_forecast,
    one_cell_is_enough,
)


def check_forecaster(forecaster, case):
    """Raise AssertionError if an unfitted forecaster fails a check."""
    for check in CHECKS:
        check(forecaster, case)
