"""One page and one table for each level of decision."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ilp_models.domain.decision import Decision
from ilp_models.export.delimited import write_rows
from ilp_models.export.marking import Marking
from ilp_models.pipeline.allocation_record import grounds
from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.field_briefings import community, shift
from ilp_models.pipeline.plan_briefings import management, middle
from ilp_models.report.briefing import Briefing, write_briefing

LEVELS: Final = ("management", "middle", "shift", "community")
_TITLES: Final = {
    "management": "Resource plan by district",
    "middle": "Weekly grid with effort",
    "shift": "Areas of the shift",
    "community": "Area sheets",
}


def write_products(made: AllocationResult, marking: Marking, levels: Sequence[str], folder: Path) -> list[Path]:
    """Return the files of the products, two pages and a file of facts each."""
    files = []
    for level in levels:
        figures = folder / ".figures"
        if level in ("management", "middle"):
            sections, table = (management if level == "management" else middle)(made, figures)
        else:
            sections, table = (shift if level == "shift" else community)(made)
        allocation = made.allocation
        product = Briefing(
            audience=level,
            title=_TITLES[level],
            period=made.words,
            summary=f"{allocation.budget:g} {allocation.unit} in each period by {allocation.allocator}; "
            f"{allocation.objective}. Chosen by {made.choice.who}: {made.choice.why}",
            verdict=verdict(made.decision),
            until=f"{made.decision.valid_until:%-d %B %Y, %H:%M %Z}",
            decision=marking.decision,
            reasons=tuple(grounds(made.decision)),
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
                    "overrides",
                    "seed",
                )
            }
            | {"attribution": marking.facts["attribution"]},
        )
        files.append(write_briefing(folder / f"{level}.html", product))
        files += write_rows(table, marking.facts, folder / f"{level}.csv")
    return files


def verdict(decision: Decision) -> str:
    """Return what a page calls its forecast: a reviewer who accepts what was withheld makes nothing admitted."""
    if not decision.admitted:
        return "WITHHELD BY REVIEWS, ACCEPTED BY A REVIEWER"
    return "ADMITTED" if decision.approval is None else "ADMITTED, APPROVED BY A REVIEWER"
