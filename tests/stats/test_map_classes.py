import matplotlib as mpl
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex

from ilp_models.stats.map_classes import class_colours, class_edges


def test_edges_are_quantiles_of_the_cells():
    assert class_edges(np.arange(101.0)).tolist() == [0, 50, 80, 90, 95, 99, 100]
    assert class_edges(np.full(4, 2.0)).tolist() == [2, 3]


@given(arrays(float, st.integers(1, 40), elements=st.floats(0, 100, allow_subnormal=False)))
def test_classes_contain_every_cell(expected):
    edges = class_edges(expected)
    assert (np.diff(edges) > 0).all()
    assert edges[0] <= expected.min()
    assert edges[-1] >= expected.max()
    assert len(set(class_colours(len(edges) - 1))) == len(edges) - 1


def test_colours_get_darker_and_are_those_of_magma():
    assert class_colours(6) == [to_hex(colour) for colour in mpl.colormaps["magma_r"](np.linspace(0.0, 0.88, 6))]
    assert class_colours(1) == [class_colours(6)[2]]
    assert class_colours(2) == [class_colours(6)[0], class_colours(6)[-1]]
