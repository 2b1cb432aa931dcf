"""Context features: distance to the nearest feature of a layer and density of features around a cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.features import Column
from ilp_models.domain.history import History
from ilp_models.domain.proximity import DENSITY_UNITS, check_near, densities, distances

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LayerDistances:
    """Distance from the centroid of a cell to the nearest feature of each layer.

    Parameters
    ----------
    cap_m : float, default 2000
        Maximum distance, metres; larger distances have this value.
    layers : sequence of str, optional
        Names of the layers; by default all.
    """

    cap_m: float = 2000.0
    layers: Sequence[str] | None = None

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per layer."""
        return tuple(
            Column(
                f"{layer.name}_distance",
                "context",
                f"{{value:.0f}} m from the middle of the cell to the nearest of {layer.name} (at most {self.cap_m:g})",
            )
            for layer in history.layers.select(self.layers)
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; they are the same for all periods and types."""
        del periods, step
        for column, layer in enumerate(history.layers.select(self.layers)):
            check_near(layer, history.grid, self.cap_m)
            out[..., column] = distances(layer, history.grid, self.cap_m)


@dataclass(frozen=True)
class LayerDensities:
    """Number, length or area of the features of each layer within some ranges of the centroid of a cell.

    Parameters
    ----------
    ranges_m : sequence of float, default (500, 1000)
        Radii around the centroid, metres, one column each.
    layers : sequence of str, optional
        Names of the layers; by default all.
    """

    ranges_m: Sequence[float] = (500.0, 1000.0)
    layers: Sequence[str] | None = None

    def columns(self, history: History) -> tuple[Column, ...]:
        """Return one column per layer and range: number of points, kilometres of lines or hectares of polygons."""
        return tuple(
            Column(
                f"{layer.name}_within_{range_m:g}",
                "context",
                f"{_amount(DENSITY_UNITS[layer.kind])}{layer.name} within {range_m:g} m of the middle of the cell",
            )
            for layer in history.layers.select(self.layers)
            for range_m in self.ranges_m
        )

    def write(self, history: History, periods: pd.PeriodIndex, step: int, out: Floats) -> None:
        """Write the columns; they are the same for all periods and types."""
        del periods, step
        column = 0
        for layer in history.layers.select(self.layers):
            check_near(layer, history.grid, max(self.ranges_m))
            for range_m in self.ranges_m:
                out[..., column] = densities(layer, history.grid, range_m)
                column += 1


def _amount(unit: str) -> str:
    return f"{{value:.1f}} {unit} of " if unit else "{value:.0f} "
