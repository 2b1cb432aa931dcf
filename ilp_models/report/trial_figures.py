"""Figures of an evaluated field trial: the map of the dose, and the event study."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter

from ilp_models.domain.dose import UNIT
from ilp_models.domain.grid import Grid
from ilp_models.domain.trial_design import TrialDesign, shift_text
from ilp_models.report.class_maps import CellMark, LineStyle, plot_class_maps
from ilp_models.report.formatting import number
from ilp_models.report.maps import MapGeometry
from ilp_models.report.page import FigureFile
from ilp_models.report.plots import COLOURS, GREY, INK, RED, Figure, save_figure, style_axes

TREATED: Final = "treated"
IN_TURNS: Final = "in turns"
CONTROL: Final = "control"
Integers = npt.NDArray[np.int64]

_ARMS: Final[tuple[tuple[str, str, LineStyle], ...]] = (
    (TREATED, COLOURS[1], "-"),
    (IN_TURNS, COLOURS[3], "-."),
    (CONTROL, COLOURS[0], "--"),
)
_PANELS: Final = {"treated_hours": "in periods with treatment", "other_hours": "in periods without treatment"}
_COLOURS: Final = ("#e3c8e8", "#b687c4", "#7f4697", "#431463")
_NO_HOURS: Final = ("0 hours", "#fdf3c7")
_HIDDEN: Final = ("hidden: one patrol unit only", "#9aa3ab")
_TICKS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100)
_REACH: Final = 4.0  # times the extreme estimates; longer intervals leave the chart


def arms_of_units(treated: npt.NDArray[np.bool_]) -> list[str]:
    """Return whether each unit (units, periods) is treated throughout, in turns or never."""
    return [TREATED if row.all() else IN_TURNS if row.any() else CONTROL for row in treated]


def draw_dose_map(
    design: TrialDesign, facts: Mapping[str, Any], dose: pd.DataFrame, grid: Grid, folder: Path, mark: str = ""
) -> FigureFile:
    """Draw the hours of the dose table on a map, with a line around each arm, and return the file of the map."""
    at = {str(name): position for position, name in enumerate(grid.cells)}
    members = [np.array([at[cell] for cell in cells]) for cells in design.cells]
    treated = design.treated[:, : facts["periods"]]
    by_unit = facts["dose_places"] == UNIT
    places = dict(zip(design.units, members, strict=True)) if by_unit else {one: np.array([at[one]]) for one in at}
    several = len(design.units_by_shift) > 1
    shifts = {shift_text(one) if one and several else "": units for one, units in design.units_by_shift.items()}
    number_of = {name: number for number, name in enumerate(design.units)}
    rows = dose.assign(number=[number_of[name] for name in dose["unit"]])
    panels, classes = dose_classes(members, treated, rows, places, len(grid), shifts)
    arms = np.array(arms_of_units(treated))
    marks = [
        CellMark(f"{label} units ({int((arms == label).sum())})", colour, style, np.concatenate(own))
        for label, colour, style in (() if several else _ARMS)  # each shift has arms of its own
        if (own := [cells for cells, arm in zip(members, arms, strict=True) if arm == label])
    ]
    figure = plot_class_maps(MapGeometry.from_grid(grid), panels, classes, "Hours", marks=marks, watermark=mark)
    path = save_figure(figure, folder / "dose_map.png", "Map of the dose")
    return FigureFile(path, _dose_text(dose), "Hours of each place, as in the table below.")


def dose_classes(
    members: Sequence[Integers],
    treated: npt.NDArray[np.bool_],
    dose: pd.DataFrame,
    places: Mapping[str, Integers],
    cells: int,
    shifts: Mapping[str, Sequence[int]] | None = None,
) -> tuple[dict[str, Integers], list[tuple[str, str]]]:
    """Return the class of each cell in periods with and without treatment, and label and colour of the classes.

    -1 is a cell of no unit, or of a unit without such periods. Hours that the dose table hides have a class of their
    own, and do not move the limits of the others. Several ``shifts``, title and numbers of units, have two maps each.
    """
    hours = dose[list(_PANELS)].to_numpy(dtype=float)
    recorded = hours[np.isfinite(hours) & (hours > 0)]
    edges = np.unique(np.quantile(recorded, (0, 0.25, 0.5, 0.75, 1))) if recorded.size else np.array([])
    classes = [_NO_HOURS, *_hour_classes(edges), _HIDDEN]
    panels = {}
    for name, title in _PANELS.items():
        for shift, units in (shifts or {"": range(len(members))}).items():
            rows = dose[dose["number"].isin(list(units))] if shift else dose
            shown = np.full(cells, -1)
            own = treated if name == "treated_hours" else ~treated
            for unit in units:
                shown[members[unit]] = 0 if own[unit].any() else -1
            for place, value, hidden in zip(rows["place"], rows[name], rows["suppressed"], strict=True):
                kept = places[str(place)][shown[places[str(place)]] >= 0]
                shown[kept] = len(classes) - 1 if hidden else _class_of(float(value), edges)
            panels[f"{shift}, {title}" if shift else title.capitalize()] = shown
    used = [one for one in range(len(classes)) if any((shown == one).any() for shown in panels.values())]
    positions = np.array([used.index(one) if one in used else -1 for one in range(len(classes))] + [-1])
    return {title: positions[shown] for title, shown in panels.items()}, [classes[one] for one in used]


def _hour_classes(edges: npt.NDArray[np.float64]) -> list[tuple[str, str]]:
    if len(edges) < 2:
        return [(f"{number(edge)} hours", _COLOURS[-1]) for edge in edges]
    colours = [_COLOURS[at] for at in np.linspace(0, len(_COLOURS) - 1, len(edges) - 1).round().astype(int)]
    return [
        (f"{number(low)} to {number(high)} hours", colour)
        for (low, high), colour in zip(pairwise(edges), colours, strict=True)
    ]


def _class_of(hours: float, edges: npt.NDArray[np.float64]) -> int:
    """Return the class of some hours: 0 for none, then from the lowest."""
    if hours <= 0:
        return 0
    return 1 + int(np.clip(np.searchsorted(edges, hours, side="right") - 1, 0, max(len(edges) - 2, 0)))


def _dose_text(dose: pd.DataFrame) -> str:
    hidden = int(dose["suppressed"].sum())
    sums = {name: float(dose[name].sum()) for name in _PANELS}
    return (
        f"Map of the dose. Places with shown hours: {len(dose) - hidden}; hidden: {hidden}. Shown hours in periods "
        f"with treatment: {number(sums['treated_hours'])}; without: {number(sums['other_hours'])}. The table has each "
        "place."
    )


def draw_event_study(study: pd.DataFrame, facts: Mapping[str, Any], folder: Path, mark: str = "") -> FigureFile | None:
    """Draw the ratio of treated to control counts by span, and return its file; None if no ratio is known."""
    if not (np.isfinite(study["ratio"]) & np.isfinite(study["low"])).any():
        return None
    path = save_figure(
        plot_event_study(study, str(facts["event_study_span"]), mark), folder / "event_study.png", "Event study"
    )
    known = study[np.isfinite(study["low"]) & np.isfinite(study["high"])]
    off = known[(known["low"] > 1) | (known["high"] < 1)]
    missing = len(study) - len(known) - 1
    text = (
        f"Chart of {len(study)} spans of {facts['event_study_span']}. The interval excludes 1 in "
        f"{int((off['span'] < 0).sum())} of {int((known['span'] < 0).sum())} spans before the trial, and in "
        f"{int((off['span'] > 0).sum())} of {int((known['span'] > 0).sum())} of the trial. The table has the numbers."
    )
    lost = f" Spans with too few events: {missing}." if missing else ""
    return FigureFile(path, text, f"Ratio of treated to control counts, 1 in the last span before the trial.{lost}")


def plot_event_study(study: pd.DataFrame, span: str, mark: str = "") -> Figure:
    """Plot the ratio of treated to control counts by span with its interval; the reference is marked."""
    known = study[np.isfinite(study["low"]) & np.isfinite(study["high"])]
    figure = Figure(figsize=(8.2, 3.9), layout="constrained")
    axes = figure.add_subplot()
    parts = (("before", known["span"] < 0, COLOURS[0], "o"), ("during the trial", known["span"] > 0, COLOURS[1], "s"))
    for label, chosen, colour, marker in parts:
        rows = known[chosen]
        error = [rows["ratio"] - rows["low"], rows["high"] - rows["ratio"]]
        style: dict[str, Any] = {"fmt": marker, "color": colour, "ms": 5, "elinewidth": 1.3, "capsize": 2.5}
        axes.errorbar(rows["span"], rows["ratio"], yerr=error, label=label, **style)
    reference = "reference: the last span before, 1 by definition"
    axes.plot([0], [1], "D", markerfacecolor="white", color=INK, ms=7, label=reference, linestyle="none", zorder=3)
    axes.axhline(1, color=GREY, linewidth=1, zorder=1)
    axes.axvline(0.5, color=RED, linewidth=1.2, linestyle="--", label="start of the trial")
    ends = (*known["ratio"], 1.0)
    bottom = max(min(known["low"].min(), 1.0), min(ends) / _REACH)
    top = min(max(known["high"].max(), 1.0), max(ends) * _REACH)
    axes.set_yscale("log")
    axes.set(ylim=(bottom / 1.15, top * 1.15), xlim=(study["span"].min() - 0.6, study["span"].max() + 0.6))
    wide = top > _REACH * bottom
    axes.yaxis.set_major_locator(FixedLocator(_TICKS) if wide else MaxNLocator(8, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"span of {span}; 0 is the last before the trial", fontsize=9)
    axes.set_ylabel("treated to control counts, ratio", fontsize=9)
    style_axes(axes)
    figure.legend(ncols=2, fontsize=8.5, edgecolor="none", loc="outside lower center")
    if mark:
        figure.suptitle(mark.upper(), x=0.01, ha="left", fontsize=9, color=RED, fontweight="bold")
    return figure
