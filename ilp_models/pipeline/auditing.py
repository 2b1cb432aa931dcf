"""Audit a forecast under the allocation rule that will be applied, and decide whether it may be acted on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.feedback.feedback import PatrolRule
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.audit.flagging import HARM
from ilp_models.audit.gate import decide as make_decision
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.measures.metric_frame import MetricFrame, metric_frame
from ilp_models.audit.register.declarations import deadline, periods_between
from ilp_models.audit.register.earlier import RegisterSnapshot, data_terms
from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.audit import AuditReport
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.finding import state_text
from ilp_models.domain.governance import Governance
from ilp_models.domain.harm_weights import align_weights
from ilp_models.domain.overused_points import overused_by_cell
from ilp_models.domain.recipe import decision_digest, describe
from ilp_models.explain.explain import Explain
from ilp_models.export.table import CellTable
from ilp_models.pipeline.audit_report import ReportContext, gather_record
from ilp_models.pipeline.audited_rule import CellPlanner, plan_replay, with_plain_rule
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.changed_settings import outside_changes
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecasting import NextForecast, explain_forecast
from ilp_models.pipeline.registration import REGISTER, RegisterPath, register_snapshot
from ilp_models.pipeline.rule_search import RuleTrials
from ilp_models.pipeline.settings_digests import AuditedMethod
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.page import write_audit_report
from ilp_models.tuning.rule_search import RuleSearch

_LOG = logging.getLogger(__name__)
_OF_INPUTS = (
    "baseline",
    "rule",
    "groups",
    "reporting_rates",
    "feedback",
    "land_share",
    "rank_by",
    "share_of",
    "harm",
    "harm_sets",
)


@dataclass(frozen=True, eq=False, repr=False)
class AuditResult:
    """What an audit found on one forecast.

    Attributes
    ----------
    report : AuditReport
        The findings.
    audit_input : AuditInput
        Everything that was looked at, so that the audit can be repeated.
    settings : Audit
        Checks and limits.
    forecast : NextForecast
        The forecast that a decision will be made on.
    made_at : datetime
        When the audit was made; a decision is valid from then on.
    """

    report: AuditReport
    audit_input: AuditInput
    settings: Audit
    forecast: NextForecast
    made_at: datetime
    explain: Explain
    method: AuditedMethod
    register: Register
    city: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return the findings as a table, one row each; the state of a value without a limit is ``reported``."""
        rows = [finding.to_dict() | {"state": state_text(finding)} for finding in self.report.findings]
        return pd.DataFrame(rows).drop(columns="limit")

    def metric_frame(self, crime_type: str, dimension: str | None = None) -> MetricFrame:
        """Return exposure, coverage and error of each group of residents as a fairlearn MetricFrame.

        Parameters
        ----------
        crime_type : str
            One of the crime types of the forecast.
        dimension : str, optional
            Such as ``income``; by default the first of the group table.

        Returns
        -------
        MetricFrame
            With ``.by_group``, ``.difference()`` and ``.ratio()``.

        Raises
        ------
        InputError
            If there is no group table, or it lacks the dimension.
        """
        context = self.settings.context(self.audit_input)
        first = context.residents[0].dimension if context.residents else ""
        return metric_frame(context, dimension or first, crime_type)

    def reasons(self) -> pd.DataFrame | None:
        """Return the strongest reasons of the highest cells, or None without an explanation."""
        explanation = self.audit_input.explanation
        return None if explanation is None else self.explain.top_reasons(explanation, self.forecast.grid.area_m2)

    def with_governance(self, governance: Governance) -> "AuditResult":
        """Return the audit with another statement of who answers for the forecast."""
        return self.with_settings(governance=governance)

    def with_settings(self, **changed: Any) -> "AuditResult":
        """Return the audit with other settings; the report names those that differ from the defaults.

        Its digests are those of the new settings, and the register is read again. Raises InputError for settings that
        its replays, residents and simulated feedback were made with.
        """
        settings = replace(self.settings, **changed)
        for name in _OF_INPUTS:
            if getattr(settings, name) != getattr(self.settings, name):
                msg = f"audit.{name} was used to make this audit, and cannot be changed afterwards. Audit again."
                raise InputError(msg)
        subject = self.method.with_digests(self.audit_input, settings)
        subject = replace(subject, register=_snapshot(subject, self.forecast, self.register, self.made_at))
        return replace(self, settings=settings, audit_input=subject, report=settings.run(subject, self.made_at))

    def to_html(self, path: str | Path, *, page: AuditPage | None = None) -> Path:
        """Write the audit report as one HTML page with a folder of figures, and return its path."""
        path = Path(path)
        page = replace(page or AuditPage(), file_name=path.name)
        context = ReportContext(city=self.city, intake=self.forecast.study.events.intake, code=self.forecast.study.code)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audit_report(page, gather_record(self.audit_input, decide(self), self.settings, context), path.parent)
        return path

    def __repr__(self) -> str:
        """Return the number of findings by state and the findings that do not pass."""
        states = pd.Series([state_text(finding) for finding in self.report.findings]).value_counts()
        tally = ", ".join(f"{count} {state}" for state, count in states.items())
        return f"Audit of {self.report.forecaster}: {len(self.report.findings)} findings ({tally})"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.to_frame().to_html(index=False)}"


def audit_plan(  # noqa: PLR0913 - what is audited, and what only the deployer knows
    backtest: Backtest,
    forecast: NextForecast,
    explanation: Explanation | None = None,
    *,
    rule: Allocator | None = None,
    baseline: str | None = None,
    residents: str | Path | pd.DataFrame | GroupTable | None = None,
    governance: Governance | Mapping[str, Any] | None = None,
    audit: Audit | None = None,
    explain: Explain | None = None,
    register: str | Path | Register = REGISTER,
    rule_search: RuleSearch | None = None,
) -> AuditResult:
    """Audit a forecast: skill, calibration, explanation, and what acting on it means for groups of residents.

    Stored forecasts decide nothing: forecaster and baseline are replayed unless the backtest computed them itself.

    Parameters
    ----------
    backtest : Backtest
        Past forecasts of the same forecaster and of the baseline.
    forecast : NextForecast
        The forecast to decide on, made from the same events with the same settings.
    explanation : Explanation, optional
        Without one the explanation checks have too little evidence, and the gate withholds.
    rule : Allocator, optional
        The allocation rule that will be applied; it replaces ``audit.rule``. ``TopAreas(share=0.05)`` is the default.
    baseline : str, optional
        The forecaster to beat; it replaces ``audit.baseline``.
    residents : str, Path, DataFrame or GroupTable, optional
        Residents by area and group, with the columns ``area, dimension, group, population``; it replaces
        ``audit.groups``.
    governance : Governance or mapping, optional
        Who answers for the forecast; it replaces ``audit.governance``.
    audit : Audit, optional
        All other settings.
    explain : Explain, optional
        The settings that the explanation was made with, if it does not state them itself.
    register : str, Path or Register, default "outputs/register.jsonl"
        The register of decisions. Earlier decisions on the same area and periods count against this one.
    rule_search : RuleSearch, optional
        Compare other rules, shares, forecasters and crime types on the periods before the audited ones. The decision
        lists what was tried, and counts as an earlier decision for later audits.

    Returns
    -------
    AuditResult
        The findings, and what they rest on.

    Raises
    ------
    InputError
        If the forecast does not belong to the backtest, the explanation is of another forecast, or a setting is
        unknown.
    """
    settings = _settings(audit or Audit(), rule, baseline, residents, governance)
    place = RegisterPath(Register.from_path(register))
    return audit_forecast(backtest, forecast, explanation, settings, explain or Explain(), place, search=rule_search)


def audit_forecast(  # noqa: PLR0913 - what is audited, how, and where
    backtest: Backtest,
    forecast: NextForecast,
    explanation: Explanation | None,
    settings: Audit,
    explain: Explain,
    register: RegisterPath,
    compute: Compute | None = None,
    search: RuleSearch | None = None,
) -> AuditResult:
    """Return the same as :func:`audit_plan`, with all settings of the audit in one object."""
    settings = with_plain_rule(settings).with_harm_read()
    name = _name_in(backtest, forecast)
    if explanation is not None:
        if explanation.forecaster == forecast.name:
            explanation = _of_forecast(explanation, forecast, name)
        if explanation.settings is not None:
            explain = Explain(**explanation.settings)
    forecast = forecast if forecast.name == name else forecast.renamed(name)
    subject = AuditInput(
        backtest.computed_replay(name),
        backtest.computed_replay(settings.baseline),
        backtest.grid,
        explanation,
        data=backtest.events.digest(),
        trained=(backtest.events.start, forecast.study.cutoff),
        reporting_rates=settings.reporting_rates.to_cells(backtest.grid),
        # the digest of a forecast does not include the geometry of its cells
        places=CellTable.from_grid(forecast.grid).digest(),
        settings_changed=tuple(
            outside_changes(
                backtest.study,
                backtest.plan,
                explain,
                register,
                {settings.baseline: backtest.models[settings.baseline]},
            )
        ),
        decision_code=decision_digest(),
        intake_shares={} if backtest.events.intake is None else backtest.events.intake.shares,
        overused=overused_by_cell(backtest.events, backtest.grid),
        timing=forecast.timing,
    )
    subject = settings.with_residents(subject)
    if subject.residents is not None and not forecast.grid.cells.equals(subject.grid.cells):
        subject = replace(subject, residents_ahead=settings.groups.to_cells(forecast.grid))
    subject = _with_plans(subject, settings, compute)
    if search is not None:
        trials = RuleTrials.from_backtest(backtest, settings, name, search, compute or LocalProcesses())
        subject = replace(subject, rule_search=trials.run(search))
    subject = _with_feedback(subject, forecast, settings)
    models = {one: backtest.models[one] for one in (name, settings.baseline)}
    study = backtest.study
    places = {"grid": study.grid, "calendar": study.calendar, "layers": study.layers.digests()}
    by_name = {"explain": explain, "backtest": backtest.plan, "model": models}
    method = AuditedMethod(backtest.events, by_name, places)
    subject, moment = method.with_digests(subject, settings), now()
    subject = replace(subject, register=_snapshot(subject, forecast, register.book, moment))
    report = settings.run(subject, moment)
    return AuditResult(report, subject, settings, forecast, moment, explain, method, register.book, study.city)


def decide(
    audit: AuditResult,
    *,
    governance: Governance | Mapping[str, Any] | None = None,
    valid_days: float | None = None,
) -> Decision:
    """Decide whether a forecast may be used for resource allocation.

    It is admitted if every required check passed for every crime type and group; everything else withholds it.

    Parameters
    ----------
    audit : AuditResult
        The audit of the forecast.
    governance : Governance or mapping, optional
        Who answers for the forecast; it replaces what the audit was given.
    valid_days : float, optional
        Days until the decision expires; by default ``audit.settings.valid_days``.

    Returns
    -------
    Decision
        Admitted or withheld, with the reasons.
    """
    if governance is not None:
        audit = audit.with_governance(_governance(governance))
    if valid_days is not None and valid_days != audit.settings.valid_days:
        audit = audit.with_settings(valid_days=valid_days)
    return make_decision(audit.report, audit.forecast.forecast, audit.made_at, audit.settings.valid_days)


def explanation_or_none(forecast: NextForecast, explain: Explain) -> Explanation | None:
    """Return the explanation of a forecast, or None with a warning where its forecaster cannot be explained."""
    try:
        return explain_forecast(forecast, explain=explain)
    except InputError as error:
        _LOG.warning("No explanation: %s", error)
        return None


def _settings(
    audit: Audit,
    rule: Allocator | None,
    baseline: str | None,
    residents: str | Path | pd.DataFrame | GroupTable | None,
    governance: Governance | Mapping[str, Any] | None,
) -> Audit:
    changed: dict[str, Any] = {}
    if rule is not None:
        changed["rule"] = rule
    if baseline is not None:
        changed["baseline"] = baseline
    if residents is not None:
        changed["groups"] = _group_table(residents)
    if governance is not None:
        changed["governance"] = _governance(governance)
    return replace(audit, **changed)


@dataclass(frozen=True)
class ResidentsInMemory:
    """Residents by area and group that no file has, as the text of a CSV file."""

    publisher: ClassVar[str] = "a table in memory"

    csv: str

    def groups(self) -> pd.DataFrame:
        """Return the table."""
        return pd.read_csv(StringIO(self.csv), dtype=str, keep_default_na=False)


def _group_table(residents: str | Path | pd.DataFrame | GroupTable) -> GroupTable:
    if isinstance(residents, pd.DataFrame):
        return GroupTable(source=ResidentsInMemory(residents.to_csv(index=False)))
    return GroupTable(str(residents)) if isinstance(residents, str | Path) else residents


def _governance(given: Governance | Mapping[str, Any]) -> Governance:
    return given if isinstance(given, Governance) else Governance(**given)


def _name_in(backtest: Backtest, forecast: NextForecast) -> str:
    """Return the name of the forecast's forecaster in the backtest, found by its recipe."""
    names = [name for name, recipe in backtest.recipes.items() if recipe == forecast.forecast.recipe]
    if forecast.name in names:
        return forecast.name
    if names:
        return names[0]
    same = {name for name, model in backtest.models.items() if describe(model) == describe(forecast.forecaster)}
    if same:
        why = "was made from other events, or with another grid, calendar or layers. Pass events=backtest.events"
    else:
        why = f"is by a forecaster that was not backtested ({', '.join(backtest.recipes)} were). Add it to the models"
    msg = f"The forecast by {forecast.name} {why}."
    raise InputError(msg)


def _of_forecast(explanation: Explanation, forecast: NextForecast, name: str) -> Explanation:
    """Return an explanation under the name in the backtest; two models of one class may share their name."""
    if not explanation.explains(forecast.forecast.expected):
        msg = (
            f"The explanation is of another forecast by {forecast.name}: its expected counts differ. Explain this "
            "forecast with explain_forecast."
        )
        raise InputError(msg)
    return replace(explanation, forecaster=name)


def _snapshot(subject: AuditInput, forecast: NextForecast, register: Register, moment: datetime) -> RegisterSnapshot:
    """Return what the register holds on this data, and how many audited periods began after the latest declaration."""
    events, periods = forecast.study.events, subject.replay.periods
    begins = deadline(forecast.periods[0], events.time_zone, moment, simulated=events.simulated)
    terms = data_terms(subject.replay, subject.grid)
    terms |= {name: getattr(subject, name) for name in ("settings_digest", "random_settings")}
    known = register_snapshot(register, terms, begins)
    if not known.declarations:
        return known
    declared = datetime.fromisoformat(known.declarations[-1].moment)
    return replace(known, periods_after=periods_between(periods, declared, moment, events.time_zone))


def _with_plans(subject: AuditInput, audit: Audit, compute: Compute | None) -> AuditInput:
    """Return the input with the plans of the audited rule in every test period, for forecaster and baseline."""
    if audit.rule is None:
        return subject
    ranking = audit.rank_by, audit.ranking_harm(subject.replay.crime_types)
    plan, baseline = (
        plan_replay(audit.rule, one, subject.grid, subject.residents or (), ranking, compute)
        for one in (subject.replay, subject.baseline)
    )
    return replace(subject, plan=plan, baseline_plan=baseline)


def _planner(rule: Allocator, subject: AuditInput, forecast: NextForecast, settings: Audit) -> CellPlanner:
    """Return the audited rule on the cells of the next forecast."""
    if settings.feedback.exploration:
        msg = "audit.feedback.exploration is of the top areas. Set the exploration of audit.rule instead."
        raise InputError(msg)
    same = forecast.grid.cells.equals(subject.grid.cells)
    residents = subject.residents if same or subject.residents_ahead is None else subject.residents_ahead
    ranking = settings.rank_by, settings.ranking_harm(subject.replay.crime_types)
    return CellPlanner.from_grid(rule, forecast.grid, residents or (), ranking, subject.replay.crime_types)


def _with_feedback(subject: AuditInput, forecast: NextForecast, settings: Audit) -> AuditInput:
    """Return the input with a simulation of records that follow the forecaster's own maps, or why there is none."""
    people = None
    if subject.residents:
        place = subject.grid.cells.get_indexer(forecast.grid.cells)
        people = np.where(place >= 0, subject.residents[0].total[place], 0.0)
    try:
        types = subject.replay.crime_types
        harm = align_weights(settings.ranking_harm(types), types) if settings.rank_by == HARM else None
        patrols = PatrolRule(settings.land_share, settings.rank_by, people, settings.share_of, harm)
        if settings.rule is not None:
            patrols = replace(patrols, planner=_planner(settings.rule, subject, forecast, settings))
        outcome = simulate_feedback(forecast.forecaster, forecast.forecaster.history_, patrols, settings.feedback)
    except IlpError as error:
        return replace(subject, no_feedback=str(error))
    return replace(subject, feedback=outcome)
