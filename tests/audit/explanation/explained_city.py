"""The city of the audit tests with an explanation of its forecast."""

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.domain.explanation import Explanation, Robustness
from ilp_models.domain.features import Column
from ilp_models.domain.finding import Limit
from ilp_models.domain.panel import DIMS
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs

LIMITS = {
    "explanation_stability": Limit(fail_below=0.7),
    "perturbation_agreement": Limit(warn_below=0.8),
    "proxy_probe": Limit(warn_above=0.9, fail_above=0.98, neutral=0),
    "proxy_strength": Limit(warn_above=0.8, fail_above=0.95, neutral=0),
    "proxy_residual": Limit(-0.2, -0.1, 0.1, 0.2, neutral=0),
}


def residents(slant=0.0):
    return inputs.audit(inputs.group_table(slant)).groups.to_cells(inputs.grid())


def explanation(*extra, seed=0, robustness=None):
    """Return an explanation of columns as past counts are, and of extra columns by name (one value a cell)."""
    rng = np.random.default_rng(seed)
    own = rng.gamma(1.0, 1.0, (2, 100, 1, 6))
    added = [np.broadcast_to(values, (2, 100))[:, :, None, None] for _, values in extra]
    values = np.concatenate((own, *added), axis=3)
    columns = tuple(
        Column(name, "own_past", "{value:.2f}") for name in (*(f"mean_{i}" for i in range(6)), *(n for n, _ in extra))
    )
    phi = rng.normal(0, 0.2, values.shape)
    coords = {
        "crime_type": list(inputs.TYPES),
        "cell": inputs.grid().cells,
        "period": pd.period_range("2022-01-03", periods=1, freq="W-SUN"),
    }
    total = xr.DataArray(phi.sum(axis=3) - 1, dims=DIMS, coords=coords)
    named = {**coords, "feature": [one.name for one in columns]}
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=named),
        values=xr.DataArray(values, dims=(*DIMS, "feature"), coords=named),
        base=xr.DataArray([-1.0, -1.0], dims="crime_type"),
        log_expected=total,
        columns=columns,
        forecaster="lightgbm",
        cutoff=pd.Timestamp("2022-01-03"),
        robustness=robustness,
    )


def evidence(explained=None, people=None, minimum=None, replay=None):
    ours, theirs = inputs.city()
    return CheckContext(
        replay=ours if replay is None else replay,
        baseline=theirs,
        grid=inputs.grid(),
        explanation=explained,
        features=None if explained is None else explained.columns,
        limits=LIMITS,
        min_evidence=MinEvidence() if minimum is None else minimum,
        bootstrap=Bootstrap(draws=300),
        land_share=0.05,
        rank_by="count",
        floor=0.005,
        residents=(people if people is not None else residents()),
    )


def robustness(*refits, agreement=1.0):
    names = pd.DataFrame({"feature": ["a", "b", "c", "d"], "family": "own_past"})
    path = np.array([4.0, 3.0, 2.0, 1.0])
    table = names.assign(**{f"refit_{n}": one for n, one in enumerate(refits, start=1)})
    return Robustness(names.assign(path=path, interventional=agreement * path), 0.0, table, pd.DataFrame(), 100)
