import inspect

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain import family_reasons as families
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import FAMILY_OF, FamilyReasons, combine_reasons, reason_family
from ilp_models.domain.features import Column
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.features import calendar, context, means
from ilp_models.model.regressions.design_matrix import DesignMatrix, Lead
from tests.builders import city, events_of, forecast_on, layers_on, poisson_counts

FORECAST = forecast_on(city(), expected=np.arange(1.0, 25.0))
EXPECTED = FORECAST.expected
SETTINGS = {
    "ExponentialMeans": {"half_lives": (4, 104)},
    "RollingMeans": {"windows": (4, 52)},
    "CalendarColumns": {"terms": CalendarTerms()},
}


def reasons_of(**changed):
    parts = {families.USUAL: EXPECTED.values - 1.5, families.TREND: np.full(EXPECTED.shape, 0.5)} | changed
    return FamilyReasons.from_parts(EXPECTED, np.ones((2, 1)), parts)


def test_reference_and_parts_add_up_to_the_forecast():
    table = reasons_of().to_frame()
    parts = list(families.FAMILY_KEYS.values())
    np.testing.assert_allclose(table["reference"] + table[parts].sum(axis=1), table["expected"])
    np.testing.assert_array_equal(table["expected"], EXPECTED.values.ravel())
    assert (table["neighbouring_cells"] == 0).all()
    assert reasons_of().families == (families.USUAL, families.TREND)
    assert repr(reasons_of()) == "<FamilyReasons: 24 units, usual level here, city-wide trend>"


@pytest.mark.parametrize("off", [2e-6, np.nan])
def test_parts_that_do_not_add_up_are_refused(off):
    with pytest.raises(InputError, match="Reasons do not add up to the forecast"):
        reasons_of(**{families.TREND: 0.5 + off * EXPECTED.values})
    assert reasons_of(**{families.TREND: 0.5 + 5e-7 * EXPECTED.values}).additivity_error < 1e-6


def test_unknown_families_and_other_shapes_are_refused():
    with pytest.raises(InputError, match="'weather' is no family of reasons"):
        reasons_of(weather=np.zeros(EXPECTED.shape))
    known = reasons_of()
    with pytest.raises(InputError, match="a reference for each crime type"):
        FamilyReasons(EXPECTED, known.reference.isel(crime_type=[0]), known.parts)
    with pytest.raises(InputError, match="in this order"):
        FamilyReasons(EXPECTED, known.reference, known.parts.isel(family=[1, 0]))


def test_weighted_sums_are_split_as_their_members():
    members = [
        reasons_of(),
        reasons_of(**{families.USUAL: EXPECTED.values - 2.0, families.CONTEXT: np.ones(EXPECTED.shape) / 2}),
    ]
    reference, parts = combine_reasons(EXPECTED, members, np.array([[0.25, 0.75], [1.0, 0.0]]))
    made = FamilyReasons.from_parts(EXPECTED, reference, parts)
    assert made.families == (families.USUAL, families.TREND, families.CONTEXT)
    assert made.part(families.CONTEXT)[0].max() == pytest.approx(0.375)
    assert not made.part(families.CONTEXT)[1].any()


def test_what_a_method_adds_to_a_weighted_sum_is_its_own_estimate():
    doubled = EXPECTED * 2
    made = FamilyReasons.from_parts(doubled, *combine_reasons(doubled, [reasons_of()], np.ones((2, 1))))
    np.testing.assert_allclose(made.part(families.METHOD), EXPECTED.values)


class Constant(Forecaster):
    """A method of a user without parts of its own."""

    def _fit(self, history):
        pass

    def _predict(self, periods, steps):
        del steps
        return np.full((2, 12, len(periods)), 0.7), np.zeros(2)


def test_a_method_that_says_nothing_has_one_family(history):
    periods = history.calendar.next_periods(history.cutoff, 2)
    reasons = Constant().fit(history).reasons(periods)
    assert reasons.families == (families.METHOD,)
    np.testing.assert_allclose(reasons.reference.values[:, 0], history.panel.values[..., -52:].mean(axis=(1, 2)))


@pytest.fixture(scope="module")
def history():
    grid = city()
    events = events_of(poisson_counts((2, 12, 60), np.full((2, 12, 1), 0.5)), grid)
    cutoff = events.start + pd.Timedelta(weeks=60)
    return History.from_events(cutoff, events, grid, calendar=Calendar(), layers=layers_on(grid))


def feature_families():
    found = [
        one
        for module in (calendar, context, means)
        for one in vars(module).values()
        if inspect.isclass(one) and one.__module__ == module.__name__ and hasattr(one, "write")
    ]
    assert len(found) >= 10
    return [*found, Lead]


@pytest.mark.parametrize("feature", feature_families(), ids=lambda one: one.__name__)
def test_every_feature_family_of_the_package_has_a_family_of_reasons(feature, history):
    unit = "day" if feature.__name__ == "SameWeekday" else "week"
    known = History.from_events(history.cutoff, history.events, history.grid, Calendar(unit), history.layers)
    columns = feature(**SETTINGS.get(feature.__name__, {})).columns(known)
    assert columns
    for column in columns:
        assert column.family in FAMILY_OF, f"add {column.family} to FAMILY_OF in ilp_models/domain/family_reasons.py"
        assert reason_family(column) in families.FAMILIES


def test_columns_of_an_offset_have_a_family(history):
    offset = DesignMatrix((), 0.01, with_offset=True).columns(history)
    assert {column.family for column in offset} == {"offset"} <= set(FAMILY_OF)


def test_the_age_of_counts_separates_last_weeks_from_the_usual_level(history):
    columns = [*means.ExponentialMeans((4, 8, 16, 104)).columns(history), *means.RollingMeans((4, 52)).columns(history)]
    recent = [reason_family(column) == families.RECENT for column in columns]
    assert recent == [True, True, False, False, True, False]
    assert reason_family(Column("weather", "weather", "")) == families.METHOD  # a family from outside the package
