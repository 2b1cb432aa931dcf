"""The ready configs, on the bundled set, on records in the publishers' columns, and on real files where present."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from ilp_models.data.delimited import DelimitedFiles
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.panel import Panel
from ilp_models.grid.areas import AreaGrid

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "data"
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"


def ready(option, **changes):
    with initialize_config_dir(config_dir=str(CONFIGS), version_base="1.3"):
        config = compose(option, overrides=[f"{key}={value}" for key, value in changes.items()])
    return instantiate(config, _convert_="all")


def real(name):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"needs the real records {name}, which are not part of the repository")
    return path


def finding(report, rule):
    return next(one for one in report.findings if one.rule == rule)


@pytest.fixture(scope="module")
def toronto():
    return ready("toronto").read()


def test_the_bundled_records_are_complete(toronto):
    events, report = toronto, toronto.intake
    assert len(events) == report.rows_read == report.rows_kept == 239_935
    assert (events.crs, events.time_zone) == ("EPSG:32617", "America/Toronto")
    assert (events.start, events.end) == (pd.Timestamp("2014-01-01"), pd.Timestamp("2022-01-01"))
    assert events.crime_types == ("Assault", "Auto Theft", "Break and Enter", "Robbery", "Theft Over")
    assert len(events.table["area"].cat.categories) == 140
    assert "Open Government Licence - Ontario" in report.attribution
    assert (events.city, events.country, events.subdivision) == ("Toronto", "CA", "ON")
    assert report.digest == events.digest()
    assert report.digest.startswith("f1b80541ab58c312")


def test_the_bundled_records_have_known_quality_findings(toronto):
    report = toronto.intake
    raw = pd.read_parquet(CONFIGS.parents[1] / "ilp_models/data/bundled/toronto_mci_2014_2021.parquet")
    assert finding(report, "exact duplicates").count == raw.duplicated().sum() == 2007
    assert finding(report, "hour 0 is overrepresented").count == (raw["occurred_at"].dt.hour == 0).sum()
    assert finding(report, "hour 12 is overrepresented").count == (raw["occurred_at"].dt.hour == 12).sum()
    assert finding(report, "day 1 of the month is overrepresented").count == (raw["occurred_at"].dt.day == 1).sum()
    assert finding(report, "level shifts").examples == ("Robbery: from 224 to 129 a month at 2020-05",)
    assert {one.action for one in report.findings} == {"flagged"}


def test_toronto_csv_takes_the_date_part_and_the_hour_column(tmp_path):
    (tmp_path / "mci.csv").write_text(
        "occurrencedate,occurrencehour,premises_type,MCI,Neighbourhood,Lat,Long\n"
        "2021/01/01 05:00:00+00,13,Other,Assault,Annex,43.73,-79.59\n"
        "2021/07/01 04:00:00+00,0,House,Robbery,Annex,43.74,-79.59\n"
    )
    events = ready("toronto_csv", path=tmp_path / "mci.csv").read()
    assert events.table["occurred_at"].astype("str").tolist() == ["2021-01-01 13:00:00", "2021-07-01 00:00:00"]


def test_police_uk_reads_street_files_of_all_months_and_no_others(tmp_path):
    header = (
        "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,Crime type,"
        "Last outcome category,Context\n"
    )
    for month in ("2023-01", "2023-02"):
        (tmp_path / month).mkdir()
        lines = [
            f"{n},{month},P,P,-1.5{n},53.8,On or near X,E0100{n},Leeds,{what},,"
            for n, what in enumerate(["Burglary", "Drugs"])
        ]
        (tmp_path / month / f"{month}-west-yorkshire-street.csv").write_text(header + "\n".join(lines) + "\n")
        (tmp_path / month / f"{month}-west-yorkshire-stop-and-search.csv").write_text(
            "Type,Date,Gender,Age range\nP,x,M,10-17\n"
        )
    events = ready("police_uk", path=tmp_path).read()
    report = events.intake
    assert events.table["occurred_at"].astype("str").tolist() == ["2023-01-01", "2023-02-01"]
    assert (events.crs, report.resolution, len(report.files)) == ("EPSG:27700", "month", 2)
    assert (events.start, events.end) == (pd.Timestamp("2023-01-01"), pd.Timestamp("2023-03-01"))
    assert finding(report, "crime type excluded by data.crime_types").count == 2
    assert events.table["y"].between(433_000, 435_000).all()


def test_chicago_reads_the_portal_columns(tmp_path):
    (tmp_path / "crimes.csv").write_text(
        "ID,Case Number,Date,Block,Primary Type,Arrest,Community Area,Latitude,Longitude,Location\n"
        '1,HX1,01/31/2017 11:50:00 PM,052XX W HURON ST,THEFT,false,25,41.89,-87.75,"(41.89, -87.75)"\n'
        '2,HX2,02/01/2017 12:05:00 AM,052XX W HURON ST,BATTERY,true,7.0,41.90,-87.65,"(41.90, -87.65)"\n'
        "3,HX3,02/01/2017 12:05:00 AM,052XX W HURON ST,NARCOTICS,true,7,41.90,-87.65,\n"
    )
    events = ready("chicago", path=tmp_path / "crimes.csv").read()
    report = events.intake
    assert events.table["occurred_at"].astype("str").tolist() == ["2017-01-31 23:50:00", "2017-02-01 00:05:00"]
    assert events.table["area"].tolist() == ["25", "7"]
    assert events.table["crime_type"].tolist() == ["Theft", "Battery"]
    assert finding(report, "crime type excluded by data.crime_types").count == 1


def test_nyc_reads_the_complaint_columns_without_personal_data(tmp_path):
    (tmp_path / "complaints.csv").write_text(
        "CMPLNT_NUM,CMPLNT_FR_DT,CMPLNT_FR_TM,RPT_DT,OFNS_DESC,ADDR_PCT_CD,SUSP_AGE_GROUP,SUSP_RACE,SUSP_SEX,Latitude,"
        "Longitude,VIC_AGE_GROUP,VIC_RACE,VIC_SEX\n"
        "1,12/30/2018,23:10:00,12/31/2018,ROBBERY,71,25-44,BLACK,M,40.66,-73.95,18-24,WHITE,F\n"
        "2,12/31/2018,09:00:00,12/31/2018,DANGEROUS DRUGS,71,,,,40.66,-73.95,,,E\n"
    )
    events = ready("nyc", path=tmp_path / "complaints.csv").read()
    report = events.intake
    (event,) = events.table.to_dict("records")
    assert (event["occurred_at"], event["reported_at"]) == (
        pd.Timestamp("2018-12-30 23:10"),
        pd.Timestamp("2019-01-01"),
    )
    assert (event["crime_type"], event["area"]) == ("Robbery", "71")
    persons = {"SUSP_AGE_GROUP", "SUSP_RACE", "SUSP_SEX", "VIC_AGE_GROUP", "VIC_RACE", "VIC_SEX"}
    assert set(report.person_columns_left) == persons
    with pytest.raises(InstantiationException, match="looks like personal data"):
        ready("nyc", path=tmp_path / "complaints.csv", **{"columns.area": "VIC_RACE"})


def test_portland_reads_the_challenge_columns_in_feet(tmp_path):
    (tmp_path / "nij.csv").write_text(
        "CATEGORY,CALL GROUPS,final_case_type,CASE DESC,occ_date,x_coordinate,y_coordinate,census_tract\n"
        "STREET CRIMES,DISORDER,DISTP,DISTURBANCE - PRIORITY,3/5/12,7642762,704069,3801\n"
        "BURGLARY,PROPERTY CRIME,BURGP,BURGLARY,03/06/2012,7661410,682295,1802\n"
    )
    events = ready("portland", path=tmp_path / "nij.csv").read()
    report = events.intake
    assert events.table["occurred_at"].astype("str").tolist() == ["2012-03-05", "2012-03-06"]
    assert (events.crs, report.resolution) == ("EPSG:32610", "day")
    apart = events.table["x"].diff()[1] ** 2 + events.table["y"].diff()[1] ** 2
    feet = (7661410 - 7642762) ** 2 + (682295 - 704069) ** 2
    assert apart**0.5 == pytest.approx(0.3048 * feet**0.5, rel=1e-3)


def test_own_records_need_a_file_a_time_zone_and_columns(tmp_path):
    (tmp_path / "own.csv").write_text(
        "when,kind,e,n\n2021-01-04 10:30,Theft,630000,4834000\n2021-01-05 10:30,Theft,630100,4834000\n"
    )
    events = ready(
        "delimited",
        path=tmp_path / "own.csv",
        time_zone="America/Toronto",
        crs="EPSG:32617",
        columns="{occurred_at:when,crime_type:kind,x:e,y:n}",
    ).read()
    assert events.table["x"].tolist() == pytest.approx([630_000, 630_100])


def test_the_real_toronto_sample():
    report = ready("toronto_csv", path=real("toronto_mci/raw_sample_2021.csv")).read().intake
    assert (report.rows_read, report.rows_kept) == (5000, 5000)
    assert report.start == pd.Timestamp("2021-01-01")


@pytest.mark.slow
def test_the_real_portland_calls():
    report = ready("portland_parquet", path=real("portland_nij/events_2012-03_2017-02.parquet")).read().intake
    street = report.crime_types["Street crimes"]
    assert (report.rows_read, street) == (490_366, 24_653 + 29_464 + 32_292 + 33_346 + 33_765 + 4_568)


def test_the_real_chicago_events():
    events = ready(
        "delimited",
        path=real("chicago_sthsl/events.parquet"),
        time_zone="America/Chicago",
        columns="{occurred_at:time,crime_type:category,lat:lat,lon:lon}",
    ).read()
    report = events.intake
    assert (len(events), events.crs) == (321_877, "EPSG:32616")
    assert finding(report, "exact duplicates").count == 916


def test_the_real_chicago_records_equal_the_published_tensors():
    events = ready("chicago_sthsl", path=real("chicago_sthsl/events.parquet")).read()
    parts = [np.load(real(f"chicago_sthsl/{part}.npz")) for part in ("trn", "val", "tst")]
    published = np.concatenate([part["counts"] for part in parts], axis=2)  # rows, columns, days, types
    lattice = CONFIGS.parents[1] / "experiments" / "chicago-daily" / "cells.geojson"
    grid = AreaGrid(str(lattice), "cell", active="events").build(events.known_at(pd.Timestamp("2017-10-01")))
    panel = Panel.count(events, grid, Calendar(period_unit="day"))
    place = [(int(cell[1:3]), int(cell[4:])) for cell in grid.cells]  # such as r10c04
    assert sorted(place) == sorted(map(tuple, np.argwhere(parts[0]["counts"].any(axis=(2, 3))).tolist()))
    assert (len(grid), panel.outside) == (94, 0)
    assert [name.upper() for name in events.crime_types] == sorted(parts[0]["categories"])
    order = np.argsort(parts[0]["categories"])
    wanted = np.stack([published[row, column] for row, column in place])[..., order].transpose(2, 0, 1)
    differences = [
        (events.crime_types[kind], grid.cells[cell], str(panel.periods[day]), int(panel.values[kind, cell, day] - n))
        for kind, cell, day in np.argwhere(panel.values != wanted)
        for n in [wanted[kind, cell, day]]
    ]
    assert differences == [("Criminal damage", "r10c04", "2017-10-12", 1)]  # taken for a header by the papers' script


def test_the_option_for_own_records_has_the_defaults_of_the_constructor():
    columns = {"occurred_at": "when", "crime_type": "kind", "lat": "lat", "lon": "lon"}
    configured = ready(
        "delimited", path="a.csv", time_zone="UTC", columns="{occurred_at:when,crime_type:kind,lat:lat,lon:lon}"
    )
    direct = DelimitedFiles("a.csv", columns, "UTC")
    for field in dataclasses.fields(direct):
        given, default = (getattr(source, field.name) for source in (configured, direct))
        if field.name == "columns":
            given = {role: column for role, column in given.items() if column is not None}
        assert given == default or tuple(given) == tuple(default), field.name
