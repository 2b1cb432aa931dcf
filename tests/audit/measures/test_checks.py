from dataclasses import replace

import numpy as np
import pytest

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.measures.checks import check_groups
from ilp_models.domain.finding import State, sentence
from tests.audit import audit_inputs as inputs
from tests.audit.measures.measured_city import LIMITS, evidence, findings


def test_a_model_alike_for_both_groups_passes():
    for check in LIMITS:
        made = findings(evidence(slant=0.0), check)
        assert {finding.state for finding in made.values()} == {State.PASS}, check
        assert {finding.limit for finding in made.values()} == {LIMITS[check]}


def test_too_high_forecasts_where_one_group_lives_fail():
    known, _ = inputs.city()
    slope = np.linspace(0.3, 1.7, 100)[None, :, None]
    made = evidence(replace(known, expected=known.expected * slope), slant=0.8, min_evidence=MinEvidence(areas=5))
    for check in ("bias_ratio", "baseline_exposure_ratio", "permanently_flagged"):
        states = {where: finding.state for where, finding in findings(made, check).items()}
        assert states["all", "Upland" if check == "baseline_exposure_ratio" else ""] is State.FAIL, check
    skill = findings(made, "d2")["all", "Upland"]
    assert skill.state is State.PASS
    assert sentence(skill).startswith("Skill by group is reported for all crime types, origin Upland: ")


def test_where_no_cell_is_permanently_flagged_the_ratio_is_1_and_the_finding_says_so():
    known, _ = inputs.city()
    turning = np.stack([np.roll(known.expected.values[..., 0], 17 * week, axis=1) for week in range(52)], axis=2)
    made = findings(evidence(replace(known, expected=known.expected.copy(data=turning))), "permanently_flagged")
    for finding in made.values():
        assert (finding.value, finding.low, finding.high) == (1, 1, 1)
        assert finding.state is State.PASS
        assert finding.detail == "No cell is flagged in more than half of the periods."


@pytest.mark.parametrize("minimum", [MinEvidence(areas=20), MinEvidence(events=1e6)])
def test_too_little_evidence_is_insufficient_in_all_of_them(minimum):
    made = check_groups(evidence(min_evidence=minimum))
    assert {finding.state for finding in made} == {State.INSUFFICIENT}
    assert {finding.check for finding in made} >= {*LIMITS, "d2", "over_prediction", "under_prediction"}
