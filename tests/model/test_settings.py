import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.means.moving_average import MovingAverage
from tests.builders import city, history_of, poisson_counts


@pytest.mark.parametrize(
    ("forecaster", "words"),
    [
        (MovingAverage(window=0), "window=0 must be at least 1"),
        (EWMA(half_lives=[0]), "half-life of 0 periods must be above 0"),
        (LevelShare(half_life=-1), "half-life of -1 periods must be above 0"),
    ],
)
def test_a_memory_of_nothing_is_refused(forecaster, words):
    with pytest.raises(InputError, match=words):
        forecaster.fit(history_of(poisson_counts((2, 12, 80))))


def test_other_cells_need_a_new_fit():
    fitted = MovingAverage().fit(history_of(poisson_counts((2, 12, 80))))
    with pytest.raises(InputError, match="other cells"):
        fitted.update(history_of(poisson_counts((2, 9, 80)), city(3, 3)))
