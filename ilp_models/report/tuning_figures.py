"""Figures of a search for settings: how the best grew, and what each setting did."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from ilp_models.report.figures import COLOURS, GREY, INK, literal, plain_axes, save

_FIXED: Final = ("trial", "best", "seconds", "reason")
_ACROSS: Final = 3


def draw_history(path: Path, trials: pd.DataFrame, score: str, better: int) -> Path:
    """Return the path of a figure of the score of each trial, and of the best up to it."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    best = trials[score].cummax() if better > 0 else trials[score].cummin()
    axes.step(trials["trial"], best.ffill(), where="post", color=COLOURS[0], label="best so far")
    axes.plot(trials["trial"], trials[score], "o", color=GREY, markersize=4, label="trial")
    refused = trials.loc[trials[score].isna(), "trial"]
    if len(refused):
        axes.plot(
            refused, [0.02] * len(refused), "x", color=COLOURS[1], transform=axes.get_xaxis_transform(), label="refused"
        )
    axes.set_xlabel("trial (0: the present settings)", fontsize=8)
    axes.set_ylabel(literal(score), fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    plain_axes(axes)
    return save(figure, path, f"{score} of each trial")


def draw_slices(path: Path, trials: pd.DataFrame, score: str, log: Sequence[str]) -> Path:
    """Return the path of a figure of the score against each setting; the present settings and the best are marked."""
    names = [str(name) for name in trials.columns if name not in (*_FIXED, score)]
    across = min(_ACROSS, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(0.8 + 2.6 * across, 0.6 + 2.2 * down), layout="constrained")
    scored = trials[trials[score].notna()]
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(down, across, place)
        numbers = pd.api.types.is_numeric_dtype(scored[name]) and not pd.api.types.is_bool_dtype(scored[name])
        values = scored[name] if numbers else scored[name].map(lambda value: literal(str(value)))
        axes.plot(values, scored[score], "o", color=GREY, markersize=4)
        for mark, colour, rows in (("s", INK, scored["trial"] == 0), ("D", COLOURS[0], scored["best"])):
            axes.plot(values[rows], scored.loc[rows, score], mark, color=colour, markersize=6)
        if numbers and name in log:
            axes.set_xscale("log")
        axes.set_title(literal(name), fontsize=8, color=INK)
        plain_axes(axes)
    figure.supylabel(f"{literal(score)} (square: present settings, diamond: best)", fontsize=8)
    return save(figure, path, f"{score} against each setting")
