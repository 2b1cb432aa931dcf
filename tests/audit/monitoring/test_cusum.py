from pathlib import Path

import numpy as np
import pytest

from ilp_models.audit.monitoring.cusum import Cusum, Reference, false_alarm, limit_for, run_length, share_of_each
from ilp_models.domain.errors import InputError


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_sums_are_those_worked_out_by_hand():
    z = column(1.0, 2.0, -0.5, 3.0, 0.0, -2.0, -3.0)
    one = Cusum.from_values(z, 0.5, 4.0)
    # up: .5, 2, 1, 3.5, 3, .5, 0; down: 0, 0, 0, 0, 0, 1.5, 4
    np.testing.assert_allclose(one.up.ravel(), [0.5, 2.0, 1.0, 3.5, 3.0, 0.5, 0.0])
    np.testing.assert_allclose(one.down.ravel(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 4.0])
    assert not one.breach.any()


def test_after_a_breach_both_sums_start_again():
    one = Cusum.from_values(column(3.0, 3.0, 3.0, 3.0, 3.0), 0.5, 4.0)
    np.testing.assert_allclose(one.up.ravel(), [2.5, 5.0, 2.5, 5.0, 2.5])
    assert one.breach.ravel().tolist() == [False, True, False, True, False]


def test_a_period_without_a_number_leaves_the_sums_as_they_were():
    one = Cusum.from_values(column(2.0, np.nan, 2.0), 0.5, 9.0)
    np.testing.assert_allclose(one.up.ravel(), [1.5, 1.5, 3.0])


def test_run_lengths_are_those_of_textbooks():
    # Montgomery's table of exact run lengths for allowance 0.5 and limit 5, two-sided: 465 without a shift, and with
    # shifts of 1, 2 and 3 standard deviations 10.4, 4.01 and 2.57
    assert float(run_length(5.0, -0.5)) / 2 == pytest.approx(465, rel=0.02)
    for shift, exact in ((1.0, 10.4), (2.0, 4.01), (3.0, 2.57)):
        assert float(run_length(5.0, shift - 0.5)) == pytest.approx(exact, abs=0.2)
    assert float(run_length(5.0, 0.0)) == pytest.approx(6.166**2)
    assert float(run_length(5.0, 1e-5)) == pytest.approx(6.166**2, rel=1e-3)


def breached(rng, reference, ahead, allowance, limit, *, autocorrelation=0.0, runs=4000):
    noise = rng.normal(size=(reference + ahead + 50, runs))
    for at in range(1, len(noise)):
        noise[at] += autocorrelation * noise[at - 1]
    noise = noise[50:]
    known = Reference.from_values(noise[:reference])
    return Cusum.from_values(known.standardised(noise[reference:]), allowance, limit).breach.any(axis=0).mean()


@pytest.mark.parametrize(("reference", "allowance", "limit"), [(52, 0.5, 5.0), (52, 1.0, 3.0), (26, 1.0, 3.5)])
def test_false_alarms_with_an_estimated_reference_are_as_frequent_as_stated(reference, allowance, limit):
    stated = false_alarm(limit, allowance, reference, 52)
    seen = breached(np.random.default_rng(1), reference, 52, allowance, limit)
    # the reference is estimated with a correction for autocorrelation, which errs towards fewer alarms
    assert 0.4 * stated < seen < 1.15 * stated


def test_an_estimated_reference_makes_alarms_far_more_frequent_than_a_known_one():
    known = 1 - np.exp(-2 * 52 / run_length(5.0, -0.5))
    assert false_alarm(5.0, 0.5, 52, 52) > 1.7 * known
    assert false_alarm(5.0, 0.5, 10**6, 52) == pytest.approx(known, rel=0.01)


def test_autocorrelated_series_alarm_no_more_often_than_about_stated():
    limit = limit_for(0.05, 1.0, 52, 52)
    assert breached(np.random.default_rng(2), 52, 52, 1.0, limit, autocorrelation=0.4) < 0.075


def test_the_limit_for_many_series_keeps_the_alarms_of_the_family_rare():
    each = share_of_each(0.05, 40)
    limit = limit_for(each, 1.0, 52, 52)
    assert false_alarm(limit, 1.0, 52, 52) == pytest.approx(each, rel=1e-3)
    families = breached(np.random.default_rng(3), 52, 52, 1.0, limit, runs=40_000)
    assert 1 - (1 - families) ** 40 < 0.07
    assert limit > limit_for(0.05, 1.0, 52, 52)


def test_a_limit_of_nothing_keeps_any_alarm_allowed():
    assert limit_for(0.9999999, 1.0, 52, 1e6) >= 0
    assert limit_for(0.99, 0.1, 52, 1e4) > 0


def test_a_reference_too_short_for_rare_alarms_is_refused():
    with pytest.raises(InputError, match="audit more periods"):
        limit_for(1e-12, 0.1, 4, 365)


def test_autocorrelation_is_seen_and_widens_the_spread():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(2000, 1))
    for at in range(1, len(noise)):
        noise[at] += 0.5 * noise[at - 1]
    known = Reference.from_values(noise)
    assert known.autocorrelation[0] == pytest.approx(0.5, abs=0.06)
    assert known.spread[0] == pytest.approx(noise.std() * np.sqrt(3), rel=0.1)


def test_a_series_that_never_moved_has_the_least_spread_or_none():
    flat = np.full((10, 1), 0.3)
    assert Reference.from_values(flat, 0.01).spread[0] == 0.01
    assert np.isnan(Reference.from_values(flat).standardised(flat)).all()
    assert Reference.from_values(flat).autocorrelation[0] == 0


def test_periods_without_a_number_are_left_out_of_the_reference():
    known = Reference.from_values(column(1.0, np.nan, 3.0))
    assert (known.mean[0], known.periods[0]) == (2.0, 2)


def test_the_table_of_limits_in_the_documentation_is_what_the_program_works_out():
    page = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line[:3] in ("| 1", "| 2", "| 6")]
    assert len(rows) == 8
    for series, allowance, limit, *delays in (map(float, row) for row in rows):
        known = limit_for(share_of_each(0.05, int(series)), allowance, 52, 52)
        assert round(known, 1) == limit
        assert [round(float(run_length(known, shift - allowance)), 1) for shift in (2, 3, 4)] == delays
