import numpy as np
import pytest
from scipy import stats

from ilp_models.domain.errors import InputError
from ilp_models.scoring import consistency as tested
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import replay_of


def consistency(replay, tests=tested.TESTS, draws=1000, floor=0.005, **resampling):
    return tested.consistency(replay, Bootstrap(**resampling), floor, tests, draws)


def one_row(table, test, distribution="poisson", kind="all"):
    chosen = (table["test"] == test) & (table["distribution"] == distribution) & (table["crime_type"] == kind)
    return table[chosen].iloc[0]


def of_total(expected, observed, dispersion=0.0):
    return replay_of(np.full((1, 1, 1), expected), np.full((1, 1, 1), observed), dispersion=dispersion)


# Deltas that the CSEP testing centre published for its own software: the results its acceptance tests hold (RELM
# wiemer-schorlemmer, cumulative), the EEPAS-0F result of 2007-12-01, and the unit test of pyCSEP
PUBLISHED = [
    (2.5, 2, 0.71270250481635422, 0.54381311588332948),
    (5.0, 4, 0.73497408470263836, 0.44049328506521224),
    (8.0, 8, 0.54703919051300631, 0.59254734143759302),
    (6.0, 6, 0.55432035863538842, 0.6063027824125915),
    (0.154434176858, 0, 1.0, 0.85689989412942635),
    (0.0015, 0, 1.0, 0.9985011244377109),
]


@pytest.mark.parametrize(("expected", "observed", "delta_1", "delta_2"), PUBLISHED)
def test_number_test_gives_the_published_deltas(expected, observed, delta_1, delta_2):
    row = one_row(consistency(of_total(expected, observed), ("number",)), "number")
    assert (row["delta_1"], row["delta_2"]) == pytest.approx((delta_1, delta_2), abs=2e-6)
    assert row["observed"] == observed
    assert row["verdict"] == "consistent"


def test_number_test_adds_up_variances():
    # mean 3 + 1, variance 3 + 0.5 * 9 + 1 + 0.2 * 1 = 8.7
    replay = replay_of(np.array([[[3.0]], [[1.0]]]), np.array([[[9]], [[2]]]), dispersion=[0.5, 0.2])
    row = one_row(consistency(replay, ("number",)), "number", "negative_binomial")
    mean, variance = 4.0, 8.7
    oracle = stats.nbinom(mean**2 / (variance - mean), mean / variance)
    assert (row["delta_1"], row["delta_2"]) == pytest.approx((oracle.sf(10), oracle.cdf(11)))
    assert (row["quantile_low"], row["quantile_high"]) == (oracle.ppf(0.025), oracle.ppf(0.975))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_quantiles_of_the_number_test_are_two_sided_at_the_confidence(confidence):
    row = one_row(consistency(of_total(1000.0, 1000), ("number",), confidence=confidence), "number")
    low, high = stats.poisson(1000.0).interval(confidence)
    assert (row["quantile_low"], row["quantile_high"]) == (low, high)


@pytest.mark.parametrize(("observed", "verdict"), [(20, "too low"), (10, "consistent"), (3, "too high")])
def test_number_test_reports_the_direction_of_error(observed, verdict):
    assert one_row(consistency(of_total(10.0, observed), ("number",)), "number")["verdict"] == verdict
    strict = consistency(of_total(10.0, observed), ("number",), confidence=0.9999)
    assert one_row(strict, "number")["verdict"] == "consistent"


def test_likelihoods_are_those_computed_by_hand_for_csep():
    # one event expected in each of four bins; the joint log likelihoods in the unit test of pyCSEP
    same = consistency(replay_of(np.ones((1, 4, 1)), np.ones((1, 4, 1))), draws=10)
    assert one_row(same, "likelihood")["observed"] == pytest.approx(-4.0)
    assert one_row(same, "space")["observed"] == pytest.approx(-4.0)
    heap = consistency(replay_of(np.ones((1, 4, 1)), np.array([[[0], [0], [4], [0]]])), draws=10)
    assert one_row(heap, "space")["observed"] == pytest.approx(-7.178053830347945)
    assert one_row(heap, "likelihood")["observed"] == pytest.approx(-7.178053830347945)


def test_space_test_gives_the_exact_probability():
    # six events on two cells with shares 3/4 and 1/4: five on the second are as unlikely as this or less
    replay = replay_of(np.array([[[3.0], [1.0]]]), np.array([[[1], [5]]]))
    row = one_row(consistency(replay, ("space",), draws=40_000), "space")
    counts = np.arange(7)
    likelihood = stats.poisson.logpmf(counts, 4.5) + stats.poisson.logpmf(6 - counts, 1.5)
    oracle = stats.binom.pmf(counts, 6, 0.75)[likelihood <= likelihood[1] + 1e-9].sum()
    assert row["delta_1"] == pytest.approx(oracle, abs=4 * np.sqrt(oracle / 40_000))
    assert row["verdict"] == "inconsistent"


def test_likelihood_test_gives_the_exact_probability():
    replay = replay_of(np.full((1, 1, 2), 0.7), np.array([[[3, 1]]]), dispersion=0.6)
    row = one_row(consistency(replay, ("likelihood",), draws=40_000), "likelihood", "negative_binomial")
    size = 1 / 0.6
    logs = stats.nbinom.logpmf(np.arange(60), size, size / (size + 0.7))
    both = logs[:, None] + logs
    oracle = np.exp(both)[both <= logs[3] + logs[1] + 1e-9].sum()
    assert row["observed"] == pytest.approx(logs[3] + logs[1])
    assert row["delta_1"] == pytest.approx(oracle, abs=4 * np.sqrt(oracle / 40_000))


def city(seed, dispersion=0.0, factor=1.0):
    generator = np.random.default_rng(seed)
    expected = generator.gamma(0.6, 0.5, (2, 40, 8)) + 0.01
    rates = expected * (generator.gamma(1 / dispersion, dispersion, expected.shape) if dispersion else 1.0)
    return replay_of(expected * factor, generator.poisson(rates), dispersion=dispersion)


@pytest.mark.slow
@pytest.mark.parametrize("dispersion", [0.0, 0.8])
def test_correct_forecasts_are_consistent_at_the_stated_rate(dispersion):
    tables = [consistency(city(seed, dispersion), draws=100, seed=seed) for seed in range(40)]
    verdicts = {
        test: np.mean([one_row(table, test, "negative_binomial")["verdict"] != "consistent" for table in tables])
        for test in ("number", "space", "likelihood")
    }
    assert max(verdicts.values()) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)


def test_clustered_counts_are_not_poisson():
    table = consistency(city(7, 2.0), draws=200)
    for test in ("space", "likelihood"):
        assert one_row(table, test)["verdict"] == "inconsistent"
        assert one_row(table, test, "negative_binomial")["verdict"] == "consistent"


def test_wrong_map_fails_in_space_and_a_wrong_level_in_number():
    replay = city(1)
    level = consistency(city(1, factor=1.3), draws=200)
    assert one_row(level, "number")["verdict"] == "too high"
    assert one_row(level, "space")["verdict"] == "consistent"
    wrong = replay_of(replay.expected.values[:, ::-1], replay.observed.values)
    found = consistency(wrong, draws=200)
    assert one_row(found, "number")["verdict"] == "consistent"
    assert one_row(found, "space")["verdict"] == "inconsistent"


def test_rows_are_those_of_every_type_test_and_distribution_and_a_seed_repeats_them():
    table = consistency(city(0), draws=50)
    assert table["crime_type"].tolist() == [kind for kind in ("a", "b", "all") for _ in range(6)]
    assert table["test"].tolist() == ["number", "number", "space", "space", "likelihood", "likelihood"] * 3
    assert table["distribution"].tolist() == ["poisson", "negative_binomial"] * 9
    assert table.equals(consistency(city(0), draws=50))
    assert not table.equals(consistency(city(0), draws=50, seed=1))


def test_type_without_events_is_tested_too():
    table = consistency(replay_of(np.full((1, 5, 3), 0.01), np.zeros((1, 5, 3)), dispersion=0.3), draws=20)
    assert set(table["verdict"]) == {"consistent"}


@pytest.mark.parametrize("wrong", [{"tests": ("magnitude",)}, {"draws": 0}, {"floor": 0.0}, {"tests": ()}])
def test_invalid_settings_are_refused(wrong):
    with pytest.raises(InputError, match="Consistency tests need"):
        consistency(city(0), **wrong)


@pytest.mark.parametrize("test", ["space", "likelihood"])
def test_quantile_low_of_simulations_is_one_sided_at_the_confidence(test):
    generator = np.random.default_rng(4)
    expected = generator.gamma(1.0, 1.0, (1, 30, 4))
    replay = replay_of(expected, generator.poisson(expected))
    # 20 draws: the 10 % quantile is the second smallest, the 4 % quantile the smallest
    tenth, smallest = (
        one_row(consistency(replay, (test,), draws=20, confidence=level), test)["quantile_low"] for level in (0.9, 0.96)
    )
    assert smallest < tenth
    median = one_row(consistency(replay, (test,), draws=20, confidence=0.5), test)
    assert median["quantile_low"] > tenth
    assert tested._simulation_test(50.0, np.arange(100.0), 0.9)[1] == 9.0  # not 4.0, the two-sided quantile
