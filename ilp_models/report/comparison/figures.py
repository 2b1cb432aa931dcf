"""Figures of the comparison page: mean ranks, reliability, PIT histograms and interval coverage."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ilp_models.domain.scores import ALL
from ilp_models.report.plots import COLOURS, GREY, INK, escape_math, set_log_ticks, style_axes

_QUANTILE_COLOURS: Final = (COLOURS[0], COLOURS[5], GREY, COLOURS[4], COLOURS[1])
_COLUMNS: Final = 4
_WIDTH: Final = 8.0  # inches
_LETTER_WIDTH: Final = 0.085  # inches


def plot_mean_ranks(table: pd.DataFrame, critical: float, blocks: int) -> Figure:
    """Plot a critical-difference diagram (Demsar 2006): mean ranks, with bars that join tied methods."""
    count = len(table)
    letters = sorted({letter for group in table["group"] for letter in group})
    member_ranks = [table.loc[table["group"].str.contains(letter, regex=False), "mean_rank"] for letter in letters]
    bars = [(float(ranks.min()), float(ranks.max())) for ranks in member_ranks if len(ranks) > 1]
    half = -(-count // 2)
    first_line = -0.45 - 0.28 * len(bars)
    height = 1.5 - first_line + 0.42 * half
    figure = Figure(figsize=(_WIDTH, 0.52 * height))
    axes = figure.add_axes((0, 0, 1, 1), ylim=(1.3 - height, 1.3))
    axes.plot([1, count], [0, 0], c=INK, lw=1.2)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, 0.12], c=INK, lw=1)
        axes.text(rank, 0.2, str(rank), ha="center", va="bottom", fontsize=8, color=INK)
    for line, (low, high) in enumerate(bars):
        axes.plot([low, high], [-0.28 * (line + 1)] * 2, c=COLOURS[0], lw=4, solid_capstyle="round")
    names = [f"{name}  {rank:.2f}" for name, rank in zip(table["forecaster"], table["mean_rank"], strict=True)]
    spaces = [_LETTER_WIDTH * max(map(len, part), default=0) + 0.25 for part in (names[:half], names[half:])]
    inch = (count - 1) / max(_WIDTH - sum(spaces), 1.0)  # mean ranks to an inch
    axes.set_xlim(1 - spaces[0] * inch, count + spaces[1] * inch)
    offset = 0.2 * inch
    for position, (name, rank) in enumerate(zip(table["forecaster"], table["mean_rank"], strict=True)):
        left = position < half
        y = first_line - 0.42 * (position if left else count - 1 - position)
        end = 1 - offset if left else count + offset
        axes.plot([rank, rank, end], [0, y, y], c=GREY, lw=0.9)
        label = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        axes.text(end, y, escape_math(label), ha="right" if left else "left", va="center", fontsize=8.5, color=INK)
    _add_critical_difference(axes, critical, blocks)
    axes.set_axis_off()
    return figure


def _add_critical_difference(axes: Axes, critical: float, blocks: int) -> None:
    if not np.isfinite(critical):
        axes.text(1, 0.75, f"too few blocks ({blocks}) for a critical difference", fontsize=8, color=INK)
        return
    axes.plot([1, 1, 1 + critical, 1 + critical], [0.7, 0.8, 0.8, 0.7], c=INK, lw=1.2)
    axes.text(1, 0.9, f"critical difference {critical:.2f}, {blocks} blocks", va="bottom", fontsize=8, color=INK)


def plot_reliability(bins: pd.DataFrame, order: Sequence[str]) -> Figure:
    """Plot recorded divided by expected crimes in bins of risk, one panel per forecaster."""
    rows = bins[(bins["crime_type"] == ALL) & (bins["expected"] > 0)]
    top = float(np.clip(1.1 * (rows["observed"] / rows["expected"]).max(), 2.0, 4.0))
    ends = rows["expected"].min() / 1.3, rows["expected"].max() * 1.3
    ratio = rows.assign(**{name: rows[name] / rows["expected"] for name in ("observed", "low", "high")})

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        error: Any = np.nan_to_num(np.stack([own["observed"] - own["low"], own["high"] - own["observed"]])).clip(0)
        axes.axhline(1, c=GREY, lw=1)
        axes.errorbar(own["expected"], own["observed"], yerr=error, fmt="o-", ms=3.5, lw=1, c=COLOURS[0], elinewidth=1)
        axes.set(xscale="log", ylim=(0, top), xlim=ends)
        set_log_ticks(axes.xaxis, *ends)

    labels = "expected crimes per cell and period (bin mean, log scale)", "recorded / expected"
    return _panels(ratio, order, panel, labels)


def plot_pit(bins: pd.DataFrame, order: Sequence[str]) -> Figure:
    """Plot PIT histograms, one panel per forecaster."""
    rows = bins[bins["crime_type"] == ALL]
    top = 100 * 1.1 * float(np.nanmax(rows[["share", "high"]].to_numpy(dtype=float)))

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        width = 1 / len(own)
        error: Any = 100 * np.nan_to_num(np.stack([own["share"] - own["low"], own["high"] - own["share"]])).clip(0)
        edges = (own["bin"] - 1) * width
        axes.bar(edges, 100 * own["share"], width, align="edge", color="#9cc9e3", edgecolor="white", yerr=error)
        axes.axhline(100 * width, c=COLOURS[1], lw=1.2)
        axes.set(xlim=(0, 1), ylim=(0, top))

    return _panels(rows, order, panel, ("forecast probability of fewer crimes", "share of counts, %"))


def plot_coverage(rows: pd.DataFrame, order: Sequence[str]) -> Figure:
    """Plot the difference of quantile coverage from its nominal level by decile of risk, one panel per forecaster."""
    pooled = rows[rows["crime_type"] == ALL]
    pooled = pooled.assign(off=100 * (pooled["coverage"] - pooled["level"]))
    end = float(np.clip(1.1 * pooled["off"].abs().max(), 4.0, 15.0))
    count = int(pooled["decile"].max())

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        axes.axhspan(-2, 2, color="#eef1f4", zorder=0)
        for colour, (level, line) in zip(_QUANTILE_COLOURS, own.groupby("level", sort=True), strict=False):
            label = f"{100 * float(str(level)):.0f} %"
            axes.plot(line["decile"], line["off"], "o-", c=colour, ms=3, lw=1.2, label=label)
        axes.set(ylim=(-end, end), xlim=(0.5, count + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    labels = "decile of risk (1: lowest)", "counts below the quantile minus nominal, points"
    return _panels(pooled, order, panel, labels)


def _panels(
    rows: pd.DataFrame,
    order: Sequence[str],
    panel: Callable[[Axes, pd.DataFrame], None],
    labels: tuple[str, str],
) -> Figure:
    """Plot one panel per forecaster with common axis labels."""
    columns = min(_COLUMNS, len(order))
    lines = -(-len(order) // columns)
    figure = Figure(figsize=(2.3 * columns + 0.4, 1.75 * lines + 0.5), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(grid, order, strict=False):
        panel(axes, rows[rows["forecaster"] == name])
        axes.set_title(escape_math(name), fontsize=9, color=INK, loc="left")
        style_axes(axes)
    for axes in grid[len(order) :]:
        axes.set_axis_off()
    handles, names = grid[0].get_legend_handles_labels()
    if names:
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize=8, edgecolor="none")
    figure.supxlabel(labels[0], fontsize=9)
    figure.supylabel(labels[1], fontsize=9)
    return figure
