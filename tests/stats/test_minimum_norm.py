from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from ilp_models.stats.minimum_norm import minimum_norm_weights

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "seattle_dmi"
BEFORE = 12  # quarters


def seattle(outcomes):
    """Return what is matched, which blocks are treated, and the counts (blocks, quarters) of each outcome."""
    blocks = pd.read_parquet(SHARED / "blocks.parquet").set_index("block")
    panel = pd.read_parquet(SHARED / "panel.parquet")
    counts = {
        one: panel.pivot_table(index="block", columns="quarter", values=one).loc[blocks.index].to_numpy(float)
        for one in outcomes
    }
    covariates = blocks.drop(columns="treated").to_numpy(float).T
    rows = np.vstack([np.ones(len(blocks)), covariates, *[one[:, :BEFORE].T for one in counts.values()]])
    return rows, blocks["treated"].to_numpy() == 1, counts


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Seattle data are not next to the project")
def test_published_effects_of_seattle_are_met():
    rows, treated, counts = seattle(["any_crime"])
    weights = minimum_norm_weights(rows[:, ~treated], rows[:, treated].sum(axis=1))
    effects = (counts["any_crime"][treated].sum(axis=0) - weights @ counts["any_crime"][~treated])[BEFORE:]
    np.testing.assert_allclose(effects, [-33.0587, -74.3515, -45.4501, -64.8923], atol=2e-4)
    assert weights.sum() == pytest.approx(39, abs=1e-6)
    assert (weights > 1e-9).sum() == pytest.approx(1359, abs=2)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the Seattle data are not next to the project")
def test_published_joint_totals_of_seattle_are_met():
    rows, treated, counts = seattle(["i_felony", "i_misdemea", "i_drugs", "any_crime"])
    weights = minimum_norm_weights(rows[:, ~treated], rows[:, treated].sum(axis=1))
    totals = [float(weights @ one[~treated][:, BEFORE:].sum(axis=1)) for one in counts.values()]
    np.testing.assert_allclose(totals, [68.22, 71.80, 23.76, 986.43], atol=0.01)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_weights_equal_those_of_a_general_solver(seed):
    generator = np.random.default_rng(seed)
    rows = np.vstack([np.ones(12), generator.poisson(3.0, (2, 12))])
    totals = rows @ np.where(generator.random(12) < 0.5, generator.random(12), 0.0)
    weights = minimum_norm_weights(rows, totals)
    found = minimize(
        lambda w: w @ w,
        np.full(12, totals[0] / 12),
        jac=lambda w: 2 * w,
        bounds=[(0, None)] * 12,
        constraints={"type": "eq", "fun": lambda w: rows @ w - totals, "jac": lambda _: rows},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert found.success
    np.testing.assert_allclose(weights, found.x, atol=1e-4)
    np.testing.assert_allclose(rows @ weights, totals, atol=1e-7)


def test_totals_beyond_every_unit_have_no_weights():
    rows = np.vstack([np.ones(3), [1.0, 2.0, 3.0]])
    assert minimum_norm_weights(rows, np.array([1.0, 5.0])) is None


def test_rows_that_repeat_others_change_nothing():
    rows = np.vstack([np.ones(4), [1.0, 2.0, 3.0, 4.0]])
    totals = np.array([1.0, 2.5])
    twice = minimum_norm_weights(np.vstack([rows, rows[1] * 1000]), np.append(totals, 2500.0))
    np.testing.assert_allclose(twice, minimum_norm_weights(rows, totals), atol=1e-9)
