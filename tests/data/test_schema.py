import pytest

from ilp_models.data.schema import ColumnMapping
from ilp_models.domain.errors import InputError

PLACE = {"lat": "a", "lon": "o"}


def test_a_mapping_holds_the_declared_columns():
    columns = ColumnMapping.from_settings({"crime_type": "t", "occurred_at": "w", "area": None, **PLACE})
    assert columns.declared() == {"crime_type": "t", "occurred_at": "w", "lat": "a", "lon": "o"}
    assert columns.coordinates == ("lon", "lat")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"occurred_at": "w", **PLACE}, r"crime_type is missing; set it to the column"),
        ({"crime_type": "t", **PLACE}, r"exactly one of .* given: none"),
        (
            {"crime_type": "t", "occurred_at": "w", "occurred_date": "d", **PLACE},
            r"given: \['occurred_at', 'occurred_date'\]",
        ),
        ({"crime_type": "t", "occurred_at": "w", "occurred_hour": "h", **PLACE}, r"only together with occurred_date"),
        ({"crime_type": "t", "occurred_at": "w", "lat": "a"}, r"set both of one pair"),
        ({"crime_type": "t", "occurred_at": "w", "x": "x", "y": "y", **PLACE}, r"set both of one pair"),
        (
            {"crime_type": "t", "occurred_at": "w", "reported_at": "r", "reported_date": "r", **PLACE},
            r"both reported_at and reported_date; remove one",
        ),
        ({"crime_type": "t", "occured_at": "w", **PLACE}, r"occured_at is unknown \(did you mean 'occurred_at'\?\)"),
    ],
)
def test_an_incomplete_mapping_is_refused(columns, message):
    with pytest.raises(InputError, match=message):
        ColumnMapping.from_settings(columns)
