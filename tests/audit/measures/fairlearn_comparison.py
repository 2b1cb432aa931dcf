"""Group measures through fairlearn's MetricFrame, to compare with the closed form."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame, mean_prediction

from ilp_models.audit.flagging import with_total
from ilp_models.audit.measures import formulas
from ilp_models.audit.residents import Residents

Floats = npt.NDArray[np.float64]


def largest_difference(flags: Floats, observed: Floats, residents: Residents, sums: formulas.Totals) -> float:
    """Return the largest difference of exposure and coverage between the closed form and fairlearn.

    Rows are exploded over groups: one for each map, cell and group, with its residents as weight (exposure)
    or its recorded events by residents' share (coverage). Periods are averaged first, which changes neither.
    """
    kinds, cells, _ = flags.shape
    observed = with_total(observed)
    everywhere = np.indices((kinds, cells)).reshape(2, -1)
    exposure = _by_group(
        everywhere[0], flags.mean(axis=2).ravel(), residents.by_group[everywhere[1]], (kinds, len(residents.groups))
    )
    recorded = observed.sum(axis=2)
    kind, cell = np.nonzero(recorded)
    inside = (flags * observed).sum(axis=2)[kind, cell] / recorded[kind, cell]
    coverage = _by_group(kind, inside, residents.shares[cell] * recorded[kind, cell][:, None], exposure.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, caught = formulas.exposure(sums)[:kinds], formulas.coverage(sums)[:kinds]
    return _largest(exposure - own, coverage - caught)


def largest_error_difference(
    expected: Floats, observed: Floats, loss: Floats, residents: Residents, sums: formulas.Totals
) -> float:
    """Return the largest difference of weighted mean errors between the closed form and fairlearn.

    They are the mean expected and the mean recorded count and the mean absolute error, weighted by shares of
    residents, and the mean Poisson deviance, weighted by residents.
    """
    kinds, cells, periods = expected.shape
    kind, cell = np.indices((kinds, cells)).reshape(2, -1)
    shape = kinds, len(residents.groups)
    lives = residents.shares.sum(axis=0) * periods
    misses = sums["over"] + sums["under"]
    by_share = ((expected, sums["predicted"]), (observed, sums["recorded"]), (np.abs(expected - observed), misses))
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = [
            _by_group(kind, cube.mean(axis=2).ravel(), residents.shares[cell], shape) - own[:kinds, :-1] / lives
            for cube, own in by_share
        ]
        deviance = _by_group(kind, loss.mean(axis=2).ravel(), residents.by_group[cell], shape)
        gaps.append(deviance - (sums["loss"] / (sums["maps"] * sums["people"]))[:kinds, :-1])
    return _largest(*gaps)


def _largest(*gaps: Floats) -> float:
    sizes = np.abs(np.stack(gaps))
    return float(np.nanmax(sizes)) if np.isfinite(sizes).any() else float("nan")


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
