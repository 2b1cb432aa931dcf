import numpy as np
import pandas as pd
import pytest

from ilp_models.data.label_screening import (
    AreaList,
    refuse_identifiers,
    refuse_labels_of_persons,
    refuse_personal_names,
    refuse_personal_types,
    refuse_personal_values,
)
from ilp_models.data.row_blocks import CountedValues
from ilp_models.domain.errors import InputError
from tests.data.csv_records import COLUMNS, HEADER, rows


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["Smith, Anna", "Brown, John", "Lee, Kim", "Garcia, Maria"], "personal names"),
        (["anna@mail.org", "Downtown", "Harbour", "Park"], "e-mail addresses"),
        (["416-555-0199", "416-555-0198", "416-555-0197", "416-555-0196"], "phone numbers"),
        (["1984-05-06", "1990-12-31", "1975-01-01", "2001-02-03"], "birth dates"),
    ],
)
@pytest.mark.parametrize("role", ["area", "crime_type"])
def test_personal_contents_are_refused_without_repeating_them(source, role, values, words):
    frame = pd.DataFrame([line.split(",") for line in rows(4)], columns=HEADER.split(","))
    frame[COLUMNS[role]] = values
    with pytest.raises(
        InputError, match=rf"\(data.columns.{role}\) holds what looks like {words} and cannot be used"
    ) as caught:
        source(frame.to_csv(index=False)).read()
    assert not any(value in str(caught.value) for value in values)


def test_declared_crime_types_are_no_persons():
    refuse_personal_types({"THEFT": "Theft", "DRUGS": None})
    with pytest.raises(InputError, match=r"The labels of data.crime_types look like e-mail addresses"):
        refuse_personal_types({"anna@mail.org": "Theft"})
    with pytest.raises(InputError, match=r"The types of data.crime_types look like e-mail addresses"):
        refuse_personal_types({"THEFT": "anna@mail.org"})


def test_a_list_of_areas_refuses_other_labels_and_shows_them_masked(tmp_path):
    (tmp_path / "areas.csv").write_text("area\nNorth\nSouth\n")
    areas = AreaList.from_file(str(tmp_path / "areas.csv"))
    assert areas.labels == {"area", "north", "south"}
    areas.refuse_others("beat", CountedValues.from_column(pd.Series(["NORTH", "South", None])))
    with pytest.raises(InputError, match=r"1 labels of 2 records, such as AAAA \(masked\)") as caught:
        areas.refuse_others("beat", CountedValues.from_column(pd.Series(["West", "West", "North"])))
    assert "West" not in str(caught.value)


def test_a_list_of_areas_holds_no_mail_addresses(tmp_path):
    (tmp_path / "areas.csv").write_text("area\nanna@mail.org\njohn@mail.org\n")
    with pytest.raises(InputError, match="holds what looks like e-mail addresses"):
        AreaList.from_file(str(tmp_path / "areas.csv"))


def test_areas_must_divide_the_map():
    labels = pd.Series(["a", "b"] * 200)
    x = np.arange(400.0)
    with pytest.raises(InputError, match="do not look like areas"):
        refuse_labels_of_persons("beat", labels, x, np.zeros(400))
    refuse_labels_of_persons("beat", labels.sort_values(ignore_index=True), x, np.zeros(400))


def test_names_of_polygons_are_no_owners():
    refuse_personal_names("grid.name", pd.Series(["North", "South", "East"]))
    with pytest.raises(InputError, match=r"The names of areas \(grid.name\) look like personal names"):
        refuse_personal_names("grid.name", pd.Series(["Smith, Anna", "Brown, John", "Lee, Kim", "Garcia, Maria"]))


def test_a_label_with_a_value_of_a_person_is_masked():
    types = pd.Series(["Theft", "anna@mail.org"])
    refuse_personal_values("what", types, ("anna@mail.org",))
    with pytest.raises(InputError, match=r"1 records have a label that looks like personal data, AAAA@"):
        refuse_personal_values("what", types, ())


def test_too_many_types_are_identifiers():
    refuse_identifiers("what", 20, 100)
    with pytest.raises(InputError, match="has 90 different labels in 100 records, as names and identifiers have"):
        refuse_identifiers("what", 90, 100)
