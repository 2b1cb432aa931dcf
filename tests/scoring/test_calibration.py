from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.scoring.calibration import calibration_table, coverage_by_decile, pit_histogram
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import replay_of

USUAL, FEW = Bootstrap(), Bootstrap(draws=200)


@pytest.fixture(scope="module")
def replay():
    generator = np.random.default_rng(12)
    expected = generator.gamma(0.8, 1.0, (2, 50, 20))
    return replay_of(expected, generator.poisson(expected))


def test_bins_hold_equally_many_units_and_their_means(replay):
    table = calibration_table(replay, USUAL)
    first = table[table["crime_type"] == "a"]
    order = np.argsort(replay.expected.values[0].ravel())
    for position, units in enumerate(np.split(order, 10)):
        row = first.iloc[position]
        assert (row["bin"], row["n"]) == (position + 1, 100)
        assert row["expected"] == pytest.approx(replay.expected.values[0].ravel()[units].mean())
        assert row["observed"] == pytest.approx(replay.observed.values[0].ravel()[units].mean())
        assert row["low"] <= row["observed"] <= row["high"]
    everything = table[table["crime_type"] == "all"]
    assert everything["n"].sum() == 2000
    assert (everything["observed"] @ everything["n"]) == pytest.approx(replay.observed.values.sum())


def test_intervals_contain_calibrated_but_not_doubled_forecasts(replay):
    right = calibration_table(replay, USUAL).query("crime_type == 'all'")
    assert ((right["low"] <= right["expected"]) & (right["expected"] <= right["high"])).sum() >= 7
    twice = replay_of(2 * replay.expected.values, replay.observed.values)
    doubled = calibration_table(twice, USUAL).query("crime_type == 'all'")
    assert (doubled["expected"] > doubled["high"]).iloc[5:].all()


def test_equal_forecasts_share_a_bin():
    expected = np.zeros((1, 10, 10))
    expected[0, :2] = 1.0
    table = calibration_table(replay_of(expected, expected), USUAL).query("crime_type == 'a'")
    assert table["n"].tolist() == [80, 20]
    assert table["expected"].tolist() == table["observed"].tolist() == [0.0, 1.0]
    assert table["bin"].tolist() == [1, 2]


def test_calibration_without_bins_is_refused(replay):
    with pytest.raises(InputError, match="at least one bin"):
        calibration_table(replay, USUAL, bins=0)


USUAL = Bootstrap()


def drawn_from(dispersion, said, periods=40, seed=0):
    """Counts of one dispersion under forecasts that say another."""
    generator = np.random.default_rng(seed)
    expected = generator.gamma(0.7, 1.2, (2, 150, periods)) + 0.01
    rates = generator.gamma(1 / dispersion, dispersion * expected)
    return replay_of(expected, generator.poisson(rates), dispersion=said)


def test_pit_by_hand():
    # geometric: P(0) = 1/2, P(at most 1) = 3/4; a count of 0 fills bins 1 and 2, a count of 1 fills bin 3
    table = pit_histogram(replay_of(np.ones((1, 2, 1)), [[[0], [1]]], dispersion=1.0), USUAL, bins=4)
    assert table["crime_type"].tolist() == ["a"] * 4 + ["all"] * 4
    assert table["bin"].tolist() == [1, 2, 3, 4] * 2
    assert table["share"].tolist() == pytest.approx([0.25, 0.25, 0.5, 0.0] * 2)
    assert set(table["n"]) == {2}
    assert table[["low", "high"]].isna().all(axis=None)  # one period


def test_pit_of_correct_forecasts_is_flat():
    table = pit_histogram(drawn_from(0.5, 0.5), USUAL)
    assert table["share"].to_numpy() == pytest.approx(0.1, abs=0.012)
    assert ((table["low"] <= 0.1) & (table["high"] >= 0.1)).mean() > 0.8
    assert table.groupby("crime_type")["share"].sum().to_numpy() == pytest.approx(1.0)


def test_pit_of_too_narrow_forecasts_is_u_shaped():
    share = pit_histogram(drawn_from(1.5, 0.0), USUAL).query("crime_type == 'all'")["share"].to_numpy()
    assert share[0] > 0.12
    assert share[-1] > 0.12
    assert share[3:6].max() < 0.1


def test_coverage_of_correct_forecasts_equals_the_level():
    table = coverage_by_decile(drawn_from(0.5, 0.5), USUAL)
    everything = table[table["crime_type"] == "all"]
    assert everything["decile"].tolist() == list(range(1, 11)) * 5
    assert set(everything["n"]) == {1200}
    assert (everything["coverage"] - everything["level"]).abs().max() < 0.045  # three standard errors at 0.5
    assert (everything["nominal_low"] <= everything["level"]).all()
    assert (everything["nominal_high"] >= everything["level"]).all()
    assert ((everything["low"] <= everything["level"]) & (everything["high"] >= everything["level"])).mean() > 0.85
    assert everything["expected"].iloc[:10].is_monotonic_increasing


def test_coverage_of_too_narrow_forecasts_is_low_at_high_risk():
    table = coverage_by_decile(drawn_from(1.5, 0.0), USUAL).query("crime_type == 'all' and level == 0.95")
    assert table.set_index("decile").loc[10, "coverage"] < 0.88
    assert table.set_index("decile").loc[10, "high"] < 0.95


def test_coverage_by_hand():
    # geometric: the median is 0, with P(< 0) = 0 and P(<= 0) = 1/2: all of a count of 0 counts as below
    # level 0.75: q = 1, P(< 1) = 1/2, P(<= 1) = 3/4: a 0 and all of a 1; level 0.95: q = 4, 15/16 and 31/32, part 0.4
    counts = np.array([[[0], [1], [4], [9]]])
    table = coverage_by_decile(replay_of(np.ones((1, 4, 1)), counts, dispersion=1.0), USUAL, deciles=1)
    row = table[table["crime_type"] == "a"].set_index("level")
    assert row.loc[0.5, ["nominal_low", "nominal_high", "below", "at_most", "coverage"]].tolist() == pytest.approx(
        [0.0, 0.5, 0.0, 0.25, 0.25]
    )
    assert row.loc[0.75, ["nominal_low", "nominal_high", "below", "at_most", "coverage"]].tolist() == pytest.approx(
        [0.5, 0.75, 0.25, 0.5, 0.5]
    )
    assert row.loc[0.95, ["nominal_low", "nominal_high", "below", "at_most", "coverage"]].tolist() == pytest.approx(
        [15 / 16, 31 / 32, 0.5, 0.75, 0.5 + 0.25 * 0.4]
    )


def test_coverage_of_other_quantiles_is_within_bounds():
    replay = drawn_from(0.5, 0.5)
    table = coverage_by_decile(replace(replay, quantiles=replay.quantiles + 1), USUAL)
    assert (table["coverage"] >= table["below"] - 1e-6).all()
    assert (table["coverage"] <= table["at_most"] + 1e-6).all()
    assert table["coverage"].to_numpy() == pytest.approx(table["below"].to_numpy(), abs=1e-6)


def test_equal_forecasts_share_a_decile():
    replay = replay_of(np.full((1, 30, 4), 0.5), np.zeros((1, 30, 4)))
    table = coverage_by_decile(replay, USUAL)
    assert set(table["decile"]) == {1}
    assert set(table["n"]) == {120}


@pytest.mark.parametrize("ask", [pit_histogram, coverage_by_decile])
def test_less_than_one_bin_is_refused(ask):
    with pytest.raises(InputError, match="at least one bin"):
        ask(replay_of(np.ones((1, 2, 1)), np.ones((1, 2, 1))), USUAL, 0)
