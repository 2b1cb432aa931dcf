from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.scoring.rank_tests import rank_test
from ilp_models.stats.bootstrap import Bootstrap
from tests.scoring.score_tables import noisy_losses, table_of

# areas under the ROC curve of four classifiers on 14 data sets, table 6 of Demsar (2006); the ranks published there
# tell the two 0.975 of the last row but one apart, which rounding made equal in print
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ]
)
NAMES = ["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"]


def demsar(level=0.95):
    return table_of(dict(zip(NAMES, DEMSAR.T, strict=True)), "pai_05", Bootstrap(block=1, draws=10, confidence=level))


def test_ranks_and_critical_difference_are_those_demsar_published():
    found = rank_test(demsar(), score="pai_05")
    mean = found.table.set_index("forecaster")["mean_rank"]
    assert mean[NAMES].round(3).tolist() == [3.143, 2.000, 2.893, 1.964]
    assert found.critical_difference == pytest.approx(1.25, abs=0.005)
    assert rank_test(demsar(0.9), score="pai_05").critical_difference == pytest.approx(1.12, abs=0.005)
    assert found.n == 14
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*DEMSAR.T).pvalue)
    assert found.p_value < 0.05  # Friedman's statistic is 9.28 there, against 7.81
    assert found.table["forecaster"].tolist() == ["C4.5+m+cf", "C4.5+m", "C4.5+cf", "C4.5"]
    assert found.table["group"].tolist() == ["a", "a", "a", "a"]  # 3.143 - 1.964 < 1.25
    assert rank_test(demsar(0.9), score="pai_05").table["group"].tolist() == ["a", "a", "ab", "b"]


@pytest.mark.parametrize(
    ("count", "published"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)]
)
def test_critical_values_are_those_of_the_published_table(count, published):
    losses = noisy_losses({str(name): 0.0 for name in range(count)})
    found = rank_test(table_of(losses, resampling=Bootstrap(block=2, draws=10)))
    assert found.n == 26
    assert found.critical_difference / np.sqrt(count * (count + 1) / (6 * 26)) == pytest.approx(published, abs=1e-3)


def test_runs_within_the_critical_difference_share_a_letter():
    losses = noisy_losses({"a": 0.0, "b": 0.0, "c": 1.0, "d": 1.0, "e": 2.0}, periods=300)
    found = rank_test(table_of(losses, resampling=Bootstrap(block=4, draws=10)))
    assert found.table.set_index("forecaster")["group"].to_dict() == {"a": "a", "b": "a", "c": "b", "d": "b", "e": "c"}


def test_all_blocks_of_periods_are_ranked():
    losses = {"a": np.arange(14.0), "b": np.arange(14.0)[::-1], "c": np.full(14, 6.5)}
    found = rank_test(table_of(losses))
    assert found.n == 3
    # means over the first five, the next five and the last four periods
    assert found.table.set_index("forecaster")["mean_rank"].to_dict() == pytest.approx({"a": 7 / 3, "b": 5 / 3, "c": 2})


def test_blocks_are_as_long_as_lead_and_delay():
    losses = noisy_losses({"a": 0.0, "b": 0.01, "c": 0.2})
    assert [rank_test(replace(table_of(losses), delay=delay)).n for delay in (0, 3, 7)] == [13, 13, 6]


def test_forecasters_that_never_differ_share_all_ranks():
    one = noisy_losses({"a": 0.0})["a"]
    found = rank_test(table_of({"a": one, "b": one + 1e-16, "c": one}))
    assert found.p_value == 1.0
    assert found.table["mean_rank"].tolist() == [2.0, 2.0, 2.0]


def test_two_forecasters_use_the_sign_test():
    found = rank_test(table_of(noisy_losses({"a": 0.0, "b": 1.0}, periods=40)))
    assert found.p_value == pytest.approx(2 * 0.5**10)


def test_too_few_blocks_give_no_critical_difference():
    found = rank_test(table_of(noisy_losses({"a": 0.0, "b": 1.0, "c": 2.0}, periods=11)))
    assert np.isnan(found.p_value)
    assert np.isnan(found.critical_difference)
    assert found.table["group"].tolist() == ["a", "a", "a"]


def test_invalid_input_is_refused():
    with pytest.raises(InputError, match="two forecasters or more"):
        rank_test(table_of(noisy_losses({"a": 0.0})))
