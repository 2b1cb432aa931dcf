import numpy as np
import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import city, events_of, poisson_counts

WEEKS, TESTED = 30, 4
COUNTS = poisson_counts((1, 4, WEEKS), 3.0)
EVENTS = events_of(COUNTS, city(1, 4))


class Failing(MovingAverage):
    """A forecaster that cannot be fitted."""

    def fit(self, _):
        msg = "too few weeks"
        raise NotRunError(msg)


def tried(folder, **models):
    models = {"moving_average": MovingAverage(), "ewma": EWMA()} | models
    plan = {"test_periods": TESTED, "horizon": 2, "scoring": Scoring(bootstrap=Bootstrap(2, 50))}
    return run_backtest(models, EVENTS, SquareGrid(500), **plan, compute=LocalProcesses(jobs=1), store=folder)


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    return tried(tmp_path_factory.mktemp("store"), broken=Failing())


def test_every_forecaster_has_the_recorded_counts_of_the_last_weeks(backtest):
    for name in ("moving_average", "ewma"):
        one, two = backtest.replays_of(name)
        assert (one.lead, two.lead) == (1, 2)
        assert one.observed.values.shape == (1, 4, TESTED)
        assert sorted(one.observed.values.sum(axis=(0, 2))) == sorted(COUNTS[0, :, -TESTED:].sum(axis=1))
    assert len(backtest.to_frame()) == 2 * 4 * (TESTED + TESTED - 1)


def test_a_baseline_has_no_skill_over_itself(backtest):
    skill = backtest.skill("ewma")
    own = skill[(skill["forecaster"] == "ewma") & (skill["lead"] == 1)]
    np.testing.assert_allclose(own["skill"], 0, atol=1e-12)
    assert "moving_average" in set(skill["forecaster"])


def test_a_forecaster_that_failed_or_is_unknown_is_named(backtest):
    assert "too few weeks" in backtest.not_run["broken"]
    with pytest.raises(NotRunError, match=r"broken could not run: .*too few weeks"):
        backtest.replay_of("broken")
    with pytest.raises(InputError, match=r"other is not among the forecasters \['ewma', 'moving_average'\]"):
        backtest.replay_of("other")


def test_the_protocol_names_what_scores_depend_on(backtest):
    assert "4 cells active before" in backtest.protocol
    assert "4 weeks" in backtest.protocol
    assert "leads 1 to 2" in backtest.protocol
    assert repr(backtest).startswith("Backtest of ")


def test_without_a_baseline_there_is_no_backtest(tmp_path):
    with pytest.raises(NotRunError, match="ewma could not run"):
        tried(tmp_path, ewma=Failing())


def test_stored_forecasts_of_another_run_join_and_cannot_be_audited(backtest, tmp_path):
    assert backtest.computed_replay("ewma").digest() == backtest.replay_of("ewma").digest()
    joined = run_backtest(
        {"moving_average": MovingAverage()},
        EVENTS,
        SquareGrid(500),
        **{
            "test_periods": TESTED,
            "horizon": 2,
            "scoring": Scoring(baseline="moving_average", bootstrap=Bootstrap(2, 50)),
        },
        stored=str(backtest.store),
        compute=LocalProcesses(jobs=1),
        store=tmp_path,
    )
    np.testing.assert_array_equal(joined.replay_of("ewma").expected, backtest.replay_of("ewma").expected)
    assert "Stored forecasts of other runs: ewma." in joined.protocol
    with pytest.raises(InputError, match="ewma is in this backtest as stored forecasts of another run"):
        joined.computed_replay("ewma")
