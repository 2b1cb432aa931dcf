import numpy as np
import pandas as pd
import pytest

from ilp_models.data.crime_types import clean_labels, map_crime_types, matching_rows
from ilp_models.domain.errors import InputError

VALUES = pd.Series(["THEFT", " theft ", "Drugs", "Arson", None, "Arson"])
MAP = {"Theft": "Theft", "Drugs": None, "Homicide": "Homicide"}


def test_labels_are_the_same_from_text_numbers_and_categories():
    expected = ["12", "7", "-"]
    for values in (
        ["12.0", " 7", ""],
        [12.0, 7.0, None],
        pd.array([12, 7, None], "Int32"),
        pd.Categorical(["12", "7", None]),
    ):
        assert clean_labels(pd.Series(values)).fillna("-").tolist() == expected


def test_without_a_mapping_every_label_is_a_type():
    types = map_crime_types(VALUES, {}, "refuse")
    assert types.names.fillna("-").tolist() == ["THEFT", "THEFT", "Drugs", "Arson", "-", "Arson"]
    assert types.missing.tolist() == [False] * 4 + [True, False]
    assert types.categories(np.array([True, True, False, True, True, True])) == ["Arson", "THEFT"]
    assert not types.unmapped.any()


def test_spellings_that_differ_in_case_or_blanks_are_one_type_under_the_most_frequent():
    values = pd.Series(["auto theft", "Auto  Theft", "Auto Theft ", "Auto Theft", "arson", "Zeal"])
    types = map_crime_types(values, {}, "refuse")
    assert types.names.tolist() == ["Auto Theft"] * 4 + ["arson", "Zeal"]
    assert types.respelled.tolist() == [True, True, False, False, False, False]
    assert types.categories(np.ones(6, dtype=bool)) == ["arson", "Auto Theft", "Zeal"]


def test_a_kept_label_takes_the_spelling_of_a_declared_type():
    values = pd.Series(["AUTO", "AUTO THEFT", "AUTO THEFT", "Fraud"])
    types = map_crime_types(values, {"auto": "Auto theft"}, "keep")
    assert types.names.tolist() == ["Auto theft"] * 3 + ["Fraud"]
    assert types.respelled.tolist() == [False, True, True, False]
    assert types.unmapped.tolist() == [False, True, True, True]


def test_a_mapping_ignores_case_and_has_types_without_records():
    types = map_crime_types(VALUES, MAP, "set_aside")
    assert types.names.fillna("-").tolist() == ["Theft", "Theft", "-", "-", "-", "-"]
    assert types.excluded.tolist() == [False, False, True, False, False, False]
    assert types.unmapped.tolist() == [False, False, False, True, False, True]
    assert types.categories(np.ones(6, dtype=bool)) == ["Theft", "Homicide"]


def test_kept_labels_come_after_mapped_types():
    types = map_crime_types(VALUES, MAP, "keep")
    assert types.names[3] == "Arson"
    assert types.categories(np.ones(6, dtype=bool)) == ["Theft", "Homicide", "Arson"]


def test_unmapped_labels_are_refused_with_their_counts():
    with pytest.raises(
        InputError, match=r"does not map the labels AAAAA \(masked\) \(2\); add them .* data.unmapped=set_aside or keep"
    ):
        map_crime_types(VALUES, MAP, "refuse")


def test_too_many_labels_are_refused():
    values = pd.Series([f"report {number}" for number in range(201)])
    with pytest.raises(InputError, match="201 different labels; the limit is 200"):
        map_crime_types(values, {}, "keep")
    assert len(map_crime_types(values[:200], {}, "keep").categories(np.ones(200, dtype=bool))) == 200


def test_rows_must_match_every_filter():
    table = pd.DataFrame(
        {"city": ["A", "a ", "B", None], "done": [True, False, True, True], "ward": [1.0, 1.0, 1.0, 2.0]}
    )
    assert matching_rows(table, {}).tolist() == [True] * 4
    assert matching_rows(table, {"city": ["A"]}).tolist() == [True, True, False, False]
    assert matching_rows(table, {"city": ["A", "B"], "done": [True], "ward": [1]}).tolist() == [
        True,
        False,
        True,
        False,
    ]
