from types import SimpleNamespace

import numpy as np
import pandas as pd
import xarray as xr

from ilp_models.pipeline import map_content
from ilp_models.pipeline.map_content import map_evidence

WEEK = pd.Period("2021-12-27", freq="W-SUN")
RECENT = SimpleNamespace(last=xr.DataArray([[1.0, 2.0]], dims=("crime_type", "cell")), last_period=WEEK)
FORECAST = SimpleNamespace(
    recent=RECENT,
    place_names=np.array(["here", "there"]),
    study=SimpleNamespace(layers=SimpleNamespace(known=("bars",))),
)


def evidence(monkeypatch, flagged, last=None):
    monkeypatch.setattr(map_content, "flagged_cells", lambda _: flagged)
    return map_evidence(SimpleNamespace(forecast=FORECAST), last)


def test_the_map_shows_recorded_counts_places_and_layers(monkeypatch):
    found = evidence(monkeypatch, None, last="last")
    assert (found.recorded.tolist(), found.recorded_period) == ([[1.0, 2.0]], WEEK)
    assert (found.places.tolist(), found.layers, found.last) == (["here", "there"], ("bars",), "last")
    assert found.flagged is None


def test_flags_are_those_of_the_first_period(monkeypatch):
    cells = xr.DataArray([[[True, False], [False, True]]], dims=("crime_type", "cell", "period"))
    assert evidence(monkeypatch, SimpleNamespace(cells=cells)).flagged.tolist() == [[1.0, 0.0]]
