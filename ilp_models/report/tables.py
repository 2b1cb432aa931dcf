"""The tables of a report, made from nouns."""

from typing import Final

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from ilp_models.domain.audit import AuditReport
from ilp_models.domain.decision import Decision
from ilp_models.domain.finding import ALL, Finding, State
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.scores import ScoreTable
from ilp_models.report.formatting import kind_words

REPORTED: Final = "reported"
_SCORES = {
    "deviance": "deviance",
    "hit_rate_05": "hit_rate",
    "pai_05": "pai",
    "sum_ratio": "sum_ratio",
    "coverage_90": "coverage",
}


def top_cells(
    forecast: RiskForecast, grid: Grid, crime_type: str, count: int, reasons: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the cells with the highest expected count of a crime type in the first period."""
    period = forecast.periods[0]
    expected = forecast.expected.sel(crime_type=crime_type, period=period).values
    order = np.argsort(-expected, kind="stable")[:count]
    centres = shapely.centroid(grid.geometry[order])
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(shapely.get_x(centres), shapely.get_y(centres))
    spread = forecast.quantiles.sel(crime_type=crime_type, period=period).values
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
            "q05": spread[0, order],
            "q95": spread[-1, order],
            "share": expected[order] / total if total > 0 else 0.0,
            "reasons": _words(reasons, crime_type, period, list(grid.cells[order])),
        }
    )


def _words(reasons: pd.DataFrame | None, crime_type: str, period: pd.Period, cells: list[str]) -> list[list[str]]:
    """Return the reasons of each cell in their order, an empty list where there are none."""
    if reasons is None:
        return [[] for _ in cells]
    first = pd.to_datetime(reasons["period"]) == period.start_time
    own = reasons[(reasons["crime_type"] == crime_type) & first & reasons["cell"].isin(cells)].sort_values("rank")
    words = own.groupby("cell", observed=True)["words"].agg(list).to_dict()
    return [words.get(cell, []) for cell in cells]


def comparison(scores: ScoreTable, baseline: str, lead: int = 1) -> pd.DataFrame:
    """Return the forecasters side by side, pooled over crime types and periods."""
    pooled = scores.summarise(by=("forecaster", "lead", "crime_type"))
    pooled = pooled[(pooled["lead"] == lead) & (pooled["crime_type"] == ALL)]
    wide = pooled.pivot_table(index="forecaster", columns="score", values="value").reindex(columns=list(_SCORES))
    ends: list[pd.DataFrame | pd.Series] = [
        pooled.pivot_table(index="forecaster", columns="score", values=end)
        .reindex(index=wide.index, columns=list(_SCORES))
        .rename(columns={name: f"{column}_{end}" for name, column in _SCORES.items()})
        for end in ("low", "high")
    ]
    skill = pd.concat([scores.skill(baseline), scores.skill(baseline, bounds=True)])
    skill = skill[(skill["lead"] == lead) & (skill["crime_type"] == ALL)].set_index("forecaster")
    table = wide.rename(columns=_SCORES).join(ends).join(skill[["skill", "low", "high", "verdict"]])
    bound = table.index.isin(scores.bounds)
    table = table.assign(bound=bound, verdict=table["verdict"].mask(bound | (table.index == baseline), ""))
    table.loc[baseline, ["low", "high"]] = np.nan
    columns = ["bound", "deviance", "skill", "low", "high", "verdict", "hit_rate", "pai", "sum_ratio", "coverage"]
    columns += [f"{name}_{end}" for name in ("hit_rate", "sum_ratio", "coverage") for end in ("low", "high")]
    order = table["deviance"].where(~table["bound"], -table["deviance"])
    return table.assign(order=order).sort_values(["bound", "order"])[columns].reset_index(names="forecaster")


def findings(report: AuditReport) -> pd.DataFrame:
    """Return the findings of an audit as a table."""
    columns = ["check", "title", "state", "reason", "about", "estimate", "low", "high", "limit", "required"]
    rows = [
        (
            finding.check,
            finding.title,
            str(finding.state) if finding.required or _bounds(finding) or finding.state != State.PASS else REPORTED,
            finding.reason,
            _about(finding.crime_type, finding.dimension, finding.group),
            finding.estimate,
            finding.low,
            finding.high,
            _bounds(finding) or ("" if finding.required else "none"),
            finding.required,
        )
        for finding in report.findings
    ]
    return pd.DataFrame(rows, columns=columns)


def plain_reasons(decision: Decision) -> tuple[str, ...]:
    """Return the reasons of a decision with checks called by their titles instead of their names in the settings."""
    titles = {f"{finding.check}: ": f"{finding.title}: " for finding in decision.findings}
    return tuple(
        next((title + reason.removeprefix(name) for name, title in titles.items() if reason.startswith(name)), reason)
        for reason in decision.reasons
    )


def audit_protocol(report: AuditReport) -> str:
    """Return in one line what every finding of an audit rests on."""
    header = report.header
    if not header:
        return ""
    least, draws = header["minimum"], header["resampling"]
    ground = "cells" if header.get("share_of") == "cells" else "active land"
    table = f"group table {header['group_table'][:12]}" if header["group_table"] else "no group table"
    return (
        f"Flagged is the {header['share']:.1%} of the {ground} that ranks highest by {header['unit']} in each "
        f"period, for each crime type; baseline {header['baseline']}; {header['periods']} periods from "
        f"{header['first_period'][:10]} to that of {header['last_period'][:10]}, lead {header['lead']}; intervals "
        f"{draws['confidence']:.0%} from resampling blocks of {draws['block']} periods {draws['draws']:,} times; least "
        f"evidence {least['periods']} periods, {least['events']:g} weighted events a group and {least['areas']} areas "
        f"that hold half of it; {table}."
    )


def _bounds(finding: Finding) -> str:
    return finding.limit.words() if finding.limit else ""


def _about(crime_type: str, dimension: str, group: str) -> str:
    return ", ".join(filter(None, (kind_words(crime_type), ": ".join(filter(None, (dimension, group)))))) or "the model"


def intake(report: IntakeReport) -> pd.DataFrame:
    """Return what the rules of the intake found as a table."""
    rows = [(f.rule, f.action, f.count, f.unit, f.share, "; ".join(f.examples), f.note) for f in report.findings]
    return pd.DataFrame(rows, columns=["rule", "action", "count", "unit", "share", "examples", "note"])
