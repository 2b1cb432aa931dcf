"""The page: one HTML file that needs no network, no script and no other file."""

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ilp_models.domain.disclaimers import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.finding import State
from ilp_models.report.content import ReportContent
from ilp_models.report.formatting import MISSING, interval, number, percent
from ilp_models.report.tables import REPORTED

ICONS: Final[Mapping[str, str]] = {
    State.PASS: "\N{CHECK MARK}",
    State.FAIL: "\N{BALLOT X}",
    State.REVIEW: "!",
    State.INSUFFICIENT: "?",
    REPORTED: MISSING,
}


@dataclass(frozen=True)
class Report:
    """How the page is titled and how long its lists are.

    Parameters
    ----------
    title : str, default "Weekly risk grid"
        Heading of the page.
    top_cells : int, default 10
        Highest cells listed and numbered on each map.
    features : int, default 12
        Features shown in the bar chart of the explanation.
    file_name : str, default "report.html"
        Name of the page in the folder of the run.

    Raises
    ------
    InputError
        If a number is below 1.
    """

    title: str = "Weekly risk grid"
    top_cells: int = 10
    features: int = 12
    file_name: str = "report.html"

    def __post_init__(self) -> None:
        """Refuse lists without an entry."""
        if min(self.top_cells, self.features) < 1:
            msg = f"report.top_cells={self.top_cells} and report.features={self.features} must be at least 1."
            raise InputError(msg)

    def write(self, folder: Path, content: ReportContent) -> Path:
        """Return the path of the page."""
        return write_report(folder / self.file_name, content, self.title)


def write_report(path: Path, content: ReportContent, title: str = "Weekly risk grid") -> Path:
    """Return the path of a report page."""
    write_page(
        path,
        "report.html.j2",
        title=title,
        content=content,
        comparison=[(bound, rows.to_dict("records")) for bound, rows in content.comparison.groupby("bound")],
        icons=ICONS,
        caveat=CAVEAT,
        scope=f"{SCOPE[0].upper()}{SCOPE[1:]}.",
        research_only=RESEARCH_ONLY,
    )
    return path


def write_page(path: Path, template: str, **values: Any) -> None:
    """Return nothing, having written a page from a template of this package."""
    pages = Environment(
        loader=PackageLoader("ilp_models.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(number=number, percent=percent, embed=embed)
    pages.globals.update(interval=interval)
    write_whole(path, pages.get_template(template).render(**values))


def write_whole(path: Path, text: str) -> Path:
    """Return the path of a text file that is whole or was not touched."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=path.parent, ignore_cleanup_errors=True) as unfinished:
            whole = Path(unfinished, path.name)
            whole.write_text(text, encoding="utf-8")
            whole.replace(path)
    except OSError as error:
        msg = f"{path} was not written ({error}); free space there or choose another folder."
        raise StorageError(msg) from error
    return path


def embed(path: Path) -> str:
    """Return a PNG as a data address, so that the page needs no other file."""
    try:
        return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except OSError as error:
        msg = f"The figure {path} cannot be read ({error}); make the report again."
        raise StorageError(msg) from error
