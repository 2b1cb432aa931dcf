"""The draft control strategy: empty for people to fill in, and read back with its open fields counted."""

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.control_strategy import FIELDS, ControlStrategy, draft_control_strategy


def test_a_draft_has_three_rows_for_each_threat_and_nothing_is_filled_in():
    draft = draft_control_strategy(["Assault", "Robbery"])
    assert len(draft) == 6
    assert (draft[list(FIELDS)] == "").all(axis=None)


def test_open_fields_are_counted_and_rows_that_were_deleted_are_open():
    table = draft_control_strategy(["Assault", "Robbery"])
    table.loc[0, "objective"] = "fewer assaults at night"
    found = ControlStrategy.from_table(table.drop(index=5), ["Assault", "Robbery"], "c.xlsx")
    assert (found.open_fields, found.fields) == (29, 30)
    assert found.table.loc[0, "objective"] == "fewer assaults at night"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="due"), "has no column due"),
        (lambda table: table.assign(threat="Arson"), "row 2: 'Arson'"),
        (lambda table: table.assign(pillar="hope"), "row 2: 'Assault', 'hope'"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "two rows for Assault, prevention"),
    ],
)
def test_files_that_do_not_fit_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        ControlStrategy.from_table(change(draft_control_strategy(["Assault"])), ["Assault"], "c.xlsx")
