"""Errors of forecasts by who lives where: level, misses both ways, deviance, calibration."""

import numpy as np
import numpy.typing as npt

from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums
from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import IlpError
from ilp_models.stats.bootstrap import Bootstrap, Estimate
from ilp_models.stats.calibration import calibration_line

Floats = npt.NDArray[np.float64]


def tally_errors(basis: Basis, expected: Floats, observed: Floats, losses: tuple[Floats, Floats]) -> GroupSums:
    """Return the sums that formulas of forecast errors are made of."""
    cubes = {
        "predicted": Cube(expected, "cells"),
        "happened": Cube(observed, "cells"),
        "over": Cube(np.maximum(expected - observed, 0), "cells"),
        "under": Cube(np.maximum(observed - expected, 0), "cells"),
    }
    losing = {name: Cube(loss, "people") for name, loss in zip(("loss", "other_loss"), losses, strict=True)}
    return GroupSums.from_cubes(basis, cubes | losing)


def calibration(
    expected: Floats, observed: Floats, residents: Residents, resampling: Bootstrap, floor: float
) -> tuple[Estimate, Estimate]:
    """Return the slope and intercept of a Poisson regression of y on log p inside each group, weights s_ig."""
    kinds, groups = len(expected), len(residents.groups)
    rows = kinds + (kinds > 1)
    numbers = np.full((2, 3, rows, groups), np.nan)
    for row in range(rows):
        part = slice(row, row + 1) if row < kinds else slice(None)
        for group in range(groups):
            cells = np.flatnonzero(residents.by_group[:, group] > 0)
            weight = residents.shares[cells, group][:, None]
            try:
                line = calibration_line(observed[part, cells], expected[part, cells], weight, floor)
            except IlpError:
                continue
            for which, (value, ends) in enumerate(
                zip((line.slope, line.intercept), line.intervals(resampling), strict=True)
            ):
                numbers[which, :, row, group] = value, *ends
    slope, intercept = (Estimate(one[0], one[1], one[2]) for one in numbers)
    return slope, intercept
