"""The digest of a method: the same in weeks with other records, another one if anything else changes."""

from dataclasses import replace

import pandas as pd
import pytest

from ilp_models import Audit
from ilp_models.data.delimited import DelimitedFiles
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.recipe import file_digests
from ilp_models.pipeline.settings_digests import with_method_digest
from tests.audit import audit_inputs as inputs

COLUMNS = {name: name for name in ("occurred_at", "crime_type", "lat", "lon")}
ROWS = "occurred_at,crime_type,lat,lon\n" + "".join(
    f"2024-03-{day:02} 12:00,Theft,43.65{day:02},-79.38\n" for day in range(1, 29)
)


class Home:
    """A class outside the package, as a user would write one."""


def read(tmp_path, name="may.csv", rows=ROWS, **settings):
    (tmp_path / name).write_text(rows)
    given = {"columns": COLUMNS, "time_zone": "America/Toronto"} | settings
    return DelimitedFiles(str(tmp_path / name), **given).read()


def method(events, audit=None, **others):
    subject = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation())
    return with_method_digest(subject, audit or Audit(), events, **others).method_digest


def test_other_records_are_the_same_method(tmp_path):
    first = read(tmp_path)
    second = read(tmp_path, "june.csv", ROWS + "2024-04-01 12:00,Theft,43.66,-79.37\n", end="2024-04-02")
    assert first.digest() != second.digest()
    assert method(first) == method(second)


@pytest.mark.parametrize(
    "changed",
    [
        {"crime_types": {"Theft": "Theft"}},
        {"filters": {"crime_type": ["Theft"]}},
        {"duplicates": "drop"},
        {"reporting_delay": "3 days"},
        {"max_rejected_share": 0.5},
        {"start": "2024-03-02"},
        {"bounds": [-80, 43, -79, 44]},
        {"country": "CA"},
        {"time_zone": "UTC"},
        {"record_columns": ["lat"]},
    ],
)
def test_records_that_are_read_in_another_way_are_another_method(tmp_path, changed):
    assert method(read(tmp_path)) != method(read(tmp_path, **changed))


def test_an_events_table_of_another_place_or_origin_is_another_method(tmp_path):
    events = replace(read(tmp_path), intake=None)
    others = [replace(events, **one) for one in ({"simulated": True}, {"subdivision": "ON"}, {"crs": "EPSG:32618"})]
    assert len({method(one) for one in (events, *others)}) == 4


def test_the_content_of_a_file_and_the_reading_of_the_group_table_belong_to_it(tmp_path):
    events, path = read(tmp_path), tmp_path / "rates.csv"
    found = set()
    for text in ("1", "2"):
        path.write_text(text)
        found.add(method(events, grid={"path": str(path)}))
    audit = Audit()
    for groups in ({}, {"tolerance": 0.5}, {"unmatched": "refuse"}, {"rounding": 5.0}):
        found.add(method(events, replace(audit, groups=replace(audit.groups, **groups))))
    assert len(found) == 6


def test_all_files_of_a_shapefile_count(tmp_path):
    for suffix in ("shp", "dbf", "shx"):
        (tmp_path / f"areas[1].{suffix}").write_text(suffix)
    settings = {"grid": [{"path": str(tmp_path / "areas[1].shp"), "name": "x" * 5000}]}
    before = dict(file_digests(settings))
    (tmp_path / "areas[1].dbf").write_text("other names")
    assert list(before) == [settings["grid"][0]["path"]] != []
    assert dict(file_digests(settings)) != before


def test_a_class_outside_the_package_counts_by_its_code(tmp_path, monkeypatch):
    events, home = read(tmp_path), {"class": f"{__name__}.Home"}
    known = method(events, model=home)
    monkeypatch.setattr("ilp_models.domain.recipe._source_of", lambda name: name.encode())
    assert method(events, model=home) != known


def test_an_intake_report_of_another_source_has_no_reading():
    moment = pd.Timestamp("2024-03-01")
    assert IntakeReport("x", (), 0, 0, moment, moment, "UTC", "EPSG:32617").reading == ""
