"""Each run leaves sums of its scores and, by group, of its audit; a damaged file is an error."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ilp_models.audit.measures.table import measure_groups
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import PlannedPeriods
from ilp_models.domain.errors import StorageError
from ilp_models.domain.region import JurisdictionFacts, JurisdictionResult, Region, RunState
from ilp_models.pipeline.region import read_region
from ilp_models.pipeline.region_sums import group_sums, read_group_sums, read_score_sums
from ilp_models.report.region_page import _methods
from tests.audit.audit_inputs import audit, audit_input, city, grid, group_table
from tests.pipeline.small_city import GROUPS, copy_run

RATIOS = ("sum_ratio", "coverage", "exposure")


@pytest.fixture(scope="module")
def context():
    return audit(group_table(slant=0.3)).context(audit_input(*city(), grid()))


def region_of(**shards):
    facts = [
        JurisdictionFacts(JurisdictionResult(name, RunState.DONE, name), group_sums=tuple(sums))
        for name, sums in shards.items()
    ]
    return Region("county", "weekly", tuple(facts))


def test_sums_of_one_jurisdiction_give_the_measures_of_its_audit(context):
    (residents,) = context.residents
    found = region_of(north=group_sums(context, residents)).groups().query("level == 'region'")
    measures = measure_groups(context, [context.land_share]).query("unit == 'count' or unit != unit")
    assert set(found["crime_type"]) == set(context.scopes)
    for row in found.to_dict("records"):
        audited = measures[(measures["crime_type"] == row["crime_type"]) & (measures["group"] == row["group"])]
        values = audited.set_index("measure")["value"]
        assert [row[name] for name in RATIOS] == pytest.approx([values[name] for name in RATIOS], abs=1e-12)
        assert row["recorded"] == pytest.approx(audited["events"].iloc[0], abs=1e-9)
        assert row["residents"] == pytest.approx(audited["residents"].iloc[0], abs=1e-9)
        assert row["patrolled"] > 0


def part_of(context, cells, share):
    """Return some cells of an audit under a plan, with their residents."""
    (whole,) = context.residents
    residents = Residents(
        whole.dimension, whole.groups, whole.by_group[cells], whole.total[cells], whole.by_area, whole.missing
    )
    replays = [
        replace(one, **{name: getattr(one, name).isel(cell=cells) for name in ("expected", "observed", "quantiles")})
        for one in (context.replay, context.baseline)
    ]
    periods = share.shape[1]
    plan = PlannedPeriods({"name": "beats"}, "beats", share[cells], 0.2, np.zeros(periods))
    cut = replace(
        context.grid,
        cells=context.grid.cells[cells],
        geometry=context.grid.geometry[cells],
        area_m2=context.grid.area_m2[cells],
        neighbours=context.grid.neighbours[cells][:, cells],
        locator_cells=np.arange(len(cells)),
        parents=context.grid.parents.iloc[cells].reset_index(drop=True),
    )
    parts = {"replay": replays[0], "baseline": replays[1], "grid": cut, "residents": (residents,)}
    return replace(context, **parts, plan=plan, baseline_plan=plan), residents


def test_sums_of_shards_are_those_of_the_whole(context):
    share = np.random.default_rng(3).uniform(size=context.observed.shape[1:])
    shards = {"north": np.arange(37), "south": np.arange(37, 100), "whole": np.arange(100)}
    sums = {name: list(group_sums(*part_of(context, cells, share))) for name, cells in shards.items()}
    whole = region_of(whole=sums.pop("whole")).groups().query("level == 'region'")
    sharded = region_of(**sums).groups().query("level == 'region'")
    columns = ["residents", "expected", "recorded", "covered", "exposed", "patrolled", *RATIOS]
    np.testing.assert_allclose(sharded[columns].astype(float), whole[columns].astype(float), rtol=1e-12, atol=0)
    assert set(sharded["rule"]) == {"beats"}
    assert set(sharded["missing"]) == {""}


@pytest.mark.slow
def test_a_run_has_the_sums_of_its_skill_and_of_its_audit(admitted):
    region = read_region({"north": admitted.folder})
    skill = region.skill().query("level == 'region'").set_index(["forecaster", "lead", "crime_type"])
    own = pd.read_csv(admitted.folder / "skill.csv", encoding="utf-8-sig").set_index(skill.index.names)
    assert len(skill)
    assert {*_methods(region)} == {*region.skill()["forecaster"], *region.skill()["baseline"]}  # no ceiling, no oracle
    for column in ("skill", "low", "high", "n"):
        np.testing.assert_allclose(skill[column], own.loc[skill.index, column], rtol=0, atol=1e-12)
    found = region.groups().query("level == 'region'").set_index(["crime_type", "dimension", "group"])
    exposure = [one for one in admitted.decision["findings"] if one["check"] == "exposure"]
    assert len(exposure) == len(found)
    for one in exposure:
        row = found.loc[(one["crime_type"], one["dimension"], one["group"])]
        assert row["exposure"] == pytest.approx(one["value"], abs=1e-12)


@pytest.mark.slow
def test_people_are_counted_in_the_audit_only(admitted, withheld, tmp_path):
    assert GROUPS.startswith("audit.")
    assert read_group_sums(withheld.folder) == ()  # a run without a group table
    place = copy_run(admitted, tmp_path / "run")
    people = read_group_sums(place)[0].values[0]
    assert people > 0
    region = read_region({"north": place}, population={"north": 5.0})  # of rates only
    assert region.groups()["residents"].iloc[0] == people
    assert not {"residents", "people"} & set(region.skill())


@pytest.mark.slow
@pytest.mark.parametrize(
    "facts",
    [
        b"[]",
        b"{",
        {"baseline": "other"},
        {"bootstrap": {"block": 0}},
        {"bootstrap": {"bloc": 4}},
        {"bootstrap": {"draws": 10**9}},
        {"delay": None},
    ],
)
def test_scores_with_a_changed_header_are_refused(withheld, tmp_path, facts):
    path = copy_run(withheld, tmp_path / "run") / "scores.parquet"
    table = pq.read_table(path)
    header = dict(table.schema.metadata)
    changed = json.dumps(json.loads(header[b"PANDAS_ATTRS"]) | facts).encode() if isinstance(facts, dict) else facts
    pq.write_table(table.replace_schema_metadata(header | {b"PANDAS_ATTRS": changed}), path)
    with pytest.raises(StorageError, match=r"scores\.parquet is not the file of scores"):
        read_score_sums(path.parent)
    region = read_region({"north": path.parent, "south": withheld.folder})
    assert region.missing == ("north",)
    assert set(region.skill().query("level == 'region'")["missing"]) == {"north"}


@pytest.mark.slow
def test_scores_of_an_earlier_version_are_in_no_sum(withheld, tmp_path):
    path = copy_run(withheld, tmp_path / "run") / "scores.parquet"
    table = pd.read_parquet(path)
    del table.attrs["cells"]
    table.to_parquet(path, index=False)
    assert read_score_sums(path.parent) == ()
    assert read_score_sums(tmp_path) == ()
