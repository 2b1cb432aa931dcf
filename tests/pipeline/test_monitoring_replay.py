"""The audited cells, found again after records were revised."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from ilp_models.domain.errors import WithheldError
from ilp_models.pipeline.audit_archive import cell_tables
from ilp_models.pipeline.monitoring_replay import audited_grid
from ilp_models.pipeline.study import open_study
from tests.pipeline.small_city import build_task

FIRST = pd.Timestamp("2019-03-04")


class Decision:
    """A decision that knows no more than the grid audited."""

    def __init__(self, grid):
        self.report = SimpleNamespace(header={"first_period": FIRST.isoformat(), "grid": grid.digest()})

    def require_same_settings(self, asked):
        if asked["grid"] != self.report.header["grid"]:
            raise WithheldError(asked["grid"])


@pytest.fixture(scope="module")
def study():
    parts = build_task("forecast", "grid.size=200")[1]
    return open_study(parts["data"].read(), parts["grid"], calendar=parts["calendar"])


@pytest.fixture
def kept(study, tmp_path):
    grid = study.grid_at(FIRST)
    (tmp_path / "audit").mkdir()
    cell_tables(grid)["cells"].to_parquet(tmp_path / "audit" / "cells.parquet")
    return tmp_path, Decision(grid)


def revised(study):
    """Return the study after the first event of a cell was moved from late to before the audit."""
    table, known = study.events.table, study.grid_at(FIRST)
    fresh = table.index[known.locate(study.events) < 0][0]
    early = table.loc[[fresh]].assign(
        occurred_at=table["occurred_at"].iloc[0], reported_at=table["reported_at"].iloc[0]
    )
    return replace(study, events=replace(study.events, table=pd.concat([early, table], ignore_index=True)))


def test_a_cell_that_became_active_by_a_later_revision_is_left_out(study, kept):
    folder, decision = kept
    changed = revised(study)
    assert changed.grid_at(FIRST).digest() != decision.report.header["grid"]
    assert audited_grid(changed, str(folder), decision).digest() == decision.report.header["grid"]


def test_other_cells_than_audited_are_refused(study, kept):
    folder, decision = kept
    (folder / "audit" / "cells.parquet").unlink()
    with pytest.raises(WithheldError):
        audited_grid(revised(study), str(folder), decision)
