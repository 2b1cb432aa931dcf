from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.dose import Dose
from ilp_models.domain.errors import InputError
from ilp_models.evaluation.compliance import Compliance
from tests.evaluation.small_trial import CELLS, DESIGN

ROWS = [
    ("a", "2026-01-19", 2.0, 2),
    ("b", "2026-01-21", 1.0, 1),
    ("a", "2026-01-26", 2.0, 1),
    ("c", "2026-01-26", 5.0, 2),  # a control
    ("x", "2026-01-26", 0.5, 2),  # in a zone
    ("shared", "2026-01-19", 0.25, 2),
    ("a", "2026-03-02", 9.0, 2),  # after the trial
]


def compliance(rows=ROWS, kind="cell", **changes):
    table = pd.DataFrame(rows, columns=["place", "period", "hours", "crews"])
    table = table.assign(file="dose.csv", row=range(2, 2 + len(table)), period=pd.to_datetime(table["period"]))
    return Compliance(DESIGN, Dose("dose.csv", kind, table, **changes), 3, frozenset(CELLS))


def test_dose_is_compared_with_the_assignment_by_hand():
    found = compliance(dropped=("remarks",), not_reported=4)
    np.testing.assert_array_equal(found.hours, [[3, 2, 0], [0, 5, 0]])
    facts = {one.check: dict(one.facts) for one in found.findings()}
    assert facts["dose missing"] == {"missing": 1, "total": 3}
    assert facts["dose outside"] == {"units": 1, "total": 2, "hours": 5.0, "share": 0.5}
    assert facts["dose elsewhere"] == {"hours": 0.75, "zone": 0.75}
    assert facts["dose at another time"] == {"rows": 1}
    assert facts["dose not reported"] == {"rows": 4}
    assert facts["columns dropped"] == {"columns": "remarks"}
    assert facts["dose suppressed"] == {"places": 2}
    assert all(one.text for one in found.findings())
    assert found.by_period()["treated_with_dose"].tolist() == [1, 1, 0]


def test_hours_of_one_crew_are_not_in_the_map_and_do_not_follow_from_the_total():
    table = compliance().map_table().set_index("place")
    assert table["suppressed"].to_dict() == {"a": True, "b": True, "c": False}  # after b, a has the fewest hours
    assert table.loc[["a", "b"], ["treated_hours", "other_hours"]].isna().all(axis=None)
    assert table.loc["c", ["treated_hours", "other_hours", "unit"]].tolist() == [0, 5, "south"]
    several = compliance([(place, day, hours, 2) for place, day, hours, _ in ROWS]).map_table()
    assert not several["suppressed"].any()


def test_more_hours_than_a_week_has_for_its_crews_are_a_finding():
    rows = [("a", "2026-01-19", 168.0, np.nan), ("b", "2026-01-19", 336.0, 2), ("c", "2026-01-19", 210.0, 1)]
    facts = {one.check: one.facts for one in compliance(rows).findings()}
    assert facts["dose too high"] == {"rows": 1, "row": 4, "hours": 210.0}
    assert "dose too high" not in {one.check for one in compliance(rows[:2]).findings()}
    late = replace(DESIGN, shifts=((18, 2), (18, 2)))  # 56 hours a week
    hours = [("a", "2026-01-19", 56.5, 1), ("b", "2026-01-19", 112.0, 2), ("x", "2026-01-19", 168.0, 1)]
    found = {one.check: one.facts for one in replace(compliance(hours), design=late).findings()}
    assert found["dose too high"] == {"rows": 1, "row": 2, "hours": 56.5}


def test_unknown_places_are_refused():
    with pytest.raises(InputError, match=r"dose.csv, row 2: cell 'nowhere' is not in the grid"):
        compliance([("nowhere", "2026-01-19", 1.0, 2)]).hours  # noqa: B018
    with pytest.raises(InputError, match=r"unit 'a' is not in the trial .1 such rows.. Use .* 'north'"):
        compliance([("a", "2026-01-19", 1.0, 2)], "unit").hours  # noqa: B018
    assert compliance([("north", "2026-01-19", 1.0, np.nan)], "unit").hours.sum() == 1
