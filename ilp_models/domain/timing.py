"""When records end and when the forecast period begins and ends, as the gate needs it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

import pandas as pd

from ilp_models.domain.errors import InputError

TIMING: Final = "timing"  # in the header of an audit
SIMULATED_RECORDS: Final = "Simulated records"
SIMULATED: Final = f"{SIMULATED_RECORDS}: no incident took place, and a decision on them is an exercise."
_DAY: Final = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Timing:
    """The end of the records and the span that is forecast, in the wall clock of the records."""

    time_zone: str  # IANA name
    records_end: pd.Timestamp  # until when the records are complete
    starts: pd.Timestamp  # the forecast covers [starts, ends)
    ends: pd.Timestamp
    record_lag: int = 0  # periods between the last whole one of the records and the forecast
    as_of: str = ""  # day as of which the records are used, ISO date; empty for the present
    simulated: bool = False

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Self | None:
        """Return the timing in the header of an audit; None if there is none."""
        return cls.from_dict(header[TIMING]) if header.get(TIMING) else None

    def covers(self, periods: pd.PeriodIndex) -> bool:
        """Return whether some periods begin and end with the span."""
        return bool(periods[0].start_time == self.starts and (periods[-1] + 1).start_time == self.ends)

    def ends_at(self) -> datetime:
        """Return the moment when the forecast period ends."""
        return _moment(self.ends, self.time_zone)

    def age_days(self, now: datetime) -> float:
        """Return the whole days from the end of the records to the present or to ``as_of``; NaN if negative.

        Simulated records are current: they have no calendar of their own.
        """
        if self.simulated:
            return 0.0
        moment = pd.Timestamp(self.as_of) if self.as_of else wall_clock(now, self.time_zone)
        age = (moment - self.records_end) / _DAY
        # a day still counts as covered while it is running
        return max(float(age // 1), 0.0) if age > -1 else float("nan")

    def fault(self, issued: datetime) -> tuple[str, str]:
        """Return why a forecast of this span cannot be used from a moment on, and what to do; empty if it can."""
        if self.simulated:
            return "", ""
        if self.as_of:
            fault = f"The forecast was made as of {self.as_of}, for research."
            return fault, "Use records that reach the present, without data.as_of."
        if self.ends_at() <= issued:
            last = self.ends - timedelta(microseconds=1)
            fault = f"The period that is forecast ended on {last:%Y-%m-%d}, before this decision."
            return fault, "Use records that reach the present."
        return "", ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        times = {name: getattr(self, name).isoformat() for name in ("records_end", "starts", "ends")}
        return {**asdict(self), **times}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` gave; raise InputError if a part is missing or wrong."""
        try:
            times = {name: pd.Timestamp(plain[name]) for name in ("records_end", "starts", "ends")}
            ZoneInfo(plain["time_zone"])
            return cls(
                time_zone=str(plain["time_zone"]),
                record_lag=int(plain["record_lag"]),
                as_of=str(plain["as_of"]),
                simulated=plain["simulated"] is True,
                **times,
            )
        except (KeyError, OSError, TypeError, ValueError) as error:
            msg = f"The period that is forecast cannot be read ({error!r}). Run the audit again."
            raise InputError(msg) from error


def wall_clock(moment: datetime, time_zone: str) -> pd.Timestamp:
    """Return a moment as the wall clock of a time zone shows it, without a zone."""
    return pd.Timestamp(moment).tz_convert(time_zone).tz_localize(None)


def _moment(wall: pd.Timestamp, time_zone: str) -> datetime:
    # of two equal midnights the first counts, and a midnight that clocks skip is the next time that exists
    local = wall.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
    return local.tz_convert("UTC").to_pydatetime(warn=False)
