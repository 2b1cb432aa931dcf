import pandas as pd

from ilp_models.strategy.threats.area_inputs import add_area_inputs
from ilp_models.strategy.threats.judgements import AREA, COLUMNS

AREAS = pd.DataFrame({"area": ["East", "West"], "threat": "Robbery", "confidence": "low"})


def table(*rows):
    return pd.DataFrame(rows, columns=[*COLUMNS, AREA])


def indicators(*rows):
    return pd.DataFrame(rows, columns=["crime_type", "indicator", "value", "unit", "source", "date", "area"])


def test_without_anything_given_the_table_stays_as_it_is():
    city = indicators(("Robbery", "clearance", 0.4, "share", "records", "2020", ""))
    pd.testing.assert_frame_equal(add_area_inputs(AREAS, table(), city), AREAS)


def test_what_is_given_has_columns_and_the_rest_is_missing():
    given = table(("Robbery", "capability", 4, "B", "high", "West"), ("Robbery", "opportunity", 2, "C", "low", "East"))
    values = indicators(("Robbery", "clearance", 0.4, "share", "records", "2020", "West"))
    found = add_area_inputs(AREAS, given, values).set_index("area")
    assert found["confidence"].tolist() == ["low", "low"]
    columns = ["score_capability", "evidence_grade_capability", "confidence_capability"]
    columns += ["value_clearance", "unit_clearance", "source_clearance", "date_clearance"]
    assert found.loc["West", columns].tolist() == [4, "B", "high", 0.4, "share", "records", "2020"]
    assert found.loc["East", columns].isna().all()
    assert found["score_opportunity"].isna().tolist() == [False, True]
