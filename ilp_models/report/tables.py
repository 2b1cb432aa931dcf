"""Tables of the weekly report and of the audit report."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.finding import Finding, remarks_text, state_text
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.scores import ALL, SECOND, ScoreTable, second_baseline
from ilp_models.domain.timing import Timing
from ilp_models.report.formatting import crime_type_label, percent

_SCORES: Final = {
    "deviance": "deviance",
    "hit_rate_05": "hit_rate",
    "pai_05": "pai",
    "sum_ratio": "sum_ratio",
    "coverage_90": "coverage",
}


def top_cells(forecast: RiskForecast, grid: Grid, crime_type: str, count: int, reasons: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with the most expected crimes of a type in the first period, highest first."""
    period = forecast.periods[0]
    expected = forecast.expected.sel(crime_type=crime_type, period=period).values
    order = np.argsort(-expected, kind="stable")[:count]
    centres = shapely.centroid(grid.geometry[order])
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
    quantiles = forecast.quantiles.sel(crime_type=crime_type, period=period).values
    total = expected.sum()
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(order) + 1),
            "position": order,
            "cell": grid.cells[order],
            "area": parent_labels(grid)[order],
            "lat": lat,
            "lon": lon,
            "expected": expected[order],
            "q05": quantiles[0, order],
            "q95": quantiles[-1, order],
            "share": expected[order] / total if total > 0 else 0.0,
            "reasons": _cell_words(reasons, crime_type, period, list(grid.cells[order])),
        }
    )


def _cell_words(reasons: pd.DataFrame, crime_type: str, period: pd.Period, cells: list[str]) -> list[str]:
    """Return the reasons of each cell in words; an empty text if there are none."""
    rows = reasons[(reasons["crime_type"] == crime_type) & (pd.to_datetime(reasons["period"]) == period.start_time)]
    texts = dict(zip(rows["cell"], rows["words"], strict=True))
    return [texts.get(cell, "") for cell in cells]


def comparison_table(scores: ScoreTable, skill: pd.DataFrame, baseline: str, lead: int = 1) -> pd.DataFrame:
    """Return one row per forecaster with its scores over all crime types and periods, best deviance first.

    The columns ``second_...`` are there if the skill has a second baseline.
    """
    pooled = scores.summarise(by=("forecaster", "lead", "crime_type"))
    pooled = pooled[(pooled["lead"] == lead) & (pooled["crime_type"] == ALL)]
    wide = pooled.pivot_table(index="forecaster", columns="score", values="value").reindex(columns=list(_SCORES))
    ends: list[pd.DataFrame | pd.Series] = [
        pooled.pivot_table(index="forecaster", columns="score", values=end)
        .reindex(index=wide.index, columns=list(_SCORES))
        .rename(columns={name: f"{column}_{end}" for name, column in _SCORES.items()})
        for end in ("low", "high")
    ]
    skill = skill[(skill["lead"] == lead) & (skill["crime_type"] == ALL)].set_index("forecaster")
    second = [f"{SECOND}{name}" for name in ("skill", "low", "high", "verdict")] if second_baseline(skill) else []
    table = wide.rename(columns=_SCORES).join(ends).join(skill[["skill", "low", "high", "verdict", *second]])
    bound = table.index.isin(scores.bounds)
    table = table.assign(bound=bound, verdict=table["verdict"].mask(bound | (table.index == baseline), ""))
    table.loc[baseline, ["low", "high"]] = np.nan
    if second:
        reference = table.index == second_baseline(skill)
        table.loc[reference, second[1:3]] = np.nan
        table[second[-1]] = table[second[-1]].mask(bound | reference, "")
    columns = ["bound", "deviance", "skill", "low", "high", "verdict", "hit_rate", "pai", "sum_ratio", "coverage"]
    columns += [f"{name}_{end}" for name in ("hit_rate", "sum_ratio", "coverage") for end in ("low", "high")]
    columns += second
    order = table["deviance"].where(~table["bound"], -table["deviance"])
    return table.assign(order=order).sort_values(["bound", "order"])[columns].reset_index(names="forecaster")


def finding_rows(report: AuditReport) -> pd.DataFrame:
    """Return one row per finding of an audit; a number without a limit has the state ``reported``."""
    columns = ["check", "state", "remarks", "about", "estimate", "low", "high", "limit", "required"]
    rows = [
        (
            finding.check,
            state_text(finding),
            remarks_text(finding),
            finding_scope(finding.crime_type, finding.dimension, finding.group),
            finding.value,
            finding.low,
            finding.high,
            _limit(finding) or ("" if finding.required else "none"),
            finding.required,
        )
        for finding in report.findings
    ]
    return pd.DataFrame(rows, columns=columns)


def finding_scope(crime_type: str, dimension: str = "", group: str = "") -> str:
    """Return what a number is about, such as ``Assault, income: low``; ``the model`` if it is about all."""
    group_label = ": ".join(filter(None, (dimension, group)))
    return ", ".join(filter(None, (crime_type_label(crime_type), group_label))) or "the model"


def _limit(finding: Finding) -> str:
    return finding.limit.as_text() if finding.limit else ""


def group_table_text(header: Mapping[str, Any]) -> str:
    """Return source and digest of an audited group table, such as ``residents.csv, SHA-256 0123456789abcdef``."""
    return ", ".join(filter(None, (header.get("group_source"), f"SHA-256 {header['group_table'][:16]}")))


def audit_protocol(report: AuditReport) -> str:
    """Return how an audit measured: flagged area, baseline, periods, intervals and least evidence."""
    header: Any = report.header
    if "baseline" not in header:
        return ""
    timing = Timing.from_header(header)
    lead = header["lead"] + (0 if timing is None else timing.record_lag)
    least, draws = header["min_evidence"], header["bootstrap"]
    base = "cells" if header.get("share_of") == "cells" else "active area"
    table = f"Group table {group_table_text(header)}." if header["group_table"] else "No group table."
    flagged = (
        f"In each period, the {header['land_share']:.1%} of the {base} with the highest forecast is flagged for each "
        f"crime type, and for all types together, ranked by {_ranking(header)}."
    )
    if header.get("rule_settings"):
        flagged = (
            f"Each test period is planned from its forecast by the rule '{header['rule']}', with "
            f"{header['land_share']:.1%} of the effort that covers every cell, ranked by {_ranking(header)}. The "
            "checks of flagged areas measure these plans."
        )
    return (
        f"{flagged} Baseline: {header['baseline']}. Test: {header['periods']} periods "
        f"from {header['first_period'][:10]} to the one of {header['last_period'][:10]}, lead {lead}. "
        f"Intervals: {draws['confidence']:.0%}, bootstrap of blocks of {draws['block']} periods, {draws['draws']:,} "
        f"draws. Least evidence: {least['periods']} periods, {least['events']:g} weighted crimes per group, "
        f"{least['areas']} areas that contain half of the group. {table}"
    )


def _ranking(header: Mapping[str, Any]) -> str:
    """Return what cells are ranked by, with title and date of the harm set if it is harm."""
    found = [one for one in header.get("harm_sets", ()) if one["name"] == header.get("harm_set")]
    about = f" under {found[0]['title']} ({found[0]['date']})" if found and header["rank_by"] == "harm" else ""
    return f"{header['rank_by']}{about}"


def intake_table(report: IntakeReport) -> pd.DataFrame:
    """Return what each intake rule found, with shares as text."""
    rows = [
        (f.rule, f.action, f.count, f.unit, percent(f.share), "; ".join(f.examples), f.note) for f in report.findings
    ]
    return pd.DataFrame(rows, columns=["rule", "action", "count", "unit", "share", "examples", "note"])
