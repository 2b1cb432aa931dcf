"""What a forecast of the next 12 months adds to a report for decision makers."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from ilp_models.domain.brief import BriefPart, BriefSection, BriefTable, KeyJudgement
from ilp_models.domain.scores import ALL
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.report.formatting import change_text, crime_type_label, next_year_text, percent
from ilp_models.strategy.threats.confidence import PastErrors, judge_confidence

_CAPITAL: Final = re.compile(r"(?<=[a-z])([A-Z])")
_NUMBERS: Final = ("last_12_months", "next_12_months", "low", "high", "change")
_YEAR: Final = "1-12 summed"  # of the origins: the sum of 12 months


def totals_part(record: RunRecord, assessment: RunRecord | None = None) -> BriefPart:
    """Return the expected crimes of the next 12 months, how good earlier forecasts were, and level shifts.

    An assessment that rests on another forecast is named, because its numbers differ.
    """
    own = None if assessment is None else assessment.read(lambda content: str(content["facts"]["totals"]))
    part = record.read(_part)
    if own is None or own == record.content.get("recipe") or part.section is None:
        return part
    text = "The threat assessment rests on a forecast with other settings or records, so its numbers differ from these."
    first, *others = part.section.sentences
    return replace(part, section=replace(part.section, sentences=(first, text, *others)))


def _part(content: Mapping[str, Any]) -> BriefPart:
    rows = [dict(row) | {name: _number(row[name]) for name in _NUMBERS} for row in content["next_12_months"]]
    months = [str(one) for one in content["months"]]
    method = _CAPITAL.sub(r" \1", str(content["method"])).strip().lower()  # SeriesMean: series mean
    shifts = [row for row in content["shifts"] if row["source"] == "found, not declared"]
    if not rows:
        text = f"The months {months[0]} to {months[1]} are forecast. That is less than a year, so no total is given."
        return BriefPart(section=BriefSection("The next 12 months", (text,)))
    past = {
        str(row["crime_type"]): row
        for row in content["origins"]
        if row["leads"] == _YEAR and row["level"] == "city" and row["period_unit"] == "month"
    }
    total = next((row for row in rows if row["crime_type"] == ALL), rows[0])
    tested = past.get(str(total["crime_type"]), {})
    shifted = any(row["crime_type"] in (ALL, total["crime_type"]) for row in shifts)
    confidence = judge_confidence(
        recorded=total["last_12_months"],
        past=PastErrors(_number(tested.get("wape")), _number(tested.get("coverage")), int(tested.get("origins", 0))),
        shifted=shifted,
        ranges=(),
        missing_share=0.0,
    )
    judgement = KeyJudgement(
        next_year_text(total),
        confidence.level,
        "; ".join(confidence.reasons) or "past forecasts of 12 months were close, and no undeclared shift was found",
    )
    return BriefPart(
        judgements=(judgement,),
        section=BriefSection(
            "The next 12 months",
            (
                _tested_text(tested, method),
                "Recorded crime is forecast, not crime: a change of reporting changes both.",
            ),
            (_table(rows),),
        ),
        unknown=tuple(map(_shift_text, shifts)),
    )


def _tested_text(tested: Mapping[str, Any], method: str) -> str:
    start = f"Method of the monthly forecast: {method}."
    if not tested:
        return f"{start} Past forecasts of 12 months could not be tested, so trust them little."
    error, covered = percent(_number(tested["wape"])), percent(_number(tested["coverage"]), 0)
    return (
        f"{start} From {int(tested['origins'])} past origins, the sum of 12 months missed by {error} on average, and "
        f"{covered} of the sums lay in their 90 % interval."
    )


def _table(rows: list[dict[str, Any]]) -> BriefTable:
    rows = sorted(rows, key=lambda row: (row["crime_type"] != ALL, -row["next_12_months"]))
    cells = [
        (
            crime_type_label(row["crime_type"]),
            f"{row['last_12_months']:,.0f}",
            f"{row['next_12_months']:,.0f}",
            f"{row['low']:,.0f} to {row['high']:,.0f}",
            change_text(row),
        )
        for row in rows
    ]
    labels = ("Crime type", "Last 12 months", "Next 12 months", "90 % interval", "Change")
    return BriefTable("Recorded and expected crimes", labels, tuple(cells), (1, 2, 3))


def _shift_text(row: Mapping[str, Any]) -> str:
    kind, factor = crime_type_label(row["crime_type"]), float(row["factor"])
    return f"Why the recorded level of {kind} changed in {row['start']} (to {percent(factor, 0)} of the level before)."


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
