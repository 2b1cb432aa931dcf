import pandas as pd
import pytest

from ilp_models.report.totals_page import TotalsEvidence, plot_totals, write_totals_page
from tests.report.html_page import Page

MONTHS = ["2022-01", "2022-02", "2022-03"]
KINDS = ["theft", "arson", "all"]
CITY = pd.DataFrame(
    [
        {"level": "city", "area": "(all)", "crime_type": kind, "period_unit": "month", "period": month, "expected": 9.0}
        for kind in KINDS
        for month in MONTHS
    ]
).assign(q05=1.0, q25=5.0, q75=12.0, q95=20.0)
RECORDED = pd.DataFrame({"crime_type": "all", "period": ["2021-11", "2021-12"], "recorded": [7, 8]})
SHIFTS = pd.DataFrame(
    columns=["crime_type", "start", "end", "source", "why", "factor", "low", "high", "p_adjusted", "adjusted"]
)
SCORES = pd.DataFrame(columns=["period_unit", "level", "crime_type", "leads", "origins", "wape", "coverage"])
FACTS = {
    "city": "Here <b>",
    "months": ["2022-01", "2022-03"],
    "records": ["2015-01-01", "2022-01-01"],
    "simulated": False,
    "attribution": "",
    **dict.fromkeys(("method", "recipe", "data", "code", "made"), "x"),
    "settings": {"bootstrap": {"confidence": 0.95}, "area_months": 3, "city_months": 3, "city_days": 0},
}


def evidence(**changes):
    parts = {"table": CITY, "recorded": RECORDED, "year": None, "scores": SCORES, "shifts": SHIFTS, "facts": FACTS}
    return TotalsEvidence(**(parts | changes))


def test_the_sum_of_all_types_comes_first():
    assert evidence().crime_types == ["all", "theft", "arson"]


@pytest.mark.parametrize(("kinds", "panels"), [(["all"], 1), (["all", "theft"], 2), (["all", "theft", "arson"], 4)])
def test_each_type_has_a_panel_with_recorded_and_expected_months(kinds, panels):
    figure = plot_totals(evidence(), kinds)
    assert len(figure.axes) == panels
    titles = [axes.get_title(loc="left") for axes in figure.axes[: len(kinds)]]
    assert titles == [{"all": "all types"}.get(kind, kind) for kind in kinds]
    recorded, expected, *_ = figure.axes[0].lines
    assert recorded.get_ydata().tolist() == [7, 8]
    assert expected.get_ydata().tolist() == [9, 9, 9]


def test_declared_breaks_are_lines():
    declared = pd.DataFrame([{"crime_type": "all", "start": "2021-12", "source": "declared"}])
    before, after = (len(plot_totals(evidence(shifts=one), ["all"]).axes[0].lines) for one in (SHIFTS, declared))
    assert after == before + 1


@pytest.mark.usefixtures("undrawn")
def test_less_than_a_year_and_no_past_origin_are_said(tmp_path):
    page = Page(write_totals_page(tmp_path, "totals.html", evidence()).read_text(encoding="utf-8"))
    assert "The months 2022-01 to 2022-03 are forecast." in page.text
    assert "Not tested" in page.text
    assert page.all("b") == []


@pytest.mark.usefixtures("undrawn")
def test_the_expected_year_is_the_headline(tmp_path):
    year = pd.DataFrame(
        [
            {"level": "city", "area": "(all)", "crime_type": "all", "last_12_months": 100.0, "next_12_months": 130.0}
            | {"low": 110.0, "high": 150.0, "change": 0.3}
        ]
    )
    page = Page(write_totals_page(tmp_path, "totals.html", evidence(year=year)).read_text(encoding="utf-8"))
    assert "130 recorded crimes are expected in the next 12 months" in page.text
    assert "than the 100 of the last 12 months" in page.text
