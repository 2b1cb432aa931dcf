"""Maps of cells: expected crimes, differences between forecasters, and how often a cell was flagged.

The maps use the projected coordinates of the grid (metres) and need no projection library.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba_array
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.report.formatting import period_label
from ilp_models.report.plots import INK, RED, TEAL, Figure, escape_math
from ilp_models.stats.map_classes import class_colours, class_edges

PERMANENT: Final = 0.5  # share of periods; a cell flagged more often counts as permanently flagged
_WIDTH: Final = 9.0  # inches
_SMALL_WIDTH: Final = 5.4  # inches
_FLAG_EDGES: Final = (0.0, 0.1, 0.25, PERMANENT, 0.75)
_FLAG_COLOURS: Final = ("#f2f2f2", "#fde3c3", "#f9b27c", "#e06a4e", "#9e2f5f", "#3b0f4a")
_FLAG_LABELS: Final = ("never", "up to 10 %", "10 to 25 %", "25 to 50 %", "50 to 75 %", "more than 75 %")
_HATCH: Final = "#008080"


@dataclass(frozen=True, eq=False)
class MapGeometry:
    """Cell polygons and borders of parent areas, prepared once for all maps of a grid (metres)."""

    cells: npt.NDArray[Any]  # one polygon per cell
    outlines: list[npt.NDArray[np.float64]]  # border lines of parent areas, each of shape (points, 2)
    legend: str = "expected crimes per cell and period"  # what the colours of a map of expected crimes mean

    @classmethod
    def from_cells(cls, cells: npt.NDArray[Any], areas: npt.NDArray[Any]) -> "MapGeometry":
        """Return the geometry of cells; ``areas`` is the parent area label of each cell."""
        outlines: list[npt.NDArray[np.float64]] = []
        for area in np.unique(areas.astype(str)):
            border = shapely.boundary(shapely.union_all(cells[areas == area]))
            outlines.extend(shapely.get_coordinates(line) for line in shapely.get_parts(shapely.line_merge(border)))
        return cls(cells, outlines)

    @classmethod
    def from_grid(cls, grid: Grid) -> "MapGeometry":
        """Return the geometry of a grid with the borders of its first level of parent areas."""
        return cls.from_cells(grid.geometry, parent_labels(grid))

    def rings(self) -> list[npt.NDArray[np.float64]]:
        """Return the exterior ring of each cell, of its largest part if it has several."""
        largest = [max(shapely.get_parts(cell), key=shapely.area) for cell in self.cells]
        return [shapely.get_coordinates(ring) for ring in shapely.get_exterior_ring(largest)]


def plot_forecast(
    forecast: RiskForecast, grid: Grid, crime_type: str, *, top_cells: int = 10, watermark: str = ""
) -> Figure:
    """Plot a map of the expected crimes of one type in the first period; the highest cells are numbered."""
    period = forecast.periods[0]
    expected = forecast.expected.sel(crime_type=crime_type, period=period).values
    top = np.argsort(-expected, kind="stable")[:top_cells]
    return plot_cells(
        MapGeometry.from_grid(grid), expected, top, f"{crime_type}: {period_label(period)}", watermark=watermark
    )


def plot_cells(
    geometry: MapGeometry,
    expected: npt.NDArray[np.float64],
    top: npt.NDArray[np.int64],
    title: str,
    *,
    watermark: str = "",
    crossed: npt.NDArray[np.int64] | None = None,
) -> Figure:
    """Plot a choropleth of expected crimes per cell, with the cells at positions ``top`` outlined and numbered.

    A cross marks the cells at positions ``crossed``: most of their records lie at over-used points.
    Colour classes are quantiles of the cells, so that a skewed distribution keeps its contrast.
    """
    left, bottom, right, upper = shapely.total_bounds(geometry.cells)
    height = _WIDTH * np.clip((upper - bottom) / (right - left), 0.4, 1.3) + 0.5
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    rings = geometry.rings()
    edges = class_edges(expected)
    colours = to_rgba_array(class_colours(len(edges) - 1))
    classes = np.clip(np.searchsorted(edges, expected, side="right") - 1, 0, len(edges) - 2)
    axes.add_collection(PolyCollection(rings, facecolors=colours[classes], edgecolors="face", linewidths=0.15))
    axes.add_collection(LineCollection(geometry.outlines, colors="#47525b", linewidths=0.5))
    axes.add_collection(PolyCollection([rings[i] for i in top], facecolors="none", edgecolors=TEAL, linewidths=1.6))
    axes.set_xlim(left - 0.02 * (right - left), right + 0.02 * (right - left))
    corners = _empty_corners(geometry.cells)
    scale = next((corner for corner in reversed(corners) if corner.startswith("lower")), None)
    legend = next((corner for corner in corners if corner != scale), None)
    axes.set_ylim(bottom - (0.02 if scale else 0.12) * (upper - bottom), upper + 0.02 * (upper - bottom))
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(escape_math(title), loc="left", fontsize=13, color=INK, fontweight="bold")
    _number_cells(axes, geometry.cells, top, right - left)
    marks = _cross_cells(axes, geometry.cells, crossed) if crossed is not None and len(crossed) else []
    if len(top):
        marks.insert(0, Patch(facecolor="none", edgecolor=TEAL, linewidth=1.6, label="highest cells, numbered"))
    _add_legend(axes, geometry.legend, (edges, colours), legend, marks)
    _add_scale_bar(axes, right - left, at_left=scale == "lower left")
    if watermark:
        figure.supxlabel(watermark.upper(), fontsize=11, color=RED, fontweight="bold")
    return figure


def plot_difference(geometry: MapGeometry, values: npt.NDArray[np.float64], title: str, label: str) -> Figure:
    """Plot a map of the difference between two forecasters; white means no difference."""
    left, bottom, right, upper = shapely.total_bounds(geometry.cells)
    width = 0.62 * _WIDTH
    figure = Figure(figsize=(width, width * np.clip((upper - bottom) / (right - left), 0.4, 1.3) + 0.9))
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    end = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
    patches = PolyCollection(geometry.rings(), edgecolors="face", linewidths=0.15, cmap="RdBu_r", clim=(-end, end))
    patches.set_array(values)
    axes.add_collection(patches)
    axes.add_collection(LineCollection(geometry.outlines, colors="#47525b", linewidths=0.4))
    axes.set(xlim=(left, right), ylim=(bottom - 0.1 * (upper - bottom), upper), aspect="equal")
    axes.set_axis_off()
    axes.set_title(escape_math(title), loc="left", fontsize=10.5, color=INK, fontweight="bold")
    bar = figure.colorbar(patches, ax=axes, orientation="horizontal", fraction=0.05, pad=0.02, extend="both")
    bar.set_label(escape_math(label), fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7.5)
    _add_scale_bar(axes, right - left, at_left=True)
    return figure


def plot_flagged_time(
    geometry: MapGeometry, time_share: npt.NDArray[np.float64], title: str, *, watermark: str = ""
) -> Figure:
    """Plot a map of the share of test periods in which each cell was flagged."""
    left, bottom, right, upper = shapely.total_bounds(geometry.cells)
    height = _SMALL_WIDTH * float(np.clip((upper - bottom) / (right - left), 0.35, 1.2)) + 1.3
    figure = Figure(figsize=(_SMALL_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    rings = geometry.rings()
    colours = [_FLAG_COLOURS[position] for position in flag_classes(time_share)]
    axes.add_collection(PolyCollection(rings, facecolors=colours, edgecolors="none"))
    axes.add_collection(LineCollection(geometry.outlines, colors="#8b949c", linewidths=0.4))
    permanent = [ring for ring, share in zip(rings, time_share, strict=True) if share > PERMANENT]
    if permanent:
        hatched = PolyCollection(permanent, facecolors="none", edgecolors=_HATCH, linewidths=1.1, hatch="////")
        axes.add_collection(hatched)
    axes.set(xlim=(left, right), ylim=(bottom, upper), aspect="equal")
    axes.margins(0.02)
    axes.set_axis_off()
    lines = [escape_math(title), *([watermark.upper()] if watermark else [])]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5, color=INK, fontweight="bold")
    patches = [
        Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=label)
        for colour, label in zip(_FLAG_COLOURS, _FLAG_LABELS, strict=True)
    ]
    patches.append(Patch(facecolor="none", edgecolor=_HATCH, hatch="////", label="permanent: more than half"))
    style: dict[str, Any] = {"ncols": 3, "fontsize": 8, "title_fontsize": 8.5, "edgecolor": "none"}
    figure.legend(handles=patches, title="share of test periods flagged", loc="outside lower center", **style)
    return figure


def flag_classes(time_share: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the map class of each cell: never flagged, up to 10, 25, 50, 75 % of the periods, or more."""
    return np.asarray(np.searchsorted(_FLAG_EDGES, time_share, side="left"), dtype=np.int64)


def _number_cells(axes: Axes, cells: npt.NDArray[Any], top: npt.NDArray[np.int64], width: float) -> None:
    """Write rank numbers into cells, as large as the cells allow."""
    for number, position in enumerate(top, start=1):
        centre = shapely.point_on_surface(cells[position])
        points = np.sqrt(shapely.area(cells[position])) / width * _WIDTH * 72
        halo = [withStroke(linewidth=1.2, foreground=INK)]
        text: dict[str, Any] = {
            "ha": "center",
            "va": "center_baseline",
            "fontsize": float(np.clip(0.66 * points, 4.5, 9.0)),
            "color": "white",
            "fontweight": "bold",
        }
        axes.text(centre.x, centre.y, str(number), path_effects=halo, **text)


def _cross_cells(axes: Axes, cells: npt.NDArray[Any], crossed: npt.NDArray[np.int64]) -> list[Line2D | Patch]:
    """Draw a cross from corner to corner of the box of each cell and return the entry of the legend."""
    left, bottom, right, top = shapely.bounds(cells[crossed]).T
    lines = [
        *np.stack([left, bottom, right, top], axis=1).reshape(-1, 2, 2),
        *np.stack([left, top, right, bottom], axis=1).reshape(-1, 2, 2),
    ]
    axes.add_collection(LineCollection(lines, colors=RED, linewidths=0.9))
    label = "half of the records at single points"
    return [Line2D([], [], marker="x", linestyle="none", color=RED, markersize=7, label=label)]


def _add_legend(
    axes: Axes,
    label: str,
    classes: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]],
    corner: str | None,
    marks: list[Line2D | Patch],
) -> None:
    """Put the legend into an empty corner, or below the map if there is none."""
    patches: list[Patch | Line2D] = [
        Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=f"{low:.2g} to {high:.2g}")
        for (low, high), colour in zip(pairwise(classes[0]), classes[1], strict=True)
    ]
    patches += marks
    title = f"{label}\n(classes: 50, 80, 90, 95, 99 % of cells)"
    place = {"loc": corner} if corner else {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": 4}
    legend = axes.legend(handles=patches, title=title, fontsize=8, title_fontsize=8, framealpha=0.92, **place)
    legend.get_title().set_multialignment("left")


def _add_scale_bar(axes: Axes, width: float, *, at_left: bool) -> None:
    """Add a scale bar of a round length and an arrow to grid north at the lower edge."""
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
    """Return the corners of the map without cells; upper corners first, which suit a legend."""
    left, bottom, right, top = shapely.total_bounds(cells)
    wide, tall = 0.25 * (right - left), 0.24 * (top - bottom)
    boxes = {
        "upper left": shapely.box(left, top - tall, left + wide, top),
        "upper right": shapely.box(right - wide, top - tall, right, top),
        "lower left": shapely.box(left, bottom, left + wide, bottom + tall),
        "lower right": shapely.box(right - wide, bottom, right, bottom + tall),
    }
    return [name for name, box in boxes.items() if not shapely.intersects(cells, box).any()]
