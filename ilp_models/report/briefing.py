"""Briefings of an allocation: one HTML page per audience with the decision, tables, figures and caveats."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import CAVEAT, SCOPE
from ilp_models.report.formatting import MISSING, number, percent, sentence
from ilp_models.report.interactive_map import InteractiveMap
from ilp_models.report.page import FigureFile, write_page

COLUMN_KINDS: Final = ("text", "short", "number", "count", "change", "percent")
_READERS: Final = {
    "management": "management",
    "middle": "middle managers",
    "shift": "shift leaders",
    "community": "community policing",
}


@dataclass(frozen=True)
class BriefingColumn:
    """A column of a briefing table.

    The kind is ``text``, ``short`` (on one line), ``number``, ``count`` (whole if it is), ``change`` or ``percent``.
    """

    name: str
    heading: str
    kind: str = "number"


@dataclass(frozen=True)
class Card:
    """One place: what is known of it, in words and numbers, and lines to write on."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()  # label and value
    lines: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    centre: tuple[float, float] | None = None  # latitude and longitude
    position: int | None = None  # of its cell on the map
    writing: tuple[str, ...] = ()  # labels of empty lines
    folded: bool = False


@dataclass(frozen=True, eq=False)
class Section:
    """A section of a briefing: heading, paragraphs, and optionally a map, cards, a table and a figure."""

    title: str
    paragraphs: tuple[str, ...] = ()
    table: pd.DataFrame | None = None
    columns: tuple[BriefingColumn, ...] = ()  # in order; the first names the row
    figure: FigureFile | None = None
    map: InteractiveMap | None = None  # at most one on a page; the figure replaces it in print
    cards: tuple[Card, ...] = ()
    css_class: str = ""  # for the layout in print

    @property
    def classes(self) -> list[str]:
        """CSS class of each column."""
        return [{"text": "", "short": "short"}.get(column.kind, "n") for column in self.columns]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the table as text."""
        if self.table is None:
            return []
        return [[_cell(row[column.name], column.kind) for column in self.columns] for _, row in self.table.iterrows()]


@dataclass(frozen=True, eq=False)
class Briefing:
    """One page for one audience: ``management``, ``middle``, ``shift`` or ``community``."""

    audience: str
    title: str
    period: str
    summary: str  # effort, method, and who selected it, in one sentence
    by_hand: tuple[str, ...]  # share of the effort that was set by hand; audited limits that are not met
    verdict: str
    until: str  # last moment of the decision
    decision: str  # id
    reasons: tuple[str, ...]
    sections: tuple[Section, ...]
    facts: Mapping[str, str]  # provenance
    approval: str = ""  # who approved it, and why
    accepted: bool = False  # whether the gate withheld it, and a reviewer accepted that
    objections: tuple[str, ...] = ()  # those that were open at the approval


def write_briefing(path: Path, briefing: Briefing) -> Path:
    """Write a self-contained page and return its path."""
    reader = _READERS.get(briefing.audience, briefing.audience)
    write_page(path, "briefing.html.j2", briefing=briefing, reader=reader, caveat=CAVEAT, scope=sentence(SCOPE))
    return path


def _cell(value: Any, kind: str) -> str:
    if kind == "number":
        return number(float(value))
    if kind == "percent":
        return percent(float(value))
    if kind in ("count", "change"):
        amount = round(float(value), 1)
        sign = "+" if kind == "change" and amount > 0 else ""
        digits = 1 if kind == "change" or not amount.is_integer() else 0
        return f"{sign}{amount + 0.0:,.{digits}f}" if np.isfinite(amount) else MISSING
    return MISSING if pd.isna(value) or value == "" else str(value)
