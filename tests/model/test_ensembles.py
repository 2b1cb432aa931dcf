import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.model.ensembles import BestPast, OpinionPool, Stacked
from ilp_models.model.hindcast import HindcastForecaster, deviance_by_type
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.past_forecasts import forecast_past
from ilp_models.model.regressions.glm import PoissonGLM
from ilp_models.stats.distributions import fit_dispersion
from tests.builders import city, events_of, history_of, poisson_counts

GRID = city(3, 4)
RATES = np.random.default_rng(3).gamma(1.0, 0.6, (2, 12, 1))
MEMBERS = {"short": MovingAverage(3), "long": MovingAverage(60)}


@pytest.fixture(scope="module")
def history():
    return history_of(poisson_counts((2, 12, 120), RATES), GRID)


def ahead(forecaster, history, leads=1):
    return forecaster.predict(history.calendar.next_periods(history.cutoff, leads)).expected.values


class Flat(HindcastForecaster):
    """One rate for all cells."""

    def __init__(self, rate=0.5):
        self.rate = rate

    def hindcast(self, history, periods, step):  # noqa: ARG002
        return np.full((len(periods), *history.panel.by_period.shape[1:]), self.rate)


def test_past_forecasts_equal_those_made_at_the_time():
    events = events_of(poisson_counts((2, 12, 80), RATES), GRID, delay_days=20, settles_after="7D")
    calendar = history_of(poisson_counts((1, 12, 9))).calendar
    history = History.from_events(
        events.start + 500 * 24 * (events.end - events.start) / (560 * 24), events, GRID, calendar
    )
    past = forecast_past(MEMBERS, history, 5, 2)
    assert past.expected.shape == (2, 5, 2, 12)
    np.testing.assert_array_equal(past.observed, history.panel.by_period[-5:])
    for place, member in enumerate(MEMBERS.values()):
        for index, period in enumerate(history.panel.periods[-5:]):
            then = History.from_events(period.start_time, events, GRID, calendar)
            oracle = ahead(member.fit(then), then)[..., 0]
            np.testing.assert_allclose(past.expected[place, index], oracle, rtol=1e-6)


def test_members_are_refitted_at_the_set_interval(history):
    fits = []

    class Counting(MovingAverage):
        def _tune(self, known):
            fits.append(len(known.panel.periods))

    forecast_past({"one": Counting(4)}, history, 6, 4)
    assert fits == [114, 118]


def test_a_stack_is_the_weighted_sum_of_members_fitted_on_all_that_is_known(history):
    stack = Stacked(MEMBERS, past_periods=20).fit(history)
    assert stack.weights_.shape == (2, 2)
    np.testing.assert_allclose(stack.weights_.sum(axis=1), 1.0)
    alone = np.stack([ahead(member.fit(history), history, 2) for member in MEMBERS.values()])
    np.testing.assert_allclose(ahead(stack, history, 2), np.einsum("km,mkct->kct", stack.weights_, alone), rtol=1e-9)


def test_the_better_member_gets_the_weight_and_others_are_not_fitted(history):
    stack = Stacked({"flat": Flat(5.0), **MEMBERS}, shrinkage=np.inf, past_periods=40).fit(history)
    assert (stack.weights_[:, 2] > 0.8).all()
    assert stack.weights_[0, 0] == 0
    assert list(stack.members_) == [
        name for name, kept in zip(stack.members, stack.weights_[0] > 0, strict=True) if kept
    ]


@pytest.mark.parametrize("scale", ["count", "log"])
def test_the_dispersion_is_fitted_around_the_pooled_past(scale, history):
    stack = Stacked(MEMBERS, scale=scale, past_periods=20).fit(history)
    past = forecast_past(MEMBERS, history, 20, 26)
    for kind in range(2):
        pooled = stack._combine(past.expected[:, :, kind], stack.weights_[kind])
        assert stack.dispersion_[kind] == fit_dispersion(past.observed[:, kind], pooled)


def test_an_update_keeps_the_weights_and_updates_the_members(history):
    before = history_of(history.panel.values[..., :-3], GRID)
    stack = Stacked(MEMBERS, past_periods=20).fit(before)
    weights = stack.weights_.copy()
    moved = ahead(stack.update(history), history)
    np.testing.assert_array_equal(stack.weights_, weights)
    alone = np.stack([ahead(member.fit(history), history) for member in MEMBERS.values()])
    np.testing.assert_allclose(moved, np.einsum("km,mkct->kct", weights, alone), rtol=1e-6)


def test_reports_after_a_past_cutoff_do_not_change_its_forecasts():
    counts = poisson_counts((2, 12, 80), RATES)
    late = counts.copy()
    late[:, :, -1] += 30  # a wave in the last week: it is known now, and was not when that week was forecast
    one, other = (forecast_past(MEMBERS, history_of(c, GRID), 5, 5) for c in (counts, late))
    np.testing.assert_array_equal(one.expected, other.expected)
    assert (other.observed[-1] == one.observed[-1] + 30).all()


def test_the_best_past_has_the_smallest_deviance(history):
    best = BestPast(MEMBERS, past_periods=30).fit(history)
    past = forecast_past(MEMBERS, history, 30, 26)
    losses = np.stack([deviance_by_type(past.observed, one) for one in past.expected])
    assert best.chosen_ == tuple(list(MEMBERS)[index] for index in losses.argmin(axis=0)) == ("long", "long")
    np.testing.assert_allclose(ahead(best, history), ahead(MovingAverage(60).fit(history), history))
    assert list(best.members_) == ["long"]


def test_types_choose_separately_or_together():
    weeks = np.arange(120)
    jumping = np.where(weeks % 30 < 15, 1.0, 6.0)[None, :]
    rates = np.stack([np.full((12, 120), 0.6), np.broadcast_to(jumping, (12, 120))])
    history = history_of(poisson_counts((2, 12, 120), rates), GRID)
    assert BestPast(MEMBERS, past_periods=30).fit(history).chosen_ == ("long", "short")
    assert len(set(BestPast(MEMBERS, by_type=False, past_periods=30).fit(history).chosen_)) == 1


def test_the_regret_is_the_loss_of_following_the_leader():
    """Counts of 1 in two weeks, then 4 in two weeks; members forecast 1 and 4."""
    counts = np.ones((1, 12, 20), dtype=int)
    counts[..., -2:] = 4
    best = BestPast({"one": Flat(1.0), "four": Flat(4.0)}, past_periods=4).fit(history_of(counts, GRID))
    low = 2 * (4 * np.log(4) - 3)  # deviance of a cell with 4 and a forecast of 1
    high = 2 * (np.log(1 / 4) + 3)  # and of one with 1 and a forecast of 4
    assert best.chosen_ == ("four",)  # 2 high < 2 low
    # followed: one, one, one, then the leader after (0, 0, low) against (high, high, 0)
    last = low if low < 2 * high else 0.0
    assert best.regret_[0] == pytest.approx((low + last - 2 * high) / (2 * high), rel=1e-6)


def test_a_member_that_cannot_run_is_named():
    short = history_of(poisson_counts((2, 12, 9)), GRID)
    with pytest.raises(NotRunError, match=r"^tuned cannot be fitted: .*Give more data"):
        Stacked({"tuned": EWMA(), **MEMBERS}, past_periods=10).fit(short)


@pytest.mark.parametrize("ensemble", [Stacked, BestPast])
def test_a_year_of_weeks_is_enough_for_every_member(ensemble):
    history = history_of(poisson_counts((1, 12, 52), 0.5), GRID)
    fitted = ensemble({"mean": MovingAverage(8), "glm": PoissonGLM()}).fit(history)
    assert np.isfinite(fitted.predict(history.calendar.next_periods(history.cutoff, 1)).expected.values).all()
    assert fitted.shortened(52, history.calendar) == ("glm holdout=8 instead of 26",)
    assert fitted.shortened(40, history.calendar)[0] == "past_periods=20 instead of 26"


@pytest.mark.parametrize(
    ("ensemble", "words"),
    [
        (Stacked({}), "An ensemble of 0 members"),
        (Stacked(MEMBERS, past_periods=0), "past_periods=0 and refit_every=26 cannot learn"),
        (BestPast(MEMBERS, refit_every=0), "past_periods=26 and refit_every=0 cannot learn"),
        (Stacked(MEMBERS, shrinkage=-1.0, past_periods=5), r"shrinkage=-1.0 must be at least 0\."),
        (Stacked(MEMBERS, scale="root", past_periods=5), "scale='root' is unknown"),
    ],
)
def test_unusable_settings_are_refused(ensemble, words, history):
    with pytest.raises(InputError, match=words):
        ensemble.fit(history)


class Sick(MovingAverage):
    """A mean with invalid forecasts."""

    def _predict(self, periods, steps):
        expected, dispersion = super()._predict(periods, steps)
        return np.full_like(expected, np.nan), dispersion


@pytest.mark.parametrize("ensemble", [Stacked, BestPast])
def test_a_member_with_invalid_forecasts_stops_the_ensemble_and_is_named(ensemble, history):
    with pytest.raises(NotRunError, match=r"^ill cannot forecast 2020-02-10: .* gave nan as an expected count"):
        ensemble({"ill": Sick(), **MEMBERS}, past_periods=10).fit(history)


def test_a_stack_without_any_weight_is_not_run():
    silent = poisson_counts((2, 12, 120), RATES)
    silent[..., -26:] = 0
    with pytest.raises(NotRunError, match=r"^All members have a weight of 0 over the latest 26 periods"):
        Stacked({"flat": Flat(50.0)}, sum_to_one=False).fit(history_of(silent, GRID))


def test_a_type_without_weights_takes_the_mean_of_the_others():
    counts = poisson_counts((3, 12, 120), np.concatenate([RATES, RATES[:1]]))
    counts[2, :, -26:] = 0
    members = {"flat": Flat(), "long": MovingAverage(60)}
    stack = Stacked(members, sum_to_one=False, shrinkage=0).fit(history_of(counts, GRID))
    assert (stack.weights_[:2].sum(axis=1) > 0.5).all()
    np.testing.assert_array_equal(stack.weights_[2], stack.weights_[:2].mean(axis=0))


LINEAR, LOGARITHMIC = OpinionPool("count", sum_to_one=True), OpinionPool("log", sum_to_one=True)
EQUAL = np.full(2, 0.5)


def two_members(periods=60, cells=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, 0.5, (2, periods, cells))


def draw(mean, seed=1):
    return np.random.default_rng(seed).poisson(mean)


def test_the_count_pool_is_the_weighted_sum():
    expected = np.array([[[1.0, 2.0]], [[3.0, 6.0]]])
    np.testing.assert_allclose(LINEAR.combine(expected, np.array([0.25, 0.75])), [[2.5, 5.0]])


def test_the_log_pool_is_the_geometric_mean_of_shares_at_the_geometric_mean_of_totals():
    expected = np.array([[[1.0, 3.0]], [[8.0, 8.0]]])  # totals 4 and 16, shares (1/4, 3/4) and (1/2, 1/2)
    shares = np.sqrt([1 / 8, 3 / 8])
    np.testing.assert_allclose(LOGARITHMIC.combine(expected, EQUAL), [8.0 * shares / shares.sum()])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0), st.sampled_from(["count", "log"]))
def test_a_pool_of_copies_is_the_copy(seed, weight, scale):
    one = two_members(3, 5, seed)[0] + 0.01
    weights = np.array([weight, 1.0 - weight])
    np.testing.assert_allclose(
        OpinionPool(scale, sum_to_one=True).combine(np.stack([one, one]), weights), one, rtol=1e-9
    )


@pytest.mark.parametrize(
    "pool", [LINEAR, LOGARITHMIC, OpinionPool("count", sum_to_one=False), OpinionPool("log", sum_to_one=False)]
)
def test_weights_of_a_known_pool_are_recovered(pool):
    expected = two_members(200, 60)
    truth = np.array([0.7, 0.3])
    counts = draw(pool.combine(expected, truth))
    np.testing.assert_allclose(pool.learn(expected, counts, EQUAL, 1e-6), truth, atol=0.04)


@pytest.mark.parametrize("scale", ["count", "log"])
def test_free_weights_learn_level_and_sharpness(scale):
    """The count scale learns the level, the log scale the sharpness of the map."""
    expected = two_members(200, 60)
    truth = np.array([0.9, 0.5])
    free = OpinionPool(scale, sum_to_one=False)
    counts = draw(free.combine(expected, truth))
    np.testing.assert_allclose(free.learn(expected, counts, EQUAL, 1e-6), truth, atol=0.06)
    assert OpinionPool(scale, sum_to_one=True).learn(expected, counts, EQUAL, 1e-6).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("scale", ["count", "log"])
def test_an_uninformative_member_gets_no_weight(scale):
    expected = two_members()
    counts = draw(expected[0])
    expected[1] = expected[0][:, ::-1]
    weights = OpinionPool(scale, sum_to_one=True).learn(expected, counts, EQUAL, 0.0)
    assert weights[1] < 0.02
    upside_down = np.stack([expected[0], 1.0 / expected[0]])
    assert OpinionPool(scale, sum_to_one=True).learn(upside_down, counts, EQUAL, 0.0)[1] == 0.0  # a bound, exactly


def test_the_weights_equal_those_of_another_solver():
    expected = two_members()
    counts = draw(0.6 * expected[0] + 0.4 * expected[1])

    def loss(weight):
        mean = weight * expected[0] + (1 - weight) * expected[1]
        return (mean - counts * np.log(mean)).sum() + 5.0 * 2 * (weight - 0.5) ** 2 / 2

    oracle = optimize.minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-8}).x
    assert LINEAR.learn(expected, counts, EQUAL, 5.0)[0] == pytest.approx(oracle, abs=1e-3)


def test_a_strong_pull_fixes_the_weights():
    expected = two_members()
    counts = draw(expected[0])
    far, near = (LINEAR.learn(expected, counts, EQUAL, pull) for pull in (1.0, 1e6))
    assert far[0] > 0.9
    np.testing.assert_allclose(near, EQUAL, atol=1e-2)


def test_types_learn_separately_or_together():
    expected = np.stack([two_members(120, 40, seed) for seed in (0, 1)], axis=2)  # members, periods, types, cells
    counts = np.stack([draw(expected[0, :, 0]), draw(expected[1, :, 1])], axis=1)
    alone = LINEAR.learn_by_type(expected, counts, 0.0)
    together = LINEAR.learn_by_type(expected, counts, np.inf)
    between = LINEAR.learn_by_type(expected, counts, 3000.0)
    np.testing.assert_allclose(alone, np.eye(2), atol=0.06)
    np.testing.assert_array_equal(together[0], together[1])
    assert together[0, 0] < between[0, 0] < alone[0, 0]


@pytest.mark.parametrize("scale", ["count", "log"])
def test_weights_are_finite_without_events_and_expectations(scale):
    expected = np.zeros((2, 5, 4))
    weights = OpinionPool(scale, sum_to_one=True).learn(expected, np.zeros((5, 4)), EQUAL, 1.0)
    np.testing.assert_allclose(weights, EQUAL, atol=1e-6)
    pooled = OpinionPool(scale, sum_to_one=True).combine(expected, weights)
    assert np.isfinite(pooled).all()
    assert pooled.sum() < 0.01


def test_an_unknown_scale_is_refused():
    with pytest.raises(InputError, match=r"^scale='square' is unknown; choose one of count, log\.$"):
        OpinionPool("square", sum_to_one=True)
