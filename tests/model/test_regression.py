import lightgbm
import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, LinearRegression, PoissonRegressor
from sklearn.neighbors import KNeighborsRegressor

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.features import Column
from ilp_models.domain.history import History
from ilp_models.features.means import ExponentialMeans, Lags
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.stats.distributions import fit_dispersion
from tests.builders import events_of, history_of, poisson_counts
from tests.model.small_regressions import FAMILIES, GRID, RATES, TREES, next_weeks, poisson_history, regression


@pytest.fixture(scope="module")
def history():
    return poisson_history()


class Planted:
    """A family whose two columns are known numbers of each unit, for any counts."""

    def columns(self, history):  # noqa: ARG002
        return (Column("one", "planted", "{value}"), Column("two", "planted", "{value}"))

    def write(self, history, periods, step, out):  # noqa: ARG002
        for index, period in enumerate(periods.asi8):
            rng = np.random.default_rng(int(period))
            out[index] = rng.normal(0, 1, out.shape[1:])


def planted_history(coefficients, dispersion=0.0, weeks=200):
    empty = history_of(np.zeros((1, 20, weeks), dtype=int), GRID)
    columns = np.empty((weeks, 1, 20, 2), dtype=np.float32)
    Planted().write(empty, empty.panel.periods, 1, columns)
    mean = np.moveaxis(np.exp(coefficients[0] + columns @ np.asarray(coefficients[1:])), 0, 2)
    rng = np.random.default_rng(0)
    if dispersion:
        mean = mean * rng.gamma(1 / dispersion, dispersion, mean.shape)
    return history_of(rng.poisson(mean), GRID)


def test_known_coefficients_are_recovered():
    forecaster = regression(PoissonRegressor(alpha=0), [Planted()], train_periods=200).fit(
        planted_history((0.3, 0.5, -0.25))
    )
    fitted = forecaster.estimator_
    np.testing.assert_allclose([fitted.intercept_, *fitted.coef_], [0.3, 0.5, -0.25], atol=0.04)


def test_a_known_dispersion_is_recovered():
    forecaster = regression(PoissonRegressor(alpha=0), [Planted()], train_periods=200, holdout=60).fit(
        planted_history((1.0, 0.5, -0.25), dispersion=0.4)
    )
    assert forecaster.dispersion_[0] == pytest.approx(0.4, abs=0.08)


def test_the_dispersion_is_fitted_out_of_sample(history):
    known = history.panel.values[..., :-13]
    early = regression(PoissonRegressor(alpha=1e-6), holdout=13).fit(history_of(known, GRID))
    forecaster = regression(PoissonRegressor(alpha=1e-6), train_periods=83).fit(history)
    columns = np.empty((13, 2, 20, 4), dtype=np.float32)
    for family, part in zip(FAMILIES, (slice(0, 2), slice(2, 4)), strict=True):
        family.write(history, history.panel.periods[-13:], 1, columns[..., part])
    columns[..., 2:] = np.log(columns[..., 2:] + np.float32(0.01))
    means = early.estimator_.predict(columns.reshape(-1, 4)).reshape(13, 2, 20)
    for kind in range(2):
        oracle = fit_dispersion(history.panel.by_period[-13:, kind], means[:, kind])
        assert forecaster.dispersion_[kind] == pytest.approx(oracle, rel=0.02, abs=1e-3)


@pytest.mark.slow
def test_weighted_rates_are_the_regression_with_a_log_offset(history):
    settings = {"num_leaves": 7, "min_child_samples": 30, "learning_rate": 0.1, "reg_lambda": 0.0, "max_bin": 63}
    exact = {"poisson_max_delta_step": 0.1, "deterministic": True, "force_row_wise": True, "verbosity": -1}
    learner = lightgbm.LGBMRegressor(objective="poisson", n_estimators=20, min_child_weight=0, **settings, **exact)
    forecaster = regression(learner, offset=MovingAverage(26), match_city_total=False).fit(history)
    targets = history.panel.periods[-70:]
    design = forecaster._design(history, targets, 1)
    counts = history.panel.by_period[-70:].ravel()
    # LightGBM starts from the mean of its labels without a start value
    mean = np.log(counts.sum() / np.exp(design.log_offset).sum())
    data = lightgbm.Dataset(design.values, counts, init_score=design.log_offset + mean)
    params = {"objective": "poisson", "min_data_in_leaf": 30, "min_sum_hessian_in_leaf": 0, **settings, **exact}
    params.pop("min_child_samples")
    oracle = lightgbm.train(params, data, 20)
    ahead = forecaster.design(history.calendar.next_periods(history.cutoff, 1))
    expected = np.exp(oracle.predict(ahead.values, raw_score=True) + mean + ahead.log_offset)
    np.testing.assert_allclose(next_weeks(forecaster, history).ravel(), expected, rtol=1e-6)


def test_an_offset_of_a_linear_regression_is_an_exposure(history):
    forecaster = regression(
        PoissonRegressor(alpha=0, fit_intercept=False, solver="newton-cholesky", tol=1e-10),
        offset=MovingAverage(26),
        match_city_total=False,
    ).fit(history)
    design = forecaster._design(history, history.panel.periods[-70:], 1)
    offset, counts = np.exp(design.log_offset), history.panel.by_period[-70:].ravel()
    fitted = offset * forecaster.estimator_.predict(design.values)
    # the score equations of a Poisson regression with log(offset) as a fixed term
    np.testing.assert_allclose(design.values.T @ (counts - fitted) / len(counts), 0, atol=1e-5)
    assert fitted.sum() == pytest.approx(counts.sum(), rel=1e-5)


@pytest.mark.parametrize("leads", [1, 2])
def test_match_city_total_keeps_the_totals_of_the_offset(history, leads):
    offset = EWMA((8,), (0.1,))
    kept = next_weeks(regression(TREES, offset=offset, leads=leads).fit(history), history, leads)
    free = next_weeks(
        regression(TREES, offset=offset, leads=leads, match_city_total=False).fit(history), history, leads
    )
    start = next_weeks(offset.fit(history), history, leads)
    np.testing.assert_allclose(kept.sum(axis=1), start.sum(axis=1), rtol=1e-6)
    assert np.abs(free.sum(axis=1) / start.sum(axis=1) - 1).max() > 1e-3
    ratio = kept / free
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-9)  # places keep their order


@pytest.mark.parametrize("offset", [None, MovingAverage(26)], ids=["plain", "offset"])
@pytest.mark.parametrize(
    "regressor",
    [
        {"_target_": "sklearn.ensemble.HistGradientBoostingRegressor", "loss": "poisson", "max_iter": 10},
        {"_target_": "sklearn.ensemble.RandomForestRegressor", "n_estimators": 5, "max_depth": 4, "random_state": 0},
        {"_target_": "sklearn.tree.DecisionTreeRegressor", "criterion": "poisson", "max_depth": 3},
    ],
    ids=lambda one: one["_target_"].rsplit(".", 1)[-1],
)
def test_any_regressor_of_scikit_learn_enters_by_yaml(regressor, offset, history):
    forecaster = regression(instantiate(regressor), offset=offset).fit(history)
    expected = next_weeks(forecaster, history)
    truth = RATES[..., 0]
    assert np.corrcoef(expected[..., 0].ravel(), truth.ravel())[0, 1] > 0.8
    assert expected.sum() == pytest.approx(truth.sum(), rel=0.15)


def test_a_regressor_without_sample_weight_cannot_have_an_offset(history):
    message = r"^KNeighborsRegressor takes no sample_weight and cannot start from an offset\. Set offset=null .*$"
    with pytest.raises(InputError, match=message):
        regression(KNeighborsRegressor(), offset=MovingAverage(26)).fit(history)
    assert (next_weeks(regression(KNeighborsRegressor()).fit(history), history) >= 0).all()


def test_negative_predictions_are_refused_with_their_unit():
    planted = planted_history((-2.0, 1.5, -1.5))
    below = regression(LinearRegression(), [Planted()]).fit(planted)
    with pytest.raises(
        InputError, match=r"gave -\d.* as an expected count, \d+ times; first at a / r\dc\d / 2021-11-01"
    ):
        next_weeks(below, planted)


def test_too_few_periods_are_not_run():
    short = history_of(poisson_counts((2, 20, 10), 0.5), GRID)
    message = r"^10 known weeks leave 6 to learn from; at least 8 are needed\. Give more data"
    with pytest.raises(NotRunError, match=message):
        regression(TREES).fit(short)


def test_a_short_past_holds_out_half_of_what_is_left_to_learn_from():
    short = history_of(poisson_counts((2, 20, 20), 0.5), GRID)  # 6 weeks are the past of features, 13 can be learned
    short_by_hand, by_rule = regression(TREES, holdout=6).fit(short), regression(TREES, holdout=13).fit(short)
    np.testing.assert_array_equal(by_rule.dispersion_, short_by_hand.dispersion_)
    assert by_rule.shortened(20, short.calendar) == ("holdout=6 instead of 13",)
    assert by_rule.shortened(80, short.calendar) == ()


@pytest.mark.parametrize("regressor", [TREES, PoissonRegressor(), lightgbm.LGBMRegressor(objective="poisson")])
def test_a_past_without_events_is_not_run(regressor):
    empty = history_of(np.zeros((1, 20, 80), dtype=int), GRID)
    with pytest.raises(NotRunError, match=r"^The 40 weeks to learn from contain no event\. Give more data\.$"):
        regression(regressor).fit(empty)


@pytest.mark.parametrize("setting", ["holdout", "leads"])
def test_unusable_numbers_are_refused(setting, history):
    with pytest.raises(InputError, match=rf"{setting}=0 .*must both be at least 1\."):
        regression(TREES, **{setting: 0}).fit(history)


def test_each_lead_has_its_own_regression_and_others_are_refused(history):
    forecaster = regression(PoissonRegressor(alpha=1e-6), leads=2).fit(history)
    assert sorted(forecaster.estimators_) == [1, 2]
    assert not np.array_equal(forecaster.estimators_[1].coef_, forecaster.estimators_[2].coef_)
    assert next_weeks(forecaster, history, 2).shape == (2, 20, 2)
    with pytest.raises(InputError, match=r"^Lead 3 was not learned; set leads to at least 3\.$"):
        next_weeks(forecaster, history, 3)
    with pytest.raises(InputError, match="A design holds one period, not 2"):
        forecaster.design(history.calendar.next_periods(history.cutoff, 2))


def test_a_reporting_delay_shifts_training_and_forecasts():
    counts = poisson_counts((2, 20, 130), RATES)
    late = history_of(counts, GRID, settles_after="7D")
    assert late.first_step == 2
    forecaster = regression(PoissonRegressor(alpha=1e-6), leads=1).fit(late)
    assert sorted(forecaster.estimators_) == [2]
    direct = regression(PoissonRegressor(alpha=1e-6), leads=2).fit(history_of(counts[..., :-1], GRID))
    np.testing.assert_allclose(next_weeks(forecaster, late)[..., 0], next_weeks(direct, late, 1)[..., 0], rtol=1e-6)


def test_training_targets_have_the_distance_of_forecasts():
    """A regression on the last count learns the autocorrelation of a process over the step."""
    rng = np.random.default_rng(0)
    weeks = 400
    counts = np.zeros((1, 20, weeks), dtype=int)
    for week in range(1, weeks):
        counts[0, :, week] = rng.poisson(1.0 + 0.6 * counts[0, :, week - 1])  # correlation 0.6 a week
    history = history_of(counts, GRID)
    forecaster = regression(LinearRegression(), [Lags((1,))], train_periods=340, leads=3).fit(history)
    slopes = [forecaster.estimators_[step].coef_[0] for step in (1, 2, 3)]
    np.testing.assert_allclose(slopes, [0.6, 0.36, 0.216], atol=0.05)


def test_rates_enter_as_logarithms_relative_to_the_offset(history):
    families = (ExponentialMeans((8,)), ExponentialMeans((8,), all_types=True), Lags((1,)))
    forecaster = regression(TREES, families, offset=MovingAverage(26), match_city_total=False).fit(history)
    design = forecaster.design(history.calendar.next_periods(history.cutoff, 1))
    mean = pd.DataFrame(history.panel.values.reshape(40, -1).T).ewm(halflife=8).mean().iloc[-1].to_numpy()
    start = np.maximum(history.panel.values[..., -26:].mean(axis=2), 1e-3)
    every = np.broadcast_to(mean.reshape(2, 20).sum(axis=0), (2, 20))
    total = np.broadcast_to(start.sum(axis=0), (2, 20))
    oracle = {
        "mean_8": np.log((mean.reshape(2, 20) + 0.01) / (start + 0.01)),
        "all_types_mean_8": np.log((every + 0.01) / (total + 0.01)),
        "lag_1": history.panel.values[..., -1],
        "offset_own": np.log(start + 0.01),
        "offset_all_types": np.log(total + 0.01),
    }
    assert [column.name for column in design.columns] == list(oracle)
    np.testing.assert_allclose(design.values, np.stack([one.ravel() for one in oracle.values()], axis=1), atol=2e-5)
    np.testing.assert_allclose(design.shown[:, 0], mean, rtol=1e-5)
    np.testing.assert_allclose(design.shown[:, 3], start.ravel(), rtol=1e-5)
    np.testing.assert_allclose(design.log_offset, np.log(start).ravel(), rtol=1e-9)


@pytest.mark.parametrize("match_city_total", [True, False])
def test_the_forecast_is_computed_from_the_design(match_city_total, history):
    forecaster = regression(TREES, offset=MovingAverage(26), match_city_total=match_city_total).fit(history)
    design = forecaster.design(history.calendar.next_periods(history.cutoff, 1))
    made = np.exp(design.log_offset) * forecaster.estimator_.predict(design.values)
    np.testing.assert_allclose(made, next_weeks(forecaster, history).ravel(), rtol=1e-9)


def test_an_update_reaches_the_offset(history):
    before = history_of(history.panel.values[..., :-1], GRID)
    forecaster = regression(TREES, offset=MovingAverage(4)).fit(before).update(history)
    kept = next_weeks(forecaster, history)
    np.testing.assert_allclose(
        kept.sum(axis=1), next_weeks(MovingAverage(4).fit(history), history).sum(axis=1), rtol=0.01
    )


def test_quiet_cells_add_nothing_to_the_level_of_the_offset():
    counts = poisson_counts((2, 20, 130), np.where(np.arange(20) < 2, 1.0, 0.0)[None, :, None])
    counts[1] = 0
    history = history_of(counts, GRID)
    forecaster = regression(TREES, offset=MovingAverage()).fit(history)
    level = (
        MovingAverage()
        .fit(history)
        .predict(history.calendar.next_periods(history.cutoff, 1))
        .expected.values.sum(axis=1)
    )
    np.testing.assert_allclose(next_weeks(forecaster, history).sum(axis=1)[0], level[0], rtol=1e-9)
    assert next_weeks(forecaster, history).sum(axis=1)[1, 0] < 0.002  # without events, 20 floors are no forecast


def test_dispersions_are_fitted_at_the_level_of_the_offset():
    weeks = np.arange(130)
    counts = poisson_counts((1, 20, 130), np.where(weeks < 110, 0.5, 3.0)[None, None, :])
    history = history_of(counts, GRID)
    forecaster = regression(TREES, offset=EWMA((2,), (0.0,)), holdout=13).fit(history)
    loose = regression(TREES, offset=EWMA((2,), (0.0,)), holdout=13, match_city_total=False).fit(history)
    design = forecaster._design(history, history.panel.periods[-70:], 1)
    early = forecaster._regress(design, history.panel.by_period[-70:].reshape(-1), slice(None, 57 * 20))
    start = np.exp(design.log_offset).reshape(70, 20)[-13:]
    moved = start * early.predict(design.values).reshape(70, 20)[-13:]
    level = forecaster.offset_.hindcast(history, history.panel.periods[-13:], 1)[:, 0].sum(axis=1, keepdims=True)
    kept = moved * level / moved.sum(axis=1, keepdims=True)
    observed = history.panel.by_period[-13:, 0]
    assert forecaster.dispersion_[0] == pytest.approx(fit_dispersion(observed, kept), rel=1e-3)
    assert loose.dispersion_[0] == pytest.approx(fit_dispersion(observed, moved), rel=1e-3)
    assert abs(loose.dispersion_[0] - forecaster.dispersion_[0]) > 0.002


@pytest.fixture(scope="module")
def months():
    events = events_of(poisson_counts((2, 20, 280), 0.3), GRID, start="2014-12-29", settles_after="60D")
    return lambda cutoff: History.from_events(pd.Timestamp(cutoff), events, GRID, Calendar("month"))


@pytest.mark.parametrize("offset", [None, MovingAverage(12)])
def test_a_delay_in_days_changes_the_step_after_february(offset, months):
    fitted, skipped = (
        regression(TREES, offset=offset, train_periods=30, holdout=6).fit(months("2019-02-01")) for _ in range(2)
    )
    assert [months(day).first_step for day in ("2019-02-01", "2019-03-01", "2019-04-01", "2019-06-01")] == [3, 4, 4, 3]
    for day in ("2019-03-01", "2019-04-01"):
        fitted.update(months(day))
        assert np.isfinite(next_weeks(fitted, months(day))).all()
    skipped.update(months("2019-04-01"))
    np.testing.assert_array_equal(next_weeks(skipped, months("2019-04-01")), next_weeks(fitted, months("2019-04-01")))
    whole = regression(TREES, offset=offset, train_periods=30, holdout=6, leads=2).fit(months("2019-02-01"))
    whole.update(months("2019-04-01"))
    np.testing.assert_array_equal(next_weeks(whole, months("2019-04-01")), next_weeks(fitted, months("2019-04-01")))


def test_one_regression_for_all_leads_has_the_lead_as_a_column(history):
    forecaster = regression(PoissonRegressor(alpha=1e-6), leads=3, lead_strategy="shared").fit(history)
    assert sorted(forecaster.estimators_) == [1, 2, 3]
    assert len({id(one) for one in forecaster.estimators_.values()}) == 1
    assert [column.name for column in forecaster.columns_] == ["type_a", "type_b", "mean_8", "mean_52", "lead"]
    for lead in range(3):
        design = forecaster.design(history.calendar.next_periods(history.cutoff, 3)[[lead]])
        assert (design.values[:, -1] == lead + 1).all()
    assert next_weeks(forecaster, history, 3).shape == (2, 20, 3)


def test_a_shared_regression_learns_what_each_lead_needs():
    """The autocorrelation of a process falls with the distance; a tree can separate the leads by their column."""
    rng = np.random.default_rng(0)
    counts = np.zeros((1, 20, 400), dtype=int)
    for week in range(1, 400):
        counts[0, :, week] = rng.poisson(1.0 + 0.8 * counts[0, :, week - 1])
    history = history_of(counts, GRID)
    trees = HistGradientBoostingRegressor(loss="poisson", max_iter=100, min_samples_leaf=20)
    forecaster = regression(trees, [Lags((1,))], train_periods=340, leads=6, lead_strategy="shared").fit(history)
    last = history.panel.by_period[-1, 0]
    ahead = next_weeks(forecaster, history, 6)[0]
    slopes = [np.polyfit(last, ahead[:, lead], 1)[0] for lead in (0, 5)]
    assert slopes[0] == pytest.approx(0.8, abs=0.15)
    assert slopes[1] == pytest.approx(0.8**6, abs=0.15)


def test_an_unknown_lead_strategy_is_refused(history):
    with pytest.raises(InputError, match=r"^lead_strategy='recursive' is unknown; choose one of direct, shared\.$"):
        regression(TREES, lead_strategy="recursive").fit(history)


class Moody(LinearRegression):
    """A learner with its own class of errors in fit or predict."""

    def __init__(self, fits=None, predicts=None):
        super().__init__()
        self.fits = fits
        self.predicts = predicts

    def fit(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's name
        if self.fits:
            raise self.fits
        return super().fit(X, y, sample_weight)

    def predict(self, X):  # noqa: N803 - scikit-learn's name
        if self.predicts:
            raise self.predicts
        return super().predict(X)


@pytest.mark.parametrize(
    ("regressor", "reason"),
    [
        (GammaRegressor(), r"GammaRegressor could not fit: Some value\(s\) of y are out of the valid range of the"),
        (lightgbm.LGBMRegressor(num_leaves=1, verbosity=-1), "LGBMRegressor could not fit: .*num_leaves"),
        (
            Moody(fits=np.linalg.LinAlgError("Singular matrix.\nSorry")),
            r"Moody could not fit: Singular matrix\. Change",
        ),
        (Moody(predicts=ValueError()), r"Moody could not predict: ValueError\. Change its settings, or leave"),
    ],
    ids=["gamma", "lightgbm", "fit", "predict"],
)
def test_an_error_of_the_learner_stops_only_its_method_and_names_it(regressor, reason, history):
    with pytest.raises(NotRunError, match=f"^{reason}") as error:
        regression(regressor).fit(history)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), UserWarning("odd"), InputError("No such loss.")])
def test_other_errors_are_not_converted(error, history):
    with pytest.raises(type(error)):
        regression(Moody(fits=error)).fit(history)


def test_settings_after_the_offset_are_given_by_name():
    with pytest.raises(TypeError, match="positional arguments"):
        LightGBM((), None, False)
