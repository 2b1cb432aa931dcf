from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.explanation.checks import (
    attribution_gaps,
    check_proxies,
    check_residual_proxies,
    check_stability,
)
from ilp_models.audit.explanation.proxies import AreaProfiles
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column
from ilp_models.domain.finding import Limit, State, sentence
from ilp_models.domain.panel import DIMS
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs

LIMITS = {
    "explanation_stability": Limit(fail_below=0.7),
    "perturbation_agreement": Limit(warn_below=0.8),
    "proxy_probe": Limit(warn_above=0.9, fail_above=0.98, neutral=0),
    "proxy_strength": Limit(warn_above=0.8, fail_above=0.95, neutral=0),
    "proxy_residual": Limit(-0.2, -0.1, 0.1, 0.2, neutral=0),
}


def residents(slant=0.0):
    return inputs.audit(inputs.group_table(slant)).groups.to_cells(inputs.grid())


def explanation(*extra, seed=0, robustness=None):
    """Return an explanation of columns as past counts are, and of extra columns by name (one value a cell)."""
    rng = np.random.default_rng(seed)
    own = rng.gamma(1.0, 1.0, (2, 100, 1, 6))
    added = [np.broadcast_to(values, (2, 100))[:, :, None, None] for _, values in extra]
    values = np.concatenate((own, *added), axis=3)
    columns = tuple(
        Column(name, "own_past", "{value:.2f}") for name in (*(f"mean_{i}" for i in range(6)), *(n for n, _ in extra))
    )
    phi = rng.normal(0, 0.2, values.shape)
    coords = {
        "crime_type": list(inputs.TYPES),
        "cell": inputs.grid().cells,
        "period": pd.period_range("2022-01-03", periods=1, freq="W-SUN"),
    }
    total = xr.DataArray(phi.sum(axis=3) - 1, dims=DIMS, coords=coords)
    named = {**coords, "feature": [one.name for one in columns]}
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=named),
        values=xr.DataArray(values, dims=(*DIMS, "feature"), coords=named),
        base=xr.DataArray([-1.0, -1.0], dims="crime_type"),
        log_expected=total,
        columns=columns,
        forecaster="lightgbm",
        cutoff=pd.Timestamp("2022-01-03"),
        robustness=robustness,
    )


def evidence(explained=None, people=None, minimum=None, replay=None):
    ours, theirs = inputs.city()
    return CheckContext(
        replay=ours if replay is None else replay,
        baseline=theirs,
        grid=inputs.grid(),
        explanation=explained,
        features=None if explained is None else explained.columns,
        limits=LIMITS,
        min_evidence=MinEvidence() if minimum is None else minimum,
        bootstrap=Bootstrap(draws=300),
        land_share=0.05,
        rank_by="count",
        floor=0.005,
        residents=(people if people is not None else residents()),
    )


def robustness(*refits, agreement=1.0):
    names = pd.DataFrame({"feature": ["a", "b", "c", "d"], "family": "own_past"})
    path = np.array([4.0, 3.0, 2.0, 1.0])
    table = names.assign(**{f"refit_{n}": one for n, one in enumerate(refits, start=1)})
    return Robustness(names.assign(path=path, interventional=agreement * path), 0.0, table, pd.DataFrame(), 100)


def state_of(findings, check, group="Upland"):
    (found,) = [one for one in findings if one.check == check and one.group in ("", group)]
    return found.state


def share_of(people, group="Upland"):
    return people[0].shares[:, people[0].groups.index(group)]


def test_columns_that_keep_their_order_are_stable():
    tried = robustness([4.0, 3, 2, 1], [5.0, 3, 2, 1], [4.0, 3, 2, 0])
    stable, agreed = check_stability(evidence(explanation(robustness=tried)))
    assert (stable.check, stable.state, stable.value, stable.evidence) == ("explanation_stability", State.PASS, 1, 3)
    assert (agreed.check, agreed.state) == ("perturbation_agreement", State.PASS)


def test_columns_that_change_their_order_fail_and_disagreeing_perturbations_are_reviewed():
    tried = robustness([4.0, 3, 2, 1], [1.0, 2, 3, 4], [4.0, 1, 3, 2], agreement=-1.0)
    stable, agreed = check_stability(evidence(explanation(robustness=tried)))
    assert stable.state is State.FAIL
    assert stable.low < stable.value < stable.high
    assert agreed.state is State.REVIEW
    assert "families, not of single columns" in agreed.advice


@pytest.mark.parametrize("tried", [None, robustness(), robustness([4.0, 3, 2, 1])])
def test_without_refits_stability_is_insufficient(tried):
    assert check_stability(evidence(explanation(robustness=tried)))[0].state is State.INSUFFICIENT


def test_an_explanation_of_another_forecaster_says_nothing():
    other = replace(explanation(robustness=robustness([4.0, 3, 2, 1], [4.0, 3, 2, 1])), forecaster="poisson_glm")
    of_another = evidence(other)
    assert check_stability(of_another)[0].state is State.INSUFFICIENT
    assert {one.state for one in check_proxies(of_another)} == {State.INSUFFICIENT}


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


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), slant=st.floats(-0.6, 0.6))
def test_gaps_of_a_group_add_up_to_the_gap_of_its_log_risk(seed, slant):
    people, explained = residents(slant)[0], explanation(seed=seed)
    gaps = attribution_gaps(explained, inputs.grid(), people)
    for place, group in enumerate(people.groups):
        members = people.by_group[:, place]
        log_risk = explained.log_expected.values[0, :, 0]
        want = np.average(log_risk, weights=members) - np.average(log_risk, weights=people.total - members)
        of_group = gaps[(gaps["group"] == group) & (gaps["crime_type"] == "Assault")]
        assert of_group["gap"].sum() == pytest.approx(want, abs=1e-9)
    families = attribution_gaps(explained, inputs.grid(), people, by="family")
    assert families["gap"].sum() == pytest.approx(gaps["gap"].sum(), abs=1e-9)


def test_the_pool_is_the_mean_of_the_types_and_a_gap_is_a_factor():
    gaps = attribution_gaps(explanation(), inputs.grid(), residents(0.5)[0])
    wide = gaps.pivot_table(index=["group", "feature"], columns="crime_type", values="gap")
    assert wide["all"].to_numpy() == pytest.approx(((wide["Assault"] + wide["Robbery"]) / 2).to_numpy())
    assert gaps["multiplier"].to_numpy() == pytest.approx(np.exp(gaps["gap"]))


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
