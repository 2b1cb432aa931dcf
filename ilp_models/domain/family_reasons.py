"""Reasons by family: a reference plus one part in events for each family adds up to the forecast of a cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.features import Column
from ilp_models.domain.history import History
from ilp_models.domain.panel import DIMS

Floats = npt.NDArray[np.float64]

USUAL: Final = "usual level here"
RECENT: Final = "last weeks here"
NEIGHBOURS: Final = "neighbouring cells"
OTHER_TYPES: Final = "other crime types"
SEASON: Final = "time of year and holidays"
TREND: Final = "city-wide trend"
CONTEXT: Final = "context layers"
METHOD: Final = "this method's estimate"  # what cannot be split
FAMILIES: Final = (USUAL, RECENT, NEIGHBOURS, OTHER_TYPES, SEASON, TREND, CONTEXT, METHOD)
FAMILY_KEYS: Final[Mapping[str, str]] = {
    USUAL: "usual_level",
    RECENT: "last_weeks",
    NEIGHBOURS: "neighbouring_cells",
    OTHER_TYPES: "other_types",
    SEASON: "time_of_year",
    TREND: "city_trend",
    CONTEXT: "context_layers",
    METHOD: "method",
}

RECENT_YEARS: Final = 0.25  # counts of the latest quarter of a year are the last weeks, older ones the usual level
_OWN_PAST: Final = "own_past"
FAMILY_OF: Final[Mapping[str, str]] = {  # of each feature family; own_past also depends on the age of its counts
    _OWN_PAST: USUAL,
    "lags": RECENT,
    "surroundings": NEIGHBOURS,
    "all_types": OTHER_TYPES,
    "city_level": TREND,
    "calendar": SEASON,
    "same_season": SEASON,
    "same_weekday": SEASON,
    "context": CONTEXT,
    "crime_type": USUAL,  # given: the reference has the same crime type, so it changes nothing
    "offset": USUAL,  # its city level is taken apart, see ilp_models.model.regressions.family_game
    "lead": METHOD,
}
_MOST_ERROR: Final = 1e-6  # relative to the larger of 1 and the expected count


def reason_family(column: Column) -> str:
    """Return the family of reasons of a column; features from outside the package are the method's estimate."""
    family = FAMILY_OF.get(column.family, METHOD)
    return RECENT if column.family == _OWN_PAST and 0 < column.age_years <= RECENT_YEARS else family


def mean_cell(history: History) -> Floats:
    """Return the mean count of a cell and period of each crime type over the latest known year: the usual reference."""
    latest = history.panel.by_period[-history.calendar.per_year :]
    return np.asarray(latest.mean(axis=(0, 2), dtype=np.float64))


def recent_count(history: History) -> int:
    """Return the number of periods that are the last weeks."""
    return max(1, round(RECENT_YEARS * history.calendar.per_year))


@dataclass(frozen=True, eq=False, repr=False)
class FamilyReasons:
    """The expected count of each cell as a reference plus one part for each family of reasons, all in events.

    The reference is the forecast for the mean cell of the city, the same for all cells of a crime type. Most methods
    use the mean count of all cells over the latest known year. Regressions use their forecast for a cell whose features
    have their mean values. A part is what a family adds to the reference, on average over the orders in which families
    can be added (the Shapley value). Reasons describe the model, not the causes of crime.

    Parameters
    ----------
    expected : DataArray
        The forecast, events, dims (crime_type, cell, period).
    reference : DataArray
        Expected count of the mean cell, events, dims (crime_type, period).
    parts : DataArray
        Events that each family adds, dims (crime_type, cell, period, family), families of ``FAMILIES`` in this order.

    Raises
    ------
    InputError
        If reference and parts do not add up to the forecast within 1e-6, relative to the larger of 1 and the
        expected count.
    """

    expected: xr.DataArray
    reference: xr.DataArray
    parts: xr.DataArray

    def __post_init__(self) -> None:
        """Check families, shapes and that the parts add up."""
        families = self.families
        if list(families) != [family for family in FAMILIES if family in families]:
            msg = f"Families of reasons are {list(families)}. Use some of {', '.join(FAMILIES)}, in this order."
            raise InputError(msg)
        kinds, _, periods = self.expected.shape
        if self.parts.shape != (*self.expected.shape, len(families)) or self.reference.shape != (kinds, periods):
            msg = "Reasons need a part of each family for each cell, and a reference for each crime type and period."
            raise InputError(msg)
        if not self.additivity_error <= _MOST_ERROR:
            msg = (
                f"Reasons do not add up to the forecast: the largest difference is {self.additivity_error:.2g} of the "
                f"expected count, above {_MOST_ERROR:g}. Return parts that add up from _split_forecast."
            )
            raise InputError(msg)

    @classmethod
    def from_parts(cls, expected: xr.DataArray, reference: Floats, parts: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the reasons from arrays: a reference (types, periods) and parts (types, cells, periods) by family."""
        families = [family for family in FAMILIES if family in parts]
        unknown = sorted(set(parts) - set(families))
        if unknown:
            msg = f"{unknown[0]!r} is no family of reasons. Use some of {', '.join(FAMILIES)}."
            raise InputError(msg)
        coords = {dim: expected.indexes[dim] for dim in DIMS}
        kinds, _, periods = expected.shape
        stacked = np.stack([np.broadcast_to(parts[family], expected.shape) for family in families], axis=-1)
        return cls(
            expected,
            xr.DataArray(
                np.broadcast_to(reference, (kinds, periods)),
                dims=("crime_type", "period"),
                coords={dim: coords[dim] for dim in ("crime_type", "period")},
            ),
            xr.DataArray(stacked, dims=(*DIMS, "family"), coords=coords | {"family": families}),
        )

    @property
    def families(self) -> tuple[str, ...]:
        """The families that the forecast was split into."""
        return tuple(map(str, self.parts.indexes["family"]))

    @property
    def additivity_error(self) -> float:
        """Largest distance of reference + parts from the forecast, relative to max(1, forecast); NaN if any is NaN."""
        total = self.reference.values[:, None, :] + self.parts.values.sum(axis=-1)
        expected = self.expected.values
        return float((np.abs(total - expected) / np.maximum(1.0, expected)).max())

    def part(self, family: str) -> Floats:
        """Return the part of a family (types, cells, periods); zeros for a family that the method does not have."""
        if family not in self.families:
            return np.zeros(self.expected.shape)
        return np.asarray(self.parts.values[..., self.families.index(family)])

    def to_dict(self) -> dict[str, Floats]:
        """Return the parts by family."""
        return {family: self.part(family) for family in self.families}

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each unit: labels, ``expected``, ``reference`` and one column for each family."""
        expected = self.expected
        columns: dict[str, Any] = {"expected": expected.values, "reference": self.reference.values[:, None, :]}
        columns |= {FAMILY_KEYS[family]: self.part(family) for family in FAMILIES}
        index = pd.MultiIndex.from_product([expected.indexes[dim] for dim in DIMS], names=list(DIMS))
        flat = {name: np.broadcast_to(values, expected.shape).ravel() for name, values in columns.items()}
        return pd.DataFrame(flat, index=index).reset_index()

    def __repr__(self) -> str:
        """Return size and families in one line."""
        return f"<FamilyReasons: {self.expected.size:,} units, {', '.join(self.families)}>"


def combine_reasons(
    expected: xr.DataArray, members: Sequence[FamilyReasons], weights: npt.NDArray[Any]
) -> tuple[Floats, dict[str, Floats]]:
    """Return reference and parts of a weighted sum of forecasts; weights have the shape (crime types, members).

    What the forecast has beyond the weighted sum is the method's own estimate.
    """
    reference = np.zeros((expected.shape[0], expected.shape[2]))
    parts: dict[str, Floats] = {}
    for member, weight in zip(members, np.asarray(weights, dtype=np.float64).T, strict=True):
        reference = reference + weight[:, None] * member.reference.values
        for family, part in member.to_dict().items():
            parts[family] = parts.get(family, 0.0) + weight[:, None, None] * part
    rest = expected.values - reference[:, None, :] - sum(parts.values())
    if (np.abs(rest) > _MOST_ERROR / 10 * np.maximum(1.0, expected.values)).any():
        parts[METHOD] = parts.get(METHOD, 0.0) + rest
    return reference, parts
