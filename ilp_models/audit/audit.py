"""The audit of one forecaster: settings, the checks of the catalogue, and the report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pkgutil import resolve_name
from typing import Any, Final, Self

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.check_context import CheckContext, CheckOptions, MinEvidence
from ilp_models.audit.defaults import ALLOWED_FAMILIES, FORBIDDEN_TERMS, changed_settings
from ilp_models.audit.feedback.feedback import Feedback
from ilp_models.audit.flagging import HARM, SHARES_OF, UNITS
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.earlier import data_terms
from ilp_models.audit.sensitivity.reporting_rates import ReportingRates
from ilp_models.domain.allocation import TOP_AREAS, Allocator
from ilp_models.domain.audit import AuditReport, Finding, Limit, State
from ilp_models.domain.checks import CATALOGUE, DEFAULT_LIMITS, REQUIRED
from ilp_models.domain.enforcement_kinds import ENFORCEMENT_KINDS
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Shortfall
from ilp_models.domain.governance import Governance
from ilp_models.domain.harm import HarmFile, HarmSet, HarmSources, set_of_name, sets_side_by_side
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.domain.recipe import describe
from ilp_models.domain.rule_trials import RULE_SEARCH, trials_of
from ilp_models.domain.timing import TIMING
from ilp_models.stats.bootstrap import Bootstrap

_GROUP: Final = ("dimension", "group")
_MAX_VALID_DAYS: Final = 366  # a decision is on one forecast
_NOT_STORED: Final = ("_target_", "groups", "reporting_rates")  # an AuditInput has what was read with these


@dataclass(frozen=True)
class Audit:
    """What is measured of a forecaster before anyone may act on it, and the limits of each check.

    Parameters
    ----------
    limits : mapping of str to mapping, optional
        Bounds of each check, as in :class:`ilp_models.domain.check_definition.Limit`. All checks of
        ``ilp_models.domain.checks.DEFAULT_LIMITS`` must be named, and no others. A required check needs a bound.
    allowed_families : sequence of str, optional
        Feature families that a model may use.
    forbidden_terms : sequence of str, optional
        Words that no column may be named after.
    groups : GroupTable
        Residents by area and group. Without a path or a source there are no groups, and the gate withholds.
    baseline : str, default "moving_average"
        Name of the forecaster to beat.
    rule : Allocator, optional
        Allocation rule that will be applied to the forecast. Every test period is planned by it, and the checks of
        flagged areas measure its plans. By default the top areas: ``land_share`` of the land for each crime type, and
        for all crime types together.
    land_share : float, default 0.05
        Share of the active land that is flagged in each period; a ``rule`` has a budget of its own.
    rank_by : str, default "count"
        Ranking of cells: ``count``, ``per_km2``, ``per_resident`` or ``harm``.
    share_of : str, default "land"
        ``land``, or ``cells`` where every cell counts the same.
    harm : str, optional
        Name of the harm set that ranks cells, for ``harm``; the geometric mean of its low and high reading counts.
    harm_sets : sequence or mapping of HarmSet, optional
        Two or more harm sets. The report shows the results under every set and reading.
    min_evidence : mapping, optional
        Minimum evidence: ``periods``, ``events``, ``areas``; see :class:`ilp_models.audit.check_context.MinEvidence`.
    bootstrap : Bootstrap
        Resampling of periods for confidence intervals.
    floor : float, default 0.005
        Smaller forecasts are read as this many events in logarithms.
    valid_days : float, default 15
        Days until a decision expires; earlier with the period that it forecasts, or on a date of ``governance``.
    governance : Governance
        Who answers for the use of the forecast, and until when. An empty field withholds.
    feedback : Feedback
        Simulation of records that follow the forecaster's own maps.
    reporting_rates : ReportingRates
        Share of events reported, by area. Without a table a range of rates is assumed.
    underreporting_group : sequence of str, optional
        Dimension and group whose areas are assumed to report less; every group in turn by default.
    enforcement_types : sequence of str, optional
        Kinds of crime types that are recorded where police patrol. They must not be forecast for allocation.
    alternative_groupings : mapping, optional
        Other groupings to try in the report, by name: for each dimension, the groups that are merged, by the new name.
        They do not affect the decision.

    Raises
    ------
    InputError
        If a setting is out of its range, or a limit is missing or unknown.

    Examples
    --------
    >>> Audit(land_share=0.1).limits["coverage_ratio"]["fail_below"]
    0.8
    """

    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: DEFAULT_LIMITS)
    allowed_families: Sequence[str] = ALLOWED_FAMILIES
    forbidden_terms: Sequence[str] = FORBIDDEN_TERMS
    groups: GroupTable = field(default_factory=GroupTable)
    baseline: str = "moving_average"
    rule: Allocator | None = None
    land_share: float = 0.05
    rank_by: str = "count"
    share_of: str = "land"
    harm: str | None = None
    harm_sets: HarmSources = ()
    min_evidence: Mapping[str, Any] = field(default_factory=dict)
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    floor: float = 0.005
    valid_days: float = 15
    governance: Governance = field(default_factory=Governance)
    feedback: Feedback = field(default_factory=Feedback)
    reporting_rates: ReportingRates = field(default_factory=ReportingRates)
    underreporting_group: Sequence[str] | None = None
    enforcement_types: Sequence[str] = ENFORCEMENT_KINDS
    alternative_groupings: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], rule: Allocator | None = None) -> Self:
        """Return the audit of stored settings, as in ``configs/audit/default.yaml``.

        Group table and reporting rates are left out: the stored audit input has what was read from them.
        """
        plain = {name: value for name, value in settings.items() if name not in _NOT_STORED} | {"rule": rule}
        plain["harm"] = plain.get("harm") or None
        parts = {"governance": Governance, "feedback": Feedback, "bootstrap": Bootstrap}
        try:
            for name, part in parts.items():
                own = {key: value for key, value in (plain.get(name) or {}).items() if key != "_target_"}
                plain[name] = part(**own)
            plain["harm_sets"] = [HarmSet(**one) for one in plain.get("harm_sets", ())]
            return cls(**plain)
        except (AttributeError, TypeError) as error:
            msg = f"The stored audit has settings that this version does not know ({error}). Use the version it names."
            raise InputError(msg) from error

    def __post_init__(self) -> None:
        """Refuse settings that would weaken the audit by mistake."""
        odd = sorted(set(DEFAULT_LIMITS).symmetric_difference(self.limits or {}))
        if odd:
            msg = f"audit.limits must name {sorted(DEFAULT_LIMITS)}; missing or unknown: {odd}."
            raise InputError(msg)
        for part in ("governance", "feedback", "reporting_rates", "groups", "bootstrap"):
            if getattr(self, part) is None:
                msg = f"audit.{part}=null removes a part of the audit. Leave its defaults, or set its fields."
                raise InputError(msg)
        group = self.underreporting_group
        if group is not None and (isinstance(group, str) or len(group) != len(_GROUP)):
            msg = f"audit.underreporting_group={group} must be a dimension and a group, such as [income,low]."
            raise InputError(msg)
        self._check_values()
        try:
            self._limits(), self.evidence_needed
        except TypeError as error:
            msg = f"audit.limits or audit.min_evidence has an unknown setting ({error}); see docs/audit.md."
            raise InputError(msg) from error
        unbounded = [check for check, limit in self._limits().items() if check in REQUIRED and not limit.bounded]
        if unbounded:
            msg = f"audit.limits.{unbounded[0]} has no bound, so every value would pass. Give one, such as fail_below."
            raise InputError(msg)

    def _check_values(self) -> None:
        """Raise InputError for a number outside its range, and for an unknown word."""
        set_of_name(sets_side_by_side(self.harm_sets), self.harm, "audit.harm")
        units = (*UNITS, *([HARM] if self.harm else []))
        ranges = {
            "land_share": (0 < self.land_share < 1, "above 0 and below 1; write 5 % as 0.05"),
            "rank_by": (self.rank_by in units, f"{', '.join(UNITS)}, or {HARM} with audit.harm"),
            "share_of": (self.share_of in SHARES_OF, " or ".join(SHARES_OF)),
            "floor": (0 < self.floor < 1, "above 0 and below 1"),
            "valid_days": (0 < self.valid_days <= _MAX_VALID_DAYS, f"above 0 and at most {_MAX_VALID_DAYS}"),
        }
        for name, (allowed, rule) in ranges.items():
            if not allowed:
                msg = f"audit.{name}={getattr(self, name)} must be {rule}."
                raise InputError(msg)

    @property
    def evidence_needed(self) -> MinEvidence:
        """The minimum evidence, with its defaults."""
        return MinEvidence(**self.min_evidence)

    def run(self, subject: AuditInput, now: datetime | None = None) -> AuditReport:
        """Return the findings of every check of the catalogue, as the gate decides on them.

        A check that crashes gives findings in state ``insufficient`` with the error. The dates of ``governance`` must
        lie after ``now``, by default the present. InputError if its outcomes are not crime types of the forecast.
        """
        self.governance.check_outcomes(subject.replay.crime_types)
        subject = self.with_residents(subject)
        context = self.context(subject, now)
        return AuditReport(
            findings=tuple(_findings(context)),
            forecaster=subject.replay.forecaster,
            recipe=subject.replay.recipe,
            crime_types=context.scopes,
            groups=tuple((one.dimension, group) for one in context.residents for group in one.groups),
            header=self._header(context, subject),
            changed=context.options.changed,
        )

    def context(self, subject: AuditInput, now: datetime | None = None) -> CheckContext:
        """Return what the checks read; without residents if the group table cannot be read."""
        if subject.baseline.forecaster != self.baseline:
            other = subject.baseline.forecaster
            msg = f"The audit compares with {self.baseline!r}, and {other!r} was given. Backtest {self.baseline!r}."
            raise InputError(msg)
        planned = None if subject.plan is None else dict(subject.plan.rule)
        if planned != (None if self.rule is None else describe(self.rule)):
            msg = f"The audit is of the rule {self.rule}, and the test periods were planned by {planned}. Audit again."
            raise InputError(msg)
        subject, group = self.with_residents(subject), self.underreporting_group
        return CheckContext(
            replay=subject.replay,
            baseline=subject.baseline,
            grid=subject.grid,
            explanation=subject.explanation,
            features=subject.columns,
            limits=self._limits(),
            min_evidence=self.evidence_needed,
            bootstrap=self.bootstrap.for_lead(subject.replay.lead + subject.replay.delay),
            land_share=self.land_share if subject.plan is None else subject.plan.budget_share,
            rank_by=self.rank_by,
            floor=self.floor,
            residents=subject.residents or (),
            harm=self.ranking_harm(subject.replay.crime_types),
            harm_sets=self.harm_weights(subject.replay.crime_types),
            share_of=self.share_of,
            plan=subject.plan,
            baseline_plan=subject.baseline_plan,
            options=CheckOptions(
                allowed_families=self.allowed_families,
                forbidden_terms=self.forbidden_terms,
                enforcement_types=self.enforcement_types,
                underreporting_group=None if group is None else (group[0], group[1]),
                governance=self.governance,
                now=now or datetime.now(UTC),
                trained=subject.trained,
                reporting_rates=subject.reporting_rates,
                feedback=subject.feedback,
                no_feedback=subject.no_feedback,
                no_groups=subject.no_groups,
                timing=subject.timing,
                register=subject.register,
                changed=tuple(dict.fromkeys((*self.changes(), *subject.settings_changed))),
                group_table=subject.group_table,
                overused=subject.overused,
            ),
        )

    def harm_weights(self, crime_types: Sequence[str]) -> tuple[HarmWeights, ...]:
        """Return the weights of some crime types under every harm set; InputError where a set lacks one."""
        return tuple(one.for_types(crime_types) for one in sets_side_by_side(self.harm_sets))

    def _ranking_set(self) -> str | None:
        """Return the name of the set that ranks and the digest of its content: a set can be edited under its name."""
        ranking = set_of_name(sets_side_by_side(self.harm_sets), self.harm, "audit.harm")
        return None if ranking is None else f"{ranking.name}, content {ranking.digest()[:12]}"

    def ranking_harm(self, crime_types: Sequence[str]) -> dict[str, float]:
        """Return the harm of one crime of each type in the set that ranks; empty where none is chosen."""
        ranking = set_of_name(sets_side_by_side(self.harm_sets), self.harm, "audit.harm")
        return {} if ranking is None else ranking.for_types(crime_types).by_type()

    def with_harm_read(self) -> Self:
        """Return the audit with the content of harm sets that are in files, so that it can be repeated without them."""
        sets = sets_side_by_side(self.harm_sets)
        return replace(self, harm_sets=tuple(one.read() if isinstance(one, HarmFile) else one for one in sets))

    def changes(self) -> list[str]:
        """Return the settings of checks, limits and bootstrap that differ from the defaults."""
        return [
            *changed_settings(self._settings(), Audit()._settings()),
            *changed_settings(asdict(self.bootstrap), asdict(Bootstrap()), "bootstrap"),
        ]

    def changes_of_tables(self) -> list[str]:
        """Return the settings by which group table and reporting rates are read that differ from the defaults."""
        groups, rates = self.groups.reading(), self.reporting_rates
        content = {} if rates.path is None else {"digest": rates.digest()}
        return [
            *changed_settings(groups, self.groups.default_reading(), "audit.groups"),
            *changed_settings(asdict(rates) | content, asdict(ReportingRates()), "audit.reporting_rates"),
        ]

    def with_residents(self, subject: AuditInput) -> AuditInput:
        """Return an audit input with the residents of its cells, or with the reason why they are unknown.

        It then also names the settings of group table and reporting rates that differ from the defaults. An input that
        has residents already keeps them.
        """
        changed = (*subject.settings_changed, *self.changes_of_tables())
        subject = replace(subject, settings_changed=tuple(dict.fromkeys(changed)))
        if subject.residents is not None or subject.no_groups:
            return subject
        try:
            residents, digest = self.groups.to_cells(subject.grid), self.groups.digest()
        except Exception as error:  # the gate must see every failure to read the groups as a finding
            return replace(subject, no_groups=_error_text(error))
        origin = self.groups.origin()
        return replace(subject, residents=residents, group_table=digest, group_source=origin, no_groups="")

    def _header(self, context: CheckContext, subject: AuditInput) -> dict[str, Any]:
        """Return how the audit measured, as plain values that the decision binds."""
        return {
            "baseline": context.baseline.forecaster,
            "baseline_recipe": context.baseline.recipe,
            "replays": {one.forecaster: one.digest() for one in (context.baseline, context.replay)},
            "rule": TOP_AREAS if context.plan is None else context.plan.name,
            "rule_settings": None if context.plan is None else dict(context.plan.rule),
            RULE_SEARCH: None if subject.rule_search is None else dict(subject.rule_search),
            "rules_tried": [one["name"] for one in trials_of({RULE_SEARCH: subject.rule_search})],
            "rank_by": context.rank_by,
            "land_share": context.land_share,
            "share_of": context.share_of,
            "harm": dict(context.harm),
            "harm_set": self.harm,
            "harm_sets": [one.to_dict() for one in context.harm_sets],
            "lead": context.replay.lead,
            **data_terms(context.replay, context.grid),
            "periods": len(context.replay.periods),
            TIMING: None if subject.timing is None else subject.timing.to_dict(),
            "grid": context.grid.digest(),
            "min_evidence": asdict(context.min_evidence),
            "bootstrap": asdict(context.bootstrap),
            "floor": context.floor,
            "feedback": asdict(self.feedback),
            "governance": self.governance.to_dict(),
            "data": subject.data,
            "group_table": subject.group_table,
            "group_source": subject.group_source,
            "places": subject.places,
            "settings_digest": subject.settings_digest,
            "random_settings": dict(subject.random_settings),
            "method_digest": subject.method_digest,
            "intake_shares": dict(subject.intake_shares),
            "decision_code": subject.decision_code,
            "register": None if subject.register is None else subject.register.to_dict(),
        }

    def _limits(self) -> dict[str, Limit]:
        return {check: Limit(**(bounds or {})) for check, bounds in self.limits.items()}

    def _settings(self) -> dict[str, Any]:
        """Return the settings that states depend on, to compare them with the defaults."""
        names = ["allowed_families", "forbidden_terms", "enforcement_types", "underreporting_group", "baseline"]
        names += ["land_share", "rank_by", "share_of", "floor", "valid_days"]
        return {
            "limits": {check: asdict(limit) for check, limit in self._limits().items()},
            "min_evidence": asdict(self.evidence_needed),
            "feedback": asdict(self.feedback),
            "rule": None if self.rule is None else describe(self.rule),
            "harm": self._ranking_set(),
            **{name: getattr(self, name) for name in names},
        }


def _findings(context: CheckContext) -> list[Finding]:
    """Return the findings of every check of the catalogue; a function of several checks runs once."""
    functions: dict[str, list[str]] = {}
    for check in CATALOGUE.values():
        functions.setdefault(check.function, []).append(check.name)
    return [finding for name, checks in functions.items() for finding in _run_check(name, checks, context)]


def _run_check(function: str, checks: Sequence[str], context: CheckContext) -> list[Finding]:
    """Return the findings of one function; if it crashes, one finding with the error for each required check."""
    module, _, name = function.rpartition(".")
    check: Callable[[CheckContext], list[Finding]] = resolve_name(f"ilp_models.audit.{module}:{name}")
    try:
        return check(context)
    except Exception as error:  # a check that crashes must not be skipped
        required, lacking = [one for one in checks if one in REQUIRED], (Shortfall(_error_text(error)),)
        return [Finding(one, State.INSUFFICIENT, shortfall=lacking) for one in required or checks]


def _error_text(error: Exception) -> str:
    text = str(error) if isinstance(error, InputError) else f"the check stopped with {type(error).__name__}: {error}"
    return text.rstrip(".")
