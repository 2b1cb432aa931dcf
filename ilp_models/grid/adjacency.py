"""Neighbours of any kind of cell as a sparse matrix."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

Index = npt.NDArray[np.integer]


def adjacency(left: Index, right: Index, size: int) -> csr_matrix:
    """Return the symmetric 0/1 matrix of pairs of neighbours."""
    rows = np.concatenate([left, right]).astype(np.int32)
    columns = np.concatenate([right, left]).astype(np.int32)
    ones = np.ones(len(rows), dtype=np.float32)
    return coo_matrix((ones, (rows, columns)), shape=(size, size)).tocsr()
