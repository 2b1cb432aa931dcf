"""The page of the design of a field trial: what, where, how long, and the chance that it shows an effect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.domain.grid import Grid
from ilp_models.domain.timing import SIMULATED
from ilp_models.domain.trial_design import TrialDesign, shift_text
from ilp_models.report.class_maps import plot_class_maps
from ilp_models.report.formatting import MISSING, number, percent, percent_interval, sentence
from ilp_models.report.maps import MapGeometry
from ilp_models.report.page import FigureFile, KeyNumber, write_page
from ilp_models.report.plots import COLOURS, save_figure

LEAST_POWER: Final = 0.8  # of the smallest effect shown, and by default of a trial
_VARIED: Final = {"periods": "Length of the trial", "units": "Number of units", "radius_m": "Radius of a unit, metres"}
_PLACES: Final = "Number of places, each a unit in each shift"
_ALWAYS: Final = "treated"
_PARTLY: Final = "in turns"
_NEVER: Final = "control"
_NO_BLOCK: Final = "in no block"
_ZONE: Final = "zone"
_CLASSES: Final = (
    (_ALWAYS, COLOURS[1]),
    (_PARTLY, "#e6a15c"),
    (_NEVER, COLOURS[0]),
    (_NO_BLOCK, "#8b949c"),
    (_ZONE, "#d5dbe0"),
)
_TERMS: Final = {
    "goal": "Goal",
    "success_criterion": "Success criterion",
    "harm_to_watch": "Harm to watch",
    "decided_by": "Who decides",
    "dose": "What treated units get",
    "ethics_review_by": "Ethics review by",
    "ethics_review_date": "Ethics review on",
    "ethics_review_reference": "Ethics review, reference",
    "public_notice_date": "Public notice on",
    "public_notice_reference": "Public notice, reference",
}


@dataclass(frozen=True)
class RegisteredDesign:
    """The line of a design in the register."""

    register: str
    digest: str  # of its line
    moment: datetime
    earlier: tuple[str, ...] = ()  # days on which other trials in the area were declared


@dataclass(frozen=True, eq=False)
class TrialDesignFacts:
    """Everything that the page shows, apart from the register."""

    design: TrialDesign
    city: str
    power: pd.DataFrame
    curves: pd.DataFrame
    groups: pd.DataFrame
    flow: Mapping[str, int]
    chosen_from: str
    power_text: str
    last_day: str
    simulated: bool
    grid: Grid


def draw_unit_map(facts: TrialDesignFacts, folder: Path) -> FigureFile:
    """Draw the map of units and zones, and return its file."""
    labels = [label for label, _ in _CLASSES]
    at = {str(name): place for place, name in enumerate(facts.grid.cells)}
    design, treated, panels = facts.design, facts.design.treated, {}
    for shift, units in design.units_by_shift.items():
        classes = panels["Units" if shift is None else shift_text(shift)] = np.full(len(facts.grid), -1)
        for unit in units:
            share = float(treated[unit].mean())
            kind = _NO_BLOCK if design.blocks[unit] < 0 else {0.0: _NEVER, 1.0: _ALWAYS}.get(share, _PARTLY)
            classes[[at[cell] for cell in design.cells[unit]]] = labels.index(kind)
            classes[[at[cell] for cell in design.zones[unit]]] = labels.index(_ZONE)
    known = [number for number in range(len(labels)) if any((one == number).any() for one in panels.values())]
    positions = np.array([known.index(one) if one in known else -1 for one in range(len(labels))] + [-1])
    shown = {title: positions[classes] for title, classes in panels.items()}
    used = [_CLASSES[number] for number in known]
    figure = plot_class_maps(MapGeometry.from_grid(facts.grid), shown, used, "Assignment")
    path = save_figure(figure, folder / "units.png", "Map of the units")
    counts = [
        f"{title}: " * (len(shown) > 1)
        + ", ".join(f"{int((classes == number).sum())} cells {label}" for number, (label, _) in enumerate(used))
        for title, classes in shown.items()
    ]
    return FigureFile(
        path,
        f"Map of the units: {'; '.join(counts)}. See assignment.csv.",
        "Cells of units and zones." + " In turns: treated in some of the periods." * (labels.index(_PARTLY) in known),
    )


def write_trial_design_page(
    path: Path, facts: TrialDesignFacts, registered: RegisteredDesign, figure: FigureFile
) -> None:
    """Write the page of a registered design."""
    design = facts.design
    given = {one.name: str(getattr(design.terms, one.name)) for one in fields(design.terms)}
    write_page(
        path,
        "trial_design.html.j2",
        facts=facts,
        figure=figure,
        lowered="" if design.promise["least_power"] >= LEAST_POWER else percent(design.promise["least_power"], 0),
        design=design,
        registered=registered,
        numbers=list(_key_numbers(facts)),
        flow=list(_flow(facts)),
        power=[_power_row(row) for row in facts.power.to_dict("records")],
        curves=[_curve_row(row, places=len(design.units_by_shift) > 1) for row in facts.curves.to_dict("records")],
        groups=[_group_row(row) for row in facts.groups.to_dict("records")],
        terms=[(_TERMS.get(name, name), text) for name, text in given.items()],
        simulated=SIMULATED if facts.simulated else "",
        caveat=CAVEAT,
        scope=sentence(SCOPE),
    )


def _key_numbers(facts: TrialDesignFacts) -> Iterator[KeyNumber]:
    design, flow, promise = facts.design, facts.flow, facts.design.promise
    parts = {"treated throughout": "treated", "never treated": "control", "treated part of the time": "changing"}
    assigned = [f"{flow[key]} {words}" for words, key in parts.items() if flow[key]]
    yield KeyNumber(f"{len(design.units)}", design.unit_text, ", ".join(assigned))
    yield KeyNumber(f"{design.periods} {design.period_unit}s", "length", f"{design.start} to {facts.last_day}")
    ends = percent_interval(promise.get("low", np.nan), promise.get("high", np.nan), 0)
    how = f"simulated; 95 % interval {ends}" if ends else "closed form only, because nothing is drawn"
    label = f"chance to show {percent(promise['effect'], 0)} fewer crimes"
    yield KeyNumber(percent(promise["power"], 0), label, how)
    least = promise.get("least_effect", np.nan)
    note = f"with a chance of {percent(LEAST_POWER, 0)}"
    yield KeyNumber(percent(least, 0) if np.isfinite(least) else "none up to 50 %", "smallest effect shown", note)


def _flow(facts: TrialDesignFacts) -> Iterator[tuple[str, str]]:
    flow = facts.flow
    starting = " (by their first cell)" if facts.design.unit_kind == "clusters" else ""
    yield "Cells of the study area", f"{flow['cells']:,}"
    yield "Eligible cells", f"{flow['eligible_cells']:,}"
    yield f"Eligible units{starting}", f"{flow['eligible_units']:,}"
    yield "Left out: too near to a unit of higher risk", f"{flow['too_near']:,}"
    yield "Chosen units, those of highest risk", f"{flow['places']:,}"
    if flow["units"] != flow["places"]:
        yield "Units: each of these places in each shift", f"{flow['units']:,}"
    yield "Left out: in no block", f"{flow['in_no_block']:,}"
    yield "Assigned: treated throughout", f"{flow['treated']:,}"
    yield "Assigned: never treated", f"{flow['control']:,}"
    if flow["changing"]:
        yield "Assigned: treated in some periods", f"{flow['changing']:,}"


def _power_row(row: Mapping[object, float]) -> dict[str, str]:
    return {
        "effect": percent(row["effect"], 0),
        "power": f"{percent(row['power'], 0)} {percent_interval(row['low'], row['high'], 0)}".strip(),
        "closed_form": percent(row["closed_form"], 0),
    }


def _curve_row(row: Mapping[object, object], *, places: bool) -> dict[str, str]:
    power, low, high, closed = (float(str(row[name])) for name in ("power", "low", "high", "closed_form"))
    return {
        "varied": _PLACES if places and row["varied"] == "units" else _VARIED[str(row["varied"])],
        "value": f"{float(str(row['value'])):,.0f}",
        "power": f"{percent(power, 0)} {percent_interval(low, high, 0)}".strip(),
        "closed_form": percent(closed, 0),
        "note": str(row["note"]),
    }


def _group_row(row: Mapping[object, object]) -> dict[str, str]:
    shares = {name: float(str(row[name])) for name in ("of_residents", "of_units", "of_treated", "exposure")}
    ratio = float(str(row["exposure_ratio"]))
    texts = {name: percent(value) for name, value in shares.items()}
    return {
        "dimension": str(row["dimension"]),
        "group": str(row["group"]),
        **texts,
        "exposure_ratio": number(ratio) if np.isfinite(ratio) else MISSING,
    }
