"""Write one briefing for each audience: shift leaders and community officers here, planners in plan_briefings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.decision import Decision
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.csv_tables import write_rows
from ilp_models.export.marking import Marking
from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.plan_briefings import management_briefing, middle_briefing
from ilp_models.pipeline.small_counts import hide_small_counts
from ilp_models.pipeline.terminal_text import ground_lines
from ilp_models.report.briefing import Briefing, BriefingColumn, Section, write_briefing
from ilp_models.report.formatting import percent

AUDIENCES: Final = ("management", "middle", "shift", "community")
_TITLES: Final = {
    "management": "Resource plan by district",
    "middle": "Weekly grid with effort",
    "shift": "Cells for this shift",
    "community": "Area sheets",
}


def write_briefings(
    result: AllocationResult, marking: Marking, audiences: Sequence[str], min_count: int, folder: Path
) -> list[Path]:
    """Write the briefings of some audiences and return their files; the public sees no count below ``min_count``."""
    files = []
    for audience in audiences:
        figures = folder / ".figures"
        if audience in ("management", "middle"):
            compose = management_briefing if audience == "management" else middle_briefing
            sections, table = compose(result, figures)
        else:
            shift = audience == "shift"
            sections, table = shift_briefing(result) if shift else community_briefing(result, min_count)
        allocation = result.allocation
        briefing = Briefing(
            audience=audience,
            title=_TITLES[audience],
            period=result.period_text,
            summary=f"The plan covers {percent(result.covered_share, 0)} of the expected crimes with "
            f"{allocation.budget:g} {allocation.unit} in each period (method: {allocation.allocator}; objective: "
            f"{allocation.objective}). Decided by {result.choice.chosen_by}: {result.choice.reason}",
            by_hand=result.by_hand.lines,
            verdict=verdict(result.decision),
            until=f"{result.decision.valid_until:%-d %B %Y, %H:%M %Z}",
            decision=marking.decision,
            reasons=tuple(ground_lines(result.decision)),
            sections=sections,
            facts={
                name: marking.facts[name]
                for name in (
                    "decision",
                    "forecaster",
                    "recipe",
                    "forecast",
                    "cutoff",
                    "data",
                    "code",
                    "by_hand",
                    "overrides",
                    "seed",
                )
            }
            | {"attribution": marking.facts["attribution"]},
        )
        files.append(write_briefing(folder / f"{audience}.html", briefing))
        files += write_rows(table, marking.facts, folder / f"{audience}.csv")
    return files


def verdict(decision: Decision) -> str:
    """Return the verdict of a page. A withheld forecast stays *withheld* after a reviewer approves it."""
    if not decision.admitted:
        return "WITHHELD BY THE GATE, APPROVED BY A REVIEWER"
    return "ADMITTED" if decision.approval is None else "ADMITTED, APPROVED BY A REVIEWER"


_MAX_CELLS: Final = 10  # on the page of a shift
_MAX_ROWS: Final = 24  # that fit on one printed page
_MAX_AREAS: Final = 20
_RECENT: Final = 13  # periods: a quarter of a year of weeks
_HIGH_BURDEN: Final = 0.75  # quantile of recorded events per 1,000 residents
_LOW_COVERAGE: Final = 0.5  # of the coverage of the whole city
_Z: Final = 1.96
_SHIFT_COLUMNS: Final = ("cell", "area", "period", "effort", "inclusion", "crime_type", "expected", *QUANTILE_COLUMNS)


def shift_briefing(result: AllocationResult) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return the cells of a shift with their expected crimes, intervals and reasons, and the table of the CSV file."""
    table = shift_table(result)
    cells = list(dict.fromkeys(zip(table["cell"], table["period"], strict=True)))
    max_cells = max(1, min(_MAX_CELLS, _MAX_ROWS // table["crime_type"].nunique())) if len(table) else 0
    first = set(cells[:max_cells])
    shown = table[[pair in first for pair in zip(table["cell"], table["period"], strict=True)]]
    columns = (
        BriefingColumn("cell", "Cell", "short"),
        BriefingColumn("area", "Area", "text"),
        BriefingColumn("effort", f"Effort, {result.allocation.unit}"),
        BriefingColumn("crime_type", "Crime type", "short"),
        BriefingColumn("expected", "Expected crimes"),
        BriefingColumn("interval", "90 % interval", "short"),
        BriefingColumn("reasons", "Recorded before, and what changes the forecast", "text"),
    )
    shown = shown.assign(
        interval=[f"{low:.0f} to {high:.0f}" for low, high in zip(shown["q05"], shown["q95"], strict=True)],
    )
    paragraphs: tuple[str, ...] = (
        _start_with(table, len(cells), max_cells),
        "The list starts with the cells that cover most expected crime. Most intervals start at 0: in many listed "
        "cells no crime will be recorded.",
        "Reasons explain the model, not crime. If you do not follow this list, record in the CSV file what was done "
        "instead, by whom and why.",
    )
    return (Section("Cells for this shift", paragraphs, shown, columns),), table.assign(
        instead_effort="", instead_by="", instead_reason=""
    )


def _start_with(table: pd.DataFrame, cells: int, listed: int) -> str:
    if table.empty:
        return "No cell receives effort."
    first = table.iloc[0]
    text = f"Start with cell {first['cell']} ({first['area']}). {cells} cells and periods receive effort"
    return f"{text}; the first {listed} are listed, and the CSV file has all." if cells > listed else f"{text}."


def shift_table(result: AllocationResult) -> pd.DataFrame:
    """Return one row per crime type for each cell and period with effort, highest coverage first."""
    effort, forecast = result.allocation.effort.values, result.run.forecast
    kinds = list(map(str, forecast.expected.indexes["crime_type"]))
    where, when = np.nonzero(effort > 0)
    order = np.argsort(-result.allocation.covered.values[where, when], kind="stable")
    where, when = where[order], when[order]
    starts = result.allocation.periods.start_time.strftime("%Y-%m-%d").to_numpy()
    rows = {
        "cell": np.repeat(result.grid.cells.to_numpy()[where], len(kinds)),
        "area": np.repeat(result.areas[where], len(kinds)),
        "period": np.repeat(starts[when], len(kinds)),
        "effort": np.repeat(effort[where, when], len(kinds)),
        "inclusion": np.repeat(result.allocation.inclusion.values[where, when], len(kinds)),
        "crime_type": np.tile(np.array(kinds, dtype=object), len(where)),
        "expected": forecast.expected.values[:, where, when].T.ravel(),
    }
    for level, name in enumerate(QUANTILE_COLUMNS):
        rows[name] = forecast.quantiles.values[level][:, where, when].T.ravel()
    table = pd.DataFrame(rows)[list(_SHIFT_COLUMNS)]
    return table.assign(reasons=_reasons(result, table))


def _reasons(result: AllocationResult, table: pd.DataFrame) -> list[str]:
    if result.reasons is None:
        return ["the run stored no reasons"] * len(table)
    known = result.reasons.assign(period=result.reasons["period"].dt.strftime("%Y-%m-%d"))
    keys = ["crime_type", "cell", "period"]
    words = known.set_index(pd.MultiIndex.from_frame(known[keys].astype(str)))["words"]
    return list(words.reindex(pd.MultiIndex.from_frame(table[keys].astype(str))).fillna("no reasons for this cell"))


def community_briefing(result: AllocationResult, min_count: int) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return a section of areas with high burden and low coverage, one of all areas, and the table of the CSV file."""
    table = area_sheet(result, min_count)
    columns = (
        BriefingColumn("area", "Area", "text"),
        BriefingColumn("residents", "Residents"),
        BriefingColumn("recorded", "Recorded crimes"),
        BriefingColumn("recorded_per_1000", "Recorded per 1,000 residents"),
        BriefingColumn("trend", "Trend (ratio)"),
        BriefingColumn("trend_words", "Direction", "text"),
        BriefingColumn("expected", "Expected crimes"),
        BriefingColumn("coverage", "Expected crimes covered", "percent"),
    )
    periods = 0 if result.audited_replay is None else len(result.audited_replay.periods)
    complaints = (result.decision.report.header.get("governance") or {}).get("complaints") or "not stated"
    paragraphs: tuple[str, ...] = (
        f"Recorded crimes: the {periods} audited periods, inside the audited cells, without unreported crime. Victims "
        "may live in other areas than those counted as residents."
        if periods
        else "The audit has no past records. Recorded crimes and trends are not known.",
        *([_hidden_text(int(table["hidden"].sum()), len(table), min_count)] if table["hidden"].any() else []),
        f"Trend: recorded crimes of the last {_RECENT} periods divided by those of the {_RECENT} periods before. It is "
        "called rising or falling only if its interval excludes 1. With many areas, some changes are chance.",
    )
    burden = table.sort_values("recorded_per_1000", ascending=False, kind="stable")
    listed, first = burden[burden["under_protected"]].head(_MAX_AREAS), burden.head(_MAX_AREAS)
    if len(first) < len(table):
        paragraphs = (
            f"The {_MAX_AREAS} of {len(table)} areas with most recorded crimes per resident are listed. The CSV file "
            "has all areas.",
            *paragraphs,
        )
    why = (
        "Areas in the highest quarter by recorded crimes per 1,000 residents whose coverage is below "
        f"{_LOW_COVERAGE:.0%} of the city's: the plan covers less of their expected crime. This list is a question, "
        "not a finding: ask the residents, and consider measures other than patrols.",
    )
    options = (
        "Lighting and design, outreach, victim support, repair and maintenance, work with owners of repeat locations. "
        "Decide together with the residents and officers of the area.",
        f"Complaints about this plan: {complaints}.",
    )
    sections = (
        Section("High burden, low coverage", why, listed, columns),
        Section("Areas", paragraphs, first, columns),
        Section("Other measures", options),
    )
    return sections, table.drop(columns="trend_words")


def _hidden_text(hidden: int, areas: int, min_count: int) -> str:
    return (
        f"Counts below {min_count} are not shown, so that no person in a small area can be recognised. A dash hides "
        f"such a count, or a count that would reveal it ({hidden} of {areas} areas), and what follows from it."
    )


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
    table["trend"] = table["recent"] / table["before"].where(table["before"] > 0)
    spread = np.exp(_Z * np.sqrt(1 / table["recent"].where(table["recent"] > 0) + 1 / table["before"]))
    table["trend_low"], table["trend_high"] = table["trend"] / spread, table["trend"] * spread
    table["trend_words"] = np.select(
        [table["trend_low"] > 1, table["trend_high"] < 1, table["trend_low"].notna()],
        ["rising", "falling", "no change shown"],
        "not known",
    )
    table["coverage"] = table["covered"] / table["expected"].where(table["expected"] > 0)
    other = 0 if result.audited_replay is None else len(result.audited_replay.periods) - 2 * _RECENT
    city = float(table["covered"].sum() / table["expected"].sum()) if table["expected"].sum() > 0 else np.nan
    table = hide_small_counts(table, min_count, other)
    table["trend_words"] = table["trend_words"].mask(table["trend_hidden"], "not shown")
    high_burden = table["recorded_per_1000"] >= table["recorded_per_1000"].quantile(_HIGH_BURDEN)
    table["under_protected"] = high_burden & (table["coverage"].fillna(0) < _LOW_COVERAGE * city)
    order = ["area", "residents", "recorded", "recorded_per_1000", "trend", "trend_low", "trend_high", "trend_words"]
    return table[[*order, "expected", "effort", "coverage", "under_protected", "hidden"]]
