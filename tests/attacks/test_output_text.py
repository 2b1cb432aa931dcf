"""Labels that are formulas, escape sequences, markup or reserved names leave the package harmless."""

import base64
import csv
import hashlib
import io
import logging
import re
import xml.etree.ElementTree as ET

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest

from ilp_models.cli.log_format import PrintableFormatter
from ilp_models.domain.printable import printable
from ilp_models.domain.text_output import layer_names, write_table
from ilp_models.export.marking import Provenance
from ilp_models.export.writers import FILE_NAMES, Export
from ilp_models.report.page import with_security_policy
from tests.builders import forecast_on, square_grid

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "Theft\n=1",
    "Theft\r\n@x",
    " =1",
    "\u3000=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    '"=1',
    "Theft\u2028=1",
    "Theft\x85=1",
]
LABELS = [
    "(Attempted) Theft",
    "Theft/Over",
    "../theft",
    "%s",
    "-",
    "*",
    "gpkg_theft",
    "sqlite_theft",
    "rtree_theft",
    "layer_styles",
    "\\Theft'",
    'Break, "Enter"',
    "Robber's",
    "[theft]",
    "\u7a83\u76d7",
    "t" * 200,
    "=theft",
]


def written(table):
    text = io.StringIO()
    write_table(table, text)
    return text.getvalue()


@pytest.mark.parametrize("label", FORMULAS)
def test_no_text_of_a_table_is_a_formula_or_breaks_a_line(label):
    kinds = [object, "category", "string"]
    table = pd.DataFrame({f"{kind}": pd.Series([label, "x"], dtype=kind) for kind in kinds}).assign(**{label: 1})
    text = written(table)
    rows = list(csv.reader(text.splitlines()))
    assert len(rows) == 3
    assert {len(row) for row in rows} == {4}
    for cell in (*rows[1][:3], rows[0][3]):
        assert not cell.lstrip(' "\u3000').startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
        assert printable(cell, lines=False) == cell


def test_numbers_and_missing_values_stay():
    table = pd.DataFrame({"a": [-1.5, None], "b": [-2, 3], "c": pd.Series([-1, "x"], dtype=object)})
    assert written(table) == "a,b,c\n-1.5,-2,-1\n,3,x\n"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x9b31m",
        "a\rb",
        "\b\b",
        "\u202eabc",
        "\u2066",
        "\u200b",
        "\ufeff",
        "\U000e0041",
    ],
)
def test_terminals_and_logs_get_no_control_characters(text):
    record = logging.LogRecord("ilp", logging.INFO, "", 0, "label %s", (text,), None)
    for shown in (printable(text), printable(text, lines=False), PrintableFormatter("%(message)s").format(record)):
        assert shown.isprintable()
    assert printable("a\nb", lines=False) == "a\\x0ab"


def test_words_of_all_languages_stay():
    words = "Caf\u00e9 \u7a83\u76d7 \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645\nline"
    assert printable(words) == words


@pytest.mark.parametrize("label", LABELS)
def test_a_label_works_in_every_format_and_stays_the_identifier(label, tmp_path):
    grid = square_grid(2, 2)
    forecast = forecast_on(grid, types=(label, "Other"))
    source = Provenance(forecast.recipe, "d", "c", "t", "a", "p")
    Export(tuple(FILE_NAMES)).write(forecast, grid, source, None, tmp_path)
    layers = [str(name) for name, _ in pyogrio.list_layers(tmp_path / "grid.gpkg")]
    assert len(layers) == 3
    assert layers[2] == "layer_styles"
    ET.parse(tmp_path / "grid.qml")  # noqa: S314 - written by this test
    assert gpd.read_file(tmp_path / "grid.gpkg", layer=layers[0])["crime_type"].unique().tolist() == [label]
    identifier = pyogrio.read_info(tmp_path / "grid.gpkg", layer=layers[0])["layer_metadata"]["IDENTIFIER"]
    assert identifier.startswith(f"{label}: ")
    assert gpd.read_file(tmp_path / "grid.geojson")["crime_type"].unique().tolist() == [label, "Other"]


def test_names_of_layers_are_unique_without_regard_to_case():
    labels = ["Theft", "theft", "(Theft)", "Theft/", "Theft 2", "", "*"]
    names = layer_names(labels)
    assert list(names) == labels
    assert len({name.casefold() for name in names.values()}) == len(labels)
    assert names["Theft"] == "Theft"


def test_the_policy_of_a_page_allows_its_own_style_only():
    page = with_security_policy('<head>\n<meta charset="utf-8">\n<style>\nb { }\n</style></head><style>p { }</style>')
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    digest = base64.b64encode(hashlib.sha256(b"\nb { }\n").digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
