"""Small spreadsheets: .xlsx as XlsxWriter writes them, .ods by hand, and one .xls."""

import base64
import gzip
import zipfile
from datetime import date, datetime, time

import xlsxwriter

# Three records of tests.data.csv_records in the format of Excel 97 (sheet "Crimes"), written with xlwt.
XLS = gzip.decompress(
    base64.b64decode(
        "H4sICGOICGsCA3NtYWxsLnhscwDtWE1oE0EU/mZ3kya1TZPaCq1QQqFVa6GKoKK0W2u0vaRUUfxB0NSutLQmEgOiF6s1R0EQD4qXQj1YoerF"
        "H1TQmwehogdBEBrFkydRwUOb9c3b3ZjECo1oobJfmDfz3sx88zIzb2Z3X06HZsbv1mdQhA6oyJp+ePNsgpLfUYKgetOURSf3UTJdLCn4fbSQ"
        "Xg8eVb4ok2so1zsDBXe0ZySB95QO4QR6E3EjvIjoYh9iQvrQTlLgOlkCqGOvqlkeZbmc5W1u+ZhlJ1susmyntjPiIKb13pbN9i7erzRyXQCS"
        "9z73ecuW9ajFc7mLz14SVlsPtiWHYiNLrKJBq8AEaEG7jbiRlHotbsiQjUTaotG2A4RwT8+WaHQGNbTkE/hmhoGvTmw/Dbv2xbULkP17ob3s"
        "N3YfLWWx/bKiAaMwj3CopGlrN2lWOG9PDh03Ts5iI5aRLmOcKk4NGnHOYikVGLFkQpr6jVjKA+wZNI6lKCK61pXLQ58PiWDBIVHJwVNBcgBV"
        "XA5xCAXJv9mbn19F+/v0w2wZ5YvBuj6apJ8wcU72oM4BrmFXae8CLdxjLcvzzLqSy/Usa6gN5c19tXZh5xi3ucC1zTTOBsZrfVVeeTWV0592"
        "PWhIf9DXUHmqO3OmZuqNPo5Gus4GqL/8jaFVtIprVyUe6k4u7KPmHcu6X44dnxK0fTftO7IKcyjnYoilpcnZETlNsefK0lTS1JymkabZzKKI"
        "WaX5Enz8SQSufOyUfQSzy9l7QjWC2TdF5PhfxkxThdVG8nptXmUeXutY3UuosnmVAl6FebcW8SoFvOo8vCrz3pqcnAzavGoBr8q8ehGvmuPt"
        "UKpxTzpHx/pPlMOFCxcuXLhw4cLFH0Hw4yj4MU2zH8K99ouC/K4zRynrfib5b7EbCfql6HVyB+KUJ3G6pP2zAh7hcIkF9nG+F0rso9GTGEY/"
        "+zFc8v6lFxOR/38W3DH490Ko1PGzpfj5j8f/AfxFoeMAFgAA"
    )
)
_FORMATS = {datetime: "dd/mm/yyyy hh:mm", date: "dd/mm/yyyy", time: "hh:mm"}
_ERRORS = ("#DIV/0!", "#N/A")


def write_xlsx(path, rows=None, *, hidden=(), merged=(), **sheets):
    """Write sheets by name (or one, "Sheet1") as lists of rows; merged ranges are (top, left, bottom, right, value)."""
    book = xlsxwriter.Workbook(path)
    formats = {kind: book.add_format({"num_format": text}) for kind, text in _FORMATS.items()}
    for name, lines in ({"Sheet1": rows} if rows is not None else sheets).items():
        sheet = book.add_worksheet(name)
        if name in hidden:
            sheet.hide()
        for place in merged:
            sheet.merge_range(*place)
        for at, line in enumerate(lines):
            for column, value in enumerate(line):
                if value in _ERRORS:
                    sheet.write_formula(at, column, "=1/0", None, value)
                elif value is not None:
                    sheet.write(at, column, value, formats.get(type(value)))
    book.close()
    return path


def write_ods(path, rows):
    """Write one sheet of texts, numbers and dates."""
    content = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    return write_ods_content(path, content)


def write_ods_content(path, rows):
    """Write one sheet from the XML of its rows."""
    office = "urn:oasis:names:tc:opendocument:xmlns"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0"?><office:document-content xmlns:office="{office}:office:1.0" '
            f'xmlns:table="{office}:table:1.0" xmlns:text="{office}:text:1.0"><office:body><office:spreadsheet>'
            f'<table:table table:name="Crimes">{rows}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
        archive.writestr(
            "META-INF/manifest.xml",
            f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{office}:manifest:1.0"/>',
        )
    return path


def _ods_cell(value):
    if isinstance(value, datetime):
        return f'<table:table-cell office:value-type="date" office:date-value="{value.isoformat()}"/>'
    if isinstance(value, float):
        return f'<table:table-cell office:value-type="float" office:value="{value!r}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
