"""Maps of expected counts, drawn without a projection library: the grid's own metres are the page's."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from ilp_models.report.figures import INK, RED, literal, save

LEVELS: Final = (0.5, 0.8, 0.9, 0.95, 0.99)
_MARK: Final = "#00a3a3"
_WIDTH: Final = 9.0  # inches


@dataclass(frozen=True, eq=False)
class MapGround:
    """The shapes under a map, worked out once for all crime types.

    Parameters
    ----------
    cells : ndarray of shapely geometry
        One polygon a cell, metres.
    outlines : list of ndarray
        Border lines of parent areas, each of shape (points, 2), metres.
    """

    cells: npt.NDArray[Any]
    outlines: list[npt.NDArray[np.float64]]

    @classmethod
    def from_cells(cls, cells: npt.NDArray[Any], areas: npt.NDArray[Any]) -> "MapGround":
        """Return the ground of some cells, their parent areas dissolved to outlines."""
        outlines: list[npt.NDArray[np.float64]] = []
        for area in np.unique(areas.astype(str)):
            border = shapely.boundary(shapely.union_all(cells[areas == area]))
            outlines.extend(shapely.get_coordinates(line) for line in shapely.get_parts(shapely.line_merge(border)))
        return cls(cells, outlines)

    def rings(self) -> list[npt.NDArray[np.float64]]:
        """Return the ring around each cell, of the largest part of those that have several."""
        largest = [max(shapely.get_parts(cell), key=shapely.area) for cell in self.cells]
        return [shapely.get_coordinates(ring) for ring in shapely.get_exterior_ring(largest)]


def draw_map(
    path: Path, ground: MapGround, expected: npt.NDArray[np.float64], top: npt.NDArray[np.int64], title: str, mark: str
) -> Path:
    """Return the path of a choropleth of expected counts, its highest cells outlined and numbered.

    Colours are classes by quantile of the cells, so that a skewed city keeps its shades; the legend gives the
    counts at their edges.
    """
    left, bottom, right, upper = shapely.total_bounds(ground.cells)
    height = _WIDTH * np.clip((upper - bottom) / (right - left), 0.4, 1.3) + 0.5
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    rings = ground.rings()
    edges = class_edges(expected)
    colours = mpl.colormaps["magma_r"](np.linspace(0.0, 0.88, len(edges) - 1))
    classes = np.clip(np.searchsorted(edges, expected, side="right") - 1, 0, len(edges) - 2)
    axes.add_collection(PolyCollection(rings, facecolors=colours[classes], edgecolors="face", linewidths=0.15))
    axes.add_collection(LineCollection(ground.outlines, colors="#47525b", linewidths=0.5))
    axes.add_collection(PolyCollection([rings[i] for i in top], facecolors="none", edgecolors=_MARK, linewidths=1.6))
    axes.set_xlim(left - 0.02 * (right - left), right + 0.02 * (right - left))
    corners = _empty_corners(ground.cells)
    scale = next((corner for corner in reversed(corners) if corner.startswith("lower")), None)
    legend = next((corner for corner in corners if corner != scale), None)
    axes.set_ylim(bottom - (0.02 if scale else 0.12) * (upper - bottom), upper + 0.02 * (upper - bottom))
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(literal(title), loc="left", fontsize=13, color=INK, fontweight="bold")
    _number(axes, ground.cells, top, right - left)
    _legend(axes, edges, colours, legend)
    _scale(axes, right - left, at_left=scale == "lower left")
    if mark:
        figure.supxlabel(mark.upper(), fontsize=11, color=RED, fontweight="bold")
    return save(figure, path, mark)


def draw_difference(path: Path, ground: MapGround, values: npt.NDArray[np.float64], title: str, label: str) -> Path:
    """Return the path of a map of differences between two forecasters, white where there is none."""
    left, bottom, right, upper = shapely.total_bounds(ground.cells)
    width = 0.62 * _WIDTH
    figure = Figure(figsize=(width, width * np.clip((upper - bottom) / (right - left), 0.4, 1.3) + 0.9))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    rings = ground.rings()
    end = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
    patches = PolyCollection(rings, edgecolors="face", linewidths=0.15, cmap="RdBu_r", clim=(-end, end))
    patches.set_array(values)
    axes.add_collection(patches)
    axes.add_collection(LineCollection(ground.outlines, colors="#47525b", linewidths=0.4))
    axes.set(xlim=(left, right), ylim=(bottom - 0.1 * (upper - bottom), upper), aspect="equal")
    axes.set_axis_off()
    axes.set_title(literal(title), loc="left", fontsize=10.5, color=INK, fontweight="bold")
    bar = figure.colorbar(patches, ax=axes, orientation="horizontal", fraction=0.05, pad=0.02, extend="both")
    bar.set_label(literal(label), fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7.5)
    _scale(axes, right - left, at_left=True)
    return save(figure, path, title)


def class_edges(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the edges of the classes of a map, at quantiles 0, 50, 80, 90, 95, 99 and 100 % of the cells."""
    edges = np.unique(np.quantile(expected, (0.0, *LEVELS, 1.0)))
    return edges if len(edges) > 1 else np.array([edges[0], edges[0] + 1.0])


def _number(axes: Axes, cells: npt.NDArray[Any], top: npt.NDArray[np.int64], width: float) -> None:
    """Write the numbers of the highest cells into them, as large as the cells allow."""
    for number, position in enumerate(top, start=1):
        centre = shapely.point_on_surface(cells[position])
        points = np.sqrt(shapely.area(cells[position])) / width * _WIDTH * 72
        size = float(np.clip(0.66 * points, 4.5, 9.0))
        halo = [withStroke(linewidth=1.2, foreground=INK)]
        text: dict[str, Any] = {
            "ha": "center",
            "va": "center_baseline",
            "fontsize": size,
            "color": "white",
            "fontweight": "bold",
        }
        axes.text(centre.x, centre.y, str(number), path_effects=halo, **text)


def _legend(axes: Axes, edges: npt.NDArray[np.float64], colours: npt.NDArray[np.float64], corner: str | None) -> None:
    """Draw the legend in a corner without cells or, where there is none, under the map."""
    pairs = list(pairwise(edges))
    patches = [
        Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=f"{low:.2g} to {high:.2g}")
        for (low, high), colour in zip(pairs, colours, strict=True)
    ]
    patches.append(Patch(facecolor="none", edgecolor=_MARK, linewidth=1.6, label="highest cells, numbered"))
    title = "expected events per cell and period\n(classes: 50, 80, 90, 95, 99 % of cells)"
    place = {"loc": corner} if corner else {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": 4}
    legend = axes.legend(handles=patches, title=title, fontsize=8, title_fontsize=8, framealpha=0.92, **place)
    legend.get_title().set_multialignment("left")


def _scale(axes: Axes, width: float, *, at_left: bool) -> None:
    """Draw a bar of a round length and an arrow to grid north at the lower edge."""
    power = 10 ** np.floor(np.log10(width / 5))
    length = power * max(step for step in (1, 2, 5) if step * power <= width / 5)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    x = left + 0.03 * (right - left) if at_left else right - 0.03 * (right - left) - length
    y, tall = bottom + 0.02 * (top - bottom), 0.011 * (top - bottom)
    axes.plot([x, x, x + length, x + length], [y + tall, y, y, y + tall], color=INK, linewidth=1.4)
    label = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.text(x + length / 2, y + 1.2 * tall, label, ha="center", va="bottom", fontsize=8, color=INK)
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    middle = x + length / 2
    axes.annotate("", xy=(middle, y + 9 * tall), xytext=(middle, y + 5 * tall), arrowprops=arrow)
    axes.text(middle + tall, y + 7 * tall, "N", ha="left", va="center", fontsize=9, color=INK)


def _empty_corners(cells: npt.NDArray[Any]) -> list[str]:
    """Return the corners of the map that no cell reaches into, those for a legend first."""
    left, bottom, right, top = shapely.total_bounds(cells)
    wide, tall = 0.25 * (right - left), 0.24 * (top - bottom)
    boxes = {
        "upper left": shapely.box(left, top - tall, left + wide, top),
        "upper right": shapely.box(right - wide, top - tall, right, top),
        "lower left": shapely.box(left, bottom, left + wide, bottom + tall),
        "lower right": shapely.box(right - wide, bottom, right, bottom + tall),
    }
    return [name for name, box in boxes.items() if not shapely.intersects(cells, box).any()]
