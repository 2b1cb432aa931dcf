from types import SimpleNamespace

import numpy as np

from ilp_models.allocation.top_areas import TopAreas
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.panel import DIMS
from ilp_models.pipeline.flagged_cells import flagged_cells
from ilp_models.pipeline.plan_effects import with_plans
from tests.audit import audit_inputs as inputs
from tests.builders import forecast_on

GRID = inputs.grid()
EXPECTED = np.stack([np.arange(100.0), np.arange(100.0)[::-1]])  # the highest cells come last, then first


def audited(**settings):
    """Return an audit of the forecast of next week."""
    audit = inputs.audit(inputs.group_table(), **settings)
    subject = audit.with_residents(inputs.audit_input(*inputs.city(), GRID, inputs.explanation()))
    subject = with_plans(subject, audit, LocalProcesses(jobs=1))
    forecast = SimpleNamespace(forecast=forecast_on(GRID, inputs.TYPES, expected=EXPECTED), grid=GRID)
    return SimpleNamespace(settings=audit, forecast=forecast, audit_input=subject)


def test_the_highest_cells_of_each_type_are_flagged():
    found = flagged_cells(audited(land_share=0.1, rule=None))
    assert found.cells.dims == DIMS
    assert np.flatnonzero(found.cells.values[0, :, 0]).tolist() == list(range(90, 100))
    assert np.flatnonzero(found.cells.values[1, :, 0]).tolist() == list(range(10))
    assert found.rule.startswith("true: the cell is among the highest 0.1 of the land in its crime type")


def test_under_a_rule_its_plan_for_all_types_is_flagged():
    found = flagged_cells(audited(rule=TopAreas(share=0.1)))
    assert found.cells.values.sum(axis=1).ravel().tolist() == [10, 10]
    np.testing.assert_array_equal(found.cells.values[0], found.cells.values[1])
    assert found.rule == "true: the audited rule 'top areas' gives effort to the cell"


def test_nothing_is_flagged_where_the_audited_ranking_needs_residents_that_are_unknown():
    audit = audited(rule=None)
    settings = inputs.audit(rule=None, rank_by="per_resident")
    subject = inputs.audit_input(*inputs.city(), GRID, inputs.explanation())
    assert flagged_cells(SimpleNamespace(settings=settings, forecast=audit.forecast, audit_input=subject)) is None
