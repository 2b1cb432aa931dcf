import numpy as np
import pandas as pd
import pytest

from ilp_models.data.rival_table import RivalTable
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.pipeline.rival_checks import check_observed, check_sample_means, check_values
from ilp_models.pipeline.rival_units import Units

# Two rows of the first lead and two of the second, in one crime type, two cells and two periods.
UNITS = Units(*(np.array(one) for one in ([0] * 4, [0, 1, 0, 1], [1, 1, 1, 1], [1, 1, 2, 2])), shape=(1, 2, 2))
RECORDED = {1: np.array([[[9.0, 2.0], [9.0, 4.0]]]), 2: np.array([[[2.0], [4.0]]])}  # crime type, cell, period
STARTS = pd.date_range("2021-01-04", periods=2, freq="7D")


def given(samples=(), **columns):
    return RivalTable("forecasts=r.csv", pd.DataFrame(columns), tuple(samples))


def test_counts_from_zero_on_and_rising_quantiles_pass():
    check_values(given(expected=[0.0, 2.5], **{name: [0.0, 1.0] for name in QUANTILE_COLUMNS}))


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, 1e7])
def test_what_is_no_count_is_named_with_its_row(value):
    with pytest.raises(InputError, match=r"forecasts=r.csv, row 2: expected=.* is not a number from 0 to 1e\+06"):
        check_values(given(expected=[1.0, value]))


def test_quantiles_that_fall_are_named():
    falling = dict(zip(QUANTILE_COLUMNS, [[0.0, 1.0], [0.0, 2.0], [0.0, 1.5], [0.0, 3.0], [0.0, 4.0]], strict=True))
    with pytest.raises(InputError, match=f"row 2: {QUANTILE_COLUMNS[1]} is above {QUANTILE_COLUMNS[2]}"):
        check_values(given(expected=[1.0, 2.0], **falling))


def test_counts_as_recorded_pass_and_another_count_is_named():
    check_observed(given(expected=[1.0] * 4), UNITS, RECORDED)
    check_observed(given(observed=[2.0, 4.0, 2.0, 4.0]), UNITS, RECORDED)
    with pytest.raises(InputError, match="row 4: observed=5, and the records have 4; 1 row"):
        check_observed(given(observed=[2.0, 4.0, 2.0, 5.0]), UNITS, RECORDED)


def sampled(expected):
    """Return 200 draws around 3 in each row, and some expected counts."""
    draws = np.random.default_rng(1).poisson(3.0, (4, 200)).astype(float)
    columns = {f"s{number}": draws[:, number] for number in range(200)}
    return given(tuple(columns), expected=expected, **columns)


def test_the_mean_of_the_samples_passes_and_another_map_with_the_same_sum_does_not():
    check_sample_means(given(expected=[9.0] * 4), UNITS, STARTS)
    check_sample_means(sampled([3.0] * 4), UNITS, STARTS)
    with pytest.raises(InputError, match=r"row [12]: expected=.*cutoff 2021-01-11, lead 1.* sum to 6,"):
        check_sample_means(sampled([1.0, 5.0, 3.0, 3.0]), UNITS, STARTS)
    with pytest.raises(InputError, match=r"row [34]: expected=6, .*cutoff 2021-01-04, lead 2.* sum to 12,"):
        check_sample_means(sampled([3.0, 3.0, 6.0, 6.0]), UNITS, STARTS)
