import numpy as np
import pytest
import shapely
from PIL import Image

from ilp_models.domain.grid import parent_labels
from ilp_models.report.maps import MapGeometry, plot_cells, plot_forecast
from ilp_models.report.plots import save_figure
from tests.builders import forecast_on, square_grid
from tests.report.images import pixels

GRID = square_grid()
GEOMETRY = MapGeometry.from_grid(GRID)


def test_outlines_are_the_borders_of_the_areas():
    assert len(GEOMETRY.outlines) == 2
    lengths = sorted(shapely.linestrings(line).length for line in GEOMETRY.outlines)
    assert lengths == [5000.0, 5000.0]  # two blocks of 2 x 3 squares of 500 m


def test_an_area_in_two_pieces_has_two_outlines():
    areas = np.array(["a" if cell in ("r0c0", "r2c3") else "" for cell in GRID.cells], dtype=object)
    assert sum(len(line) == 5 for line in MapGeometry.from_cells(GRID.geometry, areas).outlines) == 2


def test_the_highest_cell_is_the_darkest_and_is_outlined(tmp_path):
    expected = np.linspace(0.1, 1.0, len(GRID))
    top = np.array([len(GRID) - 1])
    figure = plot_cells(GEOMETRY, expected, top, "Theft over $5000: $a_b")
    path = save_figure(figure, tmp_path / "maps" / "map.png")
    image = pixels(path)
    mark = (np.abs(image - [0, 163, 163]) <= 2).all(axis=2)
    assert mark.sum() > 50
    rows, columns = np.nonzero(mark[:, int(0.55 * mark.shape[1]) :])
    assert rows.min() < 0.35 * image.shape[0]  # the last cell is the upper right one
    assert columns.max() > 0.3 * image.shape[1]


def test_a_watermark_is_on_the_map(tmp_path):
    top = np.array([0])
    figures = [plot_cells(GEOMETRY, np.ones(len(GRID)), top, "Assault", watermark=one) for one in ("research only", "")]
    marked, plain = (save_figure(one, tmp_path / f"{place}.png", "about") for place, one in enumerate(figures))
    red = [(np.abs(pixels(path) - [138, 28, 28]) <= 8).all(axis=2).sum() for path in (marked, plain)]
    assert red[0] > 200
    assert red[1] == 0
    with Image.open(marked) as image:
        assert image.info["Description"] == "about"


@pytest.mark.parametrize("grid", [square_grid(1, 1), square_grid(2, 30)])
def test_maps_of_unusual_city_shapes(tmp_path, grid):
    figure = plot_cells(MapGeometry.from_grid(grid), np.zeros(len(grid)), np.array([0]), "Assault")
    path = save_figure(figure, tmp_path / "map.png")
    assert pixels(path).shape[1] > 1000


def test_maps_of_cells_in_several_pieces(tmp_path):
    cells = GRID.geometry.copy()
    cells[0] = shapely.union(cells[0], shapely.affinity.translate(cells[0], -2000, 0))
    geometry = MapGeometry.from_cells(cells, parent_labels(GRID))
    figure = plot_cells(geometry, np.arange(12.0), np.array([0]), "Assault")
    assert save_figure(figure, tmp_path / "map.png").exists()


def test_a_map_of_a_forecast_has_the_type_and_period_as_title():
    figure = plot_forecast(forecast_on(GRID), GRID, "Assault", top_cells=3)
    axes = figure.axes[0]
    assert axes.get_title(loc="left") == "Assault: Monday 3 to Sunday 9 January 2022"
    assert {"1", "2", "3"} <= {text.get_text() for text in axes.texts}


def test_cells_that_depend_on_points_have_a_cross_and_a_line_in_the_legend(tmp_path):
    top = np.array([0])
    figures = [
        plot_cells(GEOMETRY, np.ones(len(GRID)), top, "Assault", crossed=np.array(at, dtype=int)) for at in ([5], [])
    ]
    crossed, plain = (save_figure(one, tmp_path / f"{place}.png") for place, one in enumerate(figures))
    red = [(np.abs(pixels(path) - [138, 28, 28]) <= 8).all(axis=2).sum() for path in (crossed, plain)]
    assert red[0] > 50
    assert red[1] == 0
    texts = [[text.get_text() for text in one.axes[0].get_legend().get_texts()] for one in figures]
    assert "half of the records at single points" in texts[0]
    assert "half of the records at single points" not in texts[1]
