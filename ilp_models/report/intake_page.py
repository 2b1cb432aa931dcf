"""The intake page: suggested settings with their reasons, data quality and one map of the records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.suggestion import SuggestedSettings
from ilp_models.report.page import FigureFile, write_page
from ilp_models.report.plots import save_figure
from ilp_models.report.tables import intake_table

_CLASSES: Final = ((1, "1 to 4"), (5, "5 to 19"), (20, "20 to 99"), (100, "100 to 499"), (500, "500 and more"))
_COLOURS: Final = ("#f6d7b0", "#f3a469", "#d8576b", "#8b2981", "#2d115f")


@dataclass(frozen=True, eq=False)
class RecordMap:
    """Records in squares, without empty squares."""

    corners: npt.NDArray[np.float64]  # south-west corner of each square, metres, shape (squares, 2)
    counts: npt.NDArray[np.int64]
    side: float  # metres
    middle: tuple[float, float]  # latitude and longitude of the median record


@dataclass(frozen=True, eq=False)
class IntakeEvidence:
    """Inputs of the intake page."""

    suggested: SuggestedSettings
    report: IntakeReport | None  # None if the records could not be read with the settings
    problem: str  # why a run would stop; empty if it would not
    saved: str  # the file of settings
    next_command: str
    short: str  # note on records that are too short for the default methods; empty if they are not
    records: RecordMap | None


def write_intake_page(folder: Path, evidence: IntakeEvidence) -> Path:
    """Write ``intake.html`` and its figure, and return the page."""
    rows = evidence.suggested.to_frame().to_dict("records")
    write_page(
        folder / "intake.html",
        "intake.html.j2",
        evidence=evidence,
        suggested=evidence.suggested,
        settings=rows,
        report=evidence.report,
        findings=[] if evidence.report is None else intake_table(evidence.report).to_dict("records"),
        figure=None if evidence.records is None else _figure(evidence.records, folder),
        yaml=list(enumerate(evidence.suggested.to_yaml().splitlines(), 1)),
    )
    return folder / "intake.html"


def _figure(records: RecordMap, folder: Path) -> FigureFile:
    path = save_figure(plot_records(records), folder / "figures" / "records.png", "Map of the records")
    latitude, longitude = records.middle
    text = f"{records.counts.sum():,} records in squares of {records.side:,.0f} m"
    place = f"Half of the records lie north and half east of {latitude:.3f}, {longitude:.3f}."
    return FigureFile(
        path, f"Map of {text}.", f"{text}. {place} If this is not your city, the CRS or the columns are wrong."
    )


def plot_records(records: RecordMap) -> Figure:
    """Plot the number of records in each square; small counts share one colour."""
    corners, side = records.corners, records.side
    left, bottom = corners.min(axis=0)
    right, top = corners.max(axis=0) + side
    figure = Figure(figsize=(7.5, 7.5 * float(np.clip((top - bottom) / (right - left), 0.4, 1.3)) + 0.4))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * side
    kinds = np.searchsorted([low for low, _ in _CLASSES], records.counts, side="right") - 1
    squares = corners[:, None, :] + steps[None, :, :]
    axes.add_collection(PolyCollection(list(squares), facecolors=np.array(_COLOURS)[kinds], edgecolors="none"))
    axes.set_xlim(left - side, right + side)
    axes.set_ylim(bottom - side, top + side)
    axes.set_aspect("equal")
    axes.set_axis_off()
    patches = [Patch(facecolor=one, label=label) for one, (_, label) in zip(_COLOURS, _CLASSES, strict=True)]
    place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": len(patches)}
    axes.legend(handles=patches, title="records in a square", fontsize=9, title_fontsize=9, frameon=False, **place)
    return figure
