import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.enforcement_types import (
    vary_enforcement_types,
)
from ilp_models.audit.sensitivity.flagged_map import COLUMNS, FlaggedMap
from ilp_models.audit.sensitivity.reporting_rates import vary_reporting_rates
from ilp_models.audit.sensitivity.variants import (
    check_areal_unit,
    check_tainted_periods,
    merge_groups,
    vary_areal_units,
    vary_group_definitions,
    vary_ranking_unit,
    vary_training,
)
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import State, sentence
from ilp_models.domain.governance import Governance
from tests.audit.sensitivity.varied_maps import evidence, lives, value, with_options
from tests.builders import replay_of

ROWS = np.repeat(np.arange(6), 6)


def tainted_finding(periods, start, end):
    options = {"governance": Governance(tainted_periods=periods), "trained": (start, end)}
    return check_tainted_periods(with_options(evidence(), **options))[0]


def test_the_audited_setting_gives_no_difference():
    one = evidence()
    tables = [
        vary_ranking_unit(one),
        vary_group_definitions(one, {"same": one.residents}),
        vary_areal_units(one),
        vary_reporting_rates(one),
        vary_training(one, one.replay, "tainted_periods", "none left out"),
        vary_enforcement_types(one),
    ]
    assert all(tuple(table.columns) == COLUMNS for table in tables)
    same = pd.concat([tables[1], tables[4], tables[0][tables[0]["setting"] == "count"]])
    assert same["value"].to_numpy() == pytest.approx(same["against"].to_numpy())
    still = tables[3][tables[3]["setting"].str.contains("from 1 to 1 times")]
    assert value(still, still["setting"].iloc[0], "jaccard") == 1
    assert value(still, still["setting"].iloc[0], "left_out") == 0


def test_each_ranking_unit_changes_the_flagged_land():
    expected = np.ones((1, 36, 16)) + 0.01 * np.arange(36)[None, ::-1, None]
    crowded = lives(np.linspace(0.1, 0.9, 36), total=np.linspace(1000, 10, 36)[:, None])
    table = vary_ranking_unit(evidence(expected, residents=(crowded,)))
    assert list(table["setting"].unique()) == ["count", "per_km2", "per_resident"]
    count, resident = (value(table, unit, "exposure_ratio", "a", "low") for unit in ("count", "per_resident"))
    assert count < 1 < resident
    assert value(table, "per_km2", "jaccard", "a") == 1  # on equal squares
    assert value(table, "per_resident", "jaccard", "a") == 0
    assert value(table, "per_resident", "left_out", "a") == 1
    assert value(table, "per_resident", "exposure_ratio", "a", "low", "against") == pytest.approx(count)


def test_without_residents_only_flagged_land_is_compared():
    table = vary_ranking_unit(evidence(residents=()))
    assert list(table["setting"].unique()) == ["count", "per_km2"]
    assert set(table["measure"]) == {"jaccard", "left_out"}


def test_groups_can_be_merged():
    share = np.random.default_rng(0).dirichlet([1, 2, 3], 36)
    three = Residents("origin", ("a", "b", "c"), share * 100, np.full(36, 100.0), share * 100, 0.0)
    merged = merge_groups(three, {"b or c": ("b", "c")})
    assert merged.groups == ("a", "b or c")
    assert merged.by_group == pytest.approx(np.column_stack([share[:, 0], 1 - share[:, 0]]) * 100)
    table = vary_group_definitions(evidence(residents=(three,)), {"two groups": (merged,)})
    assert value(table, "two groups", "exposure_ratio", group="a") == pytest.approx(
        value(table, "two groups", "exposure_ratio", group="a", column="against")
    )
    assert np.isnan(value(table, "two groups", "exposure_ratio", group="b or c", column="against"))
    for wrong in ({"x": ("d",)}, {"x": ("a",), "y": ("a", "b")}):
        with pytest.raises(InputError, match="cannot merge"):
            merge_groups(three, wrong)


def test_a_finding_that_depends_on_the_areal_unit_needs_review():
    # one cell of the first beat has half of all events and few of the group; the beat's other cells hold the group
    expected = np.full((1, 36, 16), 0.1)
    expected[0, 0] = 50
    share = np.full(36, 0.5)
    share[0], share[1:4] = 0.05, 0.95
    one = evidence(expected, residents=(lives(share),), land_share=1 / 36)
    assert (
        FlaggedMap.from_context(one).measures().set_index(["measure", "group"])["value"]["exposure_ratio", "low"] < 0.2
    )
    table = vary_areal_units(one)
    assert value(table, "beat", "exposure_ratio", "a", "low", "against") < 0.2
    assert value(table, "beat", "exposure_ratio", "a", "low") > 1.1
    found = check_areal_unit(one)[0]
    assert (found.state, found.value, found.evidence) == (State.REVIEW, 2.0, 2.0)
    assert "a/income/low on beat" in found.detail


def test_agreeing_units_pass_and_a_single_unit_is_insufficient():
    expected = np.ones((1, 36, 16)) + (ROWS == 0)[None, :, None]
    agreeing = evidence(expected, residents=(lives(0.2 + 0.6 * (ROWS == 0)),))
    assert check_areal_unit(agreeing)[0].state is State.PASS
    alone = evidence(parents=pd.DataFrame())
    for lacking, words in (alone, "give areas above the cells"), (evidence(residents=()), "a group table"):
        found = check_areal_unit(lacking)[0]
        assert found.state is State.INSUFFICIENT
        assert words in sentence(found)
        assert "second grid" not in sentence(found)  # it is backtested for the report, after the findings
    assert vary_areal_units(alone).empty
    second = vary_areal_units(alone, {"the same again": alone})
    assert second["value"].to_numpy() == pytest.approx(second["against"].to_numpy(), nan_ok=True)


def test_training_on_other_records_is_compared():
    one = evidence()
    other = replay_of(one.replay.expected.values[:, ::-1], one.replay.observed.values)
    table = vary_training(one, other, "tainted_periods", "without 2020")
    assert value(table, "without 2020", "jaccard") < 0.7
    assert value(table, "without 2020", "exposure_ratio", group="low") != pytest.approx(
        value(table, "without 2020", "exposure_ratio", group="low", column="against")
    )
    with pytest.raises(InputError, match="differ in their periods"):
        vary_training(one, replay_of(np.ones((2, 36, 3)), np.ones((2, 36, 3))), "tainted_periods", "x")


def test_tainted_training_days_fail():
    tainted = [
        {"start": "2016-01-01", "end": "2016-12-31", "why": "consent decree"},
        {"start": "2016-12-01", "end": "2017-01-10", "why": "x"},
    ]
    start, end = pd.Timestamp("2016-06-01"), pd.Timestamp("2017-01-03 12:00")
    found = tainted_finding(tainted, start, end)
    assert (found.state, found.value, found.evidence) == (State.FAIL, 217.0, 217.0)
    assert "consent decree" in found.detail
    later = tainted_finding(tainted, pd.Timestamp("2017-01-11"), pd.Timestamp("2018-01-01"))
    assert (later.state, later.value) == (State.PASS, 0.0)
    assert tainted_finding([], start, end).state is State.PASS
