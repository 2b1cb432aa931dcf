"""How the map of the latest recorded period did: its share of crime, and what changed since."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.report.formatting import percent, period_label, period_noun
from ilp_models.report.plots import COLOURS, GREY, INK, TEAL, Figure, style_axes

_LEAST_PERIODS: Final = 20  # for a usual range
_INNER: Final = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class LastMap:
    """The map of the latest recorded period, its result, and the results of earlier periods."""

    period: pd.Period
    source: str  # which map it is, in words
    issued: bool  # whether it was issued then; otherwise it is of the backtest
    recorded: float  # events of all types
    captured: float  # share of them in the flagged areas
    usual: npt.NDArray[np.float64]  # share in each other period of the backtest
    trend: pd.Series  # share in the last periods of the backtest, by period
    new: npt.NDArray[np.bool_]  # cells flagged this time and not last time
    gone: npt.NDArray[np.bool_]
    lasting: npt.NDArray[np.bool_]

    @property
    def usual_range(self) -> tuple[float, float] | None:
        """The range of nine in ten other periods; None if there are too few."""
        if len(self.usual) < _LEAST_PERIODS:
            return None
        low, high = np.quantile(self.usual, _INNER)
        return float(low), float(high)

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        noun = period_noun(self.period)
        if not np.isfinite(self.captured):
            return f"Nothing was recorded in the last {noun}."
        text = f"The flagged areas had {percent(self.captured, 0)} of the {self.recorded:,.0f} recorded crimes"
        found = self.usual_range
        if found is None:
            return f"{text}; its usual range is not known, because only {len(self.usual)} {noun}s were tested."
        low, high = found
        place = "below" if self.captured < low else "above" if self.captured > high else "inside"
        return f"{text}, {place} the usual range of {percent(low, 0)} to {percent(high, 0)}."

    @property
    def changes(self) -> str:
        """How many flagged cells are new, gone and lasting, in one sentence."""
        return (
            f"Of the cells that are flagged for any crime type now, {int(self.lasting.sum()):,} were flagged before, "
            f"{int(self.new.sum()):,} are new, and {int(self.gone.sum()):,} are gone."
        )

    @property
    def about(self) -> str:
        """Which map it is, and of which period."""
        return f"{period_label(self.period)}. {self.source}."

    @property
    def trend_text(self) -> str:
        """The trend in words, for readers who do not see the figure."""
        shares = ", ".join(f"{start:%-d %b} {percent(share, 0)}" for start, share in self._starts())
        noun = period_noun(self.period)
        return f"Share of crime in the flagged areas of the backtest, by start of the {noun}: {shares}."

    def _starts(self) -> list[tuple[pd.Timestamp, float]]:
        return list(zip(pd.PeriodIndex(self.trend.index).start_time, map(float, self.trend), strict=True))


def plot_trend(last: LastMap) -> Figure:
    """Plot the share of crime in the flagged areas of the last periods, with the usual range."""
    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.add_subplot()
    starts, shares = zip(*last._starts(), strict=True)
    if last.usual_range is not None:
        low, high = last.usual_range
        axes.axhspan(100 * low, 100 * high, color=GREY, alpha=0.18, label="usual range (nine in ten periods)")
    axes.plot(range(len(shares)), 100 * np.array(shares), marker="o", color=COLOURS[0], label="backtest")
    if last.issued and last.period in last.trend.index:
        at = int(pd.PeriodIndex(last.trend.index).get_indexer(pd.Index([last.period]))[0])
        axes.plot(at, 100 * last.captured, marker="D", ls="none", color=TEAL, ms=8, label="map that was issued")
    axes.set_xticks(range(len(starts)), [f"{start:%-d %b}" for start in starts], fontsize=8, color=INK)
    axes.set_ylabel("share of crime, %", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="lower left")
    style_axes(axes)
    return figure
