"""Grades that are not asked of a decision."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from ilp_models.audit.register.approvals import record_decision
from ilp_models.audit.register.register import Register
from ilp_models.cli.app import find_configs
from ilp_models.domain.errors import StorageError, WithheldError
from ilp_models.export.table import CellTable
from ilp_models.export.writers import Export
from ilp_models.pipeline.export import run
from tests.builders import forecast_on, square_grid
from tests.export.decisions import decision_on, provenance_of


def words_for(folder):
    words = {"source": str(folder), "formats": ["csv"], "trusted_keys": None, "folder": folder / "out"}
    return words | {"register": str(folder / "register.jsonl")}


@pytest.mark.parametrize("task", ["weekly", "audit", "forecast"])
def test_no_setting_of_a_run_asks_for_a_grade(task):
    inside = initialize_config_dir(config_dir=str(find_configs()), version_base="1.3")
    with inside, pytest.raises(HydraException, match=r"export\.grade"):
        compose(config_name=task, overrides=["export.grade=allocation"])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"admitted": true}'])
def test_an_invalid_decision_counts_as_none_for_research_only(text, tmp_path):
    grid = square_grid()
    forecast = forecast_on(grid)
    Export(("parquet",)).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    (tmp_path / "decision.json").write_text(text)
    words = words_for(tmp_path)
    run(grade="research", **words)
    table = pd.read_csv(tmp_path / "out" / "grid-research-only.csv")
    assert (set(table["grade"]), set(table["decision"].astype(str))) == ({"research"}, {"none"})
    with pytest.raises(WithheldError, match=r"[Rr]un the audit again"):
        run(grade="allocation", **words)
    assert not (tmp_path / "register.jsonl").exists()


def test_a_broken_register_lets_nothing_out(tmp_path):
    grid = square_grid()
    forecast = forecast_on(grid)
    Export(("parquet",)).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    (tmp_path / "decision.json").write_text(json.dumps(decision_on(forecast).to_dict()))
    register = tmp_path / "register.jsonl"
    register.write_text("{}\n")
    out = tmp_path / "out"
    with pytest.raises(StorageError, match="line 1"):
        run(grade="allocation", **words_for(tmp_path))
    assert not out.exists()


def test_who_exports_for_allocation_reads_what_the_decision_rests_on(tmp_path):
    grid = square_grid()
    forecast = forecast_on(grid)
    Export(("parquet",)).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    decision = decision_on(forecast)
    header = {**decision.report.header, "places": CellTable.from_grid(grid).digest()}
    changed = ("audit.land_share=0.1 (default 0.05)",)
    softer = replace(decision, report=replace(decision.report, header=header, changed=changed))
    (tmp_path / "decision.json").write_text(json.dumps(softer.to_dict()))
    words = words_for(tmp_path)
    record_decision(Register(tmp_path / "register.jsonl"), softer, "t.ester")
    text = run(grade="allocation", **words)
    assert "Audit settings differ from the defaults: audit.land_share=0.1 (default 0.05)." in text
    _, line = map(json.loads, (tmp_path / "register.jsonl").read_text().splitlines())
    assert (line["act"], line["decision"]) == ("exported", softer.to_dict()["seal"])
    assert line["content"]["files"] == ["grid-allocation.csv"]
    assert line["content"]["cells"] == len(grid.cells)
    assert "differ from the defaults" not in run(grade="research", **words)
