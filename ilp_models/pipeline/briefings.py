"""Write one briefing for each audience; those for planners and the public are composed in modules of their own."""

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
from ilp_models.pipeline.community_briefing import community_briefing
from ilp_models.pipeline.plan_briefings import management_briefing, middle_briefing
from ilp_models.pipeline.plan_maps import plan_map, recorded_by_cell
from ilp_models.pipeline.shift_sheet import write_shift_sheet
from ilp_models.report.audit.check_summaries import reason_groups
from ilp_models.report.briefing import Briefing, Card, Section, write_briefing
from ilp_models.report.formatting import percent

AUDIENCES: Final = ("management", "middle", "shift", "community")
_TITLES: Final = {
    "management": "Resource plan by district",
    "middle": "The week by district",
    "shift": "Places for this shift",
    "community": "Your neighbourhood",
}


def _reasons_for(audience: str, decision: Decision) -> tuple[str, ...]:
    """Return the reasons of a decision; the public reads them without names of settings."""
    if audience != "community":
        return decision.reasons
    return tuple(" ".join(filter(None, pair)) for group in reason_groups(decision) for pair in group.reasons)


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
            sections, table = (
                shift_briefing(result, figures) if shift else community_briefing(result, min_count, figures)
            )
        briefing = Briefing(
            audience=audience,
            title=_TITLES[audience],
            period=result.period_text,
            summary=_summary(result, audience),
            by_hand=result.by_hand.lines,
            verdict=verdict(result.decision),
            accepted=not result.decision.admitted,
            until=f"{result.decision.valid_until:%-d %B %Y, %H:%M %Z}",
            decision=marking.decision,
            reasons=_reasons_for(audience, result.decision),
            approval=_approval(result.decision),
            objections=() if result.decision.approval is None else result.decision.approval.objections,
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
        files += write_rows(table, marking, folder / f"{audience}.csv")
        if audience == "shift":
            files += write_shift_sheet(result, table, marking, folder / "shift.xlsx")
    return files


def _summary(result: AllocationResult, audience: str) -> str:
    """Return what the plan covers and who chose it; planners also read method and objective."""
    allocation, choice = result.allocation, result.choice
    text = f"The plan covers {percent(result.covered_share, 0)} of the expected crimes"
    if audience in ("management", "middle"):
        text += (
            f" with {allocation.budget:g} {allocation.unit} in each period (method: {allocation.allocator}; objective: "
            f"{allocation.objective})"
        )
    return f"{text}. Decided by {choice.chosen_by}: {choice.reason}"


def _approval(decision: Decision) -> str:
    approval = decision.approval
    return "" if approval is None else f"Approved by {approval.reviewer}: {approval.reason}"


def verdict(decision: Decision) -> str:
    """Return the verdict of a page. A withheld forecast stays *withheld* after a reviewer approves it."""
    if not decision.admitted:
        return "WITHHELD BY THE GATE, APPROVED BY A REVIEWER"
    return "ADMITTED" if decision.approval is None else "ADMITTED, APPROVED BY A REVIEWER"


_SMALLEST: Final = 0.1  # expected crimes that a card shows as a number
_MAX_PLACES: Final = 10  # on the page of a shift
_WRITING: Final = ("What to look for:", "Notes, or what was done instead, by whom and why:")
_SHIFT_COLUMNS: Final = ("cell", "area", "period", "effort", "inclusion", "crime_type", "expected", *QUANTILE_COLUMNS)


def shift_briefing(result: AllocationResult, figures: Path) -> tuple[tuple[Section, ...], pd.DataFrame]:
    """Return the map and the places of a shift, types together, and the table of the CSV file."""
    table = shift_table(result)
    pairs = list(dict.fromkeys(zip(table["cell"], table["period"], strict=True)))
    cards = tuple(_place_card(result, rows) for _, rows in _first_places(table, pairs[:_MAX_PLACES]))
    paragraphs: tuple[str, ...] = (
        f"{len(pairs)} places receive effort. The {len(cards)} that cover most expected crime are below, highest "
        "first; the CSV file has all."
        if pairs
        else "No place receives effort.",
        "Most ranges start at 0: in many of these places no crime will be recorded.",
        "Write the hours that were worked into shift.xlsx, without names, and return it.",
    )
    position = result.grid.cells.astype(str).get_indexer(pd.Index([str(cell) for cell, _ in pairs[:_MAX_PLACES]]))
    places_map, figure = plan_map(result, figures / "shift-map.png", np.unique(position[position >= 0]))
    why = (
        "Why explains the forecast, not crime. Decide what to look for together with those who know the place.",
        *paragraphs,
    )
    sections = (
        Section("Where", (), figure=figure, map=places_map),
        Section("Places of this shift", why, cards=cards),
    )
    return sections, table.assign(instead_effort="", instead_by="", instead_reason="")


def _first_places(table: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    rows = dict(list(table.groupby(["cell", "period"], sort=False)))
    return [(pair, rows[pair]) for pair in pairs]


def _place_card(result: AllocationResult, rows: pd.DataFrame) -> Card:
    """Return the card of one place: effort, expected and recorded crimes of all types, when, and why."""
    first = rows.iloc[0]
    at = int(result.grid.cells.astype(str).get_indexer(pd.Index([str(first["cell"])]))[0])
    centre = result.run.places.centres
    recent = result.run.places.recent
    unit = result.allocation.unit
    facts = [("Effort", f"{first['effort']:g} {unit.removesuffix('s') if first['effort'] == 1 else unit}")]
    if len(result.allocation.periods) > 1:
        facts.append(("First day", str(first["period"])))
    for row in rows.sort_values("expected", ascending=False, kind="stable").to_dict("records"):
        expected = "under 0.1" if row["expected"] < _SMALLEST else f"{row['expected']:.1f}"
        facts.append((f"{row['crime_type']}: expected, and range", f"{expected}, {row['q05']:.0f} to {row['q95']:.0f}"))
    if recent is not None:
        facts.append((f"Recorded last {recent.unit}, all types", f"{recorded_by_cell(recent.last)[at]:,.0f}"))
    inside = [str(cell) for cell in result.grid.cells[result.areas == first["area"]]]
    when = result.patterns.sentence([str(first["cell"])], str(first["area"]), inside)
    strongest = rows[rows["expected"] == rows["expected"].max()].head(1)
    return Card(
        title=str(result.places[at]),
        facts=tuple(facts),
        lines=(f"When: {when}", f"Why ({strongest['crime_type'].iloc[0]}): {strongest['reasons'].iloc[0]}"),
        centre=(float(centre["lat"][at]), float(centre["lon"][at])),
        position=at,
        writing=_WRITING,
    )


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
