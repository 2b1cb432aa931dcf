"""The page: one HTML file that needs no network, no script and no other file."""

import base64
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ilp_models.domain.caveat import CAVEAT, RESEARCH_ONLY, SCOPE
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.finding import State
from ilp_models.report.content import ReportContent
from ilp_models.report.tables import REPORTED

MISSING: Final = "\N{EN DASH}"
_WORST_FIRST: Final = (State.FAIL, State.INSUFFICIENT, State.REVIEW, State.PASS, REPORTED)
ICONS: Final[Mapping[str, str]] = {
    State.PASS: "\N{CHECK MARK}",
    State.FAIL: "\N{BALLOT X}",
    State.REVIEW: "!",
    State.INSUFFICIENT: "?",
    REPORTED: "\N{EN DASH}",
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
        """Return the path of the page.

        Parameters
        ----------
        folder : Path
            Folder of the run.
        content : ReportContent
            What to show.

        Returns
        -------
        Path
            The HTML file, written whole.

        Raises
        ------
        StorageError
            If a figure cannot be read or the page not be written.
        """
        return write_report(folder / self.file_name, content, self.title)


def write_report(path: Path, content: ReportContent, title: str = "Weekly risk grid") -> Path:
    """Return the path of a report page.

    Parameters
    ----------
    path : Path
        The HTML file.
    content : ReportContent
        What to show.
    title : str, default "Weekly risk grid"
        Heading of the page.

    Returns
    -------
    Path
        ``path``; the file is whole or was not touched.

    Raises
    ------
    StorageError
        If a figure cannot be read or the page not be written.
    """
    write_page(
        path,
        "report.html.j2",
        title=title,
        content=content,
        comparison=[(bound, rows.to_dict("records")) for bound, rows in content.comparison.groupby("bound")],
        checks=checks(content.findings),
        icons=ICONS,
        caveat=CAVEAT,
        scope=f"{SCOPE[0].upper()}{SCOPE[1:]}.",
        research_only=RESEARCH_ONLY,
    )
    return path


def write_page(path: Path, template: str, **values: Any) -> None:
    """Return nothing, having written a page from a template of this package.

    Parameters
    ----------
    path : Path
        The HTML file; it is whole or was not touched.
    template : str
        Name of the template.
    **values : object
        What the template shows; text is escaped.

    Raises
    ------
    StorageError
        If a figure cannot be read or the page not be written.
    """
    pages = Environment(
        loader=PackageLoader("ilp_models.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(number=number, percent=percent, embed=embed)
    pages.globals.update(interval=interval)
    try:
        text = pages.get_template(template).render(**values)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=path.parent, ignore_cleanup_errors=True) as unfinished:
            whole = Path(unfinished, path.name)
            whole.write_text(text, encoding="utf-8")
            whole.replace(path)
    except OSError as error:
        msg = f"The report {path} was not written ({error}); free space there or choose another folder."
        raise StorageError(msg) from error


def checks(findings: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the findings gathered by check, the worst first.

    Parameters
    ----------
    findings : DataFrame
        ``check, title, state, reason, about, estimate, low, high, limit, required``.

    Returns
    -------
    list of dict
        ``title, state, required, tally`` (such as ``2 of 6 pass``) and ``rows``, the worst first.
    """
    order = {str(state): place for place, state in enumerate(_WORST_FIRST)}
    gathered = []
    for _, rows in findings.groupby("check", sort=False):
        ranked = rows.assign(place=rows["state"].map(order)).sort_values("place", kind="stable")
        first = ranked.iloc[0]
        passed = int((ranked["state"] == State.PASS).sum())
        gathered.append(
            {
                "title": first["title"],
                "state": first["state"],
                "required": bool(first["required"]),
                "tally": f"{passed} of {len(ranked)} pass"
                if set(ranked["state"]) != {REPORTED}
                else f"{len(ranked)} not judged",
                "rows": ranked.to_dict("records"),
                "place": (not first["required"], first["place"]),
            }
        )
    return sorted(gathered, key=lambda check: check["place"])


def number(value: float, digits: int = 3) -> str:
    """Return a number as text, a dash where it is not defined.

    Parameters
    ----------
    value : float
        Any number.
    digits : int, default 3
        Significant digits.

    Returns
    -------
    str
        Without an exponent for everyday sizes.

    Examples
    --------
    >>> number(0.033712), number(1234.5), number(float("nan")) == MISSING
    ('0.0337', '1,234', True)
    """
    if not np.isfinite(value):
        return MISSING
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}"


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """Return a share as a percentage, a dash where it is not defined.

    Parameters
    ----------
    value : float
        A share, 1 for all.
    digits : int, default 1
        Decimals.
    sign : bool, default False
        Whether to write a plus sign too.

    Returns
    -------
    str
        With a no-break space before the sign.

    Examples
    --------
    >>> percent(0.0122, 2, sign=True).replace(chr(160), " "), percent(float("nan")) == MISSING
    ('+1.22 %', True)
    """
    if not np.isfinite(value):
        return MISSING
    return f"{100 * value:{'+' if sign else ''}.{digits}f}\N{NO-BREAK SPACE}%"


def interval(low: float, high: float) -> str:
    """Return an interval in brackets, empty text where an end is not defined.

    Parameters
    ----------
    low, high : float
        Its ends.

    Returns
    -------
    str
        Such as ``[0.9, 1.1]``.

    Examples
    --------
    >>> interval(0.9, 1.1), interval(float("nan"), 1.0)
    ('[0.900, 1.10]', '')
    """
    return f"[{number(low)}, {number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""


def embed(path: Path) -> str:
    """Return a PNG as a data address, so that the page needs no other file.

    Parameters
    ----------
    path : Path
        A PNG file.

    Returns
    -------
    str
        ``data:image/png;base64,...``.
    """
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
