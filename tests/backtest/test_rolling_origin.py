import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from tests.builders import events_at

WEEKS = Calendar()


def records(start="2021-01-01", end="2021-03-31", settles_after="0D"):
    """Return records from a Friday to a Wednesday: whole weeks from 4 January to 28 March."""
    return events_at([1.0], [1.0], occurred_at="2021-02-01", start=start, end=end, settles_after=settles_after)


def spoken(folds):
    return [
        (str(fold.cutoff.date()), [str(period.start_time.date()) for period in fold.periods], fold.refit)
        for fold in folds
    ]


def test_folds_by_hand():
    plan = RollingOrigin(test_periods=5, horizon=2, refit_every=2)
    assert spoken(plan.folds(records(), WEEKS)) == [
        ("2021-02-22", ["2021-02-22", "2021-03-01"], True),
        ("2021-03-01", ["2021-03-01", "2021-03-08"], False),
        ("2021-03-08", ["2021-03-08", "2021-03-15"], True),
        ("2021-03-15", ["2021-03-15", "2021-03-22"], False),
        ("2021-03-22", ["2021-03-22"], True),
    ]


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("2021-03-28", "2021-03-22"),
        ("2021-03-27", "2021-03-15"),
        ("2021-03-21", "2021-03-15"),
        ("2030-01-01", "2021-03-22"),
    ],
)
def test_end_keeps_periods_that_end_before_it(end, last):
    folds = RollingOrigin(test_periods=3, end=end).folds(records(), WEEKS)
    assert str(folds[-1].cutoff.date()) == last
    assert len(folds) == 3


@pytest.mark.parametrize(("delay", "last"), [("0D", "2021-03-22"), ("2D", "2021-03-22"), ("3D", "2021-03-15")])
def test_only_complete_periods_are_tested(delay, last):
    folds = RollingOrigin(test_periods=3).folds(records(settles_after=delay), WEEKS)
    assert str(folds[-1].cutoff.date()) == last


def test_delay_is_the_longest_of_all_cutoffs():
    plan, months = RollingOrigin(test_periods=2), Calendar(period_unit="month")
    assert plan.delay(records("2020-06-01", "2021-04-01", "31D"), months) == 1  # 1 January and 1 February
    assert plan.delay(records("2020-06-01", "2021-05-02", "31D"), months) == 2  # on 1 March January had not settled
    assert plan.delay(records(), WEEKS) == 0


def test_weeks_may_start_on_another_day_and_periods_may_be_months():
    sundays = RollingOrigin(test_periods=1).folds(records(), Calendar(week_start="sunday"))
    assert spoken(sundays) == [("2021-03-21", ["2021-03-21"], True)]
    months = RollingOrigin(test_periods=2).folds(records(end="2021-04-01"), Calendar("month"))
    assert [fold[0] for fold in spoken(months)] == ["2021-02-01", "2021-03-01"]


def test_no_training_data_is_refused():
    assert len(RollingOrigin(test_periods=11).folds(records(), WEEKS)) == 11
    told = r"^backtest\.test_periods=12 leaves no training data: the records cover 12 whole week\(s\) \(2021-01-01 to"
    with pytest.raises(InputError, match=told):
        RollingOrigin(test_periods=12).folds(records(), WEEKS)


@pytest.mark.parametrize("name", ["test_periods", "horizon", "refit_every"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(InputError, match=rf"backtest\.{name}=0 must be a whole number, at least 1"):
        RollingOrigin(**{name: 0})


def test_invalid_end_date_is_refused():
    with pytest.raises(InputError, match=r"backtest\.end='soon' is not a date\. Write it as 2021-12-26"):
        RollingOrigin(end="soon")


@settings(max_examples=40)
@given(st.integers(1, 11), st.integers(1, 5), st.integers(1, 6))
def test_chains_cover_all_folds_and_start_with_a_fit(periods, horizon, refit_every):
    plan = RollingOrigin(periods, horizon, refit_every)
    folds = plan.folds(records(), WEEKS)
    chains = plan.chains(folds)
    assert tuple(fold for chain in chains for fold in chain) == folds
    for chain in chains:
        assert [fold.refit for fold in chain] == [True, *[False] * (len(chain) - 1)]
        assert len(chain) <= refit_every
    for fold in folds:
        assert fold.cutoff == fold.periods[0].start_time
        assert len(fold.periods) == min(horizon, len(folds) - folds.index(fold))
        assert all(period.end_time < pd.Timestamp("2021-03-29") for period in fold.periods)


@pytest.mark.parametrize("name", ["test_periods", "horizon", "refit_every"])
def test_integers_of_numpy_count_as_integers_and_fractions_do_not(name):
    plan = RollingOrigin(**{name: np.int32(3)})
    assert plan == RollingOrigin(**{name: 3})
    assert type(getattr(plan, name)) is int
    with pytest.raises(InputError, match=rf"backtest\.{name}=2.5 must be a whole number"):
        RollingOrigin(**{name: 2.5})
