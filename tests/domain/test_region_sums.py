"""Sums of shards equal those of the whole, in any order, and only sums on the same terms are added up."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.region import JurisdictionFacts, JurisdictionResult, Region, RunState
from ilp_models.domain.region_sums import GroupKey, ShardSum, score_sums
from ilp_models.domain.scores import ScoreTable
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import replay_of

PERIODS = 26
SCORING = Scoring(baseline="mean", bootstrap=Bootstrap(draws=200))


def units(cells, seed, start="2021-01-04", types=2):
    """Return expected counts of two forecasters and recorded counts, (types, cells, periods)."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.5, 0.6, (types, cells, PERIODS))
    return {"ewma": rates, "mean": rng.permuted(rates, axis=1), "observed": rng.poisson(rates), "start": start}


def scores_of(counts, scoring=SCORING, lead=1):
    replays = [
        replay_of(counts[name], counts["observed"], name, lead=lead, start=counts["start"]) for name in ("ewma", "mean")
    ]
    return scoring.run(replays, np.full(counts["observed"].shape[1], 250_000.0))


def facts(name, counts=None, scoring=SCORING, **fields):
    sums = () if counts is None else score_sums(scores_of(counts, scoring), scoring.baseline, counts["ewma"].shape[1])
    return JurisdictionFacts(JurisdictionResult(name, RunState.DONE, name), score_sums=tuple(sums), **fields)


SHARDS = {"north": units(7, 1), "south": units(12, 2), "west": units(5, 3)}
FAILED = JurisdictionFacts(JurisdictionResult("gone", RunState.FAILED, ""))


def region_of(*jurisdictions, **settings):
    return Region("county", "weekly", jurisdictions, **settings)


def at(table, level, **columns):
    rows = table[table["level"] == level]
    for name, value in columns.items():
        rows = rows[rows[name] == value]
    return rows


def test_skill_of_shards_is_that_of_the_unsharded_scores():
    table = region_of(*(facts(*one) for one in SHARDS.items()), parts={"P": ["south", "west"]}).skill()
    sharded = {"region": list(SHARDS), "part": ["south", "west"]}
    for level, names in sharded.items():
        together = {
            name: np.concatenate([SHARDS[one][name] for one in names], axis=1) for name in ("ewma", "mean", "observed")
        }
        whole = scores_of(together | {"start": "2021-01-04"}).skill("mean").query("forecaster == 'ewma'")
        found = at(table, level).set_index("crime_type").loc[whole["crime_type"]]
        for column in ("skill", "low", "high", "n"):
            np.testing.assert_allclose(found[column], whole[column], rtol=0, atol=1e-12)
        assert set(found["missing"]) == {""}
    own = scores_of(SHARDS["north"]).skill("mean").query("forecaster == 'ewma' and crime_type == 'all'")
    found = at(table, "jurisdiction", name="north", crime_type="all")
    np.testing.assert_allclose(found[["skill", "low", "high"]], own[["skill", "low", "high"]], rtol=0, atol=1e-12)


def test_skill_by_hand():
    scores = [[("ewma", 0.5), ("mean", 1.0)], [("ewma", 0.25), ("mean", 0.5)]]
    shards = [
        ScoreTable(
            pd.DataFrame(
                [(name, "a", 1, "2021-01-04", "deviance", value) for name, value in one],
                columns=["forecaster", "crime_type", "lead", "period", "score", "value"],
            )
        )
        for one in scores
    ]
    jurisdictions = [
        replace(facts(name), score_sums=tuple(score_sums(one, "mean", cells)))
        for name, one, cells in zip(("north", "south"), shards, (10, 40), strict=True)
    ]
    row = at(region_of(*jurisdictions).skill(), "region", crime_type="all").iloc[0]
    # (10 x 0.5 + 40 x 0.25) / (10 x 1 + 40 x 0.5) = 15 / 30; one period has no interval
    assert (row["skill"], row["n"], row["forecaster"], row["baseline"]) == (0.5, 1, "ewma", "mean")
    assert (row["first_period"], row["last_period"]) == ("2021-01-04", "2021-01-04")
    assert np.isnan(row["low"])
    assert np.isnan(row["high"])


def test_the_order_of_jurisdictions_does_not_change_a_bit():
    several = [facts(*one, group_sums=(groups(seed),)) for seed, one in enumerate(SHARDS.items())]
    tables = [region_of(*order) for order in permutations(several)]
    for name in ("skill", "groups"):
        first, *others = (at(getattr(one, name)(), "region").reset_index(drop=True) for one in tables)
        assert len(first)
        for one in others:
            pd.testing.assert_frame_equal(one, first, check_exact=True)


def test_a_failed_jurisdiction_and_one_without_scores_are_named_as_missing():
    table = region_of(facts("north", SHARDS["north"]), FAILED, facts("forecast")).skill()
    assert set(at(table, "region")["missing"]) == {"gone, forecast"}
    assert set(at(table, "jurisdiction")["name"]) == {"north"}
    assert region_of(FAILED).skill().empty
    assert region_of(FAILED).groups().empty


@pytest.mark.parametrize(
    "other",
    [
        facts("south", units(12, 2, start="2021-01-11")),
        facts("south", SHARDS["south"], replace(SCORING, bootstrap=Bootstrap(draws=100))),
        facts("south", SHARDS["south"], replace(SCORING, baseline="ewma")),
    ],
    ids=["periods", "bootstrap", "baseline"],
)
def test_scores_on_other_terms_are_not_added_up(other):
    table = at(region_of(facts("north", SHARDS["north"]), other).skill(), "region", crime_type="all")
    assert set(table["missing"]) == {"north", "south"}


def test_all_types_are_added_up_only_where_the_types_are_the_same():
    table = region_of(facts("north", SHARDS["north"]), facts("south", units(12, 2, types=1))).skill()
    missing = at(table, "region").groupby("crime_type")["missing"].agg(list).to_dict()
    assert missing == {"a": [""], "b": ["south"], "all": ["north", "south"]}


def groups(seed=0, **terms):
    key = {"dimension": "income", "group": "low", "crime_type": "all", "groups": ("low", "high"), "crime_types": ("a",)}
    key |= {"periods": ("2021-01-04", "2021-01-11"), "rule": "top areas", "rule_settings": "{}"}
    return ShardSum(GroupKey(**(key | terms)), np.random.default_rng(seed).gamma(1.0, 100.0, 6))


def test_sums_by_group_by_hand():
    values = ([100.0, 8.0, 10.0, 2.0, 30.0, 1.0], [300.0, 12.0, 30.0, 8.0, 90.0, 2.0])
    several = [
        facts(name, group_sums=(replace(groups(), values=np.array(one)),))
        for name, one in zip(("north", "south"), values, strict=True)
    ]
    row = at(region_of(*several, FAILED).groups(), "region").iloc[0]
    sums = ["residents", "expected", "recorded", "covered", "exposed", "patrolled"]
    assert row[sums].tolist() == [400.0, 20.0, 40.0, 10.0, 120.0, 3.0]
    # 20 / 40, 10 / 40, and 120 / (400 residents x 2 periods)
    assert row[["sum_ratio", "coverage", "exposure"]].tolist() == [0.5, 0.25, 0.15]
    assert (row["groups"], row["missing"]) == ("low; high", "gone")


@pytest.mark.parametrize(
    "terms", [{"groups": ("low", "middle", "high")}, {"periods": ("2021-01-04",)}, {"rule_settings": '{"share": 0.1}'}]
)
def test_groups_of_another_scheme_or_rule_are_never_mixed(terms):
    north, south = groups(1), groups(2, **terms)
    table = at(region_of(facts("north", group_sums=(north,)), facts("south", group_sums=(south,))).groups(), "region")
    found = table.set_index("missing")["residents"].to_dict()
    assert found == {"south": north.values[0], "north": south.values[0]}
