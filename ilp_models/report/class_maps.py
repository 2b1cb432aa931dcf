"""Maps of cells in named classes, one for each crime type or another view."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ilp_models.report.maps import MapGeometry
from ilp_models.report.plots import INK, RED, Figure, escape_math

_WIDTH: Final = 3.6  # inches of one map
_WIDE: Final = 5.4  # of maps with marked cells, whose lines need room
_INSET: Final = 0.06  # of the side of a cell
_COLUMNS: Final = 3
_GROUND: Final = "#f1f3f5"

LineStyle = Literal["-", "--", "-."]


@dataclass(frozen=True)
class CellMark:
    """A line around some cells of a map; styles differ, so that no mark depends on its colour alone."""

    label: str
    colour: str
    style: LineStyle
    cells: npt.NDArray[np.int64]


def plot_class_maps(
    geometry: MapGeometry,
    panels: Mapping[str, npt.NDArray[np.int64]],
    classes: Sequence[tuple[str, str]],
    legend: str,
    *,
    marks: Sequence[CellMark] = (),
    watermark: str = "",
) -> Figure:
    """Plot a map for each panel.

    ``panels`` has the position of each cell's class among ``classes`` (label and colour), -1 for none.
    """
    width = _WIDE if marks else _WIDTH
    left, bottom, right, top = shapely.total_bounds(geometry.cells)
    height = width * float(np.clip((top - bottom) / (right - left), 0.35, 1.4)) + 0.3
    columns = 2 if len(panels) == 4 else min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.6))
    figure.set_layout_engine("constrained", h_pad=0.09)  # room for the titles
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    rings = geometry.rings()
    colours = np.array([*(colour for _, colour in classes), _GROUND], dtype=object)
    for axis, (title, position) in zip(axes, panels.items(), strict=False):
        axis.add_collection(PolyCollection(rings, facecolors=list(colours[position]), edgecolors="none"))
        axis.add_collection(LineCollection(geometry.outlines, colors="#8b949c", linewidths=0.35))
        for mark in marks:
            lines = _border(geometry, mark.cells)
            axis.add_collection(LineCollection(lines, colors=mark.colour, linestyles=mark.style, linewidths=1.3))
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        # y: without it, the title makes room for the hidden ticks and leaves the figure
        axis.set_title(escape_math(title), loc="left", y=1.0, fontsize=10, color=INK, fontweight="bold")
    for axis in axes:
        axis.set_axis_off()
    patches: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=label) for label, colour in classes
    ]
    patches += [Line2D([], [], color=one.colour, linestyle=one.style, linewidth=1.6, label=one.label) for one in marks]
    style: dict[str, Any] = {"ncols": 3, "fontsize": 8.5, "title_fontsize": 9, "edgecolor": "none"}
    figure.legend(handles=patches, title=legend, loc="outside lower center", **style)
    if watermark:
        figure.suptitle(watermark.upper(), x=0.01, ha="left", fontsize=9, color=RED, fontweight="bold")
    return figure


def _border(geometry: MapGeometry, cells: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float64]]:
    """Return the border lines of some cells together, a little inside them so that those of neighbours are apart."""
    inset = _INSET * float(np.sqrt(np.median(shapely.area(geometry.cells))))
    border = shapely.boundary(shapely.buffer(shapely.union_all(geometry.cells[cells]), -inset, join_style="mitre"))
    return [shapely.get_coordinates(line) for line in shapely.get_parts(shapely.line_merge(border))]
