"""Sensitivity of an audit to its choices, on maps with a known answer."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.audit.check_context import CheckContext, CheckOptions, MinEvidence
from ilp_models.audit.flagging import FlaggingRule
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.enforcement_types import (
    check_enforcement_types,
    vary_enforcement_types,
)
from ilp_models.audit.sensitivity.flagged_map import COLUMNS, FlaggedMap, flagged_overlap
from ilp_models.audit.sensitivity.reporting_rates import check_reporting_rates, reporting_band, vary_reporting_rates
from ilp_models.audit.sensitivity.variants import (
    check_areal_unit,
    check_tainted_periods,
    merge_groups,
    vary_areal_units,
    vary_group_definitions,
    vary_ranking_unit,
    vary_training,
)
from ilp_models.domain.enforcement_kinds import ENFORCEMENT_KINDS
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Limit, State, sentence
from ilp_models.domain.governance import Governance
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import replay_of, square_grid

LIMITS = {"reporting_sensitivity": Limit(warn_below=0.8, fail_below=0.6), "areal_unit": Limit(warn_above=0, neutral=0)}
TORONTO = Path(os.environ.get("ILP_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROWS = np.repeat(np.arange(6), 6)


def lives(share, total=100.0, dimension="income", groups=("low", "rest")):
    by_group = np.column_stack([share, 1 - np.asarray(share)]) * total
    return Residents(dimension, groups, by_group, by_group.sum(axis=1), by_group, 0.0)


def evidence(expected=None, observed=None, residents=None, **settings):
    rng = np.random.default_rng(3)
    expected = rng.gamma(2, 1, (2, 36, 16)) if expected is None else expected
    grid = square_grid(6, 6)
    replay = replay_of(expected, rng.poisson(expected) if observed is None else observed)
    cells = replay.expected.indexes["cell"]
    parents = settings.pop("parents", pd.DataFrame({"beat": [f"b{cell // 4}" for cell in range(36)]}))
    people = (lives(np.linspace(0.1, 0.9, 36)),) if residents is None else residents
    given = {"limits": LIMITS, "land_share": 0.25, "rank_by": "count", "floor": 0.01, **settings}
    return CheckContext(
        replay=replay, baseline=replay, grid=replace(grid, cells=cells, parents=parents), explanation=None,
        features=None, min_evidence=MinEvidence(), bootstrap=Bootstrap(draws=200), residents=people, **given,
    )  # fmt: skip


def with_options(context, **options):
    return replace(context, options=CheckOptions(**options))


def tainted_finding(periods, start, end):
    options = {"governance": Governance(tainted_periods=periods), "trained": (start, end)}
    return check_tainted_periods(with_options(evidence(), **options))[0]


def value(table, setting, measure, crime_type="all", group="", column="value"):
    rows = table[(table["setting"] == setting) & (table["measure"] == measure) & (table["crime_type"] == crime_type)]
    return rows.loc[rows["group"] == group, column].item()


def jaccard(first, second, area):
    both, either = (one.sum(axis=0) for one in flagged_overlap(first, second, area))
    return both / either


flags = arrays(float, (2, 5, 3), elements=st.floats(0, 1))


@given(flags, flags, arrays(float, 5, elements=st.floats(0.5, 9)))
def test_overlap_is_symmetric_and_that_of_each_map(first, second, area):
    both, either = flagged_overlap(first, second, area)
    assert all(
        np.allclose(one, other) for one, other in zip((both, either), flagged_overlap(second, first, area), strict=True)
    )
    assert (both <= either + 1e-12).all()
    assert both[:, [1]] == pytest.approx(flagged_overlap(first[1:], second[1:], area)[0])
    again = flagged_overlap(first, first, area)
    assert np.array_equal(*again)


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


def test_the_reporting_band_decreases_with_the_group_share():
    residents = lives(np.linspace(0.1, 0.9, 36))
    shares = reporting_band(residents, "low", 0.3)
    assert (shares[0], shares[-1]) == pytest.approx((1.3, 0.7))
    assert shares.mean() == pytest.approx(1)
    assert reporting_band(residents, "rest", 0.3) == pytest.approx(shares[::-1])
    empty = replace(residents, total=np.where(np.arange(36) < 6, 0, residents.total))
    assert (reporting_band(empty, "low", 0.3)[:6] == 1).all()
    with pytest.raises(InputError, match="No reporting band"):
        reporting_band(residents, "none", 0.3)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 3), st.integers(0, 99))
def test_a_uniform_reporting_rate_changes_nothing(rate, seed):
    expected = np.random.default_rng(seed).gamma(1, 1, (2, 36, 16))
    one = evidence(expected)
    found = check_reporting_rates(with_options(one, reporting_rates=np.full(36, rate)))
    assert [item.value for item in found] == pytest.approx([1.0] * 3)


def test_places_that_report_less_are_left_out():
    happened = np.ones((1, 36, 16))
    happened[0, 30:] = 2.0  # most happens in the last row, of which half is reported
    rates = np.where(np.arange(36) < 30, 1.0, 0.4)
    one = evidence(happened * rates[None, :, None], land_share=6 / 36, rank_by="per_km2")
    found = check_reporting_rates(with_options(one, reporting_rates=rates))[0]
    assert (found.value, found.state) == (0.0, State.FAIL)
    table = vary_reporting_rates(one, rates)
    assert [value(table, "given", measure, "a") for measure in ("jaccard", "left_out")] == [0, 1]


def test_the_worst_group_counts_unless_a_group_is_set():
    rng = np.random.default_rng(5)
    share = rng.random(36)
    expected = np.exp(0.4 * (share - 0.5) + 0.05 * rng.normal(size=36))[None, :, None] * np.ones((1, 1, 16))
    one = evidence(expected, residents=(lives(share),))
    named = [
        check_reporting_rates(with_options(one, underreporting_group=("income", group)))[0].value
        for group in ("low", "rest")
    ]
    assert named[0] > named[1]  # if low places report less, the map that flags them is right all the more
    worst = check_reporting_rates(one)[0]
    assert worst.value == min(named)
    assert "income rest report less" in worst.detail
    with pytest.raises(InputError, match="underreporting_group=income/none is not in the group table"):
        check_reporting_rates(with_options(one, underreporting_group=("income", "none")))


def test_a_wider_band_changes_more_of_the_map():
    table = vary_reporting_rates(evidence(), underreporting_group=("income", "low"))
    overlaps = table.loc[(table["measure"] == "jaccard") & (table["crime_type"] == "all"), "value"]
    assert len(overlaps) == 5
    assert overlaps.is_monotonic_decreasing


def test_without_groups_and_rates_the_evidence_is_insufficient():
    found = check_reporting_rates(evidence(residents=()))
    assert {one.state for one in found} == {State.INSUFFICIENT}
    assert [one.crime_type for one in found] == ["a", "b", "all"]
    assert vary_reporting_rates(evidence(residents=())).empty


@pytest.mark.parametrize("rates", [np.zeros(36), np.ones(3), np.full(36, np.nan)])
def test_invalid_reporting_rates_are_refused(rates):
    with pytest.raises(InputError, match="Reporting rates need one value per cell"):
        check_reporting_rates(with_options(evidence(), reporting_rates=rates))


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


def test_one_enforcement_driven_type_always_fails():
    one = evidence(limits={"enforcement_types": Limit(fail_above=99, neutral=0)})
    assert check_enforcement_types(with_options(one, enforcement_types=ENFORCEMENT_KINDS))[0].state is State.PASS
    found = check_enforcement_types(with_options(one, enforcement_types=["b"]))[0]
    assert (found.state, found.value) == (State.FAIL, 1.0)
    assert "Recorded by police activity: b (b)." in found.detail


def test_the_measures_without_enforcement_driven_types():
    one = evidence()
    table = vary_enforcement_types(one, kinds=["b"])
    assert set(table["crime_type"]) == {"all"}
    alone = FlaggedMap.from_context(one).measures().set_index(["crime_type", "measure", "group"])["value"]
    assert value(table, "without b", "exposure_ratio", group="low") == pytest.approx(
        alone["a", "exposure_ratio", "low"]
    )
    assert vary_enforcement_types(one).empty
    assert vary_enforcement_types(one, kinds=["a", "b"]).empty


@pytest.mark.skipif(not TORONTO.is_dir(), reason="the Toronto census groups are not in the shared data folder")
def test_toronto_assaults_change_as_published_if_poorer_places_report_less():
    """Published: exposure 1.37 to 2.01 and an overlap of 0.70, which lies between 11 and 12 of 14 areas."""
    names = pd.read_csv(TORONTO / "toronto_demography" / "event_name_crosswalk.csv")
    people = names.merge(pd.read_csv(TORONTO / "toronto_demography" / "neighbourhoods_2016.csv"), on="hood_140")
    events = pd.read_parquet(TORONTO / "toronto_mci" / "events_2014_2021.parquet")
    events = events[(events["crime_type"] == "Assault") & (events["occurred_at"].dt.year == 2019)]
    year = events["neighbourhood"].value_counts().reindex(people["event_name"]).to_numpy(dtype=float)[None, :, None]
    total = people["pop_2016"].to_numpy(dtype=float)
    low = (people["lim_at"] / people["lim_universe"]).to_numpy()
    poorer = people["hh_median_income_2015_interp"].rank(ascending=False).to_numpy() / 141
    origin = people[["vm_black", "vm_not"]].to_numpy(dtype=float)
    dimensions = (
        Residents("origin", ("Black", "not a visible minority"), origin, total, origin, 0.0),
        lives(low, total[:, None], "income"),
        lives(poorer, total[:, None], "median income", ("poorer", "richer")),
    )
    replay = replay_of(np.repeat(year, 12, axis=2), np.repeat(year, 12, axis=2))
    grid = replace(square_grid(10, 14), cells=replay.expected.indexes["cell"], parents=pd.DataFrame())
    one = replace(evidence(), replay=replay, baseline=replay, grid=grid, residents=dimensions, land_share=0.1)
    for underreporting_group, exposure, kept in (
        (("income", "low"), 1.88, 12),
        (("median income", "poorer"), 2.04, 11),
    ):
        table = vary_reporting_rates(one, underreporting_group=underreporting_group)
        table = table[table["setting"].str.contains("from 1.3 to 0.7 ")]
        table = table[table["dimension"].isin(["", "origin"])].set_index(["measure", "group"])
        basis = Basis.from_residents(dimensions[0])
        sums = [
            tally_flags(basis, flags, one.observed).whole for flags in (one.flags, _flags(one, underreporting_group))
        ]
        before, after = (formulas.exposure_ratio(one_sum, reference=1)[0, 0] for one_sum in sums)
        assert (before, after) == pytest.approx((1.37, exposure), abs=0.005)
        assert table.loc["jaccard", "value"].item() == pytest.approx(kept / (28 - kept))


def _flags(one, underreporting_group):
    residents = next(item for item in one.residents if item.dimension == underreporting_group[0])
    happened = one.replay.expected.values / reporting_band(residents, underreporting_group[1], 0.3)[:, None]
    return FlaggingRule(one.grid.area_m2).flagged(happened, one.land_share)[0]
