from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.explanation.checks import (
    attribution_gaps,
    check_proxies,
    check_residual_proxies,
)
from ilp_models.audit.explanation.proxies import AreaProfiles
from ilp_models.domain.finding import State, sentence
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.audit.explanation.explained_city import evidence, explanation, residents


def state_of(findings, check, group="Upland"):
    (found,) = [one for one in findings if one.check == check and one.group in ("", group)]
    return found.state


def share_of(people, group="Upland"):
    return people[0].shares[:, people[0].groups.index(group)]


def test_columns_of_past_counts_are_no_proxies():
    found = check_proxies(evidence(explanation()))
    assert {one.check for one in found} == {"proxy_probe", "proxy_strength"}
    assert {one.state for one in found} == {State.PASS}


@pytest.mark.parametrize(
    "disguise",
    [
        lambda share: share,
        lambda share: 1 - share,
        lambda share: 1000 * share + 3,
        lambda share: np.log(share),
        lambda share: np.exp(30 * share),
        lambda share: pd.Series(share).rank().to_numpy(),
    ],
)
def test_a_share_under_another_name_fails_however_it_is_written(disguise):
    people = residents(slant=0.5)
    found = check_proxies(evidence(explanation(("lighting_index", disguise(share_of(people)))), people))
    assert state_of(found, "proxy_probe") is State.FAIL
    (probe,) = [one for one in found if one.check == "proxy_probe" and one.group == "Upland"]
    assert "lighting_index" in probe.detail
    assert "proxy for the share" in probe.advice


def test_a_share_with_noise_is_reviewed_and_one_split_over_columns_is_seen_by_all_together():
    people = residents(slant=0.5)
    share, rng = share_of(people), np.random.default_rng(2)
    area = AreaProfiles.from_residents(people[0]).place
    noisy = share + 0.4 * share.std() * rng.normal(size=25)[area]
    found = check_proxies(evidence(explanation(("index", noisy)), people))
    assert state_of(found, "proxy_probe") is State.REVIEW
    half = share.std() * rng.normal(size=25)[area]
    split = check_proxies(evidence(explanation(("one", share + half), ("other", share - half)), people))
    assert state_of(split, "proxy_probe") is State.PASS
    assert state_of(split, "proxy_strength") is State.FAIL


def test_the_interval_of_a_correlation_is_of_the_level_that_the_audit_asks_for():
    people, narrow = residents(slant=0.5), Bootstrap(draws=300, confidence=0.5)
    noise = np.random.default_rng(2).normal(size=25)[AreaProfiles.from_residents(people[0]).place]
    given = evidence(explanation(("index", noise)), people)
    usual, half = (check_proxies(one)[0] for one in (given, replace(given, bootstrap=narrow)))
    widths = [np.ptp(np.arctanh([one.low, one.high])) * np.sqrt(25 - 3) / 2 for one in (usual, half)]
    assert widths == pytest.approx([1.960, 0.674], abs=0.001)


def test_constant_columns_and_equal_shares_are_no_proxies_but_no_evidence_either():
    people = residents(slant=0.5)
    found = check_proxies(evidence(explanation(("flat", 1.0)), people))
    assert state_of(found, "proxy_probe") is State.PASS
    same = people[0]
    equal = (replace(same, by_group=np.repeat(same.total[:, None], 2, axis=1) / 2),)
    assert {one.state for one in check_proxies(evidence(explanation(), equal))} == {State.INSUFFICIENT}
    assert {one.state for one in check_residual_proxies(evidence(explanation(), equal))} == {State.INSUFFICIENT}


def test_with_few_areas_chance_alone_makes_proxies_so_nothing_is_said():
    few = MinEvidence(areas=26)
    found = [
        *check_proxies(evidence(explanation(), minimum=few)),
        *check_residual_proxies(evidence(explanation(), minimum=few)),
    ]
    assert {one.state for one in found} == {State.INSUFFICIENT}
    assert "25 areas with residents, 26 needed" in sentence(found[0])


def test_an_explanation_on_other_cells_of_the_city_is_matched_by_name():
    people = residents(slant=0.5)
    whole = explanation(("index", share_of(people)))
    order = np.random.default_rng(0).permutation(100)[:90]
    parts = {name: getattr(whole, name).isel(cell=order) for name in ("attributions", "values", "log_expected")}
    found = check_proxies(evidence(replace(whole, **parts), people))
    assert state_of(found, "proxy_probe") is State.FAIL
    gaps = attribution_gaps(replace(whole, **parts), inputs.grid(), people[0])
    kept = replace(people[0], by_group=np.zeros((100, 2)), total=np.zeros(100))
    kept.by_group[order], kept.total[order] = people[0].by_group[order], people[0].total[order]
    pd.testing.assert_frame_equal(gaps, attribution_gaps(whole, inputs.grid(), kept))


def test_errors_that_go_with_a_group_fail_and_others_do_not():
    people = residents(slant=0.8)
    share = share_of(people)
    ours, _ = inputs.city()
    tilted = ours.expected * xr.DataArray(1.6 - 1.5 * share, dims="cell")
    spoilt = replace(ours, expected=tilted)
    good, bad = (check_residual_proxies(evidence(None, people, replay=one)) for one in (ours, spoilt))
    assert {one.state for one in good} == {State.PASS}
    assert {one.crime_type for one in good} == {"Assault", "Robbery", "all"}
    upland = [one for one in bad if one.group == "Upland"]
    assert {one.state for one in upland} == {State.FAIL}
    assert min(one.value for one in upland) > 0.2  # more is recorded than expected where the group lives
    assert all(one.low <= one.value <= one.high for one in bad)


def test_the_residual_correlation_is_that_of_areas_and_weeks():
    people = residents(slant=0.5)
    asked = evidence(None, people)
    area = AreaProfiles.from_residents(people[0])
    residual = asked.observed[0] - asked.replay.expected.values[0]
    rows = pd.DataFrame(residual).groupby(area.place).sum().to_numpy()
    shares = np.repeat(area.shares[:, [1]], rows.shape[1], axis=1)
    (found,) = [
        one for one in check_residual_proxies(asked) if one.group == people[0].groups[1] and one.crime_type == "Assault"
    ]
    assert found.value == pytest.approx(np.corrcoef(rows.ravel(), shares.ravel())[0, 1])


def test_areas_are_those_of_the_table_or_else_the_cells():
    people = residents(0.5)[0]
    areas = AreaProfiles.from_residents(people)
    assert len(areas.people) == 25
    assert areas.sums(people.total) == pytest.approx(areas.people)
    assert len(AreaProfiles.from_residents(replace(people, area=np.empty(0, dtype=np.int64))).people) == 100
    assert (
        len(AreaProfiles.from_residents(replace(people, area=np.where(people.area < 5, -1, people.area))).people) == 20
    )
    empty = replace(people, total=np.where(areas.place == 3, 0, people.total))
    assert len(AreaProfiles.from_residents(empty).people) == 24
