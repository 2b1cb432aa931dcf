from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.stats.displacement_difference import displacement_difference

CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "wdd_cases" / "wdd.csv"
PLACES = ("treated", "control", "disp_treated", "disp_control")
BEFORE, AFTER = np.array([207.0, 308, 178, 150]), np.array([110.0, 318, 157, 140])  # Wheeler and Ratcliffe 2018


def test_the_example_of_the_paper_is_met():
    difference, error = displacement_difference(BEFORE, AFTER)
    assert difference == -118
    assert error == pytest.approx(np.sqrt(1568))


def test_areas_and_lengths_of_the_paper_are_met():
    areas = np.array([1.2, 0.9, 1.5, 1.6])
    difference, error = displacement_difference(BEFORE, AFTER, areas)
    assert (float(difference), float(error)) == pytest.approx((-99.694444, 35.428076), abs=1e-6)


def test_dispersion_widens_the_error_by_its_root():
    _, plain = displacement_difference(BEFORE, AFTER)
    _, wide = displacement_difference(BEFORE, AFTER, dispersion=4.0)
    assert wide == pytest.approx(2 * plain)


@pytest.mark.skipif(not CASES.is_file(), reason="the published cases are not next to the project")
def test_every_published_row_is_met():
    table = pd.read_csv(CASES)
    before, after = (table[[f"{place}_{when}" for place in PLACES]].to_numpy(float) for when in ("pre", "post"))
    areas = table[[f"area_w_{place}" for place in PLACES]].to_numpy(float)
    lengths = np.stack([table[f"time_w_{when}"].to_numpy(float)[:, None] for when in ("pre", "post")])
    difference, error = displacement_difference(before, after, areas * lengths)
    np.testing.assert_allclose(difference, table["D"], atol=1e-5)
    np.testing.assert_allclose(error, table["SE"], atol=1e-5)
    printed = table["printed_D"].notna() & table["printed_SE"].notna()
    np.testing.assert_allclose(difference[printed], table["printed_D"][printed], atol=0.006)
