import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ilp_models.domain.errors import StorageError
from ilp_models.domain.grid import parent_labels
from ilp_models.report.figures import draw_calibration, draw_hit_curves, draw_importance
from ilp_models.report.maps import MapGround, class_edges, draw_map
from tests.builders import square_grid

GRID = square_grid()
GROUND = MapGround.from_cells(GRID.geometry, parent_labels(GRID))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_outlines_are_the_borders_of_the_areas():
    assert len(GROUND.outlines) == 2
    lengths = sorted(shapely.linestrings(line).length for line in GROUND.outlines)
    assert lengths == [5000.0, 5000.0]  # two blocks of 2 x 3 squares of 500 m


def test_an_area_in_two_pieces_keeps_both():
    areas = np.array(["a" if cell in ("r0c0", "r2c3") else "" for cell in GRID.cells], dtype=object)
    assert sum(len(line) == 5 for line in MapGround.from_cells(GRID.geometry, areas).outlines) == 2


@given(arrays(float, st.integers(1, 40), elements=st.floats(0, 100, allow_subnormal=False)))
def test_classes_hold_every_cell(expected):
    edges = class_edges(expected)
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= expected.min()
    assert edges[-1] >= expected.max()


def test_the_highest_cell_is_the_darkest_and_is_outlined(tmp_path):
    expected = np.linspace(0.1, 1.0, len(GRID))
    top = np.array([len(GRID) - 1])
    path = draw_map(tmp_path / "maps" / "map.png", GROUND, expected, top, "Theft over $5000: $a_b", "")
    image = pixels(path)
    mark = (np.abs(image - [0, 163, 163]) <= 2).all(axis=2)
    assert mark.sum() > 50
    rows, columns = np.nonzero(mark[:, int(0.55 * mark.shape[1]) :])
    assert rows.min() < 0.35 * image.shape[0]  # the last cell is the upper right one
    assert columns.max() > 0.3 * image.shape[1]


def test_a_map_shows_what_it_may_be_used_for(tmp_path):
    top = np.array([0])
    marked = draw_map(tmp_path / "a.png", GROUND, np.ones(len(GRID)), top, "Assault", "research only")
    plain = draw_map(tmp_path / "b.png", GROUND, np.ones(len(GRID)), top, "Assault", "")
    red = [(np.abs(pixels(path) - [138, 28, 28]) <= 8).all(axis=2).sum() for path in (marked, plain)]
    assert red[0] > 200
    assert red[1] == 0
    with Image.open(marked) as image:
        assert image.info["Description"] == "research only"


@pytest.mark.parametrize("grid", [square_grid(1, 1), square_grid(2, 30)])
def test_odd_shapes_of_cities_can_be_drawn(tmp_path, grid):
    ground = MapGround.from_cells(grid.geometry, parent_labels(grid))
    path = draw_map(tmp_path / "map.png", ground, np.zeros(len(grid)), np.array([0]), "Assault", "")
    assert pixels(path).shape[1] > 1000


def test_cells_in_several_pieces_can_be_drawn(tmp_path):
    cells = GRID.geometry.copy()
    cells[0] = shapely.union(cells[0], shapely.affinity.translate(cells[0], -2000, 0))
    ground = MapGround.from_cells(cells, parent_labels(GRID))
    assert draw_map(tmp_path / "map.png", ground, np.arange(12.0), np.array([0]), "Assault", "").exists()


def test_a_figure_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    importance = pd.DataFrame({"feature": ["lag_1"], "family": ["lags"], "multiplier": [1.0]})
    with pytest.raises(StorageError, match=r"file/importance.png was not written .*choose another folder"):
        draw_importance(tmp_path / "file" / "importance.png", importance)


def test_curves_and_bars_can_be_drawn(tmp_path):
    shares = np.linspace(0, 1, 101)
    curves = pd.concat(
        pd.DataFrame({"share": shares, "hit_rate": shares**power, "oracle": shares**0.1, "forecaster": name})
        for name, power in {"ewma": 0.5, "$odd_name": 0.6}.items()
    ).assign(crime_type="all")
    bins = pd.DataFrame({"crime_type": "Assault", "expected": [0.1, 1], "observed": [0.0, 1], "low": 0.0, "high": 2.0})
    importance = pd.DataFrame({"feature": ["lag_1"], "family": ["lags"], "multiplier": [1.0]})
    for path in (
        draw_hit_curves(tmp_path / "hits.png", curves, "ewma"),
        draw_calibration(tmp_path / "calibration.png", bins.assign(low=[np.nan, 0.5])),
        draw_importance(tmp_path / "importance.png", importance),
    ):
        assert len(np.unique(pixels(path).reshape(-1, 3), axis=0)) > 10


def test_ticks_of_a_calibration_over_one_decade_are_few_and_plain(tmp_path, monkeypatch):
    monkeypatch.setattr("ilp_models.report.figures.save", lambda figure, *_: figure)
    bins = pd.DataFrame({"crime_type": "Assault", "expected": [0.9, 6], "observed": [1.0, 5], "low": 0.9, "high": 6.0})
    axes = draw_calibration(tmp_path / "calibration.png", bins).axes[0]
    axes.figure.draw_without_rendering()
    for axis in (axes.xaxis, axes.yaxis):
        assert {"1", "3"} <= {tick.get_text() for tick in axis.get_ticklabels()}
        assert {tick.get_text() for tick in axis.get_ticklabels(minor=True)} <= {""}


def test_of_many_curves_some_have_names_and_the_chosen_one_among_them(tmp_path, monkeypatch):
    monkeypatch.setattr("ilp_models.report.figures.save", lambda figure, *_: figure)
    one = {"share": [0.0, 0.25], "hit_rate": [0.0, 0.5], "oracle": [0.0, 0.9]}
    curves = pd.concat([pd.DataFrame({**one, "forecaster": f"m{k}", "crime_type": "all"}) for k in range(20)])
    figure = draw_hit_curves(tmp_path / "hits.png", curves, "m15")
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == [*(f"m{k}" for k in range(8)), "m15", "11 others", "oracle: knew the counts", "land at random"]
