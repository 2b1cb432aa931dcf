"""Region: several jurisdictions whose runs are read together, with totals that add up and rates."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.errors import StorageError
from ilp_models.domain.region_sums import (
    GROUP_COLUMNS,
    SKILL_COLUMNS,
    ShardSum,
    add_up,
    group_row,
    skill_row,
)
from ilp_models.domain.scores import ALL
from ilp_models.stats.funnel import Funnel, exact_rate_interval

RECORD: Final = "jurisdiction.json"  # in the folder of a run for a region: how it was made
# Files of a run that a region reads. None may be added to a run; those that it has, have a digest in RECORD.
READ_FILES: Final = (
    *("intake.json", "recorded.csv", "borders.csv", "skill.csv", "scores.parquet", "description.json"),
    *("contribution.json", "forecast.parquet", "decision.json"),
)
REGION: Final = "region"
LEVELS: Final = ("area", "jurisdiction", "part", REGION)
COUNTS: Final = ("recorded_last", "recorded_four", "recorded_year_ago")
_SUMS: Final = ("expected", *COUNTS)
_MOST: Final = 10**9  # expected crimes of a jurisdiction; sums of many in millionths stay whole numbers
_MILLION: Final = 1_000_000  # expected counts are added up as whole millionths, so that totals are exact
_UNIT: Final = ("level", "name", "jurisdiction", "crime_type", "period", "last_day")
_PERIOD: Final = ["period", "last_day"]  # a day and a week may start together
YEAR: Final = {"W": 52, "M": 12, "D": 364}  # periods by the first letter of their frequency
_PER: Final = 1000  # residents, in rates


class RunState(StrEnum):
    """How the run of a jurisdiction ended."""

    DONE = "done"
    REUSED = "reused"  # an earlier run with the same settings, records, code and period, of the last 24 hours
    FAILED = "failed"


@dataclass(frozen=True)
class JurisdictionResult:
    """How the run of one jurisdiction ended."""

    name: str
    state: RunState
    folder: str  # of the run
    error: str = ""  # of a failed run
    seconds: float = 0.0
    peak_mb: int = 0  # largest memory of the process, 0 if unknown
    attempts: int = 1
    register: str = ""  # with its decisions; empty for register.jsonl in its folder below `output`


@dataclass(frozen=True, eq=False)
class JurisdictionFacts:
    """What the finished run of one jurisdiction tells about it."""

    result: JurisdictionResult
    forecaster: str = ""
    verdict: str = ""  # admitted, approved by a reviewer, or withheld; empty if the task makes no decision
    reasons: Sequence[str] = ()  # of the verdict
    first_reason: str = ""  # the conclusion of the first of them
    areas: pd.DataFrame = field(default_factory=pd.DataFrame)  # sums of forecast and recorded counts: `sum_by_area`
    recorded: pd.DataFrame = field(default_factory=pd.DataFrame)  # crime_type, period, recorded
    intake: Mapping[str, Any] = field(default_factory=dict)
    borders: pd.DataFrame = field(default_factory=pd.DataFrame)
    skill: pd.DataFrame = field(default_factory=pd.DataFrame)
    described: Sequence[str] = ()  # the main sentences of a description of recorded crime
    outline: Any = None  # polygon, longitude and latitude
    score_sums: Sequence[ShardSum] = ()
    group_sums: Sequence[ShardSum] = ()  # of an audit with a group table

    @property
    def name(self) -> str:
        """The name of the jurisdiction."""
        return self.result.name


@dataclass(frozen=True, eq=False, repr=False)
class Region:
    """Several jurisdictions whose runs are read together. Make one with `ilp.read_region`.

    Attributes
    ----------
    name : str
        Name of the region.
    task : str
        The task that was run, such as ``weekly``.
    jurisdictions : tuple of JurisdictionFacts
        One for each jurisdiction, also for those that failed.
    parts : mapping of str to sequence of str
        Jurisdictions of larger areas, such as states.
    population : mapping of str to float
        Residents of jurisdictions, for rates.
    population_source : str
        Where the numbers of residents come from.
    """

    name: str
    task: str
    jurisdictions: tuple[JurisdictionFacts, ...]
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    population: Mapping[str, float] = field(default_factory=dict)
    population_source: str = ""

    def __repr__(self) -> str:
        """Return name, task and how many jurisdictions are in the results."""
        return f"<Region {self.name}: {self.task} of {len(self.finished)} of {len(self.jurisdictions)} jurisdictions>"

    @property
    def finished(self) -> tuple[JurisdictionFacts, ...]:
        """The jurisdictions that are in the results."""
        return tuple(one for one in self.jurisdictions if one.result.state is not RunState.FAILED)

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the jurisdictions whose run failed."""
        return tuple(one.name for one in self.jurisdictions if one.result.state is RunState.FAILED)

    @property
    def shared_types(self) -> tuple[str, ...]:
        """The crime types that all jurisdictions with rates have, in the order of the first one."""
        found = [list(dict.fromkeys(recorded["crime_type"])) for recorded in self._latest_year.values()]
        return tuple(kind for kind in found[0] if all(kind in types for types in found)) if found else ()

    @cached_property
    def _totals(self) -> pd.DataFrame:
        tables = [
            one.areas.assign(level="area", jurisdiction=one.name, missing="")[[*_UNIT, *_SUMS, "missing"]]
            for one in self.finished
            if len(one.areas)
        ]
        if not tables:
            return pd.DataFrame(columns=[*_UNIT, *_SUMS, "missing"])
        areas = pd.concat(tables, ignore_index=True)
        levels = [areas]
        for level, members in self._members().items():
            for name, inside in members.items():
                rows = areas[areas["jurisdiction"].isin(inside)]
                levels += [_summed(same, level, name, inside) for _, same in rows.groupby(_PERIOD, sort=False)]
                if rows.empty:
                    levels.append(_unknown(areas, level, name, inside))
        return pd.concat(levels, ignore_index=True)

    def totals(self) -> pd.DataFrame:
        """Return expected and recorded crimes of areas, jurisdictions, parts and the region, which add up exactly.

        Returns
        -------
        DataFrame
            One row for each ``level`` (area, jurisdiction, part, region), ``name``, ``crime_type`` and ``period`` (its
            first day; ``last_day`` is its last), with ``expected`` and the recorded counts before the period.
            ``missing`` names jurisdictions that are not in the sum, because their run failed, forecasts another period
            or has no such crime type. Crime types with the same name are added up.
        """
        table = self._totals.copy()
        table["expected"] = table["expected"].astype("Float64").astype(float) / _MILLION
        table[list(COUNTS)] = table[list(COUNTS)].astype("Int64")
        return table

    def rates(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return recorded crimes per 1,000 residents over the latest year, with intervals and shrunk rates.

        Jurisdictions are in the order of the region, because a rank would mostly show chance and recording practice.

        Parameters
        ----------
        confidence : float, default 0.95
            Confidence of all intervals.

        Returns
        -------
        DataFrame
            One row for each jurisdiction with residents and a year of records, and each crime type, and for all
            :attr:`shared_types` together, as ``all``. ``missing`` names the jurisdictions that are not compared.
            ``low`` and ``high`` are the exact interval of ``rate``. ``shrunk`` rates are gamma-Poisson means
            (Marshall 1991). The limits are those of chance alone and of chance with the usual spread. ``reading``
            says what the rate shows.
        """
        known = self._yearly_counts()
        kinds = [*dict.fromkeys(known["crime_type"]), *([ALL] if self.shared_types else [])]
        shared = known[known["crime_type"].isin(self.shared_types)]
        tables = [_rates_of(shared if kind == ALL else known, kind, confidence) for kind in kinds]
        names = [one.name for one in self.jurisdictions]
        tables = [one.assign(missing=_absent(names, set(one["jurisdiction"]))) for one in tables]
        columns = ["jurisdiction", "crime_type", "recorded", "residents", "rate", "low", "high", "reading", "missing"]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)

    def skill(self) -> pd.DataFrame:
        """Return the skill of each forecaster in jurisdictions, parts and the region, with intervals.

        Skill is 1 - summed deviance / summed deviance of the baseline. For its interval the same periods are resampled
        in all jurisdictions. It decides nothing: a gate uses the evidence of its own jurisdiction only.

        Returns
        -------
        DataFrame
            One row for each ``level`` (jurisdiction, part, region), ``name``, ``forecaster``, ``baseline``, ``lead``
            and ``crime_type`` (or ``all``): ``skill, low, high`` over ``n`` test periods. Jurisdictions are added up
            if test periods, baseline, delay and bootstrap are the same, and for ``all`` the crime types. ``missing``
            names the others, and those whose run failed or has no such scores.
        """
        return self._sums({one.name: one.score_sums for one in self.finished}, skill_row, SKILL_COLUMNS)

    def groups(self) -> pd.DataFrame:
        """Return the sums of the audits by group of residents in jurisdictions, parts and the region.

        They decide nothing: a gate uses the evidence of its own jurisdiction only.

        Returns
        -------
        DataFrame
            One row for each ``level`` (jurisdiction, part, region), ``name``, ``dimension``, ``group`` and
            ``crime_type`` (or ``all``), with the sums and the ``sum_ratio``, ``coverage`` and ``exposure`` that follow
            from them. Jurisdictions are added up if the groups of the dimension, test periods and rule are the same,
            and for ``all`` the crime types. ``missing`` names the others, and those whose run failed or has no audit
            of the group.
        """
        return self._sums({one.name: one.group_sums for one in self.finished}, group_row, GROUP_COLUMNS)

    def _sums(
        self, shards: Mapping[str, Sequence[ShardSum]], row: Callable[..., dict[str, Any]], columns: Sequence[str]
    ) -> pd.DataFrame:
        rows = [
            {"level": level, "name": name, **row(key, values), "missing": _absent(inside, there)}
            for level, members in self._members().items()
            for name, inside in members.items()
            for key, values, there in add_up({one: shards[one] for one in inside if one in shards})
        ]
        return pd.DataFrame(rows, columns=["level", "name", *columns, "missing"])

    def _members(self) -> dict[str, dict[str, list[str]]]:
        """Return which jurisdictions belong to each jurisdiction, part and the region."""
        names = [one.name for one in self.jurisdictions]
        parts = {name: list(inside) for name, inside in self.parts.items()}
        found = [one.name for one in self.finished]
        return {"jurisdiction": {name: [name] for name in found}, "part": parts, REGION: {self.name: names}}

    @cached_property
    def _latest_year(self) -> dict[str, pd.DataFrame]:
        """The records of the latest year of each jurisdiction with residents; shorter records have no yearly rate."""
        found = {}
        for one in self.finished:
            if not self.population.get(one.name) or not len(one.recorded):
                continue
            periods, year = one.recorded["period"].unique(), YEAR[str(one.recorded["freq"].iloc[0])[0]]
            if len(periods) >= year:
                found[one.name] = one.recorded[one.recorded["period"].isin(periods[-year:])]
        return found

    def _yearly_counts(self) -> pd.DataFrame:
        """Return the recorded counts of the latest year of each jurisdiction with residents."""
        rows = []
        for name, latest in self._latest_year.items():
            people = self.population[name]
            for kind, count in latest.groupby("crime_type", sort=False)["recorded"].sum().items():
                rows.append({"jurisdiction": name, "crime_type": kind, "recorded": int(count), "residents": people})
        return pd.DataFrame(rows, columns=["jurisdiction", "crime_type", "recorded", "residents"])


def sum_by_area(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of cells added up by area (column ``name``), crime type and period.

    Expected counts of cells become whole millionths, so that sums of sums are exact. StorageError if they are too large
    for that.
    """
    if not cells["expected"].sum() < _MOST:
        msg = f"The forecast expects more than {_MOST:,} crimes, which cannot be added up. Run the task again."
        raise StorageError(msg)
    whole = cells.assign(expected=(cells["expected"] * _MILLION).round().astype("int64"))
    return _added_up(whole, ["area", "crime_type", *_PERIOD]).rename(columns={"area": "name"})


def _added_up(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return sums by some columns. A sum is unknown if one of its parts is: it would look like a fall."""
    groups = rows.groupby(keys, sort=False)[[*_SUMS]]
    return groups.sum().where(groups.count().eq(groups.size(), axis=0)).reset_index()


def _summed(rows: pd.DataFrame, level: str, name: str, inside: Sequence[str]) -> pd.DataFrame:
    """Return the sums of some rows by crime type, with the jurisdictions that are not in them."""
    there = rows.groupby("crime_type", sort=False)["jurisdiction"].agg(set)
    own = inside[0] if level == "jurisdiction" else ""
    summed = _added_up(rows, ["crime_type", *_PERIOD])
    absent = [_absent(inside, there[kind]) for kind in summed["crime_type"]]
    return summed.assign(level=level, name=name, jurisdiction=own, missing=absent)[[*_UNIT, *_SUMS, "missing"]]


def _unknown(areas: pd.DataFrame, level: str, name: str, inside: Sequence[str]) -> pd.DataFrame:
    """Return rows without a sum for an area of which no jurisdiction is there, so that it is named in the table."""
    rows = areas[["crime_type", *_PERIOD]].drop_duplicates().reset_index(drop=True)
    rows = rows.assign(level=level, name=name, jurisdiction="", missing=", ".join(inside))
    rows[[*_SUMS]] = pd.NA
    return rows[[*_UNIT, *_SUMS, "missing"]]


def _absent(names: Sequence[str], there: Collection[str]) -> str:
    return ", ".join(name for name in names if name not in there)


def _rates_of(known: pd.DataFrame, kind: str, confidence: float) -> pd.DataFrame:
    """Return the rates of one crime type, or of all of them together."""
    if kind == ALL:
        rows = known.groupby(["jurisdiction", "residents"], sort=False)["recorded"].sum().reset_index()
        rows["crime_type"] = ALL
    else:
        rows = known[known["crime_type"] == kind].reset_index(drop=True)
    counts, people = (rows[name].to_numpy(dtype=float) for name in ("recorded", "residents"))
    funnel = Funnel.fit(counts, people)
    low, high = exact_rate_interval(counts, people, confidence)
    shrunk = funnel.shrunk(counts, people, confidence)
    chance = funnel.limits(people, confidence, spread=False)
    usual = funnel.limits(people, confidence, spread=True)
    rate = counts / people
    columns = {"rate": rate, "low": low, "high": high, "common_rate": np.full(len(rows), funnel.rate)}
    columns |= dict(zip(("shrunk", "shrunk_low", "shrunk_high"), shrunk, strict=True))
    columns |= {"chance_low": chance[0], "chance_high": chance[1]}
    if funnel.spread is None:
        columns = {name: values for name, values in columns.items() if not name.startswith("shrunk")}
    else:
        columns |= {"usual_low": usual[0], "usual_high": usual[1]}
    table = pd.DataFrame({name: values * _PER for name, values in columns.items()})
    reading = [_reading(*one, few=funnel.spread is None) for one in zip(rate, *chance, *usual, strict=True)]
    if len(rows) == 1:  # its own rate is the common rate
        reading = ["no other jurisdiction to compare with"]
    return pd.concat([rows[["jurisdiction", "crime_type", "recorded", "residents"]], table], axis=1).assign(
        reading=reading
    )


def _reading(rate: float, low: float, high: float, usual_low: float, usual_high: float, *, few: bool) -> str:
    """Return what a rate says in words; with few jurisdictions their usual spread is unknown."""
    if low <= rate <= high:
        return "as expected by chance"
    side = "higher" if rate > high else "lower"
    if few:
        return f"{side} than chance explains; too few jurisdictions to know the usual spread"
    return f"{side} than the usual spread" if not usual_low <= rate <= usual_high else "within the usual spread"
