"""Exposure, coverage and error by group as a fairlearn MetricFrame."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from fairlearn.metrics import MetricFrame as MetricFrame

from ilp_models.audit.check_context import CheckContext
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import ALL

Floats = npt.NDArray[np.float64]


def metric_frame(context: CheckContext, dimension: str, crime_type: str = ALL) -> MetricFrame:
    """Return exposure, coverage and error by group as a fairlearn MetricFrame.

    ``exposure`` is the share of resident-periods on flagged land, ``coverage`` the share of recorded events on flagged
    land, ``error`` the mean absolute difference between expected and recorded events of a cell and period. Use
    ``.by_group``, ``.overall``, ``.difference()`` and ``.ratio()``. A row of the frame is one crime type, cell and
    group, weighted by its residents (exposure), its share of the recorded events (coverage) or its share of the
    residents (error). Values of the periods are averaged first, which changes none of the three.
    """
    residents = next((one for one in context.residents if one.dimension == dimension), None)
    if residents is None:
        known = ", ".join(one.dimension for one in context.residents) or "none"
        msg = f"Dimension {dimension!r} is not in the group table (dimensions: {known}). Set audit.groups.path=FILE."
        raise InputError(msg)
    if crime_type not in context.scopes:
        msg = f"Crime type {crime_type!r} was not audited. Choose one of {', '.join(context.scopes)}."
        raise InputError(msg)
    types = context.replay.crime_types
    part = slice(None) if crime_type == ALL else slice(types.index(crime_type), types.index(crime_type) + 1)
    expected = np.asarray(context.replay.expected.values, dtype=float)[part]
    flags, observed = context.flags[part], context.observed[part]
    recorded, kinds = observed.sum(axis=2), len(observed)
    covered = np.divide((flags * observed).sum(axis=2), recorded, out=np.zeros_like(recorded), where=recorded > 0)
    groups, shares = len(residents.groups), np.tile(residents.shares, (kinds, 1))
    weights = {
        "exposure": np.tile(residents.by_group, (kinds, 1)),
        "coverage": shares * recorded.reshape(-1, 1),
        "error": shares,
    }
    values = {
        "exposure": flags.mean(axis=2),
        "coverage": covered,
        "error": np.abs(expected - observed).mean(axis=2),
    }
    return MetricFrame(
        metrics=dict.fromkeys(values, _weighted_mean),
        y_true=np.repeat(recorded.ravel(), groups),
        y_pred=np.repeat(expected.sum(axis=2).ravel(), groups),
        sensitive_features=pd.Series(np.tile(residents.groups, recorded.size), name=dimension),
        sample_params={
            name: {"value": np.repeat(value.ravel(), groups), "sample_weight": weights[name].ravel()}
            for name, value in values.items()
        },
    )


def _weighted_mean(y_true: Floats, y_pred: Floats, *, value: Floats, sample_weight: Floats) -> float:
    """Return the weighted mean of a value; NaN without weight. The signature is fairlearn's."""
    del y_true, y_pred
    total = float(np.sum(sample_weight))
    return float(np.dot(value, sample_weight)) / total if total > 0 else float("nan")
