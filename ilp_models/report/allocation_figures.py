"""The price of a cap on exposure, drawn beside what it does to coverage."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ilp_models.report.figures import COLOURS, GREY, INK, STYLES, brief, plain_axes, save
from ilp_models.report.formatting import MISSING

_MARKS = ("o", "s", "^", "D", "v", "P")


def draw_frontier(path: Path, frontier: pd.DataFrame, chosen: float | None = None, events: str = "expected") -> Path:
    """Return the path of a figure of price, exposure and coverage against the cap."""
    caps = list(dict.fromkeys(frontier["cap"]))
    place = {cap: number for number, cap in enumerate(caps)}
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    price, exposed, covered = figure.subplots(1, 3)
    points = frontier.drop_duplicates("cap")
    price.plot(range(len(caps)), 100 * points["of_uncapped"], c=INK, marker="o", ms=5)
    price.set_title("covered, % of what no cap covers", fontsize=10, loc="left", color=INK)
    groups = list(dict.fromkeys(frontier["group"]))
    for number, group in enumerate(groups):
        rows = frontier[frontier["group"] == group]
        style: dict[str, Any] = {"marker": _MARKS[number % len(_MARKS)], "ms": 5, "lw": 1.3}
        # styles differ, too, so that lines that lie on each other are both seen
        style |= {"c": COLOURS[number % len(COLOURS)], "ls": STYLES[number % len(STYLES)]}
        where = rows["cap"].map(place)
        exposed.plot(where, rows["exposure_ratio"], label=brief(str(group)), **style)
        covered.plot(where, 100 * rows["coverage"], label=brief(str(group)), **style)
    exposed.axhline(1, c=GREY, lw=1, ls=":")
    exposed.set_title("exposure over that of the reference", fontsize=10, loc="left", color=INK)
    covered.set_title(f"{events} events covered, %", fontsize=10, loc="left", color=INK)
    covered.legend(fontsize=7.5, framealpha=0.9, edgecolor="none")
    for axes in (price, exposed, covered):
        axes.set_xticks(range(len(caps)), ["none" if np.isinf(cap) else f"{cap:g}" for cap in caps])
        axes.set_xlabel("cap on the exposure ratio", fontsize=9)
        plain_axes(axes)
        if chosen is not None and chosen in place:
            axes.axvline(place[chosen], c="#00a3a3", lw=6, alpha=0.25, zorder=0)
    return save(figure, path, "Price against equity")


def frontier_words(frontier: pd.DataFrame) -> str:
    """Return the frontier in a sentence, for those who do not see the figure."""
    points = frontier.drop_duplicates("cap")
    told = [
        f"{'no cap' if np.isinf(cap) else f'{cap:g}'}: {f'{100 * kept:.1f} %' if np.isfinite(kept) else MISSING}"
        for cap, kept in zip(points["cap"], points["of_uncapped"], strict=True)
    ]
    return f"Covered under each cap, of what is covered without one: {'; '.join(told)}."
