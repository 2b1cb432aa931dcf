"""Charts of forecasts, scores and explanations, as matplotlib figures.

Each ``plot_*`` function returns a :class:`matplotlib.figure.Figure`; :func:`save_figure` writes it as PNG.
Maps are in :mod:`ilp_models.report.maps`.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib import figure as mpl_figure
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.scores import ALL, is_bound
from ilp_models.report.formatting import MISSING, crime_type_label

INK: Final = "#1b2530"
GREY: Final = "#6b7680"
# Okabe and Ito (2008): distinguishable with any type of colour vision; line styles differ too.
COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLES: Final = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
PALE: Final = "#b8c1c8"
RED: Final = "#8a1c1c"  # limits, and values that exceed them
TEAL: Final = "#00a3a3"  # marks on maps and the selected cap
_LABELLED_CURVES: Final = 8  # a legend with more entries hides the curves
_LABEL_LENGTH: Final = 26  # characters of a name on an axis
_DPI: Final = 140
_SCREEN_DPI: Final = 96  # in notebooks
_VERDICTS: Final = {"better": (COLOURS[0], "o"), "worse": (COLOURS[1], "s"), "tie": (GREY, "D"), "": (INK, "|")}
_SKILL_RANGE: Final = 5.0  # times the best skill; the axis ends there
_GROUP_MARKERS: Final = ("o", "s", "^", "D", "v", "P")
_TRIAL_COLUMNS: Final = ("trial", "best", "seconds", "reason")
_PANELS_PER_ROW: Final = 3
FIGURE_FORMATS: Final = ("png", "svg", "pdf")
_FORMATS: ContextVar[tuple[str, ...]] = ContextVar("figure_formats", default=())


class Figure(mpl_figure.Figure):
    """A matplotlib figure that shows itself in a notebook, whether pyplot is loaded or not."""

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self.savefig(picture, format="png", dpi=_SCREEN_DPI)
        return picture.getvalue()


def escape_math(text: str) -> str:
    r"""Return text whose dollar signs matplotlib does not read as mathematics."""
    return text.replace("$", r"\$")


def short_label(name: str) -> str:
    """Return a name short enough for an axis or a legend."""
    fits = len(name) <= _LABEL_LENGTH
    return escape_math(name if fits else f"{name[: _LABEL_LENGTH - 1]}\N{HORIZONTAL ELLIPSIS}")


@contextmanager
def figure_formats(formats: Sequence[str]) -> Iterator[None]:
    """Write each figure in these formats too while the context lasts; PNG is always written, for the pages."""
    listed = isinstance(formats, Sequence) and not isinstance(formats, str)
    if not listed or any(name not in FIGURE_FORMATS for name in formats):
        msg = f"figure_formats={formats} is not valid. Choose from [{', '.join(FIGURE_FORMATS)}]."
        raise InputError(msg)
    before = _FORMATS.set(tuple(name for name in formats if name != "png"))
    try:
        yield
    finally:
        _FORMATS.reset(before)


def save_figure(figure: mpl_figure.Figure, path: Path, description: str = "") -> Path:
    """Write a figure as PNG, and in other chosen formats, with a description in its metadata; return the PNG file.

    Equal figures give equal bytes: no file has a date.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=_DPI, metadata={"Description": description, "Software": "ilp_models"})
        with rc_context({"svg.hashsalt": "ilp_models"}):
            for name in _FORMATS.get():
                about = {"Description": description} if name == "svg" else {"Subject": description}
                undated = {"svg": "Date", "pdf": "CreationDate"}[name]
                figure.savefig(path.with_suffix(f".{name}"), dpi=_DPI, metadata={**about, undated: None})
    except OSError as error:
        msg = f"The figure {path} was not written ({error}). Free disk space or choose another folder."
        raise StorageError(msg) from error
    return path


def style_axes(axes: Axes) -> None:
    """Apply the style of all charts: no frame at top and right, a pale grid, small labels."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=INK)
    axes.grid(visible=True, color="#e6eaed", linewidth=0.7)
    axes.set_axisbelow(True)


def set_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Put few ticks with plain numbers on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if high < 100 * low else (1.0,)))
    axis.set_major_formatter(FormatStrFormatter("%g"))
    axis.set_minor_formatter(NullFormatter())


def plot_hit_curves(curves: pd.DataFrame, highlight: str, max_share: float = 0.25) -> Figure:
    """Plot the share of crime captured against the share of area, one line per forecaster.

    ``curves`` has the columns ``forecaster, crime_type, share, hit_rate, oracle``; the pool of all types is shown.
    """
    rows = curves[(curves["crime_type"] == ALL) & (curves["share"] <= max_share)]
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    lines = dict(list(rows.groupby("forecaster", sort=False, observed=True)))
    labelled = [name for position, name in enumerate(lines) if position < _LABELLED_CURVES or name == highlight]
    for position, name in enumerate(labelled):
        style = {"c": COLOURS[position % len(COLOURS)], "ls": STYLES[position % len(STYLES)]}
        _hit_curve(axes, lines[name], escape_math(str(name)), lw=2.6 if name == highlight else 1.5, **style)
    others = [name for name in lines if name not in labelled]
    for position, name in enumerate(others):
        _hit_curve(axes, lines[name], None if position else f"{len(others)} others", c=PALE, lw=0.8, zorder=1)
    oracle = rows.drop_duplicates("share")
    axes.plot(100 * oracle["share"], 100 * oracle["oracle"], c=GREY, lw=1.2, ls=":", label="oracle: knows the counts")
    axes.plot([0, 100 * max_share], [0, 100 * max_share], c=GREY, lw=1, label="random area")
    axes.axvline(5, c="#c9d0d6", lw=1, zorder=0)
    axes.set(xlim=(0, 100 * max_share), ylim=(0, 100), xlabel="share of active area flagged, %")
    axes.set(ylabel="share of recorded crime captured, %")
    axes.legend(fontsize=8, loc="lower right", framealpha=0.95, edgecolor="none")
    style_axes(axes)
    return figure


def _hit_curve(axes: Axes, line: pd.DataFrame, label: str | None, **style: Any) -> None:
    axes.plot(100 * line["share"], 100 * line["hit_rate"], label=label, **style)


def plot_calibration(bins: pd.DataFrame) -> Figure:
    """Plot recorded against expected crimes in bins of risk, one panel per crime type.

    ``bins`` has the columns ``crime_type, expected, observed, low, high`` (bin means and the interval of the recorded).
    """
    kinds = list(dict.fromkeys(bins["crime_type"]))
    columns = min(_PANELS_PER_ROW, len(kinds))
    rows = -(-len(kinds) // columns)
    figure = Figure(figsize=(2.35 * columns + 0.5, 2.2 * rows + 0.4), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, kind in zip(panels, kinds, strict=False):
        _calibration_panel(axes, bins[(bins["crime_type"] == kind) & (bins["expected"] > 0)])
        axes.set_title(escape_math(crime_type_label(kind)), fontsize=10, color=INK, loc="left")
    for axes in panels[len(kinds) :]:
        axes.set_axis_off()
    figure.supxlabel("expected crimes per cell and period (bin mean)", fontsize=9)
    figure.supylabel("recorded crimes (bin mean)", fontsize=9)
    return figure


def _calibration_panel(axes: Axes, rows: pd.DataFrame) -> None:
    values = rows[["expected", "observed", "low", "high"]].to_numpy(dtype=float)
    positive = values[values > 0]
    ends = (positive.min() / 1.5, positive.max() * 1.5) if positive.size else (0.01, 1.0)
    axes.plot(ends, ends, c=GREY, lw=1)
    down, up = rows["observed"] - rows["low"], rows["high"] - rows["observed"]
    error: Any = np.nan_to_num(np.stack([down, up])).clip(0)
    axes.errorbar(rows["expected"], rows["observed"], yerr=error, fmt="o", ms=4, c=COLOURS[0], elinewidth=1.2)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_yscale("log", nonpositive="clip")
    for axis in (axes.xaxis, axes.yaxis):
        set_log_ticks(axis, *ends)
    style_axes(axes)


def plot_explanation(explanation: Explanation, features: int = 12) -> Figure:
    """Plot how strongly each feature typically moves the forecast (global SHAP importance)."""
    return plot_importance(explanation.importance(), features)


def plot_importance(importance: pd.DataFrame, features: int = 12) -> Figure:
    """Plot the typical factor of each feature; columns ``feature, family, multiplier``, strongest first."""
    rows = importance.head(features).iloc[::-1]
    figure = Figure(figsize=(6.4, 0.8 + 0.31 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(range(len(rows)), rows["multiplier"] - 1, left=1, color=COLOURS[0])
    labels = [
        f"x{factor:.2f}  {escape_math(family.replace('_', ' '))}"
        for factor, family in zip(rows["multiplier"], rows["family"], strict=True)
    ]
    axes.bar_label(bars, labels=labels, fontsize=8, padding=3, color=INK)
    axes.set_yticks(range(len(rows)), [escape_math(name.replace("_", " ")) for name in rows["feature"]], fontsize=8)
    axes.set_xlabel("typical factor on expected crimes (1: no effect), and feature family", fontsize=8)
    axes.set_xlim(1, 1 + 1.4 * max(float(rows["multiplier"].max()) - 1, 1e-6))
    style_axes(axes)
    return figure


def plot_families(shares: Mapping[str, float]) -> Figure:
    """Plot the share of each family of reasons in the differences between cells, largest first."""
    rows = sorted(shares.items(), key=lambda row: row[1])
    figure = Figure(figsize=(6.4, 0.8 + 0.31 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(range(len(rows)), [100 * share for _, share in rows], color=COLOURS[0])
    axes.bar_label(bars, labels=[f"{share:.0%}" for _, share in rows], fontsize=8, padding=3, color=INK)
    axes.set_yticks(range(len(rows)), [family for family, _ in rows], fontsize=8)
    axes.set_xlabel("share of the differences between a cell and the mean cell, %", fontsize=8)
    axes.set_xlim(0, 114 * max(shares.values()))
    style_axes(axes)
    return figure


def plot_skill(skill: pd.DataFrame, baseline: str) -> Figure:
    """Plot the skill of each forecaster over a baseline with its interval, in the order of the rows.

    ``skill`` has the columns ``forecaster, skill, low, high, verdict``. Of the tables by lead and crime type, the pool
    of all types at the first lead is shown. Bounds (the oracle and the ceiling) are left out: no forecaster reaches
    them, and they would move all others close to 0. An arrow marks a skill far below the others.
    """
    rows = skill[~skill["forecaster"].map(is_bound).astype(bool)]
    if "lead" in rows:
        rows = rows[rows["lead"] == rows["lead"].min()]
    if "crime_type" in rows:
        rows = rows[rows["crime_type"] == ALL]
    figure = Figure(figsize=(6.4, max(2.2, 0.9 + 0.3 * len(rows))), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, c=GREY, lw=1)
    high = 100 * max(float(rows[["skill", "high"]].max().max()), 0.001)
    edge = max(100 * float(rows[["skill", "low"]].min().min()), -_SKILL_RANGE * high)
    axes.set_xlim(1.1 * min(edge, -0.1 * high), 1.15 * high)
    for position, row in enumerate(rows.to_dict("records")):
        colour, marker = _VERDICTS[row["verdict"]]
        value = 100 * row["skill"]
        if value < edge:
            axes.plot(edge, position, marker="<", c=colour, ms=6)
            axes.text(edge + 0.1 * high, position, f" {value:.1f} %", va="center", fontsize=8, color=INK)
            continue
        axes.plot([100 * row["low"], 100 * row["high"]], [position, position], c=colour, lw=2)
        axes.plot(value, position, marker=marker, c=colour, ms=6)
    for verdict, (colour, marker) in list(_VERDICTS.items())[:3]:
        axes.plot([], [], marker=marker, c=colour, lw=2, label=verdict)
    axes.set_yticks(range(len(rows)), [escape_math(str(name)) for name in rows["forecaster"]], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first row at the top
    axes.set_xlabel(escape_math(f"skill: share of the deviance of {baseline} removed, %"), fontsize=9)
    axes.legend(fontsize=8, framealpha=0.95, edgecolor="none", loc="best")
    style_axes(axes)
    return figure


def plot_frontier(frontier: pd.DataFrame, selected: float | None = None, events: str = "expected") -> Figure:
    """Plot what a cap on the exposure ratio costs, and what it does to exposure and coverage of groups.

    ``frontier`` has the columns ``cap, group, of_uncapped, exposure_ratio, coverage``; an infinite cap is no cap.
    """
    caps = list(dict.fromkeys(frontier["cap"]))
    position = {cap: number for number, cap in enumerate(caps)}
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    price, exposure, coverage = figure.subplots(1, 3)
    points = frontier.drop_duplicates("cap")
    price.plot(range(len(caps)), 100 * points["of_uncapped"], c=INK, marker="o", ms=5)
    price.set_title("value covered, % of the uncapped plan", fontsize=10, loc="left", color=INK)
    for number, group in enumerate(dict.fromkeys(frontier["group"])):
        rows = frontier[frontier["group"] == group]
        style: dict[str, Any] = {"marker": _GROUP_MARKERS[number % len(_GROUP_MARKERS)], "ms": 5, "lw": 1.3}
        # styles differ too, so that two lines on top of each other are both visible
        style |= {"c": COLOURS[number % len(COLOURS)], "ls": STYLES[number % len(STYLES)]}
        where = rows["cap"].map(position)
        exposure.plot(where, rows["exposure_ratio"], label=short_label(str(group)), **style)
        coverage.plot(where, 100 * rows["coverage"], label=short_label(str(group)), **style)
    exposure.axhline(1, c=GREY, lw=1, ls=":")
    exposure.set_title("exposure ratio to the reference group", fontsize=10, loc="left", color=INK)
    coverage.set_title(f"{events} crimes covered, %", fontsize=10, loc="left", color=INK)
    coverage.legend(fontsize=7.5, framealpha=0.9, edgecolor="none")
    for axes in (price, exposure, coverage):
        axes.set_xticks(range(len(caps)), ["none" if np.isinf(cap) else f"{cap:g}" for cap in caps])
        axes.set_xlabel("cap on the exposure ratio", fontsize=9)
        style_axes(axes)
        if selected is not None and selected in position:
            axes.axvline(position[selected], c=TEAL, lw=6, alpha=0.25, zorder=0)
    return figure


def frontier_text(frontier: pd.DataFrame) -> str:
    """Return the frontier in one sentence, for readers who do not see the figure."""
    points = frontier.drop_duplicates("cap")
    parts = [
        f"{'no cap' if np.isinf(cap) else f'cap {cap:g}'}: {f'{100 * share:.1f} %' if np.isfinite(share) else MISSING}"
        for cap, share in zip(points["cap"], points["of_uncapped"], strict=True)
    ]
    return f"Value covered under each cap, as a share of the uncapped plan: {'; '.join(parts)}."


def plot_tuning_history(trials: pd.DataFrame, score: str, better: int) -> Figure:
    """Plot the score of each tuning trial and the best score so far."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    best = trials[score].cummax() if better > 0 else trials[score].cummin()
    axes.step(trials["trial"], best.ffill(), where="post", color=COLOURS[0], label="best so far")
    axes.plot(trials["trial"], trials[score], "o", color=GREY, markersize=4, label="trial")
    failures = trials.loc[trials[score].isna(), "trial"]
    if len(failures):
        bottom = axes.get_xaxis_transform()
        axes.plot(failures, [0.02] * len(failures), "x", color=COLOURS[1], transform=bottom, label="not valid")
    axes.set_xlabel("trial (0: current settings)", fontsize=8)
    axes.set_ylabel(escape_math(score), fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    style_axes(axes)
    return figure


def plot_tuning_settings(trials: pd.DataFrame, score: str, log: Sequence[str]) -> Figure:
    """Plot the score against each setting; the current settings and the best trial are marked."""
    names = [str(name) for name in trials.columns if name not in (*_TRIAL_COLUMNS, score)]
    columns = min(_PANELS_PER_ROW, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(0.8 + 2.6 * columns, 0.6 + 2.2 * rows), layout="constrained")
    valid = trials[trials[score].notna()]
    for panel, name in enumerate(names, start=1):
        axes = figure.add_subplot(rows, columns, panel)
        numeric = pd.api.types.is_numeric_dtype(valid[name]) and not pd.api.types.is_bool_dtype(valid[name])
        values = valid[name] if numeric else valid[name].map(lambda value: escape_math(str(value)))
        axes.plot(values, valid[score], "o", color=GREY, markersize=4)
        for mark, colour, match in (("s", INK, valid["trial"] == 0), ("D", COLOURS[0], valid["best"])):
            axes.plot(values[match], valid.loc[match, score], mark, color=colour, markersize=6)
        if numeric and name in log:
            axes.set_xscale("log")
        axes.set_title(escape_math(name), fontsize=8, color=INK)
        style_axes(axes)
    figure.supylabel(f"{escape_math(score)} (square: current settings, diamond: best)", fontsize=8)
    return figure
