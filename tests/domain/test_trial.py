import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.trial import Effect, TrialData, usual_counts
from ilp_models.evaluation.schemes import MatchedPairs

TREATED = np.array([[True, True], [False, False]])


def test_usual_counts_lie_between_the_past_of_the_unit_and_that_of_all():
    usual = usual_counts(np.array([[0, 0, 0], [4, 4, 4]]))
    np.testing.assert_allclose(usual, [0.5, 3.5])  # one period of the mean, 2, next to three of its own


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"treated": np.zeros((2, 2), dtype=bool)}, "no unit is treated"),
        ({"treated": np.ones((2, 2), dtype=bool)}, "no unit is a control"),
        ({"during": np.array([[1.0, np.nan], [1, 1]])}, "during the trial must be finite"),
        ({"before": np.array([[-1.0], [1]])}, "before the trial must be finite"),
        ({"blocks": np.zeros(3, dtype=int)}, "one row for each unit"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, said):
    parts = {
        "before": np.ones((2, 1)),
        "during": np.ones((2, 2)),
        "treated": TREATED,
        "scheme": MatchedPairs(),
        "blocks": np.zeros(2, dtype=int),
    }
    with pytest.raises(InputError, match=said):
        TrialData(**{**parts, **change})


def test_an_effect_without_a_p_value_is_not_shown():
    assert not Effect("none", *[np.nan] * 7).shown()
    assert Effect("some", 0.8, 0.7, 0.9, -10.0, -15.0, -5.0, 0.01).shown()
