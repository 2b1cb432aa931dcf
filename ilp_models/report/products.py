"""Products of an allocation: one page for each level of decision, with its decision, tables and caveat."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.report.content import FigureFile
from ilp_models.report.formatting import MISSING, number, percent
from ilp_models.report.page import write_page

KINDS: Final = ("text", "short", "number", "percent")
_READERS: Final = {
    "management": "management",
    "middle": "middle managers",
    "shift": "shift leaders",
    "community": "community policing",
}


@dataclass(frozen=True)
class BriefingColumn:
    """How a column of a table is shown.

    Parameters
    ----------
    name : str
        Its name in the table.
    heading : str
        What stands above it.
    kind : str, default "number"
        ``text``, ``short`` (text on one line), ``number`` or ``percent``.
    """

    name: str
    heading: str
    kind: str = "number"


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a page.

    Parameters
    ----------
    title : str
        Its heading.
    words : tuple of str, optional
        Paragraphs.
    table : DataFrame, optional
        Rows to show.
    columns : tuple of Column, optional
        Which of its columns, in order; the first names the row.
    figure : FigureFile, optional
        A picture below.
    """

    title: str
    words: tuple[str, ...] = ()
    table: pd.DataFrame | None = None
    columns: tuple[BriefingColumn, ...] = ()
    figure: FigureFile | None = None

    @property
    def classes(self) -> list[str]:
        """How each column is set."""
        return [{"text": "", "short": "short"}.get(column.kind, "n") for column in self.columns]

    @property
    def rows(self) -> list[list[str]]:
        """The table as text."""
        if self.table is None:
            return []
        return [[_shown(row[column.name], column.kind) for column in self.columns] for _, row in self.table.iterrows()]


@dataclass(frozen=True, eq=False)
class Briefing:
    """One page.

    Parameters
    ----------
    level : str
        ``management``, ``middle``, ``shift`` or ``community``.
    title : str
        What it is.
    period : str
        The periods that it is for, in words.
    summary : str
        What is given to whom, in a sentence.
    verdict : str
        What was decided, in a word or two.
    until : str
        Until when the decision holds, in words.
    decision : str
        Id of the decision.
    reasons : tuple of str
        What the decision rests on.
    sections : tuple of Section
        Tables and pictures.
    facts : mapping of str to str
        Provenance by name.
    """

    level: str
    title: str
    period: str
    summary: str
    verdict: str
    until: str
    decision: str
    reasons: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: Mapping[str, str]


def write_briefing(path: Path, product: Briefing) -> Path:
    """Return the path of a page that needs no network, no script and no other file."""
    reader = _READERS.get(product.level, product.level)
    scope = f"{SCOPE[0].upper()}{SCOPE[1:]}."
    write_page(path, "product.html.j2", product=product, reader=reader, caveat=CAVEAT, scope=scope)
    return path


def _shown(value: Any, kind: str) -> str:
    if kind == "number":
        return number(float(value))
    if kind == "percent":
        return percent(float(value))
    return MISSING if pd.isna(value) or value == "" else str(value)
