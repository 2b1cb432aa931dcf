import numpy as np
import pandas as pd
import pytest

from ilp_models.pipeline.day_patterns import DayPatterns, hours_of_spans

NAMES = pd.Series({"a": "King Street, West"})


def patterns(rows):
    """Return patterns of rows of cell, weekday, hour and events."""
    return DayPatterns(NAMES, pd.DataFrame(rows, columns=["cell", "weekday", "hour", "events"]))


def test_days_and_hours_that_stand_out_are_named():
    rows = [("a", day, 20, 40 if day in (4, 5) else 4) for day in range(7)]
    text = patterns(rows).sentence(["a"], "West", ["a", "b"])
    assert text == (
        "Of 100 crimes recorded here in the past year, 80% were on Friday and Saturday; 100% from 18:00 to midnight."
    )


def test_chance_shows_no_pattern():
    rows = [("a", day, 6 * block, 5) for day in range(7) for block in range(4)]
    assert patterns(rows).sentence(["a"], "West", ["a"]) == (
        "Of 140 crimes recorded here in the past year, no day stands out; no part of the day does."
    )


def test_few_records_use_the_area_and_fewer_say_nothing():
    rows = [("a", 0, 1, 3), ("b", 5, 1, 60)]
    text = patterns(rows).sentence(["a"], "West", ["a", "b"])
    assert text.startswith("Too few records here for a pattern. Of 63 crimes recorded in West in the past year, ")
    assert patterns(rows[:1]).sentence(["a"], "West", ["a"]) == "Too few records for a pattern of days and hours."


def test_records_without_hours_have_days_only():
    text = patterns([("a", day, -1, 30 if day == 2 else 2) for day in range(7)]).sentence(["a"], "West", ["a"])
    assert "from" not in text
    assert "Monday and Wednesday" in text


def test_cells_without_a_stored_name_keep_their_area_and_code():
    places = patterns([]).places(pd.Index(["a", "b"]), np.array(["West", "East"], dtype=object))
    assert list(places) == ["King Street, West", "East (b)"]


def test_a_run_of_an_earlier_version_has_no_pattern(tmp_path):
    empty = DayPatterns.from_folder(tmp_path)
    assert empty.sentence(["a"], "West", ["a"]) == "Too few records for a pattern of days and hours."


@pytest.mark.slow
@pytest.mark.parametrize("name", ["place_names.parquet", "hours.parquet"])
def test_a_week_archives_names_and_hours(admitted, name):
    table = pd.read_parquet(admitted.folder / "audit" / name)
    assert len(table) > 0
    assert set(table["cell"]) <= set(pd.read_parquet(admitted.folder / "audit" / "cells.parquet")["cell"].astype(str))


def test_a_crime_in_a_span_is_shared_between_the_hours_of_the_shift():
    times = pd.to_datetime(["2021-01-04 22:00", "2021-01-04 10:15"])
    table = pd.DataFrame({"occurred_at": times, "occurred_until": [pd.Timestamp("2021-01-05 02:00"), pd.NaT]})
    found = hours_of_spans(pd.Index(["a", "a"]), table).set_index(["weekday", "hour"])["events"]
    assert found.to_dict() == {(0, 10): 1.0, (0, 22): 0.25, (0, 23): 0.25, (1, 0): 0.25, (1, 1): 0.25}


def test_crimes_with_one_time_count_whole():
    table = pd.DataFrame({"occurred_at": pd.to_datetime(["2021-01-04 22:59", "2021-01-11 22:00"])})
    found = hours_of_spans(pd.Index(["a", "a"]), table)
    assert found.to_dict("records") == [{"cell": "a", "weekday": 0, "hour": 22, "events": 2}]
    assert found["events"].dtype == "int32"
