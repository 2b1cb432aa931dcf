"""What an audit knows, gathered for its reports."""

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
from ilp_models.pipeline.plan import territory_of
from ilp_models.report.audit.audit_record import SENSITIVITY, AuditRecord

_PACKAGES: Final = ("numpy", "pandas", "scipy", "scikit-learn", "lightgbm", "shap", "fairlearn")
_STRONGEST: Final = 5
_PRICED: Final = 13  # periods whose caps are priced, spread over those of the test: every fourth of a year of weeks
_SECONDS: Final = 5.0


@dataclass(frozen=True, eq=False)
class ReportContext:
    """What a run knows beside what was audited; all of it may be absent.

    Parameters
    ----------
    city : str
        Name of the study area.
    intake : IntakeReport, optional
        The account of the records.
    code : str
        Version, commit and digest of the code.
    settings : mapping
        Resolved settings of the audit.
    command : str
        What to type to make the run again.
    other_grids : mapping of str to Subject
        The same forecaster on other grids.
    retrained : mapping of str to Replay
        The same forecaster trained without tainted records, by what was left out.
    absent : mapping of str to str
        Why a part is not there.
    """

    city: str = ""
    intake: IntakeReport | None = None
    code: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    other_grids: Mapping[str, AuditInput] = field(default_factory=dict)
    retrained: Mapping[str, Replay] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)


def gather_record(
    subject: AuditInput, decision: Decision, audit: Audit, around: ReportContext, compute: Compute | None = None
) -> AuditRecord:
    """Return everything that the reports of an audit are made from.

    A part that cannot be worked out is left out, and the reason kept: the findings have decided already.
    """
    evidence, absent = audit.context(subject), dict(around.absent)
    if subject.feedback is None:
        absent["feedback"] = subject.no_feedback.rstrip(".")
    parts = {
        name: _tried(name, work, evidence, absent) for name, work in _parts(subject, decision, audit, around, evidence)
    }
    sensitivity = {name: table for name, table in parts.items() if name in SENSITIVITY and table is not None}
    return AuditRecord(
        decision=decision,
        city=around.city,
        grid=evidence.grid,
        flags=evidence.flags,
        measures=parts["measures"],
        sensitivity=sensitivity,
        feedback=None if subject.feedback is None else subject.feedback.trajectory,
        explanation=subject.explanation,
        gaps=parts["gaps"],
        frontier_protocol=_priced(evidence),
        frontier=_tried("frontier", lambda: _frontier(evidence, compute or LocalProcesses()), evidence, absent),
        proxies=parts["proxies"],
        intake=around.intake,
        provenance=_provenance(subject, decision, audit, around.code),
        settings=around.settings,
        command=around.command,
        absent=absent,
    )


def _parts(
    subject: AuditInput, decision: Decision, audit: Audit, around: ReportContext, evidence: CheckContext
) -> list[tuple[str, Callable[[], pd.DataFrame]]]:
    others = {name: audit.context(one) for name, one in around.other_grids.items()}
    group = audit.underreporting_group
    deprived = None if group is None else (group[0], group[1])
    return [
        ("measures", lambda: measure_groups(evidence)),
        ("ranking_unit", lambda: vary_ranking_unit(evidence)),
        ("group_definition", lambda: _other_groups(evidence, audit)),
        ("census_error", lambda: _other_residents(evidence, audit, decision)),
        ("areal_unit", lambda: vary_areal_units(evidence, others)),
        ("reporting_rates", lambda: vary_reporting_rates(evidence, subject.reporting_rates, deprived)),
        ("tainted_periods", lambda: _other_training(evidence, around.retrained)),
        ("enforcement_types", lambda: vary_enforcement_types(evidence, audit.enforcement_types)),
        ("gaps", lambda: _gaps(evidence, _known(subject))),
        ("proxies", lambda: _proxies(evidence, _known(subject))),
    ]


def _tried(
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
        absent.setdefault(name, "there is nothing to compare with")
        return None
    return table


def _known(subject: AuditInput) -> Explanation:
    if subject.explanation is None:
        msg = "The forecaster has no explanation."
        raise InputError(msg)
    return subject.explanation


def _other_groups(evidence: CheckContext, audit: Audit) -> pd.DataFrame:
    """Return the measures under the definitions that the settings name."""
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
    """Return the findings on flagged land with the interval that the error of the group table gives them."""
    if audit.groups.margin is None and not audit.groups.rounding:
        msg = "the group table states no error; name its margins or rounding (audit.groups.margin, .rounding)"
        raise InputError(msg)
    return vary_census(evidence, audit.groups.sample(evidence.grid, DRAWS, audit.bootstrap.seed), decision.findings)


def _other_training(evidence: CheckContext, retrained: Mapping[str, Replay]) -> pd.DataFrame:
    if not retrained:
        msg = "no period is declared tainted, or the model learned from none (audit.governance.tainted_periods)"
        raise InputError(msg)
    tables = [vary_training(evidence, one, "tainted_periods", name) for name, one in retrained.items()]
    return pd.concat(tables, ignore_index=True)


def _priced(evidence: CheckContext) -> str:
    count, whole = len(_priced_periods(evidence)), evidence.observed.shape[2]
    return (
        f"All crime types counted together, ranked by count; {evidence.land_share:.0%} of the cells in each of "
        f"{count} of the {whole} test periods, chosen by the forecast and measured on what was recorded."
    )


def _priced_periods(evidence: CheckContext) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, evidence.observed.shape[2] - 1, _PRICED).round().astype(np.int64))


def _frontier(evidence: CheckContext, compute: Compute) -> pd.DataFrame:
    """Return what caps on exposure would have cost in the test periods, all crime types counted together."""
    periods = _priced_periods(evidence)
    grid = evidence.grid
    districts = np.full(len(grid), "", dtype=object) if grid.parents.empty else grid.parents.iloc[:, 0].to_numpy()
    expected = np.asarray(evidence.replay.expected.values, dtype=float)[:, :, periods].sum(axis=0)
    territory = replace(territory_of(grid, districts, evidence.residents), expected=expected)
    allocator = Constrained(budget=Budget(budget_share=evidence.land_share))
    recorded = evidence.observed[:, :, periods].sum(axis=0)
    return Frontier(time_limit_s=_SECONDS).run(allocator, expected, territory, compute, recorded)


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
        "Group table": subject.group_table or "none",
        "Grid": subject.grid.digest(),
        **({"Code": code} if code else {}),
        "Seed of the audit": str(audit.bootstrap.seed),
        **{name: version(name) for name in _PACKAGES},
    }
