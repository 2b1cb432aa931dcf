"""A whole backtest compared with the LightGBM calls that it contains."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import lightgbm
import numpy as np
import numpy.typing as npt

from benchmarks.city import study
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say
from ilp_models.backtest.replay import BacktestData, replay
from ilp_models.compute.local import LocalProcesses
from ilp_models.model.regressions.lightgbm import BinnedRegressor

_ALL_UNITS: Final = "model.lightgbm.max_zeros=null"

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Training:
    """A recorded LightGBM fit, with the matrices and results of the predictions that followed.

    Parameters
    ----------
    settings : dict
        LightGBM's own parameters.
    trees : int
        Boosting rounds.
    values, target, weight : ndarray
        Design matrix, labels and weights.
    predictions : list of (ndarray, ndarray)
        Design matrix and answer of each prediction.
    """

    settings: dict[str, Any]
    trees: int
    values: Floats
    target: Floats
    weight: Floats
    predictions: list[tuple[Floats, Floats]] = field(default_factory=list)


def measure(*, quick: bool) -> list[Figure]:
    """Return the time of a backtest in one process, on all units and as shipped, and that of the LightGBM calls."""
    weeks, every, rounds = (4, 2, 1) if quick else (26, 13, 2)
    plan = f"backtest.test_periods={weeks}", f"backtest.refit_every={every}"
    world, parts = study(*plan, _ALL_UNITS, quick=quick)
    _, shipped = study(*plan, quick=quick)
    say("noting down what LightGBM is asked for")
    with recorded() as trainings:
        run(world, parts)
    answers: list[list[Floats]] = []
    seconds = in_turn(
        rounds,
        backtest=lambda: run(world, parts),
        bare=lambda: answers.extend(repeat(each) for each in trainings),
        shipped=lambda: run(world, shipped),
    )
    _check_same(trainings, answers)
    if not trainings:
        msg = "The backtest made no LightGBM fit that could be repeated."
        raise AssertionError(msg)
    asked = sum(len(each.predictions) for each in trainings)
    return [
        Figure(
            name="whole backtest",
            figure=seconds["backtest"],
            unit="s",
            goal=Goal(high=1.12, of="ratio"),
            reference=seconds["bare"],
            against="the lightgbm.train and predict calls in it, repeated on the same matrices",
            n=rounds,
            note=f"{weeks} weeks, one process, max_zeros=null: {len(trainings)} fits and {asked} predictions, the same "
            "to the bit",
        ),
        Figure(
            name="whole backtest as shipped",
            figure=seconds["shipped"],
            unit="s",
            goal=Goal(high=1.0, of="ratio"),
            reference=seconds["bare"],
            against="the same LightGBM calls, on all units",
            n=rounds,
            note="the default max_zeros, which fits use a sample for",
        ),
    ]


def run(world: BacktestData, parts: dict[str, Any]) -> None:
    """Replay the city in this process, with an empty store of forecasts."""
    with tempfile.TemporaryDirectory() as folder:
        replay(parts["model"], parts["backtest"], world, Path(folder), LocalProcesses(1))


@contextmanager
def recorded() -> Iterator[list[Training]]:
    """Record every fit and prediction of the package's LightGBM regressor."""
    plain_bins, plain_fit, plain_predict = BinnedRegressor.bins, BinnedRegressor.fit_bins, BinnedRegressor.predict
    trainings: list[Training] = []

    def bins(self: Any, values: Any, target: Floats, weight: Floats) -> Any:
        found = plain_bins(self, values, target, weight)
        rows = np.column_stack([column.to_numpy() for column in values.columns])
        self.training_ = Training(self._settings(), self.n_estimators, rows, target, weight)
        return found

    def fit_bins(self: Any, found: Any) -> Any:
        trainings.append(self.training_)
        return plain_fit(self, found)

    def predict(self: Any, values: Floats) -> Any:
        answer = plain_predict(self, values)
        self.training_.predictions.append((values, answer))
        return answer

    with mock.patch.multiple(BinnedRegressor, bins=bins, fit_bins=fit_bins, predict=predict):
        yield trainings


def repeat(training: Training) -> list[Floats]:
    """Return the predictions of LightGBM called directly."""
    data = lightgbm.Dataset(training.values, training.target, weight=training.weight)
    booster = lightgbm.train(dict(training.settings), data, num_boost_round=training.trees)
    return [np.asarray(booster.predict(values)) for values, _ in training.predictions]


def _check_same(trainings: list[Training], answers: list[list[Floats]]) -> None:
    """Stop if the reference predictions differ from the backtest."""
    for training, given in zip(trainings, answers[: len(trainings)], strict=True):
        for answer, (_, noted) in zip(given, training.predictions, strict=True):
            np.testing.assert_array_equal(answer, noted)
