"""Figures of a comparison: skills, mean ranks, and calibration of every forecaster side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ilp_models.domain.scores import ALL
from ilp_models.report.figures import COLOURS, GREY, INK, literal, log_ticks, plain_axes, save

# Of each verdict, told apart with any kind of colour vision; markers differ too.
_VERDICTS: Final = {
    "better": (COLOURS[0], "o"),
    "worse": (COLOURS[1], "s"),
    "tie": (GREY, "D"),
    "": (INK, "|"),
}
_LEVELS: Final = (COLOURS[0], COLOURS[5], GREY, COLOURS[4], COLOURS[1])
_COLUMNS: Final = 4
_FAR: Final = 5.0  # times the best skill
_WIDE: Final = 8.0  # inches
_LETTER: Final = 0.085  # inches


def draw_skills(path: Path, rows: pd.DataFrame, baseline: str) -> Path:
    """Return the path of a figure of skills with their intervals, best first.

    The axis ends where the near-by forecasters do; an arrow and a number stand for one further to the left.
    """
    figure = Figure(figsize=(6.4, 0.9 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, c=GREY, lw=1)
    high = 100 * max(float(rows[["skill", "skill_high"]].max().max()), 0.001)
    edge = max(100 * float(rows[["skill", "skill_low"]].min().min()), -_FAR * high)
    axes.set_xlim(1.1 * min(edge, -0.1 * high), 1.15 * high)
    for place, row in enumerate(rows.to_dict("records")):
        colour, marker = _VERDICTS[row["verdict"]]
        skill = 100 * row["skill"]
        if skill < edge:
            axes.plot(edge, place, marker="<", c=colour, ms=6)
            axes.text(edge + 0.1 * high, place, f" {skill:.1f} %", va="center", fontsize=8, color=INK)
            continue
        axes.plot([100 * row["skill_low"], 100 * row["skill_high"]], [place, place], c=colour, lw=2)
        axes.plot(skill, place, marker=marker, c=colour, ms=6)
    for word, (colour, marker) in list(_VERDICTS.items())[:3]:
        axes.plot([], [], marker=marker, c=colour, lw=2, label=word)
    axes.set_yticks(range(len(rows)), [literal(str(name)) for name in rows["forecaster"]], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(literal(f"share of the deviance of {baseline} saved, %"), fontsize=9)
    axes.legend(fontsize=8, framealpha=0.95, edgecolor="none", loc="best")
    plain_axes(axes)
    return save(figure, path, "Skill over the baseline")


def draw_critical_difference(path: Path, table: pd.DataFrame, critical: float, blocks: int) -> Path:
    """Draw a critical-difference diagram (Demsar 2006): mean ranks, with bars over methods that are tied."""
    count = len(table)
    letters = sorted({letter for group in table["group"] for letter in group})
    held = [table.loc[table["group"].str.contains(letter, regex=False), "mean_rank"] for letter in letters]
    bars = [(float(ranks.min()), float(ranks.max())) for ranks in held if len(ranks) > 1]
    half = -(-count // 2)
    first_line = -0.45 - 0.28 * len(bars)
    tall = 1.5 - first_line + 0.42 * half
    figure = Figure(figsize=(_WIDE, 0.52 * tall))
    axes = figure.add_axes((0, 0, 1, 1), ylim=(1.3 - tall, 1.3))
    axes.plot([1, count], [0, 0], c=INK, lw=1.2)
    for rank in range(1, count + 1):
        axes.plot([rank, rank], [0, 0.12], c=INK, lw=1)
        axes.text(rank, 0.2, str(rank), ha="center", va="bottom", fontsize=8, color=INK)
    for line, (low, high) in enumerate(bars):
        axes.plot([low, high], [-0.28 * (line + 1)] * 2, c=COLOURS[0], lw=4, solid_capstyle="round")
    names = [f"{name}  {rank:.2f}" for name, rank in zip(table["forecaster"], table["mean_rank"], strict=True)]
    rooms = [_LETTER * max(map(len, part), default=0) + 0.25 for part in (names[:half], names[half:])]
    inch = (count - 1) / max(_WIDE - sum(rooms), 1.0)  # mean ranks to an inch
    axes.set_xlim(1 - rooms[0] * inch, count + rooms[1] * inch)
    reach = 0.2 * inch
    for place, (name, rank) in enumerate(zip(table["forecaster"], table["mean_rank"], strict=True)):
        left = place < half
        y = first_line - 0.42 * (place if left else count - 1 - place)
        end = 1 - reach if left else count + reach
        axes.plot([rank, rank, end], [0, y, y], c=GREY, lw=0.9)
        label = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        axes.text(end, y, literal(label), ha="right" if left else "left", va="center", fontsize=8.5, color=INK)
    _critical(axes, critical, blocks)
    axes.set_axis_off()
    return save(figure, path, "Critical difference of mean ranks")


def _critical(axes: Axes, critical: float, blocks: int) -> None:
    if not np.isfinite(critical):
        axes.text(1, 0.75, f"too few blocks ({blocks}) to tell anybody apart", fontsize=8, color=INK)
        return
    axes.plot([1, 1, 1 + critical, 1 + critical], [0.7, 0.8, 0.8, 0.7], c=INK, lw=1.2)
    axes.text(1, 0.9, f"critical difference {critical:.2f}, {blocks} blocks", va="bottom", fontsize=8, color=INK)


def draw_reliability(path: Path, bins: pd.DataFrame, order: Sequence[str]) -> Path:
    """Return the path of a figure of mean counts over mean forecasts in bins of risk, a panel a forecaster."""
    rows = bins[(bins["crime_type"] == ALL) & (bins["expected"] > 0)]
    top = float(np.clip(1.1 * (rows["observed"] / rows["expected"]).max(), 2.0, 4.0))
    ends = rows["expected"].min() / 1.3, rows["expected"].max() * 1.3
    ratio = rows.assign(**{name: rows[name] / rows["expected"] for name in ("observed", "low", "high")})

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        error: Any = np.nan_to_num(np.stack([own["observed"] - own["low"], own["high"] - own["observed"]])).clip(0)
        axes.axhline(1, c=GREY, lw=1)
        axes.errorbar(own["expected"], own["observed"], yerr=error, fmt="o-", ms=3.5, lw=1, c=COLOURS[0], elinewidth=1)
        axes.set(xscale="log", ylim=(0, top), xlim=ends)
        log_ticks(axes.xaxis, *ends)

    labels = "expected events per cell and period (bin mean, log scale)", "happened / expected"
    return _panels(path, ratio, order, panel, labels, "Reliability")


def draw_pit(path: Path, bins: pd.DataFrame, order: Sequence[str]) -> Path:
    """Return the path of a figure of PIT histograms, a panel a forecaster."""
    rows = bins[bins["crime_type"] == ALL]
    top = 100 * 1.1 * float(np.nanmax(rows[["share", "high"]].to_numpy(dtype=float)))

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        width = 1 / len(own)
        error: Any = 100 * np.nan_to_num(np.stack([own["share"] - own["low"], own["high"] - own["share"]])).clip(0)
        edges = (own["bin"] - 1) * width
        axes.bar(edges, 100 * own["share"], width, align="edge", color="#9cc9e3", edgecolor="white", yerr=error)
        axes.axhline(100 * width, c=COLOURS[1], lw=1.2)
        axes.set(xlim=(0, 1), ylim=(0, top))

    return _panels(path, rows, order, panel, ("probability forecast for fewer events", "share of counts, %"), "PIT")


def draw_coverage(path: Path, rows: pd.DataFrame, order: Sequence[str]) -> Path:
    """Return the path of a figure of how far coverage lies off each quantile's level, by decile of risk."""
    pooled = rows[rows["crime_type"] == ALL]
    pooled = pooled.assign(off=100 * (pooled["coverage"] - pooled["level"]))
    end = float(np.clip(1.1 * pooled["off"].abs().max(), 4.0, 15.0))
    count = int(pooled["decile"].max())

    def panel(axes: Axes, own: pd.DataFrame) -> None:
        axes.axhspan(-2, 2, color="#eef1f4", zorder=0)
        for colour, (level, line) in zip(_LEVELS, own.groupby("level", sort=True), strict=False):
            label = f"{100 * float(str(level)):.0f} %"
            axes.plot(line["decile"], line["off"], "o-", c=colour, ms=3, lw=1.2, label=label)
        axes.set(ylim=(-end, end), xlim=(0.5, count + 0.5))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    labels = "decile of risk (1: lowest)", "share below quantile less its level, points"
    return _panels(path, pooled, order, panel, labels, "Coverage")


def _panels(
    path: Path,
    rows: pd.DataFrame,
    order: Sequence[str],
    panel: Callable[[Axes, pd.DataFrame], None],
    labels: tuple[str, str],
    description: str,
) -> Path:
    """Draw one panel a forecaster under one pair of axis labels."""
    columns = min(_COLUMNS, len(order))
    lines = -(-len(order) // columns)
    figure = Figure(figsize=(2.3 * columns + 0.4, 1.75 * lines + 0.5), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, name in zip(grid, order, strict=False):
        panel(axes, rows[rows["forecaster"] == name])
        axes.set_title(literal(name), fontsize=9, color=INK, loc="left")
        plain_axes(axes)
    for axes in grid[len(order) :]:
        axes.set_axis_off()
    handles, names = grid[0].get_legend_handles_labels()
    if names:
        figure.legend(handles, names, loc="outside upper right", ncols=len(names), fontsize=8, edgecolor="none")
    figure.supxlabel(labels[0], fontsize=9)
    figure.supylabel(labels[1], fontsize=9)
    return save(figure, path, description)
