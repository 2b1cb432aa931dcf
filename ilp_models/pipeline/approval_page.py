"""Gather the page of an approval from the approved run and the line of the register."""

import numpy as np

from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Approval, Decision
from ilp_models.pipeline.day_patterns import DayPatterns
from ilp_models.pipeline.front_content import highest_places
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.approval_page import ApprovalPage
from ilp_models.report.formatting import period_label


def approval_page(run: RunFolder, decision: Decision, approval: Approval, register: Register) -> ApprovalPage:
    """Return the content of the page of an approval."""
    forecast, places = run.forecast, run.places
    expected = np.asarray(forecast.expected.values[:, :, 0], dtype=float)
    by_type, kinds = expected.sum(axis=1), list(map(str, forecast.expected.indexes["crime_type"]))
    names = DayPatterns.from_folder(run.folder / "audit").places(places.cells, places.area)
    return ApprovalPage(
        period=period_label(forecast.periods[0]),
        decision=decision,
        approval=approval,
        register=str(register.path),
        run=str(run.folder),
        totals=tuple((kinds[at], float(by_type[at])) for at in np.argsort(-by_type, kind="stable")),
        places=highest_places(expected, places.geometry.to_numpy(), str(places.geometry.crs), names),
    )
