"""The task on long horizons: files, page, and the same numbers from Python and from the command line."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError
from tests.model.long_city import city_events

SETTINGS = ilp.LongHorizons(
    city_months=12,
    area_months=6,
    city_days=14,
    train_days=400,
    origins=2,
    area_origins=1,
    breaks=[{"start": "2018-01", "why": "a <new> rule"}],
)


@pytest.fixture(scope="module")
def totals():
    method = ilp.LinearTrend()
    return ilp.forecast_totals(city_events(), method, long_horizons=SETTINGS, compute=LocalProcesses(1))


def test_files_and_page_hold_the_same_numbers(totals, tmp_path):
    files = {path.name: path for path in totals.write(tmp_path)}
    table = pd.read_csv(files["totals.csv"], encoding="utf-8-sig")
    np.testing.assert_allclose(table["expected"], totals.to_frame()["expected"])
    areas = table[table["level"] == "area"]
    assert areas["lead"].max() == 6
    assert table.loc[table["period_unit"] == "day", "lead"].max() == 14
    year = pd.read_csv(files["next_12_months.csv"], encoding="utf-8-sig").iloc[0]
    page = files["totals.html"].read_text(encoding="utf-8")
    assert f"{year['next_12_months']:,.0f} recorded crimes are expected in the next 12 months" in page
    assert "a &lt;new&gt; rule" in page
    assert "research only - not for resource allocation" in page
    assert "built-in method" not in page
    facts = json.loads(files["totals.json"].read_text(encoding="utf-8"))
    assert facts["data"] == city_events().digest()
    shifts = pd.read_csv(files["shifts.csv"], encoding="utf-8-sig")
    assert {"declared"} <= set(shifts["source"])


def test_a_break_that_is_found_but_not_declared_is_named():
    rates = np.full((1, 2, 72), 60.0)
    rates[:, 0, 50:] = 25.0
    events = city_events(months=72, rates=rates)
    settings = replace(SETTINGS, breaks=(), area_months=0, city_days=0, origins=0)
    found = ilp.forecast_totals(events, ilp.LinearTrend(), long_horizons=settings, compute=LocalProcesses(1)).shifts
    row = found[found["crime_type"] == "A"].iloc[0]
    assert row["source"] == "found, not declared"
    assert abs((pd.Period(row["start"], "M") - pd.Period("2019-03", "M")).n) <= 1
    assert row["factor"] == pytest.approx(25 / 60, abs=0.1)


def test_the_page_names_a_found_break_that_is_declared_and_a_ratio_beyond_measure(totals, tmp_path):
    shifts = totals.shifts.iloc[[0]].assign(source="found, as declared", adjusted=False)
    scores = totals.scores.assign(against_naive=188.43, origins=1)
    page = replace(totals, shifts=shifts, scores=scores).to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "see the declared break" in page
    assert "declare it if you know the reason" not in page
    assert "over 1,000\N{NO-BREAK SPACE}%" in page
    assert "18843" not in page
    assert "1 past origin;" in page


def test_the_page_says_what_is_missing_when_less_than_a_year_is_forecast(tmp_path):
    settings = ilp.LongHorizons(city_months=3, area_months=0, city_days=0, origins=0)
    made = ilp.forecast_totals(city_events(), ilp.LinearTrend(), long_horizons=settings, compute=LocalProcesses(1))
    with pytest.raises(InputError, match="Only 3 months are forecast"):
        made.next_year()
    assert "Not tested" in made.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "2020-01 to 2020-03" in repr(made)


def test_only_methods_for_series_are_taken():
    with pytest.raises(InputError, match="EWMA does not forecast single series"):
        ilp.forecast_totals(city_events(), ilp.EWMA())


def test_records_of_less_than_a_month_are_refused():
    events = city_events(months=1)
    short = replace(events, end=events.start + pd.Timedelta("20D"), table=events.table.iloc[:3])
    with pytest.raises(InputError, match="hold no whole month"):
        ilp.forecast_totals(short)
