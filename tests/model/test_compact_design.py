import numpy as np
import pytest

from ilp_models.features.calendar import CalendarColumns, TypeIndicators
from ilp_models.features.means import ExponentialMeans
from ilp_models.model.regressions.compact_design import compact_cubes
from ilp_models.model.regressions.design_matrix import DesignMatrix
from tests.model.small_regressions import poisson_history

FAMILIES = (TypeIndicators(), ExponentialMeans((8,)), ExponentialMeans((8,), 1.0, all_types=True), CalendarColumns())


@pytest.fixture(scope="module")
def designs():
    history = poisson_history()
    periods, matrix = history.panel.periods[-30:], DesignMatrix(FAMILIES, 0.01, with_offset=True)
    start = np.random.default_rng(3).gamma(1.0, 1.0, (30, 2, 20))
    return matrix.write(history, periods, 1, start.copy()), matrix.write_compact(history, periods, 1, start.copy())


def test_a_constant_axis_is_stored_once(designs):
    shapes = [cube.shape for cube in designs[1].cubes]
    own, together, season = (30, 2, 20), (30, 1, 20), (30, 1, 1)
    assert shapes[:4] == [(1, 2, 1)] * 2 + [own, together]
    assert set(shapes[4:-2]) <= {season, (1, 1, 1)}
    assert shapes[-2:] == [own, together]


def test_the_table_has_the_rows_of_the_design_in_memory_of_the_cubes(designs):
    rows, compact = designs
    table = compact.table(22)
    assert table.column_names == [f"Column_{place}" for place in range(len(rows.columns))]
    found = np.column_stack([column.to_numpy() for column in table.columns])
    by_place = (np.arange(0, 22 * 40, 20)[:, None] + compact.order).ravel()  # rows of the table are sorted by location
    np.testing.assert_array_equal(found, rows.values[by_place])
    (start,) = compact.sorted_rows(22, compact.log_offset)
    np.testing.assert_array_equal(start, rows.log_offset[by_place])
    for place in (2, 3):  # one type, all types
        first = {chunk.buffers()[1].address for chunk in table.column(place).chunks}
        cube = compact.cubes[place]
        assert min(first) == cube.ctypes.data
        assert max(first) < cube.ctypes.data + cube.nbytes


def test_the_latest_rows_are_those_of_the_design(designs):
    rows, compact = designs
    for name in ("values", "log_offset", "level"):
        np.testing.assert_array_equal(getattr(compact.latest(5), name), getattr(rows.latest(5), name))
    assert not np.shares_memory(rows.latest(5).values, rows.values)


def test_only_columns_that_are_equal_everywhere_lose_an_axis():
    planes = np.zeros((3, 4, 2, 5), dtype=np.float32)
    planes[1, 2, 1, 3] = 1  # the values at both ends of each axis are equal
    planes[2] = np.nan  # is not equal to itself
    assert [cube.shape for cube in compact_cubes(planes)] == [(1, 1, 1), (4, 2, 5), (4, 2, 5)]
