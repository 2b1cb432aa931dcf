"""Flagged areas: cells are ranked, and the highest are flagged up to a share of the active land."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.stats.ranking import Ranking, areas_for_density

Floats = npt.NDArray[np.float64]

UNITS: Final = ("count", "per_km2", "per_resident")
SHARES_OF: Final = ("land", "cells")
HARM: Final = "harm"  # needs a harm set


def with_total(values: Floats) -> Floats:
    """Return values by crime type with their sum as last row, if there are several crime types."""
    return np.concatenate((values, values.sum(axis=0, keepdims=True))) if len(values) > 1 else values


@dataclass(frozen=True, eq=False)
class FlaggingRule:
    """How cells are ranked and how a share of them is flagged.

    Parameters
    ----------
    area_m2 : ndarray of float64
        Ground area of each cell, square metres.
    rank_by : str, default "count"
        Ranking of cells: ``count``, ``per_km2``, ``per_resident`` or ``harm``.
    share_of : str, default "land"
        ``land``: a share of the ground area; the last cell may be flagged in part. ``cells``: a share of the cells,
        as where a fixed number of beats or neighbourhoods is chosen.
    residents : ndarray of float64, optional
        Residents of each cell, for ``per_resident``. Cells without residents rank last.
    harm : ndarray of float64, optional
        Harm of one crime of each crime type, for ``harm``. All types then share one map of summed harm.

    Raises
    ------
    InputError
        If the ranking or ``share_of`` is unknown, or residents or harm are missing.

    Examples
    --------
    >>> rule = FlaggingRule(np.array([1.0, 1.0, 2.0]))
    >>> rule.flagged(np.array([[[3.0], [1.0], [2.0]]]), 0.5)[0][0, :, 0]
    array([1. , 0. , 0.5])
    """

    area_m2: Floats
    rank_by: str = "count"
    share_of: str = "land"
    residents: Floats | None = None
    harm: Floats | None = None

    def __post_init__(self) -> None:
        """Refuse unknown rankings and missing inputs."""
        if self.rank_by not in (*UNITS, HARM):
            msg = f"audit.rank_by={self.rank_by!r} is unknown. Choose one of {', '.join((*UNITS, HARM))}."
        elif self.share_of not in SHARES_OF:
            msg = f"audit.share_of={self.share_of!r} is unknown. Choose one of {', '.join(SHARES_OF)}."
        elif self.rank_by == "per_resident" and self.residents is None:
            msg = "audit.rank_by=per_resident needs a group table with residents. Set audit.groups.path=FILE."
        elif self.rank_by == HARM and self.harm is None:
            msg = (
                "audit.rank_by=harm needs a harm set. Choose sets with 'harm=[csi_2009,ons_css]', and one of them with "
                "audit.harm=csi_2009."
            )
        else:
            return
        raise InputError(msg)

    def flagged(self, expected: Floats, *shares: float) -> list[Floats]:
        """Return the flagged fraction of each cell at each share, from one ranking; shape of ``expected``.

        ``expected`` may end with the sum of all crime types, see :func:`with_total`.
        """
        ranked = self._rankings(expected)
        return [np.stack([ranked[k % len(ranked)].flagged(share) for k in range(len(expected))]) for share in shares]

    def whole(self, expected: Floats, share: float) -> npt.NDArray[np.bool_]:
        """Return the whole cells to flag on a map, which are at most the share; shape of ``expected``."""
        ranked = self._rankings(expected)
        return np.stack([ranked[k % len(ranked)].whole(share) for k in range(len(expected))])

    def _rankings(self, expected: Floats) -> list[Ranking]:
        ground = self.area_m2 if self.share_of == "land" else np.ones(len(self.area_m2))
        return [Ranking.from_values(key, ground) for key in self._keys(expected)]

    def _keys(self, expected: Floats) -> Floats:
        """Return the values that cells are ranked by, for each map."""
        if self.rank_by == "per_km2":
            return expected / areas_for_density(self.area_m2)[:, None]
        if self.rank_by == "per_resident" and self.residents is not None:
            return expected / np.where(self.residents > 0, self.residents, np.inf)[:, None]
        if self.rank_by == HARM and self.harm is not None:
            return np.tensordot(self.harm, expected[: len(self.harm)], axes=1)[None]
        return expected
