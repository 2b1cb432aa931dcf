"""What a report page shows: plain tables, text and figures, ready to print."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ilp_models.report.audit.findings import CheckSummary


@dataclass(frozen=True)
class FigureFile:
    """A picture with the words that stand for it.

    Parameters
    ----------
    path : Path
        A PNG file.
    alt : str
        What it shows, for readers who do not see it.
    caption : str
        How to read it.
    """

    path: Path
    alt: str
    caption: str


@dataclass(frozen=True)
class KeyNumber:
    """One number at the top of the page.

    Parameters
    ----------
    value : str
        The number with its unit.
    label : str
        What it is.
    note : str
        How to read it, its interval or its protocol.
    """

    value: str
    label: str
    note: str


@dataclass(frozen=True, eq=False)
class TypeSection:
    """The map and the highest cells of one crime type.

    Parameters
    ----------
    crime_type : str
        Its name.
    total : str
        Expected events in the city, in words.
    map : FigureFile
        Choropleth of the expected count.
    cells : DataFrame
        ``rank, cell, area, lat, lon, expected, q05, q95, share, reasons``, highest first; ``reasons`` is a list of
        text.
    """

    crime_type: str
    total: str
    map: FigureFile
    cells: pd.DataFrame


@dataclass(frozen=True)
class Verdict:
    """The gate's decision, as shown on the face of the page.

    Parameters
    ----------
    admitted : bool
        Whether the forecast may be used for resource allocation.
    reasons : tuple of str
        Why.
    valid_until : str
        Until when, in words.
    """

    admitted: bool
    reasons: tuple[str, ...]
    valid_until: str


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything on the page.

    Parameters
    ----------
    city : str
        The study area.
    data : str
        The records in one line: publisher, number, span.
    period : str
        The period forecast, in words.
    forecaster : str
        The forecaster whose forecast is shown.
    baseline : str
        The forecaster that skill is measured against.
    verdict : Verdict
        The decision.
    key_numbers : tuple of KeyNumber
        Shown at the top.
    types : tuple of TypeSection
        One a crime type.
    comparison : DataFrame
        ``forecaster, bound, deviance, skill, low, high, verdict, hit_rate, pai, sum_ratio, coverage``; bounds (floor
        and oracle) have ``bound`` True. NaN where a score is not defined.
    protocol : str
        Grid, cell size, periods, cutoff rule, n and interval method.
    audit_protocol : str
        What was flagged, against which baseline, over which periods, with which groups; empty where it is not known.
    curves : tuple of FigureFile
        Hit and calibration curves.
    importance : FigureFile or None
        Global importance of features; None where the forecaster has no explanation.
    checks : tuple of Judged
        What the audit found, gathered by check.
    intake : DataFrame
        ``rule, action, count, unit, share, examples, note``.
    intake_summary : str
        Rows read and kept, in a sentence.
    intake_notes : tuple of str
        What else a reader of the data should know.
    provenance : mapping of str to str
        Digests, versions and times by name.
    command : str
        What to type to make this report again.
    attribution : str
        The words the publisher's licence asks for.
    """

    city: str
    data: str
    period: str
    forecaster: str
    baseline: str
    verdict: Verdict
    key_numbers: tuple[KeyNumber, ...]
    types: tuple[TypeSection, ...]
    comparison: pd.DataFrame
    protocol: str
    audit_protocol: str
    curves: tuple[FigureFile, ...]
    importance: FigureFile | None
    checks: tuple[CheckSummary, ...]
    intake: pd.DataFrame
    intake_summary: str
    intake_notes: tuple[str, ...]
    provenance: Mapping[str, str]
    command: str
    attribution: str
