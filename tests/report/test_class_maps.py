import numpy as np
import pytest

from ilp_models.report.class_maps import CellMark, plot_class_maps
from ilp_models.report.maps import MapGeometry
from tests.builders import square_grid

GRID = square_grid()
GEOMETRY = MapGeometry.from_grid(GRID)
CLASSES = (("low", "#0000ff"), ("high", "#ff0000"))


def panels(count):
    position = np.full(len(GRID), -1)
    position[0], position[1] = 0, 1
    return {f"panel {at}": position for at in range(count)}


@pytest.mark.parametrize(("count", "axes"), [(1, 1), (3, 3), (4, 4), (5, 6)])
def test_each_panel_is_a_map_with_its_title(count, axes):
    figure = plot_class_maps(GEOMETRY, panels(count), CLASSES, "Class")
    assert len(figure.axes) == axes
    assert [one.get_title(loc="left") for one in figure.axes[:count]] == [f"panel {at}" for at in range(count)]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["low", "high"]


def test_cells_have_the_colour_of_their_class_and_others_that_of_the_ground():
    cells = plot_class_maps(GEOMETRY, panels(1), CLASSES, "Class").axes[0].collections[0]
    colours = cells.get_facecolors()
    assert colours[0][:3].tolist() == [0, 0, 1]
    assert colours[1][:3].tolist() == [1, 0, 0]
    assert (colours[2:] == colours[2]).all()


def test_a_mark_is_one_line_around_its_cells_together():
    mark = CellMark("gone", "#000000", "--", np.array([0, 1]))
    figure = plot_class_maps(GEOMETRY, panels(1), CLASSES, "Class", marks=[mark], watermark="research only")
    lines = figure.axes[0].collections[-1].get_segments()
    assert len(lines) == 1
    left, right = lines[0][:, 0].min(), lines[0][:, 0].max()
    assert 900 < right - left < 1000  # two squares of 500 m, a little inside
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["low", "high", "gone"]
    assert figure._suptitle.get_text() == "RESEARCH ONLY"
