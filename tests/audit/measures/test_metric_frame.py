import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance

from ilp_models.audit.measures.group_sums import Basis, tally_errors, tally_flags
from tests.audit.measures.fairlearn_comparison import largest_difference, largest_error_difference
from tests.audit.measures.test_formulas import deviance, random_case


def both(seed, **size):
    """Return the sums of flags and of errors, and what they were made of."""
    flags, theirs, observed, expected, other, people = random_case(seed, **size)
    basis, losses = Basis.from_residents(people), (deviance(observed, expected), deviance(observed, other))
    sums = tally_flags(basis, flags, observed, theirs).whole, tally_errors(basis, expected, observed, losses).whole
    return sums, (flags, observed, expected, losses[0], people)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_closed_form_is_that_of_fairlearn(seed):
    (of_flags, of_errors), (flags, observed, expected, loss, people) = both(seed)
    assert largest_difference(flags, observed, people, of_flags) <= 1e-12
    assert largest_error_difference(expected, observed, loss, people, of_errors) <= 1e-12


@pytest.mark.parametrize("name", ["predicted", "recorded", "over", "under", "loss"])
def test_a_wrong_sum_of_errors_is_noticed(name):
    (_, sums), (_, observed, expected, loss, people) = both(1)
    assert largest_error_difference(expected, observed, loss, people, {**sums, name: sums[name] * 1.01}) > 1e-4


def test_fully_exploded_rows_give_the_same_through_metrics_that_take_weights():
    (_, sums), (_, observed, expected, _, people) = both(2, kinds=1)
    groups, (_, cells, periods) = len(people.groups), observed.shape
    cell, period, group = (i.ravel() for i in np.indices((cells, periods, groups)))
    lives = people.shares.sum(axis=0) * periods
    misses = (sums["over"] + sums["under"])[0, :-1] / lives
    dispersion = sums["loss"][0, :-1] / (periods * sums["people"][0, :-1])
    by_share, by_residents = people.shares[cell, group], people.by_group[cell, group]
    for metric, weight, own in [
        (mean_prediction, by_share, sums["predicted"][0, :-1] / lives),
        (mean_absolute_error, by_share, misses),
        (mean_poisson_deviance, by_residents, dispersion),
    ]:
        frame = MetricFrame(
            metrics=metric,
            y_true=observed[0, cell, period],
            y_pred=expected[0, cell, period],
            sensitive_features=group,
            sample_params={"sample_weight": weight},
        )
        assert np.abs(frame.by_group.to_numpy(dtype=float) - own).max() <= 1e-12
