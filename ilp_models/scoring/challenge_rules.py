"""The rules of the NIJ Real-Time Crime Forecasting Challenge (2017): which cells and areas may be forecast."""

from typing import Final

import numpy as np
import numpy.typing as npt
import shapely

from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid

FOOT: Final = 0.3048  # metres, international
SQUARE_MILE: Final = 5280.0**2  # square feet

_CELL_SQUARE_FEET: Final = (62_500.0, 360_000.0)
_LEAST_SIDE_FEET: Final = 125.0
_FORECAST_SQUARE_MILES: Final = (0.25, 0.75)
_TOLERANCE: Final = 1e-6  # relative; corners are rounded to whole binary digits of a metre


def cell_square_feet(grid: Grid) -> float:
    """Return the area of each cell of a grid that the rules admit: on the map, as the challenge measures it."""
    areas = shapely.area(grid.geometry) / FOOT**2
    area = float(np.median(areas))
    odd = int(np.argmax(np.abs(areas - area)))
    least, most = _CELL_SQUARE_FEET
    if abs(areas[odd] - area) > _TOLERANCE * area:
        msg = (
            f"The challenge wants equal cells; {grid.cells[odd]} has {areas[odd]:,.0f} sq ft and most have {area:,.0f}."
        )
        raise InputError(msg)
    if not least * (1 - _TOLERANCE) <= area <= most * (1 + _TOLERANCE):
        msg = f"The challenge wants cells of {least:,.0f} to {most:,.0f} sq ft, not {area:,.0f}; set another cell size."
        raise InputError(msg)
    side = _least_side(grid.geometry)
    if side < _LEAST_SIDE_FEET * (1 - _TOLERANCE):
        msg = f"The challenge wants cells at least {_LEAST_SIDE_FEET:g} ft wide, not {side:.1f}; make them less narrow."
        raise InputError(msg)
    return area


def least_cells(cell_sq_ft: float) -> int:
    """Return the smallest number of cells that the challenge admits as a forecast: 0.25 square miles of them."""
    return int(np.ceil(_FORECAST_SQUARE_MILES[0] * SQUARE_MILE / cell_sq_ft * (1 - _TOLERANCE)))


def forecast_square_miles(cells: int, cell_sq_ft: float, available: int) -> float:
    """Return the area of a forecast that the rules admit."""
    least, most = _FORECAST_SQUARE_MILES
    area = cells * cell_sq_ft / SQUARE_MILE
    if not least * (1 - _TOLERANCE) <= area <= most * (1 + _TOLERANCE) or cells > available:
        msg = (
            f"The challenge wants {least:g} to {most:g} square miles; {cells} cells of {cell_sq_ft:,.0f} sq ft are "
            f"{area:.3f}, and the grid has {available}. Forecast another number of cells."
        )
        raise InputError(msg)
    return area


def _least_side(geometry: npt.NDArray[np.object_]) -> float:
    """Return the smallest width of any cell, feet: the shorter side of the rectangle around it."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(geometry)).reshape(len(geometry), 5, 2)
    sides = np.linalg.norm(np.diff(corners[:, :3], axis=1), axis=2)
    return float(sides.min()) / FOOT
