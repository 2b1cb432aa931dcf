"""Figures of monitoring: what was measured in every period, and the cumulative sums with their limit."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilp_models.domain.scores import ALL
from ilp_models.report.figures import COLOURS, GREY, PALE, RED, STYLES, literal, save
from ilp_models.report.formatting import kind_words

_NAMED: Final = 12
_ROWS: Final = 6


def draw_measure(path: Path, rows: pd.DataFrame, title: str, since: str, limit: float) -> Path:
    """Return the path of a figure of one measure: values on the left, cumulative sums on the right."""
    kinds = sorted(rows["crime_type"].unique(), key=lambda kind: kind != ALL)[:_ROWS]
    names = list(dict.fromkeys(map(_name, rows.itertuples(index=False))))
    figure = Figure(figsize=(9.6, 0.9 + 2.3 * len(kinds)), layout="constrained")
    panels = figure.subplots(len(kinds), 2, squeeze=False, sharex="col", width_ratios=(3, 2))
    for (left, right), kind in zip(panels, kinds, strict=True):
        own = rows[rows["crime_type"] == kind]
        for _, line in own.groupby(["dimension", "group"], sort=False):
            _draw_line((left, right), line, names.index(_name(line.iloc[0])), since, limit)
        left.axvline(pd.Timestamp(since), color=GREY, linewidth=1)
        left.set_ylabel(literal(kind_words(kind)))
        for sign in (1, -1):
            right.axhline(sign * limit, color=RED, linewidth=1, linestyle=(0, (4, 2)))
        right.axhline(0, color=PALE, linewidth=0.8)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="x", rotation=30)
    panels[0, 0].set_title(literal(title), loc="left", fontsize=10)
    panels[0, 1].set_title("cumulative sums, dashed: limit", loc="left", fontsize=10)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return save(figure, path, f"{title} by period")


def _draw_line(panels: tuple[Axes, Axes], line: pd.DataFrame, at: int, since: str, limit: float) -> None:
    (left, right), named = panels, at < _NAMED
    colour = COLOURS[at % len(COLOURS)] if named else PALE
    style: dict[str, Any] = {
        "color": colour,
        "linestyle": STYLES[(at // len(COLOURS)) % len(STYLES)],
        "linewidth": 1.3,
    }
    moments = pd.to_datetime(line["period"])
    left.plot(moments, line["value"], label=literal(_name(line.iloc[0])) if named else None, **style)
    hit = line["breach"].to_numpy(dtype=bool)
    left.plot(moments[hit], line["value"][hit], "o", color=RED, markersize=5, zorder=3)
    new = (line["period"] >= since).to_numpy() & np.isfinite(line["cusum_up"].to_numpy(dtype=float))
    right.plot(moments[new], line["cusum_up"][new], marker=".", **style)
    right.plot(moments[new], -line["cusum_down"][new], marker=".", **style)
    for column, sign in (("cusum_up", 1), ("cusum_down", -1)):
        own = hit & (line[column] > limit).to_numpy()
        right.plot(moments[own], sign * line[column][own], "o", color=RED, markersize=4, zorder=3)


def _name(row: Any) -> str:
    dimension, group = str(row.dimension), str(row.group)
    return f"{dimension}: {group}" if group else dimension or "all residents"
