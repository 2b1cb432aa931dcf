"""The page of monitoring: one HTML file that needs no network, no script and no other file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT
from ilp_models.report.content import FigureFile
from ilp_models.report.monitor_figures import draw_measure
from ilp_models.report.page import write_page

TITLES: Final[Mapping[str, str]] = {
    "exposure": "Exposure: share of a group's residents on flagged land",
    "exposure_ratio": "Exposure ratio: exposure of a group over that of all other residents",
    "coverage": "Coverage: share of recorded events on flagged land, by who lives there",
    "coverage_ratio": "Coverage ratio: lowest coverage of a group over the highest",
    "sum_ratio": "Sum ratio: expected over recorded events",
}
_MOST_ROWS: Final = 40


@dataclass(frozen=True, eq=False)
class MonitorEvidence:
    """What the page shows.

    Parameters
    ----------
    watch, series, drift, unplaced : DataFrame
        Measures by period, series, drift of the records, records without coordinates; as documented in
        ``docs/monitoring.md``.
    facts : mapping
        Digests, periods, limits.
    verdict : str
        What follows, in a sentence.
    command : str
        The command that would withdraw; empty where that is not proposed.
    notes : tuple of str
        What the reader must know.
    """

    watch: pd.DataFrame
    series: pd.DataFrame
    drift: pd.DataFrame
    unplaced: pd.DataFrame
    facts: Mapping[str, Any]
    verdict: str
    command: str
    notes: tuple[str, ...]


def write_monitor_page(folder: Path, evidence: MonitorEvidence) -> list[Path]:
    """Return the page and its folder of figures."""
    figures = [_draw(evidence, measure, folder / "figures") for measure in TITLES]
    series = evidence.series
    watched = series[series["watched"]].sort_values(["breaches", "autocorrelation"], ascending=False, kind="stable")
    drift = evidence.drift.sort_values(["exceeds_noise", "distance"], ascending=False, kind="stable")
    write_page(
        folder / "monitor.html",
        "monitor.html.j2",
        evidence=evidence,
        figures=[figure for figure in figures if figure is not None],
        breached=watched[watched["breaches"] > 0].to_dict("records"),
        idle=series[~series["watched"] & (series["reason"] != "not asked for")].to_dict("records"),
        drift=drift.head(_MOST_ROWS).to_dict("records"),
        hidden=max(len(drift) - _MOST_ROWS, 0),
        caveat=CAVEAT,
    )
    return [folder / "monitor.html", folder / "figures"]


def _draw(evidence: MonitorEvidence, measure: str, folder: Path) -> FigureFile | None:
    rows = evidence.watch[evidence.watch["measure"] == measure]
    if rows.empty or not rows["value"].notna().any():
        return None
    since = str(evidence.facts["new_periods_span"][0])
    title, limit = TITLES[measure], float(evidence.facts["limit"])
    path = draw_measure(folder / f"{measure.replace('_', '-')}.png", rows, title.partition(":")[0], since, limit)
    breaches = int(rows["breach"].sum())
    return FigureFile(
        path,
        f"{title}, by period and group; {breaches} breaches since {since}. The numbers are in monitor.csv.",
        f"{title}. Left: values, the line where the audited periods end, red where a sum passed its limit. Right: the "
        "sums of each series since then, up for higher values and down for lower ones.",
    )
