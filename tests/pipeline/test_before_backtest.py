import re
from functools import cache

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.export import gis_formats
from ilp_models.pipeline.before_backtest import check_before_backtest
from ilp_models.pipeline.study import open_study
from tests.pipeline.small_city import GROUPS, TYPES, build_task

pytestmark = pytest.mark.slow

HARM = "harm=[csi_2009,ons_css]"


@cache
def city_events():
    return build_task("weekly")[1]["data"].read()


def check(*words):
    parts = build_task("weekly", *words)[1]
    study = open_study(city_events(), parts["grid"], first_cutoff=parts["backtest"])
    check_before_backtest(parts["audit"], parts["scoring"], study, parts["backtest"], parts["export"])


def written(path, table):
    table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((HARM, "~harm.ons_css.mapping.burglary"), r"The harm set ons_css has no weight for burglary\. Map"),
        (("audit.feedback.unpatrolled_reporting_rate={arson: 0.5}",), r"unpatrolled_reporting_rate names 'arson'"),
        (
            ("audit.governance.outcomes=[burglary,asault]",),
            r"outcomes names 'asault', .* Choose from assault, burglary",
        ),
        ((GROUPS, "audit.underreporting_group=[origin,martian]"), r"audit.underreporting_group=origin/martian is not"),
        ((GROUPS, "audit.underreporting_group=[planet,low]"), r"audit.underreporting_group=planet/low is not"),
        (
            (GROUPS, "++audit.alternative_groupings={two: {planet: {a: [b]}}}"),
            r"groupings.two names 'planet'",
        ),
        (
            (GROUPS, "++audit.alternative_groupings={two: {community: {a: [b]}}}"),
            r"groupings: cannot merge 'b'",
        ),
    ],
)
def test_a_name_that_the_records_do_not_have_stops_the_run(words, message):
    with pytest.raises(InputError, match=message):
        check(*words)


def test_a_grid_that_a_file_cannot_hold_stops_the_run(monkeypatch):
    monkeypatch.setattr(gis_formats, "MAX_GEOJSON_CELLS", 60)
    with pytest.raises(InputError, match=r"GeoJSON is limited to 60 cells and the grid has 64"):
        check()
    check("export.formats=[parquet,csv]")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(area="Springfield " + table["area"]), r"No area of the group table is an area"),
        (lambda table: table.drop(columns="group"), r"The group table lacks the columns \['group'\]"),
        (lambda table: table.assign(population=-1), r"invalid population at"),
        (lambda table: table.assign(population=0), r"Group .* has no residents"),
        (lambda table: table.iloc[1:], r"lacks a group of dimension"),
    ],
)
def test_a_group_table_that_cannot_be_used_stops_the_run(tmp_path, change, message):
    table = build_task("weekly")[1]["data"].groups()
    check(f"audit.groups.path='{written(tmp_path / 'good.csv', table)}'")
    with pytest.raises(InputError, match=message):
        check(f"audit.groups.path='{written(tmp_path / 'bad.csv', change(table))}'")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.iloc[1:], r"1 areas of the grid have no reporting rate"),
        (lambda table: table.assign(rate=0), r"need one row per area, with a rate above 0"),
        (lambda table: table.rename(columns={"rate": "share"}), r"The file needs the columns area and rate"),
    ],
)
def test_a_table_of_reporting_rates_that_cannot_be_used_stops_the_run(tmp_path, change, message):
    table = pd.DataFrame({"area": sorted(city_events().table["area"].cat.categories), "rate": 0.5})
    check(f"audit.reporting_rates.path='{written(tmp_path / 'good.csv', table)}'")
    with pytest.raises(InputError, match=message):
        check(f"audit.reporting_rates.path='{written(tmp_path / 'bad.csv', change(table))}'")


def test_groups_that_cannot_reach_the_minimum_of_events_are_named_with_the_number_that_the_audit_counts(
    admitted, caplog
):
    needed = "audit.min_evidence={periods:8,events:100000,areas:2}"
    check(GROUPS, needed)
    (warning,) = caplog.messages
    assert "forecast will be withheld" in warning
    named = re.findall(r"(?:for |, )(\w+) ([\w ]+), (\w+) \((\d+) of 100000 events, \d+ lacking\)", warning)
    assert named
    counted = {
        (one["dimension"], one["group"], one["crime_type"]): round(one["evidence"])
        for one in admitted.decision["findings"]
        if one["check"] == "exposure_ratio"
    }
    assert {(dimension, group, kind): int(count) for dimension, group, kind, count in named}.items() <= counted.items()
    assert {kind for _, _, kind, _ in named} <= {*TYPES, "all"}


def test_groups_with_enough_evidence_give_no_warning(caplog):
    check(GROUPS)
    assert caplog.messages == []


def test_groups_that_live_in_too_few_areas_are_named(caplog):
    check(GROUPS, "audit.min_evidence={periods:8,events:0,areas:1000}")
    assert re.search(r"\(\d+ of 1000 areas, \d+ lacking\)", caplog.messages[0])
