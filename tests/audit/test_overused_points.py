from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.check_context import CheckOptions
from ilp_models.audit.overused_points import check_overused_points
from ilp_models.domain.finding import State
from ilp_models.domain.overused_points import OVERUSED_COLUMNS
from tests.audit.sensitivity.varied_maps import evidence

EXPECTED = np.ones((2, 36, 4))
EXPECTED[:, :9] = 5  # a quarter of the cells, which are flagged


def found(rows):
    table = None if rows is None else pd.DataFrame(rows, columns=list(OVERUSED_COLUMNS))
    (finding,) = check_overused_points(replace(evidence(EXPECTED), options=CheckOptions(overused=table)))
    return finding


@pytest.mark.parametrize(
    ("row", "count"),
    [
        (("a", "c0", 100, 50, 0.5), 1),
        (("a", "c0", 100, 49, 0.49), 0),
        (("a", "c20", 100, 90, 0.9), 0),  # not flagged
        (("z", "c0", 100, 90, 0.9), 0),  # an unknown type
        (("a", "x", 100, 90, 0.9), 0),
    ],
)
def test_flagged_cells_with_half_of_their_records_at_points_are_counted(row, count):
    finding = found([row])
    assert finding.value == count
    assert finding.evidence == 1
    assert (finding.state is State.PASS) == (count == 0)


def test_the_worst_cells_are_named_and_the_rest_counted():
    finding = found([("a", f"c{cell}", 100, 50 + cell, 0.5 + cell / 100) for cell in range(7)])
    assert finding.detail.startswith("At single points: a in c6: 56 of 100 records; a in c5: 55 of 100 records;")
    assert finding.detail.endswith("; and 2 more (audit/overused_points.parquet).")


def test_records_that_were_not_read_give_no_evidence():
    assert found(None).state is State.INSUFFICIENT
    assert found([]).detail == "No flagged cell depends on single points."
