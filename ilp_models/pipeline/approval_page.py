"""Gather the page of an approval from the approved run and the line of the register."""

from datetime import datetime

import numpy as np

from ilp_models.audit.register.register import Register
from ilp_models.audit.register.standing import StandingTerms
from ilp_models.domain.decision import Approval, Decision
from ilp_models.pipeline.day_patterns import DayPatterns
from ilp_models.pipeline.front_content import highest_places
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.approval_page import ApprovalPage
from ilp_models.report.formatting import period_label


def terms_of(approval: Approval) -> StandingTerms | None:
    """Return the terms under which an approval covers later decisions, or from which it follows."""
    return None if approval.standing is None else StandingTerms.from_dict(approval.standing)


def approved_until(decision: Decision, approval: Approval) -> datetime:
    """Return when an approval ends: with its decision, or with the standing approval that it follows from."""
    terms = terms_of(approval) if approval.under else None
    return decision.valid_until if terms is None else min(decision.valid_until, terms.until)


def approval_page(run: RunFolder, decision: Decision, approval: Approval, register: Register) -> ApprovalPage:
    """Return the content of the page of an approval."""
    forecast, places = run.forecast, run.places
    expected = np.asarray(forecast.expected.values[:, :, 0], dtype=float)
    by_type, kinds = expected.sum(axis=1), list(map(str, forecast.expected.indexes["crime_type"]))
    terms = terms_of(approval)
    names = DayPatterns.from_folder(run.folder / "audit").places(places.cells, places.area)
    return ApprovalPage(
        period=period_label(forecast.periods[0]),
        decision=decision,
        approval=approval,
        register=str(register.path),
        run=str(run.folder),
        totals=tuple((kinds[at], float(by_type[at])) for at in np.argsort(-by_type, kind="stable")),
        places=highest_places(expected, places.geometry.to_numpy(), str(places.geometry.crs), names),
        until=approved_until(decision, approval),
        stands_until=None if terms is None else terms.until,
        terms=() if terms is None else tuple(terms.lines()),
    )
