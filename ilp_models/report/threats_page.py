"""The page of a strategic threat assessment: judgements first, ranks side by side, and one sheet for each threat."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import RESEARCH_ONLY, SCOPE
from ilp_models.report.formatting import MISSING, number, percent, percent_interval, sentence
from ilp_models.report.page import FigureFile, write_page
from ilp_models.report.plots import (
    COLOURS,
    GREY,
    Figure,
    escape_math,
    save_figure,
    set_log_ticks,
    short_label,
    style_axes,
)

PAGE: Final = "assessment.html"
_AREAS_SHOWN: Final = 8
_ORDERS: Final = (0.05, 0.2, 0.8, 0.95)


@dataclass(frozen=True, eq=False)
class ThreatsEvidence:
    """Inputs of the page, as plain tables; see ``docs/threat_assessment.md``."""

    conclusions: list[str]
    table: pd.DataFrame
    areas: pd.DataFrame
    ranks: pd.DataFrame
    harm: Mapping[str, Mapping[str, Any]]  # by harm set: title, date, unit, source, low, high, doubts
    reasons: Mapping[str, tuple[str, ...]]  # why the confidence in a threat is not higher
    gaps: list[dict[str, str]]
    judgements: pd.DataFrame  # threat, dimension, score, evidence_grade, confidence; empty score: unknown
    judgement_share: float
    indicators: pd.DataFrame
    left_out: Mapping[str, str]
    scenarios: pd.DataFrame | None
    moved: pd.DataFrame | None  # since the last assessment
    open_fields: tuple[int, int] | None  # of the control strategy: empty fields, all fields
    yardstick: tuple[tuple[str, float, float], ...]
    facts: Mapping[str, Any]


def write_threats_page(folder: Path, evidence: ThreatsEvidence) -> Path:
    """Write ``assessment.html`` and its figure, and return the page."""
    threats = [_sheet(evidence, row) for row in _in_order(evidence)]
    write_page(
        folder / PAGE,
        "assessment.html.j2",
        evidence=evidence,
        facts=evidence.facts,
        city=evidence.facts["city"] or "The study area",
        threats=threats,
        ranks={name: _rank_rows(rows) for name, rows in evidence.ranks.groupby("harm_set", sort=False)},
        figure=_figure(evidence, folder / "figures"),
        scenarios=_scenario_rows(evidence),
        moved=None if evidence.moved is None else evidence.moved.to_dict("records"),
        scored=not evidence.judgements.empty and evidence.judgements["score"].notna().any(),
        yardstick=[f"{word}: {100 * low:.0f} to {percent(high, 0)}" for word, low, high in evidence.yardstick],
        research_only=RESEARCH_ONLY,
        scope=sentence(SCOPE),
    )
    return folder / PAGE


def _in_order(evidence: ThreatsEvidence) -> list[dict[Any, Any]]:
    """Return the threats by their mean place under all harm sets."""
    place = evidence.ranks.groupby("threat")["order"].mean()
    rows = evidence.table.to_dict("records")
    return sorted(rows, key=lambda row: float(place[row["threat"]]))


def _rank_rows(rows: pd.DataFrame) -> list[dict[str, str]]:
    return [
        {
            "threat": str(row["threat"]),
            "ranks": _range(row["rank_from"], row["rank_to"]),
            "tied": row["tied_with"] or "none",
            "top": f"{row['top_three_word']} ({percent(row['top_three'], 0)})",
            "next": f"{row['next']}: {row['above_next_word']} ({percent(row['above_next'], 0)})" if row["next"] else "",
            "share": f"{percent(row['share_low'], 0)} to {percent(row['share_high'], 0)}",
        }
        for row in rows.to_dict("records")
    ]


def _scenario_rows(evidence: ThreatsEvidence) -> list[dict[str, Any]]:
    """Return the scenarios as text: events covered, their difference, and the share of harm under each set."""
    if evidence.scenarios is None:
        return []
    rows = []
    for row in evidence.scenarios.to_dict("records"):
        shares = [[row[name] for name in row if str(name).startswith(f"harm_{one}_")] for one in evidence.harm]
        ends = [(min(one), max(one)) for one in shares]
        rows.append(
            {
                "scenario": row["scenario"],
                "events": f"{row['events_covered']:,.1f} ({percent(row['share_of_events'], 0)})",
                "difference": f"{round(row['difference'], 1) + 0.0:+,.1f}",  # 0 and not -0
                "harm": [
                    percent(low, 0) if low == high else f"{percent(low, 0)} to {percent(high, 0)}" for low, high in ends
                ],
                "first": [row[f"first_{one}"] for one in evidence.harm],
            }
        )
    return rows


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _sheet(evidence: ThreatsEvidence, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the sheet of one threat, as text."""
    threat = str(row["threat"])
    areas = evidence.areas[evidence.areas["threat"] == threat].sort_values("expected", ascending=False)
    clear = not row["low"] <= row["recorded"] <= row["high"]
    ranks = evidence.ranks[evidence.ranks["threat"] == threat]
    trend_ends = percent_interval(row["trend_low"], row["trend_high"], 0, sign=True)
    return {
        "name": threat,
        "recorded": f"{row['recorded']:,.0f}",
        "expected": f"{row['expected']:,.0f}",
        "interval": f"{row['low']:,.0f} to {row['high']:,.0f}",
        "clear_change": ("up" if row["change"] > 0 else "down") if clear else "no clear change",
        "rate": number(row["rate_per_1000"]) if np.isfinite(row["rate_per_1000"]) else MISSING,
        "trend": f"{percent(row['trend'], 0, sign=True)} {trend_ends}",
        "gini": number(row["gini"], 2),
        "half": f"{row['half_in_areas']:,.0f}" if np.isfinite(row["half_in_areas"]) else MISSING,
        "error": _error(row),
        "confidence": row["confidence"],
        "reasons": evidence.reasons[threat],
        "harm": [
            {
                "set": name,
                "weight": f"{about['low'][threat]:,.4g} to {about['high'][threat]:,.4g}"
                if about["low"][threat] != about["high"][threat]
                else f"{about['low'][threat]:,.4g}",
                "share": _share(ranks, name),
                "doubt": about["doubts"][threat],
            }
            for name, about in evidence.harm.items()
        ],
        "judgements": [one for one in evidence.judgements.to_dict("records") if one["threat"] == threat],
        "indicators": [one for one in evidence.indicators.to_dict("records") if one["crime_type"] == threat],
        "areas": [
            {
                "area": one["area"],
                "recorded": f"{one['recorded']:,.0f}",
                "expected": f"{one['expected']:,.0f}",
                "interval": f"{one['low']:,.0f} to {one['high']:,.0f}",
                "rate": number(one["rate_per_1000"]),
            }
            for one in areas.head(_AREAS_SHOWN).to_dict("records")
        ],
        "more_areas": max(len(areas) - _AREAS_SHOWN, 0),
    }


def _error(row: Mapping[Any, Any]) -> str:
    """Return the error of past forecasts and from how many origins it is known."""
    if not np.isfinite(row["forecast_error"]):
        return MISSING
    origins = f"{row['origins']} past origin{'s' if row['origins'] != 1 else ''}"
    return f"{percent(row['forecast_error'])} ({origins})"


def _share(ranks: pd.DataFrame, harm_set: str) -> str:
    row = ranks[ranks["harm_set"] == harm_set].iloc[0]
    return f"{percent(row['share_low'], 0)} to {percent(row['share_high'], 0)}"


def _figure(evidence: ThreatsEvidence, folder: Path) -> FigureFile:
    path = save_figure(plot_threat_matrix(evidence), folder / "threat_matrix.png", "Threat matrix")
    text = "Threat matrix: expected crimes of 12 months (90 % interval) and harm of one crime (low to high reading)"
    caption = (
        f"{text}, one panel for each harm set. Grey lines: equal harm in total. Units of the sets differ, so compare "
        "positions inside a panel only. A threat without harm under a set is not drawn."
    )
    return FigureFile(path, f"{text}. The numbers are in threats.csv and ranks.csv.", caption)


def plot_threat_matrix(evidence: ThreatsEvidence) -> Figure:
    """Plot how many crimes are expected against the harm of one crime, with both uncertainties."""
    table = evidence.table
    figure = Figure(figsize=(4.9 * len(evidence.harm), 4.4), layout="constrained")
    panels = figure.subplots(1, len(evidence.harm), squeeze=False).ravel()
    for axes, (name, about) in zip(panels, evidence.harm.items(), strict=True):
        low = np.array([about["low"][threat] for threat in table["threat"]])
        high = np.array([about["high"][threat] for threat in table["threat"]])
        drawn = high > 0  # harm is on a logarithmic axis
        middle = np.sqrt(low * high)
        ends = table["low"].clip(lower=0.5) / 2, table["high"] * 2
        grid = np.geomspace(float(ends[0].min()), float(ends[1].max()), 2)
        harm = (middle * table["expected"].clip(lower=0.5).to_numpy())[drawn]
        for product in np.geomspace(float(harm.min()), float(harm.max()), 4):
            axes.plot(grid, product / grid, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        for at, row in enumerate(table.to_dict("records")):
            if not drawn[at]:
                continue
            colour = COLOURS[at % len(COLOURS)]
            axes.plot([max(row["low"], 0.5), max(row["high"], 0.5)], [middle[at]] * 2, color=colour, linewidth=2)
            expected = max(row["expected"], 0.5)
            axes.plot([expected] * 2, [low[at], high[at]], color=colour, linewidth=2)
            axes.plot(expected, middle[at], "o", color=colour, markersize=6)
            axes.annotate(
                short_label(row["threat"]),
                (expected, middle[at]),
                xytext=(6, 5),
                textcoords="offset points",
                fontsize=8,
            )
        span = (float(low[drawn].min()) / 2.5, float(high.max()) * 2.5)
        axes.set(xscale="log", yscale="log", xlim=tuple(grid), ylim=span)
        set_log_ticks(axes.xaxis, *grid)
        set_log_ticks(axes.yaxis, *span)
        axes.set_title(escape_math(f"{name} ({about['date']})"), loc="left", fontsize=10)
        axes.set_xlabel("expected crimes, next 12 months", fontsize=9)
        style_axes(axes)
    panels[0].set_ylabel("harm of one crime, in the unit of the set", fontsize=9)
    return figure
