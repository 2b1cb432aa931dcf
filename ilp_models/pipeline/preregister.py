"""The task `preregister`: declare the settings of an audit before the period that it forecasts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ilp_models.audit.audit import Audit
from ilp_models.audit.register.declarations import deadline, declare
from ilp_models.audit.register.extents import EXTENT
from ilp_models.audit.register.register import Register
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.allocation import TOP_AREAS
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import EventSource
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.governance import is_blank
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.recipe import describe
from ilp_models.explain.explain import Explain
from ilp_models.pipeline.audited_rule import with_plain_rule
from ilp_models.pipeline.changed_settings import all_changes, outside_changes
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import read_study
from ilp_models.pipeline.registration import RegisterPath, user
from ilp_models.pipeline.study import Study, check_names
from ilp_models.pipeline.terminal_text import as_text


@dataclass(frozen=True)
class DeclaredLine:
    """A declaration and its line of the register."""

    seal: str
    digest: str  # of its line
    moment: datetime
    begins: datetime  # of the next period to forecast
    content: Mapping[str, Any]


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    calendar: Calendar,
    grid: GridSpec,
    layers: Mapping[str, Any],
    model: Mapping[str, Forecaster],
    forecaster: str,
    backtest: RollingOrigin,
    explain: Explain,
    audit: Audit,
    rule_choice: str,
    register: str,
    last: str | None = None,
    folder: Path,
    jurisdiction: str = "",
    neighbours: Neighbours | None = None,
) -> str:
    """Write the declaration to the register, and return what was declared."""
    audit = with_plain_rule(audit)
    check_names(model, forecaster=forecaster, audit__baseline=audit.baseline)
    study = read_study(data, grid, folder, calendar=calendar, layers=layers, first_cutoff=backtest, record_lag=now())
    place = RegisterPath.of_task(Register(Path(register), last), folder)
    outside = outside_changes(study, backtest, explain, place, {audit.baseline: model[audit.baseline]})
    rule: dict[str, Any] = {"forecaster": forecaster, "rule_choice": as_text(rule_choice)}
    rule |= {"jurisdiction": jurisdiction} if jurisdiction else {}
    if neighbours is not None and neighbours.jurisdictions:
        rule |= {"neighbours": list(neighbours.jurisdictions), "reach_m": neighbours.reach_m}
    made = declare_settings(study, backtest, audit, outside, rule, place.book)
    return _text(made, place.book)


def declare_settings(
    study: Study,
    plan: RollingOrigin,
    audit: Audit,
    outside: list[str],
    rule: Mapping[str, Any],
    register: Register,
) -> DeclaredLine:
    """Write a declaration of the settings of an audit to the register.

    The records give its area and the next period. Raises InputError if that period is over, or if the choice of the
    allocation rule is not stated.
    """
    if is_blank(rule["rule_choice"]):
        msg = "A declaration must say how the allocation rule was or will be chosen. Give rule_choice='...'."
        raise InputError(msg)
    moment, zone = now(), study.events.time_zone
    period = study.calendar.next_periods(study.cutoff, 1)[0]
    if deadline(period + 1, zone, moment, simulated=study.events.simulated) <= moment:
        msg = (
            f"The next {study.calendar.period_unit} to forecast from these records begins on "
            f"{period.start_time:%Y-%m-%d} and is over. A declaration must precede the forecast period. Give newer "
            "records."
        )
        raise InputError(msg)
    grid = study.grid_at(plan.folds(study.events, study.calendar)[0].cutoff)
    audit.reporting_rates.to_cells(grid)
    source, given = audit.groups, audit.groups.path is not None or audit.groups.source is not None
    if given:
        source.to_cells(grid)
    content = {
        EXTENT: grid.extent(),
        "changed": list(all_changes(audit, outside)),
        "group_table": source.digest() if given else "",
        "group_source": source.path or (type(source.source).__name__ if given else ""),
        "limits": {check: dict(limit) for check, limit in audit.limits.items()},
        "land_share": audit.land_share,
        "share_of": audit.share_of,
        "rank_by": audit.rank_by,
        "rule": TOP_AREAS if audit.rule is None else audit.rule.name,
        "rule_settings": None if audit.rule is None else describe(audit.rule),
        "owner": audit.governance.owner,
        "reviewer": audit.governance.reviewer,
        "backtest": asdict(plan),
        **rule,
    }
    begins = deadline(period, zone, moment, simulated=study.events.simulated)
    return DeclaredLine(*declare(register, content, user(), moment), moment, begins, content)


def _text(made: DeclaredLine, register: Register) -> str:
    content = made.content
    beyond = content.get("neighbours")
    begun = made.begins <= made.moment
    table = f"{content['group_table'][:16]} from {content['group_source']}" if content["group_table"] else "none"
    changed = content["changed"] or ["none, all settings have their defaults"]
    return "\n".join(
        [
            f"Declaration {made.seal[:16]} was written to the register",
            *[f"  changed      {one}" for one in changed],
            f"  group table  {table}",
            f"  land share   {content['land_share']:g} of {content['share_of']}, ranked by {content['rank_by']}",
            f"  rule         {content['rule']}: {content['rule_choice']}",
            *([f"  neighbours   {', '.join(beyond)} within {content['reach_m']:g} m"] if beyond else []),
            f"  owner        {content['owner'] or 'not named'}; reviewer {content['reviewer'] or 'not named'}",
            f"It applies to forecasts of periods that begin after {made.moment:%Y-%m-%d %H:%M %Z}.",
            *([f"The period from {made.begins:%Y-%m-%d} has begun: a forecast of it is not covered."] if begun else []),
            f"Register: {register.path}, last={made.digest}",
        ]
    )
