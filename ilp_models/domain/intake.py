"""Intake reports: how many records were read, kept, flagged and rejected, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import pandas as pd

from ilp_models.domain.errors import InputError

ACTIONS: Final = ("set aside", "flagged", "left out")
RESOLUTIONS: Final = ("moment", "day", "month")

_EXAMPLES = 5


@dataclass(frozen=True)
class IntakeFinding:
    """What one rule found in the records.

    Parameters
    ----------
    rule : str
        The rule in words, such as ``coordinates are zero``.
    action : str
        ``set aside`` (unusable, counts against the limit of rejects), ``left out`` (not asked for by the
        settings) or ``flagged`` (kept).
    count : int
        How many were found, > 0.
    share : float
        ``count`` as a share of all of them, 0 to 1.
    examples : tuple of str, optional
        Up to five of them.
    note : str, optional
        What it means for the reader, or how to mend it.
    unit : str, default "rows"
        What ``count`` counts: ``rows``, ``months`` or ``types``.

    Raises
    ------
    InputError
        If the action is unknown or there are more than five examples.
    """

    rule: str
    action: str
    count: int
    share: float
    examples: tuple[str, ...] = ()
    note: str = ""
    unit: str = "rows"

    def __post_init__(self) -> None:
        """Refuse an action that no reader of reports knows."""
        if self.action not in ACTIONS:
            msg = f"The action {self.action!r} of an intake finding is unknown; choose one of {', '.join(ACTIONS)}."
            raise InputError(msg)
        if len(self.examples) > _EXAMPLES:
            msg = f"An intake finding shows up to {_EXAMPLES} examples, not {len(self.examples)}."
            raise InputError(msg)


@dataclass(frozen=True)
class IntakeReport:
    """The account of one intake: shown to the user, stored beside the results.

    Parameters
    ----------
    source : str
        The publisher and the set, in words.
    files : tuple of str
        What was read, in order.
    rows_read, rows_kept : int
        Records in the files, and events made of them.
    start, end : Timestamp or None
        The half-open span [start, end) that the events cover, wall clock; None if nothing was kept.
    time_zone : str
        IANA name of the zone whose wall clock the times show.
    crs : str
        CRS of the events.
    resolution : str, default "moment"
        How finely the times are known: ``moment``, ``day`` or ``month``; no calendar may be finer.
    findings : tuple of IntakeFinding, optional
        One for each rule that found something.
    crime_types : mapping of str to int, optional
        Events kept by type, types without an event included.
    columns_left : tuple of str, optional
        Columns of the files that were never read.
    person_columns_left : tuple of str, optional
        Those of them whose names speak of persons.
    notes : tuple of str, optional
        What else the reader should know.
    attribution : str, optional
        The words the publisher's licence asks for.
    digest : str, optional
        SHA-256 of the events.
    unplaced : DataFrame, optional
        Rows set aside for missing or zero coordinates alone: ``day``, ``crime_type``, ``area`` (the records' own label,
        empty where there is none) and ``count``. None where the source keeps no such account. Too long for the stored
        report, whose findings have the sums.
    """

    source: str
    files: tuple[str, ...]
    rows_read: int
    rows_kept: int
    start: pd.Timestamp | None
    end: pd.Timestamp | None
    time_zone: str
    crs: str
    resolution: str = "moment"
    findings: tuple[IntakeFinding, ...] = ()
    crime_types: Mapping[str, int] = field(default_factory=dict)
    columns_left: tuple[str, ...] = ()
    person_columns_left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    attribution: str = ""
    digest: str = ""
    unplaced: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse an account that does not add up."""
        if self.resolution not in RESOLUTIONS:
            msg = f"The resolution {self.resolution!r} is unknown; choose one of {', '.join(RESOLUTIONS)}."
            raise InputError(msg)
        lost = self.rows_read - self.rows_kept
        told = sum(f.count for f in self.findings if f.action != "flagged" and f.unit == "rows")
        if lost != told:
            msg = f"The intake lost {lost} rows and its findings account for {told}; every row needs one rule."
            raise InputError(msg)

    @property
    def rejected_share(self) -> float:
        """Rows set aside as a share of the rows that the settings asked for, 0 to 1."""
        counts = {action: sum(f.count for f in self.findings if f.action == action) for action in ACTIONS}
        asked = self.rows_read - counts["left out"]
        return counts["set aside"] / asked if asked else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the account as plain JSON values.

        Returns
        -------
        dict
            Keys are the parameters of the class and ``rejected_share``; times are ISO 8601 text.
        """
        plain = asdict(replace(self, unplaced=None))
        del plain["unplaced"]
        for name in ("start", "end"):
            plain[name] = None if plain[name] is None else plain[name].isoformat()
        for name in ("files", "columns_left", "person_columns_left", "notes"):
            plain[name] = list(plain[name])
        plain["findings"] = [{**finding, "examples": list(finding["examples"])} for finding in plain["findings"]]
        return {**plain, "crime_types": dict(self.crime_types), "rejected_share": self.rejected_share}

    def to_text(self) -> str:
        """Return the account as a short table for the terminal.

        Returns
        -------
        str
            Lines of at most 120 characters where names allow.
        """
        kept = self.rows_kept / self.rows_read if self.rows_read else 0.0
        span = "no event" if self.start is None else f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d} (not included)"
        lines = [
            f"Intake of {self.source}: {self.rows_kept:,} of {self.rows_read:,} rows kept ({kept:.1%})",
            f"  {span}, {self.time_zone}, {self.crs}, {len(self.crime_types)} crime types",
        ]
        width = max((len(finding.rule) for finding in self.findings), default=0)
        for finding in self.findings:
            size = f"{finding.count:>9,} {finding.unit:<6} {finding.share:>6.1%}"
            lines.append(f"  {finding.action:<9}  {finding.rule:<{width}} {size}  {_first(finding)}".rstrip())
        if self.columns_left:
            lines.append(f"  columns left behind: {', '.join(self.columns_left)}")
        if self.person_columns_left:
            lines.append(f"  of these about persons: {', '.join(self.person_columns_left)}")
        lines.extend(f"  note: {note}" for note in self.notes)
        return "\n".join(lines)


def _first(finding: IntakeFinding) -> str:
    return f"e.g. {finding.examples[0]}" if finding.examples else ""


class IntakeError(InputError):
    """Records of which too many, or all, had to be set aside; it carries the account of why.

    Parameters
    ----------
    message : str
        What is wrong, where, and how to mend it.
    report : IntakeReport
        The whole account.
    """

    def __init__(self, message: str, report: IntakeReport) -> None:
        super().__init__(message)
        self.report = report
