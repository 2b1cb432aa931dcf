"""The task `design-trial`: units of an admitted forecast, and of records alone."""

import shutil

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.pipeline.plan import allocate_effort
from tests.audit.audit_inputs import GOVERNANCE
from tests.pipeline.small_city import run_task


def from_run(folder, run, register, *words):
    copy = shutil.copy(register, folder / "register.jsonl")
    return run_task("design-trial", folder, f"source='{run.folder}'", f"register='{copy}'", "units.count=4", *words)


@pytest.mark.slow
def test_units_of_an_admitted_forecast_are_cells_of_the_audited_rule(tmp_path, shelf, admitted):
    unstated = [f"terms.{name}=null" for name in ("goal", "success_criterion", "harm_to_watch", "decided_by")]
    done = from_run(tmp_path, admitted, shelf / "register.jsonl", *unstated)
    design = TrialDesign.from_json((done.folder / "trial.json").read_bytes())
    assert design.evidence["decision"] == admitted.decision["seal"]
    assert design.terms.harm_to_watch == GOVERNANCE["harm_to_watch"]  # stated once, for the audit
    assert design.outcomes == ("assault",)
    plan = allocate_effort(
        admitted.folder, chosen_by="A. Planner", reason="to compare", register=shelf / "register.jsonl"
    )
    covered = plan.grid.cells[plan.share.max(axis=1) > 0]
    assert set(design.units) <= set(covered)
    assert len(covered) < len(plan.grid) / 4
    groups = pd.read_csv(done.folder / "groups.csv")  # those that the audit archived
    assert groups["of_residents"].between(0, 1).all()
    page = (done.folder / "design.html").read_text()
    assert "according to an audited forecast and its allocation rule" in page
    assert "No gate" not in page
    with pytest.raises(InputError, match="do not give the cells of the forecast"):
        from_run(tmp_path, admitted, shelf / "register.jsonl", "grid.size=400")


@pytest.mark.slow
def test_a_withheld_forecast_chooses_no_units(tmp_path, withheld):
    with pytest.raises(WithheldError):
        from_run(tmp_path, withheld, withheld.folder.parents[1] / "register.jsonl")
    assert not list(tmp_path.rglob("trial.json"))


def test_units_of_records_alone(tmp_path):
    done = run_task("design-trial", tmp_path, "assignment=stepped_wedge", "groups.source=${data}")
    design = TrialDesign.from_json((done.folder / "trial.json").read_bytes())
    assert (design.scheme, len(design.units)) == ("stepped wedge", 16)
    assert design.treated.sum(axis=0).tolist() == [0] * 4 + [4] * 4 + [8] * 4 + [12] * 4 + [16] * 4
    first, *_, last = done.text.splitlines()
    assert first.startswith("Simulated records")
    assert last.startswith("Next: ")
    assert "past counts, not an audited forecast" in done.text
