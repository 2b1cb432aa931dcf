"""Counts by period of a city, its areas and crime types, and forecasts of them that add up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, identity, vstack

from ilp_models.domain.aggregate import NO_AREA, WHOLE_CITY
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.scores import ALL
from ilp_models.model.long_horizons.series import Floats
from ilp_models.model.wrappers.reconciled import reconcile

CITY, AREA = "city", "area"
_EMPTY_MONTHS: Final = 12  # without a record, in an area that otherwise has records
_IMPROBABLE: Final = 1e-6  # that an area without a change has so many empty months at one end


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The series of a city: each crime type in each area, and the sums over areas, crime types and both."""

    areas: tuple[str, ...]  # only the whole city if there are no areas
    crime_types: tuple[str, ...]

    @cached_property
    def labels(self) -> pd.DataFrame:
        """Level, area and crime type of each series: sums first, then each crime type in each area."""
        kinds = list(self.crime_types)
        rows = [(CITY, WHOLE_CITY, ALL)] if len(kinds) > 1 or self._has_areas else []
        if self._has_areas:
            rows += [(CITY, WHOLE_CITY, kind) for kind in kinds] if len(kinds) > 1 else []
            rows += [(AREA, area, ALL) for area in self.areas] if len(kinds) > 1 else []
        level = AREA if self._has_areas else CITY
        rows += [(level, area, kind) for area in self.areas for kind in kinds]
        return pd.DataFrame(rows, columns=["level", "area", "crime_type"])

    @property
    def _has_areas(self) -> bool:
        return self.areas != (WHOLE_CITY,)

    @cached_property
    def sums(self) -> csr_matrix:
        """Which lowest series each sum contains, shape (sums, lowest series)."""
        count = len(self.areas) * len(self.crime_types)
        lowest = self.labels.iloc[-count:]
        upper = self.labels.iloc[:-count]
        area_of, kind_of = (lowest[name].to_numpy(dtype=str) for name in ("area", "crime_type"))
        rows = [
            ((area_of == area) | (area == WHOLE_CITY)) & ((kind_of == kind) | (kind == ALL))
            for area, kind in zip(upper["area"].astype(str), upper["crime_type"].astype(str), strict=True)
        ]
        return csr_matrix(np.array(rows, dtype=np.float64).reshape(len(upper), count))

    def with_sums(self, lowest: Floats) -> Floats:
        """Return all series, in the order of the labels, from the lowest ones."""
        return np.concatenate([self.sums @ lowest, lowest])

    def count(self, events: Events, periods: pd.PeriodIndex, merge: Mapping[str, Sequence[str]]) -> Floats:
        """Return the counts of the lowest series, shape (series, periods)."""
        table = events.table
        ordinal = pd.DatetimeIndex(table["occurred_at"]).to_period(periods.freqstr).asi8 - periods.asi8[0]
        area = np.zeros(len(table), dtype=np.int64)
        if self._has_areas:
            area = pd.Index(self.areas).get_indexer(pd.Index(area_labels(events, merge)))
        kind = pd.Index(self.crime_types).get_indexer(pd.Index(table["crime_type"].astype(str)))
        usable = (ordinal >= 0) & (ordinal < len(periods)) & (area >= 0) & (kind >= 0)
        flat = (area * len(self.crime_types) + kind) * len(periods) + ordinal
        size = len(self.areas) * len(self.crime_types) * len(periods)
        counts = np.bincount(flat[usable], minlength=size)
        return counts.reshape(-1, len(periods)).astype(np.float64)


def area_labels(events: Events, merge: Mapping[str, Sequence[str]]) -> pd.Series:
    """Return the area of each event under its merged name; events without an area have one of their own."""
    names = {str(old): str(new) for new, olds in merge.items() for old in olds}
    labels = events.table["area"].astype(object).where(events.table["area"].notna(), NO_AREA).astype(str)
    return labels.map(lambda label: names.get(label, label))


def find_areas(events: Events, months: pd.PeriodIndex, merge: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the areas of the events; InputError for one that appears or ends within the months."""
    if "area" not in events.table:
        msg = (
            "Forecasts of areas need an area in each record. Set data.columns.area to the column of districts, or "
            "long_horizons.area_months=0."
        )
        raise InputError(msg)
    labels = area_labels(events, merge)
    known = {*events.table["area"].dropna().astype(str)}
    for new, olds in merge.items():
        missing = [str(old) for old in olds if str(old) not in known]
        if missing:
            msg = f"long_horizons.merge={new}: {missing[0]!r} is not an area of the records. Correct the name."
            raise InputError(msg)
    areas = tuple(sorted(labels.unique(), key=lambda name: (name == NO_AREA, name)))
    lowest = Hierarchy(areas, events.crime_types).count(events, months, merge)
    totals = lowest.reshape(len(areas), len(events.crime_types), -1).sum(axis=1)
    for name, counts in zip(areas, totals, strict=True):
        if name != NO_AREA:
            _refuse_change(name, counts, months)
    return areas


def _refuse_change(name: str, counts: Floats, months: pd.PeriodIndex) -> None:
    """Refuse an area without records in the first or the last year, unless it has so few that this is chance."""
    size, known = len(months), np.flatnonzero(counts)
    if not len(known):
        return
    first, after = int(known[0]), size - 1 - int(known[-1])
    empty = max(first, after)
    # probability that all records fall into the other months
    if empty < _EMPTY_MONTHS or (1 - empty / size) ** counts.sum() > _IMPROBABLE:
        return
    what = f"appears in {months[first]}" if first >= after else f"has no record after {months[known[-1]]}"
    msg = (
        f"Area {name!r} {what}, so that its series is shorter than the others. If areas were merged or divided, give "
        f"them one name with long_horizons.merge={{New: [{name}, Old]}}; or set long_horizons.area_months=0."
    )
    raise InputError(msg)


def make_coherent(hierarchy: Hierarchy, means: Floats, variances: Floats) -> Floats:
    """Return forecasts of all series, shape (series, periods), that add up.

    Minimum trace reconciliation with the variances of the forecasts; series with larger variances move more.
    """
    if not hierarchy.sums.shape[0]:
        return means
    typical = np.sqrt(variances.mean(axis=1))
    lowest = reconcile(_summing(hierarchy), means, np.asarray(typical)[:, None], "error_variance")
    return hierarchy.with_sums(lowest)


def _summing(hierarchy: Hierarchy) -> csr_matrix:
    """Return the sums and, below them, each lowest series itself, shape (series, lowest series)."""
    return vstack([hierarchy.sums, identity(hierarchy.sums.shape[1])]).tocsr()
