"""Curves and bars of a report."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from ilp_models.domain.errors import StorageError
from ilp_models.domain.scores import ALL
from ilp_models.report.formatting import kind_words

INK: Final = "#1b2530"
GREY: Final = "#6b7680"
# Okabe and Ito (2008): told apart with any kind of colour vision; line styles differ too.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
PALE: Final = "#b8c1c8"
RED: Final = "#8a1c1c"  # limits, and what lies beyond them
_NAMED: Final = 8  # curves with a name of their own: a legend of more hides what it explains
_LONG: Final = 26  # characters of a name on an axis
_DPI: Final = 140


def literal(text: str) -> str:
    r"""Return text that is drawn as it stands, its dollar signs not read as mathematics."""
    return text.replace("$", r"\$")


def brief(name: str) -> str:
    """Return a name that fits an axis or a legend, drawn as it stands."""
    return literal(name if len(name) <= _LONG else f"{name[: _LONG - 1]}\N{HORIZONTAL ELLIPSIS}")


def save(figure: Figure, path: Path, description: str) -> Path:
    """Return the path of a figure written as PNG."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=_DPI, metadata={"Description": description, "Software": "ilp_models"})
    except OSError as error:
        msg = f"The figure {path} was not written ({error}); free space there or choose another folder."
        raise StorageError(msg) from error
    return path


def plain_axes(axes: Axes) -> None:
    """Return nothing, having given axes the plain look of every figure."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(visible=True, color="#e6eaed", linewidth=0.7)
    axes.set_axisbelow(True)


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Return nothing, having given a logarithmic axis few ticks in plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if high < 100 * low else (1.0,)))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_formatter(NullFormatter())


def draw_hit_curves(path: Path, curves: pd.DataFrame, chosen: str, up_to: float = 0.25) -> Path:
    """Return the path of a figure of the share of events caught against the share of land."""
    rows = curves[(curves["crime_type"] == ALL) & (curves["share"] <= up_to)]
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    lines = dict(list(rows.groupby("forecaster", sort=False, observed=True)))
    named = [name for place, name in enumerate(lines) if place < _NAMED or name == chosen]
    for number, name in enumerate(named):
        colour, style = COLOURS[number % len(COLOURS)], STYLES[number % len(STYLES)]
        _draw_curve(axes, lines[name], literal(str(name)), c=colour, ls=style, lw=2.6 if name == chosen else 1.5)
    others = [name for name in lines if name not in named]
    for number, name in enumerate(others):
        _draw_curve(axes, lines[name], None if number else f"{len(others)} others", c=PALE, lw=0.8, zorder=1)
    best = rows.drop_duplicates("share")
    axes.plot(100 * best["share"], 100 * best["oracle"], c=GREY, lw=1.2, ls=":", label="oracle: knew the counts")
    axes.plot([0, 100 * up_to], [0, 100 * up_to], c=GREY, lw=1, label="land at random")
    axes.axvline(5, c="#c9d0d6", lw=1, zorder=0)
    axes.set(xlim=(0, 100 * up_to), ylim=(0, 100), xlabel="share of active land flagged, %")
    axes.set(ylabel="share of events that happened there, %")
    axes.legend(fontsize=8, loc="lower right", framealpha=0.95, edgecolor="none")
    plain_axes(axes)
    return save(figure, path, "Hit curves")


def _draw_curve(axes: Axes, line: pd.DataFrame, label: str | None, **style: Any) -> None:
    axes.plot(100 * line["share"], 100 * line["hit_rate"], label=label, **style)


def draw_calibration(path: Path, bins: pd.DataFrame) -> Path:
    """Return the path of a figure of mean counts against mean forecasts, a panel a crime type."""
    kinds = list(dict.fromkeys(bins["crime_type"]))
    columns = min(3, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(2.35 * columns + 0.5, 2.2 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, kind in zip(grid, kinds, strict=False):
        _calibration_panel(axes, bins[(bins["crime_type"] == kind) & (bins["expected"] > 0)])
        axes.set_title(literal(kind_words(kind)), fontsize=10, color=INK, loc="left")
    for axes in grid[len(kinds) :]:
        axes.set_axis_off()
    figure.supxlabel("expected events per cell and period (bin mean)", fontsize=9)
    figure.supylabel("events that happened (bin mean)", fontsize=9)
    return save(figure, path, "Calibration")


def _calibration_panel(axes: Axes, rows: pd.DataFrame) -> None:
    values = rows[["expected", "observed", "low", "high"]].to_numpy(dtype=float)
    shown = values[values > 0]
    ends = (shown.min() / 1.5, shown.max() * 1.5) if shown.size else (0.01, 1.0)
    axes.plot(ends, ends, c=GREY, lw=1)
    down, up = rows["observed"] - rows["low"], rows["high"] - rows["observed"]
    error: Any = np.nan_to_num(np.stack([down, up])).clip(0)
    axes.errorbar(rows["expected"], rows["observed"], yerr=error, fmt="o", ms=4, c=COLOURS[0], elinewidth=1.2)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_yscale("log", nonpositive="clip")
    for axis in (axes.xaxis, axes.yaxis):
        log_ticks(axis, *ends)
    plain_axes(axes)


def draw_importance(path: Path, importance: pd.DataFrame, count: int = 12) -> Path:
    """Return the path of a figure of the factor by which each feature typically moves the forecast."""
    rows = importance.head(count).iloc[::-1]
    figure = Figure(figsize=(6.4, 0.8 + 0.31 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(range(len(rows)), rows["multiplier"] - 1, left=1, color=COLOURS[0])
    labels = [
        f"x{factor:.2f}  {literal(family.replace('_', ' '))}"
        for factor, family in zip(rows["multiplier"], rows["family"], strict=True)
    ]
    axes.bar_label(bars, labels=labels, fontsize=8, padding=3, color=INK)
    axes.set_yticks(range(len(rows)), [literal(name.replace("_", " ")) for name in rows["feature"]], fontsize=8)
    axes.set_xlabel("typical factor on the expected count (1: none), and family of the feature", fontsize=8)
    axes.set_xlim(1, 1 + 1.4 * max(float(rows["multiplier"].max()) - 1, 1e-6))
    plain_axes(axes)
    return save(figure, path, "Global importance")
