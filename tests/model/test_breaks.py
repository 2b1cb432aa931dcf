"""Declared breaks: estimated from known months, divided out when they have ended, kept while they last."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.long_horizons.breaks import Break, adjust_for_breaks, break_effects

MONTHS = pd.period_range("2015-01", periods=72, freq="M")
WAVE = np.tile(100 + 20 * np.sin(2 * np.pi * np.arange(12) / 12), 6)


def effects_of(one, counts):
    return break_effects([one], MONTHS[: len(counts)], {"A": counts, "B": np.tile(WAVE, 2)[: len(counts)]})


def test_a_break_that_has_ended_is_divided_out():
    one = Break("2018-01", "2018-12", why="lockdown")
    counts = WAVE * np.where(one.inside(MONTHS), 0.6, 1.0)
    effects = effects_of(one, counts)
    assert [effect.adjusted for effect in effects] == [True, True]
    adjusted = adjust_for_breaks(np.stack([counts, WAVE]), MONTHS, ["A", "B"], effects)
    np.testing.assert_allclose(adjusted, np.stack([WAVE, WAVE]), rtol=1e-5)


def test_while_a_break_lasts_the_past_is_brought_to_its_level():
    one = Break("2020-01", why="new recording rule")
    counts = WAVE * np.where(one.inside(MONTHS), 0.6, 1.0)
    effects = effects_of(one, counts)
    adjusted = adjust_for_breaks(counts[None], MONTHS, ["A"], effects)
    np.testing.assert_allclose(adjusted[0], 0.6 * WAVE, rtol=1e-5)
    other = adjust_for_breaks(WAVE[None], MONTHS, ["B"], effects)
    np.testing.assert_allclose(other[0], WAVE, rtol=1e-5)


def test_days_of_a_break_are_adjusted_with_the_factor_of_its_months():
    one = Break("2020-01", why="new rule")
    effects = effects_of(one, WAVE * np.where(one.inside(MONTHS), 0.5, 1.0))
    days = pd.period_range("2019-12-30", "2020-01-02", freq="D")
    np.testing.assert_allclose(adjust_for_breaks(np.full((1, 4), 10.0), days, ["A"], effects)[0], [5, 5, 10, 10])


@pytest.mark.parametrize(("start", "months"), [("2020-09", 72), ("2016-06", 30)])
def test_too_few_months_inside_or_outside_change_nothing(start, months):
    counts = WAVE[:months]
    effects = effects_of(Break(start, why="x"), counts)
    assert not any(effect.adjusted for effect in effects)
    np.testing.assert_array_equal(adjust_for_breaks(counts[None], MONTHS[:months], ["A"], effects)[0], counts)


@pytest.mark.parametrize(
    ("start", "end", "why", "said"),
    [
        ("March", None, "x", "start='March' is not a month"),
        ("2020-03", "2019-01", "x", "end=2019-01 is before start=2020-03"),
        ("2020-03", None, " ", "has no reason"),
    ],
)
def test_breaks_that_say_too_little_are_refused(start, end, why, said):
    with pytest.raises(InputError, match=said):
        Break(start, end, why=why)
