"""The tables of an audit's reports, made from a dossier."""

from collections import Counter
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.finding import ALL, Finding, State
from ilp_models.domain.grid import parent_labels
from ilp_models.report.audit.dossier import AuditRecord
from ilp_models.report.definitions import defined

KEYS: Final = ("crime_type", "share", "unit", "dimension", "group", "measure")
NUMBERS: Final = (
    *("value", "baseline", "week_low", "week_high", "area_low", "area_high", "chance_low", "chance_high"),
    *("p_chance", "p_adjusted"),
)
COUNTS: Final = ("residents", "areas", "events")
PERMANENT: Final = 0.5  # of the periods
SIDES: Final = ("exposure", "coverage", "exposure_ratio", "need_adjusted_ratio")
_STATES: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)


def measure_rows(dossier: AuditRecord) -> pd.DataFrame:
    """Return the measures of groups with every column, whatever was handed over."""
    rows = _of_findings(dossier) if dossier.measures is None else dossier.measures
    table = pd.DataFrame({name: rows.get(name, "") for name in KEYS}, columns=list(KEYS))
    table["share"] = pd.to_numeric(table["share"], errors="coerce")
    for name in KEYS:
        if name != "share":
            table[name] = table[name].where(table[name].notna(), "").astype(str)
    for name in (*NUMBERS, *COUNTS):
        given = rows.get(name, np.nan)
        table[name] = pd.to_numeric(pd.Series(given, index=rows.index), errors="coerce").astype(float)
    enough = pd.Series(rows.get("enough", None), index=rows.index, dtype=object)
    table["enough"] = enough.where(enough.notna(), None)
    judged = {(f.crime_type, f.dimension, f.group, f.check): f for f in dossier.decision.findings}
    audited = as_audited(dossier, table)
    keys = zip(*(table[name] for name in ("crime_type", "dimension", "group", "measure")), strict=True)
    found = [judged.get(key) if ours else None for key, ours in zip(keys, audited, strict=True)]
    table["state"] = ["" if one is None else str(one.state) for one in found]
    table["check"] = ["" if one is None else one.check for one in found]
    table["reason"] = ["" if one is None else one.reason for one in found]
    return table.reset_index(drop=True)


def as_audited(dossier: AuditRecord, rows: pd.DataFrame) -> pd.Series:
    """Return which rows are of the audited share and ranking unit, or of no map at all."""
    share, unit = dossier.header.get("share", np.nan), dossier.header.get("unit", "")
    cut = np.isclose(rows["share"].to_numpy(dtype=float), float(share)) & (rows["unit"] == unit).to_numpy()
    return pd.Series(cut | (rows["share"].isna() & (rows["unit"] == "")).to_numpy(), index=rows.index)


def _of_findings(dossier: AuditRecord) -> pd.DataFrame:
    header = dossier.header
    rows = [
        {
            "crime_type": finding.crime_type,
            "share": header.get("share", np.nan),
            "unit": header.get("unit", ""),
            "dimension": finding.dimension,
            "group": finding.group,
            "measure": finding.check,
            "value": finding.estimate,
            "week_low": finding.low,
            "week_high": finding.high,
        }
        for finding in dossier.decision.findings
        if finding.dimension and finding.crime_type and defined(finding.check).interval.startswith("blocks")
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "value", "week_low", "week_high"])


def sides(rows: pd.DataFrame, unit: str) -> list[dict[str, Any]]:
    """Return exposure and coverage side by side, crime type by crime type."""
    own = rows[(rows["unit"] == unit) & rows["measure"].isin(SIDES)]
    found = []
    for (kind, dimension), part in own.groupby(["crime_type", "dimension"], sort=False):
        shares = [(share, _groups(at)) for share, at in part.groupby("share", sort=True)]
        found.append({"crime_type": kind, "dimension": dimension, "shares": shares})
    return sorted(found, key=lambda one: one["crime_type"] != ALL)


def _groups(rows: pd.DataFrame) -> list[dict[str, Any]]:
    nothing = {"value": np.nan, "baseline": np.nan, "low": np.nan, "high": np.nan}
    table = rows.rename(columns={"week_low": "low", "week_high": "high"})
    return [
        {"group": group, "thin": any(one is not None and not one for one in own["enough"])}
        | {side: dict(nothing) for side in SIDES}
        | {row["measure"]: {name: row[name] for name in nothing} for row in own.to_dict("records")}
        for group, own in table.groupby("group", sort=False)
    ]


def tally(findings: tuple[Finding, ...]) -> dict[str, int]:
    """Return how many of the findings that the gate demands are in each state, the worst first."""
    counts = Counter(str(finding.state) for finding in findings if finding.required)
    return {str(state): counts[str(state)] for state in _STATES}


def extreme(rows: pd.DataFrame, measure: str) -> dict[str, Any] | None:
    """Return the row of a ratio that lies furthest from 1, among those that rest on enough."""
    own = rows[(rows["measure"] == measure) & np.isfinite(rows["value"]) & (rows["value"] > 0)]
    thin = np.array([one is not None and not one for one in own["enough"]], dtype=bool)
    own = own[~thin & (own["state"] != "insufficient")]
    if own.empty:
        return None
    return dict(own.loc[np.log(own["value"]).abs().idxmax()])


def flag_time(dossier: AuditRecord) -> npt.NDArray[np.float64] | None:
    """Return in which part of the test periods each cell was flagged."""
    return None if dossier.flags is None else np.asarray(dossier.flags, dtype=float).mean(axis=2)


def permanent(dossier: AuditRecord, count: int) -> dict[str, pd.DataFrame]:
    """Return the areas that are flagged in more than half of the periods, by crime type."""
    time = flag_time(dossier)
    if time is None or dossier.grid is None:
        return {}
    names = parent_labels(dossier.grid)
    names = np.where(names == "", dossier.grid.cells.to_numpy(dtype=object), names)
    tables = {}
    for kind, own in zip(dossier.crime_types, time, strict=True):
        held = own > PERMANENT
        table = pd.DataFrame({"area": names[held], "flagged": own[held]})
        table = table.groupby("area")["flagged"].agg(["size", "mean"]).reset_index()
        table.columns = pd.Index(["area", "cells", "flagged"])
        ranked = table.sort_values(["cells", "flagged"], ascending=False, kind="stable").head(count)
        ranked = ranked.reset_index(drop=True)
        ranked.attrs.update(cells=int(held.sum()), areas=len(table))
        tables[kind] = ranked
    return tables


def strongest_gaps(gaps: pd.DataFrame, crime_type: str, count: int = 6) -> pd.DataFrame:
    """Return the attribution gaps of one crime type with a row for each group and a column for each strong family."""
    own = gaps[gaps["crime_type"] == crime_type]
    added = own.groupby(["dimension", "group", "family"], sort=False)[["gap"]].sum(min_count=1).reset_index()
    wide = added.pivot_table(index=["dimension", "group"], columns="family", values="gap", sort=False)
    wide = wide.reindex(pd.MultiIndex.from_frame(own[["dimension", "group"]].drop_duplicates()))
    order = wide.abs().max().sort_values(ascending=False, kind="stable").index
    table = wide[list(order[:count])].copy()
    if len(order) > count:
        table["others"] = wide[list(order[count:])].sum(axis=1, skipna=False)
    return table.assign(sum=wide.sum(axis=1, skipna=False))


def feedback_paths(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the mean distance from the truth by kind of records and period, with its lowest and highest replicate."""
    grouped = feedback.groupby(["crime_type", "records", "period"], sort=False)["distance"]
    return grouped.agg(distance="mean", low="min", high="max").reset_index()
