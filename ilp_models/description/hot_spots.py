"""Find hot spots with Gi*, and class them by how often and when they were hot."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.description.hot_spot_classes import (
    CLASSES,
    GONE,
    LASTING,
    NEVER,
    NEW,
    NOT_CLASSED,
    ClassRules,
    change_since,
)
from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.stats.getis_ord import binomial_p, correct, gi_star, normal_p, permutation_p, with_self

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

METHODS: Final = ("permutation", "binomial", "normal")
CORRECTIONS: Final = ("fdr_bh", "holm", "none")
FAMILIES: Final = ("cells", "periods")

_CELLS: Final = (
    *("crime_type", "cell", "area", "class", "hot_now", "hot_periods", "events"),
    *("count", "local_count", "z", "p", "q"),
)
_CHANGES: Final = ("crime_type", "cell", "area", "change", "count", "earlier_count", "q", "earlier_q")
_PERIODS: Final = ("crime_type", "first", "last", "events", "hot_cells", "state")
_TESTED, _NO_EVENTS, _EQUAL = "tested", "no events", "equal counts in all cells: not defined"


@dataclass(frozen=True, eq=False)
class _Result:
    """Counts and tests of one crime type; arrays have the shape (cells, periods)."""

    kind: str
    counts: Integers
    local: Integers
    z: Floats
    p: Floats
    q: Floats
    hot: Flags

    def without_last(self) -> "_Result":
        """Return the periods before the last."""
        past = slice(None), slice(None, -1)
        counts, hot = (self.counts[past], self.local[past]), self.hot[past]
        return _Result(self.kind, *counts, self.z[past], self.p[past], self.q[past], hot)


@dataclass(frozen=True)
class HotSpots:
    """Find hot spots: cells with significantly many crimes in them and their neighbours (Gi* of Getis and Ord).

    Time is divided into equal periods; the last one ends with the completely reported records. In each period, Gi*
    compares the events in a cell and its neighbours with those in as many cells drawn at random. Classes say how often
    and when a cell was a hot spot: first time, emerging, persistent, intermittent, former. Hot spots describe recorded
    crime and are not a forecast.

    Parameters
    ----------
    period_days : int or None, default 28
        Length of a period in days; None for calendar months.
    periods : int, default 13
        Number of periods, the last of which ends with the completely reported records. Earlier records are not used.
    significance : float, default 0.05
        Level below which a corrected p-value makes a hot spot.
    correction : str, default "fdr_bh"
        ``fdr_bh`` limits the expected share of false hot spots (Benjamini and Hochberg). ``holm`` limits the chance of
        any false hot spot. ``none`` makes no correction.
    correct_over : str, default "cells"
        Correct together the p-values of all ``cells`` of a period, or those of all ``periods`` of a cell.
    method : str, default "permutation"
        How to compute p-values. ``permutation``: the exact chance that as many cells, drawn at random, hold as many
        events or more. ``binomial``: the same if each event falls in any cell with equal chance. ``normal``: two-sided,
        from Gi*; too small for small counts.
    min_events : int, default 2
        A cell is never a hot spot if it and its neighbours have fewer events together.
    hot_share : float, default 0.1
        Share of periods in which a cell must be hot to be emerging, intermittent or former.
    persistent_share : float, default 0.8
        Share of periods in which a cell must be hot to be persistent.
    recent_share : float, default 0.2
        Share of the periods that are recent, rounded down to whole periods, at least one.
    compare_days : int or None, default 7
        Hot spots are new, lasting or gone against those of a period of the same length that ended so many days before:
        by default those of a week ago. None compares with the period before, as calendar months always do.

    Raises
    ------
    InputError
        If a setting is out of range or unknown.

    Notes
    -----
    Gi* is that of Ord and Getis [1]_, with the cell itself and divisor N. Classes follow the idea of emerging hot spot
    analysis, with rules by shares of periods.

    References
    ----------
    .. [1] Ord, Getis (1995). Local spatial autocorrelation statistics: distributional issues and an application.
       Geographical Analysis 27(4), 286-306.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> from ilp_models.domain.description import DescriptionData
    >>> from ilp_models.grid.square import SquareGrid
    >>> events = SimulatedCity(weeks=60).read()
    >>> part = HotSpots().describe(DescriptionData(events, SquareGrid(500).build(events)))
    >>> sorted(part.tables)
    ['hot_areas', 'hot_cells', 'hot_changes', 'hot_classes', 'hot_periods']
    """

    period_days: int | None = 28
    periods: int = 13
    significance: float = 0.05
    correction: str = "fdr_bh"
    correct_over: str = "cells"
    method: str = "permutation"
    min_events: int = 2
    hot_share: float = 0.1
    persistent_share: float = 0.8
    recent_share: float = 0.2
    compare_days: int | None = 7

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, known in (("method", METHODS), ("correction", CORRECTIONS), ("correct_over", FAMILIES)):
            if getattr(self, name) not in known:
                value = getattr(self, name)
                msg = f"description.hot_spots.{name}={value!r} is unknown. Choose one of {', '.join(known)}."
                raise InputError(msg)
        limits = {"period_days": (1, 36_600), "periods": (1, 36_600), "min_events": (0, 1_000_000)}
        for name, (low, high) in (limits | {"compare_days": (1, 36_600)}).items():
            value = getattr(self, name)
            month = name in ("period_days", "compare_days") and value is None
            if not month and not (isinstance(value, int | np.integer) and low <= value <= high):
                msg = f"description.hot_spots.{name}={value!r} must be a whole number from {low} to {high:,}."
                raise InputError(msg)
        for name in ("significance", "hot_share", "persistent_share", "recent_share"):
            value = getattr(self, name)
            if not (isinstance(value, float | int) and 0 < value < 1):
                msg = f"description.hot_spots.{name}={value!r} must be between 0 and 1. Write a tenth as 0.1."
                raise InputError(msg)

    @property
    def name(self) -> str:
        """The name of the part."""
        return "hot_spots"

    @property
    def rules(self) -> ClassRules:
        """The rules of the classes."""
        return ClassRules(self.hot_share, self.persistent_share, self.recent_share)

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the tables of this part.

        Parameters
        ----------
        data : DescriptionData
            Records, grid and the level of areas to name.

        Returns
        -------
        DescribedPart
            Table ``hot_cells`` has every cell that was hot in any period, with its class and the last period's test.
            Table ``hot_changes`` has new, gone and lasting hot spots (see `compare_days`), and ``hot_areas`` their
            number by area. Tables ``hot_classes`` and ``hot_periods`` count cells by class and period.
        """
        edges = self._edges(data)
        notes = [self._span_note(data, edges), *data.span_notes]
        cell = data.event_cells
        results = [self._test(kind, counts, data, notes) for kind, counts in _counts(data, cell, edges)]
        compared, earlier = self._earlier(data, cell, edges, results, notes)
        areas = data.cell_areas
        cells = _concat([self._cells(one, data, areas) for one in results], _CELLS)
        pairs = zip(results, earlier, strict=True) if compared else ()
        changes = _concat([_changes(*pair, data, areas) for pair in pairs], _CHANGES)
        tables = {
            "hot_cells": cells,
            "hot_changes": changes,
            "hot_areas": _by_area(changes),
            "hot_classes": self._classes(results),
            "hot_periods": _concat([_periods(one, edges) for one in results], _PERIODS),
        }
        outside = int((cell < 0).sum())
        if outside:
            notes.append(f"Hot spots do not count records outside the grid: {outside:,}.")
        facts = self._facts(tables, edges, self._length(data)) | {"compared_with": compared}
        return DescribedPart(self.name, tables, facts, tuple(notes))

    def _earlier(
        self,
        data: DescriptionData,
        cell: Integers,
        edges: pd.DatetimeIndex,
        results: list[_Result],
        notes: list[str],
    ) -> tuple[str, list[_Result]]:
        """Return with what the last period is compared, in words, and its tests; no words without earlier records."""
        if data.months_only or self.period_days is None or self.compare_days in (None, self.period_days):
            return ("the period before" if len(edges) > 2 else ""), [one.without_last() for one in results]
        end = edges[-1] - pd.Timedelta(days=self.compare_days)
        start = end - pd.Timedelta(days=self.period_days)
        if len(edges) < 2 or start < data.events.start:
            return "", []
        tested = []
        for one, (kind, counts) in zip(results, _counts(data, cell, pd.DatetimeIndex([start, end])), strict=True):
            others = one.counts[:, :-1] if self.correct_over == "periods" else counts[:, :0]
            tested.append(self._test(kind, np.column_stack([others, counts]), data, notes))
        return f"the {self._length(data)} that ended {self.compare_days} days earlier", tested

    def _edges(self, data: DescriptionData) -> pd.DatetimeIndex:
        """Return the ends of the periods, the last completely reported day last; one edge if no whole period fits."""
        start, end = data.events.start, data.events.end - data.events.settles_after
        if (
            data.months_only or self.period_days is None
        ):  # 28 days can miss the first of a month, where only months are known
            months = pd.date_range(start.ceil("D"), end.floor("D"), freq="MS")[-1 - self.periods :]
            return months if len(months) else pd.DatetimeIndex([end])
        length = pd.Timedelta(days=self.period_days)
        whole = min(self.periods, max(0, (end - start) // length))
        return pd.DatetimeIndex([end - number * length for number in range(whole, -1, -1)])

    def _length(self, data: DescriptionData) -> str:
        return "one month" if data.months_only or self.period_days is None else f"{self.period_days} days"

    def _span_note(self, data: DescriptionData, edges: pd.DatetimeIndex) -> str:
        """Return which periods are described."""
        number, length = len(edges) - 1, self._length(data)
        if number == 0:
            return f"Hot spots are not tested: the records cover less than one period of {length}."
        early = int((data.counted.table["occurred_at"] < edges[0]).sum())
        last = edges[-1] - pd.Timedelta(days=1)
        unit = "period" if number == 1 else "periods"
        text = f"Hot spots: {number} {unit} of {length} from {edges[0]:%Y-%m-%d} to {last:%Y-%m-%d}."
        if number < self.periods:
            text += f" The records do not cover {self.periods} periods."
        text += f" Earlier records, which do not count: {early:,}." if early else ""
        late = int((data.counted.table["occurred_at"] >= edges[-1]).sum())
        return text + (
            f" Later records, whose period is not complete or not completely reported: {late:,}." if late else ""
        )

    def _test(self, kind: str, counts: Integers, data: DescriptionData, notes: list[str]) -> _Result:
        """Return Gi*, p-values and hot spots of one crime type."""
        weights = with_self(data.grid.neighbours)
        z, local = gi_star(counts, weights)
        size = np.asarray(weights.sum(axis=1), dtype=np.int64).ravel()
        p = self._p(z, counts, local, size)
        large = np.isnan(p).any(axis=0)
        if large.any():
            p[:, large] = normal_p(z[:, large])
            which = f"{int(large.sum())} of {counts.shape[1]} periods"
            notes.append(f"{kind}: the exact p-value of {which} takes too long to compute. The normal p-value is used.")
        p = np.where(np.isnan(z), 1.0, p)
        q = correct(p, self.correction) if self.correct_over == "cells" else correct(p.T, self.correction).T
        hot = (z > 0) & (q < self.significance) & (local >= self.min_events)
        return _Result(kind, counts, local, z, p, q, hot)

    def _p(self, z: Floats, counts: Integers, local: Integers, size: Integers) -> Floats:
        if self.method == "normal":
            return normal_p(z)
        return (binomial_p if self.method == "binomial" else permutation_p)(counts, local, size)

    def _cells(self, one: _Result, data: DescriptionData, areas: npt.NDArray[np.object_]) -> pd.DataFrame:
        """Return the cells that were hot in a period."""
        at = np.flatnonzero(one.hot.any(axis=1))
        if not len(at):
            return pd.DataFrame()
        return pd.DataFrame(
            {
                "crime_type": one.kind,
                "cell": data.grid.cells[at].astype(str),
                "area": areas[at],
                "class": self.rules.classify(one.hot[at]),
                "hot_now": one.hot[at, -1],
                "hot_periods": one.hot[at].sum(axis=1),
                "events": one.counts[at].sum(axis=1),
                "count": one.counts[at, -1],
                "local_count": one.local[at, -1],
                "z": one.z[at, -1],
                "p": one.p[at, -1],
                "q": one.q[at, -1],
            }
        )

    def _classes(self, results: list[_Result]) -> pd.DataFrame:
        """Return the number of cells of each class and crime type."""
        rows = []
        for one in results:
            found = pd.Series(self.rules.classify(one.hot) if one.hot.shape[1] else []).value_counts()
            names = [*CLASSES, *([NOT_CLASSED] if NOT_CLASSED in found else [])]
            rows += [{"crime_type": one.kind, "class": name, "cells": int(found.get(name, 0))} for name in names]
        return pd.DataFrame(rows, columns=["crime_type", "class", "cells"])

    def _facts(
        self, tables: dict[str, pd.DataFrame], edges: pd.DatetimeIndex, length: str
    ) -> dict[str, float | int | str]:
        """Return the numbers that sentences are made of."""
        changes, classes = tables["hot_changes"]["change"], tables["hot_classes"]
        periods = tables["hot_periods"]
        last = periods[periods["last"] == periods["last"].max()]
        facts: dict[str, float | int | str] = {
            "periods": len(edges) - 1,
            "period_days": self.period_days or "month",
            "period_length": length,
            "types_tested": int((last["state"] == _TESTED).sum()),  # in the last period
            "hot_spots": int(tables["hot_cells"]["hot_now"].sum()),
            "method": self.method,
            "correction": self.correction,
        }
        facts |= {f"hot_spots_{name}": int((changes == name).sum()) for name in (NEW, GONE, LASTING)}
        for name in CLASSES:
            if name != NEVER:
                facts[f"class_{name.replace(' ', '_')}"] = int(classes.loc[classes["class"] == name, "cells"].sum())
        if len(edges) > 1:
            facts |= {"period_first": f"{edges[-2]:%Y-%m-%d}", "period_end": f"{edges[-1]:%Y-%m-%d}"}
        return facts


def _counts(data: DescriptionData, cell: Integers, edges: pd.DatetimeIndex) -> list[tuple[str, Integers]]:
    """Return the events of each crime type by cell and period."""
    number, cells = len(edges) - 1, len(data.grid)
    period = edges.searchsorted(data.counted.table["occurred_at"].to_numpy(), side="right") - 1
    inside = (cell >= 0) & (period >= 0) & (period < number)
    codes = data.events.table["crime_type"].cat.codes.to_numpy()
    out = []
    for code, kind in enumerate(data.events.crime_types):
        own = inside & (codes == code)
        flat = np.bincount(cell[own] * number + period[own], minlength=cells * number)
        out.append((kind, flat.reshape(cells, number)))
    return out


def _changes(one: _Result, before: _Result, data: DescriptionData, areas: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Return the cells that are a hot spot now or were one in the last period of earlier tests."""
    change = change_since(one.hot[:, -1], before.hot[:, -1])
    at = np.flatnonzero(change != "")
    if not len(at):
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "crime_type": one.kind,
            "cell": data.grid.cells[at].astype(str),
            "area": areas[at],
            "change": change[at],
            "count": one.counts[at, -1],
            "earlier_count": before.counts[at, -1],
            "q": one.q[at, -1],
            "earlier_q": before.q[at, -1],
        }
    )


def _periods(one: _Result, edges: pd.DatetimeIndex) -> pd.DataFrame:
    """Return events, hot cells and whether the test is defined, for each period."""
    events = one.counts.sum(axis=0)
    return pd.DataFrame(
        {
            "crime_type": one.kind,
            "first": edges[:-1],
            "last": edges[1:] - pd.Timedelta(days=1),
            "events": events,
            "hot_cells": one.hot.sum(axis=0),
            "state": np.select([events == 0, np.isnan(one.z).all(axis=0)], [_NO_EVENTS, _EQUAL], _TESTED),
        }
    )


def _by_area(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the number of hot spots that are new, gone and lasting by area and crime type."""
    keys = ["area", "crime_type"]
    if changes.empty:
        return pd.DataFrame(columns=[*keys, "hot_cells", NEW, GONE, LASTING])
    flags = pd.DataFrame({name: (changes["change"] == name).astype(int) for name in (NEW, GONE, LASTING)})
    table = pd.concat([changes[keys], flags], axis=1).groupby(keys, as_index=False).sum()
    table.insert(len(keys), "hot_cells", table[NEW] + table[LASTING])
    return table


def _concat(tables: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the tables as one; without rows it still has its columns."""
    full = [table for table in tables if len(table)]
    return pd.concat(full, ignore_index=True)[list(columns)] if full else pd.DataFrame(columns=list(columns))
