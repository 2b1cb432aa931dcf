import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.family_reasons import RECENT, USUAL
from ilp_models.model.point_processes.incidents import Incidents
from ilp_models.model.point_processes.point_process import PointProcess, in_own_cells
from tests.builders import city, history_of

COUNTS = np.zeros((1, 3, 12), dtype=int)
COUNTS[0, 0, :] = 2
COUNTS[0, 1, 6:] = 1
HISTORY = history_of(COUNTS, city(1, 3))


class DailyMean(PointProcess):
    """Forecast the mean number of incidents a day in every cell, and one repeat of each incident of the last week."""

    def __init__(self, holdout=3, train_periods=None, level_half_life=None):
        self.holdout = holdout
        self.train_periods = train_periods
        self.level_half_life = level_half_life

    def _learn(self, history, incidents, days):
        self.days_ = days
        self.incidents_ = sum(map(len, incidents))
        self.rates_ = np.array([len(some.day) / days / len(history.grid) for some in incidents])

    def _expected(self, history, incidents, now, bins):
        lengths = (bins.last - bins.first) * bins.days
        out = self.rates_[:, None, None] * lengths * np.ones((1, len(history.grid), 1))
        for kind, some in enumerate(incidents):
            recent = some.between(now - 7, now)
            out[kind, :, 0] += np.bincount(recent.cell[recent.cell >= 0], minlength=len(history.grid))
        return out


def week_after(fitted):
    return fitted.predict(HISTORY.calendar.next_periods(HISTORY.cutoff, 1)).expected.values[..., 0]


def test_all_settled_days_or_the_latest_ones_are_learned_from():
    assert DailyMean().fit(HISTORY).days_ == 12 * 7
    short = DailyMean(train_periods=4).fit(HISTORY)
    assert short.days_ == 28
    assert short.rates_[0] == pytest.approx(short.incidents_ / 28 / 3)
    assert DailyMean().fit(HISTORY).incidents_ > short.incidents_ > 0


def test_a_level_scales_the_city_to_its_latest_counts():
    expected = week_after(DailyMean(level_half_life=1e-3).fit(HISTORY))
    assert expected.sum() == pytest.approx(3)  # 2 and 1 in the last week


def test_reasons_split_background_and_repeats_and_add_up():
    fitted = DailyMean().fit(HISTORY)
    reasons = fitted.reasons(HISTORY.calendar.next_periods(HISTORY.cutoff, 1))
    assert {USUAL, RECENT} <= set(reasons.families)
    assert reasons.additivity_error < 1e-9
    recent = reasons.parts.sel(family=RECENT).values[0, :, 0]
    assert recent[0] > recent[1] > recent[2]


@pytest.mark.parametrize("wrong", [{"holdout": 0}, {"train_periods": -1}, {"level_half_life": float("nan")}])
def test_settings_that_are_not_positive_are_refused(wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))}=.* must be above 0"):
        DailyMean(**wrong).fit(HISTORY)


def test_repeats_in_their_own_cells_follow_the_weights_of_their_incidents():
    days = np.arange(3.0)
    known = Incidents.from_arrays(days, days, days, np.array([0, 2, -1]))
    own = in_own_cells(known, np.array([1.0, 2.0, 1.0]), np.array([4.0, 0.0, 4.0]))
    assert own.tolist() == [2, 0, 4]  # the last one lies outside the grid
