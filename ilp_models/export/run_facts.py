"""What a transparency record and a research crate say about the run behind an export."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilp_models.domain.decision import Decision
from ilp_models.export.marking import Marking


@dataclass(frozen=True, eq=False)
class RunFacts:
    """The run of an exported forecast; what is not known is empty."""

    marking: Marking
    decision: Decision | None = None
    task: str = ""
    command: str = ""
    model: str = ""  # name of the class of the forecaster
    intake: Mapping[str, Any] = field(default_factory=dict)  # the report of the records, as plain values
    files: Mapping[str, Path] = field(default_factory=dict)  # files of the run to copy, by their new name
    statements: Mapping[str, str | list[str]] = field(default_factory=dict)  # what the organisation states

    @property
    def governance(self) -> dict[str, str]:
        """The fields of governance that are stated, by name."""
        header = {} if self.decision is None else self.decision.report.header
        return {name: str(value) for name, value in dict(header.get("governance") or {}).items() if value}
