"""Write self-contained HTML pages: no network, no other file, and no script except that of the map."""

import base64
import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ilp_models.domain.errors import StorageError
from ilp_models.domain.finding import REPORTED, State
from ilp_models.report.formatting import MISSING, interval, number, percent, percent_interval

ICONS: Final[Mapping[str, str]] = {
    State.PASS: "\N{CHECK MARK}",
    State.FAIL: "\N{BALLOT X}",
    State.REVIEW: "!",
    State.INSUFFICIENT: "?",
    REPORTED: MISSING,
}
# Column names of result tables whose words alone do not tell a reader what the column holds.
COLUMN_LABELS: Final[Mapping[str, str]] = {
    "against": "Audited value",
    "agreement": "Rank agreement",
    "area_high": "Other areas: high",
    "area_low": "Other areas: low",
    "attribution": "Mean effect (log scale)",
    "baseline": "Baseline",
    "cap": "Exposure cap",
    "capture": "Value covered",
    "cells": "Cells",
    "chance_high": "Chance alone: high",
    "chance_low": "Chance alone: low",
    "coverage": "Crime covered",
    "distance": "Distance from true shares",
    "enough": "Enough evidence",
    "flagged": "Share of time flagged",
    "gap": "Gap (log scale)",
    "high": "High",
    "low": "Low",
    "multiplier": "Typical factor",
    "of_uncapped": "Share of uncapped value",
    "p_adjusted": "p, adjusted",
    "p_chance": "p, chance alone",
    "path": "Tree path",
    "q05": "5 % quantile",
    "q95": "95 % quantile",
    "share": "Share",
    "unit": "Ranking",
    "value": "Value",
    "week_high": "Other weeks: high",
    "week_low": "Other weeks: low",
}
# Terms of the weekly report and of the comparison page. Readers find them under "What the terms mean".
GLOSSARY: Final[Mapping[str, str]] = {
    "Expected crimes": "The average number of recorded crimes that the model expects in a cell and period. "
    "0.2 means about one crime in five such periods.",
    "90 % interval": "Nine of ten recorded counts should fall inside it. It contains whole numbers only.",
    "Backtest": "A test on past periods. Each forecast uses only records that were available before its period.",
    "Baseline": "The simple method that the other methods must improve on.",
    "Deviance": "The forecast error (mean Poisson deviance). Smaller is better.",
    "Skill": "The share of the baseline's deviance that a method removes. 0 means as good as the baseline. "
    "A tie means that the data show no difference.",
    "Crime captured on 5 % of the area (hit rate)": "The share of recorded crimes on the 5 % of active area with the "
    "highest forecast. Cells outside the active area are left out.",
    "PAI": "Predictive accuracy index: the hit rate divided by the share of the area. Compare it only between "
    "methods on the same grid.",
    "Expected / recorded": "All expected crimes divided by all recorded crimes. 1 means that the total was right.",
    "Interval coverage": "The share of recorded counts inside the 90 % interval. It exceeds 90 % where few crimes "
    "occur, because counts are whole numbers.",
    "Ceiling": "The skill to expect of the best method if its expected counts and its dispersions are right. A method "
    "can be above it by chance, or because it knows more. There is no ceiling of the hit rate.",
    "Oracle": "The score of a forecast that knows the recorded counts. No method can reach it.",
}
_TEXT_ROWS: Final = 60
_CHARSET: Final = '<meta charset="utf-8">'
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)
# the only script that a page may contain, to the last character
MAP_SCRIPT: Final = files("ilp_models.report").joinpath("templates/map.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class FigureFile:
    """A PNG file with its alternative text and caption."""

    path: Path
    alt: str
    caption: str


@dataclass(frozen=True)
class KeyNumber:
    """One number at the top of a page: value with unit, label, and a note with its interval or scope."""

    value: str
    label: str
    note: str


@dataclass(frozen=True)
class HtmlTable:
    """A table as text, ready for a template."""

    caption: str
    labels: tuple[str, ...]
    numeric: tuple[bool, ...]  # right-aligned columns
    rows: tuple[tuple[str, ...], ...]
    more: int = 0  # rows that are not shown

    @property
    def has_missing(self) -> bool:
        """Whether a cell shows the dash of a missing number."""
        return any(MISSING in row for row in self.rows)

    @classmethod
    def from_frame(
        cls, caption: str, table: pd.DataFrame, max_rows: int = _TEXT_ROWS, columns: Sequence[str] = ()
    ) -> "HtmlTable":
        """Return the first rows of a DataFrame as text, with reader's labels for the columns."""
        flat = table.reset_index() if any(name is not None for name in table.index.names) else table
        names = [name for name in columns if name in flat.columns] if columns else list(flat.columns)
        shown = flat[names].head(max_rows)
        numeric = tuple(
            pd.api.types.is_numeric_dtype(shown[name]) and not pd.api.types.is_bool_dtype(shown[name]) for name in names
        )
        cells = [[_cell(value) for value in shown[name]] for name in names]
        labels = tuple(column_label(str(name)) for name in names)
        return cls(caption, labels, numeric, tuple(zip(*cells, strict=True)), len(flat) - len(shown))


def column_label(name: str) -> str:
    """Return the label of a column: a reader's term, or its name without underscores."""
    if name in COLUMN_LABELS:
        return COLUMN_LABELS[name]
    label = name.replace("_", " ")
    return label[:1].upper() + label[1:]


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return number(float(value))
    return "" if value is None or value is pd.NaT else str(value)


def write_page(path: Path, template: str, **values: Any) -> None:
    """Render a template of this package to an HTML file."""
    pages = Environment(
        loader=PackageLoader("ilp_models.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters.update(number=number, percent=percent, embed=embed_png)
    pages.globals.update(interval=interval, percent_interval=percent_interval, glossary=GLOSSARY)
    pages.globals["map_script"] = Markup(MAP_SCRIPT)  # noqa: S704 - a file of this package
    write_text_file(path, with_security_policy(pages.get_template(template).render(**values)))


def with_security_policy(page: str) -> str:
    """Return a page that allows its own style sheet, embedded figures and the script of the map, and nothing else.

    Other scripts, forms and addresses are forbidden. The script is allowed by its hash, and only where the map is.
    """
    style = _STYLE.search(page)
    rules = [
        "default-src 'none'",
        "img-src data:",
        f"style-src '{_hash(style[1] if style else '')}'",
        *([f"script-src '{_hash(MAP_SCRIPT)}'"] if f"<script>{MAP_SCRIPT}</script>" in page else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    meta = f'{_CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'
    return page.replace(_CHARSET, meta, 1)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def write_text_file(path: Path, text: str) -> Path:
    """Write a text file atomically: an interrupted write leaves the old file unchanged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report-", dir=path.parent, ignore_cleanup_errors=True) as temporary:
            complete = Path(temporary, path.name)
            complete.write_text(text, encoding="utf-8")
            complete.replace(path)
    except OSError as error:
        msg = f"{path} was not written ({error}). Free disk space or choose another folder."
        raise StorageError(msg) from error
    return path


def embed_png(path: Path) -> str:
    """Return a PNG file as a data URL, so that the page needs no other file."""
    try:
        return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except OSError as error:
        msg = f"The figure {path} cannot be read ({error}). Write the report again."
        raise StorageError(msg) from error
