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
from ilp_models.report.plots import save_figure
from ilp_models.report.threat_matrix import plot_threat_matrix

PAGE: Final = "assessment.html"
_AREAS_SHOWN: Final = 8
_GAPS_SHOWN: Final = 10
_AREA_INPUTS: Final = ("Judgements of analysts", "Other indicators")
_UNKNOWN: Final = "unknown"
_ORDERS: Final = (0.05, 0.2, 0.8, 0.95)


@dataclass(frozen=True, eq=False)
class ThreatsEvidence:
    """Inputs of the page, as plain tables; see ``docs/threat_assessment.md``."""

    conclusions: list[str]
    table: pd.DataFrame
    areas: pd.DataFrame
    area_ranks: pd.DataFrame
    ranks: pd.DataFrame
    harm: Mapping[str, Mapping[str, Any]]  # by harm set: title, date, unit, source, low, high, doubts
    reasons: Mapping[str, tuple[str, ...]]  # why the confidence in a threat is not higher
    gaps: pd.DataFrame  # with what each would decide, the most useful first
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
        gaps=[_gap(row) for row in evidence.gaps.to_dict("records")],
        gaps_shown=_GAPS_SHOWN,
        areas_by_harm=_areas_by_harm(evidence),
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
            "share": _between(percent(row["share_low"], 0), percent(row["share_high"], 0)),
        }
        for row in rows.to_dict("records")
    ]


def _gap(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return a gap as text: what knowing it would change, in words and numbers."""
    known = np.isfinite(row["bits"])
    return {
        "threat": row["threat"],
        "kind": row["kind"],
        "question": row["question"],
        "top": f"{row['top_three_word']} ({percent(row['top_three'], 0)})" if known else "not weighed",
        "bits": f"{row['bits']:.2f} bits" if known else "",
        "pairs": f"{row['pairs']:+.2f}" if known else "",
        "harm_set": row["harm_set"],
    }


def _areas_by_harm(evidence: ThreatsEvidence) -> dict[str, list[dict[str, str]]]:
    """Return the first areas by the harm of all threats, for each harm set."""
    table = evidence.area_ranks
    return {
        name: [{"area": row["area"], **_area_rank(row)} for row in rows.head(_AREAS_SHOWN).to_dict("records")]
        for name in evidence.harm
        if not (rows := table[table["harm_set"] == name]).empty
    }


def _area_rank(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "ranks": _range(row["rank_from"], row["rank_to"]),
        "top": f"{row['top_three_word']} ({percent(row['top_three'], 0)})",
    }


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
                "harm": [_between(percent(low, 0), percent(high, 0)) for low, high in ends],
                "first": [row[f"first_{one}"] for one in evidence.harm],
            }
        )
    return rows


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _sheet(evidence: ThreatsEvidence, row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the sheet of one threat, as text."""
    threat = str(row["threat"])
    areas = evidence.areas[evidence.areas["threat"] == threat].sort_values("expected", ascending=False)
    clear = not row["low"] <= row["recorded"] <= row["high"]
    ranks = evidence.ranks[evidence.ranks["threat"] == threat]
    area_ranks = evidence.area_ranks[evidence.area_ranks["threat"] == threat]
    ranked = {row["area"]: _area_rank(row) for row in area_ranks.to_dict("records")}
    inputs = [_area_inputs(one) for one in areas.to_dict("records")]
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
        "indicators": [
            one for one in evidence.indicators.to_dict("records") if one["crime_type"] == threat and not one["area"]
        ],
        "areas": [
            {
                "area": one["area"],
                "recorded": f"{one['recorded']:,.0f}",
                "expected": f"{one['expected']:,.0f}",
                "interval": f"{one['low']:,.0f} to {one['high']:,.0f}",
                "rate": number(one["rate_per_1000"]),
                **ranked.get(one["area"], {"ranks": "", "top": ""}),  # records without an area have no rank
                **given,
            }
            for one, given in zip(areas.head(_AREAS_SHOWN).to_dict("records"), inputs, strict=False)
        ],
        "given_by_area": [name for name in _AREA_INPUTS if any(one[name] != _UNKNOWN for one in inputs)],
        "more_areas": max(len(areas) - _AREAS_SHOWN, 0),
    }


def _area_inputs(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return the judgements and indicators of a threat in one area as text; unknown if none is given."""
    scores, values = (
        {
            name.removeprefix(start): row[name]
            for name in map(str, row)
            if name.startswith(start) and pd.notna(row[name])
        }
        for start in ("score_", "value_")
    )
    texts = (
        [
            f"{name.replace('_', ' ')}: {number(score, 1)} (evidence {row[f'evidence_grade_{name}']}, "
            f"confidence {row[f'confidence_{name}']})"
            for name, score in scores.items()
        ],
        [
            f"{name}: {number(value)} {row[f'unit_{name}']} ({row[f'source_{name}']}, {row[f'date_{name}']})"
            for name, value in values.items()
        ],
    )
    return {name: "; ".join(each) or _UNKNOWN for name, each in zip(_AREA_INPUTS, texts, strict=True)}


def _error(row: Mapping[Any, Any]) -> str:
    """Return the error of past forecasts and from how many origins it is known."""
    if not np.isfinite(row["forecast_error"]):
        return MISSING
    origins = f"{row['origins']} past origin{'s' if row['origins'] != 1 else ''}"
    return f"{percent(row['forecast_error'])} ({origins})"


def _share(ranks: pd.DataFrame, harm_set: str) -> str:
    row = ranks[ranks["harm_set"] == harm_set].iloc[0]
    return _between(percent(row["share_low"], 0), percent(row["share_high"], 0))


def _figure(evidence: ThreatsEvidence, folder: Path) -> FigureFile:
    path = save_figure(plot_threat_matrix(evidence.table, evidence.harm), folder / "threat_matrix.png", "Threat matrix")
    text = "Threat matrix: expected crimes of 12 months (90 % interval) and harm of one crime (low to high reading)"
    caption = (
        f"{text}, one panel for each harm set. Grey lines: equal harm in total. Units of the sets differ, so compare "
        "positions inside a panel only. A threat without harm under a set is not drawn."
    )
    return FigureFile(path, f"{text}. The numbers are in threats.csv and ranks.csv.", caption)
