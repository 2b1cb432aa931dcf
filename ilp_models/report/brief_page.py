"""The pages of a report for decision makers and of its readiness checklist."""

from pathlib import Path
from typing import Final

from ilp_models.domain.brief import FULL, LENGTHS, NO_GAP, Brief
from ilp_models.domain.disclaimers import SCOPE
from ilp_models.domain.readiness import topic_tables
from ilp_models.report.formatting import sentence
from ilp_models.report.page import write_page

READINESS_PAGE: Final = "readiness.html"


def write_brief_page(brief: Brief, path: Path) -> None:
    """Write the report as a page that prints on its number of A4 pages."""
    write_page(
        path,
        "brief.html.j2",
        brief=brief,
        full=FULL,
        no_gap=NO_GAP,
        pages=LENGTHS[brief.length].pages_text,
        readiness_page=READINESS_PAGE,
        scope=sentence(SCOPE),
    )


def write_readiness_page(brief: Brief, path: Path) -> None:
    """Write the checklist by topic, what is not met first in words."""
    topics = [(topic, table.to_dict("records")) for topic, table in topic_tables(brief.readiness)]
    write_page(path, "readiness.html.j2", brief=brief, readiness=brief.readiness, topics=topics, scope=sentence(SCOPE))
