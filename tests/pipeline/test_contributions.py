import pytest

import ilp_models as ilp
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError
from ilp_models.domain.region import JurisdictionResult, RunState
from ilp_models.pipeline.contributions import contribution_faults, pooled_forecaster, read_contribution, train
from tests.audit.audit_inputs import GOVERNANCE

MODEL, PRIOR = ilp.PooledLightGBM(), ilp.PooledEmpiricalBayes()


@pytest.mark.parametrize("model", [{}, {"ewma": ilp.EWMA()}, {"a": MODEL, "b": MODEL}, {"a": MODEL, "b": PRIOR}])
def test_one_pooled_model_is_trained(model):
    with pytest.raises(InputError, match="pool trains one pooled model"):
        pooled_forecaster(model)
    assert pooled_forecaster({"ewma": ilp.EWMA(), "prior": PRIOR}) == ("prior", PRIOR)


def test_open_governance_and_tainted_records_are_faults():
    events = ilp.SimulatedCity(size_km=2, districts=2, weeks=8).read()
    assert contribution_faults(ilp.Governance(**GOVERNANCE), events) == ()
    inside = {"start": "2019-02-01", "end": "2019-02-09", "why": "made up"}
    before = {"start": "2018-01-01", "end": "2018-12-31", "why": "another system"}
    faults = contribution_faults(
        ilp.Governance(**GOVERNANCE | {"owner": None}, tainted_periods=[inside, before]), events
    )
    assert faults == ("governance: owner is empty", "its records from 2019-02-01 to 2019-02-09 are tainted (made up)")


def test_a_failed_run_gives_its_error_as_the_reason(tmp_path):
    found = read_contribution(JurisdictionResult("north", RunState.FAILED, "", "No records."))
    assert (found.samples, found.left_out) == ((), "No records.")
    lines = train([found], {"pooled_lightgbm": MODEL}, tmp_path, LocalProcesses(1))
    assert lines == ["Contributes: no jurisdiction", "Left out: north: No records.", "No model was trained."]
