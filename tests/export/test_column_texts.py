import pytest

from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.export.column_texts import column_text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("expected", "Expected crimes"),
        ("last_week", "Recorded in the last week"),
        ("last_4_weeks", "Recorded in the last 4 weeks"),
        ("same_month_last_year", "Recorded in the same month a year ago"),
        ("unknown", "Unknown"),
    ],
)
def test_a_column_has_a_name_for_readers(name, title):
    assert column_text(name)[0] == title


def test_quantiles_say_their_probability():
    for name in QUANTILE_COLUMNS:
        percent = int(name[1:])
        assert column_text(name) == (
            f"{percent} % quantile",
            f"At most this many crimes are recorded with a probability of {percent} %",
        )
