"""Small maps of cells in named classes, one for each crime type."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Patch

from ilp_models.report.maps import MapGeometry
from ilp_models.report.plots import INK, Figure, escape_math

_WIDTH: Final = 3.6  # inches of one map
_COLUMNS: Final = 3
_GROUND: Final = "#f1f3f5"


def plot_class_maps(
    geometry: MapGeometry,
    panels: Mapping[str, npt.NDArray[np.int64]],
    classes: Sequence[tuple[str, str]],
    legend: str,
) -> Figure:
    """Plot a map for each crime type.

    ``panels`` has the position of each cell's class among ``classes`` (label and colour), -1 for none.
    """
    left, bottom, right, top = shapely.total_bounds(geometry.cells)
    height = _WIDTH * float(np.clip((top - bottom) / (right - left), 0.35, 1.4)) + 0.3
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(_WIDTH * columns, height * rows + 0.6))
    figure.set_layout_engine("constrained", h_pad=0.09)  # room for the titles
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    rings = geometry.rings()
    colours = np.array([*(colour for _, colour in classes), _GROUND], dtype=object)
    for axis, (title, position) in zip(axes, panels.items(), strict=False):
        axis.add_collection(PolyCollection(rings, facecolors=list(colours[position]), edgecolors="none"))
        axis.add_collection(LineCollection(geometry.outlines, colors="#8b949c", linewidths=0.35))
        axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        axis.set_title(escape_math(title), loc="left", fontsize=10, color=INK, fontweight="bold")
    for axis in axes:
        axis.set_axis_off()
    patches = [Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=label) for label, colour in classes]
    style: dict[str, Any] = {"ncols": 3, "fontsize": 8.5, "title_fontsize": 9, "edgecolor": "none"}
    figure.legend(handles=patches, title=legend, loc="outside lower center", **style)
    return figure
