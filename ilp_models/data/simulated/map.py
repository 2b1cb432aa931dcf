"""Where incidents of a simulated city happen and who lives there: a lattice of small squares in square districts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_EVERYWHERE = 0.2  # background outside the centres, where a centre of mean strength peaks at 1


@dataclass(frozen=True)
class CityMap:
    """Square districts cut into small squares on which the background is constant.

    Parameters
    ----------
    squares : int
        Small squares along each side of the city.
    districts : int
        Districts along each side of the city; divides ``squares``.
    side : float
        Side of a small square, metres.
    """

    squares: int
    districts: int
    side: float

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
    """Return uneven surfaces: smooth centres shared by the types at strengths of their own, and streets."""
    middle = (np.arange(lattice.squares) + 0.5) / lattice.squares
    smooth = np.full((types, lattice.squares, lattice.squares), _EVERYWHERE)
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
    for _ in range(200):  # iterative proportional fitting: every district keeps its size and every group its share
        table *= (people / table.sum(axis=1))[:, None]
        table *= shares * population / table.sum(axis=0)
    steps = np.rint(np.cumsum(table.ravel())).astype(np.int64)
    return np.diff(steps, prepend=0).reshape(size, len(shares))


def _standard(values: Floats) -> Floats:
    """Return values with mean 0 and standard deviation 1, or zeros where all are the same."""
    spread = values.std()
    return np.asarray((values - values.mean()) / spread if spread > 0 else np.zeros_like(values))


def link_to_residents(surfaces: Floats, lattice: CityMap, share: Floats, strength: float) -> Floats:
    """Return surfaces that rise with a group's share, as the probability of each square."""
    linked = surfaces * np.exp(strength * _standard(share))[lattice.district]
    return np.asarray(linked / linked.sum(axis=(1, 2), keepdims=True))
