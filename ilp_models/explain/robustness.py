"""Test the robustness of explanations: interventional SHAP, refits on half of the periods, interactions."""

from collections.abc import Iterator
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

_CHEAPER: Final = 10  # divides the sample of slow methods


class RefitLearner(Protocol):
    """A forecaster with a regression that can be refitted on part of its training periods."""

    def training_data(self) -> tuple[Design, npt.NDArray[np.float32]]:
        """Return the design matrix and counts that the regression was fitted to."""
        ...

    def refits(
        self, design: Design, counts: npt.NDArray[np.float32], selections: npt.NDArray[np.bool_]
    ) -> Iterator[Any]:
        """Yield the regressor refitted on the periods of each selection (selections, periods)."""
        ...


@dataclass(frozen=True)
class PerturbationTrial:
    """Settings of the robustness tests; see :class:`ilp_models.explain.explain.Explain`."""

    sample: int  # units
    background: int  # units that replace unknown columns
    refits: int  # each on another half of the periods
    block: int  # consecutive periods that are kept or left out together
    seed: int

    def sample_rows(self, design: Design) -> tuple[Floats, Floats]:
        """Return random sample and background rows of the training data."""
        count = min(self.background, len(design.values) // 2)
        drawn = np.random.default_rng(self.seed).permutation(len(design.values))[: self.sample + count]
        return design.values[drawn[count:]], design.values[drawn[:count]]

    def half_samples(self, periods: int) -> npt.NDArray[np.bool_]:
        """Return the periods of each refit, shape (refits, periods): a random half of the blocks.

        Halves without replacement vary as much as new data of the full length would (delete-half jackknife, Shao and
        Wu 1989), at half the cost of a bootstrap.
        """
        blocks = np.arange(periods) // self.block
        count = blocks[-1] + 1
        generator = np.random.default_rng(self.seed)
        halves = [generator.permutation(count)[: (count + 1) // 2] for _ in range(self.refits)]
        return np.array([np.isin(blocks, half) for half in halves], dtype=bool).reshape(self.refits, periods)

    def refit_shares(self, forecaster: Forecaster, forecast: RiskForecast, column: Column) -> Robustness:
        """Return the cell shares of refits on random halves of the events, for forecasters without a regression.

        Each event is kept with probability one half. The thinned counts scatter around half the rates in every period,
        so time-dependent forecasters can be refitted too.
        """
        history, periods = forecaster.history_, forecast.expected.indexes["period"]
        generator = np.random.default_rng(self.seed)
        units = generator.permutation(forecast.expected[..., 0].size)[: self.sample]
        kinds, cells = np.unravel_index(units, forecast.expected.shape[:2])
        kind_names, cell_names = (forecast.expected.indexes[dim] for dim in ("crime_type", "cell"))
        names = kind_names[kinds].astype(str) + ", " + cell_names[cells].astype(str)
        labels = pd.DataFrame({"feature": names, "family": column.family})
        refits = labels.copy()
        for number in range(1, self.refits + 1):
            half = history.events.table[generator.random(len(history.events)) < 0.5]
            events = replace(history.events, table=half.reset_index(drop=True))
            past = History.from_events(
                history.cutoff, events, history.grid, history.calendar, history.layers, history.record_lag
            )
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
        """Return importances under refits and interventional SHAP, and interactions, on a sample of units."""
        sample, background = values
        labels = _labels(design.columns)
        if method.costly:
            sample = sample[: max(1, self.sample // _CHEAPER)]
        count = self.refits if len(design.periods) >= 2 * self.block else 0
        halves = replace(self, refits=count).half_samples(len(design.periods))
        refits = labels.copy()
        for number, estimator in enumerate(learner.refits(design, counts, halves), start=1):
            refits[f"refit_{number}"] = _importance(method.for_estimator(estimator).attribute(sample)[0])
        perturbations, error, interactions = labels.head(0), float("nan"), pd.DataFrame()
        if isinstance(method, TreePathShap):
            other, start = interventional_values(method.estimator, sample, background)
            error = float(np.abs(other.sum(axis=1) + start - log_rate(method.estimator, sample)).max())
            both = {"path": _importance(method.attribute(sample)[0]), "interventional": _importance(other)}
            perturbations = labels.assign(**both)
            interactions = _interaction_table(interaction_values(method.estimator, sample), labels)
        refits = refits if len(halves) else labels.head(0)
        return Robustness(perturbations, error, refits, interactions, len(sample))


def _labels(columns: tuple[Column, ...]) -> pd.DataFrame:
    return pd.DataFrame({"feature": [one.name for one in columns], "family": [one.family for one in columns]})


def _importance(phi: Floats) -> Floats:
    return np.asarray(np.abs(phi).mean(axis=0))


def _interaction_table(interactions: Floats, labels: pd.DataFrame) -> pd.DataFrame:
    """Return the mean absolute interaction of each pair of columns, strongest first; both halves are added."""
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
