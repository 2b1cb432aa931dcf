"""Compose the briefings for planning: management and middle managers."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.audit.flagging import FlaggingRule
from ilp_models.pipeline.allocation_result import NO_AREA, AllocationResult
from ilp_models.pipeline.plan_maps import plan_map, recorded_by_cell
from ilp_models.report.briefing import BriefingColumn, Section
from ilp_models.report.page import FigureFile
from ilp_models.report.plots import frontier_text, plot_frontier, save_figure

Floats = npt.NDArray[np.float64]

_MAX_ON_MAP: Final = 25  # numbered cells that stay readable
_MAX_ON_PAGE: Final = 20
_MAX_DISTRICTS: Final = 16  # that fit on one printed page with groups and frontier


def management_briefing(result: AllocationResult, figures: Path) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return the sections and the table of the management briefing: plan by district, groups and exposure caps."""
    table = plan_by_district(result)
    unit = result.allocation.unit
    columns = (
        BriefingColumn("district", "District", "short"),
        BriefingColumn("month", "Month", "short"),
        BriefingColumn("effort", f"Effort, {unit}", "count"),
        BriefingColumn("share_of_effort", "Share of effort", "percent"),
        BriefingColumn("expected", "Expected crimes"),
        BriefingColumn("share_of_expected", "Share of expected crimes", "percent"),
        BriefingColumn("effort_over_expected", "Effort / need"),
        BriefingColumn("coverage", "Expected crimes covered", "percent"),
    )
    paragraphs: tuple[str, ...] = (
        "Effort / need: share of effort divided by share of expected crimes. Above 1, a district receives more effort "
        "than its share of crime. A month contains the periods of this plan that begin in it.",
    )
    first = table.sort_values(["effort", "expected"], ascending=False, kind="stable").head(_MAX_DISTRICTS)
    if len(first) < len(table):
        paragraphs = (
            *paragraphs,
            f"The {len(first)} of {len(table)} rows with most effort are shown. The CSV file has all rows.",
        )
    plan = Section("Plan by district and month", paragraphs, first, columns)
    sections = [plan, *harm_sections(result), *equity(result, figures)]
    return tuple(sections), table


def harm_sections(result: AllocationResult) -> list[Section]:
    """Return the section on events and harm covered under every harm set; none without sets."""
    if result.harm.empty:
        return []
    columns = (
        BriefingColumn("counted", "What is counted", "short"),
        BriefingColumn("covered", "Share covered by this plan", "short"),
        BriefingColumn("about", "Harm set", "text"),
    )
    left = next((one for one in result.harm["left_out"] if one), "")
    paragraphs = (
        f"The plan maximises: {result.allocation.objective}. Harm sets disagree on how much worse one crime is than "
        "another. A range shows the lowest and the highest reading of one set.",
        *([f"Left out, because records depend on police activity: {left}."] if left else []),
    )
    return [Section("Events and harm covered", paragraphs, result.harm_ranges, columns, css_class="harm")]


def plan_by_district(result: AllocationResult) -> pd.DataFrame:
    """Return effort and expected crimes by district and month."""
    cells, periods = result.allocation.effort.shape
    long = pd.DataFrame(
        {
            "district": np.repeat(result.areas, periods),
            "month": np.tile(result.allocation.periods.start_time.strftime("%Y-%m").to_numpy(), cells),
            "period": np.tile(np.arange(periods), cells),
            "effort": result.allocation.effort.values.ravel(),
            "expected": result.expected.ravel(),
            "covered": (result.share * result.expected).ravel(),
        }
    )
    grouped = long.groupby(["district", "month"], sort=True)
    table = grouped[["effort", "expected", "covered"]].sum()
    table.insert(0, "periods", grouped["period"].nunique())
    total = table.groupby("month")[["effort", "expected"]].transform("sum")
    table["share_of_effort"] = table["effort"] / total["effort"]
    table["share_of_expected"] = table["expected"] / total["expected"].where(total["expected"] > 0)
    table["effort_over_expected"] = table["share_of_effort"] / table["share_of_expected"].where(table["expected"] > 0)
    table["coverage"] = table["covered"] / table["expected"].where(table["expected"] > 0)
    return table.drop(columns="covered").reset_index()


def equity(result: AllocationResult, figures: Path) -> list[Section]:
    """Return the sections on groups of residents and on exposure caps."""
    decided = f"Decided by {result.choice.chosen_by}: {result.choice.reason}"
    if result.groups.empty:
        return [Section("Groups of residents", ("No group was audited. Exposure and coverage are not known.", decided))]
    columns = (
        BriefingColumn("group", "Group", "text"),
        BriefingColumn("dimension", "Dimension", "text"),
        BriefingColumn("exposure", "Exposure: time in covered areas", "percent"),
        BriefingColumn("exposure_ratio", "Exposure ratio to the reference"),
        BriefingColumn("need_adjusted_ratio", "Need-adjusted ratio"),
        BriefingColumn("coverage", "Expected crimes covered", "percent"),
    )
    points = result.frontier.drop_duplicates("cap").assign(
        word=lambda rows: ["none" if np.isinf(cap) else f"{cap:g}" for cap in rows["cap"]],
        mark=lambda rows: ["selected" if cap == result.choice.selected else "" for cap in rows["cap"]],
    )
    cap_columns = (
        BriefingColumn("word", "Cap on the exposure ratio", "text"),
        BriefingColumn("capture", "Value covered", "percent"),
        BriefingColumn("of_uncapped", "Share of the uncapped plan", "percent"),
        BriefingColumn("mark", "Selected", "short"),
        BriefingColumn("note", "Note", "text"),
    )
    figure = FigureFile(
        save_figure(plot_frontier(result.frontier, result.choice.selected), figures / "frontier.png", "Exposure caps"),
        frontier_text(result.frontier),
        "Cost and effect of caps on the exposure ratio: value covered, exposure ratio and coverage of each group."
        + ("" if result.choice.selected is None else " The wide line marks the selected cap."),
    )
    about = f"Groups by {result.frontier['dimension'].iloc[0]}. Reference: {result.frontier['reference'].iloc[0]}."
    if result.choice.selected is None:
        about += f" The plan follows another rule ({result.allocation.allocator}), so no cap is selected."
    if result.allocation.overrides:
        about += " These allocations contain no changes made by hand; the table of groups does."
    return [
        Section(
            "Groups of residents",
            ("Read exposure and coverage together. Low exposure can mean that a group's victims are not covered.",),
            result.groups,
            columns,
        ),
        Section("Exposure caps: cost and effect", (about, decided), points, cap_columns, figure),
    ]


def middle_briefing(result: AllocationResult, figures: Path) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return the section and the table of the weekly grid: effort, expected crimes and past flags of each cell."""
    table = grid_table(result)
    with_effort = table[table["effort"] > 0].sort_values(["covered", "cell"], ascending=[False, True], kind="stable")
    drawn = bool((with_effort["inclusion"] < 1).any())
    several = len(result.allocation.periods) > 1
    columns = (
        BriefingColumn("place", "Place", "text"),
        BriefingColumn("cell", "Cell", "short"),
        *([BriefingColumn("period", "Period", "short")] if several else []),
        BriefingColumn("effort", f"Effort, {result.allocation.unit}", "count"),
        *([BriefingColumn("inclusion", "Probability of effort", "percent")] if drawn else []),
        BriefingColumn("expected", "Expected crimes"),
        BriefingColumn("flagged_before", "Flagged in the audited periods", "percent"),
    )
    first = table[table["period"] == table["period"].iloc[0]].reset_index(drop=True)
    top = (
        first[first["effort"] > 0].sort_values("covered", ascending=False, kind="stable").index[:_MAX_ON_MAP].to_numpy()
    )
    shown, figure = plan_map(result, figures / "middle-map.png", top)
    paragraphs: tuple[str, ...] = (
        f"{len(with_effort)} cells{' and periods' if several else ''} receive effort. "
        f"The {min(len(with_effort), _MAX_ON_PAGE)} that cover most are listed; the CSV file has all."
        + (" A probability below 100 % means random selection. Store it: later evaluation needs it." if drawn else ""),
        "Check first the cells that were flagged in most audited periods: patrols there may have become permanent.",
    )
    districts = with_effort.assign(place=result.places[result.grid.cells.get_indexer(pd.Index(with_effort["cell"]))])
    sections = (
        _district_section(result),
        *harm_sections(result),
        Section("Map", (), figure=figure, map=shown),
        Section("Cells with effort", paragraphs, districts.head(_MAX_ON_PAGE), columns),
    )
    return sections, table


def _district_section(result: AllocationResult) -> Section:
    """Return the week by district: effort, expected crimes, change, and what was planned the period before."""
    table, unit = week_by_district(result), result.allocation.unit
    recent, previous = result.run.places.recent, result.previous
    noun = "period" if recent is None else recent.unit
    columns: tuple[BriefingColumn, ...] = (
        BriefingColumn("district", "District", "short"),
        BriefingColumn("effort", f"Effort, {unit}", "count"),
        BriefingColumn("expected", "Expected crimes"),
        BriefingColumn("recorded", f"Recorded last {noun}", "count"),
        BriefingColumn("change", "Expected minus recorded", "change"),
        BriefingColumn("coverage", "Expected crimes covered", "percent"),
    )
    if previous is not None:
        columns = (*columns, BriefingColumn("before", f"Planned last {noun}, {previous.unit}", "count"))
    if previous is None:
        done = f"No plan of last {noun} is in the register, so what was planned then is not known."
    else:
        done = (
            f"Planned last {noun}: from the plan in the register, {previous.by_hand:.0%} of its effort set by hand. "
            "What was done is known to those who did it: ask for their notes."
        )
    first = table.sort_values(["effort", "expected"], ascending=False, kind="stable").head(_MAX_DISTRICTS)
    more = f" The {len(first)} of {len(table)} districts with most effort are shown." if len(first) < len(table) else ""
    borders = f" {result.border_note}" if result.border_note else ""
    note = f"Recorded counts of one {noun} vary by chance; a change in one district is rarely a trend.{borders}{more}"
    return Section("The week by district", (done, note), first, columns)


def week_by_district(result: AllocationResult) -> pd.DataFrame:
    """Return effort, expected and recorded crimes, coverage and the effort planned before, by district."""
    effort, expected = result.allocation.effort.values[:, 0], result.expected[:, 0]
    recent = result.run.places.recent
    cells = pd.DataFrame(
        {
            "district": result.areas,
            "effort": effort,
            "expected": expected,
            "covered": result.share[:, 0] * expected,
            "recorded": np.nan if recent is None else recorded_by_cell(recent.last),
        }
    )
    table = cells.groupby("district", sort=True).sum(min_count=1).reset_index()
    table["change"] = table["expected"] - table["recorded"]
    table["coverage"] = table["covered"] / table["expected"].where(table["expected"] > 0)
    before = pd.Series(dtype=float) if result.previous is None else result.previous.effort.rename({"": NO_AREA})
    known = 0.0 if result.previous is not None else np.nan
    table["before"] = table["district"].map(before).astype(float).fillna(known)
    return table.drop(columns="covered")


def grid_table(result: AllocationResult) -> pd.DataFrame:
    """Return one row per cell and period."""
    cells, periods = result.allocation.effort.shape
    forecast = result.run.forecast
    columns: dict[str, Any] = {
        "cell": np.repeat(result.grid.cells.to_numpy(), periods),
        "area": np.repeat(result.areas, periods),
        "period": np.tile(result.allocation.periods.start_time.strftime("%Y-%m-%d").to_numpy(), cells),
        "effort": result.allocation.effort.values.ravel(),
        "inclusion": result.allocation.inclusion.values.ravel(),
        "expected": result.expected.ravel(),
        "covered": result.allocation.covered.values.ravel(),
        "flagged_before": np.repeat(flagged_before(result), periods),
    }
    for number, kind in enumerate(map(str, forecast.expected.indexes["crime_type"])):
        for level, name in ((0, "q05"), (4, "q95")):
            columns[f"{kind} {name}"] = forecast.quantiles.values[level, number].ravel()
    return pd.DataFrame(columns)


def flagged_before(result: AllocationResult) -> Floats:
    """Return the share of audited periods in which each cell was flagged for any crime type, or got effort."""
    header = result.decision.report.header
    if result.audited_plan is not None:
        return result.align_audited((result.audited_plan.share > 0).mean(axis=1))
    if result.audited_replay is None or header["rank_by"] not in ("count", "per_km2"):
        return np.full(len(result.areas), np.nan)
    area = result.align_audited(np.ones(result.audited_replay.expected.sizes["cell"])) * result.territory.area_m2
    expected = np.stack([result.align_audited(one) for one in result.audited_replay.expected.values])
    known = np.isfinite(area)
    rule = FlaggingRule(area[known], str(header["rank_by"]), str(header["share_of"]))
    flags = rule.flagged(expected[:, known], float(header["land_share"]))[0]
    shares = np.full(len(area), np.nan)
    shares[known] = (flags.max(axis=0) > 0).mean(axis=1)
    return shares
