from dataclasses import replace

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, mean_prediction
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_poisson_deviance

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_errors, tally_flags, tally_replays
from ilp_models.audit.measures.metric_frame import group_gaps, metric_frame
from ilp_models.audit.measures.table import measure_groups
from ilp_models.domain.errors import InputError
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.audit.measures.fairlearn_comparison import largest_difference, largest_error_difference
from tests.audit.measures.random_cases import deviance, random_case


def both(seed, **size):
    """Return the sums of flags and of errors, and what they were made of."""
    flags, theirs, observed, expected, other, people = random_case(seed, **size)
    basis, losses = Basis.from_residents(people), (deviance(observed, expected), deviance(observed, other))
    sums = tally_flags(basis, flags, observed, theirs).whole, tally_errors(basis, expected, observed, losses).whole
    return sums, (flags, observed, expected, losses[0], people)


@pytest.mark.slow
@settings(max_examples=15)
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
def test_the_metric_frame_has_the_values_of_the_closed_form(crime_type):
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
    assert formulas.error(errors)[row] == pytest.approx(closed["error"], rel=1e-12)
    for name, values in closed.items():
        found = frame.by_group.loc[list(people.groups), name].to_numpy(dtype=float)
        assert np.abs(found - values).max() <= 1e-12, name
    spread = frame.by_group.max() - frame.by_group.min()
    assert frame.difference()[list(closed)].to_numpy(dtype=float) == pytest.approx(spread[list(closed)].to_numpy())
    ratio = frame.by_group.min() / frame.by_group.max()
    assert frame.ratio()[list(closed)].to_numpy(dtype=float) == pytest.approx(ratio[list(closed)].to_numpy())


@pytest.mark.parametrize("land_share", [0.05, 0.07])
def test_the_table_of_the_report_has_the_numbers_of_the_metric_frame(land_share):
    context = replace(context_of(), land_share=land_share)
    other = replace(context, replay=context.baseline, baseline=context.replay)
    table, gaps = measure_groups(context), group_gaps(context)
    audited = (table["share"] == land_share) & (table["unit"] == "count") | (table["measure"] == "error")
    table = table[audited].set_index(["crime_type", "measure", "group"]).sort_index()
    assert table.index.is_unique
    gaps = gaps.set_index(["crime_type", "gap"]).sort_index()
    for crime_type in context.scopes:
        frame, baseline = metric_frame(context, "origin", crime_type), metric_frame(other, "origin", crime_type)
        for name in ("exposure", "coverage", "error"):
            rows = table.loc[(crime_type, name)]
            assert rows["value"].to_dict() == frame.by_group[name].to_dict()  # the same to the bit
            assert rows["baseline"].to_dict() == baseline.by_group[name].to_dict()
            assert (rows["week_low"] <= rows["value"] + 1e-12).all()
            assert (rows["value"] <= rows["week_high"] + 1e-12).all()
            assert gaps.loc[(crime_type, "difference"), name] == frame.difference()[name]
            assert gaps.loc[(crime_type, "ratio"), name] == frame.ratio()[name]


def test_groups_without_residents_or_events_have_no_numbers():
    context = context_of()
    (people,) = context.residents
    alone = people.by_group * [0, 1]
    uninhabited = replace(people, by_group=alone, total=alone.sum(axis=1))
    quiet = replace(context.replay, observed=context.replay.observed * 0)
    context = replace(
        context, residents=(uninhabited,), replay=quiet, baseline=replace(context.baseline, observed=quiet.observed)
    )
    values = metric_frame(context, "origin").by_group
    empty, full = people.groups
    assert values.loc[empty].isna().all()
    assert np.isnan(values.loc[full, "coverage"])
    assert values.loc[full, "exposure"] > 0
    gaps = group_gaps(context).set_index(["crime_type", "gap"])
    assert gaps["coverage"].isna().all()
    assert gaps.loc[("all", "difference"), "exposure"] == 0


def test_an_unknown_dimension_or_crime_type_is_refused():
    with pytest.raises(InputError, match="dimensions: origin"):
        metric_frame(context_of(), "income")
    with pytest.raises(InputError, match="Choose one of Assault"):
        metric_frame(context_of(), "origin", "Arson")
