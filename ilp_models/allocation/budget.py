"""What may be spent in each period, and what covering a cell in full takes of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ilp_models.domain.allocation import UNITS
from ilp_models.domain.allocation_input import AllocationInput
from ilp_models.domain.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """A number of cells, or hours of patrol, for each period.

    Parameters
    ----------
    share : float, default 0.05
        Share of what covering every cell in full would take; read where ``amount`` is not given.
    amount : float, optional
        Cells (a whole number) or hours for each period.
    unit : str, default "cells"
        ``cells`` or ``hours``.
    per_cell : float, default 1
        Hours in a period that cover one cell in full, and the most that a cell gets; 1 for cells.
    per_km2 : float, default 0
        Hours more for each square kilometre of the cell; 0 for cells.

    Raises
    ------
    InputError
        If a number is out of its range.
    """

    share: float = 0.05
    amount: float | None = None
    unit: str = "cells"
    per_cell: float = 1.0
    per_km2: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a budget that cannot be spent."""
        if self.unit not in UNITS or not 0 < (self.share or 0.0) <= 1:
            msg = (
                f"budget needs unit in {UNITS} and 0 < share <= 1, not unit={self.unit}, share={self.share}; "
                "where amount is given, leave share out."
            )
        elif self.unit == "cells" and (self.per_cell != 1 or self.per_km2 != 0):
            msg = "budget.per_cell and per_km2 are hours; set budget.unit=hours, or leave them at 1 and 0."
        elif not (self.per_cell >= 0 and self.per_km2 >= 0 and 0 < self.per_cell + self.per_km2 < np.inf):
            msg = f"budget needs hours >= 0, not all 0: per_cell={self.per_cell}, per_km2={self.per_km2}."
        elif self.amount is not None and not (0 < self.amount < np.inf):
            msg = f"budget.amount={self.amount} must be a number above 0."
        elif self.amount is not None and self.unit == "cells" and self.amount != round(self.amount):
            msg = (
                f"budget.amount={self.amount} must be a whole number of cells; set budget.unit=hours for parts of one."
            )
        else:
            return
        raise InputError(msg)

    def need(self, territory: AllocationInput) -> Floats:
        """Return what covering each cell in full takes."""
        return np.asarray(self.per_cell + self.per_km2 * territory.area_m2 / 1e6, dtype=float)

    def available(self, territory: AllocationInput) -> float:
        """Return what may be spent in each period."""
        whole = float(self.need(territory).sum())
        if self.amount is None:
            given = self.share * whole
            return max(1.0, float(round(given))) if self.unit == "cells" else given
        if self.amount > whole * (1 + 1e-9):
            msg = f"budget.amount={self.amount:g} is more than covering every cell takes ({whole:g}); lower it."
            raise InputError(msg)
        return float(self.amount)

    def parts(self, expected_value: Floats, territory: AllocationInput) -> tuple[Floats, Floats, float]:
        """Return the checked values with what the cells need and what there is."""
        values = np.asarray(expected_value, dtype=float)
        if values.ndim != 2 or len(values) != len(territory.area_m2):
            msg = f"Expected values need the shape ({len(territory.area_m2)}, periods), not {values.shape}."
            raise InputError(msg)
        if not (np.isfinite(values) & (values >= 0)).all():
            msg = "Expected values must be finite and not negative; check the forecast and the objective."
            raise InputError(msg)
        return values, self.need(territory), self.available(territory)
