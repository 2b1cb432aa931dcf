import numpy as np
import pandas as pd

from ilp_models.report.page import COLUMN_LABELS, HtmlTable, column_label


def test_table_cells_are_text():
    table = pd.DataFrame({"a_name": ["x"], "n": [1234], "value": [np.nan], "yes": [True], "none": [None]})
    shown = HtmlTable.from_frame("Caption", table)
    assert shown.labels == ("A name", "N", "Value", "Yes", "None")
    assert shown.rows == (("x", "1,234", "\N{EN DASH}", "yes", ""),)
    assert shown.numeric == (False, True, True, False, False)
    assert shown.has_missing
    assert HtmlTable.from_frame("Caption", table, columns=["value", "gone"]).labels == ("Value",)


def test_known_columns_have_a_label_for_readers():
    assert column_label("week_low") == COLUMN_LABELS["week_low"] == "Other weeks: low"
    assert column_label("need_adjusted_ratio") == "Need adjusted ratio"
