"""Families of reasons of a regression, against all orders of the families on models that are small enough."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import PoissonRegressor

from ilp_models.domain.calendar_terms import CalendarTerms
from ilp_models.domain.family_reasons import NEIGHBOURS, OTHER_TYPES, RECENT, SEASON, TREND, USUAL, reason_family
from ilp_models.features.calendar import CalendarColumns, TypeIndicators
from ilp_models.features.means import CityLevel, ExponentialMeans
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.per_type import PerType
from tests.model.small_regressions import TREES, poisson_history, regression

FLOOR = 0.01
FEATURES = (
    TypeIndicators(),
    ExponentialMeans((4, 52)),
    ExponentialMeans((26,), reach_cells=1.0),
    ExponentialMeans((26,), all_types=True),
    CityLevel((4,), against=52),
    CalendarColumns(CalendarTerms()),
)


@pytest.fixture(scope="module")
def history():
    return poisson_history()


@pytest.fixture(scope="module")
def without_offset(history):
    return regression(PoissonRegressor(alpha=1e-3), FEATURES).fit(history)


@pytest.fixture(scope="module")
def with_offset(history):
    return regression(TREES, FEATURES[:4], offset=LevelShare(half_life=26, level_half_lives=(4, 26))).fit(history)


def next_week(history):
    return history.calendar.next_periods(history.cutoff, 1)


def shown_of(forecaster, history, periods):
    """Return the values of a design before logarithms, (periods, types, cells, columns), and its city totals."""
    design = forecaster._design(history, periods, 1, shown=True)
    return design.shown.reshape(len(periods), 2, 20, -1).astype(float), design.level, design.columns


def coalition_value(forecaster, history, inside):
    """Return the forecast (types, cells) where the other families have mean values, written without the game."""
    weeks = next_week(history)
    now, level, columns = shown_of(forecaster, history, weeks)
    past, past_level, _ = shown_of(forecaster, history, history.panel.periods[-52:])
    now, mean = now[0], past.mean(axis=(0, 2))[:, None, :] * np.ones((1, 20, 1))
    if forecaster.offset is None:
        place = {column.name: index for index, column in enumerate(columns)}["mean_52"]
        usual, usual_mean = now[..., place] + FLOOR, mean[..., place] + FLOOR
        base = usual if USUAL in inside else usual_mean
        offset = None
    else:
        index, past_index = (
            forecaster.offset_.calendar_index(history, one) for one in (weeks, history.panel.periods[-52:])
        )
        trend = level[0] / index[0] if TREND in inside else (past_level / past_index).mean(axis=0)
        season = index[0] if SEASON in inside else past_index.mean(axis=0)
        own = [column.name for column in columns].index("offset_own")
        share = now[..., own] / level[0][:, None] if USUAL in inside else 1 / 20
        offset = np.maximum((trend * season)[:, None] * share * np.ones((2, 20)), 1e-3)
        total = trend * season
    rows = np.empty(now.shape, dtype=np.float32)
    for index, column in enumerate(columns):
        joined = column.family == "crime_type" or reason_family(column) in inside
        value, middle = now[..., index], mean[..., index]
        if column.family == "offset":
            rates = offset if column.rate == "own" else offset.sum(axis=0, keepdims=True)
            rows[..., index] = np.log(rates + FLOOR)
        elif not column.rate:
            rows[..., index] = value if joined else middle
        elif offset is None:
            ratio = (value + FLOOR) / usual if joined else (middle + FLOOR) / usual_mean
            rows[..., index] = np.log(base * ratio)
        else:
            names = {one.rate: place for place, one in enumerate(columns) if one.family == "offset"}
            start = names[column.rate]
            rows[..., index] = np.log(
                (value + FLOOR) / (now[..., start] + FLOOR) if joined else (middle + FLOOR) / (mean[..., start] + FLOOR)
            )
    rates = forecaster.estimator_.predict(rows.reshape(-1, len(columns))).reshape(2, 20)
    if offset is None:
        return rates
    expected = rates * offset
    return expected * (total / expected.sum(axis=1))[:, None]


def by_permutation(forecaster, history, families):
    """Return the mean marginal value of each family over all orders."""
    parts, orders, known = dict.fromkeys(families, 0.0), list(permutations(families)), {}

    def value(inside):
        if inside not in known:
            known[inside] = coalition_value(forecaster, history, inside)
        return known[inside]

    for order in orders:
        for place, family in enumerate(order):
            change = value(frozenset(order[: place + 1])) - value(frozenset(order[:place]))
            parts[family] = parts[family] + change / len(orders)
    return value(frozenset()), parts


@pytest.mark.parametrize("name", ["without_offset", "with_offset"])
def test_parts_are_the_mean_over_all_orders_of_the_families(name, history, request):
    families = (USUAL, RECENT, NEIGHBOURS, OTHER_TYPES, SEASON, TREND)
    forecaster = request.getfixturevalue(name)
    reasons = forecaster.reasons(next_week(history))
    assert reasons.families == families
    reference, parts = by_permutation(forecaster, history, families)
    np.testing.assert_allclose(reasons.reference.values, reference[:, :1], rtol=1e-3)
    for family in families:
        np.testing.assert_allclose(reasons.part(family)[..., 0], parts[family], atol=1e-5, err_msg=family)


def test_the_reference_is_one_cell_for_the_whole_city(with_offset, without_offset, history):
    for forecaster in (with_offset, without_offset):
        reasons = forecaster.reasons(next_week(history))
        assert (reasons.reference.values > 0).all()
        empty = coalition_value(forecaster, history, frozenset())
        np.testing.assert_allclose(empty, np.broadcast_to(empty[:, :1], empty.shape))
    # With an offset, the reference has the mean city total of the training year, divided by the number of cells.
    level = with_offset._design(history, history.panel.periods[-52:], 1).level
    np.testing.assert_allclose(
        with_offset.reasons(next_week(history)).reference.values[:, 0] * 20, level.mean(axis=0), rtol=0.02
    )


def test_the_offset_is_no_lump(with_offset, history):
    """A cell with twice the mean share of the offset has a higher usual level, and the city's level is its trend."""
    reasons, offset = with_offset.reasons(next_week(history)), with_offset.offset_.predict(next_week(history))
    share = offset.expected.values[..., 0] / offset.expected.values[..., 0].sum(axis=1, keepdims=True)
    assert (reasons.part(USUAL)[..., 0][share > 2 / 20] > 0).all()
    assert (reasons.part(USUAL)[..., 0][share < 0.5 / 20] < 0).all()
    assert np.abs(reasons.part(TREND)).max() > 0


@settings(max_examples=8)
@given(st.permutations(range(1, 4)))
def test_the_order_of_columns_does_not_matter(order):
    known = poisson_history()
    features = [FEATURES[0], *(FEATURES[index] for index in order)]
    week = next_week(known)
    one = regression(PoissonRegressor(alpha=1e-3), features).fit(known).reasons(week)
    other = regression(PoissonRegressor(alpha=1e-3), FEATURES[:4]).fit(known).reasons(week)
    np.testing.assert_allclose(one.parts.values, other.parts.values, atol=1e-5)


def test_a_column_that_the_regression_ignores_has_no_part(history):
    class BlindRegressor(PoissonRegressor):
        def fit(self, x, y, sample_weight=None):
            return super().fit(x * self.mask(x), y, sample_weight)

        def predict(self, x):
            return super().predict(x * self.mask(x))

        @staticmethod
        def mask(x):
            return np.arange(x.shape[1]) != x.shape[1] - 1

    features = (TypeIndicators(), ExponentialMeans((52,)), ExponentialMeans((26,), reach_cells=1.0))
    reasons = regression(BlindRegressor(alpha=1e-3), features).fit(history).reasons(next_week(history))
    np.testing.assert_allclose(reasons.part(NEIGHBOURS), 0, atol=1e-12)
    assert np.abs(reasons.part(USUAL)).max() > 0.1


def test_each_lead_and_each_type_has_its_own_reasons(history):
    leads = history.calendar.next_periods(history.cutoff, 2)
    both = regression(PoissonRegressor(alpha=1e-3), FEATURES[:4], offset=EWMA(half_lives=(8,)), leads=2).fit(history)
    assert both.reasons(leads).parts.shape[:3] == (2, 20, 2)
    by_type = PerType(regression(PoissonRegressor(alpha=1e-3), FEATURES[1:3])).fit(history)
    alone = by_type.forecasters_["b"].reasons(leads[:1])
    np.testing.assert_array_equal(by_type.reasons(leads[:1]).part(USUAL)[1], alone.part(USUAL)[0])
