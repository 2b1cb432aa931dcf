import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.scoring.calibration import calibration_table
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


def test_calibrated_forecasts_lie_in_most_intervals_and_doubled_ones_do_not(replay):
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


def test_no_bin_is_refused(replay):
    with pytest.raises(InputError, match="at least one bin"):
        calibration_table(replay, USUAL, bins=0)
