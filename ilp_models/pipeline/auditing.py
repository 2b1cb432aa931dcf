"""Audit a forecast under the allocation rule that will be applied."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.governance import Governance
from ilp_models.domain.overused_points import overused_by_cell
from ilp_models.domain.recipe import decision_digest, describe
from ilp_models.explain.explain import Explain
from ilp_models.export.table import CellTable
from ilp_models.pipeline.audit_result import AuditResult, snapshot_for
from ilp_models.pipeline.audit_settings import audit_settings
from ilp_models.pipeline.audited_rule import with_plain_rule
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.changed_settings import outside_changes
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecasting import NextForecast, explain_forecast
from ilp_models.pipeline.plan_effects import with_feedback, with_plans
from ilp_models.pipeline.registration import REGISTER, RegisterPath
from ilp_models.pipeline.rule_search import RuleTrials
from ilp_models.pipeline.settings_digests import AuditedMethod
from ilp_models.tuning.rule_search import RuleSearch

_LOG = logging.getLogger(__name__)


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
    >>> audit.to_frame().query("check == 'shap_additivity'")["state"].item()
    'pass'
    """
    settings = audit_settings(audit or Audit(), rule, baseline, residents, governance)
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
    subject = with_plans(subject, settings, compute)
    if search is not None:
        trials = RuleTrials.from_backtest(backtest, settings, name, search, compute or LocalProcesses())
        subject = replace(subject, rule_search=trials.run(search))
    subject = with_feedback(subject, forecast, settings)
    models = {one: backtest.models[one] for one in (name, settings.baseline)}
    study = backtest.study
    places = {"grid": study.grid, "calendar": study.calendar, "layers": study.layers.digests()}
    by_name = {"explain": explain, "backtest": backtest.plan, "model": models}
    method = AuditedMethod(backtest.events, by_name, places)
    subject, moment = method.with_digests(subject, settings), now()
    subject = replace(subject, register=snapshot_for(subject, forecast, register.book, moment))
    report = settings.run(subject, moment)
    return AuditResult(report, subject, settings, forecast, moment, explain, method, register.book, study.city)


def explanation_or_none(forecast: NextForecast, explain: Explain) -> Explanation | None:
    """Return the explanation of a forecast, or None with a warning where its forecaster cannot be explained."""
    try:
        return explain_forecast(forecast, explain=explain)
    except InputError as error:
        _LOG.warning("No explanation: %s", error)
        return None


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
