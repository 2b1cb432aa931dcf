"""The page of a region: its jurisdictions, totals, rates, skill, sums by group, borders and data quality."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes

from ilp_models.domain.disclaimers import NOT_A_FORECAST, RESEARCH_ONLY, SCOPE
from ilp_models.domain.intake import UNMAPPED_RULES
from ilp_models.domain.region import REGION, JurisdictionFacts, JurisdictionResult, Region, RunState
from ilp_models.domain.region_sums import ScoreKey
from ilp_models.domain.scores import ALL
from ilp_models.domain.timing import SIMULATED
from ilp_models.report.formatting import MISSING, crime_type_label, number, percent, sentence
from ilp_models.report.page import FigureFile, write_page
from ilp_models.report.plots import COLOURS, GREY, INK, Figure, save_figure, short_label, style_axes
from ilp_models.report.region_skill import group_rows, region_first, shared_skill_rows, skill_rows

PAGE: Final = "region.html"
_LINKS: Final = ("report.html", "comparison.html", "assessment.html", "audit.html", "description.html")
_CHIPS: Final = {
    "admitted": "pass",
    "approved": "pass",
    "withheld": "fail",
    "failed": "insufficient",
    "done": "reported",
}
_COLOUR: Final = {"admitted": COLOURS[2], "approved": COLOURS[2], "withheld": COLOURS[1], "done": COLOURS[0]}
_DESCRIBE: Final = "describe"  # the task that makes no forecast and no decision


def write_region_page(
    region: Region,
    tables: Mapping[str, pd.DataFrame],
    folder: Path,
    made: datetime,
    pool: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write the page and its figures, and return the page.

    ``tables`` has the totals, rates, skill and groups of the region. ``pool`` has what each jurisdiction contributes to
    a pooled model: name, records, cutoffs and why it is left out.
    """
    totals, rates = tables["totals"], tables["rates"]
    values: dict[str, Any] = {
        "region": region,
        "made": f"{made:%Y-%m-%d} at {made:%H:%M} {made:%Z}",
        "pool": [_pool_row(one) for one in pool],
        "pool_headline": _pool_headline(pool),
        "forecasts": any(len(one.areas) for one in region.finished),
        "headline": _headline(region),
        "methods": _methods(region),
        "simulated": [one.name for one in region.finished if one.intake and _simulated(one)],
        "rows": [_row(one, totals, folder) for one in region.jurisdictions],
        "periods": sorted(set(totals.get("period", []))),
        "sums": _sums(region, totals),
        "map": _map(region, folder / "figures"),
        "borders": _borders(region),
        "rates": _rate_rows(rates),
        "common": _common(rates),
        "not_compared": next(iter(rates.loc[rates["crime_type"] == ALL, "missing"]), ""),
        "unshared": len(rates) > 0 and not region.shared_types,
        "shared": _shared_text(region, rates),
        "funnel": _funnel(rates, folder / "figures"),
        "few": "usual_low" not in rates or rates["usual_low"].isna().all(),
        "notes": [(one.name, one.intake.get("notes") or []) for one in region.finished],
        "quality": [_quality(one) for one in region.finished if one.intake],
        "described": [(one.name, one.described) for one in region.finished if one.described],
        "skills": [(one.name, skill_rows(one)) for one in region.finished if len(one.skill)],
        "shared_skill": shared_skill_rows(region, tables["skill"]),
        "groups": group_rows(tables["groups"]),
        "about": NOT_A_FORECAST if region.task == _DESCRIBE or any(one.described for one in region.finished) else "",
        "scope": sentence(SCOPE),
        "research_only": RESEARCH_ONLY,
        "reasons": any(state_of(one) in ("failed", "withheld") for one in region.jurisdictions),
        "crime_type_label": crime_type_label,
        "source": sentence(region.population_source.strip().rstrip(".")) if region.population_source else "",
    }
    write_page(folder / PAGE, "region.html.j2", **values)
    return folder / PAGE


def _headline(region: Region) -> str:
    count, total = len(region.finished), len(region.jurisdictions)
    if region.missing:
        return (
            f"{count} of {total} jurisdictions are in these results. Missing: {', '.join(region.missing)}. "
            "No total includes them."
        )
    return f"All {total} jurisdictions are in these results."


def _methods(region: Region) -> list[str]:
    """Return the names of the methods that were fitted, in the order in which they are first met."""
    names: dict[str, None] = {}
    for one in region.finished:
        names |= dict.fromkeys([one.forecaster] if one.forecaster else [])
        for key in (shard.key for shard in one.score_sums):
            names |= dict.fromkeys([key.forecaster, key.baseline] if isinstance(key, ScoreKey) else [])
    return list(names)


def _pool_headline(pool: Sequence[Mapping[str, Any]]) -> str:
    out = [str(one["name"]) for one in pool if one["left_out"]]
    left = f" Left out: {', '.join(out)}." if out else ""
    return f"{len(pool) - len(out)} of {len(pool)} jurisdictions contribute to the pooled model.{left}"


def state_of(one: JurisdictionFacts) -> str:
    """Return failed, admitted, approved, withheld, or done for a task without a decision."""
    if one.result.state is RunState.FAILED:
        return "failed"
    return one.verdict or "done"


def _row(one: JurisdictionFacts, totals: pd.DataFrame, folder: Path) -> dict[str, Any]:
    state = state_of(one)
    own = totals[(totals["level"] == "jurisdiction") & (totals["jurisdiction"] == one.name)]
    run = Path(one.result.folder) if one.result.folder else None
    link = next((run / name for name in _LINKS if run is not None and (run / name).is_file()), None)
    return {
        "name": one.name,
        "state": state,
        "chip": _CHIPS[state],
        "why": one.result.error if state == "failed" else _first_reason(one) or MISSING,
        "forecaster": one.forecaster or MISSING,
        "expected": number(float(own["expected"].sum())) if len(own) else MISSING,
        "last": _count(own["recorded_last"]) if len(own) else MISSING,
        "until": one.intake.get("until") or MISSING,
        "run": _run_text(one.result),
        "link": quote(Path(os.path.relpath(link, folder)).as_posix()) if link else "",
    }


def _pool_row(one: Mapping[str, Any]) -> dict[str, Any]:
    days = [f"{cutoff:%Y-%m-%d}" for cutoff in one["cutoffs"]]
    return {
        "name": one["name"],
        "state": "left out" if one["left_out"] else "contributes",
        "chip": "insufficient" if one["left_out"] else "pass",
        "records": MISSING if one["left_out"] else f"{one['records']:,}",
        "cutoffs": f"{len(days)}, {days[0]} to {days[-1]}" if days else MISSING,
        "types": ", ".join(map(crime_type_label, one["types_left_out"])) or "none",
        "why": sentence(str(one["left_out"]).rstrip(".")) if one["left_out"] else MISSING,
    }


def _run_text(result: JurisdictionResult) -> str:
    if result.state is RunState.REUSED:
        return "reused"
    return f"{result.seconds:,.0f} s" if result.seconds else MISSING


def _first_reason(one: JurisdictionFacts) -> str:
    more = len(one.reasons) - 1
    return one.first_reason + (f" {more} more." if one.first_reason and more > 0 else "")


def _count(values: pd.Series) -> str:
    return MISSING if values.isna().any() else f"{values.sum():,.0f}"


def _sums(region: Region, totals: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of the region and its parts by crime type."""
    rows = totals[totals["level"].isin((REGION, "part"))]
    return [
        {
            "name": one["name"],
            "crime_type": one["crime_type"],
            "period": one["period"],
            "last_day": one["last_day"],
            "expected": number(one["expected"]),
            "last": MISSING if pd.isna(one["recorded_last"]) else f"{one['recorded_last']:,.0f}",
            "year_ago": MISSING if pd.isna(one["recorded_year_ago"]) else f"{one['recorded_year_ago']:,.0f}",
            "missing": one["missing"] or "none",
        }
        for one in region_first(region, rows).to_dict("records")
    ]


def _borders(region: Region) -> list[dict[str, Any]]:
    """Return the recorded crimes on both sides of each border, all types together."""
    rows = []
    for one in region.finished:
        for neighbour, table in one.borders.groupby("neighbour", sort=False) if len(one.borders) else ():
            sums = table.groupby("side")[["latest_52_weeks", "weeks_before"]].sum()
            values = {
                f"{side}_{name}": f"{int(sums[column][side]):,}"
                for side in ("here", "beyond")
                for name, column in (("latest", "latest_52_weeks"), ("before", "weeks_before"))
            }
            reach = f"{float(table['reach_m'].iloc[0]) / 1000:g} km"
            rows.append({"name": one.name, "neighbour": neighbour, "reach": reach, **values})
    return rows


def _quality(one: JurisdictionFacts) -> dict[str, Any]:
    read, kept = (int(one.intake.get(name) or 0) for name in ("rows_read", "rows_kept"))
    findings = list(one.intake.get("findings") or [])
    unmapped = sum(int(each.get("count") or 0) for each in findings if each.get("rule") in UNMAPPED_RULES)
    return {
        "name": one.name,
        "span": f"{one.intake['start']} to {one.intake['until']}" if one.intake["until"] else MISSING,
        "read": f"{read:,}",
        "used": percent(kept / read) if read else MISSING,
        "unmapped": f"{unmapped:,}",
        "warnings": sum(each.get("action") == "flagged" for each in findings),
    }


def _simulated(one: JurisdictionFacts) -> bool:
    return one.intake.get("attribution") == SIMULATED


def _rate_rows(rates: pd.DataFrame) -> list[dict[str, Any]]:
    rows = rates[rates["crime_type"] == ALL] if len(rates) else rates
    return [
        {
            "name": one["jurisdiction"],
            "recorded": f"{one['recorded']:,}",
            "residents": f"{one['residents']:,.0f}",
            "rate": number(one["rate"]),
            "interval": f"{number(one['low'])} to {number(one['high'])}",
            "shrunk": number(one.get("shrunk", np.nan)),
            "reading": one["reading"],
        }
        for one in rows.to_dict("records")
    ]


def _shared_text(region: Region, rates: pd.DataFrame) -> str:
    """Return which crime types are in the rates of all types."""
    others = set(rates["crime_type"]) - {ALL, *region.shared_types} if len(rates) else set()
    labels = ", ".join(map(crime_type_label, region.shared_types))
    return f"the types that all of them have ({labels})" if others else "all types"


def _common(rates: pd.DataFrame) -> str:
    rows = rates[rates["crime_type"] == ALL] if len(rates) else rates
    return number(float(rows["common_rate"].iloc[0])) if len(rows) else MISSING


def _funnel(rates: pd.DataFrame, folder: Path) -> FigureFile | None:
    """Return the funnel plot of all types together."""
    rows = rates[rates["crime_type"] == ALL].sort_values("residents") if len(rates) else rates
    if len(rows) < 2:
        return None
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes)
    people = rows["residents"].to_numpy(dtype=float)
    axes.axhline(rows["common_rate"].iloc[0], color=GREY, lw=1, label="common rate")
    axes.plot(people, rows["chance_low"], color=INK, lw=1, ls="--", label="chance alone, 95 %")
    axes.plot(people, rows["chance_high"], color=INK, lw=1, ls="--")
    if "usual_low" in rows and rows["usual_low"].notna().all():
        axes.plot(people, rows["usual_low"], color=GREY, lw=1, ls=":", label="chance and usual spread, 95 %")
        axes.plot(people, rows["usual_high"], color=GREY, lw=1, ls=":")
    for one in rows.to_dict("records"):
        axes.errorbar(
            one["residents"],
            one["rate"],
            yerr=[[one["rate"] - one["low"]], [one["high"] - one["rate"]]],
            fmt="o",
            color=COLOURS[0],
            ms=5,
            lw=1,
        )
        axes.annotate(
            short_label(str(one["jurisdiction"])),
            (one["residents"], one["rate"]),
            textcoords="offset points",
            xytext=(6, 4),
            fontsize=8,
        )
    axes.set(xscale="log", xlabel="residents", ylabel="recorded crimes per 1,000 residents, latest year")
    axes.legend(fontsize=8, frameon=False)
    axes.margins(x=0.25, y=0.15)
    alt = "Recorded crimes per 1,000 residents against the number of residents, with the limits of chance"
    return FigureFile(save_figure(figure, folder / "rates.png", alt), alt, f"{alt}. Bars: exact 95 % intervals.")


def _map(region: Region, folder: Path) -> FigureFile | None:
    """Return the map of the outlines of the jurisdictions, coloured by their decision."""
    known = [one for one in region.finished if one.outline is not None]
    if not known:
        return None
    bounds = np.array([one.outline.bounds for one in known])
    middle = (bounds[:, 1].min() + bounds[:, 3].max()) / 2
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    shown = dict.fromkeys(state_of(one) for one in known)
    for position, one in enumerate(known, 1):
        for polygon in shapely.get_parts(one.outline):
            axes.fill(*polygon.exterior.xy, facecolor=_COLOUR[state_of(one)], alpha=0.5, edgecolor=INK, lw=0.4)
        point = one.outline.representative_point()
        axes.annotate(str(position), (point.x, point.y), ha="center", va="center", fontsize=8, color=INK)
    for state in shown:
        axes.fill([], [], color=_COLOUR[state], alpha=0.5, label=state)
    axes.set_aspect(1 / np.cos(np.radians(middle)))
    axes.set(xlabel="longitude, degrees", ylabel="latitude, degrees")
    style_axes(axes)
    axes.legend(fontsize=8, frameon=False, loc="best")
    axes.margins(0.15)
    _widen(axes, np.cos(np.radians(middle)))
    alt = f"Map of {len(known)} jurisdictions: {', '.join(f'{one.name} {state_of(one)}' for one in known)}"
    numbered = ", ".join(f"{position} {one.name}" for position, one in enumerate(known, 1))
    caption = f"Active cells of each jurisdiction: {numbered}. The colour shows the decision on its forecast."
    unknown = [one.name for one in region.jurisdictions if one not in known]
    if unknown:
        caption += f" Not on the map: {', '.join(unknown)}."
    return FigureFile(save_figure(figure, folder / "region.png", alt), alt, caption)


def _widen(axes: Axes, shrink: float) -> None:
    """Give a narrow or flat map room on both sides, so that the labels of its axes do not overlap."""
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    width, height = (east - west) * shrink, north - south
    wide, high = (max(0.0, half / 2) for half in ((0.7 * height - width) / shrink, 0.5 * width - height))
    axes.set(xlim=(west - wide, east + wide), ylim=(south - high, north + high))
