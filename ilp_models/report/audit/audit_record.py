"""Inputs and settings of the audit report, so that the page, the JSON file and the drafts agree."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.allocation import RULE
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL
from ilp_models.domain.governance import Governance
from ilp_models.domain.grid import Grid
from ilp_models.domain.intake import IntakeReport

SENSITIVITY: Final[Mapping[str, str]] = {
    "ranking_unit": "How results change if cells are ranked by count, per resident, per km² or by harm.",
    "group_definition": "How results change if the groups are defined in another way.",
    "census_error": "How results change within the sampling error of the census.",
    "areal_unit": "How results change on another grid or other areas.",
    "reporting_rates": "How results change if residents report only a part of all crimes.",
    "tainted_periods": "How results change without records from unlawful or distorted policing.",
    "enforcement_types": "How results change without crime types that depend on where police look.",
}
_MISSING_REASONS: Final[Mapping[str, str]] = {
    "grid": "the report has no cells",
    "flags": "the report has no flagged areas for the test periods",
    "measures": "the table of all area shares, rankings and intervals is missing; the findings are shown instead",
    "group_gaps": "there is no MetricFrame of the audited map",
    "sensitivity": "this run did not request it",
    "feedback": "this run did not simulate it",
    "explanation": "the forecaster has no explanation, or the explanation failed",
    "robustness": "this run did not test the stability of the explanation",
    "gaps": "it needs an explanation and a group table",
    "proxies": "it needs an explanation and a group table",
    "frontier": "this run evaluated no exposure caps; use `ilp allocate`",
    "intake": "the report has no data quality table",
    "settings": "the report has no settings",
    "provenance": "the report has no digests and versions",
    "command": "the report has no command",
}


@dataclass(frozen=True)
class AuditPage:
    """Settings of the audit report and facts that only the deploying organisation knows.

    Empty facts appear in the drafts as open fields.

    Parameters
    ----------
    title : str, default "Audit"
        Heading of the page.
    file_name : str, default "report.html"
        File name in the run folder.
    rows : int, default 60
        Maximum rows of a table on the page; report.json has all rows.
    process : str, optional
        The process in which the forecast is used.
    frequency : str, optional
        How long and how often the forecast is used.
    organisation : str, optional
        The organisation that uses the forecast.
    contact : str, optional
        Contact for questions about it.

    Raises
    ------
    InputError
        If ``rows`` is below 1.
    """

    title: str = "Audit"
    file_name: str = "report.html"
    rows: int = 60
    process: str | None = None
    frequency: str | None = None
    organisation: str | None = None
    contact: str | None = None

    def __post_init__(self) -> None:
        """Check that tables have at least one row."""
        if self.rows < 1:
            msg = f"report.rows={self.rows} must be at least 1."
            raise InputError(msg)


@dataclass(frozen=True, eq=False)
class AuditRecord:
    """Everything that an audit knows about one forecaster.

    All parts except the decision are optional. The reports name each missing part and the reason.
    """

    decision: Decision
    city: str = ""
    grid: Grid | None = None
    flags: npt.NDArray[np.float64] | None = None  # covered fraction, shape (maps, cells, test periods)
    # crime_type, share, unit, dimension, group, measure, value, baseline, week_*, area_*, chance_*, p_*
    measures: pd.DataFrame | None = None
    group_gaps: pd.DataFrame | None = (
        None  # crime_type, dimension, gap (difference or ratio), exposure, coverage, error
    )
    sensitivity: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # by names of SENSITIVITY, or others
    feedback: pd.DataFrame | None = None  # replicate, records, period, crime_type, distance, rank_correlation
    explanation: Explanation | None = None
    gaps: pd.DataFrame | None = None  # crime_type, dimension, group, family, gap, multiplier
    proxies: pd.DataFrame | None = None  # how well columns predict the residents of an area
    # dimension, group, cap, capture, of_uncapped, exposure_ratio, coverage, note
    frontier: pd.DataFrame | None = None
    frontier_protocol: str = ""
    intake: IntakeReport | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)  # why a part is missing, by its name

    def __post_init__(self) -> None:
        """Check that the flagged areas belong to the grid."""
        if self.flags is None or self.grid is None:
            return
        if self.flags.ndim != 3 or self.flags.shape[:2] != (len(self.maps), len(self.grid)):
            msg = (
                f"flags has shape {self.flags.shape}; it needs {len(self.maps)} maps and {len(self.grid)} cells. Use "
                "the flags of this audit."
            )
            raise InputError(msg)

    @property
    def header(self) -> Mapping[str, Any]:
        """How the audit measured; see :class:`ilp_models.domain.audit.AuditReport`."""
        return self.decision.report.header

    @property
    def governance(self) -> Governance:
        """Who is responsible for the use; fields are empty if the audit does not name them."""
        known = self.header.get("governance") or {}
        return Governance.from_dict({name: value for name, value in known.items() if value})

    @property
    def maps(self) -> tuple[str, ...]:
        """What each set of flags is of: each crime type and all of them together, or all together under a rule."""
        scopes = self.decision.report.crime_types
        return scopes[-1:] if self.header.get("rule_settings") else scopes

    @property
    def unit(self) -> str:
        """The ranking of the audited map, or ``rule`` where the plans of a rule were measured."""
        return RULE if self.header.get("rule_settings") else str(self.header.get("rank_by", "count"))

    @property
    def crime_types(self) -> tuple[str, ...]:
        """Crime types of the audit, without the pool of all types."""
        return tuple(kind for kind in self.decision.report.crime_types if kind != ALL)

    @property
    def share_base(self) -> str:
        """What an area share refers to: ``active area``, or ``cells`` if every cell counts equally."""
        return "cells" if self.header.get("share_of") == "cells" else "active area"

    @property
    def status(self) -> str:
        """``admitted``, ``approved`` (by a reviewer) or ``withheld``."""
        if self.decision.admitted:
            return "admitted"
        return "approved" if self.decision.approved else "withheld"

    def missing_reason(self, part: str) -> str:
        """Return why a part is missing."""
        return self.absent.get(part) or _MISSING_REASONS.get(part, _MISSING_REASONS["sensitivity"])
