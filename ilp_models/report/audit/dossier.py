"""Everything that an audit knows, so that each of its reports says the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import ALL
from ilp_models.domain.governance import Governance
from ilp_models.domain.grid import Grid
from ilp_models.domain.intake import IntakeReport

SENSITIVITY: Final[Mapping[str, str]] = {
    "ranking_unit": "What changes when cells are ranked by count, per resident, per km² or by harm.",
    "group_definition": "What changes when the groups are defined in another way.",
    "census_error": "What changes when residents are drawn again from the error that the census states.",
    "areal_unit": "What changes on another grid or other areas.",
    "reporting_rates": "What changes when residents report fewer events than happen.",
    "tainted_periods": "What changes without records from unlawful or distorted policing.",
    "enforcement_types": "What changes without crime types that depend on where police look.",
}
_WHY_ABSENT: Final[Mapping[str, str]] = {
    "grid": "the cells were not handed over",
    "flags": "the flagged land of the test periods was not handed over",
    "measures": "the table of all shares, ranking units and intervals was not made; below is what the findings say",
    "sensitivity": "this run did not ask for it",
    "feedback": "this run did not simulate it",
    "explanation": "the forecaster has no explanation, or it failed",
    "robustness": "this run did not try the explanation again",
    "gaps": "it needs an explanation and a group table",
    "proxies": "it needs an explanation and a group table",
    "frontier": "this run tried no caps on exposure; `ilp allocate` does",
    "intake": "the account of the records was not handed over",
    "settings": "the settings were not handed over",
    "provenance": "digests and versions were not handed over",
    "command": "the command was not handed over",
}


@dataclass(frozen=True, eq=False)
class AuditRecord:
    """What an audit knows of one forecaster; every report of it is made from nothing else.

    Every part but the decision may be absent. What is absent is said where it would stand, with the reason.

    Parameters
    ----------
    decision : Decision
        What the gate decided, with findings, groups and the audit's header.
    city : str, default ""
        Name of the study area.
    grid : Grid, optional
        Cells of the test periods.
    flags : ndarray of float64, optional
        Flagged fraction of each cell by the audited forecaster, shape (crime types, cells, test periods).
    measures : DataFrame, optional
        One row a ``crime_type, share, unit, dimension, group, measure`` with ``value``, ``baseline``, the ends
        ``week_low, week_high, area_low, area_high, chance_low, chance_high`` and ``p_chance, p_adjusted``; columns
        that are missing are read as not known.
    sensitivity : mapping of str to DataFrame, optional
        Tables by the names of ``SENSITIVITY``; other names are shown too.
    feedback : DataFrame, optional
        ``replicate, records, period, crime_type, distance, rank_correlation`` of the simulation, or a table of sums.
    explanation : Explanation, optional
        Attributions of the forecast, with ``robustness`` where it was tried.
    gaps : DataFrame, optional
        ``crime_type, dimension, group, family, gap, multiplier``: what a family adds to a group beyond all others.
    proxies : DataFrame, optional
        How far columns tell who lives in an area.
    frontier : DataFrame, optional
        ``dimension, group, cap, capture, of_uncapped, exposure_ratio, coverage, note``: price against equity.
    frontier_protocol : str, default ""
        On which periods, in which unit and under which budget the frontier was worked out.
    intake : IntakeReport, optional
        The account of the records.
    provenance : mapping of str to str, optional
        Digests, versions and seeds by name.
    settings : mapping, optional
        Resolved settings of the audit.
    command : str, default ""
        What to type to make the run again.
    absent : mapping of str to str, optional
        Why a part is not there, by its name; the names of ``SENSITIVITY`` and ``robustness`` are parts, too.

    Raises
    ------
    InputError
        If the flagged land is not of the grid.
    """

    decision: Decision
    city: str = ""
    grid: Grid | None = None
    flags: npt.NDArray[np.float64] | None = None
    measures: pd.DataFrame | None = None
    sensitivity: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    feedback: pd.DataFrame | None = None
    explanation: Explanation | None = None
    gaps: pd.DataFrame | None = None
    proxies: pd.DataFrame | None = None
    frontier: pd.DataFrame | None = None
    frontier_protocol: str = ""
    intake: IntakeReport | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse maps of other cells."""
        if self.flags is None or self.grid is None:
            return
        types = len([kind for kind in self.decision.report.crime_types if kind != ALL])
        if self.flags.ndim != 3 or self.flags.shape[:2] != (types, len(self.grid)):
            msg = f"Flags of shape {self.flags.shape} are not of {types} crime types and {len(self.grid)} cells."
            raise InputError(msg)

    @property
    def header(self) -> Mapping[str, Any]:
        """How the audit measured; see :class:`ilp_models.domain.audit.AuditReport`."""
        return self.decision.report.header

    @property
    def governance(self) -> Governance:
        """Who answers for the use; empty fields where the audit does not say."""
        known = self.header.get("governance") or {}
        return Governance.from_dict({name: value for name, value in known.items() if value})

    @property
    def crime_types(self) -> tuple[str, ...]:
        """Crime types audited, without their pool."""
        return tuple(kind for kind in self.decision.report.crime_types if kind != ALL)

    @property
    def flagged_of(self) -> str:
        """What a share is a share of, in words: the active land, or the cells where every cell counts alike."""
        return "cells" if self.header.get("share_of") == "cells" else "active land"

    @property
    def standing(self) -> str:
        """``admitted``, ``approved`` (by a reviewer) or ``withheld``."""
        if self.decision.admitted:
            return "admitted"
        return "approved" if self.decision.approved else "withheld"

    def why_absent(self, part: str) -> str:
        """Return why a part is not there."""
        return self.absent.get(part) or _WHY_ABSENT.get(part, _WHY_ABSENT["sensitivity"])
