"""What a description of recorded crime adds to a report for decision makers."""

from collections.abc import Mapping
from typing import Any

from ilp_models.domain.brief import BriefPart, BriefSection
from ilp_models.domain.disclaimers import NOT_A_FORECAST
from ilp_models.pipeline.description import read_parts
from ilp_models.pipeline.run_record import RunRecord
from ilp_models.report.description_page import headlines


def description_part(record: RunRecord) -> BriefPart:
    """Return the main sentences of each part of a description."""
    return record.read(_part)


def _part(content: Mapping[str, Any]) -> BriefPart:
    first, last = content["records"]
    span = f"Records from {first} to {last} (not included). {NOT_A_FORECAST}"
    return BriefPart(section=BriefSection("What was recorded", (span, *headlines(read_parts(content)))))
