from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.audit.monitoring.cusum import (
    CUSUM,
    Monitoring,
    Reference,
    average_run_length,
    control_limit,
    false_alarm_probability,
    sidak_probability,
)
from ilp_models.audit.monitoring.series import MeasureSeries
from ilp_models.domain.errors import InputError

AUDITED, NEW = 52, 52


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_sums_equal_hand_calculation():
    z = column(1.0, 2.0, -0.5, 3.0, 0.0, -2.0, -3.0)
    one = CUSUM.from_values(z, 0.5, 4.0)
    # up: .5, 2, 1, 3.5, 3, .5, 0; down: 0, 0, 0, 0, 0, 1.5, 4
    np.testing.assert_allclose(one.up.ravel(), [0.5, 2.0, 1.0, 3.5, 3.0, 0.5, 0.0])
    np.testing.assert_allclose(one.down.ravel(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 4.0])
    assert not one.breach.any()


def test_after_a_breach_both_sums_start_again():
    one = CUSUM.from_values(column(3.0, 3.0, 3.0, 3.0, 3.0), 0.5, 4.0)
    np.testing.assert_allclose(one.up.ravel(), [2.5, 5.0, 2.5, 5.0, 2.5])
    assert one.breach.ravel().tolist() == [False, True, False, True, False]


def test_a_missing_value_leaves_the_sums_unchanged():
    one = CUSUM.from_values(column(2.0, np.nan, 2.0), 0.5, 9.0)
    np.testing.assert_allclose(one.up.ravel(), [1.5, 1.5, 3.0])


def test_run_lengths_equal_published_values():
    # Montgomery's table of exact run lengths for allowance 0.5 and limit 5, two-sided: 465 without a shift, and with
    # shifts of 1, 2 and 3 standard deviations 10.4, 4.01 and 2.57
    assert float(average_run_length(5.0, -0.5)) / 2 == pytest.approx(465, rel=0.02)
    for shift, exact in ((1.0, 10.4), (2.0, 4.01), (3.0, 2.57)):
        assert float(average_run_length(5.0, shift - 0.5)) == pytest.approx(exact, abs=0.2)
    assert float(average_run_length(5.0, 0.0)) == pytest.approx(6.166**2)
    assert float(average_run_length(5.0, 1e-5)) == pytest.approx(6.166**2, rel=1e-3)


def breached(rng, reference, ahead, allowance, limit, *, autocorrelation=0.0, runs=4000):
    noise = rng.normal(size=(reference + ahead + 50, runs))
    for at in range(1, len(noise)):
        noise[at] += autocorrelation * noise[at - 1]
    noise = noise[50:]
    known = Reference.from_values(noise[:reference])
    return CUSUM.from_values(known.standardise(noise[reference:]), allowance, limit).breach.any(axis=0).mean()


@pytest.mark.parametrize(("reference", "allowance", "limit"), [(52, 0.5, 5.0), (52, 1.0, 3.0), (26, 1.0, 3.5)])
def test_false_alarms_are_as_frequent_as_stated(reference, allowance, limit):
    stated = false_alarm_probability(limit, allowance, reference, 52)
    seen = breached(np.random.default_rng(1), reference, 52, allowance, limit)
    # the reference has a correction for autocorrelation, which gives fewer alarms
    assert 0.4 * stated < seen < 1.15 * stated


def test_an_estimated_reference_increases_false_alarms():
    known = 1 - np.exp(-2 * 52 / average_run_length(5.0, -0.5))
    assert false_alarm_probability(5.0, 0.5, 52, 52) > 1.7 * known
    assert false_alarm_probability(5.0, 0.5, 10**6, 52) == pytest.approx(known, rel=0.01)


def test_autocorrelated_series_do_not_alarm_more_often_than_stated():
    limit = control_limit(0.05, 1.0, 52, 52)
    assert breached(np.random.default_rng(2), 52, 52, 1.0, limit, autocorrelation=0.4) < 0.075


def test_the_limit_of_many_series_controls_the_family():
    each = sidak_probability(0.05, 40)
    limit = control_limit(each, 1.0, 52, 52)
    assert false_alarm_probability(limit, 1.0, 52, 52) == pytest.approx(each, rel=1e-3)
    families = breached(np.random.default_rng(3), 52, 52, 1.0, limit, runs=40_000)
    assert 1 - (1 - families) ** 40 < 0.07
    assert limit > control_limit(0.05, 1.0, 52, 52)


def test_a_high_false_alarm_probability_has_a_limit():
    assert control_limit(0.9999999, 1.0, 52, 1e6) >= 0
    assert control_limit(0.99, 0.1, 52, 1e4) > 0


def test_a_short_reference_cannot_have_rare_alarms():
    with pytest.raises(InputError, match="Audit more periods"):
        control_limit(1e-12, 0.1, 4, 365)


def test_autocorrelation_increases_the_standard_deviation():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=(2000, 1))
    for at in range(1, len(noise)):
        noise[at] += 0.5 * noise[at - 1]
    known = Reference.from_values(noise)
    assert known.autocorrelation[0] == pytest.approx(0.5, abs=0.06)
    assert known.spread[0] == pytest.approx(noise.std() * np.sqrt(3), rel=0.1)


def test_a_constant_series_has_the_least_spread():
    flat = np.full((10, 1), 0.3)
    assert Reference.from_values(flat, 0.01).spread[0] == 0.01
    assert np.isnan(Reference.from_values(flat).standardise(flat)).all()
    assert Reference.from_values(flat).autocorrelation[0] == 0


def test_missing_values_are_excluded_from_the_reference():
    known = Reference.from_values(column(1.0, np.nan, 3.0))
    assert (known.mean[0], known.periods[0]) == (2.0, 2)


def test_the_table_of_limits_in_the_documentation_is_correct():
    page = (Path(__file__).parents[3] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = [line.strip("| \n").split(" | ") for line in page.splitlines() if line[:3] in ("| 1", "| 2", "| 6")]
    assert len(rows) == 8
    for series, allowance, limit, *delays in (map(float, row) for row in rows):
        known = control_limit(sidak_probability(0.05, int(series)), allowance, 52, 52)
        assert round(known, 1) == limit
        assert [round(float(average_run_length(known, shift - allowance)), 1) for shift in (2, 3, 4)] == delays


def series(values, measure="exposure"):
    """Return series of one measure with given values, shape (periods, series)."""
    names = [f"g{at}" for at in range(values.shape[1])]
    keys = pd.DataFrame(
        {"measure": measure, "crime_type": "all", "dimension": "origin", "group": names, "shortfall": ""}
    )
    return MeasureSeries(pd.period_range("2021-01-04", periods=len(values), freq="W-SUN"), AUDITED, keys, values)


def noise(seed, count, new=NEW):
    return 0.1 + 0.01 * np.random.default_rng(seed).normal(size=(AUDITED + new, count))


@pytest.mark.slow
def test_without_a_change_breaches_are_as_rare_as_stated():
    families = [Monitoring().evaluate(series(noise(seed, 20)), 52) for seed in range(300)]
    stated = families[0].facts["false_alarms_a_year"]["any_series"]
    assert stated == pytest.approx(0.05, rel=1e-3)
    assert np.mean([bool(one.breached_periods) for one in families]) < stated + 0.02
    assert not any(one.proposes_withdrawal for one in families)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [2.0, 3.0])
def test_a_shift_is_found_within_the_stated_time(shift):
    delays, wrong = [], 0
    for seed in range(60):
        values = noise(seed, 20)
        values[AUDITED + 10 :, 3] += 0.01 * shift
        one = Monitoring().evaluate(series(values), 52)
        hit = one.series.loc[3]
        starts = [str(period.start_time.date()) for period in series(values).periods]
        delays.append(starts.index(hit["first_breach"]) - (AUDITED + 10) + 1 if hit["breaches"] else NEW)
        wrong += int((one.series["breaches"].drop(3) > 0).sum())
        assert hit["towards"] in ("higher", "")
    expected = one.facts["periods_to_find"][str(shift)]
    # the correction for apparent autocorrelation increases the delay
    assert 0.7 * expected < np.mean(delays) < 1.4 * expected
    assert wrong <= 3


def test_run_lengths_follow_from_the_limit():
    facts = Monitoring(limit=5.0, allowance=0.5).evaluate(series(noise(0, 2)), 52).facts
    assert facts["in_control_run_length"] == pytest.approx(469, abs=1)
    assert facts["periods_to_find"]["2.0"] == pytest.approx(float(average_run_length(5.0, 1.5)))
    assert facts["limit"] == 5.0


def test_three_periods_with_a_breach_propose_withdrawal():
    values = noise(1, 3, new=9)
    monitoring = Monitoring(limit=5.0)
    values[AUDITED:, 1] = 0.1 + 0.01 * 4.2  # about 3.2 a period: every second period breaches
    counts = {}
    for new in (5, 7):
        one = monitoring.evaluate(series(values[: AUDITED + new]), 52)
        counts[new] = (len(one.breached_periods), one.proposes_withdrawal)
    assert counts == {5: (2, False), 7: (3, True)}


def test_breaches_in_the_same_period_count_once():
    values = noise(1, 3, new=4)
    values[AUDITED:] = 0.1 + 0.01 * 4.2
    one = Monitoring(limit=5.0).evaluate(series(values), 52)
    assert len(one.breached_periods) == 2
    assert one.series["breaches"].tolist() == [2, 2, 2]


def test_a_ratio_is_monitored_on_the_log_scale():
    values = np.exp(noise(2, 2))
    one = Monitoring().evaluate(series(values, "exposure_ratio"), 52)
    expected = np.log(values[:AUDITED]).mean(axis=0)
    np.testing.assert_allclose(np.log(one.series["reference"]), expected)
    assert one.table["z"].iloc[0] == pytest.approx((np.log(values[0, 0]) - expected[0]) / one.series["spread"][0])


def test_series_with_too_little_evidence_are_not_monitored():
    values = noise(3, 3)
    values[: AUDITED - 10, 2] = np.nan
    given = series(values)
    given = replace(given, keys=given.keys.assign(shortfall=["", "3 weighted events", ""]))
    one = Monitoring().evaluate(given, 52)
    assert one.series["watched"].tolist() == [True, False, False]
    assert one.series["reason"].tolist()[1] == "3 weighted events"
    assert "10 audited periods" in one.series["reason"].tolist()[2]
    assert one.facts["series_watched"] == 1
    assert one.table["value"].notna().sum() > AUDITED
    assert "2 series have too little evidence" in " ".join(one.warnings)


def test_slow_series_give_a_warning():
    slow = np.cumsum(np.random.default_rng(5).normal(size=(AUDITED + NEW, 1)), axis=0)
    assert "change slowly" in " ".join(Monitoring().evaluate(series(slow), 52).warnings)


def test_small_movements_are_no_breach():
    values = np.full((AUDITED + NEW, 1), 0.1)
    values[AUDITED:] *= 1.005
    assert not Monitoring().evaluate(series(values), 52).breached_periods
    values[AUDITED:] *= 1.1
    assert Monitoring().evaluate(series(values), 52).breached_periods


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"measures": ["risk"]}, "is unknown or empty"),
        ({"measures": []}, "is unknown or empty"),
        ({"allowance": 0}, "allowance > 0"),
        ({"false_alarms": 1.0}, "false_alarms"),
        ({"breaches": 0}, "breaches >= 1"),
        ({"least_periods": 2}, "least_periods >= 3"),
        ({"limit": -1.0}, "limit > 0"),
    ],
)
def test_invalid_monitoring_settings_are_refused(settings, match):
    with pytest.raises(InputError, match=match):
        Monitoring(**settings)


def test_no_new_period_or_no_series_is_refused():
    with pytest.raises(InputError, match="no period after"):
        Monitoring().evaluate(series(noise(0, 1, new=0)), 52)
    with pytest.raises(InputError, match="No series can be monitored: 52 audited periods"):
        Monitoring(least_periods=60).evaluate(series(noise(0, 1)), 52)


def test_the_configuration_builds_the_defaults_of_the_constructor():
    config = OmegaConf.load(Path(__file__).parents[3] / "configs" / "monitor.yaml").monitor
    assert replace(instantiate(config), measures=tuple(config.measures)) == Monitoring()
