"""The monitoring page: CUSUM charts of exposure, coverage and calibration since the audit, and data drift."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.domain.scores import ALL
from ilp_models.report.formatting import crime_type_label
from ilp_models.report.page import FigureFile, write_page
from ilp_models.report.plots import COLOURS, GREY, PALE, RED, STYLES, escape_math, save_figure

TITLES: Final[Mapping[str, tuple[str, str]]] = {  # name and definition of each measure
    "exposure": ("Exposure", "share of a group's residents in flagged areas"),
    "exposure_ratio": ("Exposure ratio", "exposure of a group divided by that of all other residents"),
    "coverage": ("Coverage", "share of recorded crimes in flagged areas, by group of residents"),
    "coverage_ratio": ("Coverage ratio", "lowest coverage of a group divided by the highest"),
    "sum_ratio": ("Expected / recorded", "expected crimes divided by recorded crimes"),
}
_MAX_ROWS: Final = 40
_LEGEND_LINES: Final = 12
_PANEL_ROWS: Final = 6


@dataclass(frozen=True, eq=False)
class MonitorEvidence:
    """Inputs of the monitoring page; tables as documented in ``docs/monitoring.md``."""

    watch: pd.DataFrame  # measures by period
    series: pd.DataFrame
    drift: pd.DataFrame  # change of the records
    facts: Mapping[str, Any]  # digests, periods, limits
    verdict: str
    command: str  # that withdraws the decision; empty if withdrawal is not proposed
    notes: tuple[str, ...]


def write_monitor_page(folder: Path, evidence: MonitorEvidence) -> list[Path]:
    """Write ``monitor.html`` and its figures; return the page and the folder of figures."""
    figures = [_figure(evidence, measure, folder / "figures") for measure in TITLES]
    series = evidence.series
    selected = series["measure"].isin(evidence.facts["settings"]["measures"])
    watched = series[series["watched"]].sort_values(["breaches", "autocorrelation"], ascending=False, kind="stable")
    drift = evidence.drift.sort_values(["exceeds_noise", "distance"], ascending=False, kind="stable")
    write_page(
        folder / "monitor.html",
        "monitor.html.j2",
        evidence=evidence,
        figures=[figure for figure in figures if figure is not None],
        breaches=watched[watched["breaches"] > 0].to_dict("records"),
        unwatched=series[~series["watched"] & selected].to_dict("records"),
        drift=drift.head(_MAX_ROWS).to_dict("records"),
        more=max(len(drift) - _MAX_ROWS, 0),
        crime_type_label=crime_type_label,
        caveat=CAVEAT,
    )
    return [folder / "monitor.html", folder / "figures"]


def _figure(evidence: MonitorEvidence, measure: str, folder: Path) -> FigureFile | None:
    rows = evidence.watch[evidence.watch["measure"] == measure]
    if rows.empty or not rows["value"].notna().any():
        return None
    start = str(evidence.facts["new_periods_span"][0])
    (name, definition), limit = TITLES[measure], float(evidence.facts["limit"])
    title = f"{name}: {definition}"
    figure = plot_measure(rows, name, start, limit)
    path = save_figure(figure, folder / f"{measure.replace('_', '-')}.png", f"{name} by period")
    breaches = int(rows["breach"].sum())
    return FigureFile(
        path,
        f"{title}, by period and group; {breaches} breaches since {start}. The numbers are in monitor.csv.",
        f"{title}. Left: value per period; the vertical line is the end of the audited periods; red marks a breach. "
        "Right: cumulative sums (CUSUM) since then; up means higher values, down means lower values.",
    )


def plot_measure(rows: pd.DataFrame, title: str, start: str, limit: float) -> Figure:
    """Plot one measure: its values on the left, its cumulative sums and their limit on the right."""
    kinds = sorted(rows["crime_type"].unique(), key=lambda kind: kind != ALL)[:_PANEL_ROWS]
    names = list(dict.fromkeys(map(_group_label, rows.itertuples(index=False))))
    figure = Figure(figsize=(9.6, 0.9 + 2.3 * len(kinds)), layout="constrained")
    panels = figure.subplots(len(kinds), 2, squeeze=False, sharex="col", width_ratios=(3, 2))
    for (left, right), kind in zip(panels, kinds, strict=True):
        own = rows[rows["crime_type"] == kind]
        for _, line in own.groupby(["dimension", "group"], sort=False):
            _plot_series((left, right), line, names.index(_group_label(line.iloc[0])), start, limit)
        left.axvline(pd.Timestamp(start), color=GREY, linewidth=1)
        left.set_ylabel(escape_math(crime_type_label(kind)))
        for sign in (1, -1):
            right.axhline(sign * limit, color=RED, linewidth=1, linestyle=(0, (4, 2)))
        right.axhline(0, color=PALE, linewidth=0.8)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            locator = AutoDateLocator(minticks=3, maxticks=6)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    panels[0, 0].set_title(escape_math(title), loc="left", fontsize=10)
    panels[0, 1].set_title("CUSUM (dashed: limit)", loc="left", fontsize=10)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _plot_series(panels: tuple[Axes, Axes], line: pd.DataFrame, position: int, start: str, limit: float) -> None:
    (left, right), labelled = panels, position < _LEGEND_LINES
    style: dict[str, Any] = {
        "color": COLOURS[position % len(COLOURS)] if labelled else PALE,
        "linestyle": STYLES[(position // len(COLOURS)) % len(STYLES)],
        "linewidth": 1.3,
    }
    dates = pd.to_datetime(line["period"])
    left.plot(dates, line["value"], label=escape_math(_group_label(line.iloc[0])) if labelled else None, **style)
    breach = line["breach"].to_numpy(dtype=bool)
    left.plot(dates[breach], line["value"][breach], "o", color=RED, markersize=5, zorder=3)
    new = (line["period"] >= start).to_numpy() & np.isfinite(line["cusum_up"].to_numpy(dtype=float))
    right.plot(dates[new], line["cusum_up"][new], marker=".", **style)
    right.plot(dates[new], -line["cusum_down"][new], marker=".", **style)
    for column, sign in (("cusum_up", 1), ("cusum_down", -1)):
        beyond = breach & (line[column] > limit).to_numpy()
        right.plot(dates[beyond], sign * line[column][beyond], "o", color=RED, markersize=4, zorder=3)


def _group_label(row: Any) -> str:
    dimension, group = str(row.dimension), str(row.group)
    return f"{dimension}: {group}" if group else dimension or "all residents"
