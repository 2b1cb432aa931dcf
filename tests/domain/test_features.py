import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.features import Column, Design, all_columns

WEEKS = pd.period_range("2022-01-03", periods=3, freq="W-SUN")


class Family:
    """A family with columns of given names."""

    def __init__(self, *names):
        self.names = names

    def columns(self, history):
        return tuple(Column(name, history, "{value}") for name in self.names)


def design(**changes):
    """Return two rows for each of three weeks."""
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    return Design(values, (), np.arange(6.0), WEEKS, **changes)


def test_the_latest_weeks_are_their_rows_with_memory_of_their_own():
    whole = design(shown=np.ones((6, 2), dtype=np.float32), level=np.array([[1.0], [2.0], [3.0]]))
    latest = whole.latest(1)
    np.testing.assert_array_equal(latest.values, [[8, 9], [10, 11]])
    np.testing.assert_array_equal(latest.log_offset, [4, 5])
    np.testing.assert_array_equal(latest.level, [[3]])
    assert latest.shown.shape == (2, 2)
    assert list(latest.periods) == [WEEKS[2]]
    assert not any(np.shares_memory(getattr(whole, name), getattr(latest, name)) for name in ("values", "log_offset"))
    assert design().latest(2).shown is None
    assert design().latest(2).level is None


def test_columns_of_families_keep_their_order():
    columns = all_columns([Family("b", "a"), Family("c")], "own_past")
    assert [one.name for one in columns] == ["b", "a", "c"]
    assert {one.family for one in columns} == {"own_past"}


def test_two_families_with_one_column_are_refused():
    with pytest.raises(ValueError, match="Two feature families give the column 'a'"):
        all_columns([Family("a"), Family("b", "a")], "own_past")
