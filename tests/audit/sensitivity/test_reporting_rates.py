"""Reporting rates: a table for every area, and maps corrected for reporting."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.audit.sensitivity.reporting_rates import ReportingRates
from ilp_models.domain.errors import InputError
from tests.audit.audit_inputs import CONFIG
from tests.builders import square_grid

GRID = replace(square_grid(2, 2), parents=pd.DataFrame({"ward": ["007", "7", "007", "7"], "beat": list("abcd")}))


def rates(folder, rows, **settings):
    path = folder / "rates.csv"
    pd.DataFrame(rows, columns=["area", "rate"]).to_csv(path, index=False)
    return ReportingRates(str(path), **settings)


def test_rates_are_assigned_to_the_cells_of_their_areas(tmp_path):
    known = rates(tmp_path, [("7", 0.4), ("007", 0.8)]).to_cells(GRID)
    np.testing.assert_array_equal(known, [0.8, 0.4, 0.8, 0.4])


def test_rates_can_have_another_area_level(tmp_path):
    by_beat = [(name, 0.1 * at) for at, name in enumerate("abcd", start=1)]
    np.testing.assert_allclose(rates(tmp_path, by_beat, area_level="beat").to_cells(GRID), [0.1, 0.2, 0.3, 0.4])
    cells = replace(GRID, parents=pd.DataFrame())
    by_cell = [(name, 0.5) for name in cells.cells]
    np.testing.assert_array_equal(rates(tmp_path, by_cell).to_cells(cells), np.full(4, 0.5))


def test_one_rate_everywhere_or_no_rates():
    np.testing.assert_array_equal(ReportingRates(everywhere=0.3).to_cells(GRID), np.full(4, 0.3))
    assert ReportingRates().to_cells(GRID) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("007", 0.8)], "1 areas|2 areas"),
        ([("007", 0.8), ("7", 0)], "above 0"),
        ([("007", 0.8), ("7", 1.1)], "at most 1"),
        ([("007", 0.8), ("7", None)], "above 0"),
        ([("007", 0.8), ("7", 0.4), ("7", 0.4)], "one row per area"),
        ([("007", 0.8), ("7", "often")], "above 0"),
    ],
)
def test_incomplete_rates_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        rates(tmp_path, rows).to_cells(GRID)


@pytest.mark.parametrize("settings", [{"everywhere": 0}, {"everywhere": float("nan")}, {"path": "nowhere.csv"}])
def test_invalid_rate_settings_are_refused(settings):
    with pytest.raises(InputError, match=r"audit\.reporting_rates"):
        ReportingRates(**settings)


def test_the_configuration_builds_the_defaults_of_the_constructor():
    assert instantiate(OmegaConf.load(CONFIG).reporting_rates) == ReportingRates()
