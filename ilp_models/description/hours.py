"""Count crimes by day and hour; an incident in a span of time is shared between its hours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.stats import chisquare

from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import UNTIL
from ilp_models.domain.scores import ALL
from ilp_models.stats.aoristic import HOURS, WEEK, week_weights, weighted_sum_interval

Floats = npt.NDArray[np.floating[Any]]

_CITY: Final = ""
_MOST_AREA_SERIES: Final = 500  # areas times crime types; more make a table that no one reads
_WORDS: Final = {0: "midnight", 12: "noon"}
_HEAP: Final = 1.2  # times the hours before and after


@dataclass(frozen=True)
class HourProfile:
    """Count recorded crimes by day of the week and hour, by crime type and area.

    A crime that happened between two times is shared between the hours of that span, in proportion to their minutes
    (aoristic analysis [1]_). A crime with one time counts in the hour of that time. Times are local.

    Parameters
    ----------
    weeks : int, default 52
        Number of whole weeks to describe, at the end of the records; fewer if the records are shorter.
    confidence : float, default 0.95
        Confidence of the intervals.

    Raises
    ------
    InputError
        If ``weeks`` is less than 1, or ``confidence`` is not between 0 and 1.

    Notes
    -----
    The interval of a sum of weights is that of Fay and Feuer [2]_; without spans it is the exact Poisson interval. It
    covers chance, not errors of the recorded times.

    References
    ----------
    .. [1] Ratcliffe (2002). Aoristic signatures and the spatio-temporal analysis of high volume crime patterns. Journal
       of Quantitative Criminology 18, 23-43.
    .. [2] Fay, Feuer (1997). Confidence intervals for directly standardized rates. Statistics in Medicine 16, 791-801.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.HourProfile()])
    >>> len(description.part("hours").tables["hours"])  # the city and 9 areas, 4 crime types and their sum, 168 hours
    8400
    """

    weeks: int = 52
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        if not (isinstance(self.weeks, int | np.integer) and self.weeks >= 1):
            msg = f"description.hours.weeks={self.weeks!r} must be a whole number of at least 1, such as 52."
            raise InputError(msg)
        if not (isinstance(self.confidence, float | int) and 0 < self.confidence < 1):
            msg = f"description.hours.confidence={self.confidence!r} must be between 0 and 1, such as 0.95."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The name of the part."""
        return "hours"

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the sums of weights as table ``hours``; it is empty if the records have no times of day."""
        events = data.events
        end = events.end.normalize()
        weeks = min(self.weeks, (end - events.start.normalize()).days // 7)
        start = end - pd.Timedelta(weeks=weeks)
        used = (events.table["occurred_at"] >= start) & (events.table["occurred_at"] < end)
        table = events.table[used]
        facts: dict[str, float | int | str] = {"weeks": weeks, "events": len(table), "confidence": self.confidence}
        if not weeks or not _has_hours(table["occurred_at"]):
            reason = "have no times of day" if weeks else "cover less than one week"
            empty = pd.DataFrame(columns=_COLUMNS)
            return DescribedPart(self.name, {"hours": empty}, facts, (f"No table of hours: the records {reason}.",))
        weights = week_weights(*_span(table))
        labels, member = _groups(table["crime_type"], data.event_areas[used.to_numpy()], data.areas)
        total, squares = (np.asarray((member @ values).todense()) for values in (weights, weights.multiply(weights)))
        low, high = weighted_sum_interval(total, squares, 1.0, self.confidence)
        rows = labels.loc[labels.index.repeat(HOURS)].reset_index(drop=True)
        hour = np.tile(np.arange(HOURS), len(labels))
        found = rows.assign(
            weekday=hour // 24,
            hour=hour % 24,
            events=total.ravel(),
            low=low.ravel(),
            high=high.ravel(),
            share=np.divide(
                total,
                total.sum(axis=1, keepdims=True),
                where=total.sum(axis=1, keepdims=True) > 0,
                out=np.zeros(total.shape),
            ).ravel(),
        )
        doubtful = _doubtful_hours(table)
        facts["p_even_hours"] = _p_even(np.delete(total[0].reshape(7, 24).sum(axis=0), list(doubtful)))
        facts["p_even_days"] = _p_even(total[0].reshape(7, 24).sum(axis=1))
        facts["doubtful_hours"] = " ".join(map(str, doubtful))
        return DescribedPart(self.name, {"hours": found[list(_COLUMNS)]}, facts, tuple(_notes(table, doubtful)))


_COLUMNS: Final = ("area", "crime_type", "weekday", "hour", "events", "low", "high", "share")


def _has_hours(times: pd.Series) -> bool:
    return bool((times != times.dt.normalize()).any())


def _span(table: pd.DataFrame) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.datetime64]]:
    start = table["occurred_at"].to_numpy(dtype="datetime64[m]")
    if UNTIL not in table:
        return start, np.full(len(start), np.datetime64("NaT"), dtype="datetime64[m]")
    return start, table[UNTIL].to_numpy(dtype="datetime64[m]")


def _groups(kinds: pd.Series, areas: npt.NDArray[Any], names: list[str]) -> tuple[pd.DataFrame, csr_matrix]:
    """Return the rows of the table and which events each holds: all types and each type, then the same by area.

    With many areas, their rows are those of all types together.
    """
    types = list(map(str, kinds.cat.categories))
    several, events = len(types) > 1, np.arange(len(kinds))
    series = [*([ALL] if several else []), *types]
    own = series if len(series) * len(names) <= _MOST_AREA_SERIES else series[:1]
    labels = [(_CITY, kind) for kind in series] + [(area, kind) for area in names for kind in own]
    area = pd.Index(names).get_indexer(pd.Index(areas))
    first = np.where(area < 0, -1, len(series) + area * len(own))  # an event without an area is in no row of an area
    kind = kinds.cat.codes.to_numpy().astype(np.int64) + several
    row = [kind, *([np.zeros(len(events), dtype=np.int64)] if several else []), first]
    if several and len(own) > 1:
        row.append(np.where(first < 0, -1, first + kind))
    rows, members = np.concatenate(row), np.tile(events, len(row))
    held = rows >= 0
    shape = (len(labels), len(events))
    matrix = csr_matrix((np.ones(int(held.sum())), (rows[held], members[held])), shape=shape)
    return pd.DataFrame(labels, columns=["area", "crime_type"]), matrix


def _p_even(sums: Floats) -> float:
    """Return the p-value of a chi-square test of equal sums; 1 without events."""
    return float(chisquare(sums).pvalue) if sums.sum() > 0 else 1.0


def _doubtful_hours(table: pd.DataFrame) -> dict[int, float]:
    """Return midnight and noon if too many records with one time have exactly that time.

    Too many: more than 1/24 of the records, and clearly more than at the full hours before and after.
    """
    times = _single_times(table)
    full = times[times.dt.minute == 0].dt.hour
    share = np.bincount(full, minlength=24) / max(len(times), 1)
    usual = {hour: (share[hour - 1] + share[hour + 1]) / 2 for hour in _WORDS}
    return {hour: float(share[hour]) for hour in _WORDS if share[hour] > max(1 / 24, _HEAP * usual[hour])}


def _single_times(table: pd.DataFrame) -> pd.Series:
    times: pd.Series = table["occurred_at"]
    return times if UNTIL not in table else times[table[UNTIL].isna()]


def _notes(table: pd.DataFrame, doubtful: Mapping[int, float]) -> Iterator[str]:
    for hour, share in doubtful.items():
        yield (
            f"{100 * share:.0f} % of the records with one time have exactly {_WORDS[hour]}, which often means that "
            "the time is unknown. Do not read that hour as a peak."
        )
    if UNTIL not in table:
        return
    span = (table[UNTIL] - table["occurred_at"]).dropna()
    single = len(table) - len(span)
    middle = f" The median span is {float(np.median(span.dt.total_seconds())) / 60:,.0f} min." if len(span) else ""
    yield f"Records with a span of time: {len(span):,}. Records with one time: {single:,}.{middle}"
    long = int((span >= pd.Timedelta(minutes=WEEK)).sum())
    if long:
        yield f"Spans of a week or more, which add the same weight to each hour: {long:,}."
