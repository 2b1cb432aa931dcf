import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_errors, tally_flags, tally_replays
from ilp_models.audit.measures.metric_frame import metric_frame
from ilp_models.audit.measures.table import measure_groups
from ilp_models.domain.errors import InputError
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
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


def context_of(slant=0.3):
    known, baseline = inputs.city()
    people = inputs.audit(inputs.group_table(slant)).groups.to_cells(inputs.grid())
    return CheckContext(
        replay=known,
        baseline=baseline,
        grid=inputs.grid(),
        explanation=None,
        features=None,
        limits={},
        min_evidence=MinEvidence(),
        bootstrap=Bootstrap(draws=20),
        land_share=0.05,
        rank_by="count",
        floor=0.005,
        residents=people,
    )


@pytest.mark.parametrize("crime_type", ["Assault", "Robbery", "all"])
def test_the_metric_frame_has_the_values_of_the_closed_form_and_of_the_table(crime_type):
    context = context_of()
    (people,), row = context.residents, context.scopes.index(crime_type)
    frame = metric_frame(context, "origin", crime_type)
    basis = Basis.from_residents(people)
    flags = tally_flags(basis, context.flags, context.observed).whole
    errors = tally_replays(basis, context).whole
    kinds = 2 if crime_type == "all" else 1
    lives = people.shares.sum(axis=0) * context.observed.shape[2] * kinds
    closed = {
        "exposure": formulas.exposure(flags)[row],
        "coverage": formulas.coverage(flags)[row],
        "error": (errors["over"] + errors["under"])[row, :-1] / lives,
    }
    table = measure_groups(context, (0.05,))
    table = table[(table["crime_type"] == crime_type) & ((table["unit"] == "count") | table["unit"].isna())]
    for name, values in closed.items():
        found = frame.by_group.loc[list(people.groups), name].to_numpy(dtype=float)
        assert np.abs(found - values).max() <= 1e-12, name
        if name != "error":
            rows = table[table["measure"] == name].set_index("group")["value"]
            assert np.abs(found - rows.loc[list(people.groups)].to_numpy()).max() <= 1e-12, name
    spread = frame.by_group.max() - frame.by_group.min()
    assert frame.difference()[list(closed)].to_numpy(dtype=float) == pytest.approx(spread[list(closed)].to_numpy())
    ratio = frame.by_group.min() / frame.by_group.max()
    assert frame.ratio()[list(closed)].to_numpy(dtype=float) == pytest.approx(ratio[list(closed)].to_numpy())


def test_an_unknown_dimension_or_crime_type_is_refused():
    with pytest.raises(InputError, match="dimensions: origin"):
        metric_frame(context_of(), "income")
    with pytest.raises(InputError, match="Choose one of Assault"):
        metric_frame(context_of(), "origin", "Arson")
