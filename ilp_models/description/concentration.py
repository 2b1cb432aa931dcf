"""Measure how few places hold most of the recorded crimes, against what chance alone would give."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.scores import ALL
from ilp_models.stats.concentration import areas_with_half, generalised_gini

Floats = npt.NDArray[np.float64]

_YEAR: Final = pd.Timedelta(days=364)
_REPEAT: Final = 2
_MOST_DRAWS: Final = 9_999  # more need gigabytes and change no decimal that is shown


@dataclass(frozen=True)
class Concentration:
    """Measure how concentrated recorded crimes are on places, and whether the same places stay busy.

    Places are the cells of the grid. No address is shown.

    Parameters
    ----------
    cell_shares : sequence of float, default (0.01, 0.05, 0.1, 0.2, 0.5)
        Report the share of crimes in these shares of the cells, busiest first; 0.2 is that of the 80-20 rule.
    draws : int, default 199
        Number of random distributions of as many crimes over the same cells, in proportion to their area. They show
        what chance alone would give.
    seed : int, default 0
        Seed of the random distributions.

    Raises
    ------
    InputError
        If a share is not between 0 and 1, ``draws`` is not from 19 to 9,999, or ``seed`` is negative.

    Notes
    -----
    With fewer crimes than cells, some cells are empty by necessity, and simple measures show concentration where there
    is none. The Gini coefficient is therefore the generalised one [1]_, and each share of crimes comes with that of
    random distributions. The shares by cell are points of a Lorenz curve [2]_.

    References
    ----------
    .. [1] Bernasco, Steenbeek (2017). More places than crimes: implications for evaluating the law of crime
       concentration at place. Journal of Quantitative Criminology 33, 451-467.
    .. [2] Weisburd (2015). The law of crime concentration and the criminology of place. Criminology 53, 133-157.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(weeks=60, size_km=3, districts=3).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(500), parts=[ilp.Concentration()])
    >>> table = description.part("concentration").tables["concentration"]
    >>> table[["crime_type", "cells", "cells_with_half"]].head(1).to_dict("records")
    [{'crime_type': 'all', 'cells': 36, 'cells_with_half': 8.0}]
    """

    cell_shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2, 0.5)
    draws: int = 199
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse settings that have no meaning."""
        shares: Any = self.cell_shares
        shares = [] if isinstance(shares, str) or not isinstance(shares, Iterable) else list(shares)
        if not shares or not all(isinstance(share, float | int) and 0 < share < 1 for share in shares):
            given = shares or self.cell_shares
            msg = f"description.concentration.cell_shares={given} must be numbers between 0 and 1, such as [0.2]."
            raise InputError(msg)
        object.__setattr__(self, "cell_shares", tuple(map(float, shares)))
        for name, low, high in (("draws", 19, _MOST_DRAWS), ("seed", 0, np.inf)):
            value: Any = getattr(self, name)
            if not (isinstance(value, int | np.integer) and low <= value <= high):
                limits = f"from {low} to {high:,}" if np.isfinite(high) else f"at least {low}"
                msg = f"description.concentration.{name}={value!r} must be a whole number, {limits}."
                raise InputError(msg)

    @property
    def name(self) -> str:
        """The name of the part."""
        return "concentration"

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the tables ``concentration``, ``cell_shares``, ``years``, ``repeat_places`` and ``repeat_cells``."""
        counts, years = _cell_counts(data)
        rng = np.random.default_rng(self.seed)
        area = data.grid.area_m2 / data.grid.area_m2.sum()
        measures: list[dict[str, object]] = []
        shares: list[dict[str, object]] = []
        repeats: list[dict[str, object]] = []
        for kind, cells in counts.items():  # the draws of one type at a time: with many types all need gigabytes
            chance = rng.multinomial(int(cells.sum()), area, size=self.draws)
            measures.append(_measures(kind, cells, chance))
            shares += self._share_rows(kind, cells, chance)
            repeats.append(_repeats(kind, cells, chance))
        tables = {
            "concentration": pd.DataFrame(measures),
            "cell_shares": pd.DataFrame(shares),
            "years": pd.DataFrame(
                [row for kind in counts for row in _stability(kind, years[kind], data.events.end)], columns=_YEARS
            ),
            "repeat_places": pd.DataFrame(repeats),
            "repeat_cells": pd.concat(
                [_repeat_cells(kind, counts[kind], years[kind], data) for kind in counts], ignore_index=True
            ),
        }
        outside = int((data.event_cells < 0).sum())
        notes = [f"Concentration does not count records outside the grid: {outside:,}."] if outside else []
        notes += data.span_notes
        facts: dict[str, float | int | str] = {"cells": len(data.grid), "draws": self.draws}
        return DescribedPart(self.name, tables, facts, tuple(notes))

    def _share_rows(self, kind: str, counts: Floats, chance: npt.NDArray[np.int64]) -> Iterator[dict[str, object]]:
        for share in self.cell_shares:
            top = max(1, round(share * len(counts)))
            drawn = _top_shares(chance, top)
            yield {
                "crime_type": kind,
                "cell_share": share,
                "cells": top,
                "crime_share": float(_top_shares(counts[None], top)[0]),
                "chance_crime_share": float(drawn.mean()),
                "chance_low": float(np.quantile(drawn, 0.025)),
                "chance_high": float(np.quantile(drawn, 0.975)),
            }


_YEARS: Final = ("crime_type", "first", "last", "events", "rank_correlation", "top_cells_kept", "chance_kept")
_TOP: Final = 0.05


def _cell_counts(data: DescriptionData) -> tuple[dict[str, Floats], dict[str, list[tuple[pd.Timestamp, Floats]]]]:
    """Return counts by cell of each type, for the whole span and for each whole year that ends with it."""
    cells, kinds = data.event_cells, list(data.events.crime_types)
    code = data.events.table["crime_type"].cat.codes.to_numpy()
    times, end = data.counted.table["occurred_at"], data.events.end
    year: Any = pd.DateOffset(years=1) if data.months_only else _YEAR  # 364 days can hold 11 firsts of a month
    names = [*([ALL] if len(kinds) > 1 else []), *kinds]
    whole, years = {}, {}
    for name in names:
        used = (cells >= 0) & (True if name == ALL else code == kinds.index(name))
        whole[name] = _count(cells[used], len(data.grid))
        spans, last = [], end
        while last - year >= data.events.start:
            inside = used & ((times >= last - year) & (times < last)).to_numpy()
            spans.append((last - year, _count(cells[inside], len(data.grid))))
            last -= year
        years[name] = spans[::-1]
    return whole, years


def _count(cells: npt.NDArray[np.int64], size: int) -> Floats:
    return np.bincount(cells, minlength=size).astype(np.float64)


def _measures(kind: str, counts: Floats, chance: npt.NDArray[np.int64]) -> dict[str, object]:
    drawn = np.array([areas_with_half(one.astype(np.float64)) for one in chance])
    half = areas_with_half(counts)
    return {
        "crime_type": kind,
        "events": int(counts.sum()),
        "cells": len(counts),
        "cells_with_events": int((counts > 0).sum()),
        "cells_with_half": half,
        "share_with_half": half / len(counts),
        "chance_share_with_half": float(drawn.mean()) / len(counts),
        "gini": generalised_gini(counts),
        "chance_gini": float(np.mean([generalised_gini(one.astype(np.float64)) for one in chance])),
    }


def _top_shares(counts: npt.NDArray[Any], top: int) -> Floats:
    """Return the share of crimes in the ``top`` busiest cells of each row; NaN without crimes."""
    total = counts.sum(axis=1)
    largest = np.partition(counts, counts.shape[1] - top, axis=1)[:, counts.shape[1] - top :].sum(axis=1)
    return np.asarray(np.divide(largest, total, out=np.full(len(counts), np.nan), where=total > 0))


def _stability(kind: str, years: list[tuple[pd.Timestamp, Floats]], last: pd.Timestamp) -> Iterator[dict[str, object]]:
    """Yield rows on each pair of years: rank correlation of the cells, and share of the busiest cells that stay so."""
    ends = [*(start for start, _ in years[2:]), last]
    for ((start, before), (_, after)), end in zip(pairwise(years), ends, strict=False):
        top = max(1, round(_TOP * len(before)))
        kept = set(np.argsort(-before, kind="stable")[:top]) & set(np.argsort(-after, kind="stable")[:top])
        varies = before.min() < before.max() and after.min() < after.max()
        yield {
            "crime_type": kind,
            "first": start.date(),
            "last": (end - pd.Timedelta(days=1)).date(),
            "events": int(before.sum() + after.sum()),
            "rank_correlation": float(spearmanr(before, after).statistic) if varies else float("nan"),
            "top_cells_kept": len(kept) / top,
            "chance_kept": top / len(before),
        }


def _repeat_cells(
    kind: str, counts: Floats, years: list[tuple[pd.Timestamp, Floats]], data: DescriptionData
) -> pd.DataFrame:
    """Return the cells with repeats, busiest first, with their crimes of the last year if the records hold one."""
    at = np.argsort(-counts, kind="stable")[: int((counts >= _REPEAT).sum())]
    columns: dict[str, Any] = {
        "crime_type": kind,
        "cell": data.grid.cells.astype(str)[at],
        "area": data.cell_areas[at],
        "events": counts[at].astype(np.int64),
        "events_last_year": years[-1][1][at] if years else np.nan,
    }
    return pd.DataFrame(columns)


def _repeats(kind: str, counts: Floats, chance: npt.NDArray[np.int64]) -> dict[str, object]:
    total = counts.sum()
    drawn = np.where(chance >= _REPEAT, chance, 0).sum(axis=1)
    return {
        "crime_type": kind,
        "cells_with_repeats": int((counts >= _REPEAT).sum()),
        "share_of_events": float(counts[counts >= _REPEAT].sum() / total) if total else float("nan"),
        "chance_share_of_events": float(drawn.mean() / total) if total else float("nan"),
        "most_events_in_a_cell": int(counts.max()),
    }
