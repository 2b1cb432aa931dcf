"""How much hangs on choices, as the page of an audit shows it: a line a choice, and every number behind it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from ilp_models.domain.finding import ALL
from ilp_models.report.audit.dossier import SENSITIVITY, AuditRecord
from ilp_models.report.definitions import defined
from ilp_models.report.formatting import MISSING, number
from ilp_models.report.html_table import HtmlTable

_COLUMNS: Final = frozenset({"setting", "crime_type", "dimension", "group", "measure", "value", "against"})
_STATES: Final = frozenset({"state", "state_at_low", "state_at_high", "changes"})
_KEYS: Final = ["setting", "crime_type", "dimension", "group"]
_OVERLAP: Final = "jaccard"
_MOST: Final = 400  # rows of a choice; report.json holds the others


@dataclass(frozen=True, eq=False)
class VariantRow:
    """What one choice changes.

    Parameters
    ----------
    name, question : str
        In words.
    lines : Sheet or None
        A line for each setting that was tried; None where the table has other columns, or there is none.
    numbers : Sheet or None
        Every number; None where it was not worked out.
    why : str
        Why it was not.
    """

    name: str
    question: str
    lines: HtmlTable | None
    numbers: HtmlTable | None
    why: str


def variant_rows(dossier: AuditRecord, most: int) -> tuple[VariantRow, ...]:
    """Return what each choice changes, those that nobody tried included."""
    names = [*SENSITIVITY, *(name for name in dossier.sensitivity if name not in SENSITIVITY)]
    found = []
    for name in names:
        words = name.replace("_", " ")
        table, lines = dossier.sensitivity.get(name), None
        if table is not None and set(table.columns) >= _COLUMNS and len(table):
            lines = HtmlTable.from_frame(f"{words.capitalize()}: what changes", summary(table), most)
            table = wide(table)
        elif table is not None and set(table.columns) >= _STATES:
            lines = _changing(table, most)
        sheet = None if table is None else HtmlTable.from_frame(f"Sensitivity: {words}", table, max(most, _MOST))
        found.append(VariantRow(words.capitalize(), SENSITIVITY.get(name, ""), lines, sheet, dossier.why_absent(name)))
    return tuple(found)


def _changing(table: pd.DataFrame, most: int) -> HtmlTable:
    """Return the findings whose state hangs on the error of the census, counted among those that have one."""
    changing = table[table["changes"].astype(bool)]
    judged = int((table["state"] != "reported").sum())
    words = f"{len(changing)} of {judged} findings would have another state at an end of the census interval"
    return HtmlTable.from_frame(
        words, changing.drop(columns=["week_low", "week_high", "changes"], errors="ignore"), most
    )


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return one line a setting."""
    return pd.DataFrame([{"setting": setting, **_line(own)} for setting, own in table.groupby("setting", sort=False)])


def _line(own: pd.DataFrame) -> dict[str, object]:
    overlaps = own[own["measure"] == _OVERLAP]
    pooled = overlaps[overlaps["crime_type"] == ALL]
    land = pooled if len(pooled) else overlaps
    ratios = own[(own["measure"] == "exposure_ratio") & own["value"].notna() & own["against"].notna()]
    other = int(((ratios["value"] - 1) * (ratios["against"] - 1) < 0).sum())
    return {
        "same_land,_of_that_flagged_on_either_map": float(land["value"].iloc[0]) if len(land) else np.nan,
        "exposure_ratios_on_the_other_side_of_1": f"{other} of {len(ratios)}" if len(ratios) else MISSING,
        "need-adjusted_ratio_that_moves_most": _moved(own),
    }


def _moved(own: pd.DataFrame) -> str:
    rows = own[(own["measure"] == "need_adjusted_ratio") & (own["value"] > 0) & (own["against"] > 0)]
    if rows.empty:
        return MISSING
    moves = np.abs(np.log(rows["value"].to_numpy() / rows["against"].to_numpy()))
    row = rows.to_dict("records")[int(moves.argmax())]
    return f"{row['crime_type']}, {row['group']}: {number(row['against'])} to {number(row['value'])}"


def wide(table: pd.DataFrame) -> pd.DataFrame:
    """Return every number with a column a measure."""
    measures = list(dict.fromkeys(table["measure"]))
    pivoted = table.pivot_table(
        index=_KEYS, columns="measure", values=["value", "against"], sort=False, dropna=False, observed=True
    )
    pivoted = pivoted.dropna(how="all")
    columns = {}
    for measure in measures:
        label = "same land" if measure == _OVERLAP else defined(measure).label
        for side, words in (("value", label), ("against", f"{label}, audited")):
            if measure != _OVERLAP or side == "value":
                columns[words] = pivoted.get((side, measure), np.nan)
    flat = pd.DataFrame(columns, index=pivoted.index).reset_index()
    order = (flat["crime_type"] != ALL).to_numpy()
    return flat.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)
