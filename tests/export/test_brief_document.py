"""The report as a document: everything of the report is in it, and an office can edit it."""

import zipfile

import pytest
from docx import Document

from ilp_models.export.brief_document import write_document
from tests.domain.brief_example import example_brief


def document_of(brief, folder):
    path = folder / "brief.docx"
    write_document(brief, path)
    return Document(path)


def texts_of(document):
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return [paragraph.text for paragraph in document.paragraphs] + cells


@pytest.mark.parametrize("length", ["policy", "full"])
def test_the_document_holds_the_report(length, tmp_path):
    brief = example_brief(6).shorten(length)
    document = document_of(brief, tmp_path)
    found = "\n".join(texts_of(document))
    assert document.core_properties.title == brief.title
    for text in (brief.title, *brief.marks, *(one.text for one in brief.judgements), *brief.unknown, *brief.questions):
        assert text in found
    for section in brief.evidence:
        assert all(cell in found for table in section.tables for row in table.rows for cell in row)
    assert ("Annex: Harm" in found) == (length == "full")
    assert brief.marks[0] in document.sections[0].footer.paragraphs[0].text


def test_what_a_short_document_leaves_out_is_counted(tmp_path):
    texts = texts_of(document_of(example_brief(30).shorten("policy"), tmp_path))
    assert texts.count("25 more in the full report.") == 1 + 5  # judgements, and a table of each section
    assert texts.count("26 more in the full report.") == 3  # unknown, decisions and questions


def test_questions_have_empty_fields_for_people(tmp_path):
    brief = example_brief(3)
    table = next(one for one in document_of(brief, tmp_path).tables if one.rows[0].cells[0].text == "Question")
    rows = [[cell.text for cell in row.cells] for row in table.rows[1:]]
    assert rows == [[question, "", "", ""] for question in brief.questions]


def test_headings_give_the_document_an_outline(tmp_path):
    styles = [one.style.name for one in document_of(example_brief(2), tmp_path).paragraphs]
    assert styles.count("Title") == 1
    assert styles.count("Heading 1") >= 6
    assert styles.count("Heading 2") == 5


def test_control_characters_do_not_break_the_file(tmp_path):
    brief = example_brief(1, unknown=("a\x00b\x1b[31m and \u202etxt",))
    assert "a\\x00b\\x1b[31m and \\u202etxt" in texts_of(document_of(brief, tmp_path))


def test_the_file_has_no_macro_link_or_field(tmp_path):
    document_of(example_brief(1, unknown=("=cmd|' /C calc'!A0", "http://example.org")), tmp_path)
    with zipfile.ZipFile(tmp_path / "brief.docx") as archive:
        names = archive.namelist()
        text = archive.read("word/document.xml").decode()
    assert not [name for name in names if "vba" in name.lower() or "embed" in name.lower()]
    assert "instrText" not in text
    assert "w:hyperlink" not in text
