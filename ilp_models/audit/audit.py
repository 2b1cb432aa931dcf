"""The audit of one forecaster: every check, its findings, and nothing that can skip one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from ilp_models.audit import defaults as usual
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.checks import CheckOptions, crashed, findings_of
from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.audit.flagging import HARM, SHARES_OF, UNITS
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.header import header_of
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.enforcement_types import ENFORCEMENT
from ilp_models.audit.sensitivity.rates import ReportingRates
from ilp_models.domain.audit import AuditReport, Finding, Limit
from ilp_models.domain.checks import REQUIRED
from ilp_models.domain.errors import InputError
from ilp_models.domain.governance import Governance
from ilp_models.stats.bootstrap import Bootstrap

CONFIGURED: Final = frozenset(usual.LIMITS)
_DEPRIVED: Final = ("dimension", "group")
_DAYS: Final = 366  # a decision is on one forecast, and needs another look each year at the least
_BUILT: Final = ("_target_", "groups", "reporting_rates")  # what a subject holds already


@dataclass(frozen=True)
class Audit:
    """What is measured of a forecaster before anyone may act on it, and the limits it is held against.

    Parameters
    ----------
    limits : mapping of str to mapping, optional
        For each check the bounds of :class:`ilp_models.domain.finding.Limit`; the checks of ``CONFIGURED``, no more
        and no fewer. A check that the gate demands needs a bound.
    families : sequence of str, optional
        Feature families that a model may use.
    refused : sequence of str, optional
        Words that no column may carry.
    groups : GroupTable
        Residents by area and group; a table without a path or a source is none, and the gate withholds.
    baseline : str, default "moving_average"
        Name of the forecaster to beat.
    share : float, default 0.05
        Share of the active land that is flagged in each period, for each crime type.
    unit : str, default "count"
        What cells are ranked by: ``count``, ``per_km2``, ``per_resident`` or ``harm``.
    share_of : str, default "land"
        What the share is one of: ``land``, or ``cells`` where every cell counts alike.
    harm : mapping of str to float, optional
        Harm of one event of each crime type, for the unit ``harm``.
    minimum : mapping, optional
        The least evidence: ``periods``, ``events``, ``areas``; see :class:`ilp_models.audit.check_context.MinEvidence`.
    block, draws, level, seed : int, int, float, int
        Resampling of periods; see :class:`ilp_models.stats.bootstrap.Bootstrap`.
    floor : float, default 0.005
        Smaller forecasts are read as this many events where logarithms are taken.
    valid_days : float, default 8
        Days until a decision expires; earlier where ``governance`` sets an earlier date.
    governance : Governance
        Who answers for the use of the forecast, and until when; an empty field withholds.
    feedback : Feedback
        How records that follow the forecaster's own maps are simulated.
    reporting_rates : ReportingRates
        How many events are reported where; a band of assumed rates without a table.
    deprived : sequence of str, optional
        Dimension and group whose places are taken to report less; every group in turn by default.
    enforcement_types : sequence of str, optional
        Kinds of crime types that depend on where police look, and are not forecast for allocation.
    definitions : mapping, optional
        Other definitions of the groups to be tried in the report, by name: for each dimension the groups that become
        one, by its name. They decide on nothing.

    Raises
    ------
    InputError
        If a setting is out of its range, or a limit is missing or unknown.
    """

    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: usual.LIMITS)
    families: Sequence[str] = usual.FAMILIES
    refused: Sequence[str] = usual.REFUSED
    groups: GroupTable = field(default_factory=GroupTable)
    baseline: str = "moving_average"
    share: float = 0.05
    unit: str = "count"
    share_of: str = "land"
    harm: Mapping[str, float] = field(default_factory=dict)
    minimum: Mapping[str, float] = field(default_factory=dict)
    block: int = 4
    draws: int = 2000
    level: float = 0.95
    seed: int = 0
    floor: float = 0.005
    valid_days: float = 8
    governance: Governance = field(default_factory=Governance)
    feedback: Feedback = field(default_factory=Feedback)
    reporting_rates: ReportingRates = field(default_factory=ReportingRates)
    deprived: Sequence[str] | None = None
    enforcement_types: Sequence[str] = ENFORCEMENT
    definitions: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Return the audit that some settings make, without a group table.

        Parameters
        ----------
        settings : mapping
            Plain settings, as in ``configs/audit/default.yaml``; what builds parts is left out.

        Returns
        -------
        Audit
            For a subject whose residents are known.

        Raises
        ------
        InputError
            If a setting is unknown or out of its range.
        """
        plain = {name: value for name, value in settings.items() if name not in _BUILT}
        parts = {"governance": Governance, "feedback": Feedback}
        try:
            for name, part in parts.items():
                own = {key: value for key, value in (plain.get(name) or {}).items() if key != "_target_"}
                plain[name] = part(**own)
            return cls(**plain)
        except (AttributeError, TypeError) as error:
            msg = (
                f"The audit was made with settings that this version does not know ({error}); use the version it names."
            )
            raise InputError(msg) from error

    def __post_init__(self) -> None:
        """Refuse settings that would weaken the audit by mistake."""
        odd = sorted(CONFIGURED.symmetric_difference(self.limits or {}))
        if odd:
            msg = f"audit.limits must name {sorted(CONFIGURED)}; missing or unknown: {odd}."
            raise InputError(msg)
        for part in ("governance", "feedback", "reporting_rates", "groups"):
            if getattr(self, part) is None:
                msg = f"audit.{part}=null leaves out a part of the audit; leave its settings as they are, or set them."
                raise InputError(msg)
        if self.deprived is not None and (isinstance(self.deprived, str) or len(self.deprived) != len(_DEPRIVED)):
            msg = f"audit.deprived={self.deprived} must name a dimension and a group of it, such as [income,low]."
            raise InputError(msg)
        units = (*UNITS, *([HARM] if self.harm else []))
        known = self.unit in units and self.share_of in SHARES_OF
        if not known or not 0 < self.share < 1 or not 0 < self.floor < 1 or not 0 < self.valid_days <= _DAYS:
            msg = (
                f"audit needs 0 < share < 1, unit in {units} (or {HARM} with audit.harm), share_of in {SHARES_OF}, "
                f"0 < floor < 1 and 0 < valid_days <= {_DAYS}, not share={self.share}, unit={self.unit}, "
                f"share_of={self.share_of}, floor={self.floor}, valid_days={self.valid_days}."
            )
            raise InputError(msg)
        try:
            self._limits(), self._minimum()
        except TypeError as error:
            msg = f"audit.limits or audit.minimum has an unknown setting ({error}); see docs/audit.md."
            raise InputError(msg) from error
        self._resampling()
        boundless = [check for check, limit in self._limits().items() if check in REQUIRED and not limit.words()]
        if boundless:
            msg = f"audit.limits.{boundless[0]} has no bound, so nothing could fail; give one, such as fail_below."
            raise InputError(msg)

    def run(self, subject: AuditInput, now: datetime | None = None) -> AuditReport:
        """Return what every check found.

        A check that crashes becomes a finding in state ``insufficient`` with the error as its reason.

        Parameters
        ----------
        subject : Subject
            Replays, cells and explanation of one forecaster.
        now : datetime, optional
            The moment at which the dates of ``governance`` must lie ahead; by default the present.

        Returns
        -------
        AuditReport
            Findings in the order of the checks.

        Raises
        ------
        InputError
            If the replays and the grid are not of the same units, or the baseline is not the configured one.
        """
        residents, table, problem = self._residents(subject)
        evidence = self.evidence(subject)
        questions = CheckOptions(
            families=self.families,
            refused=self.refused,
            enforcement_types=self.enforcement_types,
            deprived=None if self.deprived is None else (self.deprived[0], self.deprived[1]),
            governance=self.governance,
            now=now or datetime.now(UTC),
        )
        return AuditReport(
            findings=tuple(findings_of(questions, subject, evidence, problem)),
            forecaster=subject.replay.forecaster,
            recipe=subject.replay.recipe,
            crime_types=evidence.scopes,
            groups=tuple((one.dimension, group) for one in residents for group in one.groups),
            header=header_of(evidence, self.feedback, self.governance) | {"data": subject.data, "group_table": table},
            changed=tuple(usual.changes(self._settings(), Audit()._settings())),
        )

    def evidence(self, subject: AuditInput) -> CheckContext:
        """Return what the checks work on.

        Parameters
        ----------
        subject : Subject
            Replays, cells and explanation of one forecaster.

        Returns
        -------
        Evidence
            Without residents where no group table can be read.

        Raises
        ------
        InputError
            If the replays and the grid are not of the same units, or the baseline is not the configured one.
        """
        if subject.baseline.forecaster != self.baseline:
            other = subject.baseline.forecaster
            msg = f"The audit compares with {self.baseline!r}, not with {other!r}; replay the former."
            raise InputError(msg)
        return CheckContext(
            replay=subject.replay,
            baseline=subject.baseline,
            grid=subject.grid,
            explanation=subject.explanation,
            features=subject.columns,
            limits=self._limits(),
            minimum=self._minimum(),
            resampling=self._resampling().for_lead(subject.replay.lead + subject.replay.delay),
            share=self.share,
            unit=self.unit,
            floor=self.floor,
            residents=self._residents(subject)[0],
            harm=self.harm or {},
            share_of=self.share_of,
        )

    def with_residents(self, subject: AuditInput) -> AuditInput:
        """Return a subject with the residents that this audit's group table knows on its cells.

        Parameters
        ----------
        subject : Subject
            Replays, cells and explanation.

        Returns
        -------
        Subject
            Unchanged where no table can be read; the audit itself then says why.
        """
        residents, table, problem = self._residents(subject)
        return subject if problem else replace(subject, residents=residents, group_table=table)

    def _residents(self, subject: AuditInput) -> tuple[tuple[Residents, ...], str, Finding | None]:
        if subject.residents is not None:
            return subject.residents, subject.group_table, None
        try:
            return self.groups.to_cells(subject.grid), self.groups.digest(), None
        except Exception as error:  # any failure to know the groups must reach the gate as a finding
            return (), "", crashed("group_table", error)

    def _limits(self) -> dict[str, Limit]:
        return {check: Limit(**(bounds or {})) for check, bounds in self.limits.items()}

    def _minimum(self) -> MinEvidence:
        return MinEvidence(**self.minimum)  # type: ignore[arg-type]

    def _settings(self) -> dict[str, Any]:
        """Return what decides on states, for a comparison with the usual audit."""
        names = [*("families", "refused", "enforcement_types", "deprived", "baseline", "share", "unit", "share_of")]
        names += ["block", "draws", "level", "seed", "floor", "valid_days"]
        return {
            "limits": {check: asdict(limit) for check, limit in self._limits().items()},
            "minimum": asdict(self._minimum()),
            "groups": {name: getattr(self.groups, name) for name in ("tolerance", "unmatched", "outside")},
            # what is known of a city's reports and patrols is asked for, and no change of the audit
            "feedback": asdict(replace(self.feedback, reporting=None, exploration=0.0)),
            "reporting_rates": asdict(self.reporting_rates),
            **{name: getattr(self, name) for name in names},
        }

    def _resampling(self) -> Bootstrap:
        return Bootstrap(self.block, self.draws, self.level, self.seed)
