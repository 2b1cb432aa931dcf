"""Test for near repeats: crimes close in space and time more often than by chance (Knox test)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control

from ilp_models.description.process_comparison import (
    BAND_COLUMNS,
    PROCESS_COLUMNS,
    compare_bands,
    compare_whole,
    delay_edges,
    half_steps,
    not_compared,
)
from ilp_models.description.repeat_bands import RepeatBands
from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.domain.errors import InputError
from ilp_models.domain.repeat_process import RepeatProcess
from ilp_models.stats.knox import (
    METRICS,
    PROFILE_BINS,
    ClosePairs,
    count_close_pairs,
    count_near,
    count_near_days,
    find_close_pairs,
    knox_table,
    local_knox,
    pairs_by_lag,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Rows = dict[str, Any]

_KNOX: Final = (
    *("crime_type", "distance", "days", "from_m", "below_m", "days_from", "days_to"),
    *("observed", "expected", "ratio", "p", "q", "near_repeat"),
)
_DECAY: Final = ("crime_type", "excess_pairs", "half_distance_m", "half_days", "within_m", "within_days")
_LOCAL: Final = (
    *("incident", "crime_type", "day", "cell", "area"),
    *("near_in_space", "near_in_both", "p", "q", "local_cluster"),
)
_NO_BANDS: Final = pd.DataFrame(
    {"crime_type": [""], "distance": [""], "below_m": [0.0], "days": [""], "days_to": [0.0], "ratio": [0.0]}
).iloc[:0]


@dataclass(frozen=True)
class NearRepeats:
    """Test for near repeats: pairs of crimes close in space and time more often than by chance (Knox test).

    Every pair of events of a crime type counts once, by distance and by days apart. Days are calendar days; times of
    day do not matter. The expected number of pairs is the total of the distance band times that of the day
    band, divided by all pairs. P-values come from permutations of the dates. The tables show which bands have more
    pairs than expected, and which recent incidents are within such a band now. They describe the past and are not a
    forecast.

    Parameters
    ----------
    weeks : int, default 104
        Number of weeks to use, at the end of the records. A trend over many years that differs between parts of the
        city looks like near repeats.
    distance_bands_m : sequence of float, default (200, 400, 600)
        Upper ends of the distance bands in metres, ascending. A band holds distances from its lower end to below its
        upper end. Another band holds all pairs further apart.
    day_bands : sequence of int, default (1, 8, 15, 29)
        First days of the later day bands, ascending: same day, 1 to 7, 8 to 14, 15 to 28 days, and 29 days or more.
    same_place_m : float, default 0.5
        Pairs closer than this are in a separate band, the same place; 0 for no such band.
    metric : str, default "manhattan"
        Distance: ``manhattan`` (sum of the differences in x and y) or ``euclidean`` (straight line).
    draws : int, default 999
        Number of permutations of the dates.
    seed : int, default 0
        Seed of the permutations.
    significance : float, default 0.05
        Largest expected share of false discoveries among the bands of a crime type that count as near repeats, and
        among the recent incidents of local Knox.
    min_ratio : float, default 1.2
        Smallest ratio of observed to expected pairs in a near-repeat band. Smaller ratios are of no use to a patrol.
    local_days : int, default 7
        Local Knox: two events are close in time if they are at most this many days apart. They are close in space if
        they are in the first distance band, the same place included.
    recent_days : int, default 28
        Local Knox tests the incidents of this many days before the end of the records.
    max_pairs : int, default 50000000
        A crime type with more pairs closer than the largest distance is left out, and a note says so.
    process : bool, default True
        Whether to compare the table with a self-exciting process. ``ilp.describe_events`` fits it.

    Raises
    ------
    InputError
        If a setting is out of range, or bands overlap.

    Notes
    -----
    The table is that of Knox [1]_, used for burglary by Johnson and others [2]_. Local Knox follows Rogerson [3]_.
    Benjamini and Hochberg [4]_ limit false discoveries over the closed bands.

    References
    ----------
    .. [1] Knox (1964). The detection of space-time interactions. Applied Statistics 13(1), 25-30.
    .. [2] Johnson et al. (2007). Space-time patterns of risk: a cross national assessment of residential burglary
       victimization. Journal of Quantitative Criminology 23, 201-219.
    .. [3] Rogerson (2001). Monitoring point patterns for the development of space-time clusters. Journal of the Royal
       Statistical Society A 164(1), 87-96.
    .. [4] Benjamini, Hochberg (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society B
       57(1), 289-300.

    Examples
    --------
    >>> from ilp_models.data.simulated.city import SimulatedCity
    >>> from ilp_models.domain.description import DescriptionData
    >>> from ilp_models.grid.square import SquareGrid
    >>> events = SimulatedCity(weeks=60).read()
    >>> part = NearRepeats(draws=99).describe(DescriptionData(events, SquareGrid(500).build(events)))
    >>> knox = part.tables["knox"]
    >>> knox.loc[knox["near_repeat"], ["crime_type", "distance", "days"]].iloc[0].tolist()
    ['burglary', '0.5 to under 200 m', 'same day']
    """

    weeks: int = 104
    distance_bands_m: Sequence[float] = (200.0, 400.0, 600.0)
    day_bands: Sequence[int] = (1, 8, 15, 29)
    same_place_m: float = 0.5
    metric: str = "manhattan"
    draws: int = 999
    seed: int = 0
    significance: float = 0.05
    min_ratio: float = 1.2
    local_days: int = 7
    recent_days: int = 28
    max_pairs: int = 50_000_000
    process: bool = True

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("distance_bands_m", "day_bands"):
            value = getattr(self, name)
            if not isinstance(value, Iterable):
                msg = f"description.near_repeats.{name}={value!r} must be a list, such as [{value}]."
                raise InputError(msg)
        _ = self.bands  # it refuses bands that overlap
        if self.metric not in METRICS:
            msg = f"description.near_repeats.metric={self.metric!r} is unknown. Choose one of {', '.join(METRICS)}."
            raise InputError(msg)
        least = {"weeks": 1, "draws": 1, "local_days": 0, "recent_days": 1, "max_pairs": 1, "seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and value >= low):
                msg = f"description.near_repeats.{name}={value!r} must be a whole number of at least {low}."
                raise InputError(msg)
        if not (isinstance(self.min_ratio, Real) and 1 <= self.min_ratio < np.inf):
            msg = f"description.near_repeats.min_ratio={self.min_ratio!r} must be a number of at least 1, such as 1.2."
            raise InputError(msg)
        if not (isinstance(self.significance, Real) and 0 < self.significance < 1):
            msg = f"description.near_repeats.significance={self.significance!r} must be between 0 and 1, such as 0.05."
            raise InputError(msg)

    @property
    def name(self) -> str:
        """The name of the part."""
        return "near_repeats"

    @property
    def bands(self) -> RepeatBands:
        """The bands of distance and days."""
        return RepeatBands(tuple(self.distance_bands_m), tuple(self.day_bands), self.same_place_m)

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the tables of this part.

        Parameters
        ----------
        data : DescriptionData
            Records, grid and the level of areas to name.

        Returns
        -------
        DescribedPart
            Table ``knox`` has all bands, and ``decay`` how far and how long the excess lasts. Table ``local`` has
            recent incidents with others close in space and time. Table ``risk`` has incidents within a near-repeat band
            on the day after the records, and ``risk_areas`` their number by area. Tables ``process`` and
            ``process_bands`` compare the Knox table with a self-exciting process, if one is fitted.
        """
        incidents, end = _incidents(data), data.events.end.ceil("D")
        first = end - pd.Timedelta(weeks=self.weeks)
        used = (incidents["day"] >= first) & (incidents["day"] < end)
        unused = int((~used).sum())
        incidents = incidents[used].reset_index(drop=True)
        processes = self._processes(data, used.to_numpy(), first)
        knox: list[pd.DataFrame] = []
        decay: list[Rows] = []
        local: list[pd.DataFrame] = []
        whole: list[Rows] = []
        in_bands: list[pd.DataFrame] = []
        notes: list[str] = data.span_notes
        if data.months_only:
            notes.append("Near repeats are not tested: only the months of the records are known.")
        for position, kind in enumerate(() if data.months_only else data.events.crime_types):
            own = incidents[incidents["crime_type"] == kind]
            pairs = self._pairs(kind, own, notes)
            if pairs is None:
                continue
            table = self._knox(kind, own, pairs, np.random.default_rng((self.seed, position)))
            knox.append(table)
            excess = self._excess(own, pairs)
            decay.append(self._decay(kind, excess, found=bool(table["near_repeat"].any())))
            local.append(self._local(own, pairs, data.events.end))
            process = processes.get(kind)
            if isinstance(process, RepeatProcess):
                in_bands.append(compare_bands(table, process, self.bands, self.metric))
                near = bool((table["near_repeat"] & (table["days_to"] > 0)).any())
                whole.append(compare_whole(in_bands[-1], process, excess[:, 1:], self.bands, self.metric, near=near))
        tables = self._tables(knox, decay, local)
        tables["process"] = pd.DataFrame(whole, columns=list(PROCESS_COLUMNS))
        tables["process_bands"] = _joined(in_bands, BAND_COLUMNS)
        tables["risk"] = self._risk(tables["knox"], incidents, data.events.end)
        tables["risk_areas"] = _by_area(tables["risk"])
        notes += self._notes(tables, incidents)
        notes += not_compared({kind: why for kind, why in processes.items() if isinstance(why, str)})
        if unused:
            notes.append(
                f"Near repeats do not use records before {first:%Y-%m-%d} (weeks={self.weeks}) or from {end:%Y-%m-%d} "
                f"on: {unused:,}."
            )
        return DescribedPart(self.name, tables, self._facts(tables), tuple(notes))

    def _pairs(self, kind: str, own: pd.DataFrame, notes: list[str]) -> ClosePairs | None:
        """Return the close pairs of a crime type, or None with a note."""
        if len(own) < 2:
            notes.append(f"{kind}: near repeats are not tested, because fewer than two records make no pair.")
            return None
        xy, edges = own[["x", "y"]].to_numpy(dtype=float), self.bands.edges_m
        close = count_close_pairs(xy, float(edges[-1]), self.metric)
        if close > self.max_pairs:
            notes.append(
                f"{kind}: near repeats are not tested, because {close:,} pairs are closer than {edges[-1]:g} m. The "
                f"limit is max_pairs={self.max_pairs:,}. Set smaller distance_bands_m or fewer weeks."
            )
            return None
        return find_close_pairs(xy, _days(own), edges, self.day_bands[-1], self.metric)

    def _knox(self, kind: str, own: pd.DataFrame, pairs: ClosePairs, rng: np.random.Generator) -> pd.DataFrame:
        """Return one row for each band of distance and days."""
        counts = knox_table(pairs, _days(own), np.array(self.day_bands, dtype=np.int64), draws=self.draws, rng=rng)
        closed = np.zeros(counts.p.shape, dtype=bool)
        closed[:-1, :-1] = True
        q = np.full(counts.p.shape, np.nan)
        q[closed] = false_discovery_control(counts.p[closed])
        ratio = np.divide(counts.observed, counts.expected, out=np.full(q.shape, np.nan), where=counts.expected > 0)
        near = closed & (q <= self.significance) & (ratio >= self.min_ratio)
        rows = [
            {"crime_type": kind, "distance": distance[0], "days": day[0], "from_m": distance[1], "below_m": distance[2]}
            | {"days_from": day[1], "days_to": day[2], "observed": counts.observed[i, j]}
            | {"expected": counts.expected[i, j], "ratio": ratio[i, j], "p": counts.p[i, j], "q": q[i, j]}
            | {"near_repeat": near[i, j]}
            for i, distance in enumerate(self.bands.distances)
            for j, day in enumerate(self.bands.days)
        ]
        return pd.DataFrame(rows)

    def _processes(
        self, data: DescriptionData, used: npt.NDArray[np.bool_], first: pd.Timestamp
    ) -> Mapping[str, RepeatProcess | str]:
        """Return the self-exciting process of each crime type, or why there is none."""
        same_day_only = self.day_bands[-1] == 1
        if not self.process or same_day_only or data.repeat_model is None or data.months_only or not used.any():
            return {}
        start = max(first, data.events.start.normalize())
        known = replace(data.counted, table=data.counted.table[used], start=start)
        return data.repeat_model(known, delay_edges(self.bands))

    def _excess(self, own: pd.DataFrame, pairs: ClosePairs) -> Floats:
        """Return the close pairs above expectation, by step of distance and by days apart."""
        by_day = pairs_by_lag(_days(own), self.day_bands[-1])
        excess = pairs.profile - pairs.profile.sum(axis=1)[:, None] * (by_day / by_day.sum())
        return np.asarray(excess[:, :-1])  # the open band of days is the rest

    def _decay(self, kind: str, excess: Floats, *, found: bool) -> Rows:
        """Return the close pairs above expectation, and the distance and days within which half of them lie."""
        total, largest = float(excess.sum()), self.distance_bands_m[-1]
        known = found and total > 0
        steps = half_steps(excess.sum(axis=1)) if known else np.nan
        days = half_steps(excess.sum(axis=0)) - 1 if known else np.nan
        return {
            "crime_type": kind,
            "excess_pairs": total,
            "half_distance_m": round(steps * largest / PROFILE_BINS, 1),
            "half_days": days,
            "within_m": float(largest),
            "within_days": self.day_bands[-1] - 1,
        }

    def _local(self, own: pd.DataFrame, pairs: ClosePairs, end: pd.Timestamp) -> pd.DataFrame:
        """Return the recent incidents that have a pair close in both space and time."""
        days = _days(own)
        near_space, near_both = count_near(pairs, days, self.bands.first_distance_bands, self.local_days)
        p = local_knox(near_space, near_both, count_near_days(days, self.local_days))
        recent = (own["day"] >= (end - pd.Timedelta(days=self.recent_days)).normalize()).to_numpy()
        table = own.loc[recent, ["incident", "crime_type", "day", "cell", "area"]]
        table = table.assign(near_in_space=near_space[recent], near_in_both=near_both[recent], p=p[recent])
        table["q"] = false_discovery_control(table["p"]) if len(table) else table["p"]
        table["local_cluster"] = table["q"] <= self.significance
        return table[table["near_in_both"] > 0]

    def _risk(self, knox: pd.DataFrame, incidents: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
        """Return the incidents that are within a near-repeat band on the first day after the records, by distance."""
        today = end.ceil("D")
        live = knox[knox["near_repeat"] & (knox["days_to"] > 0)] if len(knox) else knox
        table = incidents[["incident", "crime_type", "day", "cell", "area"]].merge(
            live[["crime_type", "distance", "below_m", "days", "days_to", "ratio"]] if len(live) else _NO_BANDS,
            on="crime_type",
        )
        table["risk_until"] = table["day"] + pd.to_timedelta(table["days_to"], unit="D")
        table = table[table["risk_until"] >= today].sort_values(["risk_until"], ascending=False, kind="stable")
        table = table.drop_duplicates(["incident", "below_m"]).rename(columns={"below_m": "radius_m"})
        order = ["area", "crime_type", "risk_until", "incident", "radius_m"]
        return table.drop(columns="days_to").sort_values(order, ignore_index=True)

    def _tables(
        self, knox: list[pd.DataFrame], decay: list[Rows], local: list[pd.DataFrame]
    ) -> dict[str, pd.DataFrame]:
        """Return the tables of all crime types; a table without rows still has its columns."""
        return {
            "knox": _joined(knox, _KNOX),
            "decay": pd.DataFrame(decay, columns=list(_DECAY)),
            "local": _joined(local, _LOCAL),
        }

    def _facts(self, tables: dict[str, pd.DataFrame]) -> dict[str, float | int | str]:
        """Return the numbers that sentences are made of."""
        knox, risk = tables["knox"], tables["risk"]
        near = knox[knox["near_repeat"].astype(bool)]
        facts: dict[str, float | int | str] = {
            "types_tested": int(knox["crime_type"].nunique()),
            "types_with_near_repeats": int(near["crime_type"].nunique()),
            "types_with_near_repeats_after_the_day": int(near.loc[near["days_to"] > 0, "crime_type"].nunique()),
            "incidents_at_risk": int(risk["incident"].nunique()),
            "local_clusters": int(tables["local"]["local_cluster"].sum()),
            "metric": self.metric,
            "draws": self.draws,
        }
        later = near[near["days_to"] > 0]
        if len(later):  # the most pairs above expectation: the largest ratios are those of few pairs
            top = later.iloc[int((later["observed"] - later["expected"]).to_numpy(dtype=float).argmax())]
            facts |= {f"strongest_{name}": str(top[name]) for name in ("crime_type", "distance", "days")}
            facts |= {"strongest_ratio": float(top["ratio"]), "strongest_observed": int(top["observed"])}
        return facts

    def _notes(self, tables: dict[str, pd.DataFrame], incidents: pd.DataFrame) -> list[str]:
        """Return what was left out and what a reader must know."""
        notes = ["Near repeats: days apart are counted by calendar day. Times of day are not used."]
        near = tables["knox"][tables["knox"]["near_repeat"].astype(bool)]
        for kind, bands in near.groupby("crime_type", sort=False):
            if (bands["days_to"] == 0).all():
                notes.append(f"{kind}: near repeats are on the same day only, which is too late for a patrol.")
        closed = len(self.bands.edges_m) * len(self.day_bands)
        if closed / (self.draws + 1) > self.significance:
            notes.append(
                f"Near repeats: {self.draws} draws are too few for {closed} bands, so that a single band cannot become "
                f"significant. Set near_repeats.draws to at least {int(np.ceil(closed / self.significance))}."
            )
        outside = int((incidents["cell"] == "").sum())
        if outside:
            notes.append(f"Near repeats: records outside the grid count in pairs, but have no cell: {outside:,}.")
        return notes


def _incidents(data: DescriptionData) -> pd.DataFrame:
    """Return number, crime type, day, coordinates, cell and area of each event."""
    table, cell = data.counted.table, data.event_cells
    return pd.DataFrame(
        {
            "incident": np.arange(len(table)),
            "crime_type": table["crime_type"].astype(str).to_numpy(),
            "day": table["occurred_at"].dt.normalize().to_numpy(),
            "x": table["x"].to_numpy(),
            "y": table["y"].to_numpy(),
            "cell": np.where(cell >= 0, data.grid.cells.astype(object).to_numpy()[cell], ""),
            "area": data.event_areas,
        }
    )


def _days(own: pd.DataFrame) -> Integers:
    """Return whole days since the first event."""
    return np.asarray((own["day"] - own["day"].min()).dt.days, dtype=np.int64)


def _joined(tables: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return tables as one; without rows it still has its columns."""
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns))


def _by_area(risk: pd.DataFrame) -> pd.DataFrame:
    """Return the incidents within a near-repeat band by area and crime type."""
    groups = risk.groupby(["area", "crime_type"], sort=True, as_index=False)
    return groups.agg(incidents=("incident", "nunique"), radius_m=("radius_m", "max"), risk_until=("risk_until", "max"))
