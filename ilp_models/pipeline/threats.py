"""Assess the threats of a city: gather evidence, rank crime types under every harm set, and write the products."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.aggregate import NO_AREA, WHOLE_CITY
from ilp_models.domain.compute import Compute
from ilp_models.domain.disclaimers import RESEARCH_ONLY, SCOPE
from ilp_models.domain.enforcement_kinds import enforcement_kind
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events, check_events
from ilp_models.domain.harm import HarmSources, sets_side_by_side
from ilp_models.domain.harm_weights import HarmWeights
from ilp_models.domain.recipe import describe
from ilp_models.model.long_horizons.hierarchy import AREA, CITY
from ilp_models.model.long_horizons.horizons import LongHorizons
from ilp_models.model.long_horizons.past_origins import NEXT_YEAR
from ilp_models.pipeline.threat_inputs import (
    area_names,
    read_control_strategy,
    read_indicators,
    read_judgements,
    read_previous,
    read_residents,
)
from ilp_models.pipeline.totals import TotalsForecast, forecast_totals
from ilp_models.stats.concentration import areas_with_half, generalised_gini
from ilp_models.stats.count_trend import yearly_trend
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.area_inputs import add_area_inputs
from ilp_models.strategy.threats.area_ranking import rank_areas
from ilp_models.strategy.threats.assessment import ThreatAssessment
from ilp_models.strategy.threats.comparison import compare_assessments
from ilp_models.strategy.threats.confidence import Confidence, PastErrors, judge_confidence
from ilp_models.strategy.threats.gaps import find_gaps
from ilp_models.strategy.threats.inputs import ThreatInputs
from ilp_models.strategy.threats.judgements import JudgementScheme
from ilp_models.strategy.threats.threat_draws import ThreatCounts
from ilp_models.strategy.threats.threat_ranking import rank_by_harm
from ilp_models.strategy.threats.value_of_information import weigh_gaps

_TREND_MONTHS: Final = 36
_FEWEST_CRIMES: Final = (
    36  # in these months; with fewer, intervals of a trend cover too little (tests/stats/test_count_trend.py)
)
_TREND: Final = ("trend", "trend_low", "trend_high")
_HORIZONS: Final = LongHorizons(city_months=12, area_months=12, city_days=0, area_origins=0)


def assess_threats(  # noqa: PLR0913 - the settings of an assessment, each with a default
    events: Events,
    harm_sets: HarmSources,
    *,
    totals: TotalsForecast | None = None,
    long_horizons: LongHorizons | None = None,
    judgements: JudgementScheme | None = None,
    inputs: ThreatInputs | None = None,
    ranking: RankDraws | None = None,
    compute: Compute | None = None,
) -> ThreatAssessment:
    """Assess crime types as threats: evidence, harm under every set, judgements, and the ranking as a distribution.

    Parameters
    ----------
    events : Events
        All events.
    harm_sets : sequence of HarmSet, or mapping
        Two sets or more, because ranks depend on the set.
    totals : TotalsForecast, optional
        The forecast of the next 12 months; by default it is made with ``long_horizons``.
    long_horizons : LongHorizons, optional
        Settings of that forecast; 12 months for the city and its areas by default.
    judgements : JudgementScheme, optional
        Dimensions and weights of the judgements of analysts.
    inputs : ThreatInputs, optional
        Files with judgements, indicators, residents, the last assessment and a control strategy.
    ranking : RankDraws, optional
        How often the ranking is drawn, and from which probability an order counts as certain.
    compute : Compute, optional
        Where the series are forecast.

    Returns
    -------
    ThreatAssessment
        Evidence, rankings, gaps and conclusions.

    Raises
    ------
    InputError
        If fewer than two harm sets are given, a set lacks a crime type, or a file cannot be used.
    NotRunError
        If the records are shorter than the forecast needs.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=120).read()
    >>> year = ilp.LongHorizons(city_months=12, area_months=0, city_days=0, origins=0)
    >>> mean, one = ilp.SeriesMean(train_periods=24), ilp.LocalProcesses(1)
    >>> totals = ilp.forecast_totals(events, mean, long_horizons=year, compute=one)
    >>> harm = [ilp.load_harm_set("csi_2009"), ilp.load_harm_set("ons_css")]
    >>> assessment = ilp.assess_threats(events, harm, totals=totals, ranking=ilp.RankDraws(1000))
    >>> assessment.first  # crime types that can be the first threat under one of the harm sets
    ('assault', 'robbery', 'vehicle_theft')
    """
    inputs, scheme, ranking = inputs or ThreatInputs(), judgements or JudgementScheme(), ranking or RankDraws()
    sets = sets_side_by_side(harm_sets)
    if not sets:
        msg = "An assessment needs harm sets. Choose two or more: 'harm=[csi_2009,ons_css]'; see docs/harm.md."
        raise InputError(msg)
    check_events(events)
    left_out = {kind: found for kind in events.crime_types if (found := enforcement_kind(kind))}
    threats = tuple(kind for kind in events.crime_types if kind not in left_out)
    if len(threats) < 2:
        without = ", ".join(left_out) or "no type"
        msg = f"Only {len(threats)} crime type can be ranked; {without} depends on police activity. Give more types."
        raise InputError(msg)
    weights = tuple(one.for_types(threats) for one in sets)
    horizons = vars(long_horizons or _HORIZONS) if totals is None else totals.facts["settings"]
    names = area_names(events, horizons["merge"] or {})
    forecast_areas = names if horizons["area_months"] else []
    scored = read_judgements(inputs.judgements, scheme, threats, forecast_areas)
    indicators = read_indicators(inputs.indicators, events.crime_types, forecast_areas)
    residents = read_residents(inputs.residents, names)
    strategy = read_control_strategy(inputs.control_strategy, threats)
    totals = totals or forecast_totals(events, long_horizons=long_horizons or _HORIZONS, compute=compute)
    table = _evidence(totals, threats, residents)
    past, missing = _past_errors(totals, CITY), _missing_shares(events, threats)
    confidences = tuple(
        _confidence(threat, recorded, past, weights, totals, missing)
        for threat, recorded in zip(threats, table["recorded"], strict=True)
    )
    table = table.assign(confidence=[one.level for one in confidences])
    counts = _counts(totals, threats)
    rankings = tuple(rank_by_harm(counts, one, scored, ranking) for one in weights)
    gaps = find_gaps(threats, scored, weights, confidences)
    return ThreatAssessment(
        table=table,
        areas=add_area_inputs(_areas(totals, threats, weights, residents, missing), scored.areas, indicators),
        area_ranks=rank_areas(_area_counts(totals, threats), weights, ranking),
        rankings=rankings,
        judgements=scored,
        confidences=confidences,
        gaps=weigh_gaps(gaps, counts, weights, scored, ranking),
        left_out=left_out,
        indicators=indicators,
        counts=counts,
        strategy=strategy,
        facts={
            **{name: totals.facts[name] for name in ("city", "method", "records", "months", "data", "code", "made")},
            **{name: totals.facts[name] for name in ("simulated", "attribution")},
            "use": RESEARCH_ONLY,
            "scope": SCOPE,
            "harm_sets": [one.name for one in sets],
            "judgements": describe(scheme),
            "known_judgements": scored.known,
            **vars(ranking),
            "totals": totals.facts["recipe"],
        },
    )


def compare_with_previous(assessment: ThreatAssessment, folder: str) -> pd.DataFrame:
    """Return what rose and fell since the assessment in a folder, and why."""
    return compare_assessments(assessment, read_previous(folder), f"inputs.previous={folder}")


def _evidence(totals: TotalsForecast, threats: Sequence[str], residents: Mapping[str, float]) -> pd.DataFrame:
    """Return the evidence on each threat in the city."""
    year = totals.next_year()
    city = {row["crime_type"]: row for row in year[year["level"] == CITY].to_dict("records")}
    area_rows = year[(year["level"] == AREA) & (year["area"] != NO_AREA)]
    past = _past_errors(totals, CITY)
    rows = []
    for threat in threats:
        one, tested = city[threat], past[threat]
        monthly = totals.recorded.loc[totals.recorded["crime_type"] == threat, "recorded"].to_numpy(dtype=float)
        by_area = area_rows.loc[area_rows["crime_type"] == threat, "last_12_months"].to_numpy(dtype=float)
        rows.append(
            {
                "threat": threat,
                "recorded": float(one["last_12_months"]),
                "expected": float(one["next_12_months"]),
                "low": float(one["low"]),
                "high": float(one["high"]),
                "change": float(one["change"]),
                "rate_per_1000": 1000 * float(one["last_12_months"]) / residents.get(WHOLE_CITY, float("nan")),
                **_trend(monthly),
                "gini": generalised_gini(by_area),
                "half_in_areas": areas_with_half(by_area),
                "forecast_error": tested.error,
                "coverage": tested.coverage,
                "origins": tested.origins,
            }
        )
    return pd.DataFrame(rows)


def _trend(monthly: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return the change a year over the last 36 months with its interval; NaN with too few crimes."""
    latest = monthly[-_TREND_MONTHS:]
    if latest.sum() < _FEWEST_CRIMES:
        return dict.fromkeys(_TREND, float("nan"))
    found = yearly_trend(latest)
    return dict(zip(_TREND, (found.factor - 1, found.low - 1, found.high - 1), strict=True))


def _past_errors(totals: TotalsForecast, level: str) -> dict[str, PastErrors]:
    """Return the errors of past forecasts of 12 months by crime type; those of areas are pooled over the areas."""
    scores = totals.scores[(totals.scores["leads"] == NEXT_YEAR) & (totals.scores["level"] == level)]
    untested = dict.fromkeys(totals.months.hierarchy.crime_types, PastErrors(float("nan"), float("nan"), 0))
    return untested | {
        str(row["crime_type"]): PastErrors(float(row["wape"]), float(row["coverage"]), int(row["origins"]))
        for row in scores.to_dict("records")
    }


def _confidence(
    threat: str,
    recorded: float,
    past: Mapping[str, PastErrors],
    weights: Sequence[HarmWeights],
    totals: TotalsForecast,
    missing: Mapping[str, float],
) -> Confidence:
    shifts = totals.shifts[(totals.shifts["crime_type"] == threat) & (totals.shifts["source"] == "found, not declared")]
    ranges = [
        float(one.high[at] / one.low[at])
        for one in weights
        if (at := one.crime_types.index(threat)) >= 0 and one.low[at] > 0
    ]
    return judge_confidence(
        recorded=float(recorded),
        past=past[threat],
        shifted=not shifts.empty,
        ranges=ranges,
        missing_share=missing[threat],
    )


def _missing_shares(events: Events, threats: Sequence[str]) -> dict[str, float]:
    """Return the share of each threat's records without coordinates; rows that the settings exclude do not count."""
    if events.intake is None or events.intake.missing_coordinates is None:
        return dict.fromkeys(threats, 0.0)
    table = events.intake.missing_coordinates
    missing = table[(table["day"] >= events.start) & (table["day"] < events.end)].groupby("crime_type")["count"].sum()
    known = events.table["crime_type"].value_counts()
    lost = {threat: int(missing.get(threat, 0)) for threat in threats}
    return {threat: count / (count + int(known[threat])) if count else 0.0 for threat, count in lost.items()}


def _counts(totals: TotalsForecast, threats: Sequence[str]) -> ThreatCounts:
    """Return the counts of the threats in the city, with the variance of their forecast of 12 months."""
    labels = totals.months.hierarchy.labels
    city = labels["level"] == CITY
    own = [int(np.flatnonzero(city & (labels["crime_type"] == threat))[0]) for threat in threats]
    return _counts_of(totals, own, threats)


def _area_counts(totals: TotalsForecast, threats: Sequence[str]) -> dict[str, ThreatCounts]:
    """Return the counts of each threat in each area, without records of no area; empty without areas."""
    labels = totals.months.hierarchy.labels
    inside = (labels["level"] == AREA) & (labels["area"] != NO_AREA)
    found = {}
    for threat in threats:
        own = np.flatnonzero(inside & (labels["crime_type"] == threat)).tolist()
        if own:
            found[threat] = _counts_of(totals, own, labels["area"].iloc[own].astype(str))
    return found


def _counts_of(totals: TotalsForecast, rows: Sequence[int], names: Iterable[str]) -> ThreatCounts:
    expected, variance = totals.months.year_moments()
    recorded = totals.months.counts[rows, -12:].sum(axis=1)
    return ThreatCounts(tuple(names), recorded, expected[rows], variance[rows])


def _areas(
    totals: TotalsForecast,
    threats: Sequence[str],
    weights: Sequence[HarmWeights],
    residents: Mapping[str, float],
    missing: Mapping[str, float],
) -> pd.DataFrame:
    """Return each threat in each area: counts, interval, rate, trend, confidence, and both readings of harm."""
    year = totals.next_year()
    rows = year[(year["level"] == AREA) & year["crime_type"].isin(threats)].reset_index(drop=True)
    table = rows[["area", "crime_type", "last_12_months", "next_12_months", "low", "high", "change"]]
    table = table.rename(columns={"crime_type": "threat", "last_12_months": "recorded", "next_12_months": "expected"})
    people = table["area"].map(dict(residents)).astype(float)
    table = table.assign(rate_per_1000=1000 * table["recorded"] / people)
    labels = totals.months.hierarchy.labels
    own = ((labels["level"] == AREA) & labels["crime_type"].isin(threats)).to_numpy()  # the order of the rows above
    table = table.assign(**pd.DataFrame([_trend(one) for one in totals.months.counts[own]], columns=list(_TREND)))
    past = _past_errors(totals, AREA)
    pairs = zip(table["threat"], table["recorded"], strict=True)
    table["confidence"] = [_confidence(kind, count, past, weights, totals, missing).level for kind, count in pairs]
    for one in weights:
        position = pd.Index(one.crime_types).get_indexer(pd.Index(table["threat"]))
        for end in ("low", "high"):
            table[f"harm_{one.name}_{end}"] = table["expected"].to_numpy() * getattr(one, end)[position]
    return table
