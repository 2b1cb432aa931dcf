import json

import pytest

from ilp_models.domain.timing import SIMULATED
from tests.pipeline.small_city import run_task
from tests.report.html_page import Page


@pytest.fixture(scope="module")
def two_weeks(shelf, tmp_path_factory):
    """Return the runs of two successive weeks with one register."""
    folder = tmp_path_factory.mktemp("weeks")
    settings = ("data.weeks=121", f"store='{shelf}/forecasts'")
    first = run_task("weekly", folder, f"store='{shelf}/forecasts'")
    return first, run_task("weekly", folder, *settings)


def front_of(done):
    return Page((done.folder / "front.html").read_text(encoding="utf-8"))


def test_the_first_week_uses_the_backtest_and_says_so(two_weeks):
    text = front_of(two_weeks[0]).text
    assert SIMULATED in text
    assert "No map that was issued for it was found, so this is the forecast of the backtest for it." in text


def test_the_second_week_measures_the_map_that_was_issued(two_weeks):
    first, second = two_weeks
    seal = first.decision["seal"]
    assert f"Map of decision {seal[:16]}, issued on" in front_of(second).text
    report = Page((second.folder / "report.html").read_text(encoding="utf-8"))
    assert "How last week's map did" in report.text
    assert "were flagged before" in report.text
    data = json.loads(report_data(second))
    (since,) = [one for one in data["measures"] if one["label"].startswith("Flags since")]
    assert since["words"] == ["not flagged", "gone", "lasting", "new"]
    assert {0, 2} <= set(since["values"][0])


def report_data(done):
    text = (done.folder / "report.html").read_text(encoding="utf-8")
    return text.split('id="map-data">', 1)[1].split("</script>", 1)[0]


def test_a_map_that_the_register_does_not_know_was_not_issued(two_weeks, shelf, tmp_path):
    first, _ = two_weeks
    again = run_task(
        "weekly", first.folder.parent.parent, "data.weeks=121", f"store='{shelf}/forecasts'", f"register={tmp_path}/r"
    )
    assert "No map that was issued for it was found" in front_of(again).text


def test_a_changed_forecast_is_not_last_weeks_map(two_weeks, shelf):
    first, _ = two_weeks
    stored = first.folder / "forecast.parquet"
    before = stored.read_bytes()
    try:
        stored.write_bytes(before[:-40] + bytes(40))
        again = run_task("weekly", first.folder.parent.parent, "data.weeks=121", f"store='{shelf}/forecasts'")
    finally:
        stored.write_bytes(before)
    assert "No map that was issued for it was found" in front_of(again).text
