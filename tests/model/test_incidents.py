import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.model.point_processes.incidents import Incidents


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 48), st.integers(0, 3)), min_size=1, max_size=30))
def test_records_of_one_time_and_place_are_one_incident(rows):
    hours, places = np.array(rows, dtype=float).T
    once = Incidents.from_arrays(hours / 24, places, np.zeros(len(rows)))
    assert len(once) == len(set(rows))
    assert once.repeated_records == len(rows) - len(set(rows))
    assert once.records.sum() == len(rows)
    assert (np.diff(once.day) >= 0).all()
    back = Incidents.from_arrays(hours[::-1] / 24, places[::-1], np.zeros(len(rows)))
    assert (back.day.tolist(), back.x.tolist()) == (once.day.tolist(), once.x.tolist())
