from functools import partial

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, selection_rate
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.formulas import group_ratio
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.measures.intervals import Drawn
from ilp_models.audit.residents import Residents
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit.measures.fairlearn_comparison import largest_difference

FEW = Bootstrap(block=2, draws=50)


def living(by_group, total=None):
    people = np.asarray(by_group, dtype=float)
    names = tuple("abcdefgh"[: people.shape[1]])
    everyone = people.sum(axis=1) if total is None else np.asarray(total, dtype=float)
    return Residents("origin", names, people, everyone, people, 0.0)


def random_case(seed, kinds=2, cells=8, periods=9, groups=3):
    """Return flags, recorded events and residents; the last map of several types is that of all of them together."""
    rng = np.random.default_rng(seed)
    flags = (rng.random((kinds + (kinds > 1), cells, periods)) < 0.4).astype(float)
    observed = rng.poisson(1.5, (kinds, cells, periods)).astype(float)
    return flags, observed, living(rng.gamma(1.0, 100, (cells, groups)))


def whole(flags, observed, people):
    """Return sums over everything."""
    return tally_flags(Basis.from_residents(people), flags, observed).whole


def drawn(flags, observed, people, resampling=FEW):
    """Return sums as drawn from periods."""
    return Drawn.from_weeks(tally_flags(Basis.from_residents(people), flags, observed), resampling)


def measures(flags, observed, people):
    sums = whole(flags, observed, people)
    every = (formulas.exposure, formulas.exposure_ratio, formulas.need_adjusted_ratio, formulas.coverage)
    return np.stack([formula(sums) for formula in every])


def test_measures_by_hand():
    # two cells, two groups, three weeks: the first cell is flagged twice, the second once
    flags = np.array([[[1.0, 1, 0], [0, 0, 1]]])
    observed = np.array([[[4.0, 2, 2], [1, 1, 2]]])
    people = living([[30, 10], [20, 60]])
    exposure, ratio, need, coverage = measures(flags, observed, people)[:, 0]
    assert exposure == pytest.approx([(2 * 30 + 20) / 150, (2 * 10 + 60) / 210])
    assert ratio == pytest.approx([exposure[0] / exposure[1], exposure[1] / exposure[0]])
    patrol = np.array([(2 * 0.75 + 0.25) / 3, (2 * 0.25 + 0.75) / 3])
    burden = np.array([(8 * 0.75 + 4 * 0.25) / 12, (8 * 0.25 + 4 * 0.75) / 12])
    assert need == pytest.approx(patrol / burden)
    assert coverage == pytest.approx([(6 * 0.75 + 2 * 0.25) / 7, (6 * 0.25 + 2 * 0.75) / 5])
    sums = drawn(flags, observed, people)
    for enough, ratio in ([True, True], (3 / 5) / (5 / 7)), ([True, False], np.nan):
        lowest = partial(group_ratio, enough=np.array([enough]), lowest=True)
        assert sums.estimate(formulas.coverage, lowest).value == pytest.approx(ratio, nan_ok=True)


def test_exposure_can_be_compared_with_that_of_a_named_group():
    flags, observed, people = random_case(3)
    sums = drawn(flags, observed, people)
    exposure = sums.estimate(formulas.exposure).value
    ratio = sums.estimate(partial(formulas.exposure_ratio, reference=1))
    assert ratio.value == pytest.approx(exposure / exposure[:, [1]])
    assert ratio.low[:, 1] == pytest.approx(1)
    assert ratio.high[:, 1] == pytest.approx(1)
    assert (ratio.low[:, 0] < ratio.value[:, 0]).all()


def test_all_types_together_have_a_map_of_their_own_and_the_events_of_all():
    flags, observed, people = random_case(0)
    pooled = measures(flags, observed, people)
    alone = measures(flags[[2]], observed.sum(axis=0, keepdims=True), people)
    assert pooled[:, [2]] == pytest.approx(alone)
    for kind in range(2):
        assert pooled[:, [kind]] == pytest.approx(measures(flags[[kind]], observed[[kind]], people))


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_closed_form_is_that_of_fairlearn(seed):
    flags, observed, people = random_case(seed)
    assert largest_difference(flags, observed, people, whole(flags, observed, people)) <= 1e-12


def test_a_wrong_closed_form_is_noticed():
    flags, observed, people = random_case(1)
    assert largest_difference(flags, observed, people, whole(1 - flags, observed, people)) > 0.01


def test_fully_exploded_rows_give_the_same_through_selection_rate():
    flags, observed, people = random_case(2, kinds=1)
    groups, (_, cells, periods) = len(people.groups), flags.shape
    cell, period, group = (i.ravel() for i in np.indices((cells, periods, groups)))
    flag = flags[0, cell, period].astype(int)
    sums = whole(flags, observed, people)
    for weight, own in [
        (people.by_group[cell, group], formulas.exposure(sums)),
        (people.by_group[cell, group] / people.total[cell] * observed[0, cell, period], formulas.coverage(sums)),
    ]:
        frame = MetricFrame(
            metrics=selection_rate,
            y_true=flag,
            y_pred=flag,
            sensitive_features=group,
            sample_params={"sample_weight": weight},
        )
        assert np.abs(frame.by_group.to_numpy() - own[0]).max() <= 1e-12


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.01, 1000))
def test_what_must_change_nothing_changes_nothing(seed, factor):
    flags, observed, people = random_case(seed)
    before = measures(flags, observed, people)
    scaled = living(people.by_group * factor)
    assert measures(flags, observed, scaled) == pytest.approx(before)
    empty = living(np.vstack([people.by_group, np.zeros((1, 3))]))
    more = np.concatenate([flags, flags[:, :1]], axis=1), np.concatenate([observed, observed[:, :1]], axis=1)
    assert measures(*more, empty) == pytest.approx(before)
    # an area cut in two halves alike, each with half of the residents and of the events
    half = living(np.repeat(people.by_group / 2, 2, axis=0))
    halves = measures(np.repeat(flags, 2, axis=1), np.repeat(observed / 2, 2, axis=1), half)
    assert halves == pytest.approx(before)


@given(st.integers(0, 10_000))
def test_one_composition_everywhere_gives_ratios_of_one(seed):
    flags, observed, _ = random_case(seed)
    flags[:, 0] = 1
    observed[:, 0] += 1
    people = living(np.outer(np.arange(1, 9), [5.0, 3, 2]))
    _, ratio, need, _ = measures(flags, observed, people)
    assert ratio == pytest.approx(1)
    assert need == pytest.approx(1)


def test_random_flags_expose_everyone_to_the_share_of_cells():
    rng = np.random.default_rng(5)
    _, observed, people = random_case(5, kinds=1, cells=20, periods=4000)
    flags = (rng.random((1, 20, 4000)).argsort(axis=1) < 5).astype(float)
    observed = np.ones_like(flags)
    assert formulas.exposure(whole(flags, observed, people)) == pytest.approx(0.25, abs=0.01)


def test_intervals_hold_the_estimate_and_need_enough_periods():
    flags, observed, people = random_case(6, periods=24)
    estimate = drawn(flags, observed, people, Bootstrap(block=2, draws=500)).estimate(formulas.need_adjusted_ratio)
    assert (estimate.low < estimate.value).all()
    assert (estimate.value < estimate.high).all()
    short = drawn(flags[..., :3], observed[..., :3], people).estimate(formulas.need_adjusted_ratio)
    assert np.isfinite(short.value).all()
    assert np.isnan(short.low).all()


def test_a_group_without_events_has_no_number():
    flags, observed, people = random_case(7)
    observed[:] = 0
    with np.errstate(all="raise"):
        coverage = drawn(flags, observed, people).estimate(formulas.coverage)
    assert np.isnan(coverage.value).all()
