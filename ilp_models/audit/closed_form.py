"""The same measures through fairlearn, as a check of the closed form."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame, mean_prediction

from ilp_models.audit.measures import GroupSums
from ilp_models.audit.residents import Residents

Floats = npt.NDArray[np.float64]


def largest_difference(flags: Floats, observed: Floats, residents: Residents, sums: GroupSums) -> float:
    """Return the largest difference of exposure and coverage between the closed form and fairlearn.

    Rows are exploded over groups: one for each crime type, cell and group, with its residents as weight (exposure)
    or its recorded events by residents' share (coverage). Periods are averaged first, which changes neither.

    Parameters
    ----------
    flags : ndarray of float64
        Flagged fraction of each cell, shape (crime types, cells, periods).
    observed : ndarray of float64
        Recorded events, same shape.
    residents : Residents
        Residents of the cells.
    sums : GroupSums
        The closed form to check.

    Returns
    -------
    float
        Largest absolute difference over crime types and groups; NaN if a group has neither.
    """
    kinds, cells, _ = flags.shape
    everywhere = np.indices((kinds, cells)).reshape(2, -1)
    exposure = _by_group(
        everywhere[0], flags.mean(axis=2).ravel(), residents.by_group[everywhere[1]], (kinds, len(residents.groups))
    )
    recorded = observed.sum(axis=2)
    kind, cell = np.nonzero(recorded)
    inside = (flags * observed).sum(axis=2)[kind, cell] / recorded[kind, cell]
    coverage = _by_group(kind, inside, residents.shares[cell] * recorded[kind, cell][:, None], exposure.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = sums.exposed[:kinds].mean(axis=1) / sums.people
        caught = sums.covered[:kinds].sum(axis=1) / sums.burdened[:kinds].sum(axis=1)
    gaps = np.abs(np.stack([exposure - own, coverage - caught]))
    return float(np.nanmax(gaps)) if np.isfinite(gaps).any() else float("nan")


def _by_group(kind: npt.NDArray[np.int64], flag: Floats, weight: Floats, shape: tuple[int, int]) -> Floats:
    """Return weighted means of flags by crime type and group, NaN where nothing has weight."""
    groups = weight.shape[1]
    rows = pd.DataFrame(
        {
            "kind": np.repeat(kind, groups),
            "flag": np.repeat(flag, groups),
            "group": np.tile(np.arange(groups), len(kind)),
            "weight": weight.ravel(),
        }
    )
    rows = rows[rows["weight"] > 0]
    result = np.full(shape, np.nan)
    if rows.empty:
        return result
    frame = MetricFrame(
        metrics=mean_prediction,
        y_true=rows["flag"],
        y_pred=rows["flag"],
        sensitive_features=rows["group"],
        control_features=rows["kind"],
        sample_params={"sample_weight": rows["weight"]},
    ).by_group
    result[frame.index.get_level_values("kind"), frame.index.get_level_values("group")] = frame.to_numpy()
    return result
