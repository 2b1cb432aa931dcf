"""Tables of the audit report: measures of groups, flagged areas, attribution gaps, feedback and sensitivity."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.check_definition import BY_PERIOD
from ilp_models.domain.finding import ALL, REPORTED, Finding, State, sentence, state_text
from ilp_models.domain.grid import parent_labels
from ilp_models.report.audit.audit_record import SENSITIVITY, AuditRecord
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import MISSING, number
from ilp_models.report.maps import PERMANENT
from ilp_models.report.page import HtmlTable

KEYS: Final = ("crime_type", "share", "unit", "dimension", "group", "measure")
NUMBERS: Final = (
    *("value", "baseline", "week_low", "week_high", "area_low", "area_high", "chance_low", "chance_high"),
    *("p_chance", "p_adjusted"),
)
COUNTS: Final = ("residents", "areas", "events")
EXPOSURE_COVERAGE: Final = ("exposure", "coverage", "exposure_ratio", "need_adjusted_ratio")
ERROR: Final = "error"  # does not depend on flagged areas
_STATES: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS)
_VARIANT_COLUMNS: Final = frozenset({"setting", "crime_type", "dimension", "group", "measure", "value", "against"})
_STATE_COLUMNS: Final = frozenset({"state", "state_at_low", "state_at_high", "changes"})
_VARIANT_KEYS: Final = ["setting", "crime_type", "dimension", "group"]
_OVERLAP: Final = "jaccard"
_MAX_DETAILS: Final = 400  # rows on the page; report.json has all rows


def measure_rows(record: AuditRecord) -> pd.DataFrame:
    """Return the measures of groups with every column, and the state of the finding on each number."""
    rows = _finding_measures(record) if record.measures is None else record.measures
    table = pd.DataFrame({name: rows.get(name, "") for name in KEYS}, columns=list(KEYS))
    table["share"] = pd.to_numeric(table["share"], errors="coerce")
    for name in KEYS:
        if name != "share":
            table[name] = table[name].where(table[name].notna(), "").astype(str)
    for name in (*NUMBERS, *COUNTS):
        values = rows.get(name, np.nan)
        table[name] = pd.to_numeric(pd.Series(values, index=rows.index), errors="coerce").astype(float)
    enough = pd.Series(rows.get("enough", None), index=rows.index, dtype=object)
    table["enough"] = enough.where(enough.notna(), None)
    findings = {(f.crime_type, f.dimension, f.group, f.check): f for f in record.decision.findings}
    keys = zip(*(table[name] for name in ("crime_type", "dimension", "group", "measure")), strict=True)
    audited = audited_rows(record, table)
    matches = [findings.get(key) if own else None for key, own in zip(keys, audited, strict=True)]
    table["state"] = ["" if one is None else state_text(one) for one in matches]
    table["check"] = ["" if one is None else one.check for one in matches]
    table["reason"] = ["" if one is None else sentence(one) for one in matches]
    return table.reset_index(drop=True)


def audited_rows(record: AuditRecord, rows: pd.DataFrame) -> pd.Series:
    """Return which rows have the area share and ranking of the audit, or do not depend on flagged areas."""
    share, unit = record.header.get("land_share", np.nan), record.unit
    match = np.isclose(rows["share"].to_numpy(dtype=float), float(share)) & (rows["unit"] == unit).to_numpy()
    return pd.Series(match | (rows["share"].isna() & (rows["unit"] == "")).to_numpy(), index=rows.index)


def _finding_measures(record: AuditRecord) -> pd.DataFrame:
    header = record.header
    rows = [
        {
            "crime_type": finding.crime_type,
            "share": header.get("land_share", np.nan),
            "unit": record.unit,
            "dimension": finding.dimension,
            "group": finding.group,
            "measure": finding.check,
            "value": finding.value,
            "week_low": finding.low,
            "week_high": finding.high,
        }
        for finding in record.decision.findings
        if finding.dimension and finding.crime_type and defined(finding.check).interval == BY_PERIOD
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "value", "week_low", "week_high"])


def exposure_coverage_tables(
    rows: pd.DataFrame, unit: str, group_gaps: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """Return exposure, coverage and error by crime type, dimension and area share, all types first.

    ``gaps`` has the difference and the ratio between groups at the audited share.
    """
    own = rows[(rows["unit"] == unit) & rows["measure"].isin(EXPOSURE_COVERAGE)]
    errors = rows[rows["measure"] == ERROR]
    found = []
    for (kind, dimension), part in own.groupby(["crime_type", "dimension"], sort=False):
        same = errors[(errors["crime_type"] == kind) & (errors["dimension"] == dimension)]
        shares = [(share, _group_rows(pd.concat((at, same)))) for share, at in part.groupby("share", sort=True)]
        gaps = [] if group_gaps is None else _gap_rows(group_gaps, str(kind), str(dimension))
        found.append({"crime_type": kind, "dimension": dimension, "shares": shares, "gaps": gaps})
    return sorted(found, key=lambda one: one["crime_type"] != ALL)


def _gap_rows(gaps: pd.DataFrame, crime_type: str, dimension: str) -> list[dict[str, Any]]:
    own = gaps[(gaps["crime_type"] == crime_type) & (gaps["dimension"] == dimension)]
    return [{str(name): value for name, value in row.items()} for row in own.to_dict("records")]


def _group_rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    missing = {"value": np.nan, "baseline": np.nan, "low": np.nan, "high": np.nan}
    table = rows.rename(columns={"week_low": "low", "week_high": "high"})
    return [
        {"group": group, "little_evidence": any(one is not None and not one for one in own["enough"])}
        | {measure: dict(missing) for measure in (*EXPOSURE_COVERAGE, ERROR)}
        | {row["measure"]: {name: row[name] for name in missing} for row in own.to_dict("records")}
        for group, own in table.groupby("group", sort=False)
    ]


def count_states(findings: tuple[Finding, ...]) -> dict[str, int]:
    """Return the number of required findings in each state, the worst state first."""
    counts = Counter(str(finding.state) for finding in findings if finding.required)
    return {str(state): counts[str(state)] for state in _STATES}


def furthest_ratio(rows: pd.DataFrame, measure: str) -> dict[str, Any] | None:
    """Return the row whose ratio is furthest from 1, among rows with enough evidence."""
    own = rows[(rows["measure"] == measure) & np.isfinite(rows["value"]) & (rows["value"] > 0)]
    little_evidence = np.array([one is not None and not one for one in own["enough"]], dtype=bool)
    own = own[~little_evidence & (own["state"] != "insufficient")]
    if own.empty:
        return None
    return dict(own.loc[np.log(own["value"]).abs().idxmax()])


def flagged_time(record: AuditRecord) -> npt.NDArray[np.float64] | None:
    """Return the share of test periods in which each cell was flagged, for each map of the record."""
    return None if record.flags is None else np.asarray(record.flags, dtype=float).mean(axis=2)


def permanently_flagged_areas(record: AuditRecord, count: int) -> dict[str, pd.DataFrame]:
    """Return the areas with cells flagged in more than half of the periods, for each map of the record."""
    time = flagged_time(record)
    if time is None or record.grid is None:
        return {}
    names = parent_labels(record.grid)
    names = np.where(names == "", record.grid.cells.to_numpy(dtype=object), names)
    found = {}
    for kind, own in zip(record.maps, time, strict=True):
        permanent = own > PERMANENT
        table = pd.DataFrame({"area": names[permanent], "flagged": own[permanent]})
        table = table.groupby("area")["flagged"].agg(["size", "mean"]).reset_index()
        table.columns = pd.Index(["area", "cells", "flagged"])
        ranked = table.sort_values(["cells", "flagged"], ascending=False, kind="stable").head(count)
        ranked = ranked.reset_index(drop=True)
        ranked.attrs.update(cells=int(permanent.sum()), areas=len(table))
        found[kind] = ranked
    return found


def attribution_gap_matrix(gaps: pd.DataFrame, crime_type: str, count: int = 6) -> pd.DataFrame:
    """Return the attribution gaps of one crime type: a row per group, a column per strong feature family."""
    own = gaps[gaps["crime_type"] == crime_type]
    added = own.groupby(["dimension", "group", "family"], sort=False)[["gap"]].sum(min_count=1).reset_index()
    matrix = added.pivot_table(index=["dimension", "group"], columns="family", values="gap", sort=False)
    matrix = matrix.reindex(pd.MultiIndex.from_frame(own[["dimension", "group"]].drop_duplicates()))
    order = matrix.abs().max().sort_values(ascending=False, kind="stable").index
    table = matrix[list(order[:count])].copy()
    if len(order) > count:
        table["others"] = matrix[list(order[count:])].sum(axis=1, skipna=False)
    return table.assign(sum=matrix.sum(axis=1, skipna=False))


def feedback_paths(feedback: pd.DataFrame) -> pd.DataFrame:
    """Return the mean distance from the true shares by records and period, with its range over replicates."""
    groups = feedback.groupby(["crime_type", "records", "period"], sort=False)["distance"]
    return groups.agg(distance="mean", low="min", high="max").reset_index()


@dataclass(frozen=True, eq=False)
class SensitivityResult:
    """What one analysis choice changes; tables are None if it was not computed or has no summary."""

    name: str
    question: str
    summary: HtmlTable | None  # one row per setting
    details: HtmlTable | None
    missing_reason: str


def sensitivity_results(record: AuditRecord, max_rows: int) -> tuple[SensitivityResult, ...]:
    """Return the results of every sensitivity analysis, including those that were not run."""
    names = [*SENSITIVITY, *(name for name in record.sensitivity if name not in SENSITIVITY)]
    results = []
    for name in names:
        label = name.replace("_", " ").capitalize()
        table, summary = record.sensitivity.get(name), None
        if table is not None and set(table.columns) >= _VARIANT_COLUMNS and len(table):
            summary = HtmlTable.from_frame(f"{label}: what changes", summarise_variants(table), max_rows)
            table = measures_as_columns(table)
        elif table is not None and set(table.columns) >= _STATE_COLUMNS:
            summary = _state_changes(table, max_rows)
        details = (
            None if table is None else HtmlTable.from_frame(f"{label}: all numbers", table, max(max_rows, _MAX_DETAILS))
        )
        reason = record.missing_reason(name)
        results.append(SensitivityResult(label, SENSITIVITY.get(name, ""), summary, details, reason))
    return tuple(results)


def _state_changes(table: pd.DataFrame, max_rows: int) -> HtmlTable:
    """Return the findings whose state changes within the census error, counted among those with a limit."""
    changing = table[table["changes"].astype(bool)]
    total = int((table["state"] != REPORTED).sum())
    caption = f"{len(changing)} of {total} findings change state at an end of the census interval"
    return HtmlTable.from_frame(
        caption, changing.drop(columns=["week_low", "week_high", "changes"], errors="ignore"), max_rows
    )


def summarise_variants(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per setting: overlap of flagged areas, and ratios that change side or move most."""
    return pd.DataFrame(
        [{"setting": setting, **_variant_row(own)} for setting, own in table.groupby("setting", sort=False)]
    )


def _variant_row(own: pd.DataFrame) -> dict[str, object]:
    overlaps = own[own["measure"] == _OVERLAP]
    pooled = overlaps[overlaps["crime_type"] == ALL]
    area = pooled if len(pooled) else overlaps
    ratios = own[(own["measure"] == "exposure_ratio") & own["value"].notna() & own["against"].notna()]
    crossings = int(((ratios["value"] - 1) * (ratios["against"] - 1) < 0).sum())
    return {
        "overlap_of_flagged_areas_(1:_identical)": float(area["value"].iloc[0]) if len(area) else np.nan,
        "exposure_ratios_that_cross_1": f"{crossings} of {len(ratios)}" if len(ratios) else MISSING,
        "largest_change_of_a_need-adjusted_ratio": _largest_change(own),
    }


def _largest_change(own: pd.DataFrame) -> str:
    rows = own[(own["measure"] == "need_adjusted_ratio") & (own["value"] > 0) & (own["against"] > 0)]
    if rows.empty:
        return MISSING
    moves = np.abs(np.log(rows["value"].to_numpy() / rows["against"].to_numpy()))
    row = rows.to_dict("records")[int(moves.argmax())]
    return f"{row['crime_type']}, {row['group']}: {number(row['against'])} to {number(row['value'])}"


def measures_as_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of a sensitivity table with one column per measure, next to its audited value."""
    measures = list(dict.fromkeys(table["measure"]))
    pivoted = table.pivot_table(
        index=_VARIANT_KEYS, columns="measure", values=["value", "against"], sort=False, dropna=False, observed=True
    )
    pivoted = pivoted.dropna(how="all")
    columns = {}
    for measure in measures:
        label = "Overlap of flagged areas" if measure == _OVERLAP else defined(measure).label
        for side, name in (("value", label), ("against", f"{label}, audited")):
            if measure != _OVERLAP or side == "value":
                columns[name] = pivoted.get((side, measure), np.nan)
    flat = pd.DataFrame(columns, index=pivoted.index).reset_index()
    order = (flat["crime_type"] != ALL).to_numpy()
    return flat.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
