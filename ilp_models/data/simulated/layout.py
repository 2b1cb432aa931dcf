"""Layout of a simulated city: districts, residents by group, background risk and recording rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix

from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid

if TYPE_CHECKING:
    from ilp_models.data.simulated.plan import CityPlan

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_POINTS: Final = 4  # along each side of a small square, to share it among cells
_MIN_RATE: Final = 0.05
_BASE_RISK: Final = 0.2  # background outside the centres; a centre of mean strength peaks at 1


@dataclass(frozen=True)
class CityMap:
    """Square districts, divided into small squares on which the background is constant."""

    squares: int  # small squares along each side of the city
    districts: int  # districts along each side of the city; divides squares
    side: float  # of a small square, metres

    @property
    def extent(self) -> float:
        """Side of the city, metres."""
        return self.squares * self.side

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the districts, row by row from the south-west."""
        width = len(str(self.districts))
        names = range(1, self.districts + 1)
        return tuple(f"District {row:0{width}d}-{column:0{width}d}" for row in names for column in names)

    @property
    def district(self) -> Counts:
        """The district of each small square, shape (squares, squares): rows from the south, columns from the west."""
        band = np.arange(self.squares) * self.districts // self.squares
        return np.asarray(band[:, None] * self.districts + band[None, :], dtype=np.int64)

    def district_at(self, x: Floats, y: Floats) -> Counts:
        """Return the district of points."""
        column = np.clip(x // self.side, 0, self.squares - 1).astype(np.int64)
        row = np.clip(y // self.side, 0, self.squares - 1).astype(np.int64)
        return self.district[row, column]


def draw_surfaces(rng: np.random.Generator, lattice: CityMap, types: int, centres: int, roughness: float) -> Floats:
    """Return the background risk of each type: smooth centres shared by all types, and rough streets."""
    middle = (np.arange(lattice.squares) + 0.5) / lattice.squares
    smooth = np.full((types, lattice.squares, lattice.squares), _BASE_RISK)
    for _ in range(centres):
        x, y = rng.uniform(0.12, 0.88, 2)
        radius = rng.uniform(0.05, 0.15)
        strength = rng.gamma(2.0, 0.5) * np.exp(0.6 * rng.standard_normal(types))
        bump = np.exp(-((middle[:, None] - y) ** 2 + (middle[None, :] - x) ** 2) / (2 * radius**2))
        smooth = smooth + strength[:, None, None] * bump
    along = rng.standard_normal(lattice.squares)[:, None] + rng.standard_normal(lattice.squares)[None, :]
    spots = rng.standard_normal(smooth.shape)
    return np.asarray(smooth * np.exp(roughness * (along + spots) / np.sqrt(3.0)))


def draw_residents(
    rng: np.random.Generator, lattice: CityMap, population: int, shares: Floats, segregation: float
) -> Counts:
    """Return the residents of each district by group."""
    size = lattice.districts**2
    people = np.exp(0.3 * rng.standard_normal(size))
    people *= population / people.sum()
    scores = [_standard(gaussian_filter(rng.standard_normal((lattice.districts,) * 2), 1.0)) for _ in shares]
    table = people[:, None] * shares * np.exp(segregation * np.stack([score.ravel() for score in scores], axis=1))
    for _ in range(200):  # iterative proportional fitting to district sizes and group shares
        table *= (people / table.sum(axis=1))[:, None]
        table *= shares * population / table.sum(axis=0)
    steps = np.rint(np.cumsum(table.ravel())).astype(np.int64)
    return np.diff(steps, prepend=0).reshape(size, len(shares))


def _standard(values: Floats) -> Floats:
    """Return values with mean 0 and standard deviation 1, or zeros if all are equal."""
    spread = values.std()
    return np.asarray((values - values.mean()) / spread if spread > 0 else np.zeros_like(values))


def link_to_residents(surfaces: Floats, lattice: CityMap, share: Floats, strength: float) -> Floats:
    """Return the risk, raised where a group's share is high, as probabilities over the squares."""
    linked = surfaces * np.exp(strength * _standard(share))[lattice.district]
    return np.asarray(linked / linked.sum(axis=(1, 2), keepdims=True))


@dataclass(frozen=True, eq=False)
class Layout:
    """The parts of a simulated city that do not change over time."""

    lattice: CityMap
    residents: Counts  # (districts, groups)
    rates: Floats  # probability that an incident is recorded, by district
    risk: Floats  # probability of each small square for a background incident, (types, squares, squares)


def build_layout(city: CityPlan) -> Layout:
    """Return the layout of a city; the seed determines it."""
    lattice = CityMap(round(city.size_km * 1000 / city.lattice_m), city.districts, city.lattice_m)
    shares = np.array(list(city.group_shares.values()))
    residents = draw_residents(
        np.random.default_rng([city.seed, 0]), lattice, city.population, shares, city.segregation
    )
    marked = list(city.group_shares).index(city.marked_group)
    share = residents[:, marked] / np.maximum(residents.sum(axis=1), 1)
    uniform = city.reporting_rate + city.reporting_slope * (share - shares[marked])
    rates = np.clip(uniform, _MIN_RATE, 1.0)
    for area, rate in city.reporting_by_area.items():
        rates[lattice.areas.index(area)] = rate
    rng = np.random.default_rng([city.seed, 1])
    surfaces = draw_surfaces(rng, lattice, len(city.crime_types), city.centres, city.roughness)
    return Layout(lattice, residents, rates, link_to_residents(surfaces, lattice, share, city.composition_risk))


def cell_shares(lattice: CityMap, corner: tuple[float, float], grid: Grid, events: Events) -> csr_matrix:
    """Return the share of each small square that lies in each cell, by 16 points, shape (cells, squares)."""
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
