"""Explanations of real forecasters, as the audit uses them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import PoissonRegressor

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.explanation.checks import check_proxies
from ilp_models.audit.groups.table import GroupTable
from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Column
from ilp_models.domain.finding import Limit, State
from ilp_models.explain.explain import Explain
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.per_type import PerType
from ilp_models.model.regressions.regression import RegressionForecaster
from ilp_models.model.wrappers.intervals import NegativeBinomialIntervals
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import city, history_of, poisson_counts, replay_of

GRID = city(6, 6)
RATES = np.random.default_rng(6).gamma(1.0, 0.6, (2, 36, 1))
SHARE = np.random.default_rng(1).uniform(0.1, 0.6, 36)
FAMILIES = (TypeIndicators(), ExponentialMeans((8, 52)))
PAST = {"train_periods": 70, "holdout": 13}


class Smuggled:
    """A family whose column is the share of a group with a little noise, under the name of something else."""

    def columns(self, history):  # noqa: ARG002
        return (Column("lamp_density", "surroundings", "{value:.2f} lamps a hectare"),)

    def write(self, history, periods, step, out):  # noqa: ARG002
        noise = np.random.default_rng(9).normal(0, 0.1 * SHARE.std(), 36)
        out[...] = 40 * (SHARE + noise)[None, None, :, None]


class People:
    """Two groups whose shares differ from cell to cell."""

    def groups(self):
        rows = [
            {"area": cell, "dimension": "origin", "group": group, "population": 1000 * part}
            for cell, share in zip(GRID.cells, SHARE, strict=True)
            for group, part in (("Upland", share), ("Lowland", 1 - share))
        ]
        return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def history():
    return history_of(poisson_counts((2, 36, 130), RATES), GRID)


def trees(features=FAMILIES, **settings):
    return LightGBM(features, **({"offset": None, "min_child_samples": 100, "n_estimators": 15} | PAST | settings))


def ahead(history):
    return history.calendar.next_periods(history.cutoff, 1)


def linear():
    return RegressionForecaster(PoissonRegressor(alpha=1e-6), FAMILIES, **PAST)


@pytest.mark.parametrize("make", [trees, linear])
def test_forbidden_column_is_flagged_by_name(make, history):
    plain = replace(GRID, parents=pd.DataFrame())
    people = GroupTable(source=People()).to_cells(plain)
    found = {}
    for name, features in (("honest", FAMILIES), ("smuggled", (*FAMILIES, Smuggled()))):
        forecaster = make().set_params(features=features).fit(history)
        explanation = Explain(refits=0, sample=20, background=10).run(forecaster, ahead(history), "ewma")
        replay = replay_of(np.ones((2, 36, 52)), np.ones((2, 36, 52)))
        cubes = {name: getattr(replay, name) for name in ("expected", "quantiles", "observed")}
        replay = replace(replay, **{name: cube.assign_coords(cell=GRID.cells) for name, cube in cubes.items()})
        limits = {"proxy_probe": Limit(warn_above=0.9, fail_above=0.98, neutral=0)}
        evidence = CheckContext(
            *(replay, replay, plain, explanation, explanation.columns, limits, MinEvidence(), Bootstrap(draws=10)),
            *(0.05, "count", 0.005, people),
        )
        found[name] = [one for one in check_proxies(evidence) if one.check == "proxy_probe"]
    assert {one.state for one in found["honest"]} == {State.PASS}
    assert {one.state for one in found["smuggled"]} == {State.FAIL}
    assert all("lamp_density" in one.detail for one in found["smuggled"])


def test_training_data_refit_to_the_same_model(history):
    for forecaster in (trees().fit(history), trees(offset=LevelShare()).fit(history)):
        design, counts = forecaster.training_data()
        even = np.arange(len(counts)) % 2 == 0
        again, half = forecaster.refits(design, counts, np.stack([np.ones_like(even), even]))
        rows = design.values[::17]
        assert again.predict(rows) == pytest.approx(forecaster.estimator_.predict(rows))
        assert np.abs(half.predict(rows) - again.predict(rows)).max() > 1e-4
        assert forecaster.estimator_.predict(rows) == pytest.approx(again.predict(rows))


def test_training_data_of_several_leads_has_all_of_them(history):
    forecaster = trees(leads=3, lead_strategy="shared").fit(history)
    design, counts = forecaster.training_data()
    lead = [column.name for column in design.columns].index("lead")
    assert set(design.values[:, lead]) == {1, 2, 3}
    (again,) = forecaster.refits(design, counts, np.ones((1, len(counts)), dtype=bool))
    assert again.predict(design.values[::11]) == pytest.approx(forecaster.estimator_.predict(design.values[::11]))
    assert Explain(refits=2, sample=20, background=10).run(forecaster, ahead(history)).additivity_error <= 1e-6


@pytest.mark.parametrize(
    ("make", "method"), [(trees, "tree path"), (linear, "exact additive"), (LevelShare, "level and share")]
)
def test_additivity_error_is_within_the_limit_of_the_gate(make, method, history):
    explanation = Explain(refits=2, sample=50, background=20).run(make().fit(history), ahead(history), "it")
    assert explanation.method == method
    assert explanation.additivity_error <= 1e-6


def test_after_an_update_the_explanation_is_of_the_new_forecast(history):
    forecaster = trees(offset=LevelShare()).fit(history)
    later = history_of(poisson_counts((2, 36, 133), RATES), GRID)
    forecaster.update(later)
    assert Explain(refits=1, sample=20, background=10).run(forecaster, ahead(later)).additivity_error <= 1e-6


def test_interval_wrapper_has_the_explanation_of_its_model(history):
    wrapped = NegativeBinomialIntervals(trees(), past_periods=13, refit_every=13).fit(history)
    explanation = Explain(refits=2, sample=20, background=10).run(wrapped, ahead(history), "wrapped")
    assert explanation.additivity_error <= 1e-6
    assert np.isfinite(explanation.robustness.stability[0])


def test_models_by_crime_type_are_explained_separately():
    counts = poisson_counts((3, 36, 130), np.concatenate((RATES, RATES[:1] * 0)))
    history = history_of(counts, GRID)
    each = PerType(trees((ExponentialMeans((4, 26)), ExponentialMeans((26,), reach_cells=1.0)))).fit(history)
    spec = Explain(refits=3, sample=50, background=20)
    explanation = spec.run(each, ahead(history), "per_type")
    assert explanation.log_expected.sizes["crime_type"] == 3  # of the third no event is known
    assert explanation.additivity_error <= 1e-6
    alone = spec.run(each.forecasters_["b"], ahead(history))
    assert explanation.attributions.values[1] == pytest.approx(alone.attributions.values[0])
    assert (explanation.attributions.values[2] == 0).all()
    assert explanation.robustness.refits.shape == (3, 2 + 3)
    assert explanation.robustness.rows == 2 * 50
    named = PerType(trees()).fit(history)  # its columns are named after the type
    with pytest.raises(InputError, match="regressions of b and a have different columns"):
        spec.run(named, ahead(history))
