"""Exposure, coverage and need by group in closed form, as sums over cells that periods are resampled from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError
from ilp_models.domain.ranking import flagged
from ilp_models.domain.resampling import Estimate, Resampling

Floats = npt.NDArray[np.float64]

UNITS: Final = ("count", "per_km2", "per_resident")


def flagged_map(
    expected: Floats, area_m2: Floats, share: float, unit: str = "count", residents: Floats | None = None
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
        ``count``, ``per_km2`` or ``per_resident``: what cells are ranked by.
    residents : ndarray of float64, optional
        Residents of each cell, for ``per_resident``; cells without residents rank last.

    Returns
    -------
    ndarray of float64
        Fractions from 0 to 1, shape of ``expected``; cells tied at the edge are flagged in equal parts.

    Raises
    ------
    InputError
        If the unit is unknown, or residents are not.
    """
    if unit not in UNITS:
        msg = f"audit.unit={unit!r} is unknown; choose one of {', '.join(UNITS)}."
        raise InputError(msg)
    if unit == "per_resident" and residents is None:
        msg = "audit.unit=per_resident needs a group table with residents; set audit.groups.path=FILE."
        raise InputError(msg)
    key = expected
    if unit == "count":
        key = expected * area_m2[:, None]
    elif residents is not None and unit == "per_resident":
        people = np.where(residents > 0, residents, np.inf)
        key = expected * (area_m2 / people)[:, None]
    # ``flagged`` ranks by what it is given per m2, so what it is given here is the key times the area
    return np.stack([flagged(one_type, area_m2, share) for one_type in key])


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Sums over the cells of one dimension, from which every group measure follows.

    The first axis runs over crime types and, last, their pool where there are several.

    Parameters
    ----------
    exposed : ndarray of float64
        Residents of each group inside flagged land, sum of a_it n_ig, shape (types, periods, groups).
    exposed_rest : ndarray of float64
        The same of all other residents.
    patrolled : ndarray of float64
        Flagged cells by who lives there, sum of a_it s_ig, shape (types, periods, groups).
    burdened : ndarray of float64
        Recorded events by who lives there, sum of y_it s_ig.
    covered : ndarray of float64
        Recorded events inside flagged land by who lives there, sum of a_it y_it s_ig.
    flagged, recorded : ndarray of float64
        Flagged cells and recorded events where somebody lives, shape (types, periods, 1).
    people, rest : ndarray of float64
        Residents of each group and all others, shape (groups,).
    maps : ndarray of float64
        Maps added up in each row of the first axis, shape (types, 1, 1).
    """

    exposed: Floats
    exposed_rest: Floats
    patrolled: Floats
    burdened: Floats
    covered: Floats
    flagged: Floats
    recorded: Floats
    people: Floats
    rest: Floats
    maps: Floats

    @classmethod
    def of(cls, flags: Floats, observed: Floats, residents: Residents) -> Self:
        """Return the sums for one map of each crime type and period.

        Parameters
        ----------
        flags : ndarray of float64
            Flagged fraction of each cell, shape (crime types, cells, periods).
        observed : ndarray of float64
            Recorded events, same shape.
        residents : Residents
            Residents of the cells.

        Returns
        -------
        GroupSums
            Cells where nobody is known to live count in none of them.
        """
        shares, alive = residents.shares, (residents.total > 0).astype(float)[:, None]
        others = residents.total[:, None] - residents.by_group

        def add(cube: Floats, weights: Floats) -> Floats:
            sums = np.einsum("kct,cg->ktg", cube, weights, optimize=True)
            return np.concatenate((sums, sums.sum(axis=0, keepdims=True))) if len(sums) > 1 else sums

        return cls(
            exposed=add(flags, residents.by_group),
            exposed_rest=add(flags, others),
            patrolled=add(flags, shares),
            burdened=add(observed, shares),
            covered=add(flags * observed, shares),
            flagged=add(flags, alive),
            recorded=add(observed, alive),
            people=residents.by_group.sum(axis=0),
            rest=others.sum(axis=0),
            maps=add(np.ones((len(flags), 1, 1)), np.ones((1, 1))),
        )

    def exposure(self, resampling: Resampling) -> Estimate:
        """Return E_g: the share of group-person-periods inside flagged land.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        ones = np.broadcast_to(self.maps, self.exposed.shape)
        return _estimate(lambda top, count: top / (count * self.people), resampling, self.exposed, ones)

    def exposure_ratio(self, resampling: Resampling, reference: int | None = None) -> Estimate:
        """Return ER_g: the exposure of a group over that of the rest of the residents or of a named group.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.
        reference : int, optional
            Position of the group that the others are compared with; by default each is compared with all others.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        others, rest = self.exposed_rest, self.rest
        if reference is not None:
            others, rest = self.exposed[..., [reference]], self.people[[reference]]
        return _estimate(lambda top, bottom: (top / self.people) / (bottom / rest), resampling, self.exposed, others)

    def patrol_share(self, resampling: Resampling) -> Estimate:
        """Return pi_g: the share of flagged cells that falls to a group.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        return _estimate(lambda top, bottom: top / bottom, resampling, self.patrolled, self.flagged)

    def burden_share(self, resampling: Resampling) -> Estimate:
        """Return beta_g: the share of recorded events that falls to a group.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        return _estimate(lambda top, bottom: top / bottom, resampling, self.burdened, self.recorded)

    def need_adjusted_ratio(self, resampling: Resampling) -> Estimate:
        """Return NAR_g = pi_g / beta_g: 1 where flags follow recorded events.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        return _estimate(
            lambda flags, all_flags, events, all_events: (flags / all_flags) / (events / all_events),
            resampling,
            *(self.patrolled, self.flagged, self.burdened, self.recorded),
        )

    def coverage(self, resampling: Resampling) -> Estimate:
        """Return C_g: the share of a group's recorded events inside flagged land.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.

        Returns
        -------
        Estimate
            Shape (types, groups).
        """
        return _estimate(lambda top, bottom: top / bottom, resampling, self.covered, self.burdened)

    def coverage_ratio(self, resampling: Resampling, enough: npt.NDArray[np.bool_]) -> Estimate:
        """Return CR: the lowest coverage of a group over the highest.

        Parameters
        ----------
        resampling : Resampling
            Draws of periods.
        enough : ndarray of bool
            Groups with enough evidence to be compared, shape (types, groups).

        Returns
        -------
        Estimate
            Shape (types,); NaN where fewer than two groups can be compared.
        """
        comparable = np.where(enough.sum(axis=1) >= 2, 1.0, np.nan)

        def ratio(top: Floats, bottom: Floats) -> Floats:
            rate = top / bottom
            lowest = np.where(enough, rate, np.inf).min(axis=-1)
            return np.asarray(comparable * lowest / np.where(enough, rate, -np.inf).max(axis=-1))

        return _estimate(ratio, resampling, self.covered, self.burdened)


def _estimate(measure: Callable[..., Floats], resampling: Resampling, *sums: Floats) -> Estimate:
    """Apply a measure to sums over all periods and to sums over drawn periods, shape (types, periods, groups)."""
    periods = sums[0].shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        value = measure(*(one.sum(axis=1) for one in sums))
        if not resampling.enough(periods):
            return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
        weights = resampling.weights(periods)
        drawn = measure(*(np.einsum("dt,ktg->dkg", weights, one, optimize=True) for one in sums))
        return Estimate(value, *resampling.interval(drawn, periods))
