from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.recipe import describe
from ilp_models.model.hindcast import recent_periods
from ilp_models.model.means.empirical_bayes import EmpiricalBayes
from ilp_models.model.means.pooled_bayes import PooledEmpiricalBayes, PooledPrior, PriorSample, stored_priors
from ilp_models.stats.distributions import log_probability
from tests.builders import city, history_of, poisson_counts

CANDIDATES = {"half_lives": (16, 128), "neighbours": (0.0, 0.6)}
STRENGTH = 3.0  # of the simulated rates


def town(seed, rows=6, columns=10, weeks=80, start="2018-01-01"):
    """Return weeks of counts around gamma rates with a known strength; a small town has few cells."""
    cells = rows * columns
    rates = np.random.default_rng(seed).gamma(STRENGTH, 0.3 / STRENGTH, (2, cells, 1))
    return history_of(poisson_counts((2, cells, weeks), rates, seed=seed), city(rows, columns), start=start)


@pytest.fixture(scope="module")
def samples():
    model = PooledEmpiricalBayes(**CANDIDATES)
    return [model.training_sample(town(seed), f"town {seed}") for seed in (1, 2)]


@pytest.fixture
def model(samples, tmp_path):
    PooledPrior.from_samples(samples, samples[0].cutoff).write(tmp_path)
    return PooledEmpiricalBayes(tmp_path, **CANDIDATES)


def small():
    return town(9, 2, 4, weeks=30, start="2020-01-06")


def test_losses_are_the_negative_log_likelihood_of_the_forecasts(samples):
    """One setting, straight from the posterior that forecasts are made with."""
    history = town(1)
    targets = recent_periods(history)
    model = EmpiricalBayes(**CANDIDATES)
    model.half_lives_, model.neighbours_, model.strengths_ = (np.full(2, one) for one in (128.0, 0.6, 10.0))
    mean, size = model._posterior(history, targets, 1)
    observed = history.panel.by_period[-len(targets) :]
    for kind, name in enumerate("ab"):
        oracle = -log_probability(observed[:, kind], mean[:, kind], 1 / size[:, kind]).sum()
        assert samples[0].losses[name][1, 1, 12] == pytest.approx(oracle, rel=1e-9)  # 10 is the 13th strength
        assert samples[0].events[name] == observed[:, kind].sum()


def test_a_prior_is_the_sum_of_losses_per_event(samples):
    one, two = samples
    prior = PooledPrior.from_samples(samples[::-1], one.cutoff, {"west": "No mandate."})
    np.testing.assert_allclose(
        prior.losses["a"], (one.losses["a"] + two.losses["a"]) / (one.events["a"] + two.events["a"])
    )
    whole = sum(sample.losses[kind] for sample in samples for kind in "ab")
    events = sum(sum(sample.events.values()) for sample in samples)
    np.testing.assert_allclose(prior.losses[""], whole / events)
    assert prior.events == {"town 1": sum(one.events.values()), "town 2": sum(two.events.values())}
    assert prior.left_out == {"west": "No mandate."}


def test_without_weight_the_settings_are_those_of_the_records_alone(model):
    history = small()
    alone, pooled = EmpiricalBayes(**CANDIDATES).fit(history), model.set_params(prior_events=0.0).fit(history)
    for name in ("half_lives_", "neighbours_", "strengths_"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(pooled, name))


def test_with_much_weight_the_settings_are_the_best_of_the_others(model, samples):
    prior = PooledPrior.from_samples(samples, samples[0].cutoff)
    fitted = model.set_params(prior_events=1e9).fit(small())
    strengths = 10.0 ** np.arange(-2, 4.25, 0.25)
    for kind, name in enumerate("ab"):
        first, second, third = np.unravel_index(prior.losses[name].argmin(), prior.losses[name].shape)
        assert fitted.half_lives_[kind] == CANDIDATES["half_lives"][first]
        assert fitted.neighbours_[kind] == CANDIDATES["neighbours"][second]
        assert abs(np.log(fitted.strengths_[kind] / strengths[third])) < 0.3  # half a step of the grid


def test_a_small_town_finds_the_strength_of_its_rates_with_the_help_of_others(model):
    """The true strength is known; 8 cells alone say little about it."""
    errors = {}
    for name, one in {"alone": EmpiricalBayes(**CANDIDATES), "pooled": model}.items():
        found = [clone(one).fit(town(seed, 2, 4, weeks=30, start="2020-01-06")).strengths_ for seed in range(20, 32)]
        errors[name] = np.sqrt(np.mean(np.log(np.concatenate(found) / STRENGTH) ** 2))
    assert errors["pooled"] < 0.7 * errors["alone"]


def test_a_type_that_no_other_jurisdiction_has_uses_all_types(samples, tmp_path):
    only = replace(samples[0], losses={"a": samples[0].losses["a"]}, events={"a": samples[0].events["a"]})
    PooledPrior.from_samples([only], only.cutoff).write(tmp_path)
    fitted = PooledEmpiricalBayes(tmp_path, **CANDIDATES, prior_events=1e9).fit(small())
    assert fitted.strengths_[0] == pytest.approx(fitted.strengths_[1], rel=0.1)


def test_a_stored_prior_is_read_as_it_was_and_not_when_changed(samples, tmp_path):
    prior = PooledPrior.from_samples(samples, samples[0].cutoff, {"west": "No mandate."})
    path = prior.write(tmp_path / "pool")
    again = PooledPrior.read(path)
    assert (again.cutoff, again.settings, again.events, again.left_out) == (
        *(prior.cutoff, prior.settings, prior.events, prior.left_out),
    )
    np.testing.assert_array_equal(again.losses["a"], prior.losses["a"])
    assert list(stored_priors(tmp_path / "pool")) == [prior.cutoff]
    text = path.read_text()
    path.write_text(text.replace("No mandate", "A mandate"))
    with pytest.raises(StorageError, match=r"was changed: its digest or format differs"):
        PooledPrior.read(path)
    for broken in ("{", "[]", "{}", "[" * 100_000):
        path.write_text(broken)
        with pytest.raises(StorageError, match=r"cannot be read .* Train the prior again"):
            PooledPrior.read(path)
    path.write_text(text)
    path.rename(path.with_name("prior-2019-12-30T000000.json"))
    with pytest.raises(StorageError, match=r"the file was renamed"):
        PooledEmpiricalBayes(tmp_path / "pool", **CANDIDATES).fit(small())


def test_a_stored_sample_gives_the_same_prior_and_is_refused_when_changed(samples, tmp_path):
    paths = [one.write(tmp_path / "samples" / f"{number}.json") for number, one in enumerate(samples)]
    model, cutoff = PooledEmpiricalBayes(**CANDIDATES), samples[0].cutoff
    stored = [model.fit_pool(parts, cutoff).write(tmp_path / name) for name, parts in (("a", samples), ("b", paths))]
    assert stored[0].read_bytes() == stored[1].read_bytes()
    paths[0].write_text(paths[0].read_text().replace('"town 1"', '"town 9"'))
    with pytest.raises(StorageError, match=r"was changed: its digest or format differs\. Make the sample again"):
        PriorSample.read(paths[0])
    for broken in ("{", "[]", "{}"):
        paths[1].write_text(broken)
        with pytest.raises(StorageError, match=r"cannot be read .* Make the sample again"):
            PriorSample.read(paths[1])


def test_priors_that_do_not_fit_are_refused(model, samples):
    with pytest.raises(InputError, match=r"^pool is not set\. Give the folder in which train_pooled_prior"):
        PooledEmpiricalBayes(**CANDIDATES).fit(small())
    with pytest.raises(InputError, match=r"half_lives=\[16\.0, 64\.0\] and half_lives=\[16\.0, 128\.0\] differ"):
        clone(model).set_params(half_lives=(16, 64)).fit(small())
    with pytest.raises(InputError, match=r"^prior_events=-1 must be at least 0"):
        clone(model).set_params(prior_events=-1).fit(small())
    with pytest.raises(InputError, match=r"losses of 'town 1' are of .*, after the cutoff"):
        PooledPrior.from_samples(samples, samples[0].cutoff - pd.Timedelta(weeks=1))
    with pytest.raises(InputError, match=r"No jurisdiction contributes to the prior"):
        PooledPrior.from_samples([], samples[0].cutoff)
    other = replace(samples[1], settings=samples[1].settings | {"period_unit": "day"})
    with pytest.raises(InputError, match=r"period_unit=day and period_unit=week differ between 'town 2' and 'town 1'"):
        PooledPrior.from_samples([samples[0], other], samples[0].cutoff)


def test_the_content_of_the_priors_belongs_to_the_recipe(model, samples, tmp_path):
    before = describe(model)["content"]
    PooledPrior.from_samples(samples[:1], samples[0].cutoff).write(tmp_path)
    assert describe(model)["content"] != before
