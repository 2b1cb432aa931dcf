"""What an audit found on one forecast, and the decision that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.gate import decide as make_decision
from ilp_models.audit.measures.metric_frame import MetricFrame, metric_frame
from ilp_models.audit.register.declarations import deadline, periods_between
from ilp_models.audit.register.earlier import RegisterSnapshot, data_terms
from ilp_models.audit.register.register import Register
from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import state_text
from ilp_models.domain.governance import Governance
from ilp_models.explain.explain import Explain
from ilp_models.pipeline.audit_report import ReportContext, gather_record
from ilp_models.pipeline.audit_settings import read_governance
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.pipeline.registration import register_snapshot
from ilp_models.pipeline.settings_digests import AuditedMethod
from ilp_models.report.audit.audit_record import AuditPage
from ilp_models.report.audit.page import write_audit_report

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
        subject = replace(subject, register=snapshot_for(subject, self.forecast, self.register, self.made_at))
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

    Examples
    --------
    >>> import ilp_models as ilp
    >>> city = ilp.SimulatedCity(size_km=2, districts=2, weeks=30)
    >>> events, grid = city.read(), ilp.SquareGrid(500)
    >>> models = {"mean": ilp.MovingAverage(4), "ewma": ilp.EWMA()}
    >>> one = ilp.LocalProcesses(1)  # one process
    >>> backtest = ilp.run_backtest(models, events, grid, test_periods=4, store=folder, compute=one)
    >>> forecast = ilp.make_forecast(models["ewma"], events, grid)
    >>> explanation = ilp.explain_forecast(forecast)
    >>> audit = ilp.audit_plan(backtest, forecast, explanation, baseline="mean", residents=city.groups())
    >>> decision = ilp.decide(audit)  # four weeks are too little evidence
    >>> decision.admitted
    False
    """
    if governance is not None:
        audit = audit.with_governance(read_governance(governance))
    if valid_days is not None and valid_days != audit.settings.valid_days:
        audit = audit.with_settings(valid_days=valid_days)
    return make_decision(audit.report, audit.forecast.forecast, audit.made_at, audit.settings.valid_days)


def snapshot_for(subject: AuditInput, forecast: NextForecast, register: Register, moment: datetime) -> RegisterSnapshot:
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
