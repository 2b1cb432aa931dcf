"""The most one-sided useful map, compared with an exhaustive search, another linear program and random maps."""

from dataclasses import replace
from itertools import combinations
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ilp_models.audit.measures import power
from ilp_models.audit.measures.power import Extreme, UsefulMaps, check_power
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs


def charnes_cooper(maps, top, bottom):
    """Return the lowest ratio from one linear program of t * a and t, with t = 1 / (bottom of a)."""
    size, ground = len(top), maps.ground / maps.ground.sum()
    events = maps.events / maps.events.sum()
    most = -linprog(-events, A_eq=ground[None], b_eq=[maps.share], bounds=(0, 1)).fun
    below_t = np.hstack([np.eye(size), -np.ones((size, 1))])
    useful = np.append(-events, power._USEFUL * most)
    result = linprog(
        np.append(top, 0),
        A_ub=np.vstack([below_t, useful]),
        b_ub=np.zeros(size + 1),
        A_eq=np.vstack([np.append(bottom, 0), np.append(ground, -maps.share)]),
        b_eq=[1, 0],
    )
    assert result.status == 0
    return result.fun


def problem(seed, size=12, share=0.25, *, even_ground=False):
    rng = np.random.default_rng(seed)
    ground = np.ones(size) if even_ground else rng.uniform(0.2, 1, size)
    events = rng.gamma(0.7, 10.0, size)
    shares = rng.dirichlet((2, 1, 1), size)
    burden = events[:, None] * shares / (events @ shares)
    return UsefulMaps(ground, events, share), burden


@pytest.mark.parametrize("seed", range(12))
def test_the_lowest_ratio_is_that_of_another_program(seed):
    maps, burden = problem(seed, size=40)
    for one, two in ((0, 1), (1, 0), (2, 1)):
        other = charnes_cooper(maps, burden[:, one], burden[:, two])
        assert maps.lowest_ratio(burden[:, one], burden[:, two]) == pytest.approx(min(other, 1.0), abs=1e-5)


@pytest.mark.parametrize("seed", range(6))
def test_no_set_of_cells_has_a_lower_ratio(seed):
    """All 220 sets of 3 of 12 equal cells; without the demand on events the bound is reached to one split cell."""
    maps, burden = problem(seed, even_ground=True)
    events = maps.events / maps.events.sum()
    every = [list(cells) for cells in combinations(range(12), 3)]
    most = max(events[cells].sum() for cells in every)
    useful = [cells for cells in every if events[cells].sum() >= power._USEFUL * most]
    assert 0 < len(useful) < len(every)
    bound = maps.lowest_ratio(burden[:, 0], burden[:, 1])
    reached = min(burden[cells, 0].sum() / burden[cells, 1].sum() for cells in useful)
    assert bound <= reached + 1e-7
    with mock.patch.object(power, "_USEFUL", 0.0):
        free = maps.lowest_ratio(burden[:, 0], burden[:, 1])
    # with equal cells and one constraint the best map is a set of whole cells
    assert free == pytest.approx(min(burden[cells, 0].sum() / burden[cells, 1].sum() for cells in every), abs=1e-6)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.05, 0.1, 0.3]), size=st.integers(5, 30))
def test_no_random_map_exceeds_the_bound(seed, share, size):
    maps, burden = problem(seed, size, share)
    rng = np.random.default_rng(seed + 1)
    ground, events = maps.ground / maps.ground.sum(), maps.events / maps.events.sum()
    bound = maps.lowest_ratio(burden[:, 0], burden[:, 1])
    most = maps._most_events(events, ground)
    for tilt in (0.0, 1.0, 3.0):
        keys = rng.random(size) + tilt * rng.random() * events / ground / (events / ground).max()
        order = np.argsort(-keys)
        before = np.cumsum(ground[order]) - ground[order]
        flagged = np.zeros(size)
        flagged[order] = np.clip((share - before) / ground[order], 0, 1)
        if events @ flagged >= power._USEFUL * most and burden[:, 1] @ flagged > 0:
            assert (burden[:, 0] @ flagged) / (burden[:, 1] @ flagged) >= bound - 1e-6


def test_two_equal_halves_by_hand():
    """Of four equal cells with 10 events each, half are flagged: 0.9 + 0.7 of one group, 0.1 + 0.3 of the other."""
    maps = UsefulMaps(np.ones(4), np.full(4, 10.0), 0.5)
    share = np.array([0.9, 0.7, 0.3, 0.1])
    assert maps.lowest_ratio((1 - share) / 2, share / 2) == pytest.approx(0.4 / 1.6)


@pytest.mark.parametrize(
    ("value", "limit", "lowest", "progress"),
    [
        (0.9, 0.8, True, 0.5),
        (0.7, 0.8, True, 1.5),
        (1.1, 1.25, False, 0.4),
        (1.0, 0.8, True, 0.0),
        (0.99, 1.0, True, 1.0),
        (1.0, 1.2, True, 1.0),
        (1.0, 0.9, False, 1.0),
    ],
)
def test_progress_to_the_limit(value, limit, lowest, progress):
    assert Extreme("coverage_ratio", "a / b", value, limit, lowest).progress == pytest.approx(progress)


def finding_of(table, subject=None, **changed):
    spec = inputs.audit(table, **changed)
    subject = subject or inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())
    (finding,) = check_power(spec.context(subject))
    return finding


def limits(**changed):
    return {name: dict(bounds) for name, bounds in inputs.audit().limits.items()} | changed


def test_a_table_with_power_passes():
    finding = finding_of(inputs.group_table())
    assert finding.state is State.PASS
    assert finding.value == finding.low == finding.high > 1
    assert "A useful map of 5 % of the land can have a coverage ratio of 0.72" in finding.detail


def test_limits_that_no_map_reaches_are_reviewed():
    """The same table under soft limits: the audited limits count, not the defaults."""
    soft = {"coverage_ratio": {"fail_below": 0.1}, "need_adjusted_ratio": {"fail_below": 0.1, "fail_above": 9}}
    assert finding_of(inputs.group_table(), limits=limits(**soft)).state is State.REVIEW
    none = {"coverage_ratio": {"warn_below": 0.9}, "need_adjusted_ratio": {"warn_above": 1.15}}
    finding = finding_of(inputs.group_table(), limits=limits(**none))
    assert (finding.state, finding.value) == (State.REVIEW, 0.0)
    strict = {"coverage_ratio": {"fail_below": 1.1}}
    assert finding_of(inputs.group_table(), limits=limits(**strict)).value >= 1


def test_a_share_of_cells_counts_cells():
    """Cells of one size: land and cells are the same share."""
    land, cells = (finding_of(inputs.group_table(), share_of=base) for base in ("land", "cells"))
    assert land.value == pytest.approx(cells.value)
    assert "5 % of the cells" in cells.detail


def without_events():
    replay, baseline = inputs.city()
    none = replay.observed * 0
    return [inputs.replay(one.expected.values, none.values, one.forecaster, one.recipe) for one in (replay, baseline)]


def one_group():
    return inputs.group_table().assign(group="all", population=1000.0).drop_duplicates(["area", "group"])


@pytest.mark.parametrize("evidence", [{}, {"periods": 0, "events": 0, "areas": 0}], ids=["default", "none needed"])
@pytest.mark.parametrize(
    ("table", "replays"),
    [(inputs.group_table(), without_events), (one_group(), inputs.city)],
    ids=["no events", "one group"],
)
def test_what_cannot_be_compared_is_insufficient(table, replays, evidence):
    subject = inputs.audit_input(*replays(), inputs.grid(), inputs.explanation())
    finding = finding_of(table, subject, min_evidence=evidence)
    assert finding.state is State.INSUFFICIENT
    assert finding.shortfall


@pytest.mark.parametrize("residents", [0.0, np.nan], ids=["none", "unknown"])
@pytest.mark.parametrize("evidence", [{}, {"periods": 0, "events": 0, "areas": 0}], ids=["default", "none needed"])
def test_a_group_without_residents_is_insufficient(residents, evidence):
    spec = inputs.audit(inputs.group_table(), min_evidence=evidence)
    context = spec.context(inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation()))
    (known,) = context.residents
    empty = np.full((100, 1), residents)
    more = replace(
        known,
        groups=(*known.groups, "Sea"),
        by_group=np.hstack([known.by_group, empty]),
        by_area=np.hstack([known.by_area, empty[:25]]),
    )
    (finding,) = check_power(replace(context, residents=(more,)))
    assert finding.state is State.INSUFFICIENT
    assert "Sea" in finding.shortfall[0].as_text()


def test_a_search_that_does_not_end_is_insufficient():
    spec = inputs.audit(inputs.group_table())
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())
    with mock.patch.object(power, "_ROUNDS", 0):
        report = spec.run(subject)
    (finding,) = (one for one in report.findings if one.check == "group_table_power")
    assert finding.state is State.INSUFFICIENT
