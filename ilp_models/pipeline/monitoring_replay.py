"""What happened since an audit: its forecaster on its terms, over the audited periods and all whole ones since."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ilp_models.audit.audit import Audit
from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.register.approvals import registered_decision
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
from ilp_models.domain.recipe import code_digest
from ilp_models.domain.replay import Replay
from ilp_models.model.bundle import read_bundle
from ilp_models.pipeline.archive_lookup import load_audit_input
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.study import Study, forecasts_folder


@dataclass(frozen=True, eq=False)
class MonitoringReplay:
    """An audited forecaster over the audited periods and all since.

    Parameters
    ----------
    replay : Replay
        Forecasts beside what was recorded.
    grid : Grid
        The audited cells.
    residents : tuple of Residents
        Residents of the cells, one a dimension.
    audited : int
        The first periods, which the audit rested on.
    notes : tuple of str
        What changed since that is no reason to refuse: revised records, another version of the program.
    """

    replay: Replay
    grid: Grid
    residents: tuple[Residents, ...]
    audited: int
    notes: tuple[str, ...]


def active_decision(source: str, register: str) -> Decision:
    """Return the decision of a run that the register bears out and that lets its forecast out."""
    decision = registered_decision(Register(Path(register)), RunFolder.from_path(source).decision(), now())
    if not decision.admitted and not decision.approved:
        msg = f"The decision in {source} is withheld, so there is no use to watch: {decision.summary}"
        raise WithheldError(msg)
    return decision


def check_terms(
    decision: Decision, source: str, forecaster: str, audit: Audit, settings: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return what to know if forecaster, unit and share are those audited, before any record is read."""
    if forecaster != decision.forecaster:
        msg = f"The decision in {source} is on {decision.forecaster}, not {forecaster}; set forecaster=..."
        raise WithheldError(msg)
    decision.require_same_settings({name: getattr(audit, name) for name in ("unit", "share", "share_of", "harm")})
    kept = read_bundle(Path(source, "model"))
    if kept is None or "settings" not in kept:
        return (f"{source} keeps no settings of its forecaster, so those given here were not compared with them.",)
    known, code = kept["settings"], code_digest()[:16]
    if json.loads(json.dumps(settings, default=str)) != known:
        odd = sorted(name for name in {*known, *settings} if known.get(name) != settings.get(name))
        msg = f"{forecaster} was audited with other settings of {', '.join(odd)}; give those, or audit again."
        raise WithheldError(msg)
    changed = f"The program changed since the audit (code {kept.get('code')}, now {code})."
    return () if kept.get("code") in (None, code) else (changed,)


def watched_replay(  # noqa: PLR0913 - what was audited, and the parts to replay it with
    study: Study,
    source: str,
    decision: Decision,
    forecaster: Forecaster,
    backtest: RollingOrigin,
    audit: Audit,
    compute: Compute,
) -> MonitoringReplay:
    """Return the forecaster over the audited periods and all whole ones since, on the audited cells."""
    header = decision.report.header
    tested = _tested(study, header, backtest)
    plan = replace(backtest, test_periods=len(tested), horizon=1)
    # what is stored is stored by the plan that made it
    planned = {name: getattr(plan, name) for name in ("test_periods", "horizon")}
    study = replace(study, config={**study.config, "backtest": {**study.config["backtest"], **planned}})
    grid = audited_grid(study, source, decision)
    name, world = decision.forecaster, BacktestData(study.events, grid, study.calendar, study.layers)
    outcome = replay({name: forecaster}, study.recipes([name]), plan, world, forecasts_folder(study.config), compute)
    if not outcome.replays:
        msg = f"{name} could not run: {outcome.not_run[name]}"
        raise NotRunError(msg)
    one = next(found for found in outcome.replays if found.lead == 1)
    audited = tuple(kind for kind in decision.report.crime_types if kind != ALL)
    if one.crime_types != audited:
        msg = f"The audit was of {', '.join(audited)}, not {', '.join(one.crime_types)}; give the same crime types."
        raise WithheldError(msg)
    subject = audit.with_residents(AuditInput(one, one, grid))
    decision.require_same_settings({"group_table": subject.group_table})
    return MonitoringReplay(one, grid, subject.residents or (), int(header["periods"]), _revised(source, one))


def audited_grid(study: Study, source: str, decision: Decision) -> Grid:
    """Return the audited cells: those active before the first audited period, as they were known at the audit."""
    header = decision.report.header
    grid, kept = study.grid_at(pd.Timestamp(header["first_period"])), Path(source, "audit", "cells.parquet")
    if grid.digest() != header["grid"] and kept.is_file():
        # a record revised since may have made one cell more or less active
        names = pd.read_parquet(kept, columns=["cell"])["cell"].astype(str)
        everywhere = study.places.build(study.events)
        known = np.asarray(everywhere.cells.astype(str).isin(set(names)))
        grid = everywhere.subset(known) if known.any() else grid
    decision.require_same_settings({"grid": grid.digest()})
    return grid


def _revised(source: str, replayed: Replay) -> tuple[str, ...]:
    kept = load_audit_input(Path(source))
    if kept is None:
        return ()
    then, today = kept.replay.observed.values, replayed.observed.values[:, :, : len(kept.replay.periods)]
    count = int((then != today).sum())
    revised = (
        f"Records of the audited periods were revised since: {count:,} of {then.size:,} counts differ, "
        f"{then.sum():,.0f} events then and {today.sum():,.0f} now. The range comes from those of now."
    )
    return (revised,) if count else ()


def _tested(study: Study, header: Mapping[str, Any], backtest: RollingOrigin) -> pd.PeriodIndex:
    events, unit = study.events, study.calendar.period_unit
    whole = study.calendar.whole(events.start, events.end - events.settles_after)
    if backtest.end is not None:
        whole = whole[whole.end_time <= pd.Timestamp(backtest.end) + pd.Timedelta(days=1)]
    starts = pd.DatetimeIndex(whole.start_time)
    first, last = (pd.Timestamp(header[name]) for name in ("first_period", "last_period"))
    between = int(((starts >= first) & (starts <= last)).sum())
    if first not in starts or (last in starts and between != int(header["periods"])):
        msg = (
            f"The audit rested on {header['periods']} periods from {first.date()}; these records are cut into "
            f"{len(whole)} whole {unit}s from {events.start.date()} to {events.end.date()}. Give the records and the "
            "calendar of the audit."
        )
        raise InputError(msg)
    tested = whole[starts >= first]
    if not (starts > last).any():
        reach = f"{whole[-1].end_time:%Y-%m-%d}" if len(whole) else "nowhere"
        msg = (
            f"There is no whole {unit} since the audit: it rested on those until {last.date()}, and the records are "
            f"complete until {reach}. Monitor again when records reach the end of the next {unit}."
        )
        raise InputError(msg)
    return pd.PeriodIndex(tested)


def events_of(study: Study, grid: Grid, periods: pd.PeriodIndex) -> pd.DataFrame:
    """Return the events of some periods with the area they lie in."""
    table = study.events.table
    ordinal = study.calendar.ordinals(table["occurred_at"])
    inside = (ordinal >= periods[0].ordinal) & (ordinal <= periods[-1].ordinal)
    events = replace(study.events, table=table[inside])
    at = grid.locate(events)
    names = grid.cells.astype(str).to_numpy() if grid.parents.empty else grid.parents.iloc[:, 0].astype(object)
    named = np.array([*(name if isinstance(name, str) and name else "(no area)" for name in names), "(no cell)"])
    found = table.loc[inside, ["occurred_at", "crime_type"]]
    return found.assign(ordinal=ordinal[inside], area=named[at])
