import pandas as pd

from ilp_models.data.suggestions.labels import suggest_areas, suggest_crime_type, suggest_record_columns, suggest_types

ROWS = 400
LABELS = pd.Series(["Theft", "Burglary", "Assault", "Fraud"] * (ROWS // 4))


def no_kind(_label):
    return ""


def test_the_column_of_offences_is_found_by_name_and_values():
    table = pd.DataFrame(
        {"Offence": LABELS, "Location Type": LABELS, "Offence ID": range(ROWS), "Status": LABELS, "Type": LABELS}
    )
    found = suggest_crime_type(table, ())
    assert (found.value, found.confidence, found.alternatives) == ("Offence", "likely", ("Type",))
    other = suggest_crime_type(table, ("Offence", "Type"))
    assert (other.value, other.confidence) == (None, "open")


def test_a_column_with_names_of_persons_is_no_offence():
    names = pd.Series(["Smith, John", "Lee, Mary", "Jones, Robert", "Brown, Linda"] * (ROWS // 4))
    assert suggest_crime_type(pd.DataFrame({"Offence": names}), ()).confidence == "open"


def test_areas_are_ranked_and_addresses_are_none():
    beats = pd.Series([f"B{at % 9}" for at in range(ROWS)])
    table = pd.DataFrame({"District": beats, "Beat": beats, "Block Address": beats, "City": ["x"] * ROWS})
    assert [one.value for one in suggest_areas(table, ())] == ["Beat", "District"]


def test_record_numbers_differ_from_record_to_record():
    table = pd.DataFrame({"Case Number": range(ROWS), "Report Number": [1] * ROWS})
    assert [one.value for one in suggest_record_columns(table, ())] == [["Case Number"]]
    assert suggest_record_columns(table[["Report Number"]], ()) == []


def test_frequent_labels_are_kept_police_activity_and_rare_ones_are_left_out():
    labels = pd.Series(
        ["Theft"] * 300 + ["Drugs"] * 200 + ["Arson"] * 20 + ["John Smith seen"] * 3 + ["Mary Jones"] * 50
    )
    found = suggest_types(labels, 365, lambda label: "drug" if label == "Drugs" else "")
    mapping, unmapped, limit = found.suggestions
    assert mapping.value == {"Theft": "Theft", "Drugs": None, "Arson": None}
    assert (unmapped.setting, unmapped.value) == ("unmapped", "set_aside")
    assert (limit.setting, limit.value) == ("max_rejected_share", 0.14)
    assert "Mary" not in str(found)
    assert dict(found.counts) == {"Theft": 300, "Drugs": 200, "Arson": 20}


def test_a_given_mapping_is_kept():
    (made,) = suggest_types(LABELS, 365, no_kind, {"Theft": "Theft"}).suggestions
    assert (made.value, made.confidence) == ({"Theft": "Theft"}, "certain")
