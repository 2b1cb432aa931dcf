"""Contiguity: the chosen cells form at most so many connected patrol areas."""

import numpy as np
from scipy.sparse import block_array, coo_array, csr_matrix, eye_array

from ilp_models.allocation.constraints import Constraint
from ilp_models.domain.allocation_input import AllocationInput


def patrol_area_rule(territory: AllocationInput, areas: int, most: int) -> Constraint:
    """Return the rule that the chosen cells are at most so many sets of touching cells.

    A single commodity flows from the root of a patrol area through chosen cells that touch, and every chosen cell
    keeps one unit of it: a cell that no root reaches through chosen cells cannot be chosen. The variables after the
    cells are the roots (one a cell), what enters at each root, and the flow along each pair of neighbours, both ways.
    """
    size = len(territory.area_m2)
    links = territory.neighbours.tocoo()
    start, end = links.row, links.col
    arcs = len(start)
    cells, number = eye_array(size), np.arange(arcs)
    ones = np.ones(arcs)
    leaving = coo_array((ones, (start, number)), shape=(size, arcs))
    arriving = coo_array((ones, (end, number)), shape=(size, arcs))
    rows = [
        [-cells, None, cells, arriving - leaving],  # what comes in less what goes out is kept by a chosen cell
        [None, -most * cells, cells, None],  # flow enters at roots only
        [-cells, cells, None, None],  # a root is a chosen cell
        [-(most - 1) * leaving.T, None, None, eye_array(arcs)],  # flow leaves chosen cells only
        [-(most - 1) * arriving.T, None, None, eye_array(arcs)],  # and reaches chosen cells only
        [cells - territory.neighbours, -cells, None, None],  # follows from the others, and speeds up the solver
        [None, coo_array(np.ones((1, size))), None, None],  # at most so many roots
    ]
    matrix = csr_matrix(block_array(rows))
    high = np.concatenate([np.zeros(4 * size + 2 * arcs), [float(areas)]])
    low = np.full(len(high), -np.inf)
    low[:size] = 0.0
    name = f"at most {areas} connected patrol area(s)"
    return Constraint(name, "raise allocation.patrol_areas", matrix, low, high)
