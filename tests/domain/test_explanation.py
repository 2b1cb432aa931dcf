from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.explanation import REASON_COLUMNS, Explanation
from ilp_models.domain.features import Column
from ilp_models.domain.panel import DIMS

COLUMNS = (
    Column("near", "means", "{value:.2f} events a week here of late"),
    Column("far", "means", "{value:.2f} events a week around here"),
    Column("june", "calendar", "the time of the year"),
)


def explanation(phi, base=(0.5,), nudge=0.0):
    """Return an explanation of one crime type, two cells and one period."""
    phi = np.asarray(phi, dtype=float).reshape(1, 2, 1, 3)
    coords = {"crime_type": ["Robbery"], "cell": ["a", "b"], "period": pd.period_range("2022-01-03", periods=1)}
    values = xr.DataArray(np.arange(6.0).reshape(phi.shape), dims=(*DIMS, "feature"), coords=coords)
    return Explanation(
        attributions=xr.DataArray(phi, dims=(*DIMS, "feature"), coords=coords),
        values=values,
        base=xr.DataArray(list(base), dims="crime_type"),
        log_expected=xr.DataArray(phi.sum(axis=3) + base[0] + nudge, dims=DIMS, coords=coords),
        columns=COLUMNS,
        forecaster="lightgbm",
        cutoff=pd.Timestamp("2022-01-03"),
    )


PHI = [[0.1, -0.3, 0.2], [0.0, np.log(2), -0.1]]


def test_additivity_error_is_the_gap_between_sum_and_forecast():
    assert explanation(PHI).additivity_error < 1e-12
    assert explanation(PHI, nudge=-0.02).additivity_error == pytest.approx(0.02)
    assert np.isnan(explanation([[np.nan, 0, 0], [0, 0, 0]]).additivity_error)


def test_importance_by_feature_is_the_mean_absolute_attribution():
    table = explanation(PHI).importance()
    assert list(table["feature"]) == ["far", "june", "near"]
    assert table["attribution"].to_numpy() == pytest.approx([(0.3 + np.log(2)) / 2, 0.15, 0.05])
    assert table["multiplier"].to_numpy() == pytest.approx(np.exp(table["attribution"]))


def test_importance_by_family_adds_signed_attributions():
    table = explanation(PHI).importance(by="family")
    assert list(table["family"]) == ["means", "calendar"]
    assert table["attribution"].to_numpy() == pytest.approx([(0.2 + np.log(2)) / 2, 0.15])
    with pytest.raises(InputError, match="Choose feature or family"):
        explanation(PHI).importance(by="cell")


def test_reasons_are_the_strongest_first_in_words():
    table = explanation(PHI).reasons(np.array([False, True]).reshape(1, 2, 1), count=2)
    assert tuple(table.columns) == REASON_COLUMNS
    assert table["cell"].tolist() == ["b", "b"]
    assert table["rank"].tolist() == [1, 2]
    assert table["feature"].tolist() == ["far", "june"]
    assert table["words"].tolist() == ["4.00 events a week around here: x2.00", "the time of the year: x0.90"]
    assert table["period"].tolist() == [pd.Timestamp("2022-01-03")] * 2


def test_reasons_never_outnumber_the_features():
    assert len(explanation(PHI).reasons(np.ones((1, 2, 1), dtype=bool), count=9)) == 6


def test_parts_of_other_units_are_refused():
    with pytest.raises(InputError, match="base"):
        explanation(PHI, base=(0.5, 0.5))
    with pytest.raises(InputError, match="shape"):
        explanation(PHI).reasons(np.ones((2, 2, 1), dtype=bool))


def test_sentence_names_reference_and_factors():
    table = explanation(PHI, base=(0.0,)).sentences(np.array([False, True]).reshape(1, 2, 1), count=2)
    assert list(table.columns) == [*DIMS, "expected", "base", "sentence"]
    assert table["sentence"].tolist() == [
        "1.81 events are expected, 1.81 times the reference of 1.00; raised by: 4.00 events a week around here "
        "(x2.00); lowered by: the time of the year (x0.90); other features x1.00."
    ]
    assert table["expected"].to_numpy() == pytest.approx([2 * np.exp(-0.1)])


def test_sampled_units_are_weighted_and_the_others_have_no_reasons():
    whole = explanation([[0.1, -0.3, 0.2], [np.nan] * 3])
    weights = xr.DataArray(np.array([2.0, 0.0]).reshape(1, 2, 1), dims=DIMS)
    sample = replace(whole, weights=weights)
    assert sample.additivity_error < 1e-12
    assert sample.importance()["attribution"].tolist() == pytest.approx([0.3, 0.2, 0.1])
    assert set(sample.reasons(np.ones((1, 2, 1), dtype=bool))["cell"]) == {"a"}
    assert len(sample.sentences(np.ones((1, 2, 1), dtype=bool))) == 1
    with pytest.raises(InputError, match="at least one explained unit"):
        replace(whole, weights=weights * 0)
    assert np.isnan(replace(whole, weights=weights * 0 + 1).additivity_error)


def test_repr_and_frame_show_forecaster_method_and_attributions():
    made = explanation(PHI)
    assert repr(made) == "<Explanation of lightgbm at 2022-01-03 by tree path: 2 units, 3 features>"
    assert "<td>far</td>" in made._repr_html_()
    table = made.to_frame()
    assert list(table["attribution"]) == pytest.approx(np.ravel(PHI))
    half = replace(made, weights=made.log_expected.copy(data=np.array([[[0.0], [2.0]]])))
    assert set(half.to_frame()["cell"]) == {"b"}
