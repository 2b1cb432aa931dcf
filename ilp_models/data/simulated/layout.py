"""The layout of a simulated city: where its incidents fall, who lives where, and how much is recorded there."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from ilp_models.data.simulated.map import CityMap, Counts, Floats, draw_residents, draw_surfaces, link_to_residents
from ilp_models.data.simulated.plan import CityPlan
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid

_POINTS = 4  # along each side of a small square; they decide which cell it belongs to
_LOWEST_RATE = 0.05


@dataclass(frozen=True, eq=False)
class Layout:
    """What stays the same in a simulated city.

    Parameters
    ----------
    lattice : Lattice
        Districts and small squares.
    residents : ndarray of int64
        Residents, shape (districts, groups).
    rates : ndarray of float64
        Probability that an incident is recorded, by district.
    where : ndarray of float64
        Probability of each small square for a background incident, shape (types, squares, squares).
    """

    lattice: CityMap
    residents: Counts
    rates: Floats
    where: Floats


def lay_out(city: CityPlan) -> Layout:
    """Return the layout that the parameters of a city decide."""
    lattice = CityMap(round(city.size_km * 1000 / city.lattice_m), city.districts, city.lattice_m)
    shares = np.array(list(city.group_shares.values()))
    residents = draw_residents(
        np.random.default_rng([city.seed, 0]), lattice, city.population, shares, city.segregation
    )
    marked = list(city.group_shares).index(city.marked_group)
    share = residents[:, marked] / np.maximum(residents.sum(axis=1), 1)
    ruled = city.reporting_rate + city.reporting_slope * (share - shares[marked])
    rates = np.clip(ruled, _LOWEST_RATE, 1.0)
    for area, rate in city.reporting_by_area.items():
        rates[lattice.areas.index(area)] = rate
    rng = np.random.default_rng([city.seed, 1])
    surfaces = draw_surfaces(rng, lattice, len(city.crime_types), city.centres, city.roughness)
    return Layout(lattice, residents, rates, link_to_residents(surfaces, lattice, share, city.composition_risk))


def cell_shares(lattice: CityMap, corner: tuple[float, float], grid: Grid, events: Events) -> csr_matrix:
    """Return the share of each small square that lies in each cell, judged by 16 points in it."""
    along = (np.arange(lattice.squares * _POINTS) + 0.5) * lattice.side / _POINTS
    y, x = (points.ravel() for points in np.meshgrid(along, along, indexing="ij"))
    column = np.floor(x / lattice.side).astype(np.int64)
    square = np.floor(y / lattice.side).astype(np.int64) * lattice.squares + column
    points = pd.DataFrame(
        {
            "occurred_at": events.start,
            "reported_at": events.start,
            "crime_type": pd.Categorical.from_codes(np.zeros(len(x), dtype=np.int8), categories=pd.Index(["point"])),
            "x": x + corner[0],
            "y": y + corner[1],
        }
    )
    cell = grid.locate(replace(events, table=points))
    inside = cell >= 0
    weight = np.full(int(inside.sum()), 1.0 / _POINTS**2)
    shape = (len(grid), lattice.squares**2)
    return csr_matrix((weight, (cell[inside], square[inside])), shape=shape)
