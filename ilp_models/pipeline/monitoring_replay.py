"""Backtest the audited forecaster over the audited periods and all complete periods since the audit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.register.register import Register
from ilp_models.audit.residents import Residents
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.domain.compute import Compute
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import InputError, NotRunError, WithheldError
from ilp_models.domain.finding import ALL
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.grid import Grid
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.domain.recipe import code_digest, describe
from ilp_models.domain.replay import Replay
from ilp_models.model.bundle import read_bundle
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.audited_rule import with_plain_rule
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.study import Study


@dataclass(frozen=True, eq=False)
class MonitoringReplay:
    """Forecasts of the audited forecaster and recorded counts, over the audited periods and all periods since."""

    replay: Replay
    grid: Grid  # the audited cells
    residents: tuple[Residents, ...]
    audited: int  # number of audited periods; they come first
    notes: tuple[str, ...]  # changes since the audit that do not prevent monitoring


def active_decision(source: str, register: Register) -> Decision:
    """Return the decision of a run; raise WithheldError unless it is admitted or approved and in the register."""
    run = RunFolder.from_path(source)
    decision = run.decision()
    if decision.admitted or decision.reviews:  # a forecast that no one can approve needs no message about registers
        decision = run.active_decision(register)
    if not decision.admitted and not decision.approved:
        msg = f"The decision in {source} withholds the forecast, so that it cannot be monitored: {decision.summary}"
        raise WithheldError(msg)
    return decision


def check_terms(decision: Decision, source: str, name: str, forecaster: Forecaster, audit: Audit) -> tuple[str, ...]:
    """Raise WithheldError if forecaster or ranking differ from the audit; return notes on unchecked settings."""
    if name != decision.forecaster:
        msg = f"The decision in {source} is on {decision.forecaster}, not {name}. Set forecaster={decision.forecaster}."
        raise WithheldError(msg)
    audit, header = with_plain_rule(audit), decision.report.header
    settings = ("rank_by", "share_of", *(("land_share",) if header["rule_settings"] is None else ()))
    harm = {"harm": audit.ranking_harm(decision.crime_types)}
    decision.require_same_settings({setting: getattr(audit, setting) for setting in settings} | harm)
    if audit.rule is not None and describe(audit.rule) != header["rule_settings"]:
        msg = f"The audit was of the rule '{header['rule']}', not of '{audit.rule.name}'. Leave audit.rule out."
        raise WithheldError(msg)
    bundle = read_bundle(Path(source, "model"))
    if bundle is None or "settings" not in bundle:
        return (f"{source} does not contain the settings of its forecaster, so that they could not be compared.",)
    audited, code = bundle["settings"], code_digest()[:16]
    audited = audited["forecaster"] if _knows_neighbours(audited) else audited
    settings = json.loads(json.dumps(describe(forecaster)))
    if settings != audited:
        differing = sorted(key for key in {*audited, *settings} if audited.get(key) != settings.get(key))
        msg = f"{name} was audited with other settings of {', '.join(differing)}. Use those, or run the audit again."
        raise WithheldError(msg)
    changed = f"The program changed since the audit (code {bundle.get('code')}, now {code})."
    return () if bundle.get("code") in (None, code) else (changed,)


def check_neighbours(source: str, forecaster: Forecaster, unused: Sequence[str]) -> None:
    """Raise WithheldError unless the forecaster knows as many neighbours, as far beyond the border, as in the audit.

    Their records grow like those of the study area, and are not compared. ``unused`` says why some are left out.
    """
    bundle = read_bundle(Path(source, "model"))
    if bundle is None or "settings" not in bundle:
        return
    then, today = (_halo(settings) for settings in (bundle["settings"], describe(forecaster)))
    if then != today:
        why = " ".join(unused)
        msg = (
            f"The audited forecaster knew {then}, and the records of today give {today}. {why}".rstrip()
            + " Give the neighbours' records of the same periods, or run the audit again."
        )
        raise WithheldError(msg)


def _halo(settings: Mapping[str, Any]) -> str:
    """Return how many neighbours a forecaster knows, and how far beyond the border, in words."""
    if not _knows_neighbours(settings):
        return "no neighbour"
    count = len(settings["neighbours"])
    return f"{count} neighbour{'s' if count > 1 else ''} within {float(settings['reach_m']):g} m"


def _knows_neighbours(settings: Mapping[str, Any]) -> bool:
    return settings.get("class") == f"{AcrossBorders.__module__}.{AcrossBorders.__qualname__}"


def replay_since_audit(  # noqa: PLR0913 - the audit, and the settings of the backtest
    study: Study,
    source: str,
    decision: Decision,
    forecaster: Forecaster,
    backtest: RollingOrigin,
    audit: Audit,
    store: Path,
    compute: Compute,
) -> MonitoringReplay:
    """Backtest the forecaster on the audited cells, over the audited periods and all complete periods since."""
    header = decision.report.header
    plan = replace(backtest, test_periods=len(_tested_periods(study, header, backtest)), horizon=1)
    grid = audited_grid(study, source, decision)
    name = decision.forecaster
    data = BacktestData(study.events, grid, study.calendar, study.layers, study.record_lag)
    outcome = replay({name: forecaster}, plan, data, store.absolute(), compute, {name})
    if not outcome.replays:
        msg = f"{name} could not run: {outcome.not_run[name]}"
        raise NotRunError(msg)
    found = next(one for one in outcome.replays if one.lead == 1)
    one = replace(found, recipe=study.recipe(forecaster))
    audited = tuple(kind for kind in decision.report.crime_types if kind != ALL)
    if one.crime_types != audited:
        msg = f"The audit covered {', '.join(audited)}, not {', '.join(one.crime_types)}. Use the same crime types."
        raise WithheldError(msg)
    subject = audit.with_residents(AuditInput(one, one, grid))
    decision.require_same_settings({"group_table": subject.group_table})
    return MonitoringReplay(one, grid, subject.residents or (), int(header["periods"]), _revision_note(source, one))


def audited_grid(study: Study, source: str, decision: Decision) -> Grid:
    """Return the audited cells, which were active before the first audited period."""
    header = decision.report.header
    grid, archived = study.grid_at(pd.Timestamp(header["first_period"])), Path(source, "audit", "cells.parquet")
    if grid.digest() != header["grid"] and archived.is_file():
        # a revised record can change which cells are active
        with open_parquet(file_in_folder(archived.parent, archived.name), ["cell"]) as parquet:
            names = parquet.read(columns=["cell"]).to_pandas()["cell"].astype(str)
        all_cells = study.cells.build(study.events)
        known = np.asarray(all_cells.cells.astype(str).isin(set(names)))
        grid = all_cells.subset(known) if known.any() else grid
    decision.require_same_settings({"grid": grid.digest()})
    return grid


def _revision_note(source: str, replayed: Replay) -> tuple[str, ...]:
    archive = RunFolder.from_path(source).audit_input()
    if archive is None:
        return ()
    then, today = archive.replay.observed.values, replayed.observed.values[:, :, : len(archive.replay.periods)]
    count = int((then != today).sum())
    revised = (
        f"Records of the audited periods were revised since: {count:,} of {then.size:,} counts differ, "
        f"{then.sum():,.0f} events then and {today.sum():,.0f} now. The limits are computed from the current records."
    )
    return (revised,) if count else ()


def _tested_periods(study: Study, header: Mapping[str, Any], backtest: RollingOrigin) -> pd.PeriodIndex:
    events, unit = study.events, study.calendar.period_unit
    whole = study.calendar.whole_periods(events.start, events.end - events.settles_after)
    if backtest.end is not None:
        whole = whole[whole.end_time <= pd.Timestamp(backtest.end) + pd.Timedelta(days=1)]
    starts = pd.DatetimeIndex(whole.start_time)
    first, last = (pd.Timestamp(header[name]) for name in ("first_period", "last_period"))
    between = int(((starts >= first) & (starts <= last)).sum())
    if first not in starts or (last in starts and between != int(header["periods"])):
        msg = (
            f"The audit used {header['periods']} periods from {first.date()}. These records have {len(whole)} whole "
            f"{unit}s from {events.start.date()} to {events.end.date()}. Use the records and the calendar of the audit."
        )
        raise InputError(msg)
    tested = whole[starts >= first]
    if not (starts > last).any():
        reach = f"{whole[-1].end_time:%Y-%m-%d}" if len(whole) else "nowhere"
        msg = (
            f"There is no whole {unit} since the audit, whose last {unit} began on {last.date()}; the {unit}s of these "
            f"records are complete until {reach}. Monitor again when the records reach the end of the next {unit}."
        )
        raise InputError(msg)
    return pd.PeriodIndex(tested)
