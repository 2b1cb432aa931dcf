"""MinT: forecasts of several levels brought to agree, by how much each series erred (hierarchicalforecast)."""

import warnings
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from ilp_models.domain.errors import NotRunError
from ilp_models.model.wrappers.past_performance import Floats

COVARIANCES: Final = ("expected_count", "error_variance", "shrunk")
_ROUNDING: Final = 1e-9  # events


def reconcile(matrix: csr_matrix, said: Floats, errors: Floats, covariance: str) -> Floats:
    """Return forecasts of the cells whose sums lie nearest to what was said of all series.

    Minimum trace reconciliation (Wickramasuriya, Athanasopoulos and Hyndman 2019); where it would leave a cell below
    0, the nearest forecasts without one (Wickramasuriya, Turlach and Hyndman 2020).
    """
    typical = np.sqrt(np.square(errors).mean(axis=1, keepdims=True))
    if covariance != "shrunk":
        errors = typical  # whose square is all that counts
    scaled = errors / typical.max() if typical.max() > 0 else np.ones_like(typical)  # only ratios matter
    cells = _solved(matrix, said, scaled, covariance, nonnegative=False)
    below = (cells < -_ROUNDING).any(axis=0)
    if below.any():
        cells[:, below] = _solved(matrix, said[:, below], scaled, covariance, nonnegative=True)
    return np.maximum(cells, 0.0)


def _solved(matrix: csr_matrix, said: Floats, errors: Floats, covariance: str, *, nonnegative: bool) -> Floats:
    from hierarchicalforecast.methods import MinTrace, MinTraceSparse  # noqa: PLC0415 - seconds that few need

    if covariance == "shrunk":
        method, summing = MinTrace("mint_shrink", nonnegative=nonnegative), matrix.toarray()
    elif nonnegative:
        method, summing = MinTraceSparse("wls_var", nonnegative=True), matrix
        errors = np.concatenate((errors, -errors), axis=1)  # it takes the mean off before it squares
    else:
        method, summing = MinTrace("wls_var"), matrix.toarray()
    cells = matrix.shape[1]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Converted matrix 'P'", UserWarning)  # that a dense one was given
            fitted: Any = method.fit(summing, said, errors, np.zeros_like(errors))
    except Exception as error:  # the library's own class of error
        msg = f"Forecasts cannot be reconciled: {error} Choose covariance=expected_count, or give more data."
        raise NotRunError(msg) from error
    found = np.asarray(fitted.y_hat[-cells:] if nonnegative else fitted.P @ said, dtype=np.float64)
    if not np.isfinite(found).all():
        msg = f"Forecasts cannot be reconciled by {errors.shape[1]} past periods. Choose covariance=expected_count."
        raise NotRunError(msg)
    return found
