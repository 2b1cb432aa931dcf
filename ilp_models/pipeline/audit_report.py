"""Gather the inputs of the audit reports: measures, sensitivity, explanation, frontier and provenance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.allocation.budget import Budget
from ilp_models.allocation.constrained import Constrained
from ilp_models.allocation.frontier import Frontier
from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.explanation.checks import attribution_gaps
from ilp_models.audit.explanation.proxies import AreaProfiles, column_correlations
from ilp_models.audit.measures.metric_frame import group_gaps
from ilp_models.audit.measures.table import measure_groups
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.census import DRAWS, vary_census
from ilp_models.audit.sensitivity.enforcement_types import vary_enforcement_types
from ilp_models.audit.sensitivity.reporting_rates import vary_reporting_rates
from ilp_models.audit.sensitivity.variants import (
    merge_groups,
    vary_areal_units,
    vary_group_definitions,
    vary_ranking_unit,
    vary_training,
)
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.replay import Replay
from ilp_models.pipeline.audited_rule import territory_of
from ilp_models.report.audit.audit_record import SENSITIVITY, AuditRecord

_PACKAGES: Final = ("numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "shap", "fairlearn")
_STRONGEST: Final = 5
_FRONTIER_PERIODS: Final = 13  # test periods of the frontier: every fourth of 52 weeks
_TIME_LIMIT_S: Final = 5.0


@dataclass(frozen=True, eq=False)
class ReportContext:
    """Facts of the run that the audit itself does not contain; all are optional."""

    city: str = ""  # name of the study area
    intake: IntakeReport | None = None
    code: str = ""  # version, commit and digest
    settings: Mapping[str, Any] = field(default_factory=dict)  # resolved settings of the audit
    command: str = ""  # that repeats the run
    other_grids: Mapping[str, AuditInput] = field(default_factory=dict)  # the same forecaster on other grids
    retrained: Mapping[str, Replay] = field(default_factory=dict)  # without tainted records, by their period
    absent: Mapping[str, str] = field(default_factory=dict)  # reason why a part is missing


def gather_record(
    subject: AuditInput, decision: Decision, audit: Audit, context: ReportContext, compute: Compute | None = None
) -> AuditRecord:
    """Return everything that the reports of an audit are made from.

    A part that cannot be computed is left out with its reason, because the decision does not depend on it.
    """
    evidence, absent = audit.context(subject), dict(context.absent)
    if subject.feedback is None:
        absent["feedback"] = subject.no_feedback.rstrip(".")
    parts = {
        name: _attempt(name, work, evidence, absent)
        for name, work in _parts(subject, decision, audit, context, evidence)
    }
    sensitivity = {name: table for name, table in parts.items() if name in SENSITIVITY and table is not None}
    return AuditRecord(
        decision=decision,
        city=context.city,
        grid=evidence.grid,
        flags=evidence.flags if evidence.plan is None else evidence.flags[-1:],
        measures=parts["measures"],
        group_gaps=parts["group_gaps"],
        sensitivity=sensitivity,
        feedback=None if subject.feedback is None else subject.feedback.trajectory,
        explanation=subject.explanation,
        gaps=parts["gaps"],
        frontier_protocol=_frontier_protocol(evidence),
        frontier=_attempt("frontier", lambda: _frontier(evidence, compute or LocalProcesses()), evidence, absent),
        proxies=parts["proxies"],
        intake=context.intake,
        provenance=_provenance(subject, decision, audit, context.code),
        settings=context.settings,
        command=context.command,
        absent=absent,
    )


def _parts(
    subject: AuditInput, decision: Decision, audit: Audit, context: ReportContext, evidence: CheckContext
) -> list[tuple[str, Callable[[], pd.DataFrame]]]:
    others = {name: audit.context(one) for name, one in context.other_grids.items()}
    group = audit.underreporting_group
    deprived = None if group is None else (group[0], group[1])
    return [
        ("measures", lambda: measure_groups(evidence)),
        ("group_gaps", lambda: group_gaps(evidence)),
        ("ranking_unit", lambda: vary_ranking_unit(evidence)),
        ("group_definition", lambda: _other_groups(evidence, audit)),
        ("census_error", lambda: _other_residents(evidence, audit, decision)),
        ("areal_unit", lambda: vary_areal_units(evidence, others)),
        ("reporting_rates", lambda: vary_reporting_rates(evidence, subject.reporting_rates, deprived)),
        ("tainted_periods", lambda: _other_training(evidence, context.retrained)),
        ("enforcement_types", lambda: vary_enforcement_types(evidence, audit.enforcement_types)),
        ("gaps", lambda: _gaps(evidence, _known(subject))),
        ("proxies", lambda: _proxies(evidence, _known(subject))),
    ]


def _attempt(
    name: str, work: Callable[[], pd.DataFrame], evidence: CheckContext, absent: dict[str, str]
) -> pd.DataFrame | None:
    if not evidence.residents:
        absent.setdefault(name, "there is no group table")
        return None
    try:
        table = work()
    except IlpError as error:
        absent.setdefault(name, str(error).rstrip("."))
        return None
    if table.empty:
        absent.setdefault(name, "no comparison is available")
        return None
    return table


def _known(subject: AuditInput) -> Explanation:
    if subject.explanation is None:
        msg = "The forecaster has no explanation."
        raise InputError(msg)
    return subject.explanation


def _other_groups(evidence: CheckContext, audit: Audit) -> pd.DataFrame:
    """Return the measures with the alternative groupings of the settings."""
    if not audit.alternative_groupings:
        msg = "no other definition was named; set audit.alternative_groupings"
        raise InputError(msg)
    defined: dict[str, list[Residents]] = {}
    for name, dimensions in audit.alternative_groupings.items():
        by_name = {one.dimension: one for one in evidence.residents}
        if unknown := sorted(set(dimensions) - set(by_name)):
            msg = f"audit.alternative_groupings.{name} names {unknown[0]!r}; the dimensions are {', '.join(by_name)}."
            raise InputError(msg)
        defined[name] = [merge_groups(by_name[dimension], merged) for dimension, merged in dimensions.items()]
    return vary_group_definitions(evidence, defined)


def _other_residents(evidence: CheckContext, audit: Audit, decision: Decision) -> pd.DataFrame:
    """Return the findings on flagged areas with intervals for the sampling error of the group table."""
    if audit.groups.margin is None and not audit.groups.rounding:
        msg = "the group table states no error; name its margins or rounding (audit.groups.margin, .rounding)"
        raise InputError(msg)
    return vary_census(evidence, audit.groups.sample(evidence.grid, DRAWS, audit.bootstrap.seed), decision.findings)


def _other_training(evidence: CheckContext, retrained: Mapping[str, Replay]) -> pd.DataFrame:
    if not retrained:
        msg = "no tainted period is declared, or the model was not trained on one (audit.governance.tainted_periods)"
        raise InputError(msg)
    tables = [vary_training(evidence, one, "tainted_periods", name) for name, one in retrained.items()]
    return pd.concat(tables, ignore_index=True)


def _frontier_protocol(evidence: CheckContext) -> str:
    count, whole = len(_frontier_periods(evidence)), evidence.observed.shape[2]
    return (
        f"All crime types counted together, ranked by count; {evidence.land_share:.0%} of the cells in each of "
        f"{count} of the {whole} test periods, chosen by the forecast and measured on what was recorded."
    )


def _frontier_periods(evidence: CheckContext) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, evidence.observed.shape[2] - 1, _FRONTIER_PERIODS).round().astype(np.int64))


def _frontier(evidence: CheckContext, compute: Compute) -> pd.DataFrame:
    """Return the cost of exposure caps in the test periods, for all crime types together."""
    periods = _frontier_periods(evidence)
    grid = evidence.grid
    districts = np.full(len(grid), "", dtype=object) if grid.parents.empty else grid.parents.iloc[:, 0].to_numpy()
    expected = np.asarray(evidence.replay.expected.values, dtype=float)[:, :, periods].sum(axis=0)
    territory = replace(territory_of(grid, districts, evidence.residents), expected=expected)
    allocator = Constrained(budget=Budget(budget_share=evidence.land_share))
    recorded = evidence.observed[:, :, periods].sum(axis=0)
    return Frontier(time_limit_s=_TIME_LIMIT_S).run(allocator, expected, territory, compute, recorded)


def _gaps(evidence: CheckContext, explanation: Explanation) -> pd.DataFrame:
    return pd.concat(
        [attribution_gaps(explanation, evidence.grid, one, by="family") for one in evidence.residents],
        ignore_index=True,
    )


def _proxies(evidence: CheckContext, explanation: Explanation) -> pd.DataFrame:
    cells = explanation.log_expected.indexes["cell"]
    tables = [
        column_correlations(explanation, AreaProfiles.from_residents(one).at(evidence.grid, cells), one)
        for one in evidence.residents
    ]
    return pd.concat([table.groupby("group", sort=False).head(_STRONGEST) for table in tables], ignore_index=True)


def _provenance(subject: AuditInput, decision: Decision, audit: Audit, code: str) -> dict[str, str]:
    return {
        "Recipe": decision.recipe,
        "Forecast digest": decision.forecast,
        "Decision": decision.seal,
        "Data digest": subject.data,
        "Group table": ", ".join(filter(None, (subject.group_source, subject.group_table))) or "none",
        "Grid": subject.grid.digest(),
        **({"Code": code} if code else {}),
        "Seed of the audit": str(audit.bootstrap.seed),
        **{name: version(name) for name in _PACKAGES},
    }
