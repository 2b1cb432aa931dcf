"""Tables of the power of a field trial: by effect, and by duration, number of units and their size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.trial import Scheme
from ilp_models.evaluation.power import Power, PowerSimulation, closed_form_power
from ilp_models.evaluation.units import CELLS, CLUSTERS, ChosenUnits, TrialUnits

Counts = npt.NDArray[Any]

EFFECTS: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
CURVE_COLUMNS: Final = ("varied", "value", "units", "periods", "effect", "power", "low", "high", "closed_form", "note")
_CURVE_TRIALS: Final = 300  # a curve needs less precision than the answer
_FACTORS: Final = (0.5, 1.0, 2.0)
_RINGS: Final = (1.1, 2.1)  # widths of a cell: the radius that reaches the next cells, and those after them


@dataclass(frozen=True, eq=False)
class TrialPower:
    """The settings of a planned trial, as far as its power depends on them."""

    simulation: PowerSimulation
    scheme: Scheme
    periods: int
    effect: float

    def table(self, counts: Counts) -> pd.DataFrame:
        """Return the power for several effects, simulated and in closed form, on counts of shape (units, periods)."""
        return self._rows(counts, sorted({*EFFECTS, float(self.effect)}))

    def curves(
        self, units: TrialUnits, cell_m: float, count: Callable[[TrialUnits], tuple[ChosenUnits, Counts]]
    ) -> pd.DataFrame:
        """Return the power for other durations, numbers and sizes of units; a note says what is not possible.

        ``count`` returns the units of other settings and their past counts.
        """
        short = replace(self, simulation=replace(self.simulation, trials=min(_CURVE_TRIALS, self.simulation.trials)))
        rows = []
        for varied, value, periods, other in self._variants(units, cell_m):
            row: dict[str, Any] = {"varied": varied, "value": value, "units": other.count, "periods": periods}
            row |= {"effect": self.effect, "note": ""}
            try:
                chosen, counts = count(other)
                planned = replace(short, periods=periods)
                (found,) = planned._rows(counts, [self.effect]).to_dict("records")
                row |= {"units": len(chosen), **{str(name): one for name, one in found.items()}}
            except (InputError, NotRunError) as error:
                row["note"] = error.problem
            rows.append(row)
        return pd.DataFrame(rows).reindex(columns=list(CURVE_COLUMNS))

    def _variants(self, units: TrialUnits, cell_m: float) -> Iterator[tuple[str, float, int, TrialUnits]]:
        """Yield what is varied, its value, the periods and the settings of the units."""
        for factor in _FACTORS:
            periods = max(1, round(self.periods * factor))
            yield "periods", periods, periods, units
        for factor in _FACTORS:
            several = max(2, round(units.count * factor))
            yield "units", several, self.periods, replace(units, count=several)
        radii = {CLUSTERS: [factor * units.radius_m for factor in _FACTORS]}
        radii[CELLS] = [0.0, *(round(factor * cell_m) for factor in _RINGS)]
        for radius in radii.get(units.kind, []):
            yield "radius_m", radius, self.periods, replace(units, kind=CLUSTERS, radius_m=radius)

    def _rows(self, counts: Counts, effects: Sequence[float]) -> pd.DataFrame:
        simulation = self.simulation
        if self.scheme.randomised:
            found = simulation.run(counts, self.scheme, self.periods, effects)
        else:  # nothing is drawn, so that there is no test to simulate
            events = float(counts.mean(axis=1).sum() * self.periods)
            found = [Power(one, np.nan, np.nan, np.nan, 0, events) for one in effects]
        spread = dispersion(counts, self.periods)
        rows = []
        for one in found:
            before = one.events * simulation.periods_before / self.periods
            closed = np.nan
            if one.events > 0 and one.effect < 1:
                settings = {"before": before, "dispersion": spread, "level": simulation.level}
                closed = closed_form_power(one.events, one.effect, **settings)
            rows.append({**vars(one), "closed_form": closed})
        return pd.DataFrame(rows)


def dispersion(counts: Counts, periods: int) -> float:
    """Return the Pearson dispersion of the sums of units over spans of a trial, around their margins; 1 is Poisson.

    ``counts`` has the shape (units, periods). Sums over whole spans hold the serial correlation within a span.
    """
    spans = max(counts.shape[1] // periods, 1)
    sums = counts[:, counts.shape[1] - spans * periods :] if spans > 1 else counts
    if spans > 1:
        sums = sums.reshape(len(counts), spans, periods).sum(axis=2)
    rows, columns = sums.sum(axis=1, dtype=float), sums.sum(axis=0, dtype=float)
    expected = np.outer(rows[rows > 0], columns[columns > 0]) / max(rows.sum(), 1.0)
    seen = sums[np.ix_(rows > 0, columns > 0)]
    freedom = (expected.shape[0] - 1) * (expected.shape[1] - 1)
    return float(((seen - expected) ** 2 / expected).sum() / freedom) if freedom > 0 else 1.0
