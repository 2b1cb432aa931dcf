"""Names and meanings of the columns of exported tables, in words."""

import re
from typing import Final

from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.table import FLAGGED, OVERUSED

_INTERVAL: Final = {
    name: (
        f"{int(name[1:])} % quantile",
        f"At most this many crimes are recorded with a probability of {int(name[1:])} %",
    )
    for name in QUANTILE_COLUMNS
}
_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "cell": ("Cell", "Name of the cell"),
    "area": ("Area", "Parent area of the cell"),
    "crime_type": ("Crime type", "Type of the crimes"),
    "period": ("Period", "First day of the period as text, as in all tables of the run"),
    "start": ("First day", "First day of the period"),
    "end": ("Last day", "Last day of the period"),
    "expected": ("Expected crimes", "Expected crimes in the cell and period"),
    **_INTERVAL,
    "rank": ("Rank", "1 has the most expected crimes of this type and period; ties have the better rank"),
    "share": ("Share of all expected crimes", "Share of the sum over all cells of this type and period"),
    FLAGGED: ("Flagged", "Whether the audited map flags the cell in this period"),
    OVERUSED: ("Share at over-used points", "Share of the recorded crimes of this type at points used too often"),
    "lat": ("Latitude", "Centre of the cell, degrees (WGS84)"),
    "lon": ("Longitude", "Centre of the cell, degrees (WGS84)"),
    "grade": ("Grade", "Permitted use of the file: research or allocation"),
    "decision": ("Decision", "Decision on this forecast, or none"),
    "effort": ("Effort", "Effort of the plan in the cell and period"),
    "covered": ("Covered", "Expected events that the effort covers"),
    "inclusion": ("Probability of effort", "Probability that the cell receives effort"),
    "lead": ("Periods ahead", "Periods from the cutoff to the forecast"),
    "low": ("Lower end", "Lower end of the interval"),
    "high": ("Upper end", "Upper end of the interval"),
    "n": ("Periods", "Number of test periods"),
}


def column_text(name: str) -> tuple[str, str]:
    """Return a short name of a column for readers, and what it holds."""
    if name in _TEXTS:
        return _TEXTS[name]
    if found := re.fullmatch(r"last_(\d+_)?([a-z]+)", name):
        span = f"last {found[1].rstrip('_')} {found[2]}" if found[1] else f"last {found[2]}"
        return f"Recorded in the {span}", f"Recorded crimes in the {span} known at the cutoff"
    if found := re.fullmatch(r"same_([a-z]+)_last_year", name):
        text = f"the same {found[1]} a year ago"
        return f"Recorded in {text}", f"Recorded crimes in {text}; empty if the records begin later"
    return name.capitalize(), ""
