import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.scoring.counts import crps
from ilp_models.scoring.decomposition import crps_of_recalibrated, decomposition, deviance_of_recalibrated
from ilp_models.stats.distributions import poisson_deviance
from tests.builders import replay_of


def test_parts_by_hand():
    # forecasts 1, 2, 3 with counts 2, 0, 4: the first two are pooled to 1, the last one is 4
    recalibrated, uncertainty = deviance_of_recalibrated(np.array([2.0, 0, 4]), np.array([1.0, 2, 3]))
    assert recalibrated == pytest.approx((2 * (2 * np.log(2) - 1) + 2) / 3)
    assert uncertainty == pytest.approx(2 * (2 * np.log(2 / 2) - 0 + 2 + 4 * np.log(4 / 2) - 2) / 3)
    # above 0 and 1: shares 1, 0, 1 become 1/2, 1/2, 1; above 2 and 3: 0, 0, 1 stay
    recalibrated, uncertainty = crps_of_recalibrated(np.array([2.0, 0, 4]), np.array([1.0, 2, 3]))
    assert recalibrated == pytest.approx(2 * (1 / 4 + 1 / 4) / 3)
    assert uncertainty == pytest.approx(2 * (2 / 9) + 2 * (2 / 9))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7]))
def test_parts_add_up_and_none_is_negative(seed, dispersion):
    generator = np.random.default_rng(seed)
    truth = generator.gamma(0.6, 1.0, (2, 12, 10))
    counts = generator.poisson(truth)
    replay = replay_of(truth * generator.lognormal(0.2, 0.5, truth.shape), counts, dispersion=dispersion)
    table = decomposition(replay, 0.005)
    total = table["miscalibration"] - table["discrimination"] + table["uncertainty"]
    assert total.to_numpy() == pytest.approx(table["value"].to_numpy(), rel=1e-12)
    assert (table[["miscalibration", "discrimination", "uncertainty"]].to_numpy() > -1e-12).all()
    expected = replay.expected.values
    by_hand = {
        "deviance": poisson_deviance(counts, expected, 0.005).mean(axis=(1, 2)),
        "crps": crps(counts, expected, dispersion).mean(axis=(1, 2)),
    }
    for score, values in by_hand.items():
        assert table.loc[table["score"] == score, "value"].tolist() == pytest.approx([*values, values.mean()])


def test_a_wrong_level_is_miscalibration_and_a_useless_map_has_no_discrimination():
    generator = np.random.default_rng(2)
    truth = generator.gamma(1.0, 1.0, (1, 400, 20))
    counts = generator.poisson(truth)

    def parts(expected):
        rows = decomposition(replay_of(expected, counts), 0.005)
        return rows[rows["crime_type"] == "a"].set_index("score")

    right, high, flat = parts(truth), parts(1.5 * truth), parts(np.full(truth.shape, counts.mean()))
    for score in ("deviance", "crps"):
        assert right.loc[score, "miscalibration"] < 0.02 * right.loc[score, "value"]
        assert high.loc[score, "discrimination"] == pytest.approx(right.loc[score, "discrimination"])
        assert high.loc[score, "miscalibration"] > 10 * right.loc[score, "miscalibration"]
        assert flat.loc[score, "discrimination"] == pytest.approx(0, abs=1e-12)
