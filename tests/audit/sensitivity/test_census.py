"""Census errors and the states of findings."""

from dataclasses import replace

import numpy as np
import pytest

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures.checks import check_groups
from ilp_models.audit.sensitivity.census import COLUMNS, vary_census
from ilp_models.domain.finding import Limit, State
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs

LIMITS = {"need_adjusted_ratio": Limit(warn_above=1.15, fail_above=1.25), "coverage_ratio": Limit(fail_below=0.8)}
MEASURES = {
    *("exposure", "exposure_ratio", "baseline_exposure_ratio", "need_adjusted_ratio", "coverage"),
    "coverage_ratio",
}


def evidence(**changes):
    known, baseline = inputs.city()
    people = inputs.audit(inputs.group_table(0.3)).groups.to_cells(inputs.grid())
    made = CheckContext(
        replay=known, baseline=baseline, grid=inputs.grid(), explanation=None, features=None, limits=LIMITS,
        min_evidence=MinEvidence(), bootstrap=Bootstrap(draws=200), land_share=0.2, rank_by="count", floor=0.005,
        residents=people,
    )  # fmt: skip
    return replace(made, **changes)


def scaled(residents, factors):
    by_group = residents.by_group * factors
    return replace(residents, by_group=by_group, total=by_group.sum(axis=1))


def test_a_table_without_error_gives_the_same_findings():
    made = evidence()
    findings = check_groups(made)
    table = vary_census(made, [made.residents] * 3, findings)
    assert tuple(table.columns) == COLUMNS
    assert set(table["measure"]) == MEASURES
    assert len(table) == sum(finding.check in MEASURES for finding in findings)
    for end in ("census_low", "census_high"):
        assert table[end].to_numpy() == pytest.approx(table["value"].to_numpy())
    assert not table["changes"].any()
    assert set(table.loc[table["measure"] == "exposure", "state"]) == {"reported"}
    needed = {(f.crime_type, f.group): str(f.state) for f in findings if f.check == "need_adjusted_ratio"}
    rows = table[table["measure"] == "need_adjusted_ratio"].set_index(["crime_type", "group"])
    assert rows["state"].to_dict() == needed


def test_the_interval_is_that_of_the_measure_over_samples():
    made, rng = evidence(), np.random.default_rng(0)
    (people,) = made.residents
    drawn = [scaled(people, rng.gamma(25, 1 / 25, people.by_group.shape)) for _ in range(40)]
    table = vary_census(made, [(one,) for one in drawn], check_groups(made))
    found = [check_groups(replace(made, residents=(one,))) for one in drawn]
    for measure in MEASURES - {"coverage_ratio"}:
        values = [next(f.value for f in findings if f.check == measure) for findings in found]
        row = table[table["measure"] == measure].iloc[0]
        assert [row["census_low"], row["census_high"]] == pytest.approx(np.quantile(values, (0.025, 0.975))), measure
        if measure != "baseline_exposure_ratio":  # equal maps have ratio 1
            assert row["census_low"] < row["value"] < row["census_high"]


def test_a_state_that_changes_at_an_end_is_marked():
    made = evidence()
    findings = check_groups(made)
    one = next(f for f in findings if f.check == "need_adjusted_ratio" and f.state is State.PASS)
    near = Limit(warn_above=one.value + 1e-6)
    findings = [replace(f, limit=near) if f is one else f for f in findings]
    people = made.residents[0]
    rng = np.random.default_rng(1)
    drawn = [(scaled(people, rng.gamma(25, 1 / 25, people.by_group.shape)),) for _ in range(40)]
    table = vary_census(made, drawn, findings).set_index(["measure", "crime_type", "group"])
    row = table.loc[one.check, one.crime_type, one.group]
    assert (row["state"], row["state_at_low"], row["state_at_high"]) == ("pass", "pass", "review")
    assert row["changes"]


def test_insufficient_findings_stay_insufficient():
    made = evidence(min_evidence=MinEvidence(areas=1000))
    table = vary_census(made, [made.residents] * 3, check_groups(made))
    judged = table[table["state"] != "reported"]
    assert set(judged["state"]) == set(judged["state_at_high"]) == {"insufficient"}
    assert not table["changes"].any()
