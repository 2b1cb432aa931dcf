"""Intake report: how many records were read, kept, flagged and rejected, and why."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.notebook_html import html_summary

ACTIONS: Final = ("set aside", "flagged", "left out")
UNMAPPED, UNMAPPED_KEPT, UNCATEGORISED = UNMAPPED_RULES = (  # rules on labels that the settings do not name
    "crime type not in data.crime_types",
    "crime type not in data.crime_types, label kept",
    "label without a category in data.crime_scheme",
)
RESOLUTIONS: Final = ("moment", "day", "month")

_MAX_EXAMPLES = 5


@dataclass(frozen=True)
class IntakeFinding:
    """The rows (months, crime types) that one rule of the intake found."""

    rule: str  # such as "coordinates are zero"
    action: str  # set aside: unusable, counts as rejected; left out: excluded by the settings; flagged: kept
    count: int  # above 0
    share: float  # of all rows (months, types), 0 to 1
    examples: tuple[str, ...] = ()  # up to five
    note: str = ""  # what it means and what to do
    unit: str = "rows"  # rows, months, types or areas

    def __post_init__(self) -> None:
        """Refuse an unknown action or too many examples."""
        if self.action not in ACTIONS:
            msg = f"The action {self.action!r} of an intake finding is unknown; choose one of {', '.join(ACTIONS)}."
            raise InputError(msg)
        if len(self.examples) > _MAX_EXAMPLES:
            msg = f"An intake finding shows up to {_MAX_EXAMPLES} examples, not {len(self.examples)}."
            raise InputError(msg)


@dataclass(frozen=True, repr=False)
class IntakeReport:
    """How many records were read and kept, what every rule found, and what the events cover."""

    source: str  # publisher and data set
    files: tuple[str, ...]  # in the order of reading
    rows_read: int
    rows_kept: int  # one event each
    start: pd.Timestamp | None  # the events cover [start, end); None if no row was kept
    end: pd.Timestamp | None
    time_zone: str
    crs: str
    resolution: str = "moment"  # of the times: moment, day or month; no period may be shorter
    findings: tuple[IntakeFinding, ...] = ()
    crime_types: Mapping[str, int] = field(default_factory=dict)  # events of each type, also of types without events
    columns_left: tuple[str, ...] = ()  # columns of the files that were not read
    person_columns_left: tuple[str, ...] = ()  # those of them that look like personal data
    notes: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()  # what the user declared about the records, such as a known gap with its reason
    attribution: str = ""  # the text that the publisher's licence requires
    digest: str = ""  # of the events
    reading: str = ""  # digest of how records are read: all settings except files and span
    # Rows rejected only for missing or zero coordinates: columns day, crime_type, area, count; not in the JSON report.
    missing_coordinates: pd.DataFrame | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse a report whose findings do not explain every lost row."""
        if self.resolution not in RESOLUTIONS:
            msg = f"The resolution {self.resolution!r} is unknown; choose one of {', '.join(RESOLUTIONS)}."
            raise InputError(msg)
        lost = self.rows_read - self.rows_kept
        explained = sum(f.count for f in self.findings if f.action != "flagged" and f.unit == "rows")
        if lost != explained:
            msg = f"The intake lost {lost} rows and its findings account for {explained}; every row needs one rule."
            raise InputError(msg)

    def __repr__(self) -> str:
        """Return source and counts in one line."""
        return f"<IntakeReport: {self._headline}, {len(self.findings)} findings>"

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {"source": self.source, "files": ", ".join(self.files) or "none"}
        facts |= {"rows": f"{self.rows_kept:,} of {self.rows_read:,} kept", "span": f"{self._span}, {self.time_zone}"}
        for finding in self.findings:
            label = f"{finding.action}: {finding.rule}"
            facts[label] = f"{finding.count:,} {finding.unit} ({finding.share:.1%}) {finding.note}".rstrip()
        facts |= {f"declared {number}": fact for number, fact in enumerate(self.declared, 1)}
        facts |= {f"note {number}": note for number, note in enumerate(self.notes, 1)}
        return html_summary("Intake report", facts)

    @property
    def _headline(self) -> str:
        kept = self.rows_kept / self.rows_read if self.rows_read else 0.0
        return f"{self.source}: {self.rows_kept:,} of {self.rows_read:,} rows kept ({kept:.1%})"

    @property
    def _span(self) -> str:
        return "no event" if self.start is None else f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d} (not included)"

    @property
    def rejected_share(self) -> float:
        """Rows set aside as a share of the rows that the settings include, 0 to 1."""
        counts = {action: sum(f.count for f in self.findings if f.action == action) for action in ACTIONS}
        included = self.rows_read - counts["left out"]
        return counts["set aside"] / included if included else 0.0

    @property
    def shares(self) -> dict[str, float]:
        """Share of the rows (months, types, areas) that each rule flagged or set aside, by action and rule."""
        return {f"{one.action}: {one.rule}": float(one.share) for one in self.findings if one.action != "left out"}

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and ``rejected_share`` as plain JSON values; times are ISO 8601 text."""
        plain = asdict(replace(self, missing_coordinates=None))
        del plain["missing_coordinates"]
        for name in ("start", "end"):
            plain[name] = None if plain[name] is None else plain[name].isoformat()
        for name in ("files", "columns_left", "person_columns_left", "notes", "declared"):
            plain[name] = list(plain[name])
        plain["findings"] = [{**finding, "examples": list(finding["examples"])} for finding in plain["findings"]]
        return {**plain, "crime_types": dict(self.crime_types), "rejected_share": self.rejected_share}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per finding: action, rule, count, unit, share, example, note."""
        columns = ("action", "rule", "count", "unit", "share", "example", "note")
        rows = [(f.action, f.rule, f.count, f.unit, f.share, _example(f), f.note) for f in self.findings]
        return pd.DataFrame(rows, columns=list(columns))

    def to_text(self) -> str:
        """Return the report as a short text for the terminal."""
        lines = [
            f"Intake of {self._headline}",
            f"  {self._span}, {self.time_zone}, {self.crs}, {len(self.crime_types)} crime types",
        ]
        width = max((len(finding.rule) for finding in self.findings), default=0)
        for finding in self.findings:
            size = f"{finding.count:>9,} {finding.unit:<6} {finding.share:>6.1%}"
            example = f"e.g. {_example(finding)}" if finding.examples else ""
            lines.append(f"  {finding.action:<9}  {finding.rule:<{width}} {size}  {example}".rstrip())
        if self.columns_left:
            lines.append(f"  columns not read: {', '.join(self.columns_left)}")
        if self.person_columns_left:
            lines.append(f"  columns not read that look like personal data: {', '.join(self.person_columns_left)}")
        lines.extend(f"  declared: {fact}" for fact in self.declared)
        lines.extend(f"  note: {note}" for note in self.notes)
        return "\n".join(lines)


def _example(finding: IntakeFinding) -> str:
    return finding.examples[0] if finding.examples else ""


class IntakeError(InputError):
    """Too many records, or all, were rejected; `report` says why."""

    def __init__(self, message: str, report: IntakeReport) -> None:
        super().__init__(message)
        self.report = report
