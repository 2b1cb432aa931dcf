"""Which land is flagged: cells ranked in a stated unit and cut at shares of the active land."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ilp_models.domain.errors import InputError
from ilp_models.domain.ranking import Ranking

Floats = npt.NDArray[np.float64]

UNITS: Final = ("count", "per_km2", "per_resident")
HARM: Final = "harm"  # apart from the others, as it needs weights that only the deployer can give


def flagged_map(
    expected: Floats,
    area_m2: Floats,
    share: float,
    unit: str = "count",
    residents: Floats | None = None,
    harm: Floats | None = None,
) -> Floats:
    """Return which fraction of each cell is flagged when cells are ranked in a stated unit.

    Parameters
    ----------
    expected : ndarray of float64
        Expected events, shape (crime types, cells, periods).
    area_m2 : ndarray of float64
        Ground area of each cell, square metres.
    share : float
        Share of the active land that is flagged in each period, for each crime type.
    unit : str, default "count"
        ``count``, ``per_km2``, ``per_resident`` or ``harm``: what cells are ranked by.
    residents : ndarray of float64, optional
        Residents of each cell, for ``per_resident``; cells without residents rank last.
    harm : ndarray of float64, optional
        Harm of one event of each crime type, for ``harm``: all types then share the one map of summed harm.

    Returns
    -------
    ndarray of float64
        Fractions from 0 to 1, shape of ``expected``; cells tied at the edge are flagged in equal parts.

    Raises
    ------
    InputError
        If the unit is unknown, or residents or weights that it needs are not given.
    """
    return flagged_maps(expected, area_m2, (share,), unit, residents, harm)[0]


def flagged_maps(
    expected: Floats,
    area_m2: Floats,
    shares: Sequence[float],
    unit: str = "count",
    residents: Floats | None = None,
    harm: Floats | None = None,
) -> list[Floats]:
    """Return the maps of :func:`flagged_map` for several shares from one ranking.

    Parameters
    ----------
    expected, area_m2, unit, residents, harm
        As there.
    shares : sequence of float
        Shares of the active land.

    Returns
    -------
    list of ndarray
        One a share, in their order.

    Raises
    ------
    InputError
        As there.
    """
    keys = _keys(expected, area_m2, unit, residents, harm)
    # ``Ranking`` ranks by what it is given per m2, so what it is given here is the key times the area
    ranked = [Ranking.of(key, area_m2) for key in keys]
    return [np.stack([ranked[k % len(keys)].flagged(share) for k in range(len(expected))]) for share in shares]


def harm_weights(crime_types: Sequence[str], harm: Mapping[str, float]) -> Floats:
    """Return the harm of one event of each crime type.

    Parameters
    ----------
    crime_types : sequence of str
        Crime types, in order.
    harm : mapping of str to float
        Harm by crime type, in any unit such as days of prison in a sentencing guideline; others may stand in it.

    Returns
    -------
    ndarray of float64
        Shape (crime types,).

    Raises
    ------
    InputError
        If a crime type has no weight, or one is negative or not finite, or all are 0.
    """
    missing = [name for name in crime_types if name not in harm]
    if missing:
        msg = f"audit.unit=harm needs the harm of one event of each crime type; set audit.harm, which lacks {missing}."
        raise InputError(msg)
    weights = np.array([float(harm[name]) for name in crime_types])
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        msg = f"audit.harm needs finite weights >= 0, not all 0; it gives {weights.tolist()} to {list(crime_types)}."
        raise InputError(msg)
    return weights


def _keys(
    expected: Floats, area_m2: Floats, unit: str, residents: Floats | None, harm: Floats | None
) -> list[Floats] | Floats:
    if unit == "count":
        return expected * area_m2[:, None]
    if unit == "per_km2":
        return expected
    if unit == "per_resident":
        if residents is None:
            msg = "audit.unit=per_resident needs a group table with residents; set audit.groups.path=FILE."
            raise InputError(msg)
        return expected * (area_m2 / np.where(residents > 0, residents, np.inf))[:, None]
    if unit == HARM:
        if harm is None:
            msg = "audit.unit=harm needs the harm of one event of each crime type; set audit.harm."
            raise InputError(msg)
        return [np.tensordot(harm, expected, axes=1) * area_m2[:, None]]
    msg = f"audit.unit={unit!r} is unknown; choose one of {', '.join((*UNITS, HARM))}."
    raise InputError(msg)
