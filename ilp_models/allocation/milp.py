"""One mixed-integer linear programme: solved by HiGHS, and, where it has no solution, told which rule is in the way.

A knapsack with m constraints has a relaxation in which at most m cells are split, and its value bounds the best choice.
So the cells that the relaxation is sure of are kept, and only those near its margin are chosen anew. Where the value of
that choice comes within the gap of the bound, it is proven to be good enough; else the whole programme is solved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_matrix, vstack

from ilp_models.allocation.constraints import Constraint
from ilp_models.domain.errors import InputError, NotRunError

Floats = npt.NDArray[np.float64]

_INFEASIBLE: Final = 2
_CORE: Final = 60  # cells near the margin that are chosen anew
_SURE: Final = 1e-9


@dataclass(frozen=True, eq=False)
class MixedIntegerProgram:
    """The most valuable choice of cells that keeps some rules.

    Parameters
    ----------
    value : ndarray of float64
        Value of each cell chosen, shape (cells,).
    rules : tuple of Rule
        What must hold; their matrices have at least as many columns as there are cells.
    whole : bool
        Whether cells are chosen whole or in part.
    gap : float
        Relative gap at which a solver may stop.
    time_limit_s : float
        Time after which it must.
    """

    value: Floats
    rules: tuple[Constraint, ...]
    whole: bool
    gap: float
    time_limit_s: float

    def solve(self, about: str) -> tuple[Floats, float]:
        """Return the choice and how far its value may lie below the best, relative."""
        if (near := self._near_the_bound()) is not None:
            return near
        found = self._ask(self.rules, self.value)
        if found.status == _INFEASIBLE:
            raise InputError(self._explained(about))
        if found.x is None:
            msg = (
                f"{about}: the solver found no allocation in {self.time_limit_s:g} s. Raise allocation.time_limit_s or "
                "allocation.gap, or relax a constraint."
            )
            raise NotRunError(msg)
        chosen = np.clip(found.x[: len(self.value)], 0.0, 1.0)
        return (np.round(chosen) if self.whole else chosen) + 0.0, float(found.mip_gap or 0.0)  # 0 and not -0

    def _near_the_bound(self) -> tuple[Floats, float] | None:
        """Return a choice proven to be within the gap of the relaxation's bound, if one is easily found."""
        cells = len(self.value)
        if not self.whole or cells <= 2 * _CORE or any(rule.matrix.shape[1] > cells for rule in self.rules):
            return None
        matrix, low, high = _stacked(self.rules, cells)
        below, above = np.isfinite(high), np.isfinite(low)
        relaxed = linprog(
            -self.value,
            A_ub=vstack([matrix[below], -matrix[above]], format="csr"),
            b_ub=np.concatenate([high[below], -low[above]]),
            bounds=(0.0, 1.0),
            options={"time_limit": self.time_limit_s},
        )
        if relaxed.x is None or relaxed.fun >= 0:
            return None
        loss = np.abs(relaxed.lower.marginals) + np.abs(relaxed.upper.marginals)  # of moving a cell off its bound
        split = (relaxed.x > _SURE) & (relaxed.x < 1 - _SURE)
        core = np.argsort(np.where(split, -1.0, loss), kind="stable")[: max(_CORE, 2 * int(split.sum()))]
        kept = np.round(relaxed.x)
        kept[core] = 0.0
        shift = matrix @ kept
        rules = [Constraint("", "", matrix[:, core], low - shift, high - shift)]
        found = self._ask(rules, self.value[core])
        if found.x is None:
            return None
        kept[core] = np.round(found.x)
        kept += 0.0
        reached, bound = float(self.value @ kept), -float(relaxed.fun)
        gap = max(0.0, (bound - reached) / reached) if reached > 0 else np.inf
        return (kept, gap) if gap <= self.gap else None

    def _explained(self, about: str) -> str:
        """Leave out one rule at a time: those without which there is an allocation are in the way."""
        asked: dict[str, list[Constraint]] = {}
        for rule in self.rules:
            asked.setdefault(rule.mend, []).append(rule)
        told = {mend: f"'{' and '.join(rule.name for rule in rules)}' ({mend})" for mend, rules in asked.items()}
        start = f"{about}: no allocation keeps every constraint"
        guilty = [mend for mend in asked if self._possible([rule for rule in self.rules if rule.mend != mend])]
        if guilty:
            return f"{start}. There is one without {'; or without '.join(told[mend] for mend in guilty)}."
        alone = [mend for mend, rules in asked.items() if not self._possible(rules)]
        if alone:
            return f"{start}. Not even alone can be kept: {'; '.join(told[mend] for mend in alone)}."
        return f"{start}, nor all but one; mend at least two of: {'; '.join(told.values())}."

    def _possible(self, rules: Sequence[Constraint]) -> bool:
        return self._ask(rules, np.zeros_like(self.value)).x is not None

    def _ask(self, rules: Sequence[Constraint], value: Floats) -> Any:
        """Return what HiGHS found."""
        cells = len(value)
        width = max([cells, *(rule.matrix.shape[1] for rule in rules)])
        upper, kind, cost = np.full(width, np.inf), np.zeros(width), np.zeros(width)
        cost[:cells] = -value
        if value.any():
            cost /= value.max()  # expected counts may be small beside a solver's tolerances
        upper[:cells], kind[:cells] = 1.0, float(self.whole)
        if width > cells:  # roots of patrol areas
            upper[cells : 2 * cells], kind[cells : 2 * cells] = 1.0, 1.0
        constraints = []
        if rules:
            constraints = [LinearConstraint(*_stacked(rules, width))]
        options = {"mip_rel_gap": self.gap, "time_limit": self.time_limit_s}
        return milp(cost, integrality=kind, bounds=Bounds(0.0, upper), constraints=constraints, options=options)


def _stacked(rules: Sequence[Constraint], width: int) -> tuple[csr_matrix, Floats, Floats]:
    """Return the rows of all rules over so many variables, and their bounds."""
    matrix = vstack([_widened(rule.matrix, width) for rule in rules], format="csr")
    return matrix, np.concatenate([rule.low for rule in rules]), np.concatenate([rule.high for rule in rules])


def _widened(matrix: csr_matrix, width: int) -> csr_matrix:
    shape = (matrix.shape[0], width)
    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=shape)
