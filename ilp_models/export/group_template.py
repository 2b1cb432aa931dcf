"""Write an empty file for a matrix of groups: a workbook with lists to choose from, or a CSV file."""

import csv
import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any, Final

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.printable import printable
from ilp_models.domain.text_output import escape_formula

_FORMATS: Final = (".xlsx", ".csv")
_GROUPS: Final = ("G01", "G02", "G03")
_SCORERS: Final = ("S1", "S2")
_LIST_ROWS: Final = 5_000  # rows of the scores that offer a list
_WIDE: Final = 70
_MEDIUM: Final = 26


@dataclass(frozen=True)
class GroupTemplate:
    """What an empty file for a matrix of groups contains."""

    fields: Mapping[str, str]  # of the authorisation, with what each means
    columns: Sequence[str]  # of the scores, in this order: group, members, scorer, attribute, score, source, confidence
    sheets: Sequence[str]  # names of the four sheets: authorisation, scores, scheme, lists
    attributes: Sequence[tuple[str, str, str, str]]  # name, component, weight and definition
    scale: str  # of each attribute: words with their points, or the range of a number
    scores: Sequence[str]  # what may be written as a score
    confidences: Sequence[str]
    smallest: int  # members of a group

    def write(
        self, path: str | Path, values: Mapping[str, str] | None = None, rows: Sequence[Sequence[Any]] = ()
    ) -> Path:
        """Write the file and return its path; an existing file is never overwritten.

        Without rows, it has empty scores of three groups by two scorers, to change, copy and delete.
        """
        target = Path(path).expanduser().absolute()
        if target.suffix.lower() not in _FORMATS:
            msg = f"template={path} must end in {' or '.join(_FORMATS)}."
            raise InputError(msg)
        if not target.parent.is_dir():
            msg = f"template={path}: there is no folder {target.parent}. Create it, or name another one."
            raise InputError(msg)
        names = [name for name, *_ in self.attributes]
        blank = [(group, "", scorer, name, "", "", "") for group, scorer, name in product(_GROUPS, _SCORERS, names)]
        filled, declared = list(rows) or blank, dict(values or {})
        is_text = target.suffix.lower() == ".csv"
        content = self._text(declared, filled) if is_text else self._workbook(declared, filled)
        _write_new(target, content)
        return target

    def _text(self, declared: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("field", "value"))
        writer.writerows((name, escape_formula(declared.get(name, ""))) for name in self.fields)
        writer.writerow(())
        writer.writerow(("attribute", "scale", "weight"))
        scheme = ((name, self.scale, weight) for name, _, weight, _ in self.attributes)
        writer.writerows([escape_formula(cell) for cell in row] for row in scheme)
        writer.writerow(())
        writer.writerow(self.columns)
        writer.writerows([escape_formula(str(cell)) for cell in row] for row in rows)
        return text.getvalue().encode("utf-8-sig")

    def _workbook(self, declared: Mapping[str, str], rows: Sequence[Sequence[Any]]) -> bytes:
        content = BytesIO()
        book = xlsxwriter.Workbook(content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
        authorisation, scores, scheme, lists = (book.add_worksheet(name) for name in self.sheets)
        text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
        head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#e6eaed", "text_wrap": True, "valign": "top"})
        top = [(name, declared.get(name, ""), meaning) for name, meaning in self.fields.items()]
        _fill(authorisation, ("field", "value", "meaning"), top, (head, text), (_MEDIUM, 60, _WIDE))
        widths = (10, 14, 10, _MEDIUM, 12, 40, 14)
        _fill(scores, self.columns, rows, (head, text), widths)
        marks = ("attribute", "component", "weight", "definition")
        _fill(scheme, marks, self.attributes, (head, text), (_MEDIUM, _MEDIUM, 10, _WIDE))
        longest = max(len(self.scores), len(self.confidences))
        columns = [[*one, *[""] * (longest - len(one))] for one in (self.scores, self.confidences)]
        _fill(lists, ("score", "confidence"), list(zip(*columns, strict=True)), (head, text), (_MEDIUM, _MEDIUM))
        self._add_lists(scores)
        book.close()
        return content.getvalue()

    def _add_lists(self, scores: Worksheet) -> None:
        """Offer attributes, scores and confidences as lists, and allow only whole numbers of members."""
        sources = {3: ("scheme", "A", len(self.attributes)), 4: ("lists", "A", len(self.scores))}
        sources[6] = ("lists", "B", len(self.confidences))
        for column, (sheet, letter, count) in sources.items():
            cells = f"={self.sheets[('scheme', 'lists').index(sheet) + 2]}!${letter}$2:${letter}${count + 1}"
            scores.data_validation(
                1,
                column,
                _LIST_ROWS,
                column,
                {
                    "validate": "list",
                    "source": cells,
                    "error_title": "Not in the list",
                    "error_message": "Choose a value of the list.",
                },
            )
        members = {"validate": "integer", "criteria": ">=", "value": self.smallest, "error_title": "Members"}
        members["error_message"] = f"Write a whole number of {self.smallest} or more."
        scores.data_validation(1, 1, _LIST_ROWS, 1, members)


def _fill(
    sheet: Worksheet,
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    styles: tuple[Any, Any],
    widths: Sequence[float],
) -> None:
    """Write a table as text; whole numbers stay numbers."""
    for at, (name, width) in enumerate(zip(header, widths, strict=True)):
        sheet.set_column(at, at, width, styles[1])
        sheet.write_string(0, at, name, styles[0])
    for number, row in enumerate(rows, start=1):
        for at, cell in enumerate(row):
            if isinstance(cell, int):
                sheet.write_number(number, at, cell)
            elif cell:
                sheet.write_string(number, at, printable(cell, lines=False), styles[1])
    sheet.freeze_panes(1, 0)


def _write_new(target: Path, content: bytes) -> None:
    """Write a file that does not exist yet, in one step."""
    try:
        with tempfile.TemporaryDirectory(prefix=".template-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            complete = Path(folder, target.name)
            complete.write_bytes(content)
            _link(complete, target)
    except FileExistsError as error:
        msg = f"template={target} exists already and is not overwritten. Choose another name, or delete the file."
        raise InputError(msg) from error
    except OSError as error:
        msg = f"template={target} was not written ({error.strerror}). Choose another folder."
        raise StorageError(msg) from error


def _link(complete: Path, target: Path) -> None:
    """Put a file in its place; FileExistsError if there is one, which a move would replace."""
    try:
        os.link(complete, target)
    except FileExistsError:
        raise
    except OSError:  # some file systems have no links
        with target.open("xb") as file:
            file.write(complete.read_bytes())
