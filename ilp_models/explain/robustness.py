"""Trying an explanation: another perturbation, other halves of the periods, columns two at a time."""

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.explanation import Robustness
from ilp_models.domain.features import Column, Design
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.history import History
from ilp_models.explain.attribution import AttributionMethod, TreePathShap
from ilp_models.explain.trees import interaction_values, interventional_values, log_rate

Floats = npt.NDArray[np.floating[Any]]

_CHEAPER: Final = 10  # a costly method is tried on as many times fewer units


class RefitLearner(Protocol):
    """A forecaster that can say what its regression learned from, and learn it anew."""

    def training_data(self) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return what the regression was learned from."""
        ...

    def refit_on(self, design: Design, counts: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> Any:
        """Return the regressor fitted anew to some of the periods."""
        ...


@dataclass(frozen=True)
class PerturbationTrial:
    """How much an explanation is tried.

    Parameters
    ----------
    sample : int
        Units that the trials are made on.
    background : int
        Units whose values stand in for columns that are not known.
    refits : int
        Regressions learned anew, each from another half of the periods; 0 for none.
    block : int
        Consecutive periods that are kept or left out together.
    seed : int
        Seed of all draws.
    """

    sample: int
    background: int
    refits: int
    block: int
    seed: int

    def rows(self, design: Design) -> tuple[Floats, Floats]:
        """Return the units to try and those of the background, drawn from what was learned from."""
        usual = min(self.background, len(design.values) // 2)
        drawn = np.random.default_rng(self.seed).permutation(len(design.values))[: self.sample + usual]
        return design.values[drawn[usual:]], design.values[drawn[:usual]]

    def halves(self, periods: int) -> npt.NDArray[np.bool_]:
        """Return which periods each refit learns from: half of the blocks.

        Halves drawn without replacement differ from each other as much as fresh periods of the whole length would
        (the delete-half jackknife of Shao and Wu 1989), at half the cost of a bootstrap.
        """
        blocks = np.arange(periods) // self.block
        count = blocks[-1] + 1
        generator = np.random.default_rng(self.seed)
        halves = [generator.permutation(count)[: (count + 1) // 2] for _ in range(self.refits)]
        return np.array([np.isin(blocks, half) for half in halves], dtype=bool).reshape(self.refits, periods)

    def shares(self, forecaster: Forecaster, forecast: RiskForecast, column: Column) -> Robustness:
        """Return whether a method without a regression finds the same places from other halves of the events.

        Each event is kept with probability one half: what remains of counts that scatter about rates scatters about
        half of these, in every period, which leaving periods out would not leave to a method that reads time.
        """
        history, periods = forecaster.history_, forecast.expected.indexes["period"]
        generator = np.random.default_rng(self.seed)
        units = generator.permutation(forecast.expected[..., 0].size)[: self.sample]
        kinds, cells = np.unravel_index(units, forecast.expected.shape[:2])
        named, placed = (forecast.expected.indexes[dim] for dim in ("crime_type", "cell"))
        names = named[kinds].astype(str) + ", " + placed[cells].astype(str)
        labels = pd.DataFrame({"feature": names, "family": column.family})
        refits = labels.copy()
        for number in range(1, self.refits + 1):
            half = history.events.table[generator.random(len(history.events)) < 0.5]
            events = replace(history.events, table=half.reset_index(drop=True))
            past = History.from_events(history.cutoff, events, history.grid, history.calendar, history.layers)
            try:
                expected = clone(forecaster).fit(past).predict(periods[:1]).expected.values[..., 0]
            except NotRunError:
                return Robustness(labels.head(0), float("nan"), labels.head(0), pd.DataFrame(), len(units))
            refits[f"refit_{number}"] = (expected / expected.sum(axis=1, keepdims=True))[kinds, cells]
        return Robustness(labels.head(0), float("nan"), refits, pd.DataFrame(), len(units))

    def run(
        self,
        learner: RefitLearner,
        design: Design,
        counts: npt.NDArray[np.float32],
        method: AttributionMethod,
        values: tuple[Floats, Floats],
    ) -> Robustness:
        """Return what an explanation stands, and what it does not."""
        sample, background = values
        labels = _labels(design.columns)
        if method.costly:
            sample = sample[: max(1, self.sample // _CHEAPER)]
        halves = self.halves(len(design.periods)) if len(design.periods) >= 2 * self.block else ()
        refits = labels.copy()
        for number, kept in enumerate(halves, start=1):
            refitted = method.for_estimator(learner.refit_on(design, counts, kept))
            refits[f"refit_{number}"] = _importance(refitted.attribute(sample)[0])
        perturbed, error, pairs = labels.head(0), float("nan"), pd.DataFrame()
        if isinstance(method, TreePathShap):
            other, start = interventional_values(method.estimator, sample, background)
            error = float(np.abs(other.sum(axis=1) + start - log_rate(method.estimator, sample)).max())
            both = {"path": _importance(method.attribute(sample)[0]), "interventional": _importance(other)}
            perturbed = labels.assign(**both)
            pairs = _pairs(interaction_values(method.estimator, sample), labels)
        done = refits if len(halves) else labels.head(0)
        return Robustness(perturbed, error, done, pairs, len(sample))


def _labels(columns: tuple[Column, ...]) -> pd.DataFrame:
    return pd.DataFrame({"feature": [one.name for one in columns], "family": [one.family for one in columns]})


def _importance(phi: Floats) -> Floats:
    return np.asarray(np.abs(phi).mean(axis=0))


def _pairs(interactions: Floats, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the mean absolute interaction of each pair, strongest first; a pair's two equal halves are added."""
    strength = np.abs(interactions).mean(axis=0)
    first, second = np.triu_indices(len(labels))
    doubled = np.where(first == second, 1.0, 2.0) * strength[first, second]
    name, family = labels["feature"].to_numpy(), labels["family"].to_numpy()
    table = pd.DataFrame(
        {
            "first": name[first],
            "second": name[second],
            "first_family": family[first],
            "second_family": family[second],
            "strength": doubled,
        }
    )
    return table.sort_values("strength", ascending=False, kind="stable", ignore_index=True)
