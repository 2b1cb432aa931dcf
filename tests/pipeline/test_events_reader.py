from pathlib import Path

import pytest

from ilp_models.pipeline.events_reader import load_toronto, read_events
from tests.data.csv_records import COLUMNS, rows, text


def test_one_path_and_several_give_the_same_events(tmp_path):
    (tmp_path / "a.csv").write_text(text(rows(20)))
    settings = {"columns": COLUMNS, "time_zone": "America/Toronto"}
    one = read_events(tmp_path / "a.csv", **settings)
    several = read_events([str(tmp_path / "a.csv")], **settings)
    assert len(one) == 20
    assert one.digest() == several.digest()
    assert one.intake.rows_kept == 20


def test_settings_reach_the_reader(tmp_path):
    (tmp_path / "a.csv").write_text(text(rows(20)))
    events = read_events(
        Path(tmp_path / "a.csv"), columns=COLUMNS, time_zone="America/Toronto", crs="EPSG:32617", end="2021-01-05"
    )
    assert events.crs == "EPSG:32617"
    assert events.end.isoformat() == "2021-01-05T00:00:00"


@pytest.mark.slow
def test_the_bundled_records_can_be_cut():
    events = load_toronto("2020-01-01", "2020-01-08")
    assert (events.city, events.time_zone) == ("Toronto", "America/Toronto")
    assert events.table["occurred_at"].between("2020-01-01", "2020-01-08").all()
    assert len(events) > 100
