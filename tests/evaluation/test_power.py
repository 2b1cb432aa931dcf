import numpy as np
import pytest

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.evaluation.power import Power, PowerSimulation, closed_form_power, least_effect
from ilp_models.evaluation.schemes import Crossover, MatchedPairs, SteppedWedge


def past(units=40, periods=130, seed=0):
    generator = np.random.default_rng(seed)
    return generator.poisson(generator.gamma(2.0, 1.0, (units, 1)) * np.ones((1, periods)))


@pytest.mark.parametrize(("scheme", "periods"), [(MatchedPairs(), 26), (Crossover(2, 1), 24), (SteppedWedge(4), 25)])
def test_without_an_effect_trials_reject_at_the_level(scheme, periods):
    found = PowerSimulation(trials=300, level=0.1).run(past(), scheme, periods, [0.0])[0]
    assert found.low <= 0.1 <= found.high + 0.02  # the test never rejects more often than its level


def test_simulation_and_closed_form_agree_on_poisson_counts():
    """On average over cities: the power of one city depends on how its own pairs differ."""
    found, closed = [], []
    for seed in range(8):
        one = PowerSimulation(trials=100).run(past(units=80, seed=seed), MatchedPairs(), 26, [0.1])[0]
        found.append(one.power)
        closed.append(closed_form_power(one.events, one.effect, before=2 * one.events))
    assert np.mean(found) == pytest.approx(np.mean(closed), abs=0.1)


def test_counts_that_vary_more_than_poisson_lower_the_power():
    generator = np.random.default_rng(1)
    drifting = generator.poisson(2 * generator.gamma(2.0, 0.5, (40, 10, 1)) * np.ones((1, 1, 13))).reshape(40, -1)
    powers = [PowerSimulation(trials=300).run(one, MatchedPairs(), 26, [0.15])[0] for one in (past(), drifting)]
    assert powers[1].high < powers[0].low


def test_more_effect_is_shown_more_often():
    found = PowerSimulation(trials=200).run(past(), MatchedPairs(), 26, [0.0, 0.1, 0.2, 1.0])
    assert [one.power for one in found] == sorted(one.power for one in found)
    assert found[-1].power == 1.0
    assert 0.05 < least_effect(found) < 0.2


def test_the_least_effect_is_interpolated():
    powers = [Power(effect, power, 0, 1, 100, 10) for effect, power in ((0.0, 0.05), (0.1, 0.6), (0.2, 1.0))]
    assert least_effect(powers) == pytest.approx(0.15)
    assert np.isnan(least_effect(powers[:2]))


def test_the_same_seed_gives_the_same_power():
    runs = [PowerSimulation(trials=50, seed=7).run(past(), MatchedPairs(), 26, [0.2]) for _ in range(2)]
    assert runs[0] == runs[1]


def test_a_short_or_empty_past_is_said():
    with pytest.raises(NotRunError, match="needs 78 periods of records; there are 60"):
        PowerSimulation().run(past(periods=60), MatchedPairs(), 26, [0.2])
    with pytest.raises(NotRunError, match="no event"):
        PowerSimulation().run(np.zeros((10, 100), dtype=int), MatchedPairs(), 26, [0.2])
    with pytest.raises(InputError, match="shares from 0"):
        PowerSimulation().run(past(), MatchedPairs(), 26, [1.2])
    with pytest.raises(InputError, match="level=0"):
        PowerSimulation(level=0)
