"""The threat matrix: labels cover neither points nor each other."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from ilp_models.report.threat_matrix import plot_threat_matrix


def drawn(expected, harm, names=None, spread=1.0):
    names = names or [f"Type of crime {at}" for at in range(len(expected))]
    expected, harm = np.array(expected, dtype=float), np.array(harm, dtype=float)
    table = pd.DataFrame({"threat": names, "low": expected * 0.8, "high": expected * 1.2, "expected": expected})
    about = {"date": "2020", "low": dict(zip(names, harm / spread, strict=True))}
    return plot_threat_matrix(table, {"set": {**about, "high": dict(zip(names, harm * spread, strict=True))}})


def labels_of(figure):
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    return axes, [one for one in axes.get_children() if isinstance(one, Annotation)]


def assert_free(figure, count):
    axes, labels = labels_of(figure)
    assert len(labels) == count
    boxes = [one.get_window_extent() for one in labels]
    points = axes.transData.transform([one.xy for one in labels])
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    assert not any(box.contains(*point) for box in boxes for point in points)
    assert all(Bbox.intersection(box, axes.bbox).bounds == pytest.approx(box.bounds) for box in boxes)


def test_neighbours_in_one_row_have_labels_apart():
    # at the same height, with the second point where the label of the first would be
    assert_free(drawn([4900, 6500, 15000], [228, 228, 270], ["Break and Enter", "Auto Theft", "Assault"]), 3)


@pytest.mark.parametrize("seed", range(5))
def test_ten_threats_have_labels_apart(seed):
    rng = np.random.default_rng(seed)
    grid = [(x, y) for x in (300, 900, 2700, 8100) for y in (20, 60, 180)]
    points = np.array(grid)[rng.permutation(len(grid))[:10]] * rng.uniform(0.9, 1.1, (10, 2))
    assert_free(drawn(points[:, 0], points[:, 1]), 10)


def test_the_same_numbers_give_the_same_places_and_no_harm_no_label():
    one, other = (labels_of(drawn([100, 200, 300], [5, 5, 0]))[1] for _ in range(2))
    assert [label.get_text() for label in one] == ["Type of crime 0", "Type of crime 1"]
    assert [label.get_position() for label in one] == [label.get_position() for label in other]
