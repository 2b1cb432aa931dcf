"""Where and how long land was flagged."""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import shapely
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ilp_models.report.audit.tables import PERMANENT
from ilp_models.report.figures import INK, literal, save
from ilp_models.report.maps import MapGround

_MARK: Final = "#008080"
_WIDTH: Final = 5.4  # inches
_EDGES: Final = (0.0, 0.1, 0.25, PERMANENT, 0.75)
_COLOURS: Final = ("#f2f2f2", "#fde3c3", "#f9b27c", "#e06a4e", "#9e2f5f", "#3b0f4a")
_WORDS: Final = ("never", "up to 10 %", "10 to 25 %", "25 to 50 %", "50 to 75 %", "more than 75 %")


def draw_flag_time(path: Path, ground: MapGround, time: npt.NDArray[np.float64], title: str, mark: str) -> Path:
    """Return the path of a map of the part of the test periods in which each cell was flagged."""
    left, bottom, right, upper = shapely.total_bounds(ground.cells)
    height = _WIDTH * float(np.clip((upper - bottom) / (right - left), 0.35, 1.2)) + 1.3
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    rings = ground.rings()
    classes = classed(time)
    axes.add_collection(PolyCollection(rings, facecolors=[_COLOURS[one] for one in classes], edgecolors="none"))
    axes.add_collection(LineCollection(ground.outlines, colors="#8b949c", linewidths=0.4))
    held = [ring for ring, one in zip(rings, time, strict=True) if one > PERMANENT]
    if held:
        marked = PolyCollection(held, facecolors="none", edgecolors=_MARK, linewidths=1.1, hatch="////")
        axes.add_collection(marked)
    axes.set(xlim=(left, right), ylim=(bottom, upper), aspect="equal")
    axes.margins(0.02)
    axes.set_axis_off()
    lines = [literal(title), *([mark.upper()] if mark else [])]
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=10.5, color=INK, fontweight="bold")
    patches = [
        Patch(facecolor=colour, edgecolor="#5b6770", linewidth=0.4, label=word)
        for colour, word in zip(_COLOURS, _WORDS, strict=True)
    ]
    patches.append(Patch(facecolor="none", edgecolor=_MARK, hatch="////", label="more than half: permanently"))
    heading = "flagged in this part of the test periods"
    figure.legend(
        handles=patches,
        title=heading,
        ncols=3,
        fontsize=8,
        title_fontsize=8.5,
        loc="outside lower center",
        edgecolor="none",
    )
    return save(figure, path, title)


def classed(time: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the class of each cell on the map: never, up to 10, 25, 50, 75 % of the periods, more."""
    return np.asarray(np.searchsorted(_EDGES, time, side="left"), dtype=np.int64)
