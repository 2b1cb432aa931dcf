from dataclasses import replace
from datetime import UTC, datetime

import pytest
import shapely

from ilp_models.domain.region import Region
from ilp_models.report.region_page import state_of, write_region_page
from tests.domain.test_region import FAILED, NORTH, SOUTH
from tests.domain.test_region_sums import SHARDS, facts, groups
from tests.report.html_page import Page

INTAKE = {"start": "2021-01-01", "until": "2022-01-01", "rows_read": 200, "rows_kept": 150, "findings": []}
NAMED = tuple(
    replace(one, intake=INTAKE, verdict=verdict, outline=shapely.box(at, 0, at + 1, 1), forecaster="ewma")
    for at, (one, verdict) in enumerate(((NORTH, "admitted"), (SOUTH, "withheld")))
)


def page_of(folder, *jurisdictions, **settings):
    region = Region("county", "weekly", jurisdictions or (*NAMED, FAILED), **settings)
    names = ("totals", "rates", "skill", "groups")
    tables = {name: getattr(region, name)() for name in names}
    path = write_region_page(region, tables, folder, datetime(2022, 1, 3, 8, tzinfo=UTC))
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("verdict", "state"), [("admitted", "admitted"), ("", "done")])
def test_the_state_is_that_of_the_decision_or_of_the_run(verdict, state):
    assert state_of(replace(NORTH, verdict=verdict)) == state
    assert state_of(replace(FAILED, verdict=verdict)) == "failed"


@pytest.mark.usefixtures("undrawn")
def test_the_page_names_states_sums_and_what_is_missing(tmp_path):
    page = page_of(tmp_path, population={"north": 1000.0, "south": 5000.0}, population_source="a census")
    assert "2 of 3 jurisdictions are in these results. Missing: gone. No total includes them." in page.text
    for word in ("admitted", "withheld", "failed", "75.0 %"):
        assert word in page.text
    assert "Not on the map: gone." in page.text
    assert "Not compared: gone." in page.text
    assert "2022-01-03 to 2022-01-09" in page.text
    assert len(list(tmp_path.rglob("rates.png"))) == 1
    assert len(list(tmp_path.rglob("region.png"))) == 1


@pytest.mark.usefixtures("undrawn")
def test_without_residents_and_outlines_there_is_no_figure(tmp_path):
    page = page_of(tmp_path, *(replace(one, outline=None) for one in NAMED))
    assert "All 2 jurisdictions are in these results." in page.text
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.usefixtures("undrawn")
def test_names_are_no_markup(tmp_path):
    bad = replace(NAMED[0], result=replace(NAMED[0].result, name="<script>x</script>"))
    page = page_of(tmp_path, bad)
    assert page.all("script") == []


@pytest.mark.usefixtures("undrawn")
def test_skill_and_groups_of_the_region_only_inform(tmp_path):
    measured = [facts(name, counts, group_sums=(groups(),)) for name, counts in SHARDS.items()]
    page = page_of(tmp_path, *measured, FAILED)
    assert "in the region and its parts, all types" in page.text
    assert "income: low" in page.text
    assert page.text.count("These sums only inform: the decision on a jurisdiction never uses the evidence") == 2
    assert "These sums only inform" not in page_of(tmp_path).text
