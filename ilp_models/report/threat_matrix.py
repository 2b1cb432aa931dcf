"""The threat matrix: expected crimes by the harm of one crime, with both uncertainties."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from ilp_models.report.plots import (
    COLOURS,
    GREY,
    Figure,
    escape_math,
    set_log_ticks,
    short_label,
    style_axes,
)

_LEAST: Final = 0.5  # crimes: axes are logarithmic
_MARGIN: Final = 2.0  # points around a label
_PLACES: Final = tuple((side, shift) for shift in (5, -5, 17, -17, 29, -29) for side in (6, -6))  # in points


def plot_threat_matrix(table: pd.DataFrame, harm: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Plot how many crimes are expected against the harm of one crime, one panel for each harm set."""
    figure = Figure(figsize=(4.9 * len(harm), 4.4), layout="constrained")
    panels = figure.subplots(1, len(harm), squeeze=False).ravel()
    readings = {name: _readings(table, about) for name, about in harm.items()}
    for axes, (name, about) in zip(panels, harm.items(), strict=True):
        _draw_panel(axes, table, readings[name])
        axes.set_title(escape_math(f"{name} ({about['date']})"), loc="left", fontsize=10)
    panels[0].set_ylabel("harm of one crime, in the unit of the set", fontsize=9)
    figure.draw_without_rendering()  # settles the layout, from which the size of labels in data units follows
    for axes, name in zip(panels, harm, strict=True):
        drawn = readings[name][1] > 0
        _place_labels(axes, table[drawn], readings[name][:, drawn])
    return figure


def _readings(table: pd.DataFrame, about: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the low and the high reading of each threat, shape (2, threats)."""
    return np.array([[about[end][threat] for threat in table["threat"]] for end in ("low", "high")], dtype=float)


def _draw_panel(axes: Axes, table: pd.DataFrame, readings: npt.NDArray[np.float64]) -> None:
    """Draw points with both intervals, and lines of equal harm in total."""
    low, high = readings
    drawn = high > 0
    middle = np.sqrt(low * high)
    ends = table["low"].clip(lower=_LEAST) / 2, table["high"] * 2
    span = np.geomspace(float(ends[0].min()), float(ends[1].max()), 2)
    total = (middle * table["expected"].clip(lower=_LEAST).to_numpy())[drawn]
    for product in np.geomspace(float(total.min()), float(total.max()), 4):
        axes.plot(span, product / span, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
    for at, (first, last, expected) in enumerate(_counts(table)):
        if drawn[at]:
            colour = COLOURS[at % len(COLOURS)]
            axes.plot([first, last], [middle[at]] * 2, color=colour, linewidth=2)
            axes.plot([expected] * 2, [low[at], high[at]], color=colour, linewidth=2)
            axes.plot(expected, middle[at], "o", color=colour, markersize=6)
    limits = (float(low[drawn].min()) / 2.5, float(high.max()) * 2.5)
    axes.set(xscale="log", yscale="log", xlim=tuple(span), ylim=limits)
    set_log_ticks(axes.xaxis, *span)
    set_log_ticks(axes.yaxis, *limits)
    axes.set_xlabel("expected crimes, next 12 months", fontsize=9)
    style_axes(axes)


def _counts(table: pd.DataFrame) -> list[tuple[float, float, float]]:
    """Return the ends of the interval and the expected count of each threat, above 0."""
    counts = table[["low", "high", "expected"]].clip(lower=_LEAST).to_numpy(dtype=float)
    return [(float(low), float(high), float(expected)) for low, high, expected in counts]


def _place_labels(axes: Axes, table: pd.DataFrame, readings: npt.NDArray[np.float64]) -> None:
    """Write each label where it covers least of the points, the lines and the labels before it."""
    low, high = readings
    middle, counts = np.sqrt(low * high), _counts(table)
    points = [(expected, float(at)) for (*_, expected), at in zip(counts, middle, strict=True)]
    taken = [
        box
        for (first, last, expected), at, bottom, top in zip(counts, middle, low, high, strict=True)
        for box in (
            _box(axes, (first, at), (last, at)),
            _box(axes, (expected, bottom), (expected, top)),
            _box(axes, (expected, at), (expected, at)).padded(_MARGIN),
        )
    ]
    for name, point in zip(table["threat"], points, strict=True):
        label = axes.annotate(short_label(str(name)), point, (0, 0), textcoords="offset points", fontsize=8)
        found = []
        for side, shift in _PLACES:
            label.set(position=(side, shift), ha="left" if side > 0 else "right", va="bottom" if shift > 0 else "top")
            found.append(label.get_window_extent().padded(_MARGIN))
        best = min(range(len(found)), key=lambda place: _covered(found[place], taken, axes.bbox))
        side, shift = _PLACES[best]
        label.set(position=(side, shift), ha="left" if side > 0 else "right", va="bottom" if shift > 0 else "top")
        taken.append(found[best])


def _box(axes: Axes, first: tuple[float, float], last: tuple[float, float]) -> Bbox:
    """Return a line from one point of the data to another as a box on the canvas."""
    return Bbox(axes.transData.transform([first, last])).padded(_MARGIN)


def _covered(box: Bbox, taken: Sequence[Bbox], panel: Bbox) -> float:
    """Return how much of a label lies on boxes that are taken, or outside the panel, which counts ten times."""
    inside = Bbox.intersection(box, panel)
    outside = box.width * box.height - (0.0 if inside is None else inside.width * inside.height)
    shared = [one for other in taken if (one := Bbox.intersection(box, other)) is not None]
    return round(10 * outside + sum(one.width * one.height for one in shared), 6)
