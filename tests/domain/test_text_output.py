import io

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.text_output import check_decimal, csv_marks, escape_formula, layer_names, write_table


@pytest.mark.parametrize(
    ("label", "safe"),
    [
        ("Theft", "Theft"),
        ("=1+1", "'=1+1"),
        (" -1", "' -1"),
        ("Theft\nOver", "Theft Over"),
        ("\tTheft", "' Theft"),
        ("Theft - Over", "Theft - Over"),
    ],
)
def test_a_label_is_one_line_and_no_formula(label, safe):
    assert escape_formula(label) == safe


@pytest.mark.parametrize(("decimal", "text"), [("point", "\ufeffa,'=b\n1.5,x\n"), ("comma", "\ufeffa;'=b\n1,5;x\n")])
def test_a_table_has_the_marks_of_its_decimal(decimal, text, tmp_path):
    path = tmp_path / "a.csv"
    write_table(pd.DataFrame({"a": [1.5], "=b": ["x"]}), path, decimal)
    assert path.read_text(encoding="utf-8") == text
    assert csv_marks(path) == ((".", ",") if decimal == "point" else (",", ";"))


def test_texts_of_every_kind_of_column_are_escaped():
    columns = {kind: pd.Series(["=1"], dtype=kind) for kind in (object, "category", "string")}
    table = pd.DataFrame({str(kind): column for kind, column in columns.items()})
    text = io.StringIO()
    write_table(table, text)
    assert text.getvalue().splitlines()[1] == "'=1,'=1,'=1"


def test_an_unknown_decimal_mark_is_refused():
    check_decimal("comma", "export.decimal")
    with pytest.raises(InputError, match=r"export\.decimal='dot' is unknown. Choose one of point, comma\."):
        check_decimal("dot", "export.decimal")


def test_layers_have_unique_names_that_gis_software_accepts():
    names = layer_names(["Theft/Over", "theft over", "gpkg_x", "***", "a" * 70, "Theft/Over"])
    assert names == {
        "Theft/Over": "Theft Over",
        "theft over": "theft over 2",
        "gpkg_x": "layer gpkg_x",
        "***": "layer",
        "a" * 70: "a" * 60,
    }
