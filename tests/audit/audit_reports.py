"""Audit reports of the small city of ``audit_inputs``, and what they say about one check."""

from dataclasses import replace
from datetime import UTC, datetime

from ilp_models.audit.gate import decide
from tests.audit import audit_inputs as inputs

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def audit_city(model=None, groups=None, explanation=None, features=None, **settings):
    """Return the audit report of the city, with parts replaced."""
    known, baseline = inputs.city()
    spec = inputs.audit(inputs.group_table() if groups is None else groups, **settings)
    parts = (model or known, baseline, inputs.grid(), explanation or inputs.explanation(), features)
    return spec.run(inputs.audit_input(*parts), NOW)


def change_forecast(change):
    """Return the replay of the city's model with its expected counts changed by a function."""
    known, _ = inputs.city()
    return replace(known, expected=change(known.expected.copy(deep=True)))


def states_of(report, check):
    """Return the state of each finding of a check, by crime type and group."""
    return {finding.crime_type + finding.group: finding.state for finding in report.findings if finding.check == check}


def finding_of(report, check, crime_type=""):
    """Return the first finding of a check on a crime type."""
    return next(f for f in report.findings if f.check == check and f.crime_type == crime_type)


def reasons_of(report):
    """Return the reasons for which the gate withholds the forecast, as one text."""
    decision = decide(report, inputs.forecast(), NOW)
    assert not decision.admitted
    return " ".join(decision.reasons)
