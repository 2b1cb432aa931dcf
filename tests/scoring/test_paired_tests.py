import gc
from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from ilp_models.domain.errors import InputError
from ilp_models.scoring.paired_tests import paired_tests, with_paired_verdicts
from ilp_models.stats.bootstrap import Bootstrap, paired_p_value
from tests.scoring.score_tables import noisy_losses, table_of


@pytest.fixture(autouse=True, scope="module")
def spared():
    """Spare the garbage collector what earlier tests left: the adjustment of p-values by statsmodels calls it."""
    gc.collect()
    gc.freeze()


LOSSES = noisy_losses({"best": 0.0, "same": 0.0, "worse": 0.1, "worst": 0.3})


def test_every_pair_is_listed_once_with_difference_and_verdict():
    table = paired_tests(table_of(LOSSES))
    assert len(table) == 6
    row = table.set_index(["forecaster", "other"]).loc[("best", "worst")]
    difference = LOSSES["best"] - LOSSES["worst"]
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["low"] < row["difference"] < row["high"] < 0
    assert row["p_value"] == pytest.approx(paired_p_value(difference, 3))
    verdicts = table.set_index(["forecaster", "other"])["verdict"]
    assert verdicts[("best", "same")] == "tie"
    assert verdicts.drop(("best", "same")).unique().tolist() == ["better"]


def test_p_values_are_adjusted_over_all_pairs():
    table = paired_tests(table_of(noisy_losses({"a": 0.0, "b": 0.01, "c": 0.02, "d": 0.04})))
    by_hand, largest = {}, 0.0
    for rank, index in enumerate(np.argsort(table["p_value"].to_numpy())):
        largest = max(largest, (6 - rank) * table["p_value"][index])
        by_hand[index] = min(largest, 1.0)
    assert table["holm"].to_dict() == pytest.approx(by_hand)
    assert table["holm"].to_list() == pytest.approx(multipletests(table["p_value"], method="holm")[1])


def test_larger_is_better_scores_reverse_the_verdict():
    table = paired_tests(table_of({"low": LOSSES["best"], "high": LOSSES["worst"]}, "pai_05"), score="pai_05")
    assert table["difference"].item() < 0
    assert table["verdict"].item() == "worse"
    assert paired_tests(table_of({"low": LOSSES["best"], "high": LOSSES["worst"]}))["verdict"].item() == "better"


def test_equal_scores_and_too_few_periods_are_ties():
    same = paired_tests(table_of({"a": LOSSES["best"], "b": LOSSES["best"]}))
    assert (same["difference"].item(), same["holm"].item(), same["verdict"].item()) == (0.0, 1.0, "tie")
    short = paired_tests(table_of({name: values[:11] for name, values in LOSSES.items()}))
    assert short[["low", "high", "p_value", "holm"]].isna().all(axis=None)
    assert set(short["verdict"]) == {"tie"}
    assert paired_tests(table_of({"alone": LOSSES["best"]})).empty


def test_long_leads_are_resampled_in_blocks_as_long():
    losses = noisy_losses({"a": 0.0, "b": 0.01}, periods=104)
    short, long = (
        paired_tests(table_of(losses, lead=12, resampling=Bootstrap(block=block, draws=200)), lead=12)
        for block in (4, 12)
    )
    assert short.equals(long)
    assert short["p_value"].item() == paired_p_value(losses["a"] - losses["b"], 22)
    late = paired_tests(replace(table_of(losses, resampling=Bootstrap(draws=200)), delay=11))
    assert late.drop(columns="lead").equals(long.drop(columns="lead"))


def test_score_without_direction_is_refused():
    with pytest.raises(InputError, match="it has no better direction"):
        paired_tests(table_of(LOSSES, "coverage_90"), score="coverage_90")


@pytest.mark.slow
def test_family_wise_error_rate_is_kept():
    resampling = Bootstrap(block=1, draws=200)
    false = sum(
        (
            paired_tests(table_of(noisy_losses(dict.fromkeys("abcd", 0.0), seed=seed), resampling=resampling))[
                "verdict"
            ]
            != "tie"
        ).any()
        for seed in range(120)
    )
    assert false / 120 < 0.11  # 0.05, and three standard errors


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["a", "c", "f"])
@pytest.mark.parametrize("seed", range(8))
def test_the_skill_over_the_baseline_has_the_verdict_of_the_pair(seed, baseline):
    edges = {name: 0.012 * place for place, name in enumerate("abcdef")}
    scores = table_of(noisy_losses(edges, seed=seed))
    pairs, skill = paired_tests(scores, crime_type="a"), scores.skill(baseline)
    adjusted = with_paired_verdicts(skill, pairs, baseline).set_index(["forecaster", "crime_type"])
    for row in pairs.to_dict("records"):
        if row["forecaster"] == baseline:
            words = {"better": "worse", "worse": "better", "tie": "tie"}[row["verdict"]]
            other = row["other"]
        elif row["other"] == baseline:
            words, other = row["verdict"], row["forecaster"]
        else:
            continue
        assert adjusted.loc[(other, "a"), "verdict"] == words
        assert adjusted.loc[(other, "a"), "p_value"] == row["holm"]
    unchanged = ["skill", "low", "high", "n"]
    assert list(adjusted.reset_index()["forecaster"]) == list(skill["forecaster"])
    assert adjusted.reset_index()[unchanged].equals(skill[unchanged])


@pytest.mark.slow
def test_without_the_adjustment_a_tie_was_called_better():
    """The contradiction of earlier pages: one of these seeds is enough for it."""
    found = []
    for seed in range(8):
        scores = table_of(noisy_losses({name: 0.012 * place for place, name in enumerate("abcdef")}, seed=seed))
        skill, pairs = scores.skill("f"), paired_tests(scores, crime_type="a")
        alone = skill.loc[skill["crime_type"] == "a", "verdict"].to_numpy()
        both = with_paired_verdicts(skill, pairs, "f")
        found.append((alone != both.loc[both["crime_type"] == "a", "verdict"].to_numpy()).any())
    assert any(found)


def test_rows_without_a_pair_keep_their_verdict():
    scores = table_of(LOSSES)
    skill = scores.skill("same").assign(verdict="better", p_value=0.01)
    kept = with_paired_verdicts(skill, paired_tests(scores, crime_type="a").iloc[:0], "same")
    assert kept.equals(skill)
