from io import StringIO

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.scores import COLUMNS, ScoreTable, ceiling_of, is_bound
from ilp_models.stats.bootstrap import Bootstrap, paired_p_value

WEEKS = pd.date_range("2021-01-04", periods=12, freq="7D").strftime("%Y-%m-%d").tolist()


def table_of(*rows):
    return pd.DataFrame(rows, columns=list(COLUMNS))


def by_hand():
    """Two types, two weeks; type b has no event in the second week."""
    scores = {
        ("a", WEEKS[0]): {"deviance": 0.4, "squared_error": 1.0, "expected_total": 9.0, "observed_total": 10.0}
        | {"sum_ratio": 0.9, "hit_rate_05": 0.5, "pai_05": 10.0, "pei_05": 0.625, "oracle_hits_05": 8.0},
        ("a", WEEKS[1]): {"deviance": 0.2, "squared_error": 3.0, "expected_total": 3.0, "observed_total": 5.0}
        | {"sum_ratio": 0.6, "hit_rate_05": 0.2, "pai_05": 4.0, "pei_05": 0.25, "oracle_hits_05": 4.0},
        ("b", WEEKS[0]): {"deviance": 0.6, "squared_error": 4.0, "expected_total": 2.0, "observed_total": 1.0}
        | {"sum_ratio": 2.0, "hit_rate_05": 1.0, "pai_05": 20.0, "pei_05": 1.0, "oracle_hits_05": 1.0},
        ("b", WEEKS[1]): {"deviance": 0.0, "squared_error": 0.0, "expected_total": 1.0, "observed_total": 0.0}
        | {"oracle_hits_05": 0.0},
    }
    return table_of(
        *(("ewma", kind, 1, week, name, value) for (kind, week), row in scores.items() for name, value in row.items())
    )


def pooled(summary, **keys):
    for column, value in keys.items():
        summary = summary[summary[column] == value]
    return summary.set_index("score")["value"]


def test_pooled_scores_by_hand():
    summary = ScoreTable(by_hand()).summarise()
    everything = pooled(summary, crime_type="all")
    assert everything["deviance"] == pytest.approx(0.3)
    assert everything["rmse"] == pytest.approx(np.sqrt(2.0))
    assert everything["sum_ratio"] == pytest.approx(15 / 16)
    assert everything["hit_rate_05"] == pytest.approx((5 + 1 + 1) / 16)
    assert everything["pai_05"] == pytest.approx(7 / 16 / 0.05)
    assert everything["pei_05"] == pytest.approx(7 / 13)
    second = pooled(summary, crime_type="b")
    assert second["sum_ratio"] == pytest.approx(3.0)
    assert second["hit_rate_05"] == pytest.approx(1.0)
    assert set(summary["n"][(summary["crime_type"] == "b") & (summary["score"] == "hit_rate_05")]) == {1}
    assert set(summary["n"][summary["crime_type"] == "a"]) == {2}


def test_without_crime_type_the_pool_is_over_all_types():
    scores = ScoreTable(by_hand())
    assert pooled(scores.summarise(("forecaster",))).to_dict() == pytest.approx(
        pooled(scores.summarise(), crime_type="all").to_dict()
    )


def two_forecasters():
    """The second catches half of what the first does, and has twice its deviance."""
    other = by_hand().assign(forecaster="kde")
    half = other["score"].str.startswith(("hit_rate", "pai", "pei"))
    other.loc[half, "value"] /= 2
    other.loc[other["score"] == "deviance", "value"] *= 2
    return ScoreTable(pd.concat([by_hand(), other], ignore_index=True))


@pytest.mark.parametrize("score", ["deviance", "hit_rate_05", "pai_05", "pei_05", "sum_ratio", "squared_error"])
@pytest.mark.parametrize("kind", ["a", "b", "all"])
def test_sums_by_period_make_the_pooled_score(score, kind):
    scores = two_forecasters()
    top, bottom = scores.by_period(score, crime_type=kind)
    assert top.index.tolist() == bottom.index.tolist() == WEEKS[:2]
    summary = scores.summarise()
    summary = summary[(summary["crime_type"] == kind) & (summary["score"] == score.replace("squared_error", "rmse"))]
    expected = summary.set_index("forecaster")["value"] ** (2 if score == "squared_error" else 1)
    assert (top.sum() / bottom.sum()).to_dict() == pytest.approx(expected.to_dict())


def test_sums_by_period_leave_bounds_out():
    bound = by_hand().assign(forecaster="oracle")
    top, _ = ScoreTable(pd.concat([by_hand(), bound], ignore_index=True)).by_period("deviance")
    assert top.columns.tolist() == ["ewma"]


@pytest.mark.parametrize(
    "asked", [{"score": "hit_rate_99"}, {"score": "deviance", "lead": 2}, {"score": "deviance", "crime_type": "c"}]
)
def test_missing_scores_are_named(asked):
    with pytest.raises(InputError, match="There is no score"):
        two_forecasters().by_period(**asked)


def test_incomplete_scores_are_refused():
    table = two_forecasters().table
    first = table["period"] == table["period"].min()
    table = table[~((table["forecaster"] == "kde") & (table["score"] == "pei_05") & first)]
    with pytest.raises(InputError, match="have the score 'pei_05' in different periods"):
        ScoreTable(table.reset_index(drop=True)).by_period("pei_05")


def test_recapture_rates_are_pooled_as_mantel_and_haenszel_do():
    # week 1: 6 of 12 events now, 8 of 10 then; week 2: 3 of 6 now, 6 of 12 then
    parts = [(6 * 10 / 22, 8 * 12 / 22), (3 * 12 / 18, 6 * 6 / 18)]
    rows = []
    for week, (now, then) in zip(WEEKS, parts, strict=False):
        named = {"deviance": 1.0, "recaptured_now_05": now, "recaptured_then_05": then, "rri_05": now / then}
        rows += [("ewma", "a", 1, week, name, value) for name, value in named.items()]
    value = pooled(ScoreTable(table_of(*rows)).summarise(), crime_type="a")
    assert value["rri_05"] == pytest.approx((60 / 22 + 2) / (96 / 22 + 2))
    assert "recaptured_now_05" not in value


def test_harm_scores_are_pooled_by_harm():
    rows = []
    for kind, total, rate in (("a", 90.0, 0.5), ("b", 10.0, 0.1)):
        named = {"deviance": 1.0, "observed_total": 5.0, "harm_own_total": total, "harm_own_hit_rate_05": rate}
        named |= {"harm_ons_low_total": 1.0, "harm_ons_low_hit_rate_05": rate}
        rows += [("ewma", kind, 1, WEEKS[0], name, value) for name, value in named.items()]
    table = ScoreTable(table_of(*rows))
    value = pooled(table.summarise(), crime_type="all")
    assert value["harm_own_hit_rate_05"] == pytest.approx(46 / 100)
    assert value["harm_ons_low_hit_rate_05"] == pytest.approx(0.6 / 2)
    assert "harm_own_total" not in value
    captured, whole = table.by_period("harm_own_hit_rate_05")
    assert (captured["ewma"].tolist(), whole.tolist()) == ([pytest.approx(46.0)], [100.0])


def test_single_period_is_summarised_without_an_interval():
    summary = ScoreTable(by_hand()).summarise(("forecaster", "period"))
    second = summary[summary["period"] == WEEKS[1]].set_index("score")
    assert second.loc["sum_ratio", "value"] == pytest.approx(4 / 5)
    assert second[["low", "high"]].isna().all(axis=None)
    assert set(second["n"]) == {1}


def test_scores_read_back_from_a_file_summarise_alike():
    scores = ScoreTable(by_hand())
    again = ScoreTable(pd.read_csv(StringIO(scores.table.to_csv(index=False))))
    pd.testing.assert_frame_equal(again.summarise(), scores.summarise())


def deviances(**of):
    """A table of deviances over twelve weeks, one type unless a value is a dict of types."""
    return table_of(
        *(
            (name, kind, 1, week, "deviance", float(value))
            for name, kinds in of.items()
            for kind, series in (kinds if isinstance(kinds, dict) else {"a": kinds}).items()
            for week, value in zip(WEEKS, np.broadcast_to(series, 12), strict=True)
        )
    )


NOISE = np.random.default_rng(1).normal(0, 0.01, (2, 12))


def test_skill_is_the_saved_share_of_the_baseline_deviance():
    scores = deviances(ewma={"a": 1.0, "b": 0.2}, lightgbm={"a": 0.9, "b": 0.3})
    skill = ScoreTable(scores).skill("ewma").set_index(["forecaster", "crime_type"])
    assert skill.loc[("lightgbm", "a"), "skill"] == pytest.approx(0.1)
    assert skill.loc[("lightgbm", "b"), "skill"] == pytest.approx(-0.5)
    assert skill.loc[("lightgbm", "all"), "skill"] == pytest.approx(0.0)
    assert skill.loc[("lightgbm", "a"), ["low", "high"]].tolist() == pytest.approx([0.1, 0.1])
    assert skill["verdict"].tolist() == ["tie", "tie", "tie", "better", "worse", "tie"]
    assert skill.loc[("ewma", "all"), "p_value"] == 1.0
    assert set(skill["n"]) == {12}


def test_noise_is_a_tie_and_a_steady_gain_is_better():
    scores = ScoreTable(deviances(ewma=1.0 + NOISE[0], twin=1.0 + NOISE[1], good=0.95 + NOISE[1]))
    skill = scores.skill("ewma").query("crime_type == 'all'").set_index("forecaster")
    assert skill["verdict"].to_dict() == {"ewma": "tie", "twin": "tie", "good": "better"}
    assert skill.loc["twin", "low"] < 0 < skill.loc["twin", "high"]
    assert skill.loc["good", "low"] < skill.loc["good", "skill"] < skill.loc["good", "high"]


def test_few_periods_show_no_difference():
    scores = deviances(ewma=1.0, lightgbm=0.5)
    few = ScoreTable(scores[scores["period"].isin(WEEKS[:11])], Bootstrap(block=4)).skill("ewma")
    assert few["skill"].tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert few[["low", "high", "p_value"]].isna().all(axis=None)
    assert set(few["verdict"]) == {"tie"}


def test_long_leads_are_resampled_in_blocks_as_long_and_others_as_before():
    weeks = pd.date_range("2021-01-04", periods=104, freq="7D").strftime("%Y-%m-%d")
    drawn = 1 + 0.1 * np.random.default_rng(3).normal(size=(2, 2, 104)).cumsum(axis=-1)
    rows = [
        (name, "a", lead, week, "deviance", drawn[index, at, when])
        for index, name in enumerate(("ewma", "other"))
        for at, lead in enumerate((1, 12))
        for when, week in enumerate(weeks)
    ]
    short, long = (ScoreTable(table_of(*rows), Bootstrap(block=block, draws=300)) for block in (4, 12))
    for made in (ScoreTable.summarise, lambda scores: scores.skill("ewma").drop(columns=["p_value", "verdict"])):
        table = made(short)
        pd.testing.assert_frame_equal(table.query("lead == 12"), made(long).query("lead == 12"))
        alone = ScoreTable(table_of(*(row for row in rows if row[2] == 1)), short.resampling)
        at_one = table.query("lead == 1").reset_index(drop=True)
        pd.testing.assert_frame_equal(at_one, made(alone).reset_index(drop=True), check_exact=True)
    pd.testing.assert_frame_equal(short.summarise(["forecaster"]), long.summarise(["forecaster"]))
    p_value = short.skill("ewma").query("forecaster == 'other' and lead == 12")["p_value"].iloc[0]
    assert p_value == paired_p_value(drawn[0, 1] - drawn[1, 1], 22)


@pytest.mark.parametrize("made", [ScoreTable.summarise, lambda scores: scores.skill("ewma")])
def test_delay_lengthens_the_lead(made):
    drawn = 1 + 0.1 * np.random.default_rng(3).normal(size=(2, 104)).cumsum(axis=-1)
    weeks = pd.date_range("2021-01-04", periods=104, freq="7D").strftime("%Y-%m-%d")
    near, far = (
        table_of(
            *(
                (name, "a", lead, week, "deviance", drawn[at, when])
                for at, name in enumerate(("ewma", "other"))
                for when, week in enumerate(weeks)
            )
        )
        for lead in (1, 8)
    )
    late = made(ScoreTable(near, delay=7)).drop(columns="lead")
    pd.testing.assert_frame_equal(late, made(ScoreTable(far)).drop(columns="lead"))
    assert not late.equals(made(ScoreTable(near)).drop(columns="lead"))


def test_all_forecasters_use_the_same_draws():
    scores = ScoreTable(deviances(ewma=1 + NOISE[0], once=2 + 2 * NOISE[0]))
    skill = scores.skill("ewma").query("forecaster == 'once'")
    assert skill["low"].to_numpy() == pytest.approx(skill["high"].to_numpy())


def test_bounds_are_separate_from_forecasters():
    scores = ScoreTable(deviances(ewma=1.0, **{ceiling_of("ewma"): 0.9, "oracle": 0.1}))
    assert scores.forecasters == ("ewma",)
    assert scores.bounds == ("ceiling (ewma)", "oracle")
    assert scores.skill("ewma")["forecaster"].unique().tolist() == ["ewma"]
    assert scores.skill("ewma", bounds=True)["skill"].tolist() == pytest.approx([0.1, 0.1, 0.9, 0.9])
    assert is_bound("floor (ewma)")  # in results of earlier versions
    assert not is_bound("ceiling_mean")
    with pytest.raises(InputError, match="baseline 'oracle'"):
        scores.skill("oracle")


def test_skill_compares_equal_leads():
    later = deviances(ewma=2.0, lightgbm=1.0).assign(lead=2, period=lambda t: t["period"] + "+")
    skill = ScoreTable(pd.concat([deviances(ewma=1.0, lightgbm=0.9), later])).skill("ewma")
    mine = skill[(skill["forecaster"] == "lightgbm") & (skill["crime_type"] == "all")]
    assert mine.set_index("lead")["skill"].to_dict() == pytest.approx({1: 0.1, 2: 0.5})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (by_hand().rename(columns={"score": "metric"}), "the columns forecaster"),
        (by_hand().iloc[:0], "need rows"),
        (pd.concat([by_hand(), by_hand().tail(1)]), "1 scores are duplicated, first ewma / b / 1"),
        (by_hand().assign(value=np.nan), "NaN"),
        (by_hand().replace({"crime_type": {"a": "all"}}), "Rename that type"),
        (pd.concat([by_hand(), deviances(lightgbm=1.0)]), "lacks scores for some periods"),
        (pd.concat([by_hand(), table_of(("x", "a", 1, WEEKS[0], "rmse", 1.0))]), "x lacks scores"),
    ],
)
def test_invalid_tables_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        ScoreTable(table)


@pytest.mark.parametrize("by", [(), ("forecaster", "cell")])
def test_summaries_are_by_columns_of_the_table(by):
    with pytest.raises(InputError, match="summarised by"):
        ScoreTable(by_hand()).summarise(by)


def test_repr_and_frame_show_forecasters_and_pooled_scores():
    scores = ScoreTable(by_hand())
    assert repr(scores).startswith(f"<ScoreTable of {', '.join(scores.forecasters)}: ")
    assert "<th>deviance</th>" in scores._repr_html_()
    assert scores.to_frame().equals(scores.table)
