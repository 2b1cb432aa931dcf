"""Declarations: settings that were registered before the period that a forecast is of."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.extents import EXTENT, SAME_AREA, shared_area
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.digest import digest_of

DECLARED: Final = "declared"  # the act of its line
_COUNTED: Final = re.compile(r"[\d,]+ (records excluded .*) \([\d.]+%\): (.*)")  # counts grow with the records
_TICK: Final = timedelta(seconds=1)  # the resolution of the clock


@dataclass(frozen=True)
class Declaration:
    """What a line of the register declares, as far as an audit is compared with it."""

    seal: str  # SHA-256 of its content
    moment: str  # ISO 8601
    changed: tuple[str, ...]  # settings that differ from the defaults, as in AuditReport.changed
    group_table: str  # digest of the group table; empty for none

    def differences(self, changed: Iterable[str], group_table: str) -> list[str]:
        """Return what an audit does otherwise, in words."""
        used, known = ({_COUNTED.sub(r"\1: \2", one): one for one in several} for several in (changed, self.changed))
        return [
            *(f"not declared: {one}" for key, one in used.items() if key not in known),
            *(f"declared and not used: {one}" for key, one in known.items() if key not in used),
            *([] if group_table == self.group_table else ["the group table is not the declared one"]),
        ]


def declare(register: Register, content: Mapping[str, Any], who: str, now: datetime) -> tuple[str, str]:
    """Write a declaration to the register; return its seal and the digest of its line."""
    whole = {**content, "made": now.astimezone(UTC).isoformat()}  # two equal declarations have two seals
    seal = digest_of(json.dumps(whole, sort_keys=True))
    return seal, register.append(RegisterEntry(DECLARED, who, seal, now, whole))


def declarations_for(lines: Iterable[RegisterEntry], header: Mapping[str, Any], begins: str) -> tuple[Declaration, ...]:
    """Return the declarations on the area of an audit header made before a forecast period begins, oldest first.

    The extents must share half of the larger one: the declaration of a district is not that of the city.
    """
    if not begins or not header.get(EXTENT):
        return ()
    return tuple(
        Declaration(
            seal=line.decision,
            moment=line.moment.isoformat(),
            changed=tuple(map(str, line.content.get("changed") or ())),
            group_table=str(line.content.get("group_table") or ""),
        )
        for line in lines
        if line.act == DECLARED
        and line.moment < datetime.fromisoformat(begins)
        and line.content.get(EXTENT)
        and shared_area(line.content[EXTENT], header[EXTENT], of_larger=True) >= SAME_AREA
    )


def deadline(period: pd.Period, time_zone: str, moment: datetime, *, simulated: bool) -> datetime:
    """Return the moment before which a declaration must be made: when the period to forecast begins.

    Simulated records have no calendar of their own: their period begins after the audit, or the declaration, at hand.
    """
    return moment + _TICK if simulated else begin_of(period, time_zone)


def begin_of(period: pd.Period, time_zone: str) -> datetime:
    """Return the moment at which a period of the records' wall clock begins, in UTC."""
    local = period.start_time.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
    return datetime.fromtimestamp(local.timestamp(), UTC)


def periods_between(periods: pd.PeriodIndex, start: datetime, end: datetime, time_zone: str) -> int:
    """Return how many periods of the records' wall clock lie between two moments."""
    first, last = (pd.Timestamp(one).tz_convert(time_zone).tz_localize(None) for one in (start, end))
    return int(((periods.start_time >= first) & (periods.end_time <= last)).sum())
