"""Write a report for decision makers as a document (DOCX) that offices edit."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Final

from docx import Document
from docx.document import Document as OpenDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from ilp_models.domain.brief import FULL, NO_GAP, Brief, BriefSection, BriefTable
from ilp_models.domain.disclaimers import SCOPE
from ilp_models.domain.printable import printable

_MARGIN_MM: Final = 16
_A4_MM: Final = (210, 297)
_QUESTIONS: Final = ("Question", "Recommendation", "By whom", "Until")
_SIZES: Final = {"policy": 9, "management": 10, FULL: 10}  # points


def write_document(brief: Brief, path: Path) -> None:
    """Write the report with headings, tables with a header row, and empty fields."""
    document = Document()
    _set_up(document, brief)
    document.add_heading(_text(brief.title), 0)
    document.add_paragraph(f"Report of findings, {brief.length}. {brief.made}")
    for mark in brief.marks:
        document.add_paragraph().add_run(_text(mark)).bold = True
    document.add_heading("Key judgements", 1)
    for one in brief.judgements:
        paragraph = document.add_paragraph(style="List Bullet")
        paragraph.add_run(_text(one.text)).bold = True
        basis = "" if brief.length == "policy" else f" Basis: {one.basis}."
        paragraph.add_run(_text(f" Confidence: {one.confidence}.{basis}"))
    _add_count(document, brief.more["judgements"])
    document.add_heading("Evidence", 1)
    for section in brief.evidence:
        _add_section(document, section, 2)
    _add_list(document, "What is not known", brief.unknown or (NO_GAP,))
    _add_count(document, brief.more["unknown"])
    document.add_heading("Decisions taken, and by whom", 1)
    if brief.decisions.rows:
        _add_table(document, brief.decisions)
    else:
        document.add_paragraph("The register has no decision.")
    document.add_heading("Left to people", 1)
    document.add_paragraph("This report recommends nothing. Write recommendations and decisions here.")
    rows = tuple((text, "", "", "") for text in brief.questions)
    _add_table(document, BriefTable("Questions that people decide", _QUESTIONS, rows, more=brief.more["questions"]))
    lines = brief.readiness.summary()
    _add_list(document, "Readiness", lines[:1] if brief.length == "policy" else lines)
    for annex in brief.annexes:
        _add_section(document, annex, 1, "Annex: ")
    if brief.length == FULL:
        _add_list(document, "Annex: runs and data", brief.sources)
    content = BytesIO()
    document.save(content)
    path.write_bytes(content.getvalue())


def _set_up(document: OpenDocument, brief: Brief) -> None:
    """Set A4, margins, type size, the properties of the file, and the marks at the foot of every page."""
    page = document.sections[0]
    page.page_width, page.page_height = (Mm(one) for one in _A4_MM)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Mm(_MARGIN_MM)
    style = document.styles["Normal"]
    style.font.size = Pt(_SIZES[brief.length])
    style.paragraph_format.space_after = Pt(3)
    page.footer.paragraphs[0].text = _text(" ".join([*brief.marks, f"Scope: {SCOPE}."]))
    about = document.core_properties
    about.title, about.author, about.language = _text(brief.title), "ilp_models", "en"


def _add_section(document: OpenDocument, section: BriefSection, level: int, before: str = "") -> None:
    document.add_heading(_text(f"{before}{section.title}"), level)
    for text in section.sentences:
        document.add_paragraph(_text(text))
    for table in section.tables:
        _add_table(document, table)


def _add_list(document: OpenDocument, title: str, texts: Sequence[str]) -> None:
    document.add_heading(title, 1)
    for text in texts:
        document.add_paragraph(_text(text), style="List Bullet")


def _add_table(document: OpenDocument, table: BriefTable) -> None:
    caption = document.add_paragraph()
    caption.add_run(_text(table.caption)).bold = True
    caption.paragraph_format.keep_with_next = True
    grid = document.add_table(rows=1, cols=len(table.labels), style="Table Grid")
    for cells, row in ((grid.rows[0].cells, table.labels), *((grid.add_row().cells, row) for row in table.rows)):
        for at, (cell, text) in enumerate(zip(cells, row, strict=True)):
            cell.text = _text(text)
            if at in table.numeric:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for cell in grid.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    header = OxmlElement("w:tblHeader")  # repeats the header row on each page
    header.set(qn("w:val"), "true")
    grid.rows[0]._tr.get_or_add_trPr().append(header)
    _add_count(document, table.more)


def _add_count(document: OpenDocument, more: int) -> None:
    if more:
        document.add_paragraph(f"{more} more in the full report.")


def _text(text: str) -> str:
    """Return text without characters that XML does not allow."""
    return printable(text, lines=False)
