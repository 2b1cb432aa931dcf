"""Figures of the audit report: exposure against coverage, ratios, attribution gaps and feedback."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator

from ilp_models.domain.finding import ALL, Limit
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import crime_type_label
from ilp_models.report.plots import GREY, INK, RED, STYLES, escape_math, short_label, style_axes

_PALE: Final = "#dfe5ea"
# The common colours, darkened, because small marks need contrast on white; the markers differ too.
_DARK: Final = ("#0072B2", "#D55E00", "#007a5a", "#a8517f", "#8a6100", "#1b2530")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h", "p")
_COLUMNS: Final = 3
_TITLE_WIDTH: Final = 22  # characters of a panel title per line
_TICKS: Final = (0.1, 0.2, 0.35, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


def plot_exposure_coverage(rows: pd.DataFrame) -> Figure:
    """Plot exposure against coverage by group, one panel per crime type; hollow marks are the baseline."""
    kinds, groups = list(dict.fromkeys(rows["crime_type"])), list(dict.fromkeys(rows["group"]))
    columns = min(_COLUMNS, len(kinds))
    lines = -(-len(kinds) // columns)
    figure = Figure(
        figsize=(2.9 * columns + 0.6, 2.6 * lines + 0.5 + 0.22 * -(-len(groups) // 4)), layout="constrained"
    )
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        own = rows[rows["crime_type"] == kind].set_index(["group", "measure"])
        for position, group in enumerate(groups):
            _group_point(axes, own, group, position)
        axes.set_title(escape_math(crime_type_label(kind)), fontsize=10, color=INK, loc="left")
        style_axes(axes)
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    for axes in panels[len(kinds) - columns : len(kinds)]:
        axes.tick_params(labelbottom=True)  # the lowest panel of its column, although the one below may be empty
    figure.supxlabel("exposure: share of residents' time in flagged areas, %", fontsize=9)
    figure.supylabel("coverage: share of recorded crimes, %", fontsize=9)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)), fontsize=8, edgecolor="none")
    return figure


def _group_point(axes: Axes, own: pd.DataFrame, group: str, position: int) -> None:
    colour, marker = _DARK[position % len(_DARK)], _MARKERS[position % len(_MARKERS)]
    label = short_label(group)
    if not {(group, "exposure"), (group, "coverage")} <= set(own.index):
        axes.plot([], [], ls="", marker=marker, c=colour, label=label)
        return
    x, y = (_numbers(own, (group, measure)) for measure in ("exposure", "coverage"))
    errors: list[Any] = [
        100 * np.nan_to_num(np.array([[s["value"] - s["week_low"]], [s["week_high"] - s["value"]]])).clip(0)
        for s in (x, y)
    ]
    axes.plot([100 * x["baseline"], 100 * x["value"]], [100 * y["baseline"], 100 * y["value"]], c=colour, lw=0.8)
    axes.plot(100 * x["baseline"], 100 * y["baseline"], ls="", marker=marker, mfc="white", c=colour, ms=6)
    axes.errorbar(
        *(100 * x["value"], 100 * y["value"]),
        xerr=errors[0],
        yerr=errors[1],
        fmt=marker,
        c=colour,
        ms=6,
        lw=1,
        label=label,
    )


def plot_ratios(rows: pd.DataFrame, measures: Sequence[str], limits: Mapping[str, Limit]) -> Figure:
    """Plot a forest plot of ratios by group on a logarithmic axis, one panel per measure."""
    names = list(dict.fromkeys(zip(rows["dimension"], rows["group"], strict=True)))
    height = 1.25 + 0.34 * len(names)
    figure = Figure(figsize=(2.05 * len(measures) + 1.9, height), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False, sharey=True).ravel()
    for axes, measure in zip(panels, measures, strict=True):
        own = rows[rows["measure"] == measure].set_index(["dimension", "group"])
        _forest_panel(axes, own, names, limits.get(measure))
        axes.set_title(fill(defined(measure).label, _TITLE_WIDTH), fontsize=9, color=INK, loc="left")
    panels[0].set_yticks(range(len(names)), [short_label(group) for _, group in names], fontsize=8.5)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    known = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(
        list(known.values()), list(known), loc="outside lower center", ncols=len(known), fontsize=8, edgecolor="none"
    )
    return figure


def _numbers(table: pd.DataFrame, key: tuple[str, str]) -> dict[str, float]:
    """Return the numbers of one row by column."""
    return {str(name): float(value) for name, value in table.loc[[key]].select_dtypes("number").iloc[0].items()}


def _forest_panel(axes: Axes, own: pd.DataFrame, names: list[tuple[str, str]], limit: Limit | None) -> None:
    axes.axvline(1, c=GREY, lw=1, zorder=1)
    bounds = [] if limit is None else [b for b in (limit.fail_below, limit.fail_above) if b]
    for bound in bounds:
        axes.axvline(bound, c=RED, lw=1, ls=(0, (4, 2)), label="limit: fail", zorder=1)
    values = [1.0, *bounds]
    for position, name in enumerate(names):
        if name not in own.index:
            axes.text(1, position, "not measured", ha="center", va="center", fontsize=7.5, color=INK)
            continue
        row = _numbers(own, name)
        chance, area, week = ((row[f"{one}_low"], row[f"{one}_high"]) for one in ("chance", "area", "week"))
        line = [position, position]
        axes.plot(chance, line, c=_PALE, lw=11, solid_capstyle="butt", label="range by chance alone", zorder=0)
        axes.plot(area, line, c=_DARK[0], lw=1, marker="|", ms=6, label="interval: other areas")
        axes.plot(week, line, c=_DARK[0], lw=3.2, solid_capstyle="butt", label="interval: other weeks")
        axes.plot(row["value"], position, c=INK, marker="o", ms=5, ls="", label="estimate", zorder=4)
        values += [float(one) for one in (row["value"], *week, *area, *chance) if np.isfinite(one) and one > 0]
    axes.set_xscale("log")
    axes.set_xlim(min(values) / 1.12, max(values) * 1.12)
    ticks = _sparse_ticks([tick for tick in _TICKS if min(values) / 1.12 <= tick <= max(values) * 1.12])
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{tick:g}" for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    style_axes(axes)


def _sparse_ticks(ticks: list[float]) -> list[float]:
    """Return ticks with enough space for their labels; 1 is always included."""
    space = np.log(max(ticks) / min(ticks)) / 6 if ticks else 0.0
    chosen = [1.0]
    for tick in sorted(ticks, key=lambda one: abs(np.log(one))):
        if all(abs(np.log(tick / other)) > space for other in chosen):
            chosen.append(tick)
    return sorted(chosen)


def plot_attribution_gaps(table: pd.DataFrame) -> Figure:
    """Plot attribution gaps as a matrix of groups and feature families, with the numbers in the cells."""
    values = table.to_numpy(dtype=float)
    end = max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-9)
    figure = Figure(figsize=(1.7 + 0.72 * values.shape[1], 0.9 + 0.32 * len(table)), layout="constrained")
    axes = figure.add_subplot()
    colours = mpl.colormaps["RdBu_r"]
    axes.imshow(values, cmap=colours, vmin=-end, vmax=end, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        shade = colours((value + end) / (2 * end))
        dark = float(np.dot(shade[:3], (0.299, 0.587, 0.114))) < 0.55
        text = f"{value:+.2f}" if np.isfinite(value) else "no value"
        axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color="white" if dark else INK)
    names = [escape_math(str(name).replace("_", " ").replace(" ", "\n", 1)) for name in table.columns]
    axes.set_xticks(range(values.shape[1]), names, fontsize=8.5)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(table)), [short_label(str(group)) for _, group in table.index], fontsize=8.5)
    axes.axvline(values.shape[1] - 1.5, c="white", lw=3)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, colors=INK)
    return figure


def plot_feedback(paths: pd.DataFrame) -> Figure:
    """Plot how far forecasts drift from the true shares if records depend on patrols, one panel per crime type."""
    kinds = sorted(dict.fromkeys(paths["crime_type"]), key=lambda kind: kind != ALL)
    columns = min(_COLUMNS, len(kinds))
    lines = -(-len(kinds) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.6, 2.2 * lines + 0.7), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        own = paths[paths["crime_type"] == kind]
        for position, (records, line) in enumerate(own.groupby("records", sort=False)):
            colour = _DARK[position % len(_DARK)]
            axes.fill_between(line["period"], line["low"], line["high"], color=colour, alpha=0.15, linewidth=0)
            style = {"marker": _MARKERS[position], "ls": STYLES[position % len(STYLES)], "ms": 4, "lw": 1.4}
            axes.plot(line["period"], line["distance"], c=colour, label=escape_math(str(records)), **style)
        axes.set_title(escape_math(crime_type_label(kind)), fontsize=10, color=INK, loc="left")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
        style_axes(axes)
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    panels[0].set_ylim(bottom=0)  # applies to all panels; set last, because it fixes the common limits
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), fontsize=8, edgecolor="none")
    figure.supxlabel("period of the simulation", fontsize=9)
    figure.supylabel("distance from the true shares", fontsize=9)
    return figure
