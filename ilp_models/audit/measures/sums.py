"""Exposure, coverage and need by group in closed form, as sums over cells that periods are resampled from."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Self

import numpy as np
import numpy.typing as npt

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.extremes import pair
from ilp_models.audit.residents import Residents
from ilp_models.domain.resampling import Estimate, Resampling

Floats = npt.NDArray[np.float64]


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
        return self._estimate(formulas.exposure, resampling)

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
        return self._estimate(partial(formulas.exposure_ratio, reference=reference), resampling)

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
        return self._estimate(formulas.patrol_share, resampling)

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
        return self._estimate(formulas.burden_share, resampling)

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
        return self._estimate(formulas.need_adjusted_ratio, resampling)

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
        return self._estimate(formulas.coverage, resampling)

    def coverage_ratio(self, resampling: Resampling, enough: npt.NDArray[np.bool_]) -> Estimate:
        """Return CR: the lowest coverage of a group over the highest; in other weeks that of the same two groups.

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
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = pair(formulas.coverage(self.totals), enough, lowest=True)
        return self._estimate(lambda sums: ratio(formulas.coverage(sums)), resampling)

    @cached_property
    def _by_period(self) -> dict[str, Floats]:
        """Sums with everyone as the last group, as formulas take them; everyone's covered events are not known."""
        parts = {
            "exposed": (self.exposed, self.exposed[..., :1] + self.exposed_rest[..., :1]),
            "patrolled": (self.patrolled, self.flagged),
            "burdened": (self.burdened, self.recorded),
            "covered": (self.covered, np.full_like(self.recorded, np.nan)),
        }
        return {name: np.concatenate(both, axis=-1) for name, both in parts.items()}

    @property
    def _fixed(self) -> dict[str, Floats]:
        people = np.append(self.people, self.people[0] + self.rest[0])
        return {"people": people[None], "maps": self.maps[:, 0] * self.exposed.shape[1]}

    @property
    def totals(self) -> formulas.Totals:
        """Sums over all periods, as formulas take them; everyone's covered events are not known."""
        return {name: one.sum(axis=1) for name, one in self._by_period.items()} | self._fixed

    def _estimate(self, formula: formulas.Formula, resampling: Resampling) -> Estimate:
        """Apply a formula to sums over all periods and to sums over drawn periods."""
        periods = self.exposed.shape[1]
        with np.errstate(divide="ignore", invalid="ignore"):
            value = formula(self.totals)
            if not resampling.enough(periods):
                return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
            weights = resampling.weights(periods)
            sums = {
                name: np.einsum("dt,ktg->dkg", weights, one, optimize=True) for name, one in self._by_period.items()
            }
            return Estimate(value, *resampling.interval(formula(sums | self._fixed), periods))
