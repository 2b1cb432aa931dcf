"""Compose the briefing for communities: each neighbourhood in plain sentences, without small counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control

from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.plan_maps import community_map
from ilp_models.pipeline.small_counts import hide_small_counts
from ilp_models.report.briefing import Card, Section
from ilp_models.report.formatting import percent, period_noun
from ilp_models.stats.count_change import block_dispersion, change_p_values

_RECENT: Final = 13  # periods: a quarter of a year of weeks
_HIGH_BURDEN: Final = 0.75  # quantile of recorded events per 1,000 residents
_LOW_COVERAGE: Final = 0.5  # of the coverage of the whole city
_Z: Final = 1.96
_FALSE_WORDS: Final = 0.05  # share of the words on rising and falling that may be chance


def community_briefing(
    result: AllocationResult, min_count: int, figures: Path
) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return the neighbourhoods in plain sentences with their map, and the table of the CSV file."""
    table = area_sheet(result, min_count)
    periods = 0 if result.audited_replay is None else len(result.audited_replay.periods)
    types = common_types(result, table, min_count)
    complaints = (result.decision.report.header.get("governance") or {}).get("complaints") or "not stated"
    ask = f"Questions, objections and complaints: {complaints}. Objections are recorded, with their answers."
    span = f"In the {periods} tested {_noun(result)}s"
    cards = tuple(
        _area_card(row, types.get(str(row["area"]), ()), table, (span, ask)) for row in table.to_dict("records")
    )
    attention = tuple(
        replace(card, folded=False, lines=card.lines[:-1])
        for card, under in zip(cards, table["under_protected"], strict=True)
        if under
    )
    area_map, figure = community_map(result, table, figures / "community-map.png")
    note = (
        "Open a neighbourhood to read or print it. Recorded crimes are those that were reported to the police. Not all "
        f"crime is reported, and victims may live elsewhere. {result.border_note}".rstrip()
        if periods
        else "The audit has no past records. Recorded crimes and trends are not known.",
        *([_hidden_text(int(table["hidden"].sum()), len(table), min_count)] if table["hidden"].any() else []),
    )
    sections = (
        Section("Your neighbourhood on the map", (), figure=figure, map=area_map),
        Section(
            "More crime, less cover",
            (
                "These neighbourhoods are among the quarter with most recorded crime for each resident, and the plan "
                "covers them less than others. This is a question to their residents, not a finding. "
                f"{_UNDER_PROTECTED} {ask}"
                if attention
                else "No neighbourhood has both much recorded crime for each resident and little cover.",
            ),
            cards=attention,
        ),
        Section("All neighbourhoods", note, cards=cards),
        Section(
            "What else can help",
            (
                "Lighting and design, outreach, victim support, repairs, and work with owners of places with many "
                "incidents. Decide together with residents and local officers.",
                ask,
            ),
        ),
    )
    return sections, table.drop(columns=["trend_words", "covered", "needed"])


_UNDER_PROTECTED: Final = "Ask the residents what they need, and consider help other than patrols."
_CHANGES: Final = {
    "rising": "more crimes were recorded than in the quarter before",
    "falling": "fewer crimes were recorded than in the quarter before",
    "no change shown": "about as many crimes were recorded as in the quarter before",
}


def _area_card(row: Mapping[Any, Any], types: Sequence[str], table: pd.DataFrame, texts: tuple[str, str]) -> Card:
    """Return three sentences on a neighbourhood: its burden and types, its trend, and its cover."""
    span, ask = texts
    if not np.isfinite(row["recorded"]):
        burden = "The number of recorded crimes is not shown."
    else:
        burden = f"{span}, {row['recorded']:,.0f} crimes were recorded here"
        if np.isfinite(row["recorded_per_1000"]):
            rates = table["recorded_per_1000"].dropna()
            share = float((rates < row["recorded_per_1000"]).mean())
            place = "more than most" if share > 0.6 else "fewer than most" if share < 0.4 else "about as many as most"
            burden += f", {row['recorded_per_1000']:,.0f} for each 1,000 residents: {place} neighbourhoods"
        burden += "."
    if types:
        burden += f" Most often: {', '.join(types)}."
    trend = _CHANGES.get(str(row["trend_words"]))
    change = f"In the latest quarter, {trend}." if trend else "Whether crime rises or falls here is not shown."
    whole = float(table["covered"].sum() / table["needed"].sum()) if table["needed"].sum() > 0 else np.nan
    cover = (
        f"The plan covers {percent(row['coverage'], 0)} of the crime that is expected here, and "
        f"{percent(whole, 0)} in the whole area."
        if np.isfinite(row["coverage"])
        else "No crime is expected here."
    )
    return Card(str(row["area"]), lines=(burden, change, cover, ask), folded=True)


def common_types(result: AllocationResult, table: pd.DataFrame, min_count: int) -> dict[str, tuple[str, ...]]:
    """Return the crime types of each area that were recorded most often; small counts and hidden areas name none."""
    if result.audited_replay is None:
        return {}
    replay, shown = result.audited_replay, set(table.loc[~table["hidden"], "area"])
    counts = {
        kind: pd.Series(result.align_audited(replay.observed.values[at].sum(axis=1))).groupby(result.areas).sum()
        for at, kind in enumerate(replay.crime_types)
    }
    wide = pd.DataFrame(counts)
    wide = wide.where(wide >= max(min_count, 1))
    return {
        str(area): tuple(map(str, row.dropna().sort_values(ascending=False).index[:_TYPES]))
        for area, row in wide.iterrows()
        if area in shown
    }


def _noun(result: AllocationResult) -> str:
    return period_noun(result.allocation.periods[0])


_TYPES: Final = 3  # named for a neighbourhood


def _hidden_text(hidden: int, areas: int, min_count: int) -> str:
    return (
        f"Counts below {min_count} are not shown, so that no person in a small area can be recognised. A dash hides "
        f"such a count, or a count that would reveal it ({hidden} of {areas} areas), and what follows from it."
    )


def with_trend(table: pd.DataFrame, periods: pd.DataFrame) -> pd.DataFrame:
    """Add the change from the quarter before with its interval, and a word where it is more than chance.

    The words are those of a change table: the E-test, widened where counts vary more than by chance, with false
    discoveries limited over all areas. ``periods`` has the counts of each area by period, both quarters.
    """
    recent, before = (table[name].to_numpy(dtype=np.float64) for name in ("recent", "before"))
    known = np.isfinite(recent) & np.isfinite(before)
    dispersion = block_dispersion(np.nan_to_num(periods.to_numpy(dtype=np.float64)))
    p = np.full(len(table), np.nan)
    p[known] = change_p_values(recent[known], before[known], np.ones(int(known.sum())), dispersion[known])
    tested, clear = np.isfinite(p), np.zeros(len(table), dtype=bool)
    if tested.any():
        clear[tested] = false_discovery_control(p[tested]) <= _FALSE_WORDS
    trend = table["recent"] / table["before"].where(table["before"] > 0)
    some = table["recent"].where(table["recent"] > 0)
    spread = np.exp(_Z * np.sqrt(dispersion * (1 / some + 1 / table["before"])))
    words = np.select(
        [clear & (recent > before), clear & (recent < before), known],
        ["rising", "falling", "no change shown"],
        "not known",
    )
    return table.assign(trend=trend, trend_low=trend / spread, trend_high=trend * spread, trend_words=words)


def area_sheet(result: AllocationResult, min_count: int) -> pd.DataFrame:
    """Return one row per area: residents, recorded and expected crimes, trend, coverage; small counts are hidden."""
    people = result.territory.residents[0].total if result.territory.residents else np.full(len(result.areas), np.nan)
    counts = np.full((len(result.areas), 2 * _RECENT), np.nan)
    recorded = np.full(len(result.areas), np.nan)
    if result.audited_replay is not None:
        past = result.align_audited(result.audited_replay.observed.values.sum(axis=0))
        recorded = past.sum(axis=1)
        counts = past[:, -2 * _RECENT :] if past.shape[1] >= 2 * _RECENT else counts
    cells = pd.DataFrame(
        {
            "area": result.areas,
            "residents": people,
            "recorded": recorded,
            "recent": counts[:, _RECENT:].sum(axis=1),
            "before": counts[:, :_RECENT].sum(axis=1),
            "expected": result.expected.sum(axis=1),
            "effort": result.allocation.effort.values.sum(axis=1),
            "covered": (result.share * result.expected).sum(axis=1),
        }
    )
    table = cells.groupby("area", sort=True).sum(min_count=1).reset_index()
    table["recorded_per_1000"] = 1000 * table["recorded"] / table["residents"].where(table["residents"] > 0)
    table = with_trend(table, pd.DataFrame(counts).groupby(np.asarray(result.areas), sort=True).sum(min_count=1))
    table["coverage"] = table["covered"] / table["expected"].where(table["expected"] > 0)
    other = 0 if result.audited_replay is None else len(result.audited_replay.periods) - 2 * _RECENT
    city = float(table["covered"].sum() / table["expected"].sum()) if table["expected"].sum() > 0 else np.nan
    table["needed"] = table["expected"]  # not hidden: only its sum over all areas is shown
    table = hide_small_counts(table, min_count, other)
    table["trend_words"] = table["trend_words"].mask(table["trend_hidden"], "not shown")
    high_burden = table["recorded_per_1000"] >= table["recorded_per_1000"].quantile(_HIGH_BURDEN)
    table["under_protected"] = high_burden & (table["coverage"].fillna(0) < _LOW_COVERAGE * city)
    order = ["area", "residents", "recorded", "recorded_per_1000", "trend", "trend_low", "trend_high", "trend_words"]
    return table[[*order, "expected", "effort", "coverage", "covered", "needed", "under_protected", "hidden"]]
