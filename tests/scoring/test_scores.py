import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.replay import ReplayTerms
from ilp_models.scoring.counts import crps
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import cumulative, poisson_deviance
from tests.builders import harm_sets, replay_of
from tests.scoring.score_tables import HARM, SCORING, SETS, SHARES, area, city


def slow_flags(rank_by, land, share):
    """Flag cell after cell, all cells of one density at once."""
    left, flags = share * sum(land), [0.0] * len(land)
    density = [value / m2 for value, m2 in zip(rank_by, land, strict=True)]
    for value in sorted(set(density), reverse=True):
        tied = [cell for cell, own in enumerate(density) if own == value]
        size = sum(land[cell] for cell in tied)
        part = min(1.0, left / size)
        for cell in tied:
            flags[cell] = part
        left -= part * size
    return flags


def slow_hits(rank_by, observed, land, share):
    return sum(part * events for part, events in zip(slow_flags(rank_by, land, share), observed, strict=True))


def slow_area(rank_by, observed, land, up_to):
    """Take the curve at many points."""
    points = [up_to * (step + 0.5) / 400 for step in range(400)]
    return sum(slow_hits(rank_by, observed, land, share) for share in points) / 400 / sum(observed) / (up_to / 2)


def slow_chance(count, mean, spread):
    if not spread:
        return math.exp(-mean) * mean**count / math.factorial(count)
    size = 1 / spread
    chance = math.gamma(count + size) / math.gamma(size) / math.factorial(count)
    return chance * (size / (size + mean)) ** size * (mean / (size + mean)) ** count


def slow_crps(y, mean, spread):
    below = [sum(slow_chance(k, mean, spread) for k in range(count + 1)) for count in range(40)]
    return sum((share - (count >= y)) ** 2 for count, share in enumerate(below))


def slow_scores(replay, land, kind, period, floor=0.005):
    """Score one type and period with loops over cells."""
    y = [int(value) for value in replay.observed.values[kind, :, period]]
    p = [float(value) for value in replay.expected.values[kind, :, period]]
    limits = replay.quantiles.values[:, kind, :, period]
    spread, cells = float(replay.dispersion.values[kind]), range(len(y))
    scores = dict.fromkeys(("deviance", "squared_error", "log_score", "pinball", "crps", "brier_any", "log_any"), 0.0)
    for cell in cells:
        mean = max(p[cell], floor)
        log_term = y[cell] * math.log(y[cell] / mean) if y[cell] else 0.0
        scores["deviance"] += 2 * (log_term - y[cell] + mean) / len(y)
        scores["squared_error"] += (y[cell] - p[cell]) ** 2 / len(y)
        scores["log_score"] -= math.log(slow_chance(y[cell], mean, spread)) / len(y)
        scores["brier_any"] += ((y[cell] > 0) - (1 - slow_chance(0, p[cell], spread))) ** 2 / len(y)
        none = slow_chance(0, mean, spread)
        scores["log_any"] -= math.log(1 - none if y[cell] else none) / len(y)
        scores["crps"] += slow_crps(y[cell], p[cell], spread) / len(y)
        for level, limit in zip((0.05, 0.25, 0.5, 0.75, 0.95), limits[:, cell], strict=True):
            cost = level * (y[cell] - limit) if y[cell] > limit else (1 - level) * (limit - y[cell])
            scores["pinball"] += cost / 5 / len(y)
    for row, name in enumerate(("q05", "q25", "q50", "q75", "q95")):
        scores[f"below_{name}"] = sum(y[cell] < limits[row, cell] for cell in cells) / len(y)
        scores[f"at_most_{name}"] = sum(y[cell] <= limits[row, cell] for cell in cells) / len(y)
    scores["coverage_90"] = sum(limits[0, c] <= y[c] <= limits[4, c] for c in cells) / len(y)
    scores["coverage_50"] = sum(limits[1, c] <= y[c] <= limits[3, c] for c in cells) / len(y)
    scores |= {"expected_total": sum(p), "observed_total": sum(y)}
    if sum(y):
        scores |= {"sum_ratio": sum(p) / sum(y), "pai_area": slow_area(p, y, land, 0.35)}
    for share, name in zip(SHARES, ("10", "35"), strict=True):
        mine, best = slow_hits(p, y, land, share), slow_hits(y, y, land, share)
        scores[f"oracle_hits_{name}"] = best
        if sum(y):
            scores |= {
                f"hit_rate_{name}": mine / sum(y),
                f"pai_{name}": mine / sum(y) / share,
                f"pei_{name}": mine / best,
            }
        if period:
            scores |= slow_stability(replay, land, kind, period, share, name)
    return scores | slow_harm(replay, land, kind, period)


def slow_stability(replay, land, kind, period, share, name):
    """Compare the flagged areas with the period before."""
    (q, p), (x, y) = (
        [[float(value) for value in cube.values[kind, :, when]] for when in (period - 1, period)]
        for cube in (replay.expected, replay.observed)
    )
    flags, before = slow_flags(p, land, share), slow_flags(q, land, share)
    same = sum(min(pair) * m2 for *pair, m2 in zip(flags, before, land, strict=True))
    scores = {f"displacement_{name}": 1 - same / share / sum(land)}
    if sum(x) and sum(y):
        now, then = (sum(part * n for part, n in zip(flags, counts, strict=True)) for counts in (y, x))
        both = sum(x) + sum(y)
        scores |= {f"recaptured_now_{name}": now * sum(x) / both, f"recaptured_then_{name}": then * sum(y) / both}
        if then:
            scores[f"rri_{name}"] = (now / sum(y)) / (then / sum(x))
    return scores


def slow_harm(replay, land, kind, period):
    """Rank by the harm of both types under each set and reading, and catch the events of one type."""
    scores = {}
    for name, weights in {"first": (3.0, 0.5), "second_low": (1.0, 2.0), "second_high": (20.0, 2.0)}.items():
        expected = replay.expected.values[:, :, period]
        risk = [sum(w * float(expected[k, cell]) for k, w in enumerate(weights)) for cell in range(len(land))]
        y = [weights[kind] * float(value) for value in replay.observed.values[kind, :, period]]
        scores[f"harm_{name}_total"] = sum(y)
        for share, label in zip(SHARES, ("10", "35"), strict=True) if sum(y) else ():
            scores[f"harm_{name}_hit_rate_{label}"] = slow_hits(risk, y, land, share) / sum(y)
    return scores


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_score_equals_loops_over_cells(seed):
    replay = city(seed, counts_seed=seed)
    replay.observed.values[1, :, 3] = 0
    table = SCORING.run([replay], area()).table
    mine = table[table["forecaster"] == "ewma"].set_index(["crime_type", "period"])
    for kind, name in enumerate(("a", "b")):
        for period, start in enumerate(replay.periods.start_time.strftime("%Y-%m-%d")):
            scores = mine.loc[(name, start)].set_index("score")["value"].to_dict()
            slow = slow_scores(replay, area(), kind, period)
            areas = {key: slow.pop(key) for key in ("pai_area",) if key in slow}
            assert {key: scores.pop(key) for key in areas} == pytest.approx(areas, rel=5e-3)
            assert scores == pytest.approx(slow)


def test_pools_are_those_of_all_units():
    replay = city()
    pooled = (
        SCORING.run([replay], area()).summarise(("forecaster",)).set_index(["forecaster", "score"])["value"]["ewma"]
    )
    error = replay.observed.values - replay.expected.values
    assert pooled["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert pooled["sum_ratio"] == pytest.approx(replay.expected.values.sum() / replay.observed.values.sum())
    hits = best = 0.0
    for kind in range(2):
        for period in range(9):
            p, y = replay.expected.values[kind, :, period], replay.observed.values[kind, :, period]
            hits += slow_hits(p, y, area(), 0.35)
            best += slow_hits(y, y, area(), 0.35)
    assert pooled["hit_rate_35"] == pytest.approx(hits / replay.observed.values.sum())
    assert pooled["pai_35"] == pytest.approx(hits / replay.observed.values.sum() / 0.35)
    assert pooled["pei_35"] == pytest.approx(hits / best)


def test_pooled_harm_hit_rate_is_captured_harm_over_all_harm():
    replay = city()
    summary = SCORING.run([replay], area()).summarise().set_index(["forecaster", "crime_type", "score"])["value"]
    weights = np.array(list(HARM.values()))
    risk, done = (np.tensordot(weights, cube.values, axes=1) for cube in (replay.expected, replay.observed))
    caught, best = (
        sum(slow_hits(by[:, week], done[:, week], area(), 0.35) for week in range(9)) for by in (risk, done)
    )
    assert summary["ewma", "all", "harm_first_hit_rate_35"] == pytest.approx(caught / done.sum())
    assert summary["oracle", "all", "harm_first_hit_rate_35"] == pytest.approx(best / done.sum())
    scores = {score for score in summary.index.get_level_values("score") if score.startswith("harm")}
    readings = ("first", "second_low", "second_high")
    assert scores == {f"harm_{name}_hit_rate_{share}" for name in readings for share in ("10", "35")}


def test_no_weights_give_no_harm_scores():
    table = Scoring(land_shares=SHARES, bootstrap=Bootstrap(draws=50)).run([city()], area()).table
    assert not table["score"].str.startswith("harm").any()


def test_every_type_needs_a_weight():
    with pytest.raises(InputError, match=r"The harm set second has no weight for b"):
        replace(SCORING, harm_sets=harm_sets(HARM, {"a": 1.0})).run([city()], area())


def test_pooled_recapture_rate_is_of_sums():
    replay = city(lead=2)
    summary = SCORING.run([replay], area()).summarise().set_index(["forecaster", "crime_type", "score"])
    now = then = 0.0
    for week in range(2, 9):
        x, y = (replay.observed.values[0, :, when] for when in (week - 2, week))
        flags = np.array(slow_flags(replay.expected.values[0, :, week], area(), 0.35))
        now += flags @ y * x.sum() / (x.sum() + y.sum())
        then += flags @ x * y.sum() / (x.sum() + y.sum())
    assert summary.loc[("ewma", "a", "rri_35"), "value"] == pytest.approx(now / then)
    assert summary.loc[("ewma", "a", "rri_35"), "n"] == 7


def test_perfect_forecast_scores_as_the_oracle():
    counts = city().observed.values
    perfect = replay_of(counts, counts, "perfect")
    summary = SCORING.run([perfect], area()).summarise().set_index(["forecaster", "crime_type", "score"])["value"]
    mine, oracle = summary["perfect"]["all"], summary["oracle"]["all"]
    shared = oracle.index.intersection(mine.index)
    assert {"deviance", "rmse", "hit_rate_10", "pai_10", "pei_10", "sum_ratio"} <= set(shared)
    assert mine[shared].to_dict() == pytest.approx(oracle.to_dict())
    assert mine["deviance"] == pytest.approx(2 * 0.005 * (counts == 0).mean())
    assert mine["pei_10"] == pytest.approx(1.0)


@pytest.mark.parametrize("dispersion", [0.0, 1.5])
def test_the_ceiling_is_the_mean_score_of_many_draws_of_the_truth(dispersion):
    generator = np.random.default_rng(3)
    truth = generator.gamma(0.5, 0.6, (2, 300, 12))
    shape = (200, *truth.shape)
    factors = generator.gamma(1 / dispersion, dispersion, shape) if dispersion else np.ones(shape)
    drawn = generator.poisson(truth * factors)
    replays = [replay_of(truth, drawn[0], "truth", dispersion=dispersion), replay_of(truth * 1.5, drawn[0], "ewma")]
    scores = SCORING.run(replays, np.ones(300))
    assert scores.bounds == ("ceiling (truth)", "oracle")
    summary = scores.summarise(("forecaster",)).set_index(["forecaster", "score"])["value"]
    ceiling = summary["ceiling (truth)"]
    assert set(ceiling.index) == {
        "deviance",
        "poisson_deviance",
        "crps",
        "brier_any",
        "log_any",
    }  # no hit rate: no bound on it
    deviance = poisson_deviance(drawn, truth, SCORING.floor).mean(axis=(1, 2, 3))
    error = deviance.std() / np.sqrt(len(drawn))
    assert ceiling["deviance"] == pytest.approx(deviance.mean(), abs=4 * error)
    gap = (deviance.mean() - ceiling["poisson_deviance"]) / error
    assert abs(gap) < 4 if dispersion == 0 else gap > 30  # Poisson promises too small an error
    none = cumulative(0, np.maximum(truth, SCORING.floor), dispersion)
    log_any = -np.log(np.where(drawn == 0, none, 1 - none))
    brier = (cumulative(0, truth, dispersion) - (drawn == 0)) ** 2
    for name, score in (("crps", crps(drawn, truth, dispersion)), ("brier_any", brier), ("log_any", log_any)):
        means = score.mean(axis=(1, 2, 3))
        assert ceiling[name] == pytest.approx(means.mean(), abs=4 * means.std() / np.sqrt(len(drawn)))
    skill = scores.skill("ewma", bounds=True).query("crime_type == 'all'").set_index("forecaster")["skill"]
    assert skill["oracle"] > skill["ceiling (truth)"]


def test_order_of_the_cells_changes_nothing():
    replay, order = city(), np.random.default_rng(0).permutation(8)
    cubes = {name: getattr(replay, name).isel(cell=order) for name in ("expected", "observed", "quantiles")}
    shuffled = SCORING.run([replace(replay, **cubes)], area()[order]).table
    pd.testing.assert_frame_equal(shuffled, SCORING.run([replay], area()).table)


def test_leads_are_scored_separately():
    replays = [city(seed, lead=lead) for seed, lead in enumerate((1, 2))]
    table = SCORING.run(replays, area()).table
    assert table.groupby("forecaster")["lead"].unique().map(list).to_dict() == {
        "ewma": [1, 2],
        "ceiling (ewma)": [1, 2],
        "oracle": [1, 2],
    }


def test_no_ceiling_rests_on_forecasts_that_were_handed_in():
    """A copy of the counts would make its own ceiling, with the dispersion that it likes."""
    own = city()
    seen = replace(own, forecaster="seen", expected=own.observed.astype(float), handed_in=True)
    assert SCORING.run([own, seen], area()).bounds == ("ceiling (ewma)", "oracle")
    assert SCORING.run([seen], area()).bounds == ("oracle",)


def test_delay_is_stored_and_used_by_recapture():
    late = SCORING.run([replace(city(), terms=ReplayTerms(delay=2))], area())
    far = SCORING.run([replace(city(), lead=3)], area())
    assert (late.delay, far.delay) == (2, 0)
    assert late.table.drop(columns="lead").equals(far.table.drop(columns="lead"))


def test_dispersion_for_each_unit_is_read():
    replay = city()
    wide = replay.dispersion.broadcast_like(replay.expected).transpose(*replay.expected.dims)
    pd.testing.assert_frame_equal(
        SCORING.run([replace(replay, dispersion=wide)], area()).table, SCORING.run([replay], area()).table
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"land_shares": []}, "land_shares"),
        ({"land_shares": [5]}, "0.05"),
        ({"land_shares": [0.05, 0.05]}, "twice"),
        ({"floor": 0.0}, "floor"),
        ({"curve_land_share": 20}, "curve_land_share=20"),
        ({"harm_sets": SETS[:1]}, r"harm=\[first\] is one harm set"),
        ({"harm_sets": {"a": 1.0, "b": 2.0}}, "1.0 is not a harm set"),
    ],
)
def test_invalid_scoring_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Scoring(**settings)


@pytest.mark.parametrize(
    ("score", "hint"),
    [
        ("pai_5", r"Did you mean pai_05\?"),
        ("hit_rate_foo", r"Did you mean hit_rate_\d\d\?"),
        ("pei_area", r"Did you mean p[ae]i_\w+\?"),
        ("harm_csi_2009_hit_rate_05", r"Choose harm sets: 'harm=\[csi_2009,ons_css\]'"),
        ("coverage_90", "it has no better direction"),
    ],
)
def test_unknown_score_is_refused_with_a_suggestion(score, hint):
    with pytest.raises(InputError, match=hint):
        Scoring().check_score(score, "tuning.score")


def test_every_score_with_direction_is_accepted():
    made = set(SCORING.run([city()], area()).table["score"])
    refused = {score for score in made if not allowed(score)}
    parts = ("total", "below", "at_most", "coverage", "ratio", "oracle", "rri", "displacement", "recaptured", "poisson")
    assert {"harm_second_low_hit_rate_35", "harm_first_hit_rate_10", "pai_area", "squared_error"} <= made - refused
    assert all(any(part in score for part in parts) for score in refused)


def allowed(score):
    try:
        SCORING.check_score(score, "tuning.score")
    except InputError:
        return False
    return True
