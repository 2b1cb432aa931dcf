import pytest

from ilp_models.domain.errors import InputError
from ilp_models.stats.pooling import direction


@pytest.mark.parametrize("score", ["deviance", "log_score", "crps", "brier_any", "pinball", "squared_error"])
def test_smaller_errors_are_better(score):
    assert direction(score) == -1


@pytest.mark.parametrize(
    "score", ["hit_rate_05", "pai_01", "pai_area", "pei_20", "harm_csi_low_hit_rate_05", "harm_own_hit_rate_20"]
)
def test_more_captured_events_are_better(score):
    assert direction(score) == 1


@pytest.mark.parametrize(
    "score",
    [
        "sum_ratio",
        "coverage_90",
        "displacement_05",
        "rri_05",
        "observed_total",
        "below_q05",
        "harm_own_total",
        "harm_own_pai_05",
    ],
)
def test_scores_without_direction_are_refused(score):
    with pytest.raises(InputError, match="it has no better direction"):
        direction(score)
