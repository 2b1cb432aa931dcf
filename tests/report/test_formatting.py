import pytest

from ilp_models.report.formatting import change_text, clear_change, next_year_text


@pytest.mark.parametrize(
    ("low", "high", "change", "size", "text"),
    [
        (101, 140, 0.2, 0.2, "20\N{NO-BREAK SPACE}% more"),
        (60, 99, -0.2, -0.2, "20\N{NO-BREAK SPACE}% fewer"),
        (80, 140, 0.2, 0.0, "no clear change"),
        (101, 140, float("nan"), 0.0, "no clear change"),
    ],
)
def test_a_change_is_clear_if_the_interval_leaves_out_the_last_year(low, high, change, size, text):
    row = {"last_12_months": 100, "next_12_months": 120, "low": low, "high": high, "change": change}
    assert (clear_change(row), change_text(row)) == (size, text)
    assert f": {text} {'than' if size else 'from'} the 100 of the last 12 months." in next_year_text(row)
