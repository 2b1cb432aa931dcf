"""Joining the explanations of regressions that each forecast one crime type."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import Explanation
from ilp_models.domain.forecast import RiskForecast
from ilp_models.domain.panel import DIMS
from ilp_models.domain.robustness import Robustness


def joined(parts: Mapping[str, Explanation], forecast: RiskForecast, name: str) -> Explanation:
    """Return one explanation of the forecasts of several regressions."""
    one = next(iter(parts.values()))
    names = [column.name for column in one.columns]
    for kind, part in parts.items():
        if [column.name for column in part.columns] != names:
            msg = f"The regression of {kind} has other columns than that of {next(iter(parts))}; give all the same."
            raise InputError(msg)
    with np.errstate(divide="ignore"):
        log_expected = forecast.expected.copy(data=np.log(forecast.expected.values))
    kinds = [str(kind) for kind in log_expected.indexes["crime_type"]]
    coords = {dim: log_expected.indexes[dim] for dim in DIMS}
    shape = (*log_expected.shape, len(names))
    phi, values, shares = np.zeros(shape), np.zeros(shape), np.ones(shape[:3])
    base = log_expected.values[:, 0, 0].copy()
    for place, kind in enumerate(kinds):
        if kind in parts:
            part = parts[kind]
            phi[place], values[place] = part.attributions.values[0], part.values.values[0]
            shares[place], base[place] = part.shares[0], part.base.values[0]
    labels = {**coords, "feature": names}
    whole = all(part.weights is None for part in parts.values())
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=labels),
        values=xr.DataArray(values, dims=(*DIMS, "feature"), coords=labels),
        base=xr.DataArray(base, dims=DIMS[:1], coords={"crime_type": coords["crime_type"]}),
        log_expected=log_expected,
        columns=one.columns,
        forecaster=name,
        cutoff=forecast.cutoff,
        method=", ".join(dict.fromkeys(part.method for part in parts.values())),
        weights=None if whole else log_expected.copy(data=shares),
        robustness=_mean([part.robustness for part in parts.values()]),
    )


def _mean(tried: Sequence[Robustness | None]) -> Robustness | None:
    """Return the mean importances and interactions of several regressions; None where one was not tried."""
    known = [one for one in tried if one is not None]
    if len(known) < len(tried):
        return None
    return Robustness(
        perturbations=_mean_table([one.perturbations for one in known], ["feature", "family"]),
        interventional_error=float(np.max([one.interventional_error for one in known])),
        refits=_mean_table([one.refits for one in known], ["feature", "family"]),
        interactions=_mean_table(
            [one.interactions for one in known], ["first", "second", "first_family", "second_family"]
        ),
        rows=sum(one.rows for one in known),
    )


def _mean_table(tables: Sequence[pd.DataFrame], keys: list[str]) -> pd.DataFrame:
    if any(table.empty for table in tables):
        return tables[0].head(0)
    return pd.concat(tables, ignore_index=True).groupby(keys, sort=False).mean().reset_index()
