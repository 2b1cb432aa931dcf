import pytest

from ilp_models.domain.errors import InputError
from ilp_models.stats.pooling import direction


@pytest.mark.parametrize("score", ["deviance", "log_score", "crps", "brier_any", "pinball", "squared_error"])
def test_of_errors_less_is_better(score):
    assert direction(score) == -1


@pytest.mark.parametrize("score", ["hit_rate_05", "pai_01", "pai_area", "pei_20", "harm_hit_rate_05", "harm_pai_area"])
def test_of_events_caught_more_is_better(score):
    assert direction(score) == 1


@pytest.mark.parametrize(
    "score", ["sum_ratio", "coverage_90", "displacement_05", "rri_05", "observed_total", "below_q05"]
)
def test_scores_that_say_something_else_tell_nobody_apart(score):
    with pytest.raises(InputError, match="it has no better direction"):
        direction(score)
