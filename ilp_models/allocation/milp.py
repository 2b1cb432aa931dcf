"""Solve a mixed-integer linear program with HiGHS; if it is infeasible, report the constraints that conflict.

The linear relaxation of a knapsack with m constraints splits at most m cells, and its value is an upper bound. Cells
that are clearly in or out of the relaxation are fixed, and only cells near its margin are optimised. If the value is
within the gap of the bound, the choice is proven good enough. Otherwise the full program is solved.
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
_CORE: Final = 60  # cells near the margin of the relaxation that are optimised
_SURE: Final = 1e-9


@dataclass(frozen=True, eq=False)
class MixedIntegerProgram:
    """The choice of cells with the highest value under constraints."""

    value: Floats  # (cells,)
    constraints: tuple[Constraint, ...]  # matrices with at least one column for each cell
    whole: bool  # whether cells are chosen whole or in part
    gap: float  # relative gap at which the solver may stop
    time_limit_s: float

    def solve(self, label: str) -> tuple[Floats, float]:
        """Return the choice and its relative gap to the optimum."""
        if (near := self._solve_near_bound()) is not None:
            return near
        found = self._run_highs(self.constraints, self.value)
        if found.status == _INFEASIBLE:
            raise InputError(self._explain_infeasible(label))
        if found.x is None:
            msg = (
                f"{label}: the solver found no allocation in {self.time_limit_s:g} s. Raise allocation.time_limit_s or "
                "allocation.gap, or relax a constraint."
            )
            raise NotRunError(msg)
        chosen = np.clip(found.x[: len(self.value)], 0.0, 1.0)
        return (np.round(chosen) if self.whole else chosen) + 0.0, float(found.mip_gap or 0.0)  # 0 and not -0

    def _solve_near_bound(self) -> tuple[Floats, float] | None:
        """Return a choice within the gap of the relaxation bound, or None where the heuristic finds none."""
        cells = len(self.value)
        if not self.whole or cells <= 2 * _CORE or any(rule.matrix.shape[1] > cells for rule in self.constraints):
            return None
        matrix, low, high = _stacked(self.constraints, cells)
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
        loss = np.abs(relaxed.lower.marginals) + np.abs(relaxed.upper.marginals)  # of moving a cell from its bound
        split = (relaxed.x > _SURE) & (relaxed.x < 1 - _SURE)
        core = np.argsort(np.where(split, -1.0, loss), kind="stable")[: max(_CORE, 2 * int(split.sum()))]
        choice = np.round(relaxed.x)
        choice[core] = 0.0
        shift = matrix @ choice
        rules = [Constraint("", "", matrix[:, core], low - shift, high - shift)]
        found = self._run_highs(rules, self.value[core])
        if found.x is None:
            return None
        choice[core] = np.round(found.x)
        choice += 0.0
        reached, bound = float(self.value @ choice), -float(relaxed.fun)
        gap = max(0.0, (bound - reached) / reached) if reached > 0 else np.inf
        return (choice, gap) if gap <= self.gap else None

    def _explain_infeasible(self, label: str) -> str:
        """Return a message with the constraints whose removal makes the program feasible."""
        by_remedy: dict[str, list[Constraint]] = {}
        for rule in self.constraints:
            by_remedy.setdefault(rule.remedy, []).append(rule)
        names = {
            remedy: f"'{' and '.join(rule.name for rule in rules)}' ({remedy})" for remedy, rules in by_remedy.items()
        }
        start = f"{label}: no allocation meets all constraints"
        conflicts = [
            remedy
            for remedy in by_remedy
            if self._is_feasible([rule for rule in self.constraints if rule.remedy != remedy])
        ]
        if conflicts:
            return f"{start}. It is feasible without {'; or without '.join(names[remedy] for remedy in conflicts)}."
        alone = [remedy for remedy, rules in by_remedy.items() if not self._is_feasible(rules)]
        if alone:
            return f"{start}. Infeasible even alone: {'; '.join(names[remedy] for remedy in alone)}."
        return f"{start}. Change at least two of: {'; '.join(names.values())}."

    def _is_feasible(self, rules: Sequence[Constraint]) -> bool:
        return self._run_highs(rules, np.zeros_like(self.value)).x is not None

    def _run_highs(self, rules: Sequence[Constraint], value: Floats) -> Any:
        """Return the result of HiGHS."""
        cells = len(value)
        width = max([cells, *(rule.matrix.shape[1] for rule in rules)])
        upper, kind, cost = np.full(width, np.inf), np.zeros(width), np.zeros(width)
        cost[:cells] = -value
        if value.any():
            cost /= value.max()  # expected counts can be small compared with solver tolerances
        upper[:cells], kind[:cells] = 1.0, float(self.whole)
        if width > cells:  # roots of patrol areas
            upper[cells : 2 * cells], kind[cells : 2 * cells] = 1.0, 1.0
        constraints = []
        if rules:
            constraints = [LinearConstraint(*_stacked(rules, width))]
        options = {"mip_rel_gap": self.gap, "time_limit": self.time_limit_s}
        return milp(cost, integrality=kind, bounds=Bounds(0.0, upper), constraints=constraints, options=options)


def _stacked(rules: Sequence[Constraint], width: int) -> tuple[csr_matrix, Floats, Floats]:
    """Return the stacked rows of all constraints, widened to all variables, and their bounds."""
    matrix = vstack([_widened(rule.matrix, width) for rule in rules], format="csr")
    return matrix, np.concatenate([rule.low for rule in rules]), np.concatenate([rule.high for rule in rules])


def _widened(matrix: csr_matrix, width: int) -> csr_matrix:
    shape = (matrix.shape[0], width)
    return csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=shape)
