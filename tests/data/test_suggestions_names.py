import pytest

from ilp_models.data.suggestions.names import axis_of, name_score


@pytest.mark.parametrize(
    ("role", "good", "bad"),
    [
        ("crime_type", "OFNS_DESC", "PREM_TYP_DESC"),
        ("occurred", "CMPLNT_FR_DT", "CMPLNT_TO_DT"),
        ("reported", "RPT_DT", "CMPLNT_FR_DT"),
        ("area", "Community Area", "Block"),
        ("record", "incident_number", "beat"),
    ],
)
def test_names_of_publishers_are_scored(role, good, bad):
    assert name_score(role, good) > name_score(role, bad)


@pytest.mark.parametrize(
    ("column", "axis", "others"),
    [("Longitude", "x", ()), ("lat", "y", ()), ("X_COORD", "x", ("coord",)), ("Ward", "", ("ward",))],
)
def test_the_axis_of_a_coordinate_is_in_its_name(column, axis, others):
    assert axis_of(column) == (axis, others)


def test_a_name_without_a_known_word_has_no_score():
    assert name_score("crime_type", "zzz") == 0
