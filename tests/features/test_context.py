import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from hydra import compose, initialize_config_dir
from sklearn.linear_model import PoissonRegressor

from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import build_parts, resolve
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import NotRunError
from ilp_models.domain.features import all_columns
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer, Layers
from ilp_models.features.calendar import TypeIndicators
from ilp_models.features.context import LayerDensities, LayerDistances
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.regression import RegressionForecaster
from tests.builders import city, events_of, poisson_counts

GRID = city(1, 3)
LEFT, _, RIGHT = (np.array([one.centroid.x, one.centroid.y]) for one in GRID.geometry)
BARS = Layer("bars", shapely.points([LEFT, LEFT + np.array([0, 300])]), GRID.crs)
TRAM = Layer("tram", np.array([shapely.LineString([LEFT, RIGHT])], dtype=object), GRID.crs)


def history(*layers, counts=None, cutoff=None):
    events = events_of(poisson_counts((2, 3, 10)) if counts is None else counts, GRID)
    return History.from_events(cutoff or events.end, events, GRID, Calendar(), Layers(layers))


def written(family, known):
    periods = known.calendar.next_periods(known.cutoff, 2)
    out = np.full((2, 2, 3, len(family.columns(known))), np.nan, dtype=np.float32)
    family.write(known, periods, 1, out)
    assert (out == out[:1, :1]).all()  # the same in every period and of every type
    return out[0, 0].T


def test_distances_by_hand():
    family, known = LayerDistances(cap_m=800), history(TRAM, BARS)
    np.testing.assert_allclose(written(family, known), [[0, 500, 800], [0, 0, 0]])
    assert [column.name for column in family.columns(known)] == ["bars_distance", "tram_distance"]
    assert family.columns(known)[0].words.format(value=512.3) == (
        "512 m from the middle of the cell to the nearest of bars (at most 800)"
    )


def test_densities_by_hand():
    family, known = LayerDensities(ranges_m=(200, 400)), history(BARS, TRAM)
    np.testing.assert_allclose(written(family, known), [[1, 0, 0], [2, 0, 0], [0.2, 0.4, 0.2], [0.4, 0.8, 0.4]])
    names = ["bars_within_200", "bars_within_400", "tram_within_200", "tram_within_400"]
    assert [column.name for column in family.columns(known)] == names
    spoken = [column.words.format(value=2) for column in family.columns(known)]
    assert spoken[0] == "2 bars within 200 m of the middle of the cell"
    assert spoken[3] == "2.0 km of tram within 400 m of the middle of the cell"


@pytest.mark.parametrize("family", [LayerDistances, LayerDensities])
def test_missing_layers_are_reported(family):
    with pytest.raises(NotRunError, match=r"no context layer; set one, such as layers\.bars\.path=bars\.geojson"):
        family().columns(history())
    later = Layer("pubs", BARS.geometry, GRID.crs, pd.Timestamp("2018-02-01"))
    known = history(BARS, later, cutoff=pd.Timestamp("2018-01-29"))
    with pytest.raises(NotRunError, match="pubs is known from 2018-02-01 only"):
        family().columns(known)
    assert all(column.name.startswith("bars_") for column in family(layers=["bars"]).columns(known))
    elsewhere = Layer("bars", shapely.points([LEFT - 5000.0]), GRID.crs)
    with pytest.raises(NotRunError, match="bars has no feature within"):
        written(family(), history(elsewhere))


def test_a_regression_learns_from_a_layer():
    rate = np.array([3.0, 0.5, 0.5])[None, :, None]
    known = history(BARS, counts=poisson_counts((2, 3, 60), rate))
    families = [TypeIndicators(), LayerDensities(ranges_m=(400,))]
    assert [column.name for column in all_columns(families, known)] == ["type_a", "type_b", "bars_within_400"]
    fitted = RegressionForecaster(PoissonRegressor(alpha=0, fit_intercept=False), families, holdout=5).fit(known)
    expected = fitted.predict(known.calendar.next_periods(known.cutoff, 1)).expected.values[..., 0]
    np.testing.assert_allclose(expected, [[3.0, 0.5, 0.5]] * 2, rtol=0.3)


def test_the_example_in_the_docs_composes(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
    (example,) = (block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "LayerDistances" in block)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "lightgbm_places.yaml").write_text(example)
    words = [f"hydra.searchpath=['file://{tmp_path}']", "model=[lightgbm_places]"]
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        model = build_parts(resolve(compose(config_name="forecast", overrides=words))["model"])["lightgbm_places"]
    assert isinstance(model, LightGBM)
    assert [type(family).__name__ for family in model.features[-2:]] == ["LayerDistances", "LayerDensities"]
    assert model.offset is not None
