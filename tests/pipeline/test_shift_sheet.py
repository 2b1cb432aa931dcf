import pandas as pd

from ilp_models.domain.dose import CELL, CREWS, HOURS, PERIOD, PLACE, PLANNED, SHEET
from ilp_models.pipeline import shift_sheet
from ilp_models.pipeline.allocation_files import marking_of
from ilp_models.pipeline.shift_sheet import write_shift_sheet
from tests.pipeline.small_plan import small_plan

ROWS = pd.DataFrame(
    {
        "cell": ["r0c0", "r0c0", "r0c3"],
        "period": ["2022-01-03"] * 3,
        "effort": [1.0, 1.0, 0.5],
        "reason": ["a", "b", ""],
    }
)


def test_a_cell_and_period_has_one_row_with_empty_columns_to_fill(tmp_path):
    plan = small_plan(weeks=1)
    (path,) = write_shift_sheet(plan, ROWS, marking_of(plan), tmp_path / "shift.xlsx")
    sheets = pd.read_excel(path, sheet_name=None, header=None, engine="calamine")
    rows = sheets[SHEET]
    head = rows.index[(rows == CELL).any(axis=1)][0]
    table = rows.loc[head + 1 :].set_axis(rows.loc[head].tolist(), axis=1).dropna(how="all")
    assert table.columns.tolist() == [CELL, PLACE, PERIOD, PLANNED["cells"], HOURS, CREWS]
    assert table[CELL].tolist() == ["r0c0", "r0c3"]
    assert table[PLACE].tolist() == ["King Street, West", "East (r0c3)"]
    assert table[PLANNED["cells"]].tolist() == [1.0, 0.5]
    assert table[[HOURS, CREWS]].isna().all(axis=None)


def test_a_sheet_that_cannot_hold_the_rows_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shift_sheet, "is_too_long", lambda _: True)
    assert write_shift_sheet(small_plan(weeks=1), ROWS, marking_of(small_plan(weeks=1)), tmp_path / "shift.xlsx") == []
    assert not list(tmp_path.iterdir())
