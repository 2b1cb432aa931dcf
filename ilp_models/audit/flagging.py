"""Which land is flagged: cells ranked in a stated unit and cut at shares of the active land."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.stats.ranking import Ranking, areas_for_density

Floats = npt.NDArray[np.float64]

UNITS: Final = ("count", "per_km2", "per_resident")
SHARES_OF: Final = ("land", "cells")
HARM: Final = "harm"  # apart from the others, as it needs weights that only the deployer can give


@dataclass(frozen=True, eq=False)
class FlaggingRule:
    """How a map is cut: what cells are ranked by, and a share of what is flagged.

    Parameters
    ----------
    area_m2 : ndarray of float64
        Ground area of each cell, square metres.
    unit : str, default "count"
        ``count``, ``per_km2``, ``per_resident`` or ``harm``: what cells are ranked by.
    share_of : str, default "land"
        ``land``: a share is one of the ground, and the last cell may be flagged in part. ``cells``: every cell counts
        alike, as where a fixed number of beats or neighbourhoods is chosen.
    residents : ndarray of float64, optional
        Residents of each cell, for ``per_resident``; cells without residents rank last.
    harm : ndarray of float64, optional
        Harm of one event of each crime type, for ``harm``: all types then share the one map of summed harm.

    Raises
    ------
    InputError
        If the unit or what is shared is unknown, or residents or weights that it needs are not given.
    """

    area_m2: Floats
    unit: str = "count"
    share_of: str = "land"
    residents: Floats | None = None
    harm: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse a cut that cannot be made."""
        if self.unit not in (*UNITS, HARM):
            msg = f"audit.unit={self.unit!r} is unknown; choose one of {', '.join((*UNITS, HARM))}."
        elif self.share_of not in SHARES_OF:
            msg = f"audit.share_of={self.share_of!r} is unknown; choose one of {', '.join(SHARES_OF)}."
        elif self.unit == "per_resident" and self.residents is None:
            msg = "audit.unit=per_resident needs a group table with residents; set audit.groups.path=FILE."
        elif self.unit == HARM and self.harm is None:
            msg = "audit.unit=harm needs the harm of one event of each crime type; set audit.harm."
        else:
            return
        raise InputError(msg)

    def flagged(self, expected: Floats, *shares: float) -> list[Floats]:
        """Return which fraction of each cell is flagged at each of some shares, from one ranking."""
        ground = self.area_m2 if self.share_of == "land" else np.ones(len(self.area_m2))
        ranked = [Ranking.from_values(key, ground) for key in self._keys(expected)]
        return [np.stack([ranked[k % len(ranked)].flagged(share) for k in range(len(expected))]) for share in shares]

    def _keys(self, expected: Floats) -> Floats:
        """Return what cells are ranked by, for each map."""
        if self.unit == "per_km2":
            return expected / areas_for_density(self.area_m2)[:, None]
        if self.unit == "per_resident" and self.residents is not None:
            return expected / np.where(self.residents > 0, self.residents, np.inf)[:, None]
        if self.unit == HARM and self.harm is not None:
            return np.tensordot(self.harm, expected, axes=1)[None]
        return expected
